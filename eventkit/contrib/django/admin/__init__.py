"""
The pages in Django's admin, one module each.

`consumers` is who gets which events, `audit` who changed what, `tenants` whose staff sees what,
`letters` what consumers did not get, `replays` its second try, `delivery` how consumers fare,
`trying` who would get an event, `requests` who asks for access.
"""

from __future__ import annotations

from eventkit.contrib.django.admin import (
    audit,
    consumers,
    delivery,
    letters,
    replays,
    requests,
    tenants,
)

__all__ = ["audit", "consumers", "delivery", "letters", "replays", "requests", "tenants"]
