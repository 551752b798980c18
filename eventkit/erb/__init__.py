"""Dialect ``erb``: equal to event-routing-backends, so that a site can switch over."""
