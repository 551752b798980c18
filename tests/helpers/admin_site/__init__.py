"""A plain Django site with eventkit's admin, for tests."""
