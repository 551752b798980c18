"""Tenants: some organisations, and the staff that see what concerns these and nothing else."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import capfirst

from eventkit.contrib.django import access, actions
from eventkit.contrib.django.admin.frame import RowsAdmin
from eventkit.contrib.django.admin.inputs import LinesField, PeopleField, text
from eventkit.contrib.django.models import Tenant
from eventkit.exceptions import ConfigurationError


class TenantForm(forms.ModelForm):
    """A tenant."""

    user: Any = None

    name = forms.CharField(max_length=100, required=False, widget=text())
    organisations = LinesField(
        required=False,
        help_text="One on each line, as course keys have them, such as edX or MITx.",
    )
    users = PeopleField(
        label="Staff",
        required=False,
        help_text="User names, one on each line. What they may do there are permissions of "
        "theirs, or of their groups.",
    )

    class Meta:
        """The columns."""

        model = Tenant
        fields = ("name", "organisations", "users")

    def __init__(self, *args: Any, **options: Any) -> None:
        row = options.get("instance")
        if row is not None and row.pk:
            people = {"users": list(row.users.all())}
            options["initial"] = {**people, **(options.get("initial") or {})}
        super().__init__(*args, **options)

    def clean(self) -> dict[str, Any]:
        """Have it checked as `actions` do."""
        found = super().clean() or self.cleaned_data
        given: dict[str, Any] = {
            key: found[key] for key in ("name", "organisations", "users") if key in found
        }
        for problem in self._problems(given):
            name = problem.field if problem.field in self.fields else None
            message = capfirst(problem.text)
            if message not in self.errors.get(name or NON_FIELD_ERRORS, ()):
                self.add_error(name, message)
        return found

    def _problems(self, given: dict[str, Any]) -> tuple[actions.Problem, ...]:
        """Try it, and say what is wrong."""
        try:
            with actions.undone():
                saved_tenant(self.instance, given, by=self.user)
        except ConfigurationError as error:
            return actions.problems_of(error)
        return ()


def saved_tenant(row: Tenant, given: dict[str, Any], *, by: Any) -> Tenant:
    """Make a tenant, or change it if it is one already."""
    if row.pk:
        return actions.change_tenant(row, by=by, **given)
    name, organisations = given.pop("name", ""), given.pop("organisations", [])
    return actions.create_tenant(name, organisations, by=by, **given)


@admin.register(Tenant)
class TenantAdmin(RowsAdmin):
    """The list and the form."""

    form = TenantForm
    list_display = ("name", "listed", "number")
    search_fields = ("name",)
    fields = ("name", "organisations", "users")
    actions = None

    class Media:
        """As on the other pages."""

        css = {"all": ("eventkit/pages.css", "eventkit/consumers.css")}  # noqa: RUF012

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        """Give those that somebody sees."""
        return access.tenants(request.user).annotate(consumer_count=Count("consumers"))

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show them to who may see any."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Tenant | None = None) -> bool:
        """Ask who sees what: those that one belongs to."""
        if not request.user.has_perm("eventkit.view_tenant"):
            return self.has_change_permission(request, obj)
        return obj is None or access.tenants(request.user).filter(pk=obj.pk).exists()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Ask who may make one."""
        return access.may(request.user, "change_tenant")

    def has_change_permission(self, request: HttpRequest, obj: Tenant | None = None) -> bool:
        """Ask who may change them."""
        return access.may(request.user, "change_tenant", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Tenant | None = None) -> bool:
        """Ask who may remove them."""
        return access.may(request.user, "change_tenant", obj)

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

    def save_model(
        self,
        request: HttpRequest,
        obj: Tenant,
        form: Any,
        change: bool,
    ) -> None:
        """Save it."""
        obj.pk = saved_tenant(obj, dict(form.cleaned_data), by=request.user).pk

    def save_related(
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        change: bool,
    ) -> None:
        """Leave it: its staff was saved with it."""

    def delete_model(self, request: HttpRequest, obj: Tenant) -> None:
        """Remove it."""
        actions.delete_tenant(obj, by=request.user)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Ask, and remove it; a tenant that has consumers stays."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except ConfigurationError as error:
            self.message_user(request, capfirst(str(error)), messages.ERROR)
            where = reverse("admin:eventkit_tenant_change", args=[object_id])
            return HttpResponseRedirect(where)

    @admin.display(description="organisations")
    def listed(self, row: Tenant) -> str:
        """Show its organisations."""
        return ", ".join(row.organisations)

    @admin.display(description="consumers", ordering="consumer_count")
    def number(self, row: Any) -> int:
        """Show how many consumers it has."""
        return int(row.consumer_count)
