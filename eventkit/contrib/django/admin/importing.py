"""
The pages that bring consumers in: from a consumers file, or from event-routing-backends.

First it is read and shown, with what would be another one afterwards; only then, and only if nobody
has changed anything meanwhile, it is written. Between the two what was read travels encrypted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from eventkit.base.settings_file import parse_settings
from eventkit.contrib.django import access, conf, plans
from eventkit.contrib.django.admin.frame import page
from eventkit.contrib.django.admin.inputs import SecretLines
from eventkit.contrib.django.fields import Sealed
from eventkit.contrib.django.models import Consumer, Tenant, Version
from eventkit.exceptions import ConfigurationError
from eventkit.typing import Json

_MOST_BYTES = 2_000_000
_MOST_CONSUMERS = 200
_MOST_VALUES = 100_000
_VALID = 3600
"""Seconds that a preview may be looked at."""
_SALT = "eventkit.import"


class ImportForm(forms.Form):
    """What is brought in: a file, or its text."""

    file = forms.FileField(required=False, help_text="A consumers file, as YAML or JSON.")
    text = forms.CharField(
        label="Or its text",
        required=False,
        widget=SecretLines(attrs={"rows": 12, "spellcheck": "false"}),
        help_text="YAML or JSON. As there may be secrets in it, it is not shown again.",
    )
    tenant = forms.ModelChoiceField(
        Tenant.objects.none(),
        required=False,
        empty_label="No tenant: any organisation",
        help_text="Whose consumers are that do not exist yet.",
    )

    def __init__(self, *args: Any, user: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, field in self.fields.items():
            if field.help_text:
                # Older versions of Django do not tie the help to its field.
                field.widget.attrs["aria-describedby"] = f"id_{name}_helptext"
        tenants: Any = self.fields["tenant"]
        tenants.queryset = access.tenants(user)
        if not access.sees_all(user):
            tenants.required = True
            tenants.empty_label = None

    def clean(self) -> dict[str, Any]:
        """Read it."""
        found = super().clean() or self.cleaned_data
        try:
            found["content"] = self._content()
        except ConfigurationError as error:
            self.add_error("file" if found.get("file") else "text", str(error))
        return found

    @sensitive_variables()
    def _content(self) -> list[Json]:
        file = self.cleaned_data.get("file")
        text = self.cleaned_data.get("text", "").strip()
        if file is not None:
            if file.size > _MOST_BYTES:
                raise ConfigurationError(f"the file has more than {_MOST_BYTES:,} bytes")
            try:
                text = file.read().decode("utf-8-sig").strip()
            except UnicodeDecodeError as error:
                raise ConfigurationError(f"byte {error.start} is not UTF-8") from None
        if not text:
            return self.without_text()
        try:
            read = parse_settings(text, ".json" if text[0] in "[{" else ".yaml", most=_MOST_VALUES)
        except ConfigurationError as error:
            raise ConfigurationError(f"this {error}") from None
        listed = self.listed(read)
        if len(listed) > _MOST_CONSUMERS:
            raise ConfigurationError(
                f"there are {len(listed):,} in it; bring in {_MOST_CONSUMERS} at once at most"
            )
        for number, each in enumerate(listed, start=1):
            if wrong := _no_json(each):
                raise ConfigurationError(f"consumer #{number} holds {wrong}")
        return listed

    def without_text(self) -> list[Json]:
        """Say what to do when nothing was given."""
        raise ConfigurationError("choose a file, or paste its text")

    def listed(self, read: object) -> list[Json]:
        """Give the consumers in what was read."""
        found = read.get("consumers") if isinstance(read, Mapping) and "consumers" in read else read
        if isinstance(found, list) and not (isinstance(read, Mapping) and len(read) > 1):
            return found
        raise ConfigurationError(
            "expected a list of consumers, or an object whose key 'consumers' holds one"
        )


def _no_json(value: object) -> str:
    """Say what of YAML JSON does not have; ``""``: nothing."""
    if isinstance(value, Mapping):
        if any(not isinstance(key, str) for key in value):
            return "a key that is no text; write it in quotes"
        return next(filter(None, map(_no_json, value.values())), "")
    if isinstance(value, list):
        return next(filter(None, map(_no_json, value)), "")
    if value is None or isinstance(value, (str, bool, int, float)):
        return ""
    return f"a value that YAML takes for a {type(value).__name__}; write it in quotes"


class ImportPage:
    """From a consumers file."""

    title = "Import consumers"
    lead = (
        "Consumers as a file has them, from this site or another one. You see what would change "
        "before anything is written. Who exists already by the id is changed."
    )
    form: type[ImportForm] = ImportForm
    url_name = "admin:eventkit_consumer_import"

    def __init__(self, model_admin: Any) -> None:
        self.model_admin = model_admin

    @method_decorator(sensitive_post_parameters())
    @method_decorator(sensitive_variables())
    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Show the form, then the preview, then do it."""
        access.require(request.user, "import")
        if request.method == "POST" and "token" in request.POST:
            return self.apply(request)
        if request.method == "POST":
            form = self.form(request.POST, request.FILES, user=request.user)
            if form.is_valid():
                return self.preview(request, self.payload(form))
        else:
            form = self.form(user=request.user)
        return self.page(request, "eventkit/admin/import.html", {"form": form, "lead": self.lead})

    @sensitive_variables()
    def payload(self, form: ImportForm) -> Json:
        """Give what travels from the form to the preview, and on to what is written."""
        found = form.cleaned_data
        return {
            "consumers": found["content"],
            "notes": [],
            "tenant": found["tenant"].pk if found["tenant"] is not None else None,
            "with_secrets": True,
        }

    @sensitive_variables()
    def preview(
        self, request: HttpRequest, payload: Json, refused: tuple[str, ...] = ()
    ) -> HttpResponse:
        """Show what would change."""
        made = self.planned(request, payload)
        number = sum(plan.kind in ("new", "changed") for plan in made)
        left_out = sum(plan.kind == "wrong" for plan in made)
        more = f"; {left_out} with problems left out" if left_out else ""
        lead = (
            "Nothing has been written yet. This is what would be."
            if number
            else "There is nothing to write."
        )
        context = {
            "lead": lead,
            "changes": [_shown(plan) for plan in made],
            "notes": payload["notes"],
            "token": self.sealed(request, payload),
            "can_apply": number,
            "button": f"Import {number} consumer{'s' if number != 1 else ''}{more}",
            "back_url": reverse(self.url_name),
            "refused": refused,
        }
        return self.page(request, "eventkit/admin/preview.html", context)

    @sensitive_variables()
    def apply(self, request: HttpRequest) -> HttpResponse:
        """Write what was shown, unless something has changed since."""
        try:
            payload, version = self.opened(request)
        except (signing.BadSignature, ConfigurationError):
            messages.error(request, "The preview is too old, or not yours. Begin again.")
            return HttpResponseRedirect(reverse(self.url_name))
        if version != _version():
            text = "Something was changed since. Look at what would be written now."
            return self.preview(request, payload, (text,))
        made = self.planned(request, payload)
        try:
            saved = plans.carry_out(made, by=request.user)
        except ConfigurationError as error:
            return self.preview(request, payload, (f"Nothing was written: {error}",))
        messages.success(request, f"{len(saved):,} consumers were imported.")
        return HttpResponseRedirect(reverse("admin:eventkit_consumer_changelist"))

    def planned(self, request: HttpRequest, payload: Json) -> list[plans.Plan]:
        """Find out what would be done."""
        key = payload["tenant"]
        tenant = access.tenants(request.user).filter(pk=key).first() if key is not None else None
        return plans.plans(
            payload["consumers"],
            by=request.user,
            tenant=tenant,
            with_secrets=payload["with_secrets"],
        )

    @sensitive_variables()
    def sealed(self, request: HttpRequest, payload: Json) -> str:
        """Wrap *payload*, so that nobody reads or changes it, for who asked and for a while."""
        inside: Any = payload
        if conf.has_keys():
            inside = Sealed.of(payload).token
        else:
            # Without keys nothing secret can be kept, so that nothing secret needs to travel.
            inside = {**payload, "consumers": [bare(each) for each in payload["consumers"]]}
        return signing.dumps([request.user.pk, _version(), inside], salt=_SALT, compress=True)

    @sensitive_variables()
    def opened(self, request: HttpRequest) -> tuple[Json, str]:
        """
        Unwrap what `sealed` made.

        Raises:
            BadSignature: it is somebody else's, too old, or was changed.
        """
        who, version, inside = signing.loads(
            request.POST.get("token", ""), salt=_SALT, max_age=_VALID
        )
        if who != request.user.pk:
            raise signing.BadSignature
        return (Sealed(inside).open() if isinstance(inside, str) else inside), version

    def page(self, request: HttpRequest, template: str, context: Json) -> HttpResponse:
        """Frame a page."""
        site = self.model_admin.admin_site
        return page(site, request, template, Consumer, {"title": self.title, **context})


def bare(settings: Any) -> Any:
    """Leave out what is secret, not that there is something."""
    if not isinstance(settings, Mapping):
        return settings
    found = dict(settings)
    if isinstance(found.get("auth"), Mapping):
        found["auth"] = {
            key: value
            for key, value in found["auth"].items()
            if key == "type" or isinstance(value, Mapping)
        }
    if isinstance(found.get("headers"), Mapping):
        found["headers"] = {
            name: value if isinstance(value, Mapping) else "***"
            for name, value in found["headers"].items()
        }
    return found


def _version() -> str:
    found = Version.objects.filter(pk=Version.ROW).values_list("stamp", flat=True).first()
    return found or ""


_KINDS = {
    "new": ("ek-new", "good", "new"),
    "changed": ("ek-other", "wait", "changes"),
    "same": ("", "off", "stays as it is"),
    "wrong": ("ek-wrong", "bad", "cannot be imported"),
}


def _shown(plan: plans.Plan) -> dict[str, Any]:
    css, tone, word = _KINDS[plan.kind]
    says = [f"It {plan.words}."] if plan.words and plan.kind != "same" else []
    return {
        "id": plan.id,
        "css": css,
        "tone": tone,
        "word": word,
        "says": " ".join([*says, *plan.warnings]),
        "problems": plan.problems,
        "rows": plan.differences,
    }
