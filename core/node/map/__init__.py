"""The network as a node sees it: link-state records, the spanning tree, and where each server is reached."""
