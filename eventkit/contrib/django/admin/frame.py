"""What pages of the admin that are no forms of a model have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import attrs
from django.contrib.admin import AdminSite, ModelAdmin
from django.core.paginator import Page, Paginator
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse

from eventkit.contrib.django.fields import key_of

if TYPE_CHECKING:
    _Admin = ModelAdmin[Any]
else:
    _Admin = ModelAdmin


class RowsAdmin(_Admin):
    """A model in the admin: whatever stands in an address, there is such a row or there is none."""

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Give the row, or None."""
        return super().get_object(request, str(key_of(object_id)), from_field)


class PagesAdmin(RowsAdmin):
    """The place of a model in the admin whose pages are not Django's forms: nobody edits a row."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show it to who may see some."""
        return self.has_view_permission(request)

    def has_add_permission(self, *_: Any) -> bool:
        """Nobody adds one."""
        return False

    def has_change_permission(self, *_: Any) -> bool:
        """Nobody changes one."""
        return False

    def has_delete_permission(self, *_: Any) -> bool:
        """Nobody deletes one here."""
        return False


class _Page(TemplateResponse):
    """
    A page that may show anything.

    Half a character (a lone surrogate), as JSON may have one, cannot be sent; it is spelled out.
    """

    @property
    def rendered_content(self) -> Any:
        """Give what is sent."""
        found = super().rendered_content
        return found.encode("utf-8", "backslashreplace").decode()


def page(
    site: AdminSite,
    request: HttpRequest,
    template: str,
    model: type[Model],
    context: Mapping[str, Any],
    *,
    status: int = 200,
) -> TemplateResponse:
    """Give a page of the admin, framed as those of *model* are."""
    request.current_app = site.name
    opts = model._meta  # noqa: SLF001 - Django's name for what is public
    return _Page(
        request,
        template,
        {**site.each_context(request), "opts": opts, **context},
        status=status,
    )


@attrs.frozen
class Pages:
    """Which page of a list it is, and the links to the others."""

    page: Page[Any]
    query: str
    """The conditions of the list, ready to be followed by ``page=...``."""

    @property
    def shown(self) -> list[tuple[int | str, bool]]:
        """Give the numbers to show, and of each whether it is a link."""
        around = self.page.paginator.get_elided_page_range(self.page.number, on_each_side=2)
        return [(each, isinstance(each, int) and each != self.page.number) for each in around]


def paged(
    items: Any, number: str | None, *, size: int, query: Mapping[str, str], count: int | None = None
) -> Pages:
    """Cut *items* (a query, or a list) into pages; a number that is none is the nearest one."""
    paginator = Paginator(items, size)
    if count is not None:
        paginator.__dict__["count"] = count
    kept = urlencode({key: value for key, value in query.items() if value and key != "page"})
    return Pages(paginator.get_page(number), f"{kept}&" if kept else "")
