"""The ids of documents: pinned, for they may never change."""

import hashlib
import json
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eventkit import XAPITranslator
from eventkit.events.shapes.iris import EVALUATED, INITIALIZED
from eventkit.translators import ids
from eventkit.translators.erb.xapi import statement_id
from eventkit.translators.ids import NAMESPACE, document_id

LMS = "http://localhost:18000"
LEARNER = "32e08e30-f8ae-4ce2-94a8-c2bfe38a70cb"
ACCOUNT = {"objectType": "Agent", "account": {"name": LEARNER, "homePage": LMS}}
TIME = "2020-07-15T06:43:07.277053+00:00"


def refuse() -> str:
    raise AssertionError("the payload has no part in an id whose time is exact")


class TestStandard:
    """The recipe of dialect ``standard``."""

    def test_namespace(self):
        """The namespace is a UUID of the project's own."""
        assert str(NAMESPACE) == "f64282e4-8709-58ea-900d-14cf73991181"

    def test_is_a_name_based_uuid_of_seven_lines(self):
        """Anybody can compute an id from the documented parts."""
        time = datetime(2025, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
        parts = (
            "xapi\nplay_video\nhttps://x.org a1\n2025-02-03T04:05:06.000789Z\nhttps://x.org/v\n\n"
        )

        assert str(uuid.uuid5(NAMESPACE, parts)) == document_id(
            "xapi", "play_video", "https://x.org a1", time, "https://x.org/v", "", refuse
        )

    def test_pinned(self):
        """These values were published: if this test fails, every receiver gets duplicates."""
        exact = datetime(2025, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
        rough = datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC)

        assert [
            document_id("xapi", "play_video", "a", exact, "o", "", refuse),
            document_id("xapi", "play_video", "a", exact, "o", "q_2_1", refuse),
            document_id("caliper", "play_video", "a", exact, "o", "", refuse),
            document_id("xapi", "play_video", "a", rough, "o", "", lambda: "d1"),
        ] == PINNED

    def test_each_part_counts(self):
        """Any difference in any part gives another id."""
        time = datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC)
        base = ("xapi", "n", "a", time, "o", "1", lambda: "d")
        other = ("caliper", "m", "b", time.replace(second=7), "p", "2", lambda: "e")
        ids = {document_id(*base)}
        for index, value in enumerate(other):
            ids.add(document_id(*base[:index], value, *base[index + 1 :]))

        assert len(ids) == 8

    @pytest.mark.parametrize("is_quick", [True, False])
    @given(name=st.text(st.characters(exclude_categories=())))
    @example(name="x" * 5000)
    @example(name="half a pair: \ud800")
    def test_text_form_equals_the_standard_library(self, is_quick, name):
        """The short ways to a UUID, with the extra ``fast`` and without, give `uuid.uuid5`."""
        expected = uuid.UUID(
            bytes=hashlib.sha1(NAMESPACE.bytes + name.encode("utf-8", "surrogatepass")).digest()[
                :16
            ],
            version=5,
        )

        with pytest.MonkeyPatch.context() as patch:
            if is_quick:
                assert ids._quick is not None
            else:
                patch.setattr(ids, "_quick", None)
            assert ids.uuid5_in(NAMESPACE)(name) == str(expected)


PINNED = [
    "71819e0a-ea24-5e6f-9521-db0d30f72ab8",
    "af3671ef-acfb-51b3-95d8-996c4cecb02c",
    "960e1ec6-97cf-595f-85e5-aa803aa9036c",
    "263dd0ae-6786-5c61-960a-7fc6c05d0e04",
]


class TestErb:
    """The recipe of dialect ``erb``."""

    @pytest.mark.parametrize(
        ("actor", "time", "expected"),
        [
            (ACCOUNT, TIME, "3feca024-a2a2-5ee3-9307-50711dc48abd"),
            (ACCOUNT, TIME[:-6] + "Z", "e6c0aedd-8c75-5de2-8962-11fb5e238aae"),
            (ACCOUNT, None, "113cbd74-14f8-54cd-babf-b4c8a5e4f28b"),
            (
                {"objectType": "Agent", "mbox": "mailto:edx@example.com"},
                TIME,
                "0c122c49-f599-55f7-8ee0-0fc4cf86fa13",
            ),
        ],
    )
    def test_worked_examples(self, actor, time, expected):
        """Verb, actor and the time as it was written make the id."""
        assert statement_id(INITIALIZED, actor, time) == expected

    def test_datetimes_count_as_logs_write_them(self):
        """A live event gets the id that its replay gets."""
        live = datetime.fromisoformat(TIME)

        assert statement_id(INITIALIZED, ACCOUNT, live) == statement_id(INITIALIZED, ACCOUNT, TIME)

    def test_children(self):
        """The key of the question takes part in the id of a child."""
        time = "2023-08-03T06:31:39.005451+00:00"
        key = "a0effb954cca4759994f1ac9e9434bf4_2_1"

        assert statement_id(EVALUATED, ACCOUNT, time) == "7d8be6d2-15b9-5f0d-bdfc-4e2daee2eee4"
        assert statement_id(EVALUATED, ACCOUNT, time, key) == "f3e25970-2c71-57a6-9ba9-8ba714e68f76"


def translate(event, dialect="standard"):
    return XAPITranslator(
        lms_root=LMS, identity=lambda user, system: LEARNER, dialect=dialect
    ).translate(event)


EVENT = {
    "name": "edx.video.played",
    "timestamp": datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC),
    "data": {"id": "v", "currentTime": 3},
    "context": {"user_id": 3, "course_id": "course-v1:O+C+R", "event_source": "mobile"},
}


class TestEvents:
    """Ids of whole events."""

    def test_shapes_and_aliases_agree(self):
        """Live and logged, under the old and the new name, an event has one id."""
        logged = {
            "event_type": "play_video",
            "time": "2025-02-03T04:05:06Z",
            "event": json.dumps(EVENT["data"]),
            "event_source": "mobile",
            "context": {"user_id": "3", "course_id": "course-v1:O+C+R"},
        }

        assert translate(EVENT)[0]["id"] == translate(logged)[0]["id"]

    def test_captions_shown_and_hidden_differ(self):
        """Events of one verb in the same instant are told apart, unlike in dialect ``erb``."""
        shown = {**EVENT, "name": "edx.video.closed_captions.shown"}
        hidden = {**EVENT, "name": "edx.video.closed_captions.hidden"}

        assert translate(shown)[0]["id"] != translate(hidden)[0]["id"]
        assert translate(shown, "erb")[0]["id"] == translate(hidden, "erb")[0]["id"]

    def test_whole_seconds_need_the_payload(self):
        """Two events of one second, as mobile devices send them, are told apart by the payload."""
        later = {**EVENT, "data": {"id": "v", "currentTime": 4}}

        assert translate(EVENT)[0]["id"] != translate(later)[0]["id"]
