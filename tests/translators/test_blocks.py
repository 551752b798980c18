"""Where a site's look-up of blocks may come from: files, and what is slow."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from eventkit import BlocksFile, CachedBlocks, ConfigurationError

START = "block-v1:Lakeside+BIO201+2025_T1+type@"
COURSE = {
    "root": f"{START}course+block@course",
    "blocks": {
        f"{START}course+block@course": {
            "id": f"{START}course+block@course",
            "type": "course",
            "display_name": "Plant Biology",
            "children": [f"{START}chapter+block@c"],
        },
        f"{START}chapter+block@c": {
            "display_name": "Week 1",
            "children": [f"{START}sequential+block@s"],
        },
        f"{START}sequential+block@s": {"display_name": None, "children": []},
    },
}


def write(path: Path, given: Any) -> Path:
    path.write_text(given if isinstance(given, str) else json.dumps(given), "utf-8")
    return path


class TestBlocksFile:
    def test_reads_what_the_platform_says_of_a_course(self, tmp_path: Path) -> None:
        blocks = BlocksFile(write(tmp_path / "course.json", COURSE))

        assert blocks(f"{START}sequential+block@s") == {
            "name": "",
            "ancestors": [f"{START}chapter+block@c", f"{START}course+block@course"],
        }
        assert blocks(f"{START}course+block@course") == {"name": "Plant Biology", "ancestors": []}
        assert blocks(f"{START}video+block@v") is None

    def test_reads_blocks_by_key(self, tmp_path: Path) -> None:
        given = {"a": "Name", "b": {"name": "B", "language": "es", "type": "x", "ancestors": ["a"]}}

        blocks = BlocksFile(str(write(tmp_path / "blocks.json", given)))

        assert (blocks("a"), blocks("b")) == ("Name", given["b"])

    def test_reads_all_files_of_a_folder(self, tmp_path: Path) -> None:
        write(tmp_path / "a.json", {"a": "A"})
        write(tmp_path / "b.json", {"b": "B"})
        write(tmp_path / "notes.txt", "no JSON")

        blocks = BlocksFile(tmp_path)

        assert (blocks("a"), blocks("b")) == ("A", "B")

    def test_a_loop_of_blocks_ends(self, tmp_path: Path) -> None:
        course = {"x": {"children": ["y"]}, "y": {"children": ["x", "y"]}}

        blocks = BlocksFile(write(tmp_path / "x.json", {"root": "x", "blocks": course}))

        assert blocks("x") == {"name": "", "ancestors": ["y", "x"]}

    def test_is_copied_with_what_it_read(self, tmp_path: Path) -> None:
        blocks = BlocksFile(write(tmp_path / "a.json", {"a": "A"}))
        (tmp_path / "a.json").unlink()

        assert pickle.loads(pickle.dumps(blocks))("a") == "A"

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ("{", "cannot read"),
            ("[" * 100_000, "cannot read"),
            ([], "expected one object"),
            ({"a": 5}, "'a': expected a name, or an object of name, language, type, ancestors"),
            ({"a": {"title": "A"}}, "'a': there is no 'title'; expected some of name, language"),
            ({"a": {"name": 5}}, "'a': name: expected text"),
            ({"a": {"ancestors": "b"}}, "'a': ancestors: expected a list of usage keys"),
            ({"root": "a", "blocks": {"a": 5}}, "'a': expected an object"),
            ({"root": "a", "blocks": {"a": {"children": [5]}}}, "'a': children: expected a list"),
            ({"root": "a", "blocks": {"a": {}, "b": {}}}, "requested_fields=children"),
        ],
    )
    def test_wrong_files_are_told(self, tmp_path: Path, given: Any, message: str) -> None:
        path = write(tmp_path / "blocks.json", given)

        with pytest.raises(ConfigurationError, match=message) as caught:
            BlocksFile(path)
        assert "blocks.json" in str(caught.value)

    def test_missing_files_are_told(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="cannot read"):
            BlocksFile(tmp_path / "none.json")
        with pytest.raises(ConfigurationError, match=r"no file in .* ends with \.json"):
            BlocksFile(tmp_path)
        with pytest.raises(ConfigurationError, match="expected the path"):
            BlocksFile(5)  # type: ignore[arg-type]


class TestCachedBlocks:
    def test_asks_once_until_an_answer_is_old(self) -> None:
        asked: list[str] = []
        now = [0.0]

        def blocks(key: str) -> Any:
            asked.append(key)
            return {"name": key} if key == "a" else None

        cached = CachedBlocks(blocks, ttl=60, negative_ttl=5, clock=lambda: now[0])

        assert [cached("a"), cached("a"), cached("b"), cached("b")] == [{"name": "a"}] * 2 + [
            None
        ] * 2
        assert asked == ["a", "b"]
        now[0] = 10
        cached("a")
        cached("b")
        assert asked == ["a", "b", "b"]
        now[0] = 61
        cached("a")
        assert asked == ["a", "b", "b", "a"]

    def test_failures_are_not_remembered(self) -> None:
        answers: list[Any] = [{"name": "A"}]
        answers.append(ConnectionError())

        def ask(_: str) -> Any:
            answer = answers.pop()
            if isinstance(answer, Exception):
                raise answer
            return answer

        cached = CachedBlocks(ask)
        with pytest.raises(ConnectionError):
            cached("a")
        assert cached("a") == {"name": "A"}

    def test_a_mapping_needs_none(self) -> None:
        with pytest.raises(ConfigurationError, match="blocks: expected a callable"):
            CachedBlocks({"a": "A"})  # type: ignore[arg-type]
