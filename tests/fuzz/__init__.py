"""Noise over every kind of connection, in every state: another one in each run."""
