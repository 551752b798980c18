"""The audit trail: who did what to which consumer, and when. It is only read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from eventkit.contrib.django import access
from eventkit.contrib.django.admin.frame import RowsAdmin
from eventkit.contrib.django.models import AuditEntry

_LONGEST = 300
"""Characters of a value in the list; the entry itself has all."""


class ConsumerFilter(admin.SimpleListFilter):
    """One consumer; it is chosen on its own page."""

    title = "consumer"
    parameter_name = "consumer"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the one that is chosen."""
        row = self._row(request)
        return [(str(row.pk), str(row))] if row is not None else [("", "")]

    def _row(self, request: HttpRequest) -> Any:
        key = request.GET.get("consumer", "")
        is_key = key.isascii() and key.isdecimal() and len(key) < 19
        return access.consumers(request.user).filter(pk=int(key)).first() if is_key else None

    def has_output(self) -> bool:
        """Show it when there is one to take away."""
        return bool(self.value())

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> Any:
        """Choose."""
        if not self.value():
            return queryset
        row = self._row(request)
        return queryset.filter(consumer=row) if row is not None else queryset.none()


class ActionFilter(admin.SimpleListFilter):
    """What was done."""

    title = "what was done"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer what was ever done, of what somebody sees."""
        seen = access.audit(request.user).order_by("action")
        found = seen.values_list("action", flat=True).distinct()
        return [(each, each.replace("_", " ")) for each in found[:50]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> Any:
        """Choose."""
        return queryset.filter(action=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditAdmin(RowsAdmin):
    """The list, and one entry."""

    list_display = ("when", "by", "about", "deed", "change")
    list_display_links = ("when",)
    list_filter = (ConsumerFilter, ActionFilter, "when")
    list_select_related = ("consumer",)
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("consumer_slug", "who_name", "field")
    actions = None
    fields = ("when", "by", "about", "deed", "field", "old", "new")

    class Media:
        """As on the other pages."""

        css = {"all": ("eventkit/pages.css", "eventkit/consumers.css")}  # noqa: RUF012

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        """Give what somebody sees."""
        return access.audit(request.user).order_by("-when", "-pk")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show it to who may see it."""
        return access.may(request.user, "view_audit")

    def has_view_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        """Ask who sees what: entries of others are not found in the first place."""
        return access.may(request.user, "view_audit")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody writes one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        """Nobody changes one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        """Nobody removes one."""
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show the list."""
        return super().changelist_view(request, {"title": "History", **(extra_context or {})})

    @admin.display(description="who", ordering="who_name")
    def by(self, row: AuditEntry) -> str:
        """Show who it was."""
        return row.who_name or "a program"

    @admin.display(description="consumer", ordering="consumer_slug")
    def about(self, row: AuditEntry) -> str:
        """Show which consumer, with a way to it while it exists."""
        if row.consumer_id is None:
            return row.consumer_slug or "-"
        where = reverse("admin:eventkit_consumer_change", args=[row.consumer_id])
        return format_html('<a href="{}">{}</a>', where, row.consumer_slug)

    @admin.display(description="what", ordering="action")
    def deed(self, row: AuditEntry) -> str:
        """Show what was done."""
        return row.action.replace("_", " ")

    @admin.display(description="change")
    def change(self, row: AuditEntry) -> str:
        """Show which setting it was, how it was before, and how it is since."""
        if not row.field:
            return "-"
        old = format_html("<del>{}</del> → ", _short(row.old)) if row.old else ""
        new = _short(row.new) or "nothing"
        return format_html("<strong>{}</strong>: {}<ins>{}</ins>", row.field, old, new)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
