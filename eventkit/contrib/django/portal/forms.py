"""The forms of representatives, and the fields that they share with the form of administrators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django import forms

from eventkit.consumers.consumer import Consumer
from eventkit.contrib.django.portal.asking import (
    LONGEST_WHY,
    address_problems,
    problems,
    text_problems,
)
from eventkit.contrib.django.portal.wanted import Wanted, families, joined, split
from eventkit.contrib.django.validation import Problem, field_errors
from eventkit.exceptions import ConfigurationError
from eventkit.filters.wording import FAMILIES

PROTOCOLS = [
    ("xapi", "xAPI: my receiver is a learning record store (LRS)"),
    ("caliper", "Caliper: my receiver takes Caliper envelopes"),
]
AUTH_TYPES = [
    ("basic", "By user name and password (HTTP basic auth)"),
    ("bearer", "By a token (bearer)"),
    ("none", "Not at all: it takes documents from anybody"),
]


class LinesField(forms.CharField):
    """Texts, one a line: a tuple of them, each once, without the blanks around it."""

    widget = forms.Textarea

    def __init__(self, *, rows: int = 4, **options: Any) -> None:
        options.setdefault("max_length", 80_000)
        options["widget"] = forms.Textarea({"rows": rows, "spellcheck": "false"})
        super().__init__(strip=True, **options)

    def prepare_value(self, value: Any) -> Any:
        """Show texts as lines."""
        return value if isinstance(value, str) or value is None else "\n".join(value)

    def to_python(self, value: Any) -> Any:
        """Read lines as texts."""
        text = super().to_python(value) or ""
        return tuple(dict.fromkeys(filter(None, map(str.strip, text.splitlines()))))

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare the texts, not how their lines end."""
        return bool(tuple(initial or ()) != self.to_python(data))

    def run_validators(self, value: Any) -> None:
        """Check the length of the whole, which the validators of the field are about."""
        super().run_validators("\n".join(value))


class Described(forms.Form):
    """A form whose fields name their help and their errors, for who cannot see where they stand."""

    def full_clean(self) -> None:
        """Check the form, then name beside each field what was wrong with it."""
        super().full_clean()
        first = next((name for name in self.fields if name in self.errors), "")
        if first and not self.fields[first].widget.use_fieldset:
            self.fields[first].widget.attrs["autofocus"] = True
        for name, field in self.fields.items():
            told = [f"id_{name}_help"] if field.help_text else []
            if name in self.errors:
                told.append(f"id_{name}_error")
                field.widget.attrs["aria-invalid"] = "true"
            if told and not field.widget.use_fieldset:
                field.widget.attrs["aria-describedby"] = " ".join(told)

    def tell(self, found: Iterable[Problem]) -> None:
        """Say what is wrong beside the fields that it is about."""
        for each in found:
            name = {"id": "slug"}.get(each.path, each.path.partition("[")[0])
            name = {"allow": "courses"}.get(name, name)
            if name in self.fields and name not in self.cleaned_data and name in self.errors:
                continue  # the field has said so itself
            self.add_error(name if name in self.fields else None, each.text)


class WantedFields(Described):
    """Which courses and events: the part of a request that its administrators may narrow."""

    courses = LinesField(
        label="Courses",
        required=False,
        help_text="Course keys, one a line: course-v1:edX+DemoX+2026. A * stands for anything: "
        "course-v1:edX+DemoX+* is every run of DemoX.",
    )
    organisations = LinesField(
        label="Organisations",
        required=False,
        rows=2,
        help_text="All courses of an organisation; its short name as in course keys, one a line: "
        "edX.",
    )
    families = forms.MultipleChoiceField(
        label="Events",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Choose the kinds of events that you need, and no more: what is not needed is "
        "rarely approved. In brackets: how many events are of a kind.",
    )
    events = LinesField(
        label="Single events",
        required=False,
        help_text="Names of events, one a line, where you need only some of a kind: "
        "problem_check. A * stands for anything: edx.forum.*.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["families"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - for the type checker
        field.choices = family_choices()

    def clean(self) -> dict[str, Any]:
        """Check what is wanted as the rules of a consumers file are checked."""
        cleaned = super().clean() or self.cleaned_data
        if {"courses", "organisations", "families", "events"} <= cleaned.keys():
            self.tell(problems(self.wanted()))
        return cleaned

    def wanted(self) -> Wanted:
        """Give what the form asks for, once it is valid."""
        data = self.cleaned_data
        events = joined(data["families"], data["events"])
        return Wanted(data["courses"], data["organisations"], events)


def initial_of(wanted: Wanted) -> dict[str, Any]:
    """Give what `WantedFields` shows for *wanted*."""
    whole, others = split(wanted.events)
    return {
        "courses": wanted.courses,
        "organisations": wanted.organisations,
        "families": whole,
        "events": others,
    }


def family_choices() -> list[tuple[str, str]]:
    """Give the families of events, with how many events are in each."""
    return [
        (family, f"{family_title(family)} ({len(names)})") for family, names in families().items()
    ]


def family_title(family: str) -> str:
    """Give the title of a family of events."""
    title = FAMILIES.get(family, family.replace("_", " "))
    return f"{title[:1].upper()}{title[1:]}"


class AccessRequestForm(WantedFields):
    """What a representative fills in to ask for events."""

    organisation = forms.CharField(
        label="Your organisation",
        max_length=200,
        help_text="Who will have the data: the institution or company, as people know it.",
        widget=forms.TextInput({"autocomplete": "organization"}),
    )
    contact = forms.EmailField(
        label="E-mail address for questions",
        max_length=254,
        help_text="The decision is sent there, and word when your receiver is stopped.",
        widget=forms.EmailInput({"autocomplete": "email"}),
    )
    protocol = forms.ChoiceField(label="Protocol", choices=PROTOCOLS, widget=forms.RadioSelect)
    url = forms.CharField(
        label="Address of your receiver",
        max_length=500,
        help_text="It begins with https://. Of an LRS its xAPI endpoint, without /statements.",
        widget=forms.URLInput({"autocomplete": "off", "inputmode": "url"}),
    )
    auth_type = forms.ChoiceField(
        label="How your receiver knows the site",
        choices=AUTH_TYPES,
        widget=forms.RadioSelect,
        help_text="The credentials themselves are asked for when the request is approved.",
    )
    why = forms.CharField(
        label="What the data is for",
        max_length=LONGEST_WHY,
        widget=forms.Textarea({"rows": 5}),
        help_text="What it is used for, who sees it and how long it is kept.",
    )

    field_order = (
        "organisation", "contact", "why", "courses", "organisations", "families", "events",
        "protocol", "url", "auth_type",
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """Check the address as the URL of a consumer is checked, and where it leads."""
        cleaned = super().clean()
        self.tell(text_problems(cleaned.get("organisation", ""), cleaned.get("why", "")))
        if {"protocol", "url"} <= cleaned.keys():
            self.tell(address_problems(cleaned["protocol"], cleaned["url"]))
        return cleaned

    def details(self) -> dict[str, str]:
        """Give all but what is wanted, as `ask` takes it."""
        names = ("organisation", "contact", "why", "protocol", "url", "auth_type")
        return {name: self.cleaned_data[name] for name in names}


class CredentialsForm(Described):
    """What a receiver wants to be shown. Nothing that was given before is ever shown again."""

    type = forms.ChoiceField(
        label="How your receiver knows the site",
        choices=AUTH_TYPES[:2],
        widget=forms.RadioSelect,
    )
    username = forms.CharField(
        label="User name",
        required=False,
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "off", "spellcheck": "false"}),
        help_text="For HTTP basic auth: of an LRS often called its key.",
    )
    password = forms.CharField(
        label="Password",
        required=False,
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text="For HTTP basic auth: of an LRS often called its secret.",
    )
    token = forms.CharField(
        label="Token",
        required=False,
        max_length=8000,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "off", "spellcheck": "false"}),
        help_text="For bearer tokens.",
    )

    needed: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "basic": ("username", "password"),
        "bearer": ("token",),
    }

    def clean(self) -> dict[str, Any]:
        """Ask for what the type needs, and refuse what it would leave unused."""
        cleaned = super().clean() or self.cleaned_data
        needed = self.needed.get(cleaned.get("type", ""), ())
        for name in ("username", "password", "token") if needed else ():
            if name in needed and not cleaned.get(name):
                self.add_error(name, "Fill in this field.")
            elif name not in needed and cleaned.get(name):
                self.add_error(name, "The way that you chose does not need it; leave it empty.")
        if not self.errors:
            self._check_values(self.auth())
        return cleaned

    def auth(self) -> dict[str, str]:
        """Give the setting ``auth`` of the consumer."""
        kind = self.cleaned_data["type"]
        return {"type": kind, **{name: self.cleaned_data[name] for name in self.needed[kind]}}

    def _check_values(self, auth: dict[str, str]) -> None:
        draft = {"id": "x", "protocol": "xapi", "url": "https://example.org", "auth": auth}
        try:
            Consumer.from_dict(draft)
        except ConfigurationError as error:
            for name, said in field_errors(error).items():
                self.add_error(name if name in self.needed[auth["type"]] else None, said)
