"""What a person can do: actions with their keys, commands behind a slash, and lines that were meant for neither."""
