"""Which key belongs to which server, and what is believed of what is said in a server's name."""
