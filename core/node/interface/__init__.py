"""What a node is handed and what it hands out: events, actions, settings, notices, and pictures of itself."""
