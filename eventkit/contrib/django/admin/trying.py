"""Try it: who gets an event, which rule decides, and the exact documents."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from eventkit.base.schema_errors import near_miss
from eventkit.contrib.django import access, rows
from eventkit.contrib.django.admin.frame import page, paged
from eventkit.contrib.django.models import Consumer
from eventkit.contrib.django.pasting import read_pasted
from eventkit.contrib.django.trying import Tried, try_event
from eventkit.events import samples
from eventkit.events.catalogue import catalogue
from eventkit.exceptions import ConfigurationError
from eventkit.typing import Event, Json

_PAGE = 20
_OFFERED = 300
"""Consumers that the field offers; with more it only takes an id."""
_LEAST_OF_AN_ID = 8


class TryForm(forms.Form):
    """One event, from the catalogue, from a dead letter, or pasted."""

    SOURCES = (
        ("sample", "An event of the catalogue"),
        ("letter", "The event of a dead letter"),
        ("paste", "An event that you paste"),
    )

    source = forms.ChoiceField(choices=SOURCES, widget=forms.RadioSelect, initial="sample")
    event = forms.CharField(
        required=False,
        max_length=255,
        label="Name of the event",
        widget=forms.TextInput({"list": "ek-events", "autocomplete": "off"}),
        help_text="Type a part of its name. The example is made up: nobody's data is in it.",
    )
    letter = forms.CharField(
        required=False,
        max_length=64,
        label="Id of the dead letter",
        widget=forms.TextInput({"autocomplete": "off"}),
        help_text="All of it, or its first 8 characters at least.",
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label="Event as JSON, or one line of a tracking log",
        widget=forms.Textarea({"rows": 8, "spellcheck": "false", "autocomplete": "off"}),
        help_text="It is looked at once, and neither stored nor logged.",
    )
    consumer = forms.CharField(
        required=False,
        max_length=100,
        label="Consumer",
        widget=forms.TextInput({"list": "ek-consumers", "autocomplete": "off"}),
        help_text="Leave it empty to see all.",
    )

    def __init__(self, *args: Any, user: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._user = user
        self.found: Event | None = None
        """The event that was chosen, once the form is valid."""
        self.consumers = access.consumers(user)
        """The rows that are asked about."""
        if not access.may(user, "view_letters"):
            self.fields["source"] = forms.ChoiceField(
                choices=[each for each in self.SOURCES if each[0] != "letter"],
                widget=forms.RadioSelect,
                initial="sample",
            )
            del self.fields["letter"]

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        """Find the event, and the consumers."""
        given = super().clean() or self.cleaned_data
        slug = given.get("consumer")
        if slug:
            self.consumers = self.consumers.filter(slug=slug)
            if not self.consumers.exists():
                self.add_error("consumer", f"There is no consumer “{slug}”.")
        readers = {"sample": self._sample, "letter": self._letter, "paste": self._pasted}
        fields = {"sample": "event", "letter": "letter", "paste": "text"}
        source = given.get("source")
        if source in readers:
            try:
                self.found = readers[source](given.get(fields[source]) or "")
            except (ValueError, ConfigurationError) as error:
                self.add_error(fields[source], ValidationError(str(error)))
        return given

    @staticmethod
    def _sample(name: str) -> Event:
        if not name.strip():
            raise ValueError("Choose an event.")
        found = samples.sample(name.strip())
        if found is None:
            hint = near_miss(name.strip(), samples.names())
            raise ValueError(f"The catalogue has no example of “{name:.80}”; {hint}.")
        return found

    def _letter(self, key: str) -> Event:
        key = key.strip().lower()
        if len(key) < _LEAST_OF_AN_ID:
            raise ValueError(f"Give the first {_LEAST_OF_AN_ID} characters of its id at least.")
        found = list(access.letters(self._user).filter(letter_id__startswith=key)[:2])
        if len(found) != 1:
            several = "Several dead letters begin so; give more of the id."
            raise ValueError(several if found else "There is no such dead letter.")
        event = found[0].opened().event
        if event is None:
            raise ValueError("Its event was not kept, so there is nothing to try.")
        return event

    @staticmethod
    def _pasted(text: str) -> Event:
        return read_pasted(text)


def urls(site: AdminSite) -> list[URLPattern]:
    """Give the page's place, for the admin of consumers."""

    def view(request: HttpRequest) -> HttpResponse:
        return _try_page(request, site)

    return [path("try/", site.admin_view(view), name="eventkit_try")]


@sensitive_post_parameters("text")
@sensitive_variables()
def _try_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Ask for an event, and say what becomes of it. By POST, for an event belongs into no log."""
    access.require(request.user, "try")
    is_asked = request.method == "POST"
    given = request.POST if is_asked else None
    form = TryForm(given, initial=_initial(request), user=request.user)
    context: Json = {
        "title": "Try an event",
        "form": form,
        "events": _events(),
        "offered": list(access.consumers(request.user).values_list("slug", flat=True)[:_OFFERED]),
        "has_consumers": True,
    }
    if is_asked and form.is_valid() and form.found is not None:
        found = form.consumers.select_related(*rows.WITH_ONE).prefetch_related(*rows.WITH)
        try:
            context |= _told(request, form.found, try_event(form.found, found))
        except ConfigurationError as error:
            form.add_error(None, str(error))
    context["has_consumers"] = bool(context["offered"])
    response = page(site, request, "eventkit/try.html", Consumer, context)
    response.headers["Cache-Control"] = "no-store"
    return response


def _initial(request: HttpRequest) -> dict[str, str]:
    """Take what links of other pages say; an event itself never stands in an address."""
    return {
        key: value[:255]
        for key in ("source", "event", "letter", "consumer")
        if (value := request.GET.get(key, ""))
    } | ({} if request.GET.get("source") else {"source": "sample"})


def _told(request: HttpRequest, event: Event, tried: Tried) -> Json:
    kind = request.POST.get("show", "")
    number, _, paged_kind = request.POST.get("page", "").partition(" ")
    kind = paged_kind or kind
    listed = [each for each in tried.answers if kind in ("", each.kind)]
    pages = paged(listed, number, size=_PAGE, query={})
    return {
        "tried": tried,
        "show": kind,
        "name": str(event.get("name") or event.get("event_type") or ""),
        "event": _pretty(event),
        "pages": pages,
        "answers": [
            (each, [_pretty(document) for document in each.found.documents] if each.found else [])
            for each in pages.page
        ],
        "kinds": (
            ("", f"all {len(tried.answers):,}"),
            ("sent", f"{tried.sent:,} get it"),
            ("held", f"{tried.held:,} may have it, and get nothing"),
            ("refused", f"{tried.refused:,} may not have it"),
        ),
    }


def _events() -> list[tuple[str, str]]:
    """Give the names of events to choose from, with what says which family they are of."""
    known = catalogue()
    return [(name, known.family(name).replace("_", " ")) for name in samples.names()]


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
