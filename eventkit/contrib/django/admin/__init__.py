"""
The pages in Django's admin, one module each.

`letters` is what consumers did not get, `replays` its second try, `delivery` how consumers fare,
`trying` who would get an event, `requests` who asks for access.
"""

from __future__ import annotations

from eventkit.contrib.django.admin import delivery, letters, replays, requests

__all__ = ["delivery", "letters", "replays", "requests"]
