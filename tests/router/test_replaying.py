"""Dead letters go out again: to those who may have them, and each is accounted for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fault_server import PATIENCE, behave, caliper, reset, respond, serving, unused_port
from people import id_of

from eventkit import CaliperTranslator, Consumer, Router, XAPITranslator
from eventkit.dead_letters import (
    DeadLetter,
    FileDeadLetters,
    MemoryDeadLetters,
    TranslationLetters,
)
from eventkit.exceptions import ConfigurationError
from eventkit.router import replay
from eventkit.stores import open_dead_letters

EVENT = {"name": "play_video", "context": {"user_id": 7, "org_id": "edX"}}


def letter(number, consumer="lrs", **changes):
    settings = {
        "consumer": consumer,
        "protocol": "xapi",
        "reason": "http_400",
        "documents": [{"id": str(number), "verb": {"id": "played"}}],
        "name": "play_video",
        "status": 400,
        "attempts": 1,
        "event": EVENT,
    }
    return DeadLetter(**(settings | changes))


def settings(server, name="lrs", **more):
    url = server if isinstance(server, str) else server.url
    return {"id": name, "protocol": "xapi", "url": url, "timeout": 2, **more}


def everything(found):
    return True


@pytest.fixture(params=["file", "encrypted", "memory", "store"])
def letters(request, tmp_path):
    """Dead letters wherever they may lie."""
    from cryptography.fernet import Fernet

    if request.param == "memory":
        yield MemoryDeadLetters()
    elif request.param == "store":
        sqlite_store = pytest.importorskip("eventkit.stores.sqlite.store")
        store = sqlite_store.SQLiteStore(tmp_path / "store.db")
        yield store.dead_letters
        store.close()
    else:
        key = Fernet.generate_key().decode() if request.param == "encrypted" else None
        yield FileDeadLetters(tmp_path / "dead.jsonl", key=key)


def fill(letters, *given):
    for each in given:
        letters(each)


def numbers(letters):
    return sorted(found.documents[0]["id"] for found in letters)


class TestOutcomes:
    def test_what_arrives_is_a_letter_no_more(self, letters):
        """Together, not in a request for each."""
        fill(letters, *map(letter, range(250)))
        with serving() as server:
            report = replay(letters, [settings(server)], everything)

            assert sorted(server.stored) == sorted(map(str, range(250)))
            assert len(server.requests) == 3
        assert (report.delivered, report.refused, dict(report.kept)) == (250, 0, {})
        assert report.is_done
        assert len(letters) == 0

    def test_only_the_chosen_ones(self, letters):
        """By id, or by whatever one asks of a letter; ids that are not there are told."""
        fill(letters, *map(letter, range(5)))
        with serving() as server:
            report = replay(letters, [settings(server)], [letter(1).id, letter(3).id, "unknown"])
            assert sorted(server.stored) == ["1", "3"]
            assert (report.delivered, report.unknown, report.is_done) == (2, ("unknown",), False)

            replay(letters, [settings(server)], lambda found: found.documents[0]["id"] == "4")
            assert sorted(server.stored) == ["1", "3", "4"]
        assert numbers(letters) == ["0", "2"]

    def test_what_is_refused_again_has_a_history(self, letters):
        """The letter is the same one, with the new reason and answer; its neighbours arrive."""
        fill(letters, *map(letter, range(5)))

        def rule(request):
            return (422, b"still bad") if "2" in request.ids else None

        with serving(rule=rule) as server:
            for _ in range(2):
                report = replay(letters, [settings(server)], everything)
            assert sorted(server.stored) == ["0", "1", "3", "4"]
        (found,) = letters

        assert (report.delivered, report.refused, report.is_done) == (0, 1, False)
        assert (found.id, found.event, found.protocol) == (letter(2).id, EVENT, "xapi")
        assert (found.reason, found.status, found.response) == ("http_422", 422, "still bad")
        assert ["http_400", "http_422"] == [failure["reason"] for failure in found.history]
        assert [400, 422] == [failure["status"] for failure in found.history]
        assert set(found.history[0]) == {"reason", "time", "status", "attempts"}

    def test_of_several_documents_the_bad_one_stays(self, letters):
        """The others have arrived."""
        documents = [{"id": text, "verb": {}} for text in ("a", "b", "c")]
        fill(letters, letter(0, documents=documents))

        def rule(request):
            return (400, b"bad") if "b" in request.ids else None

        with serving(rule=rule) as server:
            report = replay(letters, [settings(server)], everything)
            assert sorted(server.stored) == ["a", "c"]
        (found,) = letters

        assert (report.delivered, report.refused) == (0, 1)
        assert [{"id": "b", "verb": {}}] == found.documents
        assert ["http_400"] == [failure["reason"] for failure in found.history]

    @pytest.mark.parametrize(
        "trouble", [respond(503), respond(401), reset], ids=["503", "401", "reset"]
    )
    def test_a_consumer_in_trouble_changes_nothing(self, letters, trouble):
        """It is asked once; its letters stay, those of others go."""
        fill(letters, *map(letter, range(250)), letter("other", consumer="other"))
        before = [found for found in letters if found.consumer == "lrs"]
        with serving(default=trouble) as server, serving() as other:
            consumers = [settings(server), settings(other, name="other")]
            report = replay(letters, consumers, everything)
            assert list(other.stored) == ["other"]
            # The client itself may try a broken connection once more.
            assert len(server.requests) <= 2

        assert (report.delivered, dict(report.kept)) == (1, {"in_trouble": 250})
        assert "lrs" in report.notes[0]
        assert before == list(letters)

    def test_trouble_in_the_middle(self, letters):
        """What arrived before is gone, the rest stays for the next time."""
        fill(letters, *map(letter, range(250)))
        with serving() as server:
            server.script.extend([behave, respond(503)])
            report = replay(letters, [settings(server)], everything)
            assert (report.delivered, dict(report.kept)) == (100, {"in_trouble": 150})
            assert len(letters) == 150

            report = replay(letters, [settings(server)], everything)
            assert report.delivered == 150
            assert len(server.stored) == 250
        assert len(letters) == 0

    def test_what_was_refused_before_the_trouble_is_noted(self, letters):
        """Its neighbours, of which nobody knows, stay as they are."""
        fill(letters, letter(0), letter(1))

        def rule(request):
            if request.ids == ["0"]:
                return 422, b"bad"
            return (400, b"bad") if "0" in request.ids else (503, b"down")

        with serving(rule=rule) as server:
            report = replay(letters, [settings(server)], everything)

        assert (report.refused, dict(report.kept)) == (1, {"in_trouble": 1})
        assert {"0": "http_422", "1": "http_400"} == {
            found.documents[0]["id"]: found.reason for found in letters
        }

    def test_a_long_run_takes_letters_away_as_it_goes(self, letters, monkeypatch):
        """So that a kill after an hour costs seconds, not the hour."""
        monkeypatch.setattr("eventkit.router.replaying._SETTLE_EVERY", 0.0)
        fill(letters, *map(letter, range(30)))
        left = []

        def rule(request):
            left.append(len(letters))

        with serving(rule=rule) as server:
            replay(letters, [settings(server, batch={"max_size": 1})], everything)

        assert (left[0], len(letters)) == (30, 0)
        assert left[-1] < 30

    def test_a_router_lends_its_consumers(self, tmp_path):
        """Its counts and its own dead letters are left alone."""
        letters = FileDeadLetters(tmp_path / "dead.jsonl")
        fill(letters, letter(0))
        with serving(default=respond(400)) as server:
            router = Router([settings(server)])
            report = replay(letters, router, everything)

        assert report.refused == 1
        assert (list(router.dead_letters), router.stats()["enqueued"]) == ([], 0)

    def test_a_letter_that_comes_by_again_is_left_alone(self):
        """A site's own letters may show, while one goes through them, what is put there."""

        class Endless(dict):
            def __call__(self, letter):
                self[letter.id] = letter

            def __iter__(self):
                while self:
                    yield from list(self.values())
                    if len(turns) > 5:
                        return
                    turns.append(1)

            def remove(self, ids):
                return sum(self.pop(name, None) is not None for name in ids)

        turns = []
        letters = Endless()
        fill(letters, letter(0))
        with serving(default=respond(400)) as server:
            report = replay(letters, [settings(server)], everything)

        assert (report.refused, len(turns)) == (1, 6)

    def test_nothing_to_do(self, letters):
        report = replay(letters, [], everything)

        assert (report.delivered, report.refused, dict(report.kept)) == (0, 0, {})
        assert report.is_done

    def test_an_old_letter_that_is_refused_again(self, letters):
        """It did not name its protocol; the new one does, and takes its place."""
        fill(letters, letter(0, protocol=""))
        with serving(default=respond(400)) as server:
            report = replay(letters, [settings(server)], everything)
        (found,) = letters

        assert (report.refused, found.protocol, len(found.history)) == (1, "xapi", 1)


class TestAccess:
    """A consumer never sees what its rules deny, however old the letter is."""

    @pytest.mark.parametrize(
        ("changes", "more", "reason"),
        [
            ({"consumer": "gone"}, {}, "unknown_consumer"),
            ({}, {"enabled": False}, "disabled"),
            ({}, {"allow": [{"org": "MITx"}]}, "denied"),
            ({}, {"deny": [{"user": "7"}]}, "denied"),
            ({}, {"allow": []}, "denied"),
            ({"event": None}, {"allow": [{"org": "*"}]}, "denied"),
            ({"event": None}, {"deny": [{"org": "MITx"}]}, "denied"),
            ({"protocol": "caliper"}, {}, "wrong_protocol"),
            ({"protocol": "", "documents": [{"action": "Started"}]}, {}, "wrong_protocol"),
            ({"protocol": "", "documents": [{"id": "?"}]}, {}, "wrong_protocol"),
            ({"documents": [], "event": None}, {}, "no_content"),
            ({"documents": []}, {}, "no_translator"),
        ],
    )
    def test_it_stays_with_the_reason(self, letters, changes, more, reason):
        given = letter(0, **changes)
        fill(letters, given)
        with serving() as server:
            report = replay(letters, [settings(server, **more)], everything)
            assert server.requests == []

        assert (report.delivered, dict(report.kept), report.is_done) == (0, {reason: 1}, False)
        assert [given] == list(letters)

    @pytest.mark.parametrize(
        ("changes", "more"),
        [
            ({}, {"allow": [{"org": "edX"}], "deny": [{"user": "8"}]}),
            ({"event": None}, {}),
            ({"event": None}, {"deny": []}),
            ({"protocol": ""}, {}),
        ],
    )
    def test_it_goes(self, letters, changes, more):
        fill(letters, letter(0, **changes))
        with serving() as server:
            report = replay(letters, [settings(server, **more)], everything)
            assert list(server.stored) == ["0"]

        assert report.is_done
        assert len(letters) == 0

    def test_the_event_is_not_delivered(self, letters):
        fill(letters, letter(0))
        with serving() as server:
            replay(letters, [settings(server)], everything)
            assert all(b"user_id" not in request.body for request in server.requests)


class TestTranslationFailures:
    EVENTS = tuple(
        {
            "name": "edx.bookmark.added",
            "timestamp": f"2026-11-01T12:00:0{number}.5+00:00",
            "data": {
                "component_usage_id": "block-v1:edX+DemoX+2026+type@html+block@h",
                "bookmark_id": str(number),
            },
            "context": {
                "user_id": 7,
                "course_id": f"course-v1:{org}+DemoX+2026",
                "org_id": org,
            },
        }
        for number, org in enumerate(["edX", "MITx", "edX"])
    )

    def translators(self, identity, **hooks):
        options = {"lms_root": "https://lms.example.org", "identity": identity}
        return {
            "xapi": XAPITranslator(**options, on_error=hooks.get("xapi")),
            "caliper": CaliperTranslator(**options, on_error=hooks.get("caliper")),
        }

    @staticmethod
    def nobody(user, system):
        return None

    @staticmethod
    def known(user, system):
        return id_of("learner")

    def fail(self, letters, protocols=("xapi", "caliper")):
        hooks = {name: TranslationLetters(letters, protocol=name) for name in protocols}
        translators = self.translators(self.nobody, **hooks)
        for name in protocols:
            assert list(translators[name].translate_many(self.EVENTS)) == []
        assert len(letters) == 3 * len(protocols)

    def test_they_are_translated_anew_for_all_who_may_have_them(self, letters):
        """Each protocol once, as it would have been in the first place."""
        self.fail(letters)
        with serving() as all_of_it, serving() as some, serving(default=caliper()) as endpoint:
            consumers = [
                settings(all_of_it, name="all"),
                settings(some, name="some", allow=[{"org": "MITx"}]),
                settings(endpoint, name="endpoint") | {"protocol": "caliper"},
            ]
            translators = self.translators(self.known)
            report = replay(letters, consumers, everything, translators=translators)

            for protocol, server in (("xapi", all_of_it), ("caliper", endpoint)):
                expected = [
                    document["id"]
                    for event in self.EVENTS
                    for document in translators[protocol].translate(event)
                ]
                assert sorted(server.stored) == sorted(expected)
            assert len(some.stored) == 1
        assert (report.delivered, report.is_done) == (6, True)
        assert len(letters) == 0

    def test_they_fail_again(self, letters):
        """The letter has a history then."""
        self.fail(letters, ["xapi"])
        with serving() as server:
            translators = self.translators(self.nobody)
            report = replay(letters, [settings(server)], everything, translators=translators)
            assert server.requests == []

        assert (report.refused, report.delivered) == (3, 0)
        assert [["translation_failed"]] * 3 == [
            [failure["reason"] for failure in found.history] for found in letters
        ]
        assert {"unknown_user at context.user_id"} == {found.detail for found in letters}

    def test_a_letter_that_names_no_protocol_is_translated_to_all(self, letters):
        """What fails for one of them is a letter of that one."""
        TranslationLetters(letters)(KeyError("x"), self.EVENTS[0])

        def half(user, system):
            return None if system == "caliper" else self.known(user, system)

        with serving() as server, serving(default=caliper()) as endpoint:
            consumers = [
                settings(server),
                settings(endpoint, name="endpoint") | {"protocol": "caliper"},
            ]
            report = replay(letters, consumers, everything, translators=self.translators(half))
            assert len(server.stored) == 1
        (found,) = letters

        assert (report.refused, report.delivered) == (1, 0)
        assert (found.protocol, found.reason) == ("caliper", "translation_failed")
        assert len(found.history) == 1

    def test_refused_and_in_trouble(self, letters):
        """What one consumer refuses is its letter; while another is in trouble the event stays."""
        self.fail(letters, ["xapi"])
        with serving(default=respond(400)) as strict, serving(default=respond(503)) as down:
            consumers = [settings(strict, name="strict"), settings(down, name="down")]
            translators = self.translators(self.known)
            report = replay(letters, consumers, everything, translators=translators)
            assert dict(report.kept) == {"in_trouble": 3}
            assert sorted(found.consumer for found in letters) == [*[""] * 3, *["strict"] * 3]

            down.default = behave
            events = [found.id for found in letters if not found.consumer]
            report = replay(letters, consumers, events, translators=translators)
            assert report.refused == 3
            assert len(down.stored) == 3
        assert {"strict"} == {found.consumer for found in letters}
        assert all(found.event and found.history for found in letters)

    @pytest.mark.parametrize(
        ("changes", "more", "reason"),
        [
            ({}, {"allow": []}, "unwanted"),
            ({"event": {"name": "edx.unknown", "context": {}}}, {}, "not_translated"),
            ({"protocol": "caliper"}, {}, "no_translator"),
        ],
    )
    def test_they_stay_with_the_reason(self, letters, changes, more, reason):
        given = letter(0, consumer="", documents=[], **({"event": dict(self.EVENTS[0])} | changes))
        fill(letters, given)
        with serving() as server:
            report = replay(
                letters,
                [settings(server, **more)],
                everything,
                translators={"xapi": self.translators(self.known)["xapi"]},
            )

        assert dict(report.kept) == {reason: 1}
        assert [given] == list(letters)

    def test_a_translator_that_breaks_costs_no_other(self, letters):
        """Whatever it raises."""
        self.fail(letters, ["xapi"])

        def broken(event):
            raise ZeroDivisionError

        with serving() as server:
            report = replay(letters, [settings(server)], everything, translators={"xapi": broken})

        assert report.refused == 3
        assert {"ZeroDivisionError"} == {found.detail.split()[0] for found in letters}


class TestInterruption:
    SCRIPT = """
import sys
from eventkit.dead_letters import FileDeadLetters
from eventkit.router import replay

consumer = {"id": "lrs", "protocol": "xapi", "url": sys.argv[2], "batch": {"max_size": 10}}
replay(FileDeadLetters(sys.argv[1]), [consumer], lambda letter: True)
"""

    @pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
    def test_killed_in_the_middle(self, tmp_path, kind):
        """Nothing is lost: the next run delivers the rest, and ids make repetition harmless."""
        letters = FileDeadLetters(tmp_path / "dead.jsonl")
        fill(letters, *map(letter, range(200)))

        def hold(server, connection, request):
            if len(server.stored) < 90 or server.released.is_set():
                return behave(server, connection, request)
            # The tenth request is stored, but nobody hears of it.
            server.decide(request)
            os.kill(process.pid, kind)
            process.wait(PATIENCE)
            server.released.set()
            return False

        with serving(default=hold) as server:
            process = subprocess.Popen(
                [sys.executable, "-c", self.SCRIPT, str(letters.path), server.url],
                cwd=Path.cwd(),
                stderr=subprocess.DEVNULL,
            )
            assert server.released.wait(PATIENCE)
            left = 200 if kind == signal.SIGKILL else 110
            assert (process.wait(PATIENCE) != 0, len(letters)) == (True, left)

            report = replay(letters, [settings(server)], everything)
            assert (report.delivered, report.is_done) == (left, True)
            assert len(server.stored) == 200
        assert len(letters) == 0

    def test_letters_that_cannot_be_kept_stop_it(self, tmp_path, monkeypatch):
        """What has arrived until then is gone, what has not is still there."""
        letters = FileDeadLetters(tmp_path / "dead.jsonl")
        fill(letters, *map(letter, range(20)))

        def rule(request):
            return (400, b"bad") if "15" in request.ids else None

        def full(*_, **__):
            raise OSError("disk full")

        monkeypatch.setattr("eventkit.dead_letters.file.append", full)
        with serving(rule=rule) as server:
            with pytest.raises(OSError, match="disk full"):
                replay(letters, [settings(server, batch={"max_size": 10})], everything)

            assert len(server.stored) == 19
        assert numbers(letters) == sorted(map(str, range(15, 20)))

    def test_a_wrong_key(self, tmp_path):
        """Nothing goes out."""
        from cryptography.fernet import Fernet

        key, other = (Fernet.generate_key().decode() for _ in range(2))
        path = tmp_path / "dead.jsonl"
        fill(FileDeadLetters(path, key=key), letter(0))
        with serving() as server, pytest.raises(ConfigurationError, match="key does not fit"):
            replay(open_dead_letters(path, other), [settings(server)], everything)

        assert len(FileDeadLetters(path)) == 1


def test_a_run_of_the_router_and_back(tmp_path):
    """What a router buries in its file is replayed from there, by the same consumers file."""
    path = tmp_path / "dead.jsonl"
    consumers = tmp_path / "consumers.json"
    with serving(default=respond(400)) as server:
        consumers.write_text(json.dumps([settings(server)]))
        router = Router(consumers, dead_letters=path)
        router.send(
            {
                "name": "play_video",
                "protocol": "xapi",
                "documents": [{"id": "1", "verb": {}}],
                "event": EVENT,
            }
        )
        assert server.stored == {}
        server.default = behave
        report = replay(open_dead_letters(path), consumers, everything)
        assert list(server.stored) == ["1"]

    assert report.is_done


def test_a_consumer_that_nobody_listens_for(tmp_path):
    """No connection is trouble, not a reason to lose a letter."""
    letters = FileDeadLetters(tmp_path / "dead.jsonl")
    fill(letters, letter(0))
    nobody = f"http://127.0.0.1:{unused_port()}/xapi"

    assert dict(replay(letters, [settings(nobody)], everything).kept) == {"in_trouble": 1}
    assert len(letters) == 1


class Book:
    """A registry of one consumer."""

    def __init__(self, given):
        self.given = [given]
        self.reports = []

    def consumers(self):
        return self.given

    def report(self, reports, *, closing):
        self.reports += reports


class TestChangesMeanwhile:
    """What is said of a consumer while letters are under way holds from the next request on."""

    CHANGES = (
        ({"paused": True}, "paused"),
        ({"enabled": False}, "disabled"),
        ({"deny": [{"org": "edX"}]}, "denied"),
        ({"allow": [{"org": "MITx"}]}, "denied"),
        ({"orgs": ["MITx"]}, "denied"),
        ({"protocol": "caliper"}, "wrong_protocol"),
        ({"url": "http://127.0.0.1:9/moved"}, "other_owner"),
        (None, "unknown_consumer"),
    )

    def run(self, tmp_path, monkeypatch, kind, change, *, event=EVENT, status=200):
        """Replay six letters, two a request; after the first request the consumer is changed."""
        monkeypatch.setattr("eventkit.router.replaying._LOOK_EVERY", 1e-9)
        letters = MemoryDeadLetters()
        path = tmp_path / "consumers.json"
        with serving() as server:
            given = settings(server, batch={"max_size": 2})
            owner = Consumer.from_dict(given).owner
            fill(letters, *[letter(number, event=event, owner=owner) for number in range(6)])
            path.write_text(json.dumps([given]))
            book = Book(given)
            source = {
                "file": path,
                "registry": book,
                "router": Router(book, reload=1e-9),
            }[kind]

            def once(server, connection, received):
                server.default = behave
                now = [] if change is None else [given | change]
                path.write_text(json.dumps(now))
                book.given = now
                answer = behave if status == 200 else respond(status)
                return answer(server, connection, received)

            server.default = once
            report = replay(letters, source, everything)
        assert book.reports == []
        return letters, report, server.requests

    @pytest.mark.parametrize("kind", ["file", "registry", "router"])
    @pytest.mark.parametrize(("change", "reason"), CHANGES)
    def test_nothing_more_is_sent(self, tmp_path, monkeypatch, kind, change, reason):
        letters, report, requests = self.run(tmp_path, monkeypatch, kind, change)

        assert len(requests) == 1
        assert (report.delivered, report.refused) == (2, 0)
        assert dict(report.kept) == {reason: 4}
        assert (numbers(letters), {each.reason for each in letters}) == (list("2345"), {"http_400"})
        assert [each.history for each in letters] == [[]] * 4

    @pytest.mark.parametrize(("change", "reason"), CHANGES)
    def test_nor_in_the_middle_of_a_delivery(self, tmp_path, monkeypatch, change, reason):
        """A request that is refused is sent in parts; each of them is a request of its own."""
        letters, report, requests = self.run(tmp_path, monkeypatch, "file", change, status=400)

        assert len(requests) == 1
        assert (report.delivered, report.refused) == (0, 0)
        assert dict(report.kept) == {reason: 6}
        assert numbers(letters) == list("012345")
        assert [each.history for each in letters] == [[]] * 6

    @pytest.mark.parametrize("status", [200, 400])
    def test_without_the_event_any_change_of_the_rules_counts(self, tmp_path, monkeypatch, status):
        letters, report, requests = self.run(
            tmp_path, monkeypatch, "file", {"allow": [{"org": "edX"}]}, event=None, status=status
        )

        assert len(requests) == 1
        assert dict(report.kept) == {"denied": len(letters)}
        assert len(letters) == (4 if status == 200 else 6)

    def test_what_waits_is_held_against_the_rules_once_more(self, tmp_path):
        """It was chosen by other rules, and waits for a request to be full."""
        letters = MemoryDeadLetters()
        fill(letters, letter(0), letter(1))
        path = tmp_path / "consumers.json"
        with serving() as server:
            path.write_text(json.dumps([settings(server)]))

            def chosen(found):
                if found.documents[0]["id"] == "1":
                    path.write_text(json.dumps([settings(server, deny=[{"org": "edX"}])]))
                return True

            report = replay(letters, path, chosen)

        assert server.requests == []
        assert dict(report.kept) == {"denied": 2}

    def test_what_is_translated_anew_too(self, tmp_path, monkeypatch):
        """Its event is known, so a rule that has come meanwhile is asked."""
        identity = TestTranslationFailures.known
        translator = XAPITranslator(lms_root="https://lms.example.org", identity=identity)
        letters = MemoryDeadLetters()
        events = TestTranslationFailures.EVENTS
        fill(letters, *[letter(0, consumer="", documents=[], event=dict(each)) for each in events])
        path = tmp_path / "consumers.json"
        with serving() as server:
            path.write_text(json.dumps([settings(server)]))

            def translate(event):
                if event == events[-1]:
                    path.write_text(json.dumps([settings(server, deny=[{"org": "MITx"}])]))
                return translator(event)

            report = replay(letters, path, everything, translators={"xapi": translate})

        assert len(server.stored) == 2
        assert (report.delivered, dict(report.kept)) == (2, {"denied": 1})
        assert [each.event for each in letters] == [events[1]]

    def test_one_that_moves_and_inherits_gets_the_rest_at_its_new_address(self, tmp_path):
        """The next time: what was under way goes nowhere else."""
        letters = MemoryDeadLetters()
        fill(letters, *[letter(number) for number in range(4)])
        path = tmp_path / "consumers.json"
        with serving() as old, serving() as new:
            given = settings(old, batch={"max_size": 2})

            def move(server, connection, received):
                path.write_text(json.dumps([given | {"url": new.url, "inherits": [old.url]}]))
                return respond(400)(server, connection, received)

            path.write_text(json.dumps([given]))
            old.default = move
            report = replay(letters, path, everything)
            assert (len(old.requests), sorted(new.stored)) == (1, ["2", "3"])
            assert dict(report.kept) == {"in_trouble": 2}
            assert replay(letters, path, everything).is_done
            assert sorted(new.stored) == list("0123")

    def test_one_that_is_resumed_gets_the_rest(self, tmp_path):
        """The pause is no trouble of its receiver."""
        letters = MemoryDeadLetters()
        fill(letters, *[letter(number) for number in range(4)])
        path = tmp_path / "consumers.json"
        with serving() as server:
            given = settings(server, batch={"max_size": 2}, paused=True)
            path.write_text(json.dumps([given]))

            def chosen(found):
                if found.documents[0]["id"] == "2":
                    path.write_text(json.dumps([given | {"paused": False}]))
                return True

            report = replay(letters, path, chosen)

        assert (report.delivered, dict(report.kept)) == (2, {"paused": 2})
        assert sorted(server.stored) == ["2", "3"]

    def test_a_letter_that_has_waited_goes_out(self, monkeypatch):
        """Whoever drops letters need not wait until the end of all others."""
        monkeypatch.setattr("eventkit.router.replaying._LONGEST_WAIT", 0.0)
        letters = MemoryDeadLetters()
        fill(letters, *[letter(number) for number in range(3)])
        with serving() as server:
            replay(letters, [settings(server)], everything)

        assert [request.ids for request in server.requests] == [["0"], ["1"], ["2"]]
