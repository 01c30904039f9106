"""Who owns which name, registers one, opens it with a key, or knows its secret."""
