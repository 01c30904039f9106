"""Links with other servers: how they begin and end, how a torn network heals, how a server leaves."""
