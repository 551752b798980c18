"""Consumers: what a setting may be, and what a wrong one is answered with."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from eventkit.consumers import Auth, Batch, Consumer, Timeout, load_consumers
from eventkit.exceptions import ConfigurationError
from eventkit.router import Router, early_filter

SECRET = "hunter2-hunter2"
MINIMAL = {"id": "lrs", "protocol": "xapi", "url": "https://lrs.example.org/xapi"}
FULL = {
    "id": "adaptive-engine",
    "protocol": "xapi",
    "enabled": True,
    "url": "https://lrs.example.org/xapi",
    "auth": {"type": "basic", "username": "us", "password": {"env": "LRS_PASSWORD"}},
    "allow": [{"course": "course-v1:edX+*"}],
    "deny": [],
    "batch": {"max_size": 50, "max_wait": 0.5, "max_bytes": 2000},
    "timeout": 5,
    "headers": {"X-Tenant": "one"},
    "override": {"context": {"platform": "ours"}},
    "sensor": "https://lms.example.org",
}
EVENT = {"name": "play_video", "context": {"course_id": "course-v1:edX+D+1"}}


def refused(settings: Any) -> str:
    """The message with which *settings* are refused."""
    with pytest.raises(ConfigurationError) as caught:
        Consumer.from_dict(settings)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.__cause__) + repr(caught.value.__context__)
    return str(caught.value)


class TestConsumer:
    def test_defaults(self):
        """A consumer needs an id, a protocol and a URL; the rest has defaults."""
        consumer = Consumer.from_dict(MINIMAL)

        assert (True, Auth(), Batch(100, 0, 1_000_000), Timeout(10, 10, 10), {}, {}) == (
            consumer.enabled,
            consumer.auth,
            consumer.batch,
            consumer.timeout,
            consumer.headers,
            consumer.override,
        )
        assert consumer.accepts(EVENT)

    def test_every_key(self, monkeypatch):
        """All keys arrive where they belong, from a dict and as arguments alike."""
        monkeypatch.setenv("LRS_PASSWORD", SECRET)

        consumer = Consumer.from_dict(FULL)

        assert consumer == Consumer(**FULL)
        assert consumer.auth.values()["password"].reveal() == SECRET
        assert Batch(50, 0.5, 2000) == consumer.batch
        assert consumer.accepts(EVENT)
        assert not consumer.accepts({"name": "x", "context": {"course_id": "course-v1:MITx+D+1"}})

    def test_is_frozen_and_shares_nothing(self):
        """What a caller does to the settings afterwards does not matter."""
        override = {"context": {"platform": "a"}}
        consumer = Consumer.from_dict({**MINIMAL, "override": override})
        override["context"]["platform"] = "b"

        assert consumer.override == {"context": {"platform": "a"}}
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            consumer.url = "https://elsewhere.example"

    def test_evolves(self, monkeypatch):
        """A consumer can be copied with one setting changed, and is checked again."""
        monkeypatch.setenv("LRS_PASSWORD", SECRET)
        consumer = Consumer.from_dict(FULL)

        assert not attrs.evolve(consumer, enabled=False).enabled
        assert attrs.evolve(consumer, enabled=True) == consumer
        with pytest.raises(ConfigurationError, match="protocol"):
            attrs.evolve(consumer, protocol="scorm")

    def test_timeouts(self):
        """A timeout is a number, or parts of which the rest follows the total."""
        both = Consumer.from_dict({**MINIMAL, "timeout": {"connect": 1, "total": 7.5}})

        assert Timeout(1, 7.5, 7.5) == both.timeout

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"id": ""}, "id: expected a name of 1 to 100 characters, got ''"),
            ({"id": 7}, "id: expected a name of 1 to 100 characters, got 7"),
            ({"id": "two\nlines"}, "id: must be printable"),
            ({"protocol": "scorm"}, "protocol: expected one of 'xapi', 'caliper', got 'scorm'"),
            ({"enabled": "yes"}, "enabled: expected true or false, got 'yes'"),
            ({"enabled": None}, "enabled: nothing stands behind it (null); write a value, or"),
            ({"allow": None}, "allow: nothing stands behind it (null); write [] to allow nothing"),
            ({"deny": None}, "deny: nothing stands behind it (null); write [] or leave it out"),
            ({"url": None}, "url: nothing stands behind it (null)"),
            ({"auth": None}, "auth: nothing stands behind it (null)"),
            ({"batch": None}, "batch: nothing stands behind it (null)"),
            ({"batch": {"max_size": None}}, "batch.max_size: expected a whole number of documents"),
            ({"timeout": None}, "timeout: nothing stands behind it (null)"),
            ({"headers": None}, "headers: nothing stands behind it (null)"),
            (
                {"headers": {"X": None}},
                "headers.X: expected text, {env: NAME} or {file: PATH}, got",
            ),
            ({"override": None}, "override: nothing stands behind it (null)"),
            ({"id": None}, "id: nothing stands behind it (null)"),
            (
                {"allow": [None]},
                "allow.0: expected a rule: an object of fields and patterns, got no",
            ),
            ({"allow": [{"org": None}]}, "allow[0].org: nothing stands there (null)"),
            ({"deny": [{"org": ["x", None]}]}, "deny[0].org: nothing stands there (null)"),
            ({"deny": [{"event": "edx.froum.*"}]}, "did you mean 'edx.forum.*'?"),
            ({"deny": [{"event": "x", "unknown": "y"}]}, "deny.0.unknown: expected true or false"),
            ({"url": "lrs.example.org"}, "url: has no scheme; expected https://"),
            ({"url": "https:///xapi"}, "url: has no host"),
            ({"url": "https://lrs.example.org:port/"}, "url: host or port cannot be read"),
            ({"url": "https://lrs.example.org/x\r\nHost: y"}, "url: must not hold blanks"),
            ({"url": f"https://me:{SECRET}@lrs.example.org/"}, "url: must not hold credentials"),
            (
                {"url": f"https://lrs.example.org/?key={SECRET}"},
                "url: an LRS endpoint has no query",
            ),
            ({"url": 5}, "url: expected a URL: https://..., http://..., file:"),
            ({"auth": "basic"}, "auth: expected an object whose type is none, basic or bearer"),
            ({"auth": {"type": "digest"}}, "auth.type: expected one of 'none', 'basic', 'bearer'"),
            ({"auth": {"type": "basic", "username": "u"}}, "auth.password is missing"),
            ({"auth": {"type": "bearer", "tokn": SECRET}}, "did you mean 'token'?"),
            ({"auth": {"type": "bearer", "token": [SECRET]}}, "{env: NAME} or {file: PATH}, got"),
            ({"auth": {"type": "bearer", "token": {"envv": SECRET}}}, "auth.token: expected text"),
            ({"auth": {"type": "bearer", "token": f"{SECRET}\r\nX: y"}}, "auth.token: must be one"),
            (
                {"auth": {"type": "basic", "username": "a:b", "password": SECRET}},
                "auth.username: must not hold a colon",
            ),
            ({"allow": {"event": "x"}}, "allow: expected a list of rules"),
            ({"allow": [{"evnt": "x"}]}, "allow"),
            ({"batch": {"max_size": 0}}, "batch.max_size: expected a whole number of documents"),
            ({"batch": {"max_sise": 5}}, "'batch.max_sise'; did you mean 'max_size'?"),
            ({"batch": {"max_size": 2.5}}, "batch.max_size: expected a whole number"),
            ({"batch": {"max_wait": float("nan")}}, "batch.max_wait: expected a number of seconds"),
            ({"batch": 100}, "batch: expected an object with max_size"),
            ({"timeout": 0}, "timeout: expected a number of seconds above 0"),
            ({"timeout": float("inf")}, "timeout: expected a number of seconds above 0"),
            ({"timeout": True}, "timeout: expected a number of seconds above 0"),
            ({"headers": {"X": 5}}, "headers.X: expected text"),
            ({"headers": {"X-A": f"{SECRET}\r\nX-B: c"}}, "headers.X-A: must be one line"),
            ({"headers": {"X-A\r\nX-B": "c"}}, "is no header name"),
            ({"headers": {"X-A\n": "c"}}, "is no header name"),
            ({"headers": {"X-A": "\u20ac"}}, "headers.X-A: holds characters"),
            ({"headers": {"content-length": "3"}}, "headers: content-length is set by eventkit"),
            ({"headers": {"Host": "cdn.evil"}}, "headers: Host is set by eventkit itself"),
            ({"headers": {"X_Forwarded_Host": "a"}}, "headers: X_Forwarded_Host is set by"),
            ({"headers": {"X-HTTP-Method-Override": "DELETE"}}, "is set by eventkit itself"),
            ({"headers": {"X-Original-URL": "/admin"}}, "headers: X-Original-URL is set by"),
            ({"headers": {"Proxy-Authorization": "a"}}, "headers: Proxy-Authorization is set by"),
            ({"headers": {"Accept-Encoding": "gzip"}}, "headers: Accept-Encoding is set by"),
            ({"headers": {"Upgrade": "h2c"}}, "headers: Upgrade is set by eventkit itself"),
            (
                {"headers": {"AUTHORIZATION": "x"}, "auth": {"type": "bearer", "token": SECRET}},
                "set by auth too",
            ),
            ({"headers": {"X-A": "1", "x-a": "2"}}, "headers: X-A and x-a are one header"),
            ({"override": {"a": [{"b": float("nan")}]}}, "override.a.0.b: JSON has no such value"),
            ({"override": {"a": {5: 1}}}, "a key is int and no text; write it in quotes"),
            ({"override": {"id": "one"}}, "override.id: documents keep their own ids"),
            ({"override": [1]}, "override: expected an object that is merged into every document"),
            ({"ulr": "x"}, "unknown key 'ulr'; did you mean 'url'?"),
            ({"colour": "x"}, "unknown key 'colour'; known here: allow, auth, batch"),
        ],
    )
    def test_wrong_setting(self, change, message):
        """A wrong setting is refused with consumer, key, what was given and what would be right."""
        settings = {**MINIMAL, **change}
        found = refused(settings)

        assert message in found
        if isinstance(settings["id"], str) and settings["id"]:
            assert f"consumer {settings['id']!r}: " in found

    @pytest.mark.parametrize("key", ["id", "protocol", "url"])
    def test_missing_key(self, key):
        """A key that is needed and not there is named."""
        settings = {name: value for name, value in MINIMAL.items() if name != key}

        assert f"{key} is missing" in refused(settings)

    @pytest.mark.parametrize("settings", [None, "lrs", 5, ["id"]])
    def test_no_object(self, settings):
        """Anything but an object is refused."""
        assert "expected an object" in refused(settings)

    def test_several_mistakes_are_named_together(self):
        """Nobody has to start five times to correct five mistakes."""
        found = refused({**MINIMAL, "ulr": "x", "timeout": -1, "enabled": "no"})

        assert "ulr" in found
        assert "timeout" in found
        assert "enabled" in found


BARE = "http://lrs.example.org/xapi"
BASIC = {"type": "basic", "username": "u", "password": SECRET}


class TestPlainHTTP:
    """Whoever is on the way reads what goes over plain http."""

    @pytest.mark.parametrize(
        "change",
        [
            {"auth": BASIC},
            {"auth": {"type": "bearer", "token": SECRET}},
            {"auth": BASIC, "enabled": False},
            {"headers": {"Authorization": SECRET}},
            {"headers": {"X-Api-Key": SECRET}},
            {"headers": {"Cookie": SECRET}},
            {"headers": {"X-Tenant": {"env": "HOME"}}},
            {"protocol": "caliper", "url": f"{BARE}?access_token={SECRET}"},
            *(
                {"auth": BASIC, "url": url}
                for url in (
                    "HTTP://lrs.example.org/xapi",
                    "http://10.0.0.1/xapi",
                    "http://0.0.0.0:80/",
                    "http://localhost.example.org/",
                    "http://127.0.0.1.example.org/",
                    "http://127.1/",
                    "http://[2001:db8::1]/",
                    "http://notlocalhost/",
                )
            ),
        ],
    )
    def test_takes_no_credentials_along(self, change):
        """They are refused with the setting that allows them, and `doubts` tells of it then."""
        settings = {**MINIMAL, "url": BARE, **change}

        assert "would go over http" in refused(settings)
        assert "'plain_http: true'" in refused(settings)
        allowed = Consumer.from_dict({**settings, "plain_http": True})
        [doubt] = allowed.doubts()
        assert doubt.startswith("plain_http: ")
        assert SECRET not in doubt

    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"headers": {"X-Tenant": "one"}},
            {"protocol": "caliper", "url": f"{BARE}?v=1"},
            {"auth": BASIC, "url": "https://lrs.example.org/xapi"},
            *(
                {"auth": BASIC, "url": url}
                for url in (
                    "http://localhost:8000/",
                    "http://LOCALHOST./",
                    "http://lrs.localhost/",
                    "http://127.0.0.1:1/",
                    "http://127.8.9.10/",
                    "http://[::1]:80/",
                    "http://[::ffff:127.0.0.1]/",
                )
            ),
        ],
    )
    def test_is_good_enough_without_or_on_one_machine(self, change):
        """Nothing is to be said about it, whether it is allowed or not."""
        assert Consumer.from_dict({**MINIMAL, "url": BARE, **change}).doubts() == []
        assert Consumer.from_dict({**MINIMAL, **change, "plain_http": True}).doubts() == []


class TestSecrets:
    def test_never_show(self, monkeypatch):
        """Neither `repr` nor `str` nor attrs' own dictionary shows a secret."""
        monkeypatch.setenv("LRS_PASSWORD", SECRET)
        settings = {
            **MINIMAL,
            "auth": {"type": "basic", "username": "us", "password": SECRET},
            "headers": {"X-Api-Key": SECRET},
        }
        consumer = Consumer.from_dict(settings)

        shown = [repr(consumer), str(consumer), repr(attrs.asdict(consumer)), f"{consumer.auth}"]

        assert SECRET not in "".join(shown)
        assert "X-Api-Key" in repr(consumer)

    def test_from_a_file_is_read_again(self, tmp_path):
        """A secret in a file is the one that stands there now."""
        (tmp_path / "token").write_text("first\n")
        auth = {"type": "bearer", "token": {"file": str(tmp_path / "token")}}
        consumer = Consumer.from_dict({**MINIMAL, "auth": auth})
        (tmp_path / "token").write_text("second\n")

        assert consumer.auth.values()["token"].reveal() == "second"

    def test_unset_stops_an_enabled_consumer_only(self, monkeypatch):
        """A missing variable stops the boot, unless the consumer gets nothing anyway."""
        monkeypatch.delenv("LRS_PASSWORD", raising=False)

        found = refused(FULL)
        disabled = Consumer.from_dict({**FULL, "enabled": False})

        assert "consumer 'adaptive-engine': auth.password" in found
        assert "LRS_PASSWORD is not set" in found
        assert not disabled.enabled
        with pytest.raises(ConfigurationError, match="LRS_PASSWORD"):
            attrs.evolve(disabled, enabled=True)

    def test_header_from_the_environment(self, monkeypatch):
        """The value of a header may come from the environment, and must fit a header there too."""
        settings = {**MINIMAL, "headers": {"X-Key": {"env": "X_KEY"}}}
        monkeypatch.setenv("X_KEY", SECRET)
        assert Consumer.from_dict(settings).header_values()["X-Key"].reveal() == SECRET

        monkeypatch.setenv("X_KEY", f"{SECRET}\nX-Other: 1")
        assert "headers.X-Key: must be one line" in refused(settings)


class TestLoad:
    @pytest.mark.parametrize("wrap", [list, lambda items: {"consumers": items}])
    @pytest.mark.parametrize("suffix", [".json", ".yaml", ".yml", ".JSON"])
    def test_file(self, tmp_path, suffix, wrap):
        """A file holds a list, or an object with one; JSON is YAML too."""
        path = tmp_path / f"consumers{suffix}"
        path.write_text(json.dumps(wrap([MINIMAL])))

        expected = (Consumer.from_dict(MINIMAL),)

        assert expected == load_consumers(path)
        assert expected == load_consumers(str(path))

    def test_yaml_as_people_write_it(self, tmp_path):
        """The block style of the documentation is read."""
        path = tmp_path / "consumers.yaml"
        path.write_text(
            "- id: one\n  protocol: caliper\n  url: file:/tmp/x.jsonl\n"
            "  auth: {type: none}\n  batch:\n    max_wait: 2\n"
        )

        (consumer,) = load_consumers(path)

        assert ("caliper", 2) == (consumer.protocol, consumer.batch.max_wait)

    def test_list_of_both_kinds(self):
        """Settings and consumers may stand side by side, in their order."""
        other = Consumer.from_dict({**MINIMAL, "id": "other"})

        assert ["lrs", "other"] == [found.id for found in load_consumers([MINIMAL, other])]
        assert ["lrs"] == [found.id for found in load_consumers({"consumers": (MINIMAL,)})]
        assert load_consumers([]) == ()

    def test_registry(self):
        """Anything with a method `consumers` will do."""

        class Table:
            def consumers(self) -> list[dict[str, Any]]:
                return [MINIMAL]

        assert ["lrs"] == [found.id for found in load_consumers(Table())]

    def test_equal_ids(self):
        """Two consumers with one id are refused."""
        with pytest.raises(ConfigurationError, match="consumer 'lrs': id is used twice"):
            load_consumers([MINIMAL, MINIMAL])

    def test_place_of_a_nameless_consumer(self):
        """A consumer without id is found by its place."""
        with pytest.raises(ConfigurationError, match="#2: a consumer without id: id is missing"):
            load_consumers([MINIMAL, {"protocol": "xapi", "url": "log:x"}])

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("c.json", b"[{]", "is not JSON: .* line 1, column 3"),
            ("c.json", b"[" * 100_000, "nested too deeply"),
            ("c.json", b"\xff[]", "byte 0 is not UTF-8"),
            ("c.json", b"5", "expected a list of consumers, or an object"),
            ("c.json", b'{"consumer": []}', "'consumer' .*did you mean 'consumers'"),
            ("c.yaml", b"", "expected a list of consumers"),
            ("c.yaml", b"a: [1", "is not YAML: .* line"),
            ("c.yaml", b"a: !!python/object/apply:os.abort []", "is not YAML"),
            ("c.yaml", f"- token: *{SECRET}".encode(), "is not YAML: found undefined alias"),
            ("c.toml", b"", "ends in .json, .yaml or .yml, not in '.toml'"),
        ],
    )
    def test_bad_file(self, tmp_path, name, content, message):
        """A file that cannot be used is named, with the place, and nothing of it is quoted."""
        path = tmp_path / name
        path.write_bytes(content)

        with pytest.raises(ConfigurationError, match=message) as caught:
            load_consumers(path)

        assert str(path) in str(caught.value)
        assert SECRET not in str(caught.value)

    @pytest.mark.parametrize(
        ("content", "key", "lines"),
        [
            ("- id: a\n  deny: [{org: x}]\n  url: u\n  deny: []\n", "deny", (2, 4)),
            ("consumers: []\nconsumers: []\n", "consumers", (1, 2)),
            ("- {id: a, 'id': b}", "id", (1, 1)),
            ("- id: a\n  auth:\n    type: none\n    type: basic\n", "type", (3, 4)),
            ("- allow:\n  - org: a\n    user: b\n    org: c\n", "org", (2, 4)),
            ("- headers: &h {A: b}\n- headers: {A: c,\n    A: d}\n  x: *h\n", "A", (2, 3)),
            ("- override: {a: {b: [{c: 1}, {c: 2,\n\n c: 3}]}}\n", "c", (1, 3)),
            ("- a: &a {x: 1}\n- <<: *a\n  <<: *a\n", "<<", (2, 3)),
            ('[{"id": "a",\n"deny": [],\n"x": 1,\n"deny": []}]', "deny", (2, 4)),
            ('{"consumers": [], "consumers": []}', "consumers", (1, 1)),
            ('[{"d\\u0065ny": [],\n"x": ":{\\"deny\\"",\n "deny": []}]', "deny", (1, 3)),
            ('[{"a": {"b": [{"c": 1}, {"c": {"c": 1},\n\n"c": 2}]}}]', "c", (1, 3)),
        ],
    )
    def test_a_key_that_stands_twice(self, tmp_path, content, key, lines):
        """One of them would vanish, a rule that denies say; the error names both places."""
        path = tmp_path / ("consumers.json" if '"' in content else "consumers.yaml")
        path.write_text(content)

        with pytest.raises(ConfigurationError) as caught:
            load_consumers(path)

        first, second = lines
        told = f"line {first} and at line {second}" if first != second else f"line {first}"
        assert f"the key {key!r} stands twice in one object, at {told}; " in str(caught.value)

    def test_a_tab_is_called_so(self, tmp_path):
        path = tmp_path / "consumers.yaml"
        path.write_text("- id: a\n\tprotocol: xapi\n")

        with pytest.raises(ConfigurationError, match="a tab, which YAML does not take there"):
            load_consumers(path)

    @pytest.mark.parametrize("suffix", ["json", "yaml"])
    def test_one_key_in_several_objects(self, tmp_path, suffix):
        """Every object has keys of its own, and texts are no keys."""
        second = {**MINIMAL, "id": "id", "override": {"id_": {"id": ["id", {"id": "id:id"}]}}}
        path = tmp_path / f"consumers.{suffix}"
        path.write_text(json.dumps([MINIMAL, second], indent=1))

        assert [found.id for found in load_consumers(path)] == ["lrs", "id"]

    @pytest.mark.parametrize("user", ["0x1F", "012", "1_0", "12:30", "0b11", "+83", "-0", "-012"])
    def test_numbers_that_are_others_to_yaml(self, tmp_path, user):
        """A rule that denies the user 0x1F would deny the user 31; the error names the line."""
        path = tmp_path / "consumers.yaml"
        rule = "- id: one\n  protocol: xapi\n  url: 'log:x'\n  deny:\n  - user: [83, {}]\n"
        path.write_text(rule.format(user))
        with pytest.raises(ConfigurationError, match=r"at line 5 is a number to YAML.* in quotes"):
            load_consumers(path)

        path.write_text(rule.format(f'"{user}"'))
        [consumer] = load_consumers(path)
        for name, is_let_through in ((user, False), ("31", True)):
            event = {"name": "play_video", "context": {"username": name}}
            assert consumer.accepts(event) is is_let_through

    def test_thousands_of_yaml(self, tmp_path):
        path = tmp_path / "consumers.yaml"
        path.write_text(
            "- {id: a, protocol: xapi, url: 'https://x.org', batch: {max_bytes: 2_000_000}}"
        )

        assert load_consumers(path)[0].batch.max_bytes == 2_000_000

    def test_merged_keys_of_yaml(self, tmp_path):
        """What is merged in gives way to what stands there, as YAML says; this is no key twice."""
        path = tmp_path / "consumers.yaml"
        path.write_text(
            "- &first {id: one, protocol: xapi, url: 'log:x', deny: [{org: edX}]}\n"
            "- {<<: *first, id: two}\n"
            "- {<<: [*first, {enabled: false}], id: three, deny: []}\n"
        )

        one, two, three = load_consumers(path)

        assert one.deny == two.deny == [{"org": "edX"}]
        assert ([], False, "log:x") == (three.deny, three.enabled, three.url)

    @pytest.mark.parametrize("key", ["allow", "deny"])
    def test_a_key_with_nothing_behind_it(self, tmp_path, key):
        """A list that was commented out must not open everything; `[]` and no key at all differ."""
        path = tmp_path / "consumers.yaml"
        path.write_text(f"- id: a\n  protocol: xapi\n  url: log:x\n  {key}:\n  # - org: edX\n")

        class Table:
            def consumers(self):
                return [{**MINIMAL, key: None}]

        for source in (path, Table(), [{**MINIMAL, key: None}]):
            with pytest.raises(ConfigurationError, match=rf"{key}: nothing .*write \[\].*leave it"):
                load_consumers(source)
            with pytest.raises(ConfigurationError, match=f"{key}: nothing"):
                early_filter(consumers=source, reload=None)

    @pytest.mark.parametrize("name", ["consumers.json", "consumers.yaml"])
    def test_what_is_no_file(self, tmp_path, name):
        """Neither a folder nor a pipe that nobody writes to holds anybody up."""
        path = tmp_path / name
        path.mkdir()
        with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
            load_consumers(path)
        path.rmdir()
        os.mkfifo(path)
        with pytest.raises(ConfigurationError, match="cannot be read: it is no regular file"):
            load_consumers(path)
        with pytest.raises(ConfigurationError, match="cannot be read: "):
            load_consumers(f"{tmp_path}/a\0.json")
        with pytest.raises(ConfigurationError, match="cannot be read: "):
            Router(f"{tmp_path}/a\0.json")

    def test_missing_file(self, tmp_path):
        """A file that is not there is an error of configuration."""
        with pytest.raises(ConfigurationError, match=r"none\.json: cannot be read: No such file"):
            load_consumers(tmp_path / "none.json")

    @pytest.mark.parametrize("source", [None, 5, [5], ["x"], b"x"])
    def test_no_consumers_at_all(self, source):
        """Anything else is refused."""
        with pytest.raises(ConfigurationError, match="expected"):
            load_consumers(source)

    def test_yaml_is_an_extra(self, tmp_path, monkeypatch):
        """Without PyYAML the error names the extra."""
        monkeypatch.setitem(sys.modules, "yaml", None)
        path = tmp_path / "c.yaml"
        path.write_text("[]")

        with pytest.raises(ConfigurationError, match=r"pip install 'openedx-eventkit\[yaml\]'"):
            load_consumers(path)


def test_schema_is_a_schema_and_accepts_files():
    """The shipped schema is valid, and agrees with the code on whole files."""
    from jsonschema import Draft202012Validator

    import eventkit.consumers

    path = Path(eventkit.consumers.consumer.__file__).parent / "consumers.json"
    schema = json.loads(path.read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)

    assert validator.is_valid([FULL, MINIMAL])
    assert validator.is_valid({"consumers": [FULL]})
    assert not validator.is_valid({"consumers": [{**FULL, "x": 1}]})
    assert not validator.is_valid(FULL)


@pytest.mark.parametrize(
    ("auth", "told"),
    [
        (
            {"type": "Basic", "username": "a", "password": "hunter2"},
            "got text; did you mean 'basic'?",
        ),
        ({"type": "BEARER", "token": "hunter2"}, "got text; did you mean 'bearer'?"),
        (
            {"type": "basic", "username": "a", "password": {"evn": "hunter2"}},
            "{file: PATH}, got an object; did you mean 'env'?",
        ),
        ({"type": "bearer", "token": {"File": "hunter2"}}, "got an object; did you mean 'file'?"),
    ],
)
def test_what_was_meant_is_said_and_what_was_given_is_not(auth, told):
    with pytest.raises(ConfigurationError) as caught:
        Consumer(id="a", protocol="xapi", url="https://lrs.example.org", auth=auth)

    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["$LRS_PASSWORD", "${LRS_PASSWORD}", "%LRS_PASSWORD%", "{{ it }}"])
def test_a_secret_that_looks_like_a_variable_is_doubtful(text):
    basic = {"type": "basic", "username": "a", "password": text}
    url = "https://lrs.example.org"
    [first] = Consumer(id="a", protocol="xapi", url=url, auth=basic).doubts()
    [second] = Consumer(id="a", protocol="xapi", url=url, headers={"X-Key": text}).doubts()

    assert first.startswith("auth.password: it looks like a variable")
    assert second.startswith("headers.X-Key: it looks like a variable")
    assert text not in first + second


def test_secrets_that_look_like_secrets_are_not_doubtful():
    for text in ("pa$$word", "$2b$12$abc", "50%", "${", "a{{b}}"):
        basic = {"type": "basic", "username": "a", "password": text}
        url = "https://lrs.example.org"
        assert Consumer(id="a", protocol="xapi", url=url, auth=basic).doubts() == []


def test_an_endpoint_that_names_what_is_below_it_is_doubtful():
    def doubts(protocol, path):
        url = f"https://lrs.example.org{path}"
        return Consumer(id="a", protocol=protocol, url=url).doubts()

    for path in ("/xapi/statements", "/statements/"):
        [doubt] = doubts("xapi", path)
        assert "leave /statements out" in doubt
    assert doubts("xapi", "/xapi/statements/x") == doubts("caliper", "/statements") == []
