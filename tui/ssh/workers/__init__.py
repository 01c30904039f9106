"""Processes that run the applications of several sessions each, so that the node's event loop never paints."""
