"""
Consumers in Django's admin: the list, the form, and what is done with one or several.

Nothing here writes a table: all of it calls `eventkit.contrib.django.actions`, which asks who may,
validates, keeps the audit trail and has workers notice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms.models import inlineformset_factory
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from eventkit.contrib.django import access, actions, figures, peer_table
from eventkit.contrib.django.admin import doing, exporting, peer, trying
from eventkit.contrib.django.admin.connecting import connection_page
from eventkit.contrib.django.admin.consumer_form import (
    SECRETS,
    ConsumerForm,
    initial_of,
    outline_of,
)
from eventkit.contrib.django.admin.importing import ImportPage
from eventkit.contrib.django.admin.inputs import JSONObjectField
from eventkit.contrib.django.admin.rule_forms import RuleForm, RuleFormSet
from eventkit.contrib.django.admin.saying import Said, said, unsaid
from eventkit.contrib.django.consumers_file import can_write_yaml
from eventkit.contrib.django.fields import key_of
from eventkit.contrib.django.holding import held
from eventkit.contrib.django.models import Consumer, Rule, Tenant
from eventkit.contrib.django.rows import problem_of, rules_of
from eventkit.contrib.django.suggestions import SEARCHED, suggestions
from eventkit.exceptions import ConfigurationError

_FIELDSETS = (
    (None, {"fields": ("slug", "name", "tenant", "note")}),
    ("Where it is", {"fields": ("protocol", "url", "public_only", "version", "sensor")}),
    (
        "How it knows us",
        {
            "fields": (
                "auth_type",
                "username",
                "password",
                "token",
                "headers",
                "removed_headers",
                "plain_http",
            ),
            "description": "Credentials are encrypted, and never shown again.",
        },
    ),
    ("What it gets", {"fields": ("allows_everything", "match_params")}),
    (
        "How it is sent",
        {
            "fields": (
                "batch_max_size",
                "batch_max_bytes",
                "batch_max_wait",
                "timeout_total",
                "timeout_connect",
                "timeout_read",
                "override",
                "inherits",
            ),
            "classes": ("collapse",),
        },
    ),
    (
        "Its own people",
        {"fields": ("representatives", "opened_revision"), "classes": ("collapse",)},
    ),
)
_RULES_AFTER = "What it gets"

_SHOWN = (
    *("batch_max_size", "batch_max_bytes", "batch_max_wait"),
    *("timeout_total", "timeout_connect", "timeout_read"),
    *("override", "inherits", "version", "sensor", "plain_http", "auth_type", "representatives"),
    "match_params",
)
"""Fields that are no columns, for who may only look."""


class StateFilter(admin.SimpleListFilter):
    """What somebody wants of the consumer."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Give the choices."""
        return [
            ("enabled", "Enabled"),
            ("paused", "Paused"),
            ("gone", "Gone (410)"),
            ("disabled", "Disabled"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Consumer]) -> QuerySet[Consumer]:
        """Choose."""
        on = queryset.filter(enabled=True)
        chosen = {
            "enabled": on.filter(gone_at=None, paused=False, paused_by_representative=False),
            "paused": on.filter(gone_at=None).exclude(paused=False, paused_by_representative=False),
            "gone": on.exclude(gone_at=None),
            "disabled": queryset.filter(enabled=False),
        }
        return chosen.get(self.value() or "", queryset)


class TenantFilter(admin.SimpleListFilter):
    """Whose it is; only tenants that somebody may see are offered."""

    title = "tenant"
    parameter_name = "tenant"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Give the choices."""
        found = [(str(each.pk), each.name) for each in access.tenants(request.user)[:200]]
        return [*found, ("none", "No tenant")] if access.sees_all(request.user) else found

    def queryset(self, request: HttpRequest, queryset: QuerySet[Consumer]) -> QuerySet[Consumer]:
        """Choose."""
        value = self.value() or ""
        if value == "none":
            return queryset.filter(tenant=None)
        return queryset.filter(tenant=key_of(value)) if value else queryset


class ConsumerList(ChangeList):
    """A page of the list, with how its consumers stand."""

    def get_results(self, request: HttpRequest) -> None:
        """Find the rows of the page, and how all of them stand at once."""
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        found = _figures(request.user, rows)
        for row in rows:
            row.figures = found[row.slug]
        self.result_list = rows


class RuleInline(admin.StackedInline):
    """The conditions of a consumer's rules."""

    model = Rule
    form = RuleForm
    formset = RuleFormSet
    template = "eventkit/admin/rules.html"
    verbose_name = "condition"
    extra = 0
    fields = ("kind", "number", "choice", "path", "patterns", "unknown", "missing")

    def get_extra(self, request: HttpRequest, obj: Consumer | None = None, **_: Any) -> int:
        """Have one to begin with."""
        return 1 if obj is None else 0

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """See the rules of what one sees."""
        return access.may(request.user, "view", obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Change the rules of what one may change."""
        return access.may(request.user, "add" if obj is None else "change", obj)

    has_add_permission = has_change_permission
    has_delete_permission = has_change_permission


@admin.register(Consumer)
class ConsumerAdmin(admin.ModelAdmin):
    """Who gets which events."""

    form = ConsumerForm
    inlines = (RuleInline,)
    change_form_template = "eventkit/admin/consumer.html"
    change_list_template = "eventkit/admin/consumers.html"
    list_display = (
        "title",
        "state",
        "host",
        "tenant",
        "waiting",
        "last_success",
    )
    list_filter = (StateFilter, "protocol", TenantFilter)
    list_select_related = ("tenant",)
    list_per_page = 50
    search_fields = ("slug", "name", "url", "note")
    ordering = ("slug",)
    actions = (
        "do_enable",
        "do_disable",
        "do_pause",
        "do_resume",
        "do_replay",
        "do_clone",
        "do_export_yaml",
        "do_export_json",
    )

    class Media:
        """What makes the pages easier; they work without scripts."""

        css = {"all": ("eventkit/pages.css", "eventkit/consumers.css")}  # noqa: RUF012
        js = ("admin/js/jquery.init.js", "eventkit/consumers.js")

    # Who may what.

    def get_queryset(self, request: HttpRequest) -> QuerySet[Consumer]:
        """Give those that somebody sees."""
        return access.consumers(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show them to who sees any."""
        return access.may(request.user, "view")

    def has_view_permission(self, request: HttpRequest, obj: Consumer | None = None) -> bool:
        """Ask who sees what."""
        return access.may(request.user, "view", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Ask who may register one."""
        return access.may(request.user, "add")

    def has_change_permission(self, request: HttpRequest, obj: Consumer | None = None) -> bool:
        """Ask who changes what."""
        return access.may(request.user, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Consumer | None = None) -> bool:
        """Ask who removes what."""
        return access.may(request.user, "delete", obj)

    # The list.

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[ChangeList]:
        """Have pages of the list know how consumers stand."""
        return ConsumerList

    @admin.display(description="consumer", ordering="slug")
    def title(self, row: Any) -> str:
        """Show its name and its id."""
        if not row.name or row.name == row.slug:
            return str(row.slug)
        return format_html('{} <span class="ek-id">{}</span>', row.name, row.slug)

    @admin.display(description="state", ordering="enabled")
    def state(self, row: Any) -> str:
        """Show how it is at a glance."""
        return render_to_string("eventkit/state.html", {"state": row.figures.state})

    @admin.display(description="protocol and host", ordering="url")
    def host(self, row: Consumer) -> str:
        """Show where it is, and what it speaks."""
        return format_html(
            '{} <span class="ek-id">{}</span>', row.get_protocol_display(), host_of(row.url)
        )

    @admin.display(description="waiting")
    def waiting(self, row: Any) -> str:
        """Show how much waits."""
        return f"{row.figures.waiting:,}" if row.figures.live else "-"

    @admin.display(description="last success")
    def last_success(self, row: Any) -> Any:
        """Show how long ago it took something last."""
        when = row.figures.last_success
        if when is None:
            return "-"
        told = date_format(timezone.localtime(when), "DATETIME_FORMAT")
        return format_html('<span title="{}">{} ago</span>', told, timesince(when))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show the list, with what can be done with all of it."""
        may_import = access.may(request.user, "import")
        more = {
            "title": "Consumers",
            "may_import": may_import,
            # Its table knows the receivers of all organisations, and how they are let in.
            "has_peer": may_import and access.sees_all(request.user) and peer_table.is_installed(),
            "is_without": not self.get_queryset(request).exists(),
        }
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Give what somebody may do with several."""
        found = super().get_actions(request)
        found.pop("delete_selected", None)
        if not can_write_yaml():
            found.pop("do_export_yaml", None)
        for name in list(found):
            deed = doing.DEEDS.get(name.removeprefix("do_"))
            if deed is not None and not access.may(request.user, deed.permission):
                del found[name]
        return found

    @admin.action(description="Enable")
    def do_enable(self, request: HttpRequest, chosen: QuerySet[Consumer]) -> Any:
        """Enable several."""
        return self._do(request, chosen, "enable")

    @admin.action(description="Disable")
    def do_disable(self, request: HttpRequest, chosen: QuerySet[Consumer]) -> Any:
        """Disable several."""
        return self._do(request, chosen, "disable")

    @admin.action(description="Pause")
    def do_pause(self, request: HttpRequest, chosen: QuerySet[Consumer]) -> Any:
        """Pause several."""
        return self._do(request, chosen, "pause")

    @admin.action(description="Resume")
    def do_resume(self, request: HttpRequest, chosen: QuerySet[Consumer]) -> Any:
        """Resume several."""
        return self._do(request, chosen, "resume")

    @admin.action(description="Send dead letters again")
    def do_replay(self, request: HttpRequest, chosen: QuerySet[Consumer]) -> Any:
        """Have the dead letters of several delivered again."""
        return self._do(request, chosen, "replay")

    @admin.action(description="Clone")
    def do_clone(self, request: HttpRequest, chosen: QuerySet[Consumer]) -> Any:
        """Copy several."""
        return self._do(request, chosen, "clone")

    @admin.action(description="Export as YAML")
    def do_export_yaml(self, request: HttpRequest, chosen: QuerySet[Consumer]) -> HttpResponse:
        """Write several into a consumers file."""
        return self._exported(request, chosen, ".yaml")

    @admin.action(description="Export as JSON")
    def do_export_json(self, request: HttpRequest, chosen: QuerySet[Consumer]) -> HttpResponse:
        """Write several into a consumers file."""
        return self._exported(request, chosen, ".json")

    @staticmethod
    def _exported(request: HttpRequest, chosen: QuerySet[Consumer], kind: str) -> HttpResponse:
        """Write them; that one of them cannot be read is told, and none is left out in silence."""
        try:
            return exporting.exported(chosen, kind, by=request.user)
        except ConfigurationError as error:
            messages.error(request, f"Nothing was written: {error}")
            return HttpResponseRedirect(reverse("admin:eventkit_consumer_changelist"))

    def _do(self, request: HttpRequest, chosen: QuerySet[Consumer], name: str) -> Any:
        """Ask before something is done with several, and do it."""
        return doing.several(self, request, name, list(chosen.select_related("tenant")))

    # The form.

    def get_fieldsets(self, request: HttpRequest, obj: Consumer | None = None) -> Any:
        """Give the fields, as far as somebody may fill them in, or see what is in them."""
        if obj is not None and not self.has_change_permission(request, obj):
            secret = {
                "username",
                "password",
                "token",
                "headers",
                "removed_headers",
                "opened_revision",
            }
            return _without(_FIELDSETS, secret)
        needless = set()
        if obj is None or not outline_of(obj).get("headers"):
            needless.add("removed_headers")
        if obj is None or "match_params" not in obj.options:
            needless.add("match_params")
        return _without(_FIELDSETS, needless)

    def get_readonly_fields(self, request: HttpRequest, obj: Consumer | None = None) -> Any:
        """Keep the id, once there is one."""
        return ("slug",) if obj is not None else ()

    def get_form(
        self,
        request: HttpRequest,
        obj: Any = None,
        change: bool = False,
        **more: Any,
    ) -> Any:
        """Have the form know who fills it in."""
        found: Any = super().get_form(request, obj, change, **more)
        found.user = request.user
        return found

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Consumer | None:
        """Read it with what belongs to it."""
        if from_field is not None:
            return None
        chosen = self.get_queryset(request).select_related("tenant", "credential")
        try:
            return chosen.prefetch_related("rules", "representatives").get(pk=key_of(object_id))
        except Consumer.DoesNotExist:
            return None

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **more: Any
    ) -> Any:
        """Add what the page says and offers besides the form."""
        row = context.get("original")
        formsets = context["inline_admin_formsets"]
        context |= {
            "rules_after": _RULES_AFTER,
            "searched_fields": " ".join(SEARCHED),
            "suggest_url": reverse("admin:eventkit_consumer_suggest"),
            "words_url": reverse("admin:eventkit_consumer_words"),
            "rule_rows": row.rules.all() if row is not None else [],
            "said": _words_of(context["adminform"].form, formsets, row),
            "show_save_and_add_another": False,
        }
        if row is not None:
            context |= {
                "may_test": access.may(request.user, "test", row),
                "wrong": problem_of(row),
                "figures": _figures(request.user, [row])[row.slug],
                "held": held(row),
                "deeds": doing.offered(request.user, row),
                "links": _links(request.user, row),
            }
        return super().render_change_form(request, context, *args, **more)

    def save_model(
        self,
        request: HttpRequest,
        obj: Consumer,
        form: Any,
        change: bool,
    ) -> None:
        """Wait for the rules: all is saved at once."""

    @method_decorator(sensitive_variables())
    def save_related(
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        change: bool,
    ) -> None:
        """Save everything."""
        allow, deny, _ = rules_of([row for formset in formsets for row in formset.rows()])
        everything = form.cleaned_data.get("allows_everything")
        changes = {**form.changes(), "allow": None if everything else allow, "deny": deny}
        if change:
            revision = form.cleaned_data.get("opened_revision")
            saved = actions.change(form.instance, changes, by=request.user, revision=revision)
        else:
            saved = actions.create(changes, by=request.user)
        form.instance.pk = saved.pk
        for formset in formsets:
            formset.new_objects = formset.changed_objects = formset.deleted_objects = []

    @method_decorator(sensitive_post_parameters(*SECRETS))
    @method_decorator(sensitive_variables())
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show the form; what was right a moment ago and is wrong now is told, and not saved."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ConfigurationError as error:
            self.message_user(request, f"Nothing was saved: {error}", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def response_add(self, request: HttpRequest, obj: Consumer, *args: Any, **more: Any) -> Any:
        """Go on with it: it is to be tested and enabled."""
        if "_popup" in request.POST:
            return super().response_add(request, obj, *args, **more)
        text = "“%s” was added. It gets nothing before you enable it: test the connection first."
        self.message_user(request, text % obj, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:eventkit_consumer_change", args=[obj.pk]))

    def delete_model(self, request: HttpRequest, obj: Consumer) -> None:
        """Remove it."""
        actions.delete(obj, by=request.user)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name what goes with it; who may remove it may remove all that belongs to it."""
        found, counts, _, protected = super().get_deleted_objects(objs, request)
        return found, counts, set(), protected

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Show the audit trail."""
        row = get_object_or_404(self.get_queryset(request), pk=key_of(object_id))
        access.require(request.user, "view_audit", row)
        where = reverse("admin:eventkit_auditentry_changelist")
        return HttpResponseRedirect(f"{where}?consumer={row.pk}")

    # Further pages.

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of what can be done."""
        wrap = self.admin_site.admin_view
        found: list[URLPattern] = [
            *trying.urls(self.admin_site),
            path("suggest/", wrap(self.suggest_view), name="eventkit_consumer_suggest"),
            path("words/", wrap(self.words_view), name="eventkit_consumer_words"),
            path("import/", wrap(ImportPage(self)), name="eventkit_consumer_import"),
            path(
                "import-erb/",
                wrap(peer.PeerImportPage(self)),
                name="eventkit_consumer_import_erb",
            ),
            path("export/", wrap(self.export_view), name="eventkit_consumer_export"),
            path("<path:object_id>/test/", wrap(self.test_view), name="eventkit_consumer_test"),
        ]
        found += [
            path(
                f"<path:object_id>/{name}/",
                wrap(partial(self.do_view, name=name)),
                name=f"eventkit_consumer_{name}",
            )
            for name in doing.DEEDS
        ]
        return [*found, *super().get_urls()]

    def suggest_view(self, request: HttpRequest) -> HttpResponse:
        """Give patterns that fit what was typed, within the organisations of who asks."""
        access.require(request.user, "view")
        bound = access.organisations(request.user)
        row = _tenant_of(request.user, request.GET.get("tenant", ""))
        if row is not None:
            bound = frozenset(row.organisations)
        typed = request.GET.get("q", "")[:200].replace("\0", "")
        found = suggestions(request.GET.get("field", ""), typed, bound)
        return JsonResponse({"results": found})

    def words_view(self, request: HttpRequest) -> HttpResponse:
        """Say in words what the rules of a form let through."""
        if request.method != "POST":
            return HttpResponse(status=405, headers={"Allow": "POST"})
        access.require(request.user, "view")
        row = _tenant_of(request.user, request.POST.get("tenant", ""))
        # Not as of the page of a consumer, where who may change nothing has nothing to write.
        formset: Any = inlineformset_factory(
            Consumer,
            Rule,
            form=RuleForm,
            formset=RuleFormSet,
            fields=RuleInline.fields,
            extra=0,
        )
        bound = formset(request.POST, instance=Consumer(tenant=row), prefix="rules")
        told = _words(bound, everything="allows_everything" in request.POST)
        return HttpResponse(render_to_string("eventkit/admin/words.html", {"said": told}))

    def export_view(self, request: HttpRequest) -> HttpResponse:
        """Write all that somebody sees into a consumers file."""
        access.require(request.user, "export")
        wants_yaml = request.GET.get("format") != "json" and can_write_yaml()
        kind = ".yaml" if wants_yaml else ".json"
        return self._exported(request, self.get_queryset(request), kind)

    def test_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Test the connection."""
        row = get_object_or_404(self.get_queryset(request), pk=key_of(object_id))
        access.require(request.user, "test", row)
        return connection_page(self, request, row)

    def do_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Ask before something is done with one, and do it."""
        row = get_object_or_404(
            self.get_queryset(request).select_related("tenant"), pk=key_of(object_id)
        )
        return doing.one(self, request, name, row)


def _figures(user: Any, rows: list[Consumer]) -> dict[str, figures.Figures]:
    """Give how *rows* fare, in a few queries."""
    return figures.overview(rows, access.reports(user), access.presences(user), timezone.now())


def host_of(url: str) -> str:
    """Give the host of *url*; of one without, what it is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return parts.hostname or parts.scheme


def _tenant_of(user: Any, text: str) -> Tenant | None:
    """Find the tenant that a form names; None: none, or none that *user* sees."""
    return access.tenants(user).filter(pk=key_of(text)).first()


def _without(fieldsets: Any, names: set[str]) -> list[Any]:
    """Leave fields out."""
    found = []
    for title, options in fieldsets:
        kept = tuple(field for field in options["fields"] if field not in names)
        found.append((title, {**options, "fields": kept}))
    return found


def _links(user: Any, row: Consumer) -> list[tuple[str, str]]:
    """Give the other pages about a consumer that *user* may see."""
    found = []
    if access.may(user, "try"):
        where = reverse("admin:eventkit_try")
        found.append(("Try an event", f"{where}?{urlencode({'consumer': row.slug})}"))
    if access.may(user, "view_delivery", row):
        found.append(("Delivery", reverse("admin:eventkit_delivery", args=[row.slug])))
    if access.may(user, "view_letters"):
        where = reverse("admin:eventkit_letter_changelist")
        found.append(("Dead letters", f"{where}?{urlencode({'consumer': row.slug})}"))
    if access.may(user, "view_audit", row):
        found.append(("History", reverse("admin:eventkit_consumer_history", args=[row.pk])))
    return found


def _words_of(form: Any, formsets: Iterable[Any], row: Consumer | None) -> Said:
    """Say what the rules of a page let through: as they were sent, else as they are."""
    formset = next((each.formset for each in formsets), None)
    if formset is not None and formset.is_bound:
        data = form.cleaned_data if hasattr(form, "cleaned_data") else {}
        everything = bool(data.get("allows_everything"))
        return _words(formset, everything=everything)
    if row is None:
        return said([], everything=False, organisations=None)
    organisations = row.tenant.organisations if row.tenant is not None else None
    return said(
        row.rules.all(),
        everything=row.allows_everything,
        organisations=organisations,
        match_params=row.options.get("match_params"),
    )


def _words(formset: Any, *, everything: bool) -> Said:
    """Say what the rules of a form let through, or what is wrong with them."""
    formset.is_valid()
    problems = [
        f"{form.place}: {each}"
        for form in formset.forms
        if not form.is_blank and not form.data.get(form.add_prefix("DELETE"))
        for errors in form.errors.values()
        for each in errors
    ]
    problems += formset.non_form_errors()
    if problems:
        return unsaid(problems)
    return said(
        formset.rows(),
        everything=everything,
        organisations=formset.organisations(),
        match_params=_match_params(formset.data),
    )


def _match_params(data: Any) -> Any:
    """Read what a form says of them; what cannot be read is said beside the field."""
    try:
        return JSONObjectField(required=False).clean(data.get("match_params", ""))
    except ValidationError:
        return None


def _shown(name: str) -> Callable[[Any, Consumer], Any]:
    """Make what shows a field that is no column to who may only look."""

    def show(self: Any, row: Consumer) -> Any:
        del self
        value = initial_of(row).get(name)
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, dict):
            return json.dumps(value, ensure_ascii=False)
        if isinstance(value, list):
            return ", ".join(map(str, value)) or "-"
        return value if value not in (None, "") else "-"

    return show


for _name in _SHOWN:
    setattr(ConsumerAdmin, _name, _shown(_name))
