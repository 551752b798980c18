"""
What is known of the blocks of courses: how they are called, and what they are a part of.

Translators ask for it with ``blocks=``; `eventkit.typing.Block` says what an answer holds. A
mapping will do, or any callable; these are for what is in a file, and for what is slow. The
platform's own is `eventkit.contrib.openedx.CourseBlocks`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from eventkit.base.caching import Cache
from eventkit.exceptions import ConfigurationError
from eventkit.typing import Block, Json

_MEMBERS = ("name", "language", "type", "ancestors")
_DEEPEST = 12


class BlocksFile:
    """
    Look blocks up in a file: JSON in UTF-8, read once.

    A file holds one object, in either of two forms:

    - what the platform says of a course under
      ``/api/courses/v2/blocks/?course_id=...&depth=all&all_blocks=true&requested_fields=children``:
      ``{"root": ..., "blocks": {usage key: {"display_name": ..., "children": [...]}}}``;
    - usage keys and what is known of each (`eventkit.typing.Block`).

    Args:
        path: the path of a file, or of a folder: all files in it whose names end with ``.json``.

    Raises:
        ConfigurationError: a file cannot be read, or holds something else; the message names it.
    """

    __slots__ = ("_blocks",)

    def __init__(self, path: str | Path) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise ConfigurationError(
                f"path: expected the path of a file or folder, got {type(path).__name__}"
            )
        self._blocks: dict[str, Block] = {}
        for file in _files(Path(path)):
            self._blocks.update(_read(file))

    def __repr__(self) -> str:
        return f"BlocksFile(<{len(self._blocks)} blocks>)"

    def __getstate__(self) -> dict[str, Block]:
        return self._blocks

    def __setstate__(self, blocks: dict[str, Block]) -> None:
        self._blocks = blocks

    def __call__(self, usage_key: str) -> Block | None:
        """Give what the file says of the block; None when it says nothing."""
        return self._blocks.get(usage_key)


class CachedBlocks:
    """
    Remember what a slow look-up said of blocks.

    Args:
        blocks: the look-up, a callable that takes a usage key and gives what is known, or None.

        ttl: seconds for which an answer is remembered.

        max_size: how many answers are remembered; the longest unused one goes first.

        negative_ttl: seconds for which it is remembered that nothing is known.

        clock: gives seconds that never run backwards.
    """

    def __init__(
        self,
        blocks: Callable[[str], Block | None],
        *,
        ttl: float = 3600.0,
        max_size: int = 50_000,
        negative_ttl: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not callable(blocks):
            raise ConfigurationError(
                "blocks: expected a callable that takes a usage key, got "
                f"{type(blocks).__name__}; a mapping needs no cache"
            )
        self._blocks = blocks
        self._cache: Cache[Block] = Cache(
            ttl=ttl, max_size=max_size, negative_ttl=negative_ttl, clock=clock
        )

    def __repr__(self) -> str:
        return f"CachedBlocks({self._blocks!r})"

    def __call__(self, usage_key: str) -> Block | None:
        """Give what is remembered of the block, else ask."""
        return self._cache.get(usage_key, lambda: self._blocks(usage_key))


def ancestors(key: str, parents: Mapping[str, str]) -> list[str]:
    """Give the keys above *key*, the nearest first; *parents* holds the one right above each."""
    found: list[str] = []
    above = parents.get(key)
    while above and above not in found and len(found) < _DEEPEST:
        found.append(above)
        above = parents.get(above)
    return found


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.json"))
    if not found:
        raise ConfigurationError(
            f"path: there is no file in {str(path)!r} whose name ends with .json"
        )
    return found


def _read(path: Path) -> Iterator[tuple[str, Block]]:
    try:
        given = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"path: cannot read {str(path)!r}: {error}") from None
    if not isinstance(given, dict):
        raise ConfigurationError(
            f"{path}: expected one object of usage keys and what is known of each, got "
            f"{type(given).__name__}"
        )
    course = given.get("blocks")
    if isinstance(course, dict):
        yield from _of_course(course, path)
        return
    for key, block in given.items():
        yield key, _checked(key, block, path)


def _of_course(course: Json, path: Path) -> Iterator[tuple[str, Block]]:
    """Read what the platform's API says of the blocks of a course."""
    parents: dict[str, str] = {}
    for key, block in course.items():
        if not isinstance(block, dict):
            raise ConfigurationError(f"{path}: {key!r:.200}: expected an object")
        for child in _texts(block.get("children"), f"{path}: {key!r:.200}: children"):
            parents.setdefault(child, key)
    if not parents and len(course) > 1:
        raise ConfigurationError(
            f"{path}: the blocks have no children; ask the platform with requested_fields=children"
        )
    for key, block in course.items():
        name = block.get("display_name")
        yield (
            key,
            {
                "name": name if isinstance(name, str) else "",
                "ancestors": ancestors(key, parents),
            },
        )


def _checked(key: str, block: Any, path: Path) -> Block:
    where = f"{path}: {key!r:.200}"
    if isinstance(block, str):
        return block
    if not isinstance(block, dict):
        raise ConfigurationError(f"{where}: expected a name, or an object of {', '.join(_MEMBERS)}")
    if more := sorted(block.keys() - set(_MEMBERS)):
        raise ConfigurationError(
            f"{where}: there is no {more[0]!r:.80}; expected some of {', '.join(_MEMBERS)}"
        )
    for member in ("name", "language", "type"):
        if not isinstance(block.get(member, ""), str):
            raise ConfigurationError(f"{where}: {member}: expected text")
    _texts(block.get("ancestors"), f"{where}: ancestors")
    return block


def _texts(given: Any, where: str) -> list[str]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise ConfigurationError(f"{where}: expected a list of usage keys")
    return given
