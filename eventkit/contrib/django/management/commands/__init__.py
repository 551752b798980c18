"""The command ``manage.py eventkit``."""
