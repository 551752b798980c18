"""What ``manage.py`` finds: `commands`."""
