"""What exists only because servers of 2018 exist, which speak no more than the base protocol."""
