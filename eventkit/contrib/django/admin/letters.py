"""Dead letters: the list, one of them, and what is done with those that are chosen."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from eventkit.contrib.django import access, actions, replays
from eventkit.contrib.django.admin.frame import PagesAdmin, page, paged
from eventkit.contrib.django.choosing import UNTRANSLATED, Selection
from eventkit.contrib.django.models import Letter, Protocol
from eventkit.dead_letters.letter import DeadLetter, is_raw
from eventkit.exceptions import ConfigurationError

_PAGE = 50
_OFFERED = 200
"""Consumers and reasons that a field offers."""


class FilterForm(forms.Form):
    """Which letters are listed; every field may be left out."""

    consumer = forms.CharField(required=False, max_length=100)
    reason = forms.CharField(required=False, max_length=100)
    name = forms.CharField(required=False, max_length=255, label="Event")
    protocol = forms.ChoiceField(required=False, choices=[("", "any"), *Protocol.choices])
    status = forms.IntegerField(required=False, min_value=100, max_value=599)
    since = forms.DateTimeField(required=False)
    until = forms.DateTimeField(required=False, label="Before")
    search = forms.CharField(required=False, max_length=100, label="Search")

    def __init__(self, *args: Any, reasons: Iterable[tuple[str, str]] = (), **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["consumer"].widget = forms.TextInput({"list": "ek-consumers", "size": 18})
        self.fields["reason"] = forms.ChoiceField(required=False, choices=[("", "any"), *reasons])
        self.fields["name"].widget = forms.TextInput({"size": 22})
        self.fields["status"].widget = forms.NumberInput({"min": 100, "max": 599})
        for name in ("since", "until"):
            self.fields[name].widget = forms.DateTimeInput(
                {"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"
            )
        self.fields["search"].widget = forms.TextInput({"type": "search", "size": 22})

    selection = Selection()
    """What is asked for, if the form is valid."""

    def clean(self) -> dict[str, Any]:
        """Make a selection of it."""
        found = super().clean() or self.cleaned_data
        try:
            self.selection = Selection(
                **{key: value for key, value in found.items() if value is not None}
            )
        except ValueError as error:
            raise ValidationError(str(error)) from None
        return found


@admin.register(Letter)
class LetterAdmin(PagesAdmin):
    """What consumers did not get."""

    def get_urls(self) -> list[URLPattern]:
        """Have a list, a page for each letter, and the page that asks before anything is done."""
        wrap = self.admin_site.admin_view
        return [
            path("", wrap(self.list_page), name="eventkit_letter_changelist"),
            path("act/", wrap(self.act_page), name="eventkit_letter_act"),
            path("<str:letter_id>/", wrap(self.letter_page), name="eventkit_letter_change"),
        ]

    def has_view_permission(self, request: HttpRequest, obj: Letter | None = None) -> bool:
        """Ask who sees what."""
        return access.may(request.user, "view_letters", obj)

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """List letters, the latest first."""
        access.require(request.user, "view_letters")
        letters = access.letters(request.user)
        reasons = letters.order_by("reason").values_list("reason").annotate(Count("pk"))
        form = FilterForm(
            request.GET or None,
            reasons=[(reason, f"{reason} ({number:,})") for reason, number in reasons[:_OFFERED]],
        )
        # A condition that cannot be read must not list, or choose, what it was to leave out.
        is_wrong = form.is_bound and not form.is_valid()
        selection = form.selection if form.is_bound and not is_wrong else Selection()
        found = letters.none() if is_wrong else selection(letters)
        pages = paged(
            found.order_by("-time", "-pk"),
            request.GET.get("page"),
            size=_PAGE,
            query=request.GET.dict(),
        )
        return page(
            self.admin_site,
            request,
            "eventkit/letters.html",
            Letter,
            {
                "title": "Dead letters",
                "form": form,
                "pages": pages,
                "number": pages.page.paginator.count,
                "is_filtered": bool(selection) or is_wrong,
                "chosen": json.dumps(selection.as_dict()),
                "consumers": _consumers(request),
                "untranslated": UNTRANSLATED,
                **_permitted(request),
            },
        )

    def letter_page(self, request: HttpRequest, letter_id: str) -> HttpResponse:
        """Show one letter."""
        access.require(request.user, "view_letters")
        row = get_object_or_404(access.letters(request.user), letter_id=letter_id)
        problem, letter = "", None
        try:
            letter = row.opened()
        except ConfigurationError as error:
            problem = str(error)
        return page(
            self.admin_site,
            request,
            "eventkit/letter.html",
            Letter,
            {
                "title": "Dead letter",
                "subtitle": row.letter_id,
                "row": row,
                "letter": letter,
                "problem": problem,
                "documents": [_pretty(each) for each in letter.documents] if letter else [],
                "event": _pretty(letter.event) if letter and letter.event is not None else "",
                "is_raw": letter is not None and is_raw(letter),
                "history": _history(letter),
                "chosen": json.dumps(Selection(ids=(row.letter_id,)).as_dict()),
                "is_consumer_visible": access.consumers(request.user)
                .filter(slug=row.consumer_slug)
                .exists(),
                **_permitted(request),
                "may_try": access.may(request.user, "try"),
            },
        )

    def act_page(self, request: HttpRequest) -> HttpResponse:
        """Ask whether it is to be done, and then do it."""
        access.require(request.user, "view_letters")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return _act(self.admin_site, request)


def _act(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    """Replay or drop what was chosen, once it was confirmed."""
    what, _, scope = request.POST.get("do", "").partition(" ")
    if what not in _DONE:
        raise Http404
    access.require(request.user, _DONE[what])
    try:
        selection = _chosen(request, scope)
    except (RecursionError, TypeError, ValueError):
        messages.error(request, "It could not be read which letters were meant; choose again.")
        return HttpResponseRedirect(reverse("admin:eventkit_letter_changelist"))
    letters = selection(access.letters(request.user))
    number = letters.count()
    back = reverse("admin:eventkit_letter_changelist")
    if not number:
        messages.warning(request, "No letters were chosen, or they are gone meanwhile.")
        return HttpResponseRedirect(back)
    if request.POST.get("confirmed") != "yes":
        return page(
            site,
            request,
            f"eventkit/letters_{what}.html",
            Letter,
            {
                "title": f"{what.capitalize()} dead letters",
                "number": number,
                "words": selection.in_words(),
                "chosen": json.dumps(selection.as_dict()),
                "by_consumer": _by_consumer(letters),
            },
        )
    if what == "replay":
        job = actions.request_replay(letters, by=request.user, words=selection.in_words())
        replays.begin(job)
        messages.success(request, f"{number:,} dead letter(s) are being delivered again.")
        return HttpResponseRedirect(reverse("admin:eventkit_replay_change", args=[job.pk]))
    dropped = actions.drop_letters(letters, by=request.user, words=selection.in_words())
    messages.success(request, f"{dropped:,} dead letter(s) were dropped.")
    return HttpResponseRedirect(back)


_DONE = {"replay": "replay", "drop": "drop_letters"}
"""What can be done with letters, and the action that it takes."""


def _chosen(request: HttpRequest, scope: str) -> Selection:
    """
    Read which letters are meant, and no others than lie there now.

    Raises:
        ValueError: it is no selection, or nothing is selected.
    """
    if scope == "ticked":
        ids = request.POST.getlist("id")
        if not ids:
            raise ValueError("nothing is ticked")
        return Selection(ids=tuple(ids))
    given = json.loads(request.POST.get("chosen", ""))
    selection = Selection.from_dict(given)
    if selection.ids:
        return selection
    # Those that come while somebody reads the question are not what was asked about.
    now = timezone.now()
    return selection.up_to(now)


def _permitted(request: HttpRequest) -> dict[str, bool]:
    return {f"may_{what}": access.may(request.user, action) for what, action in _DONE.items()}


def _consumers(request: HttpRequest) -> list[str]:
    """Give ids to choose from; letters may be of others that are no more."""
    found = access.consumers(request.user).order_by("slug")
    return list(found.values_list("slug", flat=True)[:_OFFERED])


def _by_consumer(letters: QuerySet[Letter]) -> list[tuple[str, int]]:
    """Say how many letters of which consumers, the most first."""
    found = letters.order_by().values_list("consumer_slug").annotate(number=Count("pk"))
    return list(found.order_by("-number", "consumer_slug")[:10])


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _history(letter: DeadLetter | None) -> list[dict[str, Any]]:
    """Give what went wrong before, with times as such where they are."""
    found = []
    for each in letter.history if letter else []:
        try:
            when: datetime | None = datetime.fromisoformat(str(each.get("time")))
        except ValueError:
            when = None
        found.append({**each, "when": when})
    return found
