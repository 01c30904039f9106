"""Who takes part: servers, base servers, people with clients, and peers that talk nonsense."""
