"""
Mails: plain text, through Django's.

None of them holds a secret or anything of an event. A mail server that is away breaks nothing: the
functions say whether the mail was taken, and the pages say it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.template.loader import render_to_string
from django.utils.module_loading import import_string

from eventkit.base.throttle import SafeLogger
from eventkit.contrib.django.conf import admin_settings

_log = SafeLogger(__name__)

_PATIENCE = 10
"""Seconds for a mail server, where the site has set none (``EMAIL_TIMEOUT``): a page waits."""


def administrators() -> list[str]:
    """Give who is told of new requests: ``PORTAL["MAIL_TO"]``, else Django's ``ADMINS``."""
    named = list(admin_settings().mail_to)
    # Pairs of name and address, or since Django 6.0 addresses.
    return named or [one if isinstance(one, str) else one[1] for one in settings.ADMINS]


def send(template: str, subject: str, to: Sequence[str], **context: Any) -> bool:
    """
    Send the mail of *template*; tell whether it was taken. Raises nothing.

    Nobody to send it to is no failure: the site has said whom it wants to be told.
    """
    if not to:
        return True
    try:
        body = render_to_string(f"eventkit/portal/mails/{template}.txt", context)
        EmailMessage(" ".join(subject.split()), body, to=list(to), connection=_connection()).send()
    except Exception as error:  # noqa: BLE001 - whatever a mail back end raises
        # Not the text of the error: mail servers quote addresses.
        _log.warning("the mail %r was not sent: %s", template, type(error).__name__)
        return False
    return True


def _connection() -> Any:
    kind = import_string(settings.EMAIL_BACKEND)
    if settings.EMAIL_TIMEOUT is None and isinstance(kind, type) and issubclass(kind, EmailBackend):
        return get_connection(timeout=_PATIENCE)
    return get_connection()


def quoted(text: str) -> str:
    """Mark every line as somebody else's words, so that none is taken for ours."""
    return "\n".join(f"> {line}" for line in text.splitlines())


def addresses(users: Iterable[Any]) -> list[str]:
    """Give the addresses of users that have one and may still log in."""
    return [user.email for user in users if user.email and user.is_active]
