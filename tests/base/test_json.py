"""What is read and written must not depend on whether the extra ``fast`` is installed."""

import datetime as dt
import importlib.util
import json
import struct
import sys
import uuid
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eventkit import (
    CaliperTranslator,
    EventParseError,
    HMACIdentity,
    XAPITranslator,
    parse_line,
)
from eventkit.base import json as both
from eventkit.testing import golden_cases

orjson = pytest.importorskip("orjson", reason="needs the extra fast")
msgspec = pytest.importorskip("msgspec", reason="needs the extra fast")

CASES = golden_cases(Path(__file__).parents[1] / "golden")


class Colour(Enum):
    """Something that is no JSON by itself."""

    RED = "red"
    GREEN = 2


class Word(str):
    """A text that is more than a text."""

    __slots__ = ()


@dataclass
class Point:
    """Something that orjson would write if it was let."""

    x: int = 1


floats = (
    st.floats()
    | st.builds(
        lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0], st.integers(0, 2**64 - 1)
    )
    | st.sampled_from([1e-4, 1e-5, 9.999e-5, 1.25e-5, -1e-5, 1e-7, 5e-324, 1e15, 1e16, 1e22, -0.0])
)
integers = st.integers() | st.sampled_from([2**63, -(2**63) - 1, 2**64 - 1, 2**64, 10**40, 0])
texts = st.text(st.characters(), max_size=20) | st.sampled_from(
    ["null", "1e-07", "x 1e-05,", '"', "\\", "\ud800", "\ud83d\ude00", "\x00\x1f\x7f\u2028", "é😀"]
)
scalars = st.none() | st.booleans() | integers | floats | texts
objects = st.sampled_from(
    [
        Colour.RED,
        Colour.GREEN,
        uuid.UUID(int=5),
        Word("w"),
        Point(),
        object(),
        {1},
        (1, 2),
        b"x",
        dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
        dt.date(2025, 1, 1),
    ]
)
documents = st.recursive(
    scalars | objects,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(texts | integers | floats | st.none(), inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)


def outcome(function, *arguments):
    """Give what a function gives, with its type, or which kind of error it raises."""
    try:
        value = function(*arguments)
    except RecursionError:
        return "RecursionError"
    except (ValueError, TypeError) as error:
        return type(error).__name__, str(error)
    return repr(value)


def nested(depth, opening="[", closing="]"):
    return opening * depth + closing * depth


class TestWriting:
    """`dumps` with and without orjson."""

    def test_the_quick_ways_are_in_use(self):
        """With the extra installed it is in use; otherwise nothing would be tested."""
        assert both.dumps is not both._dumps
        assert both.quick_loads is not None

    @given(documents)
    @example({"a": float("nan")})
    @example([1e-05, 1.5e-07, -2e-05, "1e-05", {"1e-05": 1e-10}])
    def test_agree_on_anything(self, document):
        """Both ways give the same bytes, or the same error."""
        assert outcome(both.dumps, document) == outcome(both._dumps, document)

    @given(floats)
    def test_agree_on_every_float(self, number):
        """Both ways write the same number, in the same way."""
        assert outcome(both.dumps, {"n": number}) == outcome(both._dumps, {"n": number})

    @given(documents)
    def test_what_is_written_is_read_back(self, document):
        """What is written is one line of UTF-8 that says what the standard library says."""
        try:
            expected = json.loads(json.dumps(document, allow_nan=False, default=both._default))
        except (ValueError, TypeError, RecursionError):
            return

        written = both.dumps(document)

        assert b"\n" not in written
        assert json.loads(written) == expected

    @pytest.mark.parametrize(
        ("document", "written"),
        [
            ({"a": [1, 2.5, None, True, "é"]}, '{"a":[1,2.5,null,true,"é"]}'.encode()),
            ([1e16, 1e-4, 1e-5, -1.5e-7, 1e-10], b"[1e+16,0.0001,0.00001,-1.5e-7,1e-10]"),
            ([0.0000125, 5e-324], b"[0.0000125,5e-324]"),
            (["1e-05", "a 1.5e-07"], b'["1e-05","a 1.5e-07"]'),
            ("\ud800", b'"\\ud800"'),
            ("\ud83d\ude00", b'"\\ud83d\\ude00"'),
            ("\x00\x1f\x7f\n", b'"\\u0000\\u001f\x7f\\n"'),
            (2**70, b"1180591620717411303424"),
            ({1: 2, None: 3}, b'{"1":2,"null":3}'),
            (uuid.UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
            (Colour.GREEN, b"2"),
        ],
    )
    def test_how_it_looks(self, document, written):
        """The form is pinned, for the same id must mean the same bytes for ever."""
        assert both.dumps(document) == written
        assert both._dumps(document) == written

    @pytest.mark.parametrize(
        "document",
        [float("nan"), [float("inf")], {"a": -float("inf")}, {1, 2}, object(), b"x", Point()],
    )
    def test_what_is_no_json_is_refused(self, document):
        """Not-a-number would be null to orjson, and a receiver would be told what is not so."""
        for write in (both.dumps, both._dumps):
            with pytest.raises((ValueError, TypeError)):
                write(document)

    def test_what_holds_itself_is_refused(self):
        """A document that holds itself has no end."""
        endless = []
        endless.append(endless)

        assert outcome(both.dumps, endless) == outcome(both._dumps, endless)

    @pytest.mark.parametrize("depth", [10, 250, 260, 500])
    def test_nesting(self, depth):
        """What is nested deeper than orjson writes is written all the same."""
        document = json.loads(nested(depth))

        assert both.dumps(document) == nested(depth).encode()

    def test_golden_documents(self):
        """All documents of the golden cases are the same bytes both ways."""
        for path in CASES:
            case = json.loads(path.read_text("utf-8"))
            for document in (*(case["xapi"] or ()), *(case["caliper"] or ())):
                assert both.dumps(document) == both._dumps(document)


HOSTILE = [
    b'{"name":"x","n":NaN}',
    b'{"name":"x","n":Infinity}',
    b'{"name":"x","n":1e999}',
    b'{"name":"x","n":-0}',
    b'{"name":"x","n":-0.0}',
    b'{"name":"x","n":1e16,"m":1E-5,"k":0.1e1}',
    b'{"name":"x","n":18446744073709551615}',
    b'{"name":"x","n":18446744073709551616}',
    b'{"name":"x","n":-9223372036854775809}',
    b'{"name":"x","n":123456789012345678901234567890}',
    b'{"name":"x","n":-1234567890123456789}',
    b'{"name":"x","n":' + b"1" * 400 + b"}",
    b'{"name":"x","n":' + b"1" * 5000 + b"}",
    b'{"name":"x","n":01}',
    b'{"name":"x","n":1.}',
    b'{"name":"x","n":.5}',
    b'{"name":"x","n":+1}',
    b'{"name":"x","s":"\\ud800"}',
    b'{"name":"x","s":"\\ud83d\\ude00"}',
    b'{"name":"x","s":"\\u0000\\u001f"}',
    b'{"name":"x","s":"\x01"}',
    b'{"name":"x","s":"\t"}',
    b'{"name":"x","s":"\xed\xa0\x80"}',
    b'{"name":"x","s":"\xff"}',
    b'\xef\xbb\xbf{"name":"x"}',
    b'\xff prefix {"name":"x"}',
    b'pr\xc3\xa9fixe {"name":"x"}',
    b'Feb  2 host [tracking] - {"name":"x","a":{"b":[1]}}',
    b'{"oops": {"name":"x","time":"t"}',
    b'{x} {"name":"x","time":"t"}',
    b'{} {"name":"x","time":"t"}',
    b'{"name":"x"} and more',
    b'{"name":"x"}{"name":"y","time":"t"}',
    b'{"name":"x","name":"y","a":1,"b":2,"a":3}',
    b'{"name":1}',
    b'{"name":"","event_type":"y"}',
    b'{"a":{"name":"x","time":"t"}}',
    b'["x",{"name":"x","time":"t"}]',
    b'{"name":"x",}',
    b"{'name':'x'}",
    b'{"name":"x"}\r',
    b' \t{"name":"x"} \x0c',
    b'{"name":"x" // y\n}',
    b"{",
    b"{}",
    b"",
    b"   ",
    b"\x00",
    b'{"name":"x","d":' + nested(300).encode() + b"}",
    b'{"name":"x","d":' + nested(1000).encode() + b"}",
    b'{"name":"x","d":' + nested(1500).encode() + b"}",
    b'{"name":"x","d":' + nested(100_000).encode() + b"}",
    b'{"name":"x","d":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
    b'{"name":"x","d":[' + b"{}," * 900 + b"1]}",
    b'{"name":"x","d":' + nested(690).encode() + b"}",
]


def parsed(line):
    try:
        event = parse_line(line)
    except EventParseError as error:
        return error.reason, str(error)
    # In the order of its members, and telling 1 from 1.0.
    return repr(event)


def parsed_slowly(line):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(both, "quick_loads", None)
        return parsed(line)


def _text(document):
    try:
        return json.dumps({"name": "x", "d": document}, default=str)
    except (ValueError, TypeError, RecursionError):
        return '{"name": "x"}'


json_texts = documents.map(_text)


class TestReading:
    """`parse_line` with and without msgspec."""

    @pytest.mark.parametrize("line", HOSTILE, ids=lambda line: repr(line[:40]))
    def test_hostile_lines(self, line):
        """The two parsers disagree on each of these, or might; events and errors are the same."""
        assert parsed(line) == parsed_slowly(line)

    @given(json_texts, st.sampled_from([b"", b"x ", b"\xef\xbb\xbf", b"{"]), st.booleans())
    def test_agree_on_any_json(self, text, prefix, escaped):
        """Both ways give the same event or the same error, for anything that JSON can hold."""
        if not escaped:
            text = json.dumps(json.loads(text), ensure_ascii=False)
        line = prefix + text.encode("utf-8", "surrogatepass")

        assert parsed(line) == parsed_slowly(line)

    @given(st.sampled_from(HOSTILE), st.data())
    def test_agree_on_damaged_lines(self, line, data):
        """Both ways agree on lines with bytes replaced, cut out, or put in."""
        line = line[:400]
        where = data.draw(st.integers(0, len(line)))
        to = data.draw(st.integers(where, min(len(line), where + 3)))
        odd = data.draw(
            st.binary(max_size=3) | st.sampled_from([b'"', b"{", b"}", b"\\", b"9" * 20])
        )
        line = line[:where] + odd + line[to:]

        assert parsed(line) == parsed_slowly(line)

    @given(json_texts)
    def test_agree_on_texts(self, text):
        """JSON text in a payload is read the same both ways."""
        assert outcome(both.loads, text) == outcome(both._decoder.decode, text)

    @pytest.mark.parametrize(
        "text", ["[NaN]", "[1e999]", '"\ud800"', "[" + "9" * 30 + "]", "null", ""]
    )
    def test_hostile_texts(self, text):
        """So is hostile text."""
        assert outcome(both.loads, text) == outcome(both._decoder.decode, text)

    @pytest.mark.parametrize("protocol", [XAPITranslator, CaliperTranslator])
    @pytest.mark.parametrize(
        "dialect", [{}, {"dialect": "erb", "fallback": "standard"}], ids=["standard", "erb"]
    )
    def test_golden_cases(self, protocol, dialect, monkeypatch):
        """From line to line, all golden cases are the same bytes both ways."""
        translator = protocol(
            lms_root="https://lms.example.org", identity=HMACIdentity("x" * 16), **dialect
        )
        lines = [
            json.dumps(json.loads(path.read_text("utf-8"))["event"]).encode() for path in CASES
        ]

        def run(write):
            found = translator.translate_many(map(parse_line, lines))
            return [write(document) for made in found for document in made["documents"]]

        quick = run(both.dumps)
        monkeypatch.setattr(both, "quick_loads", None)

        assert len(quick) > 200
        assert quick == run(both._dumps)


def loaded_anew():
    """Load the module once more, as a process would that has what is installed now."""
    source = Path(both.__file__).parent / "json.py"  # also where it was compiled
    spec = importlib.util.spec_from_file_location("eventkit_json_anew", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_other_releases_of_orjson(monkeypatch):
    """A release that writes numbers in another way is not asked to write."""
    monkeypatch.setattr(orjson, "dumps", lambda *_: b"1e16")

    again = loaded_anew()

    assert again.dumps is again._dumps
    assert again.quick_loads is not None


def test_other_releases_of_msgspec(monkeypatch):
    """A release that cuts integers short is not asked to read."""
    monkeypatch.setattr(msgspec.json, "Decoder", lambda: orjson)
    monkeypatch.setattr(orjson, "decode", orjson.loads, raising=False)

    again = loaded_anew()

    assert again.quick_loads is None
    assert again.dumps is not again._dumps


def test_releases_of_msgspec_with_other_errors(monkeypatch):
    """A release whose errors nobody would catch is not asked to read either."""
    monkeypatch.setattr(msgspec, "DecodeError", type("DecodeError", (Exception,), {}))

    assert loaded_anew().quick_loads is None


@pytest.mark.parametrize("missing", ["orjson", "msgspec"])
def test_without_a_part_of_the_extra(missing, monkeypatch):
    """Without a part of the extra the standard library does what it would have done."""
    monkeypatch.setitem(sys.modules, missing, None)

    again = loaded_anew()

    assert (again.quick_loads is None) is (missing == "msgspec")
    assert (again.dumps is again._dumps) is (missing == "orjson")
    assert again.loads('{"a": 1}') == {"a": 1}
    assert again.dumps({"a": "é"}) == '{"a":"é"}'.encode()
