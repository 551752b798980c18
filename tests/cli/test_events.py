"""``eventkit events``, as a process of its own."""

import json

from eventkit.events import CATALOGUE, Action, Statement


def listed(done):
    return {row["name"]: row for row in json.loads(done.stdout)}


def test_json_has_every_name(eventkit):
    """One object per name, with what the catalogue says."""
    done = eventkit("events", "--json")

    rows = listed(done)
    assert done.returncode == 0
    assert set(rows) == {name for row in CATALOGUE for name in row.names}
    for row in CATALOGUE:
        for name in row.names:
            found = rows[name]
            assert found["family"] == row.family
            assert set(found["aliases"]) | {name} == set(row.names)
            assert (found["xapi"] is None) == (row.xapi is None)
            assert (found["caliper"] is None) == (row.caliper is None)
            assert found["reason"] == (row.reason or None)
            if isinstance(row.xapi, Statement):
                assert found["xapi"]["verbs"] == [row.xapi.verb.id]
            if isinstance(row.caliper, Action):
                event = {"type": row.caliper.type, "action": row.caliper.action}
                assert found["caliper"]["events"] == [event]


def test_an_event_may_become_several_things(eventkit):
    """Where the payload decides, all possible verbs are named."""
    rows = listed(eventkit("events", "--json"))

    assert set(rows["problem_check"]["xapi"]["verbs"]) == {
        "http://adlnet.gov/expapi/verbs/attempted",
        "https://w3id.org/xapi/acrossx/verbs/evaluated",
    }
    assert all(row["xapi"] is None or row["xapi"]["verbs"] for row in rows.values())


def test_the_table_has_every_name(eventkit):
    """One line per name; an alias says whose."""
    lines = eventkit("events").stdout.decode().splitlines()

    assert len(lines) == sum(len(row.names) for row in CATALOGUE)
    (seq_next,) = [line for line in lines if " seq_next " in line]
    assert "navigated" in seq_next
    assert "(as edx.ui.lms.sequence.next_selected)" in seq_next
