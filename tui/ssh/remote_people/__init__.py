"""Who comes in over SSH: who they have proved to be, the keys that open their accounts, how fast they may post."""
