"""The panes: what each shows of the session's data. Nothing here changes the network."""
