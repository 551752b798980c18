"""What the contract tests share: event-tracking itself, and settings for its Django tracker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import UserSettingsHolder, global_settings, settings
from eventtracking.django.django_tracker import DjangoTracker

USERNAME = "ann_the_learner"
EMAIL = "ann@example.com"
COURSE = "course-v1:edX+DemoX+2024"


class Recorder:
    """A backend that remembers what it is sent, and fails if it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.events: list[Any] = []
        self.error = error

    def send(self, event: Any) -> None:
        self.events.append(event)
        if self.error is not None:
            raise self.error


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def make_recorder() -> type[Recorder]:
    return Recorder


@pytest.fixture
def make_event() -> Callable[..., dict[str, Any]]:
    """Make an event of the live shape."""

    def make(name: str = "play_video", **data: Any) -> dict[str, Any]:
        return {
            "name": name,
            "timestamp": datetime(2020, 7, 15, 6, 43, 7, 277053, tzinfo=UTC),
            "data": {"id": "0b9e39477cf34507a7a48f74be381fdd", "currentTime": 1.5, **data},
            "context": {
                "username": USERNAME,
                "user_id": 3,
                "course_id": COURSE,
                "org_id": "edX",
                "ip": "192.0.2.7",
                "agent": "Mozilla/5.0",
                "session": "f00",
            },
        }

    return make


@pytest.fixture
def django_tracker() -> Iterator[Callable[..., DjangoTracker]]:
    """
    Make event-tracking's Django tracker from settings.

    The settings are put in place without `settings.configure`, which a process can do only once
    and no other test could undo.
    """
    before = settings._wrapped

    def make(**backends: Any) -> DjangoTracker:
        holder = UserSettingsHolder(global_settings)
        holder.EVENT_TRACKING_BACKENDS = backends
        holder.EVENT_TRACKING_PROCESSORS = []
        settings._wrapped = holder
        return DjangoTracker()

    yield make
    settings._wrapped = before
