"""The app, as Django's `INSTALLED_APPS` names it."""

from __future__ import annotations

from django.apps import AppConfig


class EventkitConfig(AppConfig):
    """``"eventkit.contrib.django"``; its label is ``eventkit``."""

    name = "eventkit.contrib.django"
    label = "eventkit"
    verbose_name = "Event consumers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have the settings looked at by ``manage.py check``."""
        # It registers itself; and Django has its apps only now.
        from eventkit.contrib.django import checks  # noqa: F401, PLC0415
