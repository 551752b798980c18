"""Links, and who must not be named in them."""

import pytest

from eventkit import CaliperTranslator, HMACIdentity, XAPITranslator

LEAKS = {
    "credentials": "https://zz_maya:zz_secret@other.example.org/page",
    "credentials in capitals": "HTTPS://zz_maya:zz_secret@other.example.org/page",
    "a name before another address": "https://lms.example.org/u/zz_maya?next=https://b.example.org/x",
    "a name after a host without path": "https://lms.example.org?user=zz_maya",
    "a name in a fragment": "https://lms.example.org#u/zz_maya",
}


@pytest.mark.parametrize("url", LEAKS.values(), ids=LEAKS.keys())
@pytest.mark.parametrize("field", ["target_url", "current_url"])
@pytest.mark.parametrize("name", ["edx.ui.lms.link_clicked", "edx.ui.lms.outline.selected"])
@pytest.mark.parametrize("dialect", ["standard", "erb"])
def test_nobody_is_named_in_an_address(url, field, name, dialect):
    """Wherever in it a name or a password stands, and in whichever of an event's addresses."""
    event = {
        "name": name,
        "timestamp": "2026-01-12T10:00:00.123456+00:00",
        "context": {"course_id": "course-v1:A+B+C", "user_id": 7, "username": "zz_maya"},
        "data": {
            "target_name": "Week 1",
            "target_url": "https://lms.example.org/a",
            "current_url": "https://lms.example.org/b",
            field: url,
        },
    }
    for make in (XAPITranslator, CaliperTranslator):
        translator = make(
            lms_root="https://lms.example.org",
            identity=HMACIdentity("only tests use this"),
            dialect=dialect,
        )

        assert b"zz_" not in b"".join(translator.write(event))
