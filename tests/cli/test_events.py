"""``eventkit events``, as a process of its own."""

import json

import pytest

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


class TestUnknown:
    """``--unknown``: the names in a log that have no row."""

    @pytest.fixture
    def log(self, tmp_path):
        """A log with known and unknown names."""
        lines = [
            line("play_video", {"id": "v"}),
            line("seq_next", {}),
            line("my.own.event", json.dumps({"score": 1, "learner": "marisol"})),
            line("my.own.event", {"score": 2, "i4x-Lake-problem-9a8b7c6d5e4f_2_1": "x"}),
            line("/u/marisol", {"GET": {}}),
            line("", {"why": 1}),
            "no JSON",
            "",
            line("their.event", "a=1&b=marisol"),
        ]
        path = tmp_path / "tracking.log"
        path.write_text("\n".join(lines))
        return path

    def test_table(self, eventkit, log):
        """The most frequent first; known names, values and paths do not show."""
        done = eventkit("events", "--unknown", log)

        assert done.returncode == 0
        assert done.stdout.decode().splitlines() == [
            "        2 my.own.event  score, learner, ...",
            "        1 (no name)  why",
            "        1 (paths of pages)  GET",
            "        1 their.event",
        ]
        assert "7 events, 5 of them under 4 unknown names; 1 lines" in done.stderr.decode()
        assert b"marisol" not in done.stdout + done.stderr

    def test_json(self, eventkit, log):
        """The same for programs."""
        done = eventkit("events", "--json", "--unknown", log)

        assert json.loads(done.stdout)[0] == {
            "name": "my.own.event",
            "count": 2,
            "keys": ["score", "learner", "..."],
        }

    def test_nothing_unknown(self, eventkit, tmp_path):
        """An empty list says so on standard error."""
        path = tmp_path / "tracking.log"
        path.write_text(line("play_video", {"id": "v"}))
        done = eventkit("events", "--unknown", path)

        assert (done.returncode, done.stdout) == (0, b"")
        assert b"1 events, 0 of them under 0 unknown names" in done.stderr

    def test_names_without_end(self, eventkit, tmp_path):
        """Memory has a bound: beyond 10,000 names the rest are counted together."""
        path = tmp_path / "tracking.log"
        path.write_text("\n".join(line(f"name{number}", {}) for number in range(10_050)))
        found = json.loads(eventkit("events", "--json", "--unknown", path).stdout)

        assert found[0] == {"name": "(others)", "count": 50, "keys": []}
        assert len(found) == 10_001

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--unknown", "nowhere.log"], "matches no file"),
            (["--unwrap", "log"], "--unwrap: is for logs"),
        ],
    )
    def test_wrong_usage(self, eventkit, arguments, said):
        """One line that names the option."""
        done = eventkit("events", *arguments)

        assert done.returncode == 2
        assert said in done.stderr.decode()


def line(name, payload):
    """Write a line of a log."""
    return json.dumps(
        {
            "name": name,
            "event_type": name,
            "time": "2025-02-03T04:05:06+00:00",
            "context": {"user_id": 3},
            "event": payload,
        }
    )
