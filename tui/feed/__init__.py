"""The feed as data: activities and how they read, those on their way, the filter, and what is older."""
