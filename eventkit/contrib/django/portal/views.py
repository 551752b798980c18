"""The pages of representatives. Each looks at who asks; what is not theirs is not found."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeGuard

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timesince
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from eventkit.contrib.django import access, actions, rows
from eventkit.contrib.django.fields import key_of
from eventkit.contrib.django.models import AccessRequest, Consumer, Credential
from eventkit.contrib.django.portal import asking, notices
from eventkit.contrib.django.portal.forms import AccessRequestForm, CredentialsForm
from eventkit.contrib.django.portal.log import delivery_log, states
from eventkit.contrib.django.portal.states import NEW, by_setting, of_request
from eventkit.contrib.django.validation import Invalid

View = Callable[..., HttpResponse]

_MOST_SHOWN = 50


def _page(*methods: str) -> Callable[[View], View]:
    """Make a view one for who is logged in, safe from other sites, and never kept by a cache."""

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **names: Any) -> HttpResponse:
            try:
                return view(request, *args, **names)
            except PermissionDenied as error:
                return _show(request, "refused", 403, sentence=str(error))

        guarded: View = never_cache(
            csrf_protect(login_required(require_http_methods(methods)(answer)))
        )
        return guarded

    return decorate


def _show(request: HttpRequest, name: str, status: int = 200, **context: Any) -> HttpResponse:
    return render(request, f"eventkit/portal/{name}.html", context, status=status)


@_page("GET", "HEAD")
def home(request: HttpRequest) -> HttpResponse:
    """List own consumers and requests."""
    own = list(access.represented(request.user).order_by("name", "slug"))
    fares = states(own, timezone.now())
    why_not = asking.obstacle(request.user)
    return _show(
        request,
        "home",
        consumers=[
            {
                "pk": one.pk,
                "name": str(one),
                "protocol": one.get_protocol_display(),
                "state": by_setting(one) or fares.get(one.slug, NEW),
            }
            for one in own
        ],
        requests=[
            {"row": one, "kind": of_request(one.state)[0]}
            for one in access.own_requests(request.user)[:_MOST_SHOWN]
        ],
        may_request=not why_not,
        why_not=why_not,
    )


@_page("GET", "HEAD", "POST")
def ask(request: HttpRequest) -> HttpResponse:
    """Ask for access."""
    if why_not := asking.obstacle(request.user):
        raise PermissionDenied(why_not)
    data = request.POST if request.method == "POST" else None
    form = AccessRequestForm(data, initial={"contact": getattr(request.user, "email", "")})
    if form.is_valid():
        try:
            asked = asking.ask(form.wanted(), by=request.user, **form.details())
        except Invalid as error:
            form.tell(error.found)
        else:
            _say(
                request,
                "Your request was sent.",
                is_told=notices.asked(asked, request),
                instead="The administrators could not be told by mail, but your request is in "
                "their list.",
            )
            return redirect("eventkit_portal:request_detail", asked.pk)
    return _show(request, "request_form", form=form)


@_page("GET", "HEAD")
def request_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what has become of a request."""
    asked = _own_request(request, pk)
    kind, sentence = of_request(asked.state)
    return _show(
        request,
        "request",
        asked=asked,
        kind=kind,
        sentence=sentence,
        is_narrowed=asking.wanted_of(asked) != asking.asked_of(asked),
        words=notices.words_of_request(asked),
        consumer=access.represented(request.user).filter(requests=asked).first(),
        is_waiting=asked.state == AccessRequest.State.WAITING,
    )


@_page("POST")
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back a request that nobody has decided."""
    try:
        asking.withdraw(_own_request(request, pk), by=request.user)
    except Invalid as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "Your request is withdrawn.")
    return redirect("eventkit_portal:request_detail", pk)


@_page("GET", "HEAD")
def consumer(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how an own consumer fares."""
    row = _own(request, pk)
    now = timezone.now()
    log = delivery_log(row, now)
    state = by_setting(row) or log.state or NEW
    credential = rows.credential_of(row)
    return _show(
        request,
        "consumer",
        consumer=row,
        protocol=row.get_protocol_display(),
        state=state,
        words=notices.words_of_consumer(row),
        log=log,
        oldest=timesince(log.told.oldest, now) if log.told.oldest else "",
        credentials=_credentials(row, credential),
        awaits_credentials=row.awaits_credentials,
        has_credentials=_has_credentials(credential),
        may_pause=not row.paused_by_representative,
        may_resume=row.paused_by_representative or row.gone_at is not None,
        now=now,
    )


@sensitive_variables()
@sensitive_post_parameters("username", "password", "token")
@_page("GET", "HEAD", "POST")
def credentials(request: HttpRequest, pk: int) -> HttpResponse:
    """Replace the credentials of an own consumer."""
    row = _own(request, pk)
    credential = rows.credential_of(row)
    asked = row.requests.first()
    kind = (credential or asked or Credential()).auth_type
    data = request.POST if request.method == "POST" else None
    form = CredentialsForm(data, initial={"type": kind})
    if form.is_valid():
        try:
            actions.set_credentials(row, auth=form.auth(), by=request.user)
        except Invalid as error:
            form.tell(error.found)
        else:
            messages.success(request, "The credentials were saved, and are used within seconds.")
            return redirect("eventkit_portal:consumer", pk)
    return _show(
        request,
        "credentials",
        form=form,
        consumer=row,
        credentials=_credentials(row, credential),
    )


@_page("POST")
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    """Send nothing to an own consumer for a while."""
    try:
        actions.pause(_own(request, pk), by=request.user, as_representative=True)
    except Invalid as error:
        return _not_done(request, error)
    messages.success(request, "Paused. Events are kept until it is resumed.")
    return redirect("eventkit_portal:consumer", pk)


@_page("POST")
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back the pause of representatives; what administrators did stays."""
    try:
        row = actions.resume(_own(request, pk), by=request.user, as_representative=True)
    except Invalid as error:
        return _not_done(request, error)
    still = by_setting(row)
    if still is None:
        messages.success(request, "Resumed. What has waited is sent now.")
    else:
        messages.warning(request, f"Your pause is taken back. {still.text} {still.remedy}")
    return redirect("eventkit_portal:consumer", pk)


def _not_done(request: HttpRequest, error: Invalid) -> HttpResponse:
    messages.error(request, f"Nothing was changed: {error}")
    return redirect("eventkit_portal:home")


def _own(request: HttpRequest, pk: int) -> Consumer:
    found = access.represented(request.user).select_related(*rows.WITH_ONE)
    return get_object_or_404(found, pk=key_of(pk))


def _own_request(request: HttpRequest, pk: int) -> AccessRequest:
    return get_object_or_404(access.own_requests(request.user), pk=key_of(pk))


def _say(request: HttpRequest, done: str, *, is_told: bool, instead: str) -> None:
    messages.success(request, done)
    if not is_told:
        messages.warning(request, instead)


def _has_credentials(credential: Credential | None) -> TypeGuard[Credential]:
    return credential is not None and credential.auth_type != Credential.AuthType.NONE


def _credentials(row: Consumer, credential: Credential | None) -> str:
    """Say which credentials there are, and never what they are."""
    if not _has_credentials(credential):
        return "The site has none yet." if row.awaits_credentials else "The site sends none."
    when = date_format(timezone.localtime(credential.changed), "j M Y, H:i")
    ways = {"basic": "User name and password", "bearer": "A token"}
    return f"{ways[credential.auth_type]}, as entered on {when}."
