"""
For sites made with Django: who gets which events, in a setting or administered in the database.

As an app (``"eventkit.contrib.django"`` in `INSTALLED_APPS`) it has tables for consumers, their
rules and credentials, dead letters, and what routers report. Begin with `actions`, the Python API,
the only place that writes them; `access` says who may do what, `registry` gives consumers to
routers, `letters` keeps dead letters, `reporting` takes the counts of all processes, and `conf` is
the setting ``EVENTKIT_ADMIN``. Importing this package needs neither Django nor its apps.
"""

from __future__ import annotations

from eventkit.contrib.django.letters import DatabaseDeadLetters
from eventkit.contrib.django.registry import DatabaseConsumers, SettingConsumers

__all__ = ["DatabaseConsumers", "DatabaseDeadLetters", "SettingConsumers"]
