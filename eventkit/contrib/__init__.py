"""Adapters to particular platforms; the only modules that know them."""
