"""The experiments behind `python -m core.simulation table`, one subject a file: each measures real node machines in
virtual time and compares what it finds with a bar.
"""
