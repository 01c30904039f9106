"""What stays on this machine about a person: their accounts and secrets, and how they like the application."""
