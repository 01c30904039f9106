"""Processes of this program beside the node's: how they are started, and what two of them tell each other."""
