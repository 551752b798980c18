"""The page that tests a connection."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from eventkit.consumers import Consumer as FileConsumer
from eventkit.contrib.django import conf
from eventkit.contrib.django.admin.frame import page
from eventkit.contrib.django.models import Consumer
from eventkit.contrib.django.rows import is_public_only, settings_of
from eventkit.exceptions import ConfigurationError
from eventkit.router.connection import ConnectionReport, Step, test_connection

_TITLES = {
    "settings": "Settings",
    "dns": "Host name",
    "tcp": "Connection",
    "tls": "Encryption",
    "http": "Answer",
    "credentials": "Credentials",
    "version": "Protocol version",
    "file": "File",
    "log": "Logger",
}
_OUTCOMES = {True: ("good", "passed"), False: ("bad", "failed"), None: ("off", "not tried")}


def connection_page(model_admin: Any, request: HttpRequest, row: Consumer) -> HttpResponse:
    """Show the page; when it is sent, ask the consumer, step by step."""
    report = tested(row) if request.method == "POST" else None
    context = {
        "title": "Test the connection",
        "consumer": row,
        "report": report,
        # Those that may have public addresses only are never asked for through a proxy.
        "uses_proxies": conf.admin_settings().trust_env and not is_public_only(row),
        "steps": [_shown(step) for step in report.steps] if report is not None else [],
    }
    site = model_admin.admin_site
    return page(site, request, "eventkit/admin/connection.html", Consumer, context)


def tested(row: Consumer) -> ConnectionReport:
    """Test the connection to *row*; that its settings cannot be used is a result, too."""
    try:
        # It may be tested before it is enabled, and that its secrets can be read is part of it.
        consumer = FileConsumer.from_dict({**settings_of(row), "enabled": True})
    except ConfigurationError as error:
        step = Step("settings", ok=False, detail=str(error))
        return ConnectionReport(consumer=row.slug, steps=(step,), seconds=0.0)
    return test_connection(consumer, trust_env=conf.admin_settings().trust_env)


def _shown(step: Step) -> dict[str, Any]:
    tone, word = _OUTCOMES[step.ok]
    return {
        "title": _TITLES.get(step.name, step.name),
        "tone": tone,
        "word": word,
        "detail": step.detail,
        "seconds": step.seconds if step.ok is not None else None,
    }
