"""Delivery: how all consumers fare, and one of them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils import timezone

from eventkit.contrib.django import access, figures
from eventkit.contrib.django.admin.frame import PagesAdmin, page, paged
from eventkit.contrib.django.charts import stacked
from eventkit.contrib.django.holding import held
from eventkit.contrib.django.models import Consumer, Presence, Report
from eventkit.contrib.django.queues import store_queues
from eventkit.contrib.django.rows import WITH, WITH_ONE, problem_of
from eventkit.exceptions import ConfigurationError

_PAGE = 50
_PROCESSES = 50
"""Processes that a page lists."""
_SHOWN = {
    "": "all",
    "trouble": "in trouble",
    "enabled": "enabled",
}


@admin.register(Report)
class DeliveryAdmin(PagesAdmin):
    """Pages about what routers report; the rows themselves are nobody's business."""

    def get_urls(self) -> list[URLPattern]:
        """Have an overview, and a page for each consumer."""
        wrap = self.admin_site.admin_view
        return [
            path("", wrap(self.overview_page), name="eventkit_report_changelist"),
            path("<str:slug>/", wrap(self.consumer_page), name="eventkit_delivery"),
        ]

    def has_view_permission(self, request: HttpRequest, obj: Report | None = None) -> bool:
        """Ask who sees deliveries."""
        return obj is None and access.may(request.user, "view_delivery")

    def overview_page(self, request: HttpRequest) -> HttpResponse:
        """Show all consumers, a line each."""
        access.require(request.user, "view_delivery")
        now = timezone.now()
        presences = access.presences(request.user)
        search, shown = request.GET.get("search", "").strip(), request.GET.get("show", "")
        found = _listed(access.consumers(request.user), presences, search, shown, now)
        pages = paged(found, request.GET.get("page"), size=_PAGE, query=request.GET.dict())
        listed = list(pages.page)
        queues = store_queues([each.slug for each in listed])
        told = figures.overview(
            listed,
            access.reports(request.user),
            presences,
            now,
            queues.by_consumer if queues else None,
        )
        return page(
            self.admin_site,
            request,
            "eventkit/delivery_overview.html",
            Report,
            {
                "title": "Delivery",
                "pages": pages,
                "rows": [(each, told[each.slug]) for each in listed],
                "queues": queues,
                "search": search,
                "show": shown,
                "choices": _SHOWN.items(),
                "is_filtered": bool(search or shown),
                "now": now,
                "since": figures.since(now),
                "may_add": access.may(request.user, "add"),
            },
        )

    def consumer_page(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Show one consumer."""
        access.require(request.user, "view_delivery")
        consumer = get_object_or_404(
            access.consumers(request.user).select_related(*WITH_ONE).prefetch_related(*WITH),
            slug=slug,
        )
        access.require(request.user, "view_delivery", consumer)
        return page(
            self.admin_site,
            request,
            "eventkit/delivery.html",
            Report,
            {
                "title": f"Delivery: {consumer}",
                "consumer": consumer,
                "is_wrong": bool(problem_of(consumer)),
                "held": held(consumer),
                "may_view_letters": access.may(request.user, "view_letters"),
                "may_try": access.may(request.user, "try"),
                "letters": access.letters(request.user).filter(consumer_slug=slug).count(),
                **delivery(consumer, access.reports(request.user), access.presences(request.user)),
            },
        )


def delivery(
    consumer: Consumer, reports: QuerySet[Report], presences: QuerySet[Presence]
) -> dict[str, Any]:
    """Give all numbers about *consumer* that ``eventkit/delivery_body.html`` shows."""
    now = timezone.now()
    start = figures.since(now)
    own = reports.filter(consumer_slug=consumer.slug)
    said = presences.filter(consumer_slug=consumer.slug)
    by_hour = figures.hours(own, start)
    queues = store_queues([consumer.slug])
    by_consumer = queues.by_consumer if queues else None
    told = figures.overview([consumer], reports, presences, now, by_consumer)[consumer.slug]
    labels = [f"{timezone.localtime(each.start):%H:%M}" for each in by_hour]
    series = {
        "delivered": [each.delivered for each in by_hour],
        "given-up": [each.given_up for each in by_hour],
    }
    listed = said.order_by("is_closed", "-seen").defer("error_response")
    return {
        "told": told,
        "hours": list(zip(by_hour, labels, strict=True)),
        "chart": stacked(labels, series),
        "has_counts": any(map(sum, zip(*series.values(), strict=True))),
        "reasons": figures.reasons(own, start),
        "processes": figures.processes(listed[:_PROCESSES], now),
        "more": max(said.count() - _PROCESSES, 0),
        "response": _said(told.error),
        "queues": queues,
        "queue": queues and queues.by_consumer.get(consumer.slug),
        "now": now,
        "since": start,
    }


def _said(error: Presence | None) -> str:
    """Give what the receiver said at the latest error, as far as it can be read."""
    if error is None or error.error_response is None:
        return ""
    try:
        return str(error.error_response.open())
    except ConfigurationError as problem:
        return f"({problem})"


def _listed(
    consumers: QuerySet[Consumer],
    presences: QuerySet[Presence],
    search: str,
    shown: str,
    now: Any,
) -> QuerySet[Consumer]:
    """Give the consumers that are asked for."""
    found = consumers.order_by("slug").defer("options", "note")
    if search and "\0" not in search:
        found = found.filter(Q(slug__icontains=search) | Q(name__icontains=search))
    if shown == "trouble":
        bad = figures.in_trouble(presences, now).values("consumer_slug")
        found = found.filter(Q(gone_at__isnull=False) | Q(slug__in=bad, enabled=True))
    elif shown == "enabled":
        found = found.filter(enabled=True)
    return found
