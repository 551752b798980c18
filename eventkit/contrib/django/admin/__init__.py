"""The pages in Django's admin, one module each."""

from __future__ import annotations

from eventkit.contrib.django.admin import requests

__all__ = ["requests"]
