"""What comes from outside neither forges lines of a log nor steers a terminal."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import eventkit
from eventkit.base.printable import printable, printable_json
from eventkit.base.throttle import SafeLogger, Throttle
from eventkit.consumers import Consumer
from eventkit.router import Router

EVIL = "a\r\nERROR forged\x1b[31m\x9b2J\x00\u2028\u202e\ud800b"
WRITTEN = r"a\r\nERROR forged\x1b[31m\x9b2J\x00\u2028\u202e\ud800b"


@given(st.text())
def test_any_text_becomes_one_printable_line(text: str):
    """Whatever is printable stays as it is."""
    shown = printable(text)

    assert shown.isprintable()
    assert shown.encode().decode() == shown
    assert printable(shown) == shown
    assert shown == text or not text.isprintable()


def test_what_is_not_printable_is_written_out():
    assert printable(EVIL) == WRITTEN
    assert printable("Zoë's course: 日本 \\n") == "Zoë's course: 日本 \\n"


@given(st.text())
def test_a_document_in_a_log_says_the_same(text: str):
    """JSON has a way of its own to write such characters."""
    written = json.dumps({"a": text}, ensure_ascii=False)
    shown = printable_json(written)

    assert shown.isprintable()
    assert json.loads(shown) == {"a": text}
    assert shown == written or not written.isprintable()


def test_documents_are_logged_on_one_line(caplog: pytest.LogCaptureFixture):
    """A consumer that is a logger is read by people, too."""
    caplog.set_level(logging.INFO)
    consumer = Consumer(id="a", protocol="xapi", url="log:eventkit.test.documents")
    name = "a\x9b31m\u2028\x7f\u202eb"
    router = Router([consumer])
    router.deliver(
        {
            "consumer": "a",
            "name": "x",
            "protocol": "xapi",
            "documents": [{"id": "00000000-0000-5000-8000-000000000000", "name": name}],
        }
    )
    router.close()

    [record] = [each for each in caplog.records if each.name == "eventkit.test.documents"]
    assert record.getMessage().isprintable()
    assert json.loads(record.getMessage())["name"] == name


class Odd:
    """Something that is logged as its text."""

    def __str__(self) -> str:
        return EVIL


@pytest.mark.parametrize("value", [EVIL, Odd(), ValueError(EVIL)])
@pytest.mark.parametrize("kind", [SafeLogger, lambda name: Throttle(logging.getLogger(name))])
def test_one_message_of_ours_is_one_line(kind: Any, value: Any, caplog: pytest.LogCaptureFixture):
    """Through whichever of our two loggers it goes."""
    logger = kind("eventkit.test")
    args = ("%s, %d of %.1f", value, 3, 0.5)
    logger.warning(*args) if isinstance(logger, SafeLogger) else logger.warning("why", *args)

    assert [record.getMessage() for record in caplog.records] == [f"{WRITTEN}, 3 of 0.5"]


def test_no_logger_of_ours_goes_past_them():
    """A plain logger is only ever given to a throttle, which writes on one line."""
    plain = []
    for path in Path(eventkit.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        names = re.findall(r"^(\w+) = logging\.getLogger\(", text, re.MULTILINE)
        called = r"\.(?:debug|info|warning|error|critical|exception)\("
        plain += [path.name for name in names if re.search(rf"\b{name}{called}", text)]

    assert plain == []
