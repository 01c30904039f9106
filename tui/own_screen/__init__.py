"""The screen on this machine's terminal: in this process, or in one of its own beside the node's."""
