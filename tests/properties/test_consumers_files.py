"""Whatever a consumers file holds: consumers come out of it, or an error of configuration."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventkit.consumers import Consumer, load_consumers
from eventkit.exceptions import ConfigurationError
from eventkit.router import Router

KEYS = st.sampled_from(
    [
        *("id", "protocol", "url", "enabled", "auth", "allow", "deny", "batch", "timeout"),
        *("headers", "override", "sensor", "plain_http", "type", "username", "password", "token"),
        *("env", "file", "max_size", "max_wait", "max_bytes", "connect", "read", "total"),
        *("event", "course", "org", "user", "site", "activity_type", "data.x", "unknown", "X-Key"),
    ]
)
WORDS = st.sampled_from(
    [
        *("xapi", "caliper", "https://lrs.example.org/xapi", "http://a.example", "log:x"),
        *("file:/x", "http://127.0.0.1:1/", "https://[", "http://[::1]:99999", "//", "x:"),
        *("none", "basic", "bearer", "*", "re:a", "re:(", "play_video", "edX", "\ud800", "\x00"),
        *("a\r\nb", "\x1b[31m", "é", " ", "", "HOME", "/", ".", "=", "<<", "9" * 30),
    ]
)
SCALARS = (
    WORDS
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([10**400, -(10**30), 1e300, 100.0, 0, 1])
    | st.text(max_size=5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
CONSUMERS = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["a", "b"]) | SCALARS,
        "protocol": st.sampled_from(["xapi", "caliper"]) | SCALARS,
        "url": WORDS,
    },
    optional=dict.fromkeys(
        (
            "enabled",
            "auth",
            "allow",
            "deny",
            "batch",
            "timeout",
            "headers",
            "override",
            "sensor",
            "plain_http",
            "more",
        ),
        VALUES,
    ),
)
DOCUMENTS = st.lists(CONSUMERS, max_size=2) | VALUES
YAML = st.lists(
    st.sampled_from(
        [
            *("- ", ": ", "\n", "  ", "&a ", "*a", "<<: ", "!!", "? ", "| ", "> ", "{", "}", "["),
            *(
                "]",
                ", ",
                "'",
                '"',
                "#",
                "%",
                "@",
                "---\n",
                "...\n",
                "\t",
                "id",
                "allow",
                "~",
                "null",
            ),
            *(
                "!!python/object/apply:os.getcwd []",
                "!!binary ",
                "!!timestamp ",
                "!!int ",
                "!!bool ",
            ),
            *("!!float ", "!!set ", "!!omap ", "!!pairs ", "!!null ", "!x ", "2024-01-01", "0x1f"),
            *("1:60:00", ".nan", ".inf", "1e400", "yes", "=", "2024-99-99", "\ufeff", "\x85", "é"),
            *("- id: a\n  protocol: xapi\n  url: log:x\n", "  deny:\n", "  deny: []\n"),
        ]
    ),
    max_size=14,
).map("".join)


def check(path: Any, content: bytes) -> None:
    path.write_bytes(content)
    found: tuple[Consumer, ...] = ()
    said = ""
    try:
        found = load_consumers(path)
    except ConfigurationError as error:
        said = str(error)
    assert not said or said.startswith(f"{path}: ")
    for consumer in found:
        assert consumer.accepts({"name": "x"}) in (True, False)
        assert consumer.doubts() is not None
        json.dumps(consumer.override).encode()
        repr(consumer)


one_file = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(content=st.binary(max_size=200), suffix=st.sampled_from([".json", ".yaml"]))
@one_file
def test_any_bytes(tmp_path: Any, content: bytes, suffix: str) -> None:
    check(tmp_path / f"consumers{suffix}", content)


@given(document=DOCUMENTS, suffix=st.sampled_from([".json", ".yaml"]))
@one_file
def test_any_document(tmp_path: Any, document: Any, suffix: str) -> None:
    check(tmp_path / f"consumers{suffix}", json.dumps(document).encode())


@given(text=YAML)
@one_file
def test_any_yaml(tmp_path: Any, text: str) -> None:
    check(tmp_path / "consumers.yaml", text.encode())


@given(document=DOCUMENTS | st.lists(st.dictionaries(SCALARS, SCALARS, max_size=3), max_size=2))
@one_file
def test_any_objects(document: Any) -> None:
    """Settings that a program gives instead of a file, and by arguments."""
    with suppress(ConfigurationError):
        load_consumers(document)
    for item in document if isinstance(document, list) else ():
        if isinstance(item, dict) and all(isinstance(key, str) for key in item):
            known = {key: item[key] for key in item if key in Consumer.__annotations__}
            with suppress(ConfigurationError):
                Consumer(**{"id": "a", "protocol": "xapi", "url": "log:x", **known})


ODD_FILES = {
    "empty": b"",
    "a byte order mark": b"\xef\xbb\xbf[]",
    "utf-16": "[]".encode("utf-16"),
    "utf-16 without a mark": "[]".encode("utf-16-le"),
    "deep lists": b"[" * 200_000,
    "deep and closed": b"[" * 900 + b"]" * 900,
    "deep objects": b'{"consumers": ' * 5000 + b"1" + b"}" * 5000,
    "a huge number": b'[{"id": ' + b"9" * 5000 + b"}]",
    "a large number": b'[{"id": ' + b"9" * 4000 + b"}]",
    "not a number": b'[{"id": NaN, "protocol": "xapi", "url": "log:x"}]',
    "infinite": b'[{"id": "a", "protocol": "xapi", "url": "log:x", "timeout": Infinity}]',
    "a lone surrogate": b'[{"id": "\\ud800", "protocol": "xapi", "url": "log:x"}]',
    "a surrogate in override": (
        b'[{"id": "a", "protocol": "xapi", "url": "log:x", "override": {"a": ["\\ud800"]}}]'
    ),
    "a surrogate as a variable": (
        b'[{"id": "a", "protocol": "xapi", "url": "log:x", "headers": {"X": {"env": "\\ud800"}}}]'
    ),
    "a null byte in a path": (
        b'[{"id": "a", "protocol": "xapi", "url": "log:x", "headers": {"X": {"file": "\\u0000"}}}]'
    ),
    "a secret without end": (
        b'[{"id": "a", "protocol": "xapi", "url": "log:x", "headers": {"K": {"file":"/dev/zero"}}}]'
    ),
    "lists of lists": b"[[], [[]]]",
}
ODD_YAML = {
    "a date": b"- {id: 2024-01-01, protocol: xapi, url: 'log:x'}",
    "a date in override": b"- {id: a, protocol: xapi, url: 'log:x', override: {t: 2024-01-01}}",
    "a date as a pattern": b"- {id: a, protocol: xapi, url: 'log:x', allow: [{org: 2024-01-01}]}",
    "bytes": b"- {id: !!binary aGk=, protocol: xapi, url: 'log:x'}",
    "a set": b"- {id: a, protocol: xapi, url: 'log:x', override: {x: !!set {a, b}}}",
    "no bool": b"- {id: !!bool maybe}",
    "no int": b"- {id: !!int ''}",
    "no float": b"- {id: !!float x}",
    "no time": b"- {id: !!timestamp x}",
    "a huge hexadecimal": b"- {id: 0x" + b"f" * 9000 + b"}",
    "numbers for keys": b"- {1: a}",
    "truth for a key": b"- {id: a, protocol: xapi, url: 'log:x', override: {on: 1}}",
    "an object for a key": b"- {{a: b}: c}",
    "itself": b"&a [*a]",
    "itself, merged": b"&a {<<: *a}",
    "two documents": b"[]\n---\n[]\n",
    "code": b"- !!python/object/apply:os.system [echo]",
    "a bomb": b"a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + b"".join(
        b"%c: &%c [%s]\n" % (97 + n, 97 + n, b", ".join([b"*%c" % (96 + n)] * 10))
        for n in range(1, 12)
    ),
    "a bomb of merged keys": b"a: &a {x: 1}\n"
    + b"".join(
        b"%c: &%c {<<: [%s]}\n" % (97 + n, 97 + n, b", ".join([b"*%c" % (96 + n)] * 10))
        for n in range(1, 12)
    ),
    "a chain of deep aliases": b"a0: &a0 "
    + b"[" * 40
    + b"]" * 40
    + b"\n"
    + b"".join(b"a%d: &a%d %s*a%d%s\n" % (n, n, b"[" * 40, n - 1, b"]" * 40) for n in range(1, 40)),
}


@pytest.mark.parametrize("suffix", ["json", "yaml"])
@pytest.mark.parametrize("content", ODD_FILES.values(), ids=ODD_FILES)
def test_odd_files(tmp_path: Any, content: bytes, suffix: str) -> None:
    """Each is refused or read, in a moment, and by nothing but one kind of error."""
    check(tmp_path / f"consumers.{suffix}", content)


@pytest.mark.parametrize("content", ODD_YAML.values(), ids=ODD_YAML)
def test_odd_yaml(tmp_path: Any, content: bytes) -> None:
    path = tmp_path / "consumers.yaml"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError):
        load_consumers(path)
    with pytest.raises(ConfigurationError):
        Router(path)
