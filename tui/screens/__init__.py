"""Screens that lie over the panes: questions, answers, help."""
