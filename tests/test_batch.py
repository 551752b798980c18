"""Lines in, outcomes out: nothing is lost and nothing is raised, whatever the input."""

import gzip
import itertools
import json
import os
import pickle
import tracemalloc
from pathlib import Path

import pytest
from own_rows import BROKEN
from people import id_of

from eventkit import XAPITranslator, batch
from eventkit.batch import (
    Line,
    expand_inputs,
    read_blocks,
    read_log,
    size_if_plain,
    translate_lines,
)
from eventkit.demo import sample_log
from eventkit.exceptions import ConfigurationError, DropEvent

LMS = "https://lms.example.org"
SHOWANSWER = {
    "event_type": "showanswer",
    "time": "2026-02-02T08:00:00.5+00:00",
    "event": {"problem_id": "block-v1:NorthlakeU+BIO110+2026+type@problem+block@p1"},
    "context": {"user_id": 7, "course_id": "course-v1:NorthlakeU+BIO110+2026"},
    "username": "zofia_blank",
}


def identity(user, system):
    return id_of(f"{user}@{system}")


@pytest.fixture
def translator():
    return XAPITranslator(lms_root=LMS, identity=identity)


def line(**changes):
    return json.dumps(SHOWANSWER | changes).encode()


def outcomes(lines, translator):
    return [(each.status, each.reason) for each in translate_lines(lines, translator)]


class TestTranslateLines:
    def test_every_line_has_one_outcome_in_order(self, translator):
        """Translated, skipped and rejected lines each say what they are and where they stood."""
        lines = [
            line(),
            b"",
            "  \n",
            line(event_type="/courses/x/about", event_source="server"),
            line(event_type="campusquiz.opened"),
            b"# a comment",
            line(context={}, username=""),
            line(event={}),
            b"\xff\xfe{}",
            b'{"a": 1}',
            line().decode() + "\n",
        ]

        found = list(translate_lines(lines, translator, source="x.log"))

        assert [(each.status, each.reason) for each in found] == [
            ("translated", ""),
            ("skipped", "blank"),
            ("skipped", "blank"),
            ("skipped", "implicit_event"),
            ("skipped", "unknown_event"),
            ("rejected", "not_json"),
            ("skipped", "no_user"),
            ("rejected", "no_object"),
            ("rejected", "not_utf8"),
            ("rejected", "no_name"),
            ("translated", ""),
        ]
        assert [each.line_number for each in found] == list(range(1, 12))
        assert {each.source for each in found} == {"x.log"}
        assert found[0].documents == found[-1].documents != []

    def test_each_event_of_a_line_has_an_outcome(self, translator):
        """Also beside one that was cut off, or one that has no translation."""
        two = line() + line(time="2026-02-02T08:00:01.5+00:00")
        lines = [two, line()[:90] + line(), line(event={}) + line(), line() + line()[:-9]]

        found = list(translate_lines(lines, translator))

        assert [(each.line_number, each.reason or each.status) for each in found] == [
            *((1, "translated"), (1, "translated")),
            *((2, "translated"), (2, "not_json")),
            *((3, "no_object"), (3, "translated")),
            *((4, "translated"), (4, "not_json")),
        ]
        assert len({each.documents[0]["id"] for each in found[:2]}) == 2
        assert {each.raw for each in found} == set(lines)

    def test_wrapped_lines(self, translator):
        wrapped = json.dumps({"log": line().decode() + "\n", "stream": "stdout"}).encode()

        assert outcomes([wrapped], translator) == [("rejected", "no_name")]
        (found,) = translate_lines([wrapped], translator, unwrap="log")
        assert found.documents == next(translate_lines([line()], translator)).documents

    def test_a_rejected_line_is_kept_as_it_was(self, translator):
        """What a rejects file gets is the line itself."""
        raw = b"\xff\xfe not text"

        (found,) = translate_lines([raw], translator)

        assert found.raw is raw

    def test_a_translated_line_gives_what_a_router_takes(self, translator):
        """The event goes along, for access rules."""
        (found,) = translate_lines([line()], translator)

        assert found.translation == {
            "name": "showanswer",
            "protocol": "xapi",
            "documents": found.documents,
            "event": SHOWANSWER,
        }

    def test_an_unexpected_error_costs_one_line(self, translator):
        """A fault of the translator names its type, and the neighbours go through."""

        def broken(event):
            if event["username"] == "boom":
                raise ZeroDivisionError
            return translator(event)

        found = outcomes([line(), line(username="boom"), line()], broken)

        assert found == [
            ("translated", ""),
            ("rejected", "internal_error:ZeroDivisionError"),
            ("translated", ""),
        ]

    def test_an_error_inside_the_translator_is_told_by_its_type(self):
        """The translator's own net catches it first; its type still shows."""

        translator = XAPITranslator(
            lms_root=LMS, identity=lambda user, system: id_of("somebody"), events=[BROKEN]
        )
        broken = json.dumps({**SHOWANSWER, "event_type": "site.broken"})

        assert outcomes([broken], translator) == [("rejected", "internal_error:KeyError")]

    def test_what_a_processor_drops_by_design_is_skipped(self):
        """A site's own processor may stand in for the translator."""

        def quiet(event):
            raise DropEvent("opted_out")

        assert outcomes([line()], quiet) == [("skipped", "opted_out")]

    def test_nothing_personal_shows_in_a_repr(self, translator):
        """Outcomes can be logged."""
        text = repr(list(translate_lines([line(), line(context={}, username="")], translator)))

        assert "zofia_blank" not in text
        assert "actor': " not in text

    def test_outcomes_cross_process_borders(self, translator):
        """They can be pickled."""
        found = list(translate_lines([line(), b"{"], translator))

        assert pickle.loads(pickle.dumps(found)) == found

    def test_it_is_lazy(self, translator):
        """An endless input gives its first outcome at once."""

        def endless():
            while True:
                yield line()

        assert next(translate_lines(endless(), translator)).status == "translated"

    def test_the_sample_log_is_accounted_for(self, translator):
        """Each of its lines has an outcome, and every kind of outcome occurs."""
        lines = list(read_log(str(sample_log())))

        found = list(translate_lines(lines, translator))

        assert len(found) == len(lines) == len(sample_log().read_bytes().splitlines())
        assert {each.status for each in found} == {"translated", "skipped", "rejected"}


class TestReadLog:
    def read(self, path):
        return [(each.raw, each.number, each.fault) for each in read_log(str(path))]

    def test_plain_lines(self, tmp_path):
        """Lines are numbered from one; the last may lack its line feed."""
        path = tmp_path / "x.log"
        path.write_bytes(b"one\n\ntwo\r\nthree")

        found = list(read_log(str(path)))

        assert [each.raw for each in found] == [b"one", b"", b"two\r", b"three"]
        assert [each.number for each in found] == [1, 2, 3, 4]
        assert [each.ended for each in found] == [True, True, True, False]
        assert {each.source for each in found} == {str(path)}

    @pytest.mark.parametrize("content", [b"", b"\n", b"a\n", b"\n\n"])
    def test_there_are_as_many_lines_as_line_feeds(self, tmp_path, content):
        path = tmp_path / "x.log"
        path.write_bytes(content)

        assert len(self.read(path)) == content.count(b"\n")

    def test_gzip_is_told_by_its_content(self, tmp_path):
        """Several members are one log, whatever the file is called."""
        path = tmp_path / "x.log"
        path.write_bytes(gzip.compress(b"one\ntw") + gzip.compress(b"o\nthree\n"))

        assert self.read(path) == [(b"one", 1, ""), (b"two", 2, ""), (b"three", 3, "")]

    def test_a_truncated_gzip_keeps_its_good_lines(self, tmp_path):
        """The end that is missing is one faulty line, with what could be saved of it."""
        whole = b"".join(b"%d %s\n" % (n, os.urandom(50).hex().encode()) for n in range(5000))
        packed = gzip.compress(whole)
        path = tmp_path / "x.log.gz"
        path.write_bytes(packed[: len(packed) // 2])

        found = self.read(path)

        assert len(found) > 1000
        good = b"\n".join(raw for raw, _, _ in found)
        assert whole.startswith(good)
        assert [fault for _, _, fault in found[:-1]] == [""] * (len(found) - 1)
        assert found[-1][2] == "truncated"

    def test_a_damaged_gzip_keeps_its_good_lines(self, tmp_path):
        """Garbage after a good member is told, not swallowed."""
        path = tmp_path / "x.log.gz"
        path.write_bytes(gzip.compress(b"one\n") + b"garbage")

        assert self.read(path) == [(b"one", 1, ""), (b"", 2, "damaged")]

    def test_zstd(self, tmp_path):
        """Several frames are one log; half a frame is told."""
        zstd = pytest.importorskip("backports.zstd")
        path = tmp_path / "x.log.zst"
        packed = zstd.compress(b"one\n") + zstd.compress(b"two\n")
        path.write_bytes(packed)
        assert self.read(path) == [(b"one", 1, ""), (b"two", 2, "")]

        path.write_bytes(packed[:-3])
        assert self.read(path)[0] == (b"one", 1, "")
        assert self.read(path)[-1][2] == "truncated"

        path.write_bytes(packed[:-6] + b"xxxxxx")
        assert self.read(path)[-1][2] in ("damaged", "truncated")

    def test_zstd_without_the_extra_names_it(self, tmp_path, monkeypatch):
        """One line says what to install."""
        monkeypatch.setitem(__import__("sys").modules, "backports", None)
        monkeypatch.setitem(__import__("sys").modules, "compression", None)
        path = tmp_path / "x.log.zst"
        path.write_bytes(b"\x28\xb5\x2f\xfd....")

        with pytest.raises(ConfigurationError, match=r"openedx-eventkit\[zstd\]"):
            self.read(path)

    def test_a_file_that_cannot_be_opened_is_one_faulty_line(self, tmp_path):
        """The other files of a run are read all the same."""
        assert self.read(tmp_path / "gone.log") == [(b"", 1, "unreadable")]

    def test_a_line_without_end_does_not_fill_the_memory(self, tmp_path, monkeypatch):
        """It comes in parts that make up the whole, counts once, and its neighbours are read."""
        monkeypatch.setattr(batch, "MAX_LINE", 1_000_000)
        path = tmp_path / "x.log.gz"
        with gzip.open(path, "wb", compresslevel=1) as stream:
            stream.write(b"before\n")
            for _ in range(40):
                stream.write(b"x" * 1_000_000)
            stream.write(b"\nafter\n")

        tracemalloc.start()
        size = 0
        counted = []
        for each in read_log(str(path)):
            size += len(each.raw) if each.fault else 0
            if not each.part:
                counted.append((each.number, each.fault))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert counted == [(1, ""), (2, "too_long"), (3, "")]
        assert size == 40_000_000
        assert peak < 8_000_000

    def test_the_parts_of_a_long_line_have_one_outcome(self, translator):
        """Further parts are not counted again."""
        lines = [
            Line(b"xx", 1, "f", "too_long", 0),
            Line(b"xx", 1, "f", "too_long", 1),
            Line(b"", 2, "f"),
        ]

        assert outcomes(lines, translator) == [("rejected", "too_long"), ("skipped", "blank")]


class TestParts:
    """Reading a plain file in parts, as several processes do."""

    CONTENTS = (
        b"",
        b"\n",
        b"one",
        b"one\ntwo\n\nthree\n",
        b"\n\n\n",
        b"one\n" + b"long " * 9 + b"\nthree\nfour",
        b"no end " * 9,
    )

    def parts(self, path, cuts):
        """Give the lines of each part of a file that is cut at some bytes."""
        bounds = [0, *cuts, None]
        found = []
        for start, stop in itertools.pairwise(bounds):
            lines = []
            for piece in read_blocks(str(path), start, stop):
                if isinstance(piece, Line):
                    lines.append((piece.number, piece.raw, piece.fault))
                else:
                    raw = piece.data.split(b"\n")
                    lines += [(piece.first + index, line, "") for index, line in enumerate(raw)]
            found.append(lines)
        return found

    @pytest.mark.parametrize("content", CONTENTS)
    @pytest.mark.parametrize("step", [1, 2, 3, 5, 7, 100])
    def test_each_line_is_in_one_part(self, tmp_path, content, step):
        """Wherever the file is cut, the parts have its lines, each once, in order and numbered."""
        path = tmp_path / "x.log"
        path.write_bytes(content)

        found = self.parts(path, range(step, len(content), step))

        expected = [line.raw for line in read_log(str(path))]
        assert [raw for lines in found for _, raw, _ in lines] == expected
        for lines in found:
            assert [number for number, _, _ in lines] == [*range(1, len(lines) + 1)]

    def test_a_long_line_over_many_parts(self, tmp_path, monkeypatch):
        """It belongs to the part where it begins, in parts of its own; the others do not see it."""
        monkeypatch.setattr(batch, "MAX_LINE", 1_000_000)
        path = tmp_path / "x.log"
        path.write_bytes(b"a\n" + b"x" * 3_000_000 + b"\nb\n")

        first, *others, last = self.parts(path, range(500_000, 3_000_000, 500_000))

        assert [raw for _, raw, fault in first if not fault] == [b"a"]
        assert b"".join(raw for _, raw, fault in first if fault) == b"x" * 3_000_000
        assert {number for number, _, fault in first if fault} == {2}
        assert not any(others)
        assert last == [(1, b"b", "")]

    def test_which_files_have_parts(self, tmp_path):
        """Standard input, compressed files and what cannot be read have none."""
        plain, packed = tmp_path / "x.log", tmp_path / "y.log"
        plain.write_bytes(b"abc\n")
        packed.write_bytes(gzip.compress(b"abc\n"))

        sizes = [size_if_plain(str(each)) for each in (plain, packed, tmp_path, tmp_path / "gone")]

        assert sizes == [4, None, None, None]
        assert size_if_plain("-") is None


class TestExpandInputs:
    def test_globs_and_names_give_each_file_once(self, tmp_path, monkeypatch):
        """In the order given, sorted within a glob; folders are no files."""
        monkeypatch.chdir(tmp_path)
        for name in ("b.log", "a.log", "[odd].log"):
            Path(name).touch()
        Path("sub").mkdir()
        Path("sub/c.log").touch()

        assert expand_inputs(["b.log", "*.log"]) == ["b.log", "[odd].log", "a.log"]
        assert expand_inputs(["**/c*"]) == ["sub/c.log"]
        assert expand_inputs(["[odd].log"]) == ["[odd].log"]
        assert expand_inputs(["-", "a.log", "-"]) == ["-", "a.log"]

    @pytest.mark.parametrize("name", ["missing.log", "*.none", "."])
    def test_what_is_no_file_is_a_mistake(self, tmp_path, monkeypatch, name):
        monkeypatch.chdir(tmp_path)

        with pytest.raises(ConfigurationError, match=r"^INPUT: "):
            expand_inputs([name])


def test_real_logs_are_accounted_for(translator, shared_data):
    """Every non-blank line of every log is translated, or has a reason."""
    paths = sorted((shared_data / "tracking_logs").glob("*.log"))
    assert len(paths) == 8

    for path in paths:
        found = list(translate_lines(read_log(str(path)), translator))

        assert len(found) == len(path.read_bytes().splitlines())
        assert all(each.documents for each in found if each.status == "translated")
        assert all(each.reason for each in found if each.status != "translated")
        assert not [each for each in found if "internal" in each.reason]
