"""The panes: what each shows of the model. Nothing here changes the network."""
