"""What an application shows: one person's view of a node and a client, as plain data that knows no screen."""
