"""What needs Django and nothing of the platform."""
