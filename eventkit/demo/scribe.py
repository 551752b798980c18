"""Writing events down as the platform does: server, browser, mobile, old and new."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random

from eventkit.demo.cast import HOST, LMS_ROOT, Course, Person
from eventkit.typing import Json

Payload = Mapping[str, object] | list[str] | str


class Scribe:
    """
    Note what one person does in one course, each event a little after the last.

    Args:
        log: where the events go.

        person: who causes the events.

        course: where; None for what happens outside courses.

        start: time of the first event.

        rng: gives the pauses.
    """

    __slots__ = ("course", "log", "now", "person", "rng")

    def __init__(
        self, log: list[Json], person: Person, course: Course | None, start: datetime, rng: Random
    ) -> None:
        self.log = log
        self.person = person
        self.course = course
        self.now = start
        self.rng = rng

    def wait(self, **delta: float) -> None:
        """Let time pass."""
        self.now += timedelta(**delta)

    def server(
        self,
        name: str,
        data: Payload,
        *,
        path: str = "",
        module: Mapping[str, str] | None = None,
        **context: object,
    ) -> None:
        """Note an event of the server. Old ones have no name, only a type."""
        line = self._line(path or f"{self._course_path()}/progress", **context)
        line |= {"event": data, "event_type": name, "event_source": "server", "page": None}
        if module:
            line["context"]["module"] = dict(module)
        if not self._is_old():
            line["name"] = name
        self.log.append(line)

    def browser(self, name: str, data: Payload, *, kind: str = "", page: str = "") -> None:
        """Note an event of the browser, whose payload is JSON text; *kind* is the old name."""
        line = self._line("/event")
        page = page or (self.course.page() if self.course else f"{LMS_ROOT}/dashboard")
        line |= {
            "event": json.dumps(data, ensure_ascii=False),
            "event_type": kind or name,
            "event_source": "browser",
            "page": page,
            "referer": page,
        }
        if not self._is_old():
            line["name"] = name
        self.log.append(line)

    def mobile(self, name: str, data: Payload, *, kind: str) -> None:
        """Note an event of the mobile app: new name, old type, whole seconds."""
        line = self._line("/segmentio/event")
        app = {"name": "org.example.campus.mobile", "version": "4.2.0"}
        line["context"] |= {"application": app, "client": {"network": {"wifi": True}}}
        line |= {
            "name": name,
            "event": json.dumps(data, ensure_ascii=False),
            "event_type": kind,
            "event_source": "mobile",
            "page": None,
            "time": self.now.replace(microsecond=0).isoformat(),
        }
        self.log.append(line)

    def request(self, path: str, post: Mapping[str, list[str]] | None = None) -> None:
        """Note the implicit event that every request leaves: its path, and what was sent."""
        line = self._line(path)
        sent = {"POST": dict(post or {}), "GET": {}}
        line |= {
            "event": json.dumps(sent, ensure_ascii=False)[:512],
            "event_type": path,
            "event_source": "server",
            "page": None,
        }
        self.log.append(line)

    def _line(self, path: str, **context: object) -> Json:
        """Start a line with what all lines have."""
        self.wait(seconds=self.rng.uniform(2, 70), microseconds=self.rng.randrange(1_000_000))
        person, course = self.person, self.course
        where: Json = {
            "user_id": person.user_id,
            "course_id": course.key if course else "",
            "org_id": course.org if course else "",
            "path": path,
        }
        if self._is_old():
            where["course_user_tags"] = {}
        else:
            where["enterprise_uuid"] = ""
        return {
            "time": self.now.isoformat(),
            "username": person.username,
            "session": person.session if person.user_id else "",
            "ip": person.ip,
            "agent": person.agent,
            "host": HOST,
            "referer": f"{LMS_ROOT}{self._course_path()}/",
            "accept_language": "en;q=0.8",
            "context": where | context,
        }

    def _is_old(self) -> bool:
        return self.course is not None and self.course.is_old

    def _course_path(self) -> str:
        return f"/courses/{self.course.key}" if self.course else "/dashboard"
