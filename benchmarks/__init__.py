"""How fast eventkit is, beside its peers and beside the floor."""
