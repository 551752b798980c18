"""``eventkit check``, as a process of its own."""

import json

import pytest
from fault_server import caliper, hang, respond, serving, unused_port

from eventkit.consumers import Consumer
from eventkit.dead_letters import DeadLetter
from eventkit.receivers import CaliperReceiver, Receiver
from eventkit.router.probe import TRIAL_ACTIVITY, TRIAL_ACTOR, TRIAL_VERB, trial_document
from eventkit.stores import INBOX, Parcel, SQLiteStore
from eventkit.validation import event_errors, statement_errors


@pytest.fixture
def check(eventkit, tmp_path):
    def run(*consumers, arguments=(), **options):
        listed = [
            {"id": f"lrs-{number}", "protocol": "xapi", **each}
            for number, each in enumerate(consumers)
        ]
        (tmp_path / "consumers.json").write_text(json.dumps(listed))
        return eventkit("check", "consumers.json", *arguments, **options)

    return run


@pytest.fixture
def live(check):
    def run(*consumers, **options):
        return check(*consumers, arguments=("--live",), **options)

    return run


def basic(password):
    return {"type": "basic", "username": "site", "password": password}


def test_a_consumer_that_can_be_reached(check):
    """One line says so, and nothing was sent."""
    with Receiver(auth=("site", "open sesame")) as receiver:
        done = check({"url": receiver.url, "auth": basic("open sesame")})

        assert done.returncode == 0, done.stdout
        (line,) = done.stdout.decode().splitlines()
        assert line.split()[:3] == ["lrs-0", "xapi", "ok"]
        assert receiver.statements() == []


def test_each_consumer_has_a_line(check):
    """What is wrong with one does not hide the others, and no secret shows."""
    with Receiver() as gone:
        nobody = gone.url
    with Receiver(auth=("site", "open sesame")) as receiver:
        done = check(
            {"url": receiver.url, "auth": basic("open sesame")},
            {"url": receiver.url, "auth": basic("hunter2")},
            {"url": nobody},
            {"url": "https://lrs.example.org/", "enabled": False},
        )

        states = [line.split()[2] for line in done.stdout.decode().splitlines()]
        assert done.returncode == 1
        assert states == ["ok", "FAILED", "FAILED", "disabled"]
        assert b"hunter2" not in done.stdout + done.stderr
        assert b"open sesame" not in done.stdout + done.stderr


def test_secrets_come_from_the_environment(check):
    with Receiver(auth=("site", "open sesame")) as receiver:
        consumer = {"url": receiver.url, "auth": basic({"env": "LRS_PASSWORD"})}

        assert check(consumer, env={"LRS_PASSWORD": "open sesame"}).returncode == 0
        unset = check(consumer)
        assert unset.returncode == 2
        assert b"LRS_PASSWORD" in unset.stderr


@pytest.mark.parametrize(
    ("consumer", "words"),
    [
        ({"url": "lrs"}, ["url", "https://"]),
        ({"url": "https://lrs.example.org", "allows": []}, ["allows", "'allow'"]),
        ({"url": "https://lrs.example.org", "allow": [{"course": "re:(a"}]}, ["course", "(a"]),
        ({"url": "https://lrs.example.org", "timeout": -1}, ["timeout"]),
        ({"url": "gopher://lrs.example.org"}, ["gopher"]),
    ],
)
def test_a_mistake_in_the_file(check, consumer, words):
    """One line names consumer, key and remedy; the exit code is 2."""
    done = check(consumer)

    text = (done.stderr + done.stdout).decode()
    assert done.returncode in (1, 2)
    assert "Traceback" not in text
    assert all(word in text for word in ["lrs-0", *words]), text


def test_a_pattern_that_can_match_nothing(check):
    """One line warns, with the nearest name; a rule that denies is an error, as it would leak."""
    allow = [{"event": ["play_video", "edx.froum.*"]}, {"org": "^edX$"}, {"course": "edX+*"}]
    done = check(
        {"url": "log:events", "allow": allow, "deny": [{"activity_type": "vidoe"}]},
        {"url": "log:events", "allow": [{"event": "acme.*", "unknown": True}]},
    )

    lines = done.stderr.decode().splitlines()
    assert done.returncode == 0
    assert [line.split(": ")[:5] for line in lines] == [
        ["eventkit", "warning", "consumer 'lrs-0'", place, lines[at].split(": ")[4]]
        for at, place in enumerate(
            ["allow[0].event", "allow[1].org", "allow[2].course", "deny[0].activity_type"]
        )
    ]
    for line, near in zip(
        lines, ["edx.forum.*", "re:^edX$", "course-v1:edX+*", "video"], strict=True
    ):
        assert f"did you mean {near!r}?" in line
    refused = check({"url": "log:events", "deny": [{"event": "edx.froum.*"}]})
    assert refused.returncode == 2
    assert b"did you mean 'edx.forum.*'?" in refused.stderr


def test_steps(check):
    """Each step has a line, with what it found; those after one that failed were not tried."""
    with Receiver(auth=("site", "open sesame")) as receiver:
        nobody = f"http://127.0.0.1:{unused_port()}/xapi"
        done = check(
            {"url": receiver.url, "auth": basic("open sesame")},
            {"url": nobody},
            {"url": nobody, "enabled": False},
            {"url": "log:events"},
            arguments=("--steps",),
        )

    lines = [line.split() for line in done.stdout.decode().splitlines()]
    assert [line[:2] for line in lines if line[0] in ("tcp", "tls", "http", "version", "log")] == [
        ["tcp", "ok"],
        ["tls", "-"],
        ["http", "ok"],
        ["version", "ok"],
        ["tcp", "FAILED"],
        ["tls", "-"],
        ["http", "-"],
        ["version", "-"],
        ["log", "ok"],
    ]
    assert [line[2] for line in lines if line[0].startswith("lrs-")] == [
        "ok",
        "FAILED",
        "disabled",
        "ok",
    ]
    assert b"open sesame" not in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize("arguments", [(), ("--live",), ("--live", "--steps")])
def test_a_paused_consumer_is_asked_only(check, arguments):
    with serving() as server:
        done = check({"url": server.url, "paused": True}, arguments=arguments)

    assert done.returncode == 0
    assert done.stdout.split()[2] == b"paused"
    assert {"GET"} == {request.method for request in server.requests}


def test_a_paused_consumer_that_cannot_be_reached(check):
    nobody = f"http://127.0.0.1:{unused_port()}/xapi"

    assert check({"url": nobody, "paused": True}).returncode == 1


def test_no_file(eventkit):
    done = eventkit("check", "missing.json")

    assert done.returncode == 2
    assert b"missing.json" in done.stderr


def test_an_empty_list(check):
    done = check()

    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        b"",
        b"no consumers: consumers.json names none, so nobody gets anything\n",
    )


def test_help_says_that_live_writes(eventkit):
    done = eventkit("check", "--help")

    text = " ".join(done.stdout.decode().split())
    assert "With --live ONE TEST DOCUMENT IS WRITTEN to every enabled consumer" in text
    assert TRIAL_VERB in text


@pytest.mark.parametrize(
    ("protocol", "errors"), [("xapi", statement_errors), ("caliper", event_errors)]
)
def test_the_test_document_is_valid_and_concerns_nobody(protocol, errors):
    consumer = Consumer(id="x", protocol=protocol, url="https://receiver.example.org/")
    document = trial_document(consumer)

    assert errors(document) == []
    assert "Person" not in json.dumps(document)
    assert "mbox" not in json.dumps(document)
    assert document == trial_document(consumer)


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("xapi", "47dd3df2-91c6-5d11-9a70-eead3aa94aa5"),
        ("caliper", "urn:uuid:35216c42-ba52-5238-8b48-20b1d4a0ab56"),
    ],
)
def test_the_id_of_the_test_document_never_changes(protocol, expected):
    """Another id with the next version would be another document at every receiver."""
    consumer = Consumer(id="lrs", protocol=protocol, url="https://receiver.example.org/")
    other = Consumer(id="lrs2", protocol=protocol, url="https://receiver.example.org/")

    assert trial_document(consumer)["id"] == expected
    assert trial_document(other)["id"] != expected


def test_live_stores_one_statement_however_often(live):
    """With the override and the credentials that events have, whatever the rules allow."""
    override = {"context": {"platform": "Lakeside"}}
    with Receiver(auth=("site", "open sesame")) as receiver:
        consumer = {
            "url": receiver.url,
            "auth": basic("open sesame"),
            "override": override,
            "allow": [],
        }
        for _ in range(3):
            done = live(consumer)
            assert done.returncode == 0, done.stdout

        (statement,) = receiver.statements()
    assert statement["context"] == override["context"]
    assert statement["actor"]["account"]["name"] == TRIAL_ACTOR
    assert statement["verb"]["id"] == TRIAL_VERB
    assert statement["object"]["id"] == TRIAL_ACTIVITY
    (line,) = done.stdout.decode().splitlines()
    assert line.split()[:3] == ["lrs-0", "xapi", "ok"]
    assert f"took the test document {statement['id']}" in line


def test_live_stores_one_caliper_event_however_often(live):
    with CaliperReceiver(auth="a token") as receiver:
        consumer = {
            "protocol": "caliper",
            "url": receiver.url,
            "auth": {"type": "bearer", "token": "a token"},
            "sensor": "https://lms.example.org",
        }
        for _ in range(3):
            done = live(consumer)
            assert done.returncode == 0, done.stdout

        (event,) = receiver.events()
        envelopes = receiver.envelopes()
    assert event["object"]["id"] == TRIAL_ACTIVITY
    assert {envelope["sensor"] for envelope in envelopes} == {"https://lms.example.org"}


def test_live_needs_no_sensor_in_the_settings(live):
    with CaliperReceiver() as receiver:
        done = live({"protocol": "caliper", "url": receiver.url})

        assert done.returncode == 0, done.stdout
        assert len(receiver.events()) == 1


def test_live_asks_only_for_what_delivery_needs(live):
    """Credentials that may write and not read are good enough, unlike for the check that reads."""
    with serving(default=write_only) as server:
        assert live({"url": server.url}).returncode == 0
        assert [request.method for request in server.requests] == ["POST"]
    with serving(default=caliper(403)) as server:
        assert live({"protocol": "caliper", "url": server.url}).returncode == 0


def write_only(server, connection, request):
    status, body = (403, b"") if request.method == "GET" else server.decide(request)
    return respond(status, body)(server, connection, request)


def test_a_disabled_consumer_is_sent_nothing(live):
    with serving() as server:
        done = live({"url": server.url, "enabled": False})

        assert done.returncode == 0
        assert done.stdout.split()[2] == b"disabled"
        assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (respond(401), ["401", "auth"]),
        (respond(404), ["404", "url"]),
        (respond(500), ["500"]),
        (respond(429, Retry_After="3600"), ["429"]),
        (respond(302, Location="https://elsewhere.example.org"), ["302"]),
        (respond(400, b"no such verb"), ["refuses the test document", "400", "no such verb"]),
        (respond(413), ["refuses the test document", "413"]),
        (respond(200, b"<html>"), ["no LRS"]),
        (hang, ["no answer in time"]),
    ],
)
def test_live_says_why_a_consumer_does_not_take_it(live, answer, words):
    """One line, one attempt, bounded time."""
    with serving(default=answer) as server:
        done = live({"url": server.url, "timeout": 0.5})

        assert len(server.requests) == 1
    assert done.returncode == 1
    (line,) = done.stdout.decode().splitlines()
    assert line.split()[2] == "FAILED"
    assert [word for word in words if word not in line] == []
    assert done.stderr == b""


def test_live_sends_what_is_larger_than_a_batch_alone(live):
    """As it is with events; what the receiver says decides."""
    with serving() as server:
        done = live({"url": server.url, "batch": {"max_bytes": 100}})

        assert done.returncode == 0, done.stdout
        assert len(server.stored) == 1


def test_live_does_not_hide_one_behind_another(live):
    with Receiver() as receiver:
        nobody = f"http://127.0.0.1:{unused_port()}/xapi"
        done = live({"url": nobody}, {"url": receiver.url}, {"url": "gopher://lrs.example.org"})

        states = [line.split()[2] for line in done.stdout.decode().splitlines()]
        assert states == ["FAILED", "ok", "FAILED"]
        assert done.returncode == 1
        assert len(receiver.statements()) == 1


def test_live_writes_a_line_to_a_file(live, tmp_path):
    done = live({"url": f"file:{tmp_path}/out.jsonl"})

    assert done.returncode == 0, done.stdout
    (line,) = (tmp_path / "out.jsonl").read_text().splitlines()
    assert json.loads(line)["verb"]["id"] == TRIAL_VERB


def parcel(*consumers):
    return Parcel(
        consumers=dict.fromkeys(consumers, "rules"),
        name="play_video",
        protocol="xapi",
        bodies=(b'{"a":1}', b'{"b":2}'),
        event=b"{}",
    )


@pytest.fixture
def store(tmp_path):
    return tmp_path / "queue.db"


def test_store_shows_what_waits_and_the_dead_letters(check, store):
    """Also of consumers that are no longer in the file, and events that nobody has translated."""
    opened = SQLiteStore(store)
    opened.put([parcel("lrs-0", "gone"), parcel("lrs-0")])
    opened({"name": "play_video"})
    for number in range(3):
        opened.dead_letters(
            DeadLetter(consumer="lrs-0", reason="http_400", documents=[{"id": str(number)}])
        )
    before = opened.counts("lrs-0"), opened.counts(INBOX)
    with Receiver() as receiver:
        done = check(
            {"url": receiver.url},
            {"url": receiver.url, "enabled": False},
            arguments=("--store", store),
        )

        assert receiver.statements() == []
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in lines] == ["lrs-0", "lrs-1", "gone", "(inbox)"]
    assert "4 waiting, the oldest for " in lines[0]
    assert ", 3 dead letters; " in lines[0]
    assert "0 waiting, 0 dead letters; not looked at" in lines[1]
    assert "2 waiting" in lines[2]
    assert "not in the file" in lines[2]
    assert "1 waiting" in lines[3]
    assert (opened.counts("lrs-0"), opened.counts(INBOX)) == before
    opened.close()


def test_store_with_live(check, store):
    SQLiteStore(store).close()
    with Receiver() as receiver:
        done = check({"url": receiver.url}, arguments=("--live", "--store", store))

        assert len(receiver.statements()) == 1
    assert b"0 waiting, 0 dead letters; " in done.stdout
    assert b"took the test document" in done.stdout


def test_an_encrypted_store_needs_its_key(check, store, tmp_path):
    fernet = pytest.importorskip("cryptography.fernet").Fernet
    key = fernet.generate_key().decode()
    (tmp_path / "key").write_text(key)
    opened = SQLiteStore(store, key=key)
    opened.put([parcel("lrs-0")])
    opened.close()
    with Receiver() as receiver:
        consumer = {"url": receiver.url}
        arguments = ("--store", store, "--key-env", "STORE_KEY")
        right = check(consumer, arguments=arguments, env={"STORE_KEY": key})
        file = check(consumer, arguments=("--store", store, "--key-file", tmp_path / "key"))
        other = {"STORE_KEY": fernet.generate_key().decode()}
        wrong = [
            check(consumer, arguments=arguments, env=other),
            check(consumer, arguments=("--store", store)),
        ]

    assert b"2 waiting" in right.stdout
    assert b"2 waiting" in file.stdout
    for done in wrong:
        assert (done.returncode, done.stdout) == (2, b"")
        assert b"key" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_store_that_is_none_is_left_alone(check, tmp_path):
    """A mistyped path must not make a file, nor move one away as a damaged store."""
    consumers = tmp_path / "consumers.json"
    missing = check(arguments=("--store", "missing.db"))
    other = check(arguments=("--store", "consumers.json"))
    key_only = check(arguments=("--key-env", "STORE_KEY"))

    assert sorted(tmp_path.iterdir()) == [consumers]
    assert [done.returncode for done in (missing, other, key_only)] == [2, 2, 2]
    assert b"--store: there is no file missing.db" in missing.stderr
    assert b"--store: consumers.json is no store" in other.stderr
    assert b"--store" in key_only.stderr
