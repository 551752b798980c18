"""Events of nobody: blank users after a logout, tasks that nobody started."""

import json
from pathlib import Path

import pytest

from eventkit import (
    CaliperTranslator,
    DropEvent,
    HMACIdentity,
    TranslationError,
    UnsupportedEvent,
    XAPITranslator,
)
from eventkit.reading import Source
from eventkit.testing import golden_cases

CASES = golden_cases(Path(__file__).parents[1] / "golden")
COURSE = "course-v1:Lakeside+BIO201+2025_T1"
OPTIONS = {"lms_root": "https://lms.example.org", "identity": HMACIdentity("only tests use this")}
WAYS = {
    "xapi": XAPITranslator(**OPTIONS),
    "caliper": CaliperTranslator(**OPTIONS),
    "xapi erb": XAPITranslator(**OPTIONS, dialect="erb"),
    "caliper erb": CaliperTranslator(**OPTIONS, dialect="erb"),
}
ALL = pytest.mark.parametrize("way", WAYS)
TIME = "2025-02-03T04:05:06.789123+00:00"
NOBODY = ["", None, "  ", "-", "unknown", "anonymous", "AnonymousUser", "None", "null"]
GONE = object()


def live(user_id=GONE, username=GONE, **context):
    """Make a live event of that user."""
    event = {
        "name": "play_video",
        "timestamp": TIME,
        "data": {"id": "v", "currentTime": 1.5, "duration": 61.5},
        "context": {"course_id": COURSE, "event_source": "browser", **context},
    }
    for key, value in (("user_id", user_id), ("username", username)):
        if value is not GONE:
            event["context"][key] = value
    return event


def line(user_id=GONE, username=GONE, *, source="browser"):
    """Make the line of a log of that user."""
    event = live(user_id)
    logged = {
        "name": event["name"],
        "event_type": event["name"],
        "event_source": source,
        "time": TIME,
        "event": json.dumps(event["data"]),
        "context": event["context"],
    }
    if username is not GONE:
        logged["username"] = username
    return logged


def skipped(translator, event):
    """Give the reason for which an event is skipped."""
    with pytest.raises(UnsupportedEvent) as caught:
        translator.translate(event)
    return caught.value.reason


class TestNobody:
    """The event says that there was no user: it is skipped, and nothing is wrong with it."""

    @ALL
    @pytest.mark.parametrize("name", NOBODY)
    @pytest.mark.parametrize("user_id", [GONE, "", None])
    def test_blank_users(self, way, name, user_id):
        """However that is written, in both shapes."""
        assert skipped(WAYS[way], live(user_id, name)) == "no_user"
        assert skipped(WAYS[way], line(user_id, name)) == "no_user"

    @ALL
    @pytest.mark.parametrize("user_id", NOBODY)
    def test_blank_ids(self, way, user_id):
        """Also where the event has no username at all."""
        assert skipped(WAYS[way], live(user_id)) == "no_user"
        assert skipped(WAYS[way], line(user_id)) == "no_user"

    @ALL
    def test_tasks(self, way):
        """A task that nobody started has the username ``unknown``."""
        assert skipped(WAYS[way], line(username="unknown", source="task")) == "no_user"

    @ALL
    def test_counts(self, way):
        """Such events are counted as skipped, by a reason of their own, and none as rejected."""
        made = WAYS[way]
        before = made.stats()

        with pytest.raises(DropEvent, match="no_user"):
            made(live("", ""))

        after = made.stats()
        assert after["skipped:no_user"] == before.get("skipped:no_user", 0) + 1
        assert {key: after[key] for key in after if key.startswith("rejected")} == {
            key: before[key] for key in before if key.startswith("rejected")
        }

    @pytest.mark.parametrize("way", ["xapi", "caliper"])
    @pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
    def test_every_event(self, way, path):
        """Whatever event it is, it is skipped, or in Caliper what the platform did by itself."""
        event = json.loads(path.read_text("utf-8"))["event"]
        payload = event.get("data", event.get("event"))
        is_text = isinstance(payload, str) and payload.startswith("{")
        payload = json.loads(payload) if is_text else payload
        holders = [event, event["context"]]
        if isinstance(payload, dict):
            holders.append(payload)
        for holder in holders:
            for key in ("user_id", "username", "attempt_user_id", "student"):
                if key in holder:
                    holder[key] = ""
        event["context"] |= {"user_id": "", "username": ""}
        if is_text:
            event["event"] = json.dumps(payload)
        try:
            documents = WAYS[way].translate(event)
        except UnsupportedEvent:
            return

        assert way == "caliper"
        assert {each["actor"]["type"] for each in documents} == {"SoftwareApplication"}


class TestSomebody:
    """What is not said to be nobody is somebody, or something is wrong with the event."""

    @ALL
    @pytest.mark.parametrize("name", ["unknown", "anonymous", "AnonymousUser", "null"])
    def test_who_is_called_so(self, way, name):
        """A learner who is called like nobody has a user id."""
        assert WAYS[way].translate(live(7, name)) == WAYS[way].translate(live(7, "marisol"))
        assert Source(line(7, name)).user == 7

    @ALL
    @pytest.mark.parametrize("name", ["Unknown", "unknown2", "anonymous_7", "-x", "nobody"])
    def test_usernames(self, way, name):
        """Other names are people's."""
        assert WAYS[way].translate(live("", name))

    @pytest.mark.parametrize("way", ["xapi erb", "caliper erb"])
    @pytest.mark.parametrize("user_id", [-1, -1.5, "-7"])
    def test_what_the_peer_does_not_find(self, way, user_id):
        """An id that nobody can have is no blank one: the peer looks for it, and fails."""
        assert skipped(WAYS[way], live(user_id, "")) == "not_in_erb"

    @pytest.mark.parametrize("way", ["xapi", "caliper"])
    @pytest.mark.parametrize("user_id", [-1, "-7", "x", True, ["7"], {"id": 7}, 1.5])
    def test_what_cannot_be_read(self, way, user_id):
        """An id that cannot be read is no blank one: something is wrong with the event."""
        with pytest.raises(TranslationError) as refused:
            WAYS[way].translate(live(user_id, ""))

        assert refused.value.reason == "no_actor"

    @pytest.mark.parametrize("way", ["xapi", "caliper"])
    def test_no_word_of_a_user(self, way):
        """An event that does not say whose it is lacks something."""
        with pytest.raises(TranslationError) as refused:
            WAYS[way].translate(live())

        assert refused.value.reason == "no_actor"
