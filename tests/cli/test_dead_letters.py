"""``eventkit dead-letters``: looked at, sent again, forgotten."""

from __future__ import annotations

import inspect
import io
import json
import os
import pty
import re
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from fault_server import behave, caliper, respond, serving

from eventkit.cli import main
from eventkit.dead_letters import DeadLetter, FileDeadLetters
from eventkit.exceptions import StoreError
from eventkit.router import ReplayReport

KEY, OTHER_KEY = (Fernet.generate_key().decode() for _ in range(2))
NOW = datetime.now(UTC)
BOOKMARK = {
    "name": "edx.bookmark.added",
    "timestamp": "2026-11-01T12:00:00.5+00:00",
    "data": {
        "component_usage_id": "block-v1:edX+DemoX+2026+type@html+block@h",
        "bookmark_id": "b",
    },
    "context": {"user_id": 7, "course_id": "course-v1:edX+DemoX+2026", "org_id": "edX"},
}


def event(user, name):
    return {"name": "play_video", "context": {"user_id": user, "username": name, "org_id": "edX"}}


def statement(number, actor):
    account = {"homePage": "https://lms.example.org", "name": actor}
    return {"id": f"s{number}", "actor": {"account": account}, "verb": {"id": "played"}}


def letter(number, **changes):
    settings = {
        "consumer": "lrs",
        "protocol": "xapi",
        "reason": "http_400",
        "documents": [statement(number, f"uuid-{number}")],
        "name": "play_video",
        "status": 400,
        "attempts": 1,
        "detail": "400 Bad Request",
        "response": "no such verb",
        "event": event(number, f"user{number}"),
        "time": NOW - timedelta(days=number),
    }
    return DeadLetter(**(settings | changes))


LETTERS = (
    letter(1),
    letter(2, reason="closed", status=None, detail=""),
    letter(3, consumer="archive", name="stop_video"),
    letter(4, consumer="", reason="translation_failed", documents=[], status=None, event=BOOKMARK),
)


@pytest.fixture
def path(tmp_path):
    """A file with letters."""
    file = tmp_path / "dead.jsonl"
    for each in LETTERS:
        FileDeadLetters(file)(each)
    return file


@pytest.fixture
def sealed(tmp_path, monkeypatch):
    """A file with a letter, encrypted; the environment has another key."""
    monkeypatch.setenv("OTHER", OTHER_KEY)
    FileDeadLetters(tmp_path / "sealed.jsonl", key=KEY)(letter(1))
    return tmp_path / "sealed.jsonl"


@pytest.fixture
def run(capsys):
    """Run ``eventkit dead-letters ACTION PATH ...``; give code, output and errors."""

    def call(*arguments):
        code = main(["dead-letters", *map(str, arguments)])
        return (code, *capsys.readouterr())

    return call


@pytest.fixture
def consumers(tmp_path):
    """Write a consumers file."""

    def write(**servers):
        listed = [
            {"id": name, "protocol": "xapi", "timeout": 2}
            | (given if isinstance(given, dict) else {"url": given.url})
            for name, given in servers.items()
        ]
        (tmp_path / "consumers.json").write_text(json.dumps(listed))
        return tmp_path / "consumers.json"

    return write


def left(path):
    return [each.id for each in FileDeadLetters(path)]


def ids(*numbers):
    return [LETTERS[number - 1].id for number in numbers]


class TestList:
    def test_a_table(self, run, path):
        """A line for each letter, and nothing of what it holds."""
        code, output, errors = run("list", path)
        head, *rows = output.splitlines()

        assert (code, errors, len(rows)) == (0, "", 4)
        assert " ".join(head.split()) == (
            "id time (UTC) consumer accepted for reason status attempts event detail"
        )
        assert rows[0].split()[0] == LETTERS[0].id[:12]
        assert " ".join(rows[0].split()[3:]) == "lrs - http_400 400 1 play_video 400 Bad Request"
        assert rows[3].split()[3:7] == ["-", "-", "translation_failed", "-"]
        assert not [text for text in ("uuid-", "user1", "no such verb") if text in output]

    def test_json(self, run, path):
        """One array, with an object on each line; still nothing of what letters hold."""
        code, output, _ = run("list", path, "--json")
        found = json.loads(output)

        assert code == 0
        assert [each["id"] for each in found] == ids(1, 2, 3, 4)
        assert len(output.splitlines()) == 6
        assert set(found[0]) == set(LETTERS[0].as_dict()) - {"documents", "event", "response"}

    def test_names_do_not_steer_the_terminal(self, run, tmp_path):
        """They come from browsers."""
        FileDeadLetters(tmp_path / "x")(letter(1, name="\x1b[2Jplay", detail="one\ntwo"))
        _, output, _ = run("list", tmp_path / "x")

        assert "\x1b" not in output
        assert len(output.splitlines()) == 2

    @pytest.mark.parametrize(
        ("options", "numbers"),
        [
            (("--consumer", "lrs"), (1, 2)),
            (("--consumer", ""), (4,)),
            (("--consumer", "lrs", "--consumer", "archive"), (1, 2, 3)),
            (("--reason", "http_400"), (1, 3)),
            (("--name", "stop_video"), (3,)),
            (("--consumer", "lrs", "--reason", "closed"), (2,)),
            (("--since", "36h"), (1,)),
            (("--until", "36h"), (2, 3, 4)),
            (("--since", "84h", "--until", "36h"), (2, 3)),
            (("--since", (NOW - timedelta(hours=36)).isoformat()), (1,)),
            (("--since", f"{NOW - timedelta(hours=36):%Y-%m-%dT%H:%M}"), (1,)),
            (("--until", "2000-01-01"), ()),
            (("--learner", "2"), (2,)),
            (("--learner", "user3"), (3,)),
            (("--learner", "uuid-1"), (1,)),
            (("--learner", "7"), (4,)),
            (("--learner", "user3", "--learner", "uuid-1"), (1, 3)),
            (("--learner", "user"), ()),
            (("--id", LETTERS[2].id), (3,)),
            (("--id", LETTERS[2].id[:8], "--id", LETTERS[0].id[:8]), (1, 3)),
        ],
    )
    def test_selections(self, run, path, options, numbers):
        """All conditions must hold, any value of each."""
        code, output, _ = run("list", path, "--json", *options)

        assert (code, [each["id"] for each in json.loads(output)]) == (0, ids(*numbers))

    @pytest.mark.parametrize(
        ("by", "expected"),
        [
            ("reason", {"http_400": 2, "closed": 1, "translation_failed": 1}),
            ("consumer", {"lrs": 2, "": 1, "archive": 1}),
            ("name", {"play_video": 3, "stop_video": 1}),
        ],
    )
    def test_counts(self, run, path, by, expected):
        _, output, _ = run("list", path, "--count", by, "--json")
        assert expected == json.loads(output)

        _, output, _ = run("list", path, "--count", by)
        assert [[str(n), name or "-"] for name, n in expected.items()] == [
            line.split() for line in output.splitlines()
        ]

    def test_nothing_there(self, run, tmp_path):
        """An empty file is no error; programs get what they can read."""
        (tmp_path / "x").touch()

        assert run("list", tmp_path / "x") == (0, "", "no dead letters\n")
        assert run("list", tmp_path / "x", "--json")[1] == "[]\n"
        assert run("list", tmp_path / "x", "--name", "x")[2] == "no dead letters like that\n"

    def test_lines_that_are_no_letters_are_told(self, run, path):
        with path.open("a") as stream:
            stream.write("{cut off")
        code, output, errors = run("list", path)

        assert (code, len(output.splitlines())) == (0, 5)
        assert "1 lines of" in errors
        assert "they stay" in errors

    def test_it_may_be_a_store(self, run, tmp_path):
        """The letters in a store are looked at by the same command."""
        sqlite_store = pytest.importorskip("eventkit.stores.sqlite.store")
        store = sqlite_store.SQLiteStore(tmp_path / "store.db")
        for each in LETTERS:
            store.dead_letters(each)
        store.close()
        code, output, _ = run("list", tmp_path / "store.db", "--json")
        assert (code, {each["id"] for each in json.loads(output)}) == (0, set(ids(1, 2, 3, 4)))

        assert run("drop", tmp_path / "store.db", "--learner", "2", "--yes")[0] == 0
        _, output, _ = run("list", tmp_path / "store.db", "--json")
        assert {each["id"] for each in json.loads(output)} == set(ids(1, 3, 4))


class TestShow:
    def test_a_letter(self, run, path):
        """All of it but the event, which is more personal than the documents."""
        code, output, errors = run("show", path, LETTERS[0].id[:6])
        whole = LETTERS[0].as_dict()
        del whole["event"]

        assert (code, errors, json.loads(output)) == (0, "", whole)

    def test_with_the_event(self, run, path):
        _, output, _ = run("show", path, LETTERS[0].id, "--with-event")

        assert json.loads(output) == LETTERS[0].as_dict()

    def test_an_id_that_several_begin_with(self, run, tmp_path):
        for number in (1, 2):
            FileDeadLetters(tmp_path / "x")(letter(number, id=f"abcdef{number}"))
        code, output, errors = run("show", tmp_path / "x", "abcdef")

        assert (code, output) == (2, "")
        assert "give more of it" in errors

    def test_a_terminal_is_warned(self, path, environment):
        """Not a program that reads the output."""
        command = [sys.executable, "-m", "eventkit", "dead-letters", "show", path, LETTERS[0].id]
        main_end, terminal = pty.openpty()
        done = subprocess.run(
            command,
            env=environment,
            stdout=terminal,
            stderr=subprocess.PIPE,
            timeout=60,
            check=True,
        )
        os.close(terminal)
        os.close(main_end)

        assert b"personal data" in done.stderr


class TestReplay:
    def test_what_is_chosen_arrives(self, run, path, consumers):
        with serving() as server:
            code, output, errors = run(
                "replay", path, "--consumers", consumers(lrs=server), "--reason", "http_400",
                "--consumer", "lrs",
            )  # fmt: skip
            assert list(server.stored) == ["s1"]

        assert (code, output, errors.split()) == (0, "", ["delivered", "1"])
        assert left(path) == ids(2, 3, 4)

    def test_what_stays_is_told_with_the_reason(self, run, path, consumers):
        """And with what to do."""
        with serving(default=respond(503)) as server:
            code, _, errors = run("replay", path, "--consumers", consumers(lrs=server), "--all")

        lines = errors.splitlines()
        assert code == 1
        assert [line.split()[:3] for line in lines[:4]] == [
            ["delivered", "0"],
            ["kept", "2", "in_trouble:"],
            ["kept", "1", "no_translator:"],
            ["kept", "1", "unknown_consumer:"],
        ]
        assert "--lms-root" in errors
        assert lines[-1].startswith("eventkit: consumer lrs: ")
        assert left(path) == ids(1, 2, 3, 4)

    def test_every_reason_to_keep_a_letter_is_explained(self, run, path, consumers, monkeypatch):
        """Also the one that only identities of a site's own bring about."""
        reasons = re.findall(r"``(\w+)``", inspect.getsource(ReplayReport).partition("kept:")[2])
        report = ReplayReport(
            delivered=0, refused=0, kept=dict.fromkeys(reasons, 1), notes=(), unknown=()
        )
        monkeypatch.setattr("eventkit.router.replaying.replay", lambda *_, **__: report)
        with serving() as server:
            code, _, errors = run("replay", path, "--consumers", consumers(lrs=server), "--all")

        assert code == 1
        assert "lookup_failed" in reasons
        assert [line.split()[2] for line in errors.splitlines()[1:]] == [f"{r}:" for r in reasons]

    def test_what_is_refused_again(self, run, path, consumers):
        with serving(default=respond(422)) as server:
            code, _, errors = run(
                "replay", path, "--consumers", consumers(lrs=server), "--id", LETTERS[0].id
            )

        assert code == 1
        assert " ".join(errors.splitlines()[1].split()) == "refused 1 for good once more"
        assert left(path) == ids(2, 3, 4, 1)

    def test_events_that_could_not_be_translated(
        self, run, path, consumers, translating, monkeypatch
    ):
        """With a translator they are translated anew, for every protocol in use."""
        monkeypatch.setenv("IDENTITY_SECRET", "a secret that is long enough for the tests")
        with serving() as server, serving(default=caliper()) as endpoint:
            file = consumers(lrs=server, cal={"url": endpoint.url, "protocol": "caliper"})
            code, _, errors = run(
                "replay", path, "--consumers", file, "--reason", "translation_failed", *translating
            )
            assert (len(server.stored), len(endpoint.stored)) == (1, 0)

        assert (code, errors.split()) == (0, ["delivered", "1"])
        assert left(path) == ids(1, 2, 3)

    def test_access_rules_hold(self, run, path, consumers):
        with serving() as server:
            file = consumers(lrs={"url": server.url, "deny": [{"user": "user1"}]})
            code, _, errors = run("replay", path, "--consumers", file, "--consumer", "lrs")
            assert list(server.stored) == ["s2"]

        assert code == 1
        assert "denied" in errors
        assert ids(1)[0] in left(path)

    def test_an_encrypted_file(self, run, tmp_path, consumers, monkeypatch):
        monkeypatch.setenv("LETTERS_KEY", KEY)
        path = tmp_path / "x"
        FileDeadLetters(path, key=KEY)(letter(1))
        with serving(default=respond(400)) as server:
            command = ("replay", path, "--all", "--consumers", consumers(lrs=server))
            assert run(*command, "--key-env", "LETTERS_KEY")[0] == 1
            assert b"uuid-1" not in path.read_bytes()
            server.default = behave
            assert run(*command, "--key-env", "LETTERS_KEY")[0] == 0
        assert left(path) == []


class TestDrop:
    @pytest.mark.parametrize(
        ("options", "remaining"),
        [
            (("--all",), ()),
            (("--older-than", "60h"), (1, 2)),
            (("--older-than", "60h", "--consumer", "archive"), (1, 2, 4)),
            (("--older-than", "60h", "--until", "84h"), (1, 2, 3)),
            (("--reason", "http_400"), (2, 4)),
            (("--name", "unheard_of"), (1, 2, 3, 4)),
        ],
    )
    def test_dropping(self, run, path, options, remaining):
        """Where nobody can answer, nobody is asked."""
        code, output, errors = run("drop", path, *options)

        assert (code, output) == (0, "")
        assert errors.split() == ["dropped", str(4 - len(remaining))]
        assert left(path) == list(ids(*remaining))

    def test_purging_a_learner(self, run, tmp_path):
        """By every name that they have; others keep their letters, and nothing of them is left."""
        path = tmp_path / "x"
        hidden = {"actor": {"mbox": "mailto:ann@example.org"}}
        person = {"actor": {"id": "https://lms.example.org/u/uuid-7", "type": "Person"}}
        about_ann = [
            letter(10, event=event(7, "")),
            letter(11, event=event(None, "ann")),
            letter(12, event=None, documents=[statement(1, "uuid-7")]),
            letter(13, event=None, documents=[{"object": [hidden]}]),
            letter(14, event=None, documents=[person]),
            letter(15, event=None, documents=[{"actor": "urn:uuid:uuid-7"}]),
            letter(16, documents=[], event={"name": "x", "event": '{"user_id": 7}'}),
            letter(17, documents=[], event={"name": "x", "username": "ann"}),
        ]
        others = [
            letter(20, event=event(77, "anna")),
            letter(21, event=None, documents=[statement(1, "uuid-77")]),
            letter(22, event=event(8, "bob") | {"data": {"position": 7}}),
        ]
        for each in (*about_ann, *others):
            FileDeadLetters(path)(each)
        learner = ("7", "ann", "uuid-7", "ann@example.org")
        given = [option for name in learner for option in ("--learner", name)]
        code, _, errors = run("drop", path, *given, "--yes")

        assert (code, errors.split()) == (0, ["dropped", str(len(about_ann))])
        assert left(path) == [each.id for each in others]
        assert not [text for text in ('"ann"', 'uuid-7"', "ann@") if text in path.read_text()]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    @pytest.mark.parametrize(("answer", "number"), [("y\n", 0), ("yes\n", 0), ("n\n", 4), ("", 4)])
    def test_people_are_asked(self, run, path, monkeypatch, answer, number):
        """On a terminal; silence is no yes."""

        class Terminal(io.StringIO):
            def isatty(self):
                return True

        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        code, _, errors = run("drop", path, "--all")

        assert "Forget 4 dead letters for ever? [y/N]" in errors
        assert (code, len(left(path))) == (1 if number else 0, number)
        assert ("nothing was done" in errors) is bool(number)

        assert run("drop", path, "--all", "--yes")[0] == 0
        assert left(path) == []


class TestMisuse:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("list", "{missing}"), "does not exist"),
            (("list", "{folder}"), "is a folder"),
            (("list", "{path}", "--id", "abcdef"), "no dead letter with the id abcdef"),
            (("list", "{path}", "--id", "ab"), "'ab' is too short"),
            (("list", "{path}", "--learner", ""), "--learner: is empty"),
            (("show", "{path}", "abcdef"), "no dead letter with the id abcdef"),
            (("replay", "{path}", "--consumers", "{path}"), "which dead letters to replay"),
            (("replay", "{path}", "--consumers", "{missing}.json", "--all"), "cannot be read"),
            (("drop", "{path}"), "which dead letters to drop"),
            (("drop", "{path}", "--all", "--name", "x"), "--all: does not go with a selection"),
            (("drop", "{path}", "--id", "abcdef"), "no dead letter with the id abcdef"),
            (("list", "{path}", "--key-env", "NO_SUCH_KEY"), "NO_SUCH_KEY is not set"),
            (("list", "{path}", "--key-file", "{path}"), "key: is no key"),
        ],
    )
    def test_it_is_said_in_one_line(self, run, path, tmp_path, arguments, message):
        """And nothing has happened."""
        places = {"path": path, "missing": tmp_path / "missing", "folder": tmp_path}
        code, _, errors = run(*(argument.format(**places) for argument in arguments))

        assert code == 2
        assert message in errors
        assert len(errors.splitlines()) == 1
        assert errors.startswith("eventkit: error: ")
        assert left(path) == ids(1, 2, 3, 4)

    @pytest.mark.parametrize(
        "arguments",
        [
            (),
            ("list",),
            ("list", "x", "--since", "yesterday"),
            ("list", "x", "--since", "999999999w"),
            ("drop", "x", "--older-than", "30 days"),
            ("list", "x", "--count", "colour"),
            ("replay", "x", "--all"),
            ("burn", "x"),
        ],
    )
    def test_wrong_usage(self, run, capsys, arguments):
        with pytest.raises(SystemExit) as caught:
            run(*arguments)

        assert caught.value.code == 2
        assert "usage: eventkit dead-letters" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("keys", "message"),
        [((), "are encrypted; give their key"), (("OTHER",), "the key does not fit")],
    )
    @pytest.mark.parametrize("action", ["list", "drop"])
    def test_the_wrong_key(self, run, sealed, action, keys, message):
        """Nothing is shown or dropped."""
        given = [option for name in keys for option in ("--key-env", name)]
        code, _, errors = run(
            action, sealed, *(["--all", "--yes"] if action == "drop" else []), *given
        )

        assert code == 2
        assert message in errors
        assert len(errors.splitlines()) == 1
        assert len(FileDeadLetters(sealed)) == 1

    def test_several_keys(self, run, tmp_path, sealed):
        """Whichever fits."""
        (tmp_path / "key").write_text(KEY)
        keys = ("--key-env", "OTHER", "--key-file", tmp_path / "key")

        code, output, _ = run("list", sealed, *keys)
        assert (code, len(output.splitlines())) == (0, 2)


def test_a_store_that_cannot_be_used(run, path, monkeypatch):
    """It is said in one line, as everything is."""

    def fail(*_):
        raise StoreError("the disk is full")

    monkeypatch.setattr("eventkit.cli.dead_letters.open_dead_letters", fail)

    assert run("list", path) == (2, "", "eventkit: error: the disk is full\n")


def test_the_command_itself(eventkit, path):
    """As a process of its own; the name with its dash."""
    done = eventkit("dead-letters", "list", path, "--count", "reason")

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"http_400" in done.stdout
    assert b"dead-letters" in eventkit("--help").stdout
