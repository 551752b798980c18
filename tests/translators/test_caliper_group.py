"""What Caliper events say of the course, and of the library that a block came from."""

import pytest

from eventkit import CaliperTranslator, HMACIdentity

LMS = "https://lms.example.org"
ORIGINAL = "https://w3id.org/xapi/openedx/extension/original-usage-key"


def made(course, **context):
    translator = CaliperTranslator(
        lms_root=LMS, identity=HMACIdentity("only tests use this"), validate=True
    )
    event = {
        "name": "edx.course.tool.accessed",
        "timestamp": "2025-02-03T04:05:06.789+00:00",
        "data": {"tool_name": "edx.bookmarks", "course_id": course, **context.pop("data", {})},
        "context": {"user_id": 7, "course_id": course, **context},
    }
    [written], [document] = translator.write(event), translator.translate(event)
    assert b'"CourseOffering"' in written
    return document


@pytest.mark.parametrize(
    ("course", "number", "org"),
    [
        ("course-v1:edX+DemoX+2026", "DemoX", "edX"),
        ("ccx-v1:edX+DemoX+2026+ccx@1", "DemoX", "edX"),
        ("edX/DemoX/2014", "DemoX", "edX"),
        ("course-v1:Écôle+Bio.1+R", "Bio.1", "Écôle"),
        ("library-v1:edX+L", None, None),
    ],
)
def test_number_and_organisation(course, number, org):
    """The key of a course says which number it has, and at which organisation."""
    group = made(course)["group"]

    assert group.get("courseNumber") == number
    whole = group.get("subOrganizationOf")
    assert (whole and (whole["type"], whole["name"])) == (org and ("Organization", org))
    if org:
        assert whole["id"] == f"{LMS}/organization/{org}"


def test_original_block():
    """As in xAPI: the block of the library that the block of the course was made from."""
    key = "lib-block-v1:O+L+type@problem+block@p"
    module = {"usage_key": "block-v1:edX+D+R+type@problem+block@q", "original_usage_key": key}

    event = made("course-v1:edX+D+R", module=module, data={"event_transaction_id": "t"})

    assert event["extensions"][ORIGINAL] == f"{LMS}/xblock/{key}"
    assert ORIGINAL not in made("course-v1:edX+D+R", module={"usage_key": "x"})["extensions"]
    assert ORIGINAL not in made("course-v1:edX+D+R", module="odd")["extensions"]
