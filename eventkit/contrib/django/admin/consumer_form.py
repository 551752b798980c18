"""
The form of a consumer: fields for people, and the settings of a consumers file that they make.

What is wrong is found by the checks of a consumers file and said beside the field. Secrets go in
and never come out: no field shows what is kept, nor what was typed when something else was wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.views.decorators.debug import sensitive_variables

from eventkit.contrib.django import access, actions
from eventkit.contrib.django.admin.inputs import (
    JSONObjectField,
    LinesField,
    NumberField,
    PeopleField,
    SecretInput,
    SecretLines,
    text,
)
from eventkit.contrib.django.models import Consumer, Credential, Protocol, Tenant
from eventkit.contrib.django.rows import credential_of
from eventkit.contrib.django.validation import Problem, find_problems
from eventkit.exceptions import ConfigurationError
from eventkit.typing import Json

_NEUTRAL: Json = {"id": "consumer", "protocol": "xapi", "url": "https://consumer.invalid/"}
"""What the checks are given besides the setting that is looked at."""


def _short() -> forms.TextInput:
    return forms.TextInput(attrs={"class": "ek-short", "inputmode": "decimal"})


class ConsumerForm(forms.ModelForm):
    """All settings of a consumer but its rules."""

    user: Any = None
    """Who fills it in."""

    slug = forms.CharField(
        label="Id",
        required=False,
        widget=text(),
        help_text="Its unique name in logs, counts and dead letters. It cannot be changed later.",
    )
    name = forms.CharField(
        required=False,
        max_length=200,
        widget=text(),
        help_text="What people call it; the id if empty.",
    )
    tenant = forms.ModelChoiceField(
        Tenant.objects.none(),
        required=False,
        empty_label="No tenant: any organisation",
        help_text="It gets only events of this tenant's organisations, whatever its rules say.",
    )
    note = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"}),
        help_text="For administrators: who is behind it, and what was agreed.",
    )
    representatives = PeopleField(
        required=False,
        help_text="User names, one on each line: people of the receiver who may see how it "
        "fares, pause it and replace its credentials.",
    )
    protocol = forms.ChoiceField(choices=Protocol.choices, required=False)
    url = forms.CharField(
        label="URL",
        required=False,
        widget=text(inputmode="url", spellcheck="false"),
        help_text="xAPI: the endpoint of the record store, without /statements. "
        "Caliper: the address that takes envelopes.",
    )
    public_only = forms.BooleanField(
        label="Public addresses only",
        required=False,
        help_text="Only https, and never an address of this machine or of an inner network.",
    )
    plain_http = forms.BooleanField(
        label="Credentials may go over plain http",
        required=False,
        help_text="Only where the whole way is trusted: everybody on it can read them.",
    )
    sensor = forms.CharField(
        required=False,
        widget=text(),
        help_text="Caliper only: the IRI that envelopes name as their sender; "
        "if empty, the address of the LMS.",
    )
    version = forms.ChoiceField(
        label="Version of xAPI",
        required=False,
        choices=(("", "1.0.3"), ("2.0", "2.0")),
        help_text="xAPI only: what its record store speaks.",
    )
    inherits = LinesField(
        label="Former URLs",
        required=False,
        help_text="One on each line. What was accepted for them under this id goes to the URL of "
        "today; without them it waits.",
    )
    auth_type = forms.ChoiceField(
        label="Credentials", choices=Credential.AuthType.choices, required=False
    )
    username = forms.CharField(required=False, strip=False, widget=SecretInput())
    password = forms.CharField(required=False, strip=False, widget=SecretInput())
    token = forms.CharField(required=False, strip=False, widget=SecretInput())
    headers = forms.CharField(
        label="Further headers",
        required=False,
        widget=SecretLines(attrs={"rows": 2, "class": "ek-code ek-wide", "spellcheck": "false"}),
    )
    removed_headers = forms.MultipleChoiceField(
        label="Headers to remove", required=False, widget=forms.CheckboxSelectMultiple()
    )
    allows_everything = forms.BooleanField(
        label="Everything that no rule denies",
        required=False,
        help_text="Without it, it gets what a rule below allows, and with no such rule nothing.",
    )
    match_params = JSONObjectField(
        label="match_params",
        required=False,
        help_text="As a router configuration of event-routing-backends has it, with its meaning "
        "there. It takes the place of rules that allow: empty it to write such rules.",
    )
    batch_max_size = NumberField(
        label="Documents in a request", required=False, widget=_short(), help_text="100 if empty."
    )
    batch_max_bytes = NumberField(
        label="Bytes of a request",
        required=False,
        widget=_short(),
        help_text="1000000 if empty; a larger document is sent alone.",
    )
    batch_max_wait = NumberField(
        label="Seconds that one waits for more",
        required=False,
        widget=_short(),
        help_text="0.2 if empty.",
    )
    timeout_total = NumberField(
        label="Seconds for a request altogether",
        required=False,
        widget=_short(),
        help_text="10 if empty.",
    )
    timeout_connect = NumberField(
        label="Seconds for connecting",
        required=False,
        widget=_short(),
        help_text="As altogether if empty.",
    )
    timeout_read = NumberField(
        label="Seconds for each wait for an answer",
        required=False,
        widget=_short(),
        help_text="As altogether if empty.",
    )
    override = JSONObjectField(
        required=False,
        help_text="An object as JSON that is merged into every statement or Caliper event.",
    )
    opened_revision = forms.IntegerField(required=False, widget=forms.HiddenInput())

    class Meta:
        """Of the table only what people fill in."""

        model = Consumer
        fields = (
            "slug",
            "name",
            "tenant",
            "note",
            "protocol",
            "url",
            "public_only",
            "allows_everything",
        )

    def __init__(self, *args: Any, **options: Any) -> None:
        instance = options.get("instance")
        initial = initial_of(instance) if instance is not None and instance.pk else {}
        options["initial"] = {**initial, **(options.get("initial") or {})}
        super().__init__(*args, **options)
        if "tenant" in self.fields:
            self._bind_tenant()
        if "match_params" not in self.instance.options:
            self.fields.pop("match_params", None)
        self._say_what_is_kept()

    def _bind_tenant(self) -> None:
        field: Any = self.fields["tenant"]
        field.queryset = access.tenants(self.user) if self.user else Tenant.objects.all()
        if self.user and not access.sees_all(self.user):
            field.required = True
            field.empty_label = None
            field.error_messages["required"] = "choose the tenant whose events it may get"

    def _say_what_is_kept(self) -> None:
        """Say beside each secret whether there is one, since when, and what to do."""
        outline, since = _kept(self.instance)
        auth = outline.get("auth", {})
        for key in ("username", "password", "token"):
            if key in self.fields:
                self.fields[key].help_text = _kept_text(auth.get(key), since)
        names = sorted(outline.get("headers", {}))
        if "headers" in self.fields:
            kept = (
                f"Set on {since}: {', '.join(names)}. Their values are not shown. " if names else ""
            )
            self.fields[
                "headers"
            ].help_text = (
                f"{kept}One on each line, as “Name: value”; a name that is set is replaced."
            )
        if "removed_headers" in self.fields:
            removable: Any = self.fields["removed_headers"]
            removable.choices = [(name, name) for name in names]
            if not names:
                del self.fields["removed_headers"]

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        """Have all of it checked as a consumers file is."""
        found = super().clean() or self.cleaned_data
        self.cleaned_data = found
        if self.instance.pk and found.get("opened_revision") != self.instance.revision:
            raise ValidationError(
                "Somebody has changed this consumer since you opened it. Open it again to see "
                "what it is now, and change that."
            )
        for problem in self._typed_problems():
            self._say(problem)
        wrong = set(self.errors)
        for problem in self._problems():
            # Of what is wrong already there is nothing more to know.
            if field_of(problem.path) not in wrong:
                self._say(problem)
        return self.cleaned_data

    @sensitive_variables()
    def changes(self) -> Json:
        """
        Give what `actions.create` and `actions.change` take, without the rules.

        What is left empty is None, which is what it is when it is left out of a consumers file.
        """
        found = self.cleaned_data
        made: Json = {
            key: found[key]
            for key in ("name", "tenant", "note", "representatives", "public_only")
            if key in found
        }
        if not self.instance.pk:
            made["id"] = found.get("slug", "")
        made["protocol"] = found.get("protocol", "")
        made["url"] = found.get("url", "")
        for group in ("batch", "timeout"):
            part = {
                name.removeprefix(f"{group}_"): value
                for name, value in found.items()
                if name.startswith(f"{group}_") and value is not None
            }
            made[group] = part or None
        made["override"] = found.get("override")
        made["sensor"] = found.get("sensor") or None
        made["version"] = found.get("version") or None
        made["inherits"] = found.get("inherits") or None
        made["plain_http"] = True if found.get("plain_http") else None
        if "match_params" in self.fields:
            made["match_params"] = found.get("match_params")
        return made | self._credentials()

    @sensitive_variables()
    def _credentials(self) -> Json:
        """Give ``auth`` and ``headers`` if they change, with what is kept of them."""
        found = self.cleaned_data
        outline, _ = _kept(self.instance)
        before = outline.get("auth", {})
        kind = found.get("auth_type") or "none"
        typed = {key: found[key] for key in _SECRETS.get(kind, ()) if found.get(key)}
        made: Json = {}
        if typed or kind != before.get("type", "none"):
            kept = {
                key: actions.KEPT
                for key in _SECRETS.get(kind, ())
                if key in before and key not in typed
            }
            made["auth"] = {"type": kind, **kept, **typed}
        headers, _ = self._typed_headers()
        removed = set(found.get("removed_headers") or ())
        if headers or removed:
            replaced = {name.lower() for name in headers}
            kept = {
                name: actions.KEPT
                for name in outline.get("headers", {})
                if name not in removed and name.lower() not in replaced
            }
            made["headers"] = {**kept, **headers}
        return made

    @sensitive_variables()
    def _typed_headers(self) -> tuple[Json, list[Problem]]:
        """Read the headers that were typed, and say what is wrong with how they are written."""
        made: Json = {}
        for number, line in enumerate(self.cleaned_data.get("headers", "").splitlines(), start=1):
            name, colon, value = line.partition(":")
            if not line.strip():
                continue
            if not colon or not name.strip() or not value.strip():
                text = f"line {number}: expected a name, a colon and a value"
                return {}, [Problem("headers", text)]
            if name.strip() in made:
                text = f"line {number}: {name.strip()!r:.80} stands twice; remove one"
                return {}, [Problem("headers", text)]
            made[name.strip()] = value.strip()
        return made, []

    @sensitive_variables()
    def _typed_problems(self) -> list[Problem]:
        """Say what is wrong with single fields, of which the whole would say less."""
        found = self.cleaned_data
        headers, problems = self._typed_headers()
        problems += find_problems({**_NEUTRAL, "headers": headers})
        for key in ("username", "password", "token"):
            if value := found.get(key):
                # The other one of the two is looked at in its turn.
                filled = dict.fromkeys(_SECRETS["basic"], "stand-in")
                kind = "bearer" if key == "token" else "basic"
                auth = {"type": kind, **(filled if kind == "basic" else {}), key: value}
                problems += find_problems({**_NEUTRAL, "auth": auth})
        for name in ("total", "connect", "read"):
            value = found.get(f"timeout_{name}")
            if value is not None:
                told = find_problems({**_NEUTRAL, "timeout": value})
                problems += [Problem(f"timeout.{name}", each.text) for each in told]
        return problems

    @sensitive_variables()
    def _problems(self) -> list[Problem]:
        """Try it, and say what is wrong."""
        row = self.instance if self.instance.pk else None
        try:
            changes = self.changes()
            if any(name in self.errors for name in _TIMEOUTS):
                del changes["timeout"]
            return actions.validate(row, changes, by=self.user)
        except ConfigurationError as error:
            return list(actions.problems_of(error))

    def _say(self, problem: Problem) -> None:
        name: str | None = field_of(problem.path)
        message = capfirst(problem.text)
        if name not in self.fields:
            name, message = None, f"{problem.path}: {problem.text}" if problem.path else message
        if message not in self.errors.get(name or NON_FIELD_ERRORS, ()):
            self.add_error(name, message)


_TIMEOUTS = ("timeout_total", "timeout_connect", "timeout_read")
SECRETS = ("username", "password", "token", "headers")
"""The fields in which secrets are typed."""

_SECRETS = {"basic": ("username", "password"), "bearer": ("token",)}
"""What each kind of credentials asks for."""

_PLACES = {
    "id": "slug",
    "auth": "auth_type",
    "auth.type": "auth_type",
    "auth.username": "username",
    "auth.password": "password",
    "auth.token": "token",
    "batch": "batch_max_size",
    "batch.max_size": "batch_max_size",
    "batch.max_bytes": "batch_max_bytes",
    "batch.max_wait": "batch_max_wait",
    "timeout": "timeout_total",
    "timeout.total": "timeout_total",
    "timeout.connect": "timeout_connect",
    "timeout.read": "timeout_read",
}
"""The fields of settings that are not called like them."""


def field_of(path: str) -> str:
    """Give the field of the form in which the setting *path* is written."""
    return _PLACES.get(path) or _PLACES.get(path.partition(".")[0]) or path.partition(".")[0]


def outline_of(row: Consumer) -> Json:
    """Give what may be said of the credentials of *row*."""
    credential = credential_of(row) if row.pk else None
    return credential.outline if credential is not None else {}


def _kept(row: Consumer) -> tuple[Json, str]:
    """Give what may be said of the credentials of *row*, and since when they are so."""
    credential = credential_of(row) if row.pk else None
    if credential is None:
        return {}, ""
    return credential.outline, date_format(timezone.localtime(credential.changed), "j F Y")


def _kept_text(kept: object, since: str) -> str:
    if kept is None:
        return ""
    if isinstance(kept, Mapping) and "env" in kept:
        return f"Read from the environment variable {kept['env']}. Leave empty to keep it so."
    if isinstance(kept, Mapping):
        return "Read from a file on the server. Leave empty to keep it so."
    return f"Set on {since}; it is not shown. Leave empty to keep it, type to replace it."


def initial_of(row: Consumer) -> Json:
    """Give what the fields of the form hold for *row*, as far as the table has no such column."""
    options = row.options
    timeout = options.get("timeout", {})
    if not isinstance(timeout, dict):
        timeout = {"total": timeout}
    credential = credential_of(row)
    return {
        **{f"batch_{key}": value for key, value in options.get("batch", {}).items()},
        **{f"timeout_{key}": value for key, value in timeout.items()},
        "override": options.get("override"),
        "match_params": options.get("match_params"),
        "sensor": options.get("sensor") or "",
        "version": {"1.0.3": ""}.get(options.get("version", ""), options.get("version", "")),
        "plain_http": options.get("plain_http", False),
        "inherits": list(options.get("inherits", ())),
        "auth_type": credential.auth_type if credential is not None else "none",
        "representatives": list(row.representatives.all()),
        "opened_revision": row.revision,
    }
