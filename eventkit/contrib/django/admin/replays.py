"""Replays: what is being delivered again, and how far it is."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from eventkit.contrib.django import access, actions, replays
from eventkit.contrib.django.admin.frame import PagesAdmin, page, paged
from eventkit.contrib.django.fields import key_of
from eventkit.contrib.django.figures import State
from eventkit.contrib.django.models import Replay
from eventkit.router.replaying import KEPT

_PAGE = 50

_STATES = {
    Replay.State.WAITING: State("wait", "waiting"),
    Replay.State.RUNNING: State("wait", "running"),
    Replay.State.DONE: State("good", "done"),
    Replay.State.FAILED: State("bad", "failed"),
}
_KEPT = {
    **KEPT,
    "unreadable": "they do not open with the keys of this site (EVENTKIT_ADMIN['KEYS'])",
    "no_translator": "the event is to be translated; name the translators of the site in "
    "EVENTKIT_ADMIN['TRANSLATORS']",
}
_INTERRUPTED = State("bad", "interrupted")


@admin.register(Replay)
class ReplayAdmin(PagesAdmin):
    """What is delivered again in the background."""

    def get_urls(self) -> list[URLPattern]:
        """Have a list, a page for each, and the place that begins one again."""
        wrap = self.admin_site.admin_view
        return [
            path("", wrap(self.list_page), name="eventkit_replay_changelist"),
            path("<int:key>/", wrap(self.replay_page), name="eventkit_replay_change"),
            path("<int:key>/resume/", wrap(self.resume_page), name="eventkit_replay_resume"),
        ]

    def has_view_permission(self, request: HttpRequest, obj: Replay | None = None) -> bool:
        """Ask who sees what."""
        return access.may(request.user, "replay", obj)

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """List replays, the latest first."""
        access.require(request.user, "replay")
        found = access.replays(request.user).defer("chosen").order_by("-created", "-pk")
        pages = paged(found, request.GET.get("page"), size=_PAGE, query={})
        rows = [(each, state_of(each)) for each in pages.page]
        context = {"title": "Replays", "pages": pages, "rows": rows}
        return page(self.admin_site, request, "eventkit/replays.html", Replay, context)

    def replay_page(self, request: HttpRequest, key: int) -> HttpResponse:
        """Show how far one is."""
        job = _replay(request, key)
        is_open = job.state in {Replay.State.WAITING, Replay.State.RUNNING} and not job.is_lost
        return page(
            self.admin_site,
            request,
            "eventkit/replay.html",
            Replay,
            {
                "title": "Replay of dead letters",
                "job": job,
                "state": state_of(job),
                "text": _text(job),
                "is_open": is_open,
                "at": str(job.done),
                "of": str(max(job.total, 1)),
                "number_kept": sum(job.kept.values()),
                "kept": [
                    (reason, _KEPT.get(reason, ""), number) for reason, number in job.kept.items()
                ],
                "may_resume": _is_startable(job),
                "works": replays.is_in_threads(),
            },
        )

    def resume_page(self, request: HttpRequest, key: int) -> HttpResponse:
        """Begin one again."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return _resume(request, key)


def _resume(request: HttpRequest, key: int) -> HttpResponse:
    job = _replay(request, key)
    if not _is_startable(job):
        messages.warning(request, "It is done, or it runs; there is nothing to begin again.")
    else:
        try:
            replays.begin(actions.restart_replay(job, by=request.user))
            messages.success(request, "It begins again. What has arrived is not sent again.")
        except actions.Invalid:
            messages.warning(request, "Somebody else has begun it again.")
    return HttpResponseRedirect(reverse("admin:eventkit_replay_change", args=[key]))


def _replay(request: HttpRequest, key: int) -> Replay:
    access.require(request.user, "replay")
    return get_object_or_404(access.replays(request.user).defer("chosen"), pk=key_of(key))


def state_of(job: Replay) -> State:
    """Say how far *job* is, in a word."""
    return _INTERRUPTED if job.is_lost else _STATES[Replay.State(job.state)]


def _is_startable(job: Replay) -> bool:
    """Tell whether somebody has to begin it again."""
    waits = job.state == Replay.State.WAITING and job.created < timezone.now() - Replay.LOST_AFTER
    return job.state == Replay.State.FAILED or job.is_lost or waits


def _text(job: Replay) -> str:
    """Say it in a sentence."""
    if job.is_lost:
        return (
            "Its process has ended before it was done. Nothing is lost: begin it again, and it "
            "goes on with the letters that are left."
        )
    texts: dict[Any, str] = {
        Replay.State.WAITING: "It has not begun yet.",
        Replay.State.RUNNING: "It runs in the background; you may leave this page.",
        Replay.State.DONE: "All letters were looked at.",
        Replay.State.FAILED: "It could not go on. Put right what is said below, and begin again.",
    }
    return texts[job.state]
