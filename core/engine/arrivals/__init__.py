"""Connections that others open, until it is known who they are: taken, kept waiting, let in, or sent away."""
