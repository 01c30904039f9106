"""Commands over SSH, with or without a terminal: what is said, and the streams of a channel."""
