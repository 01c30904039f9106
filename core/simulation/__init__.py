"""Many nodes, clients and faults in one process, under one seed."""
