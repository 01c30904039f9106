"""The feed as data: activities and how they read, those on their way, and what is older."""
