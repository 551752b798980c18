"""Who is told what about requests and consumers, by mail."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from eventkit.contrib.django import rows
from eventkit.contrib.django.conf import admin_settings
from eventkit.contrib.django.models import AccessRequest, Consumer
from eventkit.contrib.django.portal import mails
from eventkit.contrib.django.portal.asking import asked_of, wanted_of
from eventkit.contrib.django.portal.states import State
from eventkit.filters.wording import in_words


def asked(request: AccessRequest, page: HttpRequest) -> bool:
    """Tell the administrators of a new request; whether the mail was taken."""
    return mails.send(
        "new_request",
        f"Request for learning events: {request.organisation}",
        mails.administrators(),
        asked=request,
        who=request.who.get_username(),
        why=mails.quoted(request.why),
        words=words_of_request(request),
        link=_link(page, "admin:eventkit_accessrequest_change", request.pk),
    )


def approved(request: AccessRequest, consumer: Consumer, page: HttpRequest) -> bool:
    """Tell the representative that a request is approved; whether the mail was taken."""
    return mails.send(
        "approved",
        "Your request for learning events was approved",
        [request.contact],
        asked=request,
        words=words_of_consumer(consumer),
        is_narrowed=wanted_of(request) != asked_of(request),
        reason=mails.quoted(request.reason),
        needs_credentials=consumer.awaits_credentials,
        link=_link(page, "eventkit_portal:consumer", consumer.pk),
    )


def refused(request: AccessRequest, page: HttpRequest) -> bool:
    """Tell the representative that a request is refused, and why; whether the mail was taken."""
    return mails.send(
        "refused",
        "Your request for learning events was refused",
        [request.contact],
        asked=request,
        reason=mails.quoted(request.reason),
        link=_link(page, "eventkit_portal:home"),
    )


def stopped(consumer: Consumer, state: State) -> bool:
    """Tell who is behind a consumer that nothing is sent any more; whether the mail was taken."""
    people = mails.addresses(consumer.representatives.all())
    contacts = [asked.contact for asked in consumer.requests.all()] if people else []
    return mails.send(
        "stopped",
        f"Learning events are no longer sent to {consumer}",
        sorted({*people, *contacts}),
        consumer=consumer,
        state=state,
        link=_link(None, "eventkit_portal:consumer", consumer.pk),
    )


def words_of_request(request: AccessRequest) -> str:
    """Say in plain words what a request asks for."""
    return in_words(wanted_of(request).rules(), [])


def words_of_consumer(consumer: Consumer) -> str:
    """Say in plain words what a consumer gets."""
    found = rows.settings_of(consumer, with_secrets=False)
    rules = (found.get(key) for key in ("allow", "deny", "orgs", "match_params"))
    return in_words(*rules)


def _link(page: HttpRequest | None, name: str, *args: object) -> str:
    """
    Give the address of a page of the site.

    The host that a request names is whatever who sent it wrote; it is believed only where Django
    checks it. Where no host is known the path stands alone.
    """
    try:
        path = reverse(name, args=args)
    except NoReverseMatch:  # The site has no such pages.
        return ""
    if root := admin_settings().site_url or getattr(settings, "LMS_ROOT_URL", None):
        return f"{root.rstrip('/')}{path}"
    if page is None or "*" in settings.ALLOWED_HOSTS:
        return path
    return page.build_absolute_uri(path)
