"""What errors say, where they are logged, pickled and shown: nothing of what an event holds."""

from __future__ import annotations

import copy
import logging
import pickle
from typing import Any

import pytest

from eventkit.base.throttle import Throttle
from eventkit.dead_letters import DeadLetter, DeadLetterBox, box
from eventkit.exceptions import (
    ConfigurationError,
    DeliveryError,
    DropEvent,
    EventkitError,
    EventParseError,
    StoreError,
    StoreFull,
    TranslationError,
    UnsupportedEvent,
)
from eventkit.translators import CaliperTranslator, HMACIdentity, XAPITranslator

ROOT = "https://lms.example.org"
PERSON = "maya_quispe"
IDENTITY = HMACIdentity("a secret of the tests, long enough")
TRANSLATORS = [
    XAPITranslator(lms_root=ROOT, identity=IDENTITY),
    XAPITranslator(lms_root=ROOT, identity=IDENTITY, implicit=True),
    XAPITranslator(lms_root=ROOT, identity=IDENTITY, dialect="erb"),
    CaliperTranslator(lms_root=ROOT, identity=IDENTITY),
]


def told(error: BaseException | None) -> str:
    """Everything that *error* and what led to it say."""
    if error is None:
        return ""
    own = f"{error}{error!r}{error.args}{vars(error)}{pickle.dumps(error, 0)!r}"
    return own + told(error.__cause__) + told(error.__context__)


class Broken(dict):  # type: ignore[type-arg]
    """An event that cannot be read."""

    def get(self, key: Any, default: Any = None) -> Any:
        if key == "context":
            raise RuntimeError("no context")
        return super().get(key, default)


@pytest.mark.parametrize("translator", TRANSLATORS)
@pytest.mark.parametrize(
    "name",
    [
        f"/u/{PERSON}",
        f"/courses/course-v1:a+b+c/user/{PERSON}.json",
        f"/courses/course-v1:a+b+c/progress/{PERSON}",
        f"  /u/{PERSON}\n",
        f"https://lms.example.org/u/{PERSON}",
        f"acme.{PERSON}.clicked",
        PERSON,
        f"{PERSON}@example.org",
    ],
)
@pytest.mark.parametrize("kind", [dict, Broken])
def test_names_that_nobody_knows_are_not_said(translator: Any, name: str, kind: type):
    """Names of requests are addresses, and any other name may be made of a person's."""
    event = kind(
        {
            "name": name,
            "timestamp": "2024-01-02T03:04:05+00:00",
            "context": {"username": PERSON, "user_id": "no number", "course_id": "course-v1:a+b+c"},
            "data": {"POST": {"who": [PERSON]}, "GET": {}},
        }
    )
    for call in (translator.translate, translator.write, translator):
        with pytest.raises((UnsupportedEvent, TranslationError, DropEvent)) as caught:
            call(event)

        assert PERSON not in told(caught.value)


@pytest.mark.parametrize("translator", TRANSLATORS)
def test_names_of_the_catalogue_are_said(translator: Any):
    """Who looks for a mistake must know where."""
    with pytest.raises((TranslationError, UnsupportedEvent), match=r"^play_video: ") as caught:
        translator.translate({"name": "play_video", "data": {}, "context": {"user_id": 7}})

    assert caught.value.name == "play_video"


@pytest.mark.parametrize("error", [UnsupportedEvent, TranslationError])
def test_addresses_are_never_part_of_an_error(error: type[Any]):
    """Also where a row of another package hands one over."""
    made = error(f"/u/{PERSON}", "implicit_event")

    assert PERSON not in told(made)
    assert (str(made), made.name, made.reason) == ("implicit_event", "", "implicit_event")


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("x: wrong"),
        EventParseError("not_json", "no object"),
        UnsupportedEvent("play_video", "not_translated", "why not"),
        UnsupportedEvent("", "unknown_event"),
        TranslationError("play_video", "no_actor", "context.user_id", retryable=True),
        DropEvent("filtered", retryable=True, retry_after=3.0),
        DeliveryError("no", retryable=True, retry_after=2.0, consumer="lrs"),
        StoreError("no", retry_after=1.0),
        StoreFull("full"),
    ],
)
def test_errors_survive_pickling_and_copying(error: EventkitError):
    """Task queues and pools of processes hand them on, and they say the same there."""
    for made in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(made) is type(error)
        assert (str(made), repr(made), vars(made)) == (str(error), repr(error), vars(error))


@pytest.mark.parametrize("consumer", ["lrs", ""])
def test_addresses_of_events_are_not_logged_with_dead_letters(
    consumer: str, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that was viewed is an event by its address."""
    # Another test may have had the same said within the last minute.
    monkeypatch.setattr(box, "_throttle", Throttle(logging.getLogger(box.__name__)))
    letter = DeadLetter(
        consumer=consumer, documents=[{}], name=f"/courses/x/user/{PERSON}", reason="http_400"
    )
    DeadLetterBox(None).announce(letter)

    assert PERSON not in caplog.text
    assert "(an address)" in caplog.text
