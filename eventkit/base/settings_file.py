"""
Reading a settings file, JSON or YAML, that anybody may have written.

Whatever it holds comes out as plain data or as a `ConfigurationError`. What stands in it is never
quoted, but for keys: secrets may stand in it.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from eventkit.exceptions import ConfigurationError

MAX_BYTES = 64 * 2**20
"""Bytes of a file; longer ones are refused."""
MAX_DEPTH = 64
"""Objects and lists in each other."""
_MAX_GROWTH = 10
_FREE_GROWTH = 100_000
"""A YAML file may say that much more, by aliases, than stands in it."""

Parse = Callable[[str, int | None], object]


def read_settings(path: Path, what: str) -> object:
    """
    Read the settings in the file *path*, whose name tells whether it is JSON or YAML.

    Args:
        path: a regular file in UTF-8, with or without a byte order mark.

        what: what it is, for error messages.

    Raises:
        ConfigurationError: it cannot be read, is neither, has one key twice in an object, or holds
            what is no text, number, truth value, list or object with text for keys.
    """
    suffix = path.suffix.lower()
    if suffix not in _FORMATS:
        raise ConfigurationError(
            f"{what} ends in .json, .yaml or .yml, not in {suffix or 'nothing'!r}"
        )
    try:
        text = read_plain_file(path, MAX_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"byte {error.start} is not UTF-8") from None
    except ValueError as error:
        raise ConfigurationError(f"cannot be read: {error}") from None
    return parse_settings(text, suffix)


def parse_settings(text: str, suffix: str, *, most: int | None = None) -> object:
    """
    Read the settings in *text*.

    Args:
        text: of a file that is named so.

        suffix: ``.json``, ``.yaml`` or ``.yml``.

        most: values, keys included, that may stand in it; None: any number.

    Raises:
        ConfigurationError: as `read_settings` does.
    """
    try:
        return _FORMATS[suffix](text, most)
    except RecursionError:
        raise ConfigurationError("is nested too deeply") from None


def _too_much(most: int) -> ConfigurationError:
    return ConfigurationError(f"holds more than {most:,} values; take it in parts")


def read_plain_file(path: str | os.PathLike[str], most: int) -> bytes:
    """
    Read all of a regular file; a pipe, which may never end, is not waited for.

    Raises:
        OSError: it cannot be read.

        ValueError: its name cannot be one, it is no regular file, or has more than *most* bytes.
    """
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(number, "rb") as file:
        kind = os.fstat(number).st_mode
        if stat.S_ISDIR(kind):
            raise ValueError("Is a directory")
        if not stat.S_ISREG(kind):
            raise ValueError("it is no regular file")
        found = file.read(most + 1)
    if len(found) > most:
        raise ValueError(f"it has more than {most} bytes")
    return found


def _twice(key: str, first: int, second: int) -> ConfigurationError:
    lines = f"line {first} and at line {second}" if first != second else f"line {first}"
    return ConfigurationError(
        f"the key {key!r:.80} stands twice in one object, at {lines}; "
        "only one of them would count, so put them together or remove one"
    )


# JSON.


def _parse_json(text: str, most: int | None) -> object:
    # Each value but the first follows one of these; within texts they count for nothing much.
    if most is not None and text.count(",") + text.count(":") > most:
        signs = (match[0] for match in _JSON_SIGN.finditer(text))
        if sum(sign in ",:" for sign in signs) > most:
            raise _too_much(most)
    try:
        found = json.loads(text, parse_constant=float)
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except ValueError:
        raise ConfigurationError("is not JSON: a number has too many digits") from None
    _check_json_keys(text)
    return found


_JSON_SIGN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,\n]')


def _check_json_keys(text: str) -> None:
    """Make sure that no object of *text*, which is JSON, has a key twice."""
    line = 1
    inside: list[dict[str, int]] = []
    last, last_line = "", 0
    for match in _JSON_SIGN.finditer(text):
        sign = match[0]
        if sign == "\n":
            line += 1
        elif sign in "{[":
            inside.append({})
            if len(inside) > MAX_DEPTH:
                raise ConfigurationError(f"is nested too deeply at line {line}")
        elif sign in "}]":
            inside.pop()
        elif sign == ":":
            key = json.loads(last)
            if key in inside[-1]:
                raise _twice(key, inside[-1][key], last_line)
            inside[-1][key] = last_line
        elif sign != ",":
            last, last_line = sign, line


# YAML.

_TAG = "tag:yaml.org,2002:"


def _parse_yaml(text: str, most: int | None) -> object:
    try:
        # Not a plain import: the package is optional, and so are its type hints.
        yaml = importlib.import_module("yaml")
    except ImportError:
        raise ConfigurationError(
            "reading YAML needs an extra: pip install 'openedx-eventkit[yaml]' (or use JSON)"
        ) from None
    # That of the C library is many times as fast, where there is one.
    kind = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if most is not None:
            _check_number(yaml.parse(text, Loader=kind), most)
        loader = kind(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check_nodes(node)
        return loader.construct_document(node)
    except (ConfigurationError, RecursionError):
        raise
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        # What it quotes may be an unquoted password.
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
        if problem == _TOO_DEEP:
            raise ConfigurationError(f"is nested too deeply{where}") from None
        is_tab = "cannot start" in problem and _is_tab(text, mark)
        if is_tab or r"'\t'" in problem or " tab " in problem:
            problem = "a tab, which YAML does not take there; write blanks"
        problem = re.sub(r"'[^']{2,}'|\"[^\"]{2,}\"", "...", problem)
        raise ConfigurationError(f"is not YAML: {problem}{where}") from None
    except Exception as error:  # noqa: BLE001 - a value that does not fit its tag raises anything
        name = type(error).__name__
        raise ConfigurationError(f"is not YAML: a value cannot be read ({name})") from None


_TOO_DEEP = "exceeded maximum nesting depth"
"""As the C library says it."""


def _check_number(events: Iterable[Any], most: int) -> None:
    """Refuse too much before anything is made of it; an end of a list or object is no value."""
    number = 0
    for event in events:
        number += not type(event).__name__.endswith("EndEvent")
        # The stream and the document begin, too.
        if number > most + 2:
            raise _too_much(most)


def _is_tab(text: str, mark: Any) -> bool:
    line = text.splitlines()[mark.line : mark.line + 1] if mark else []
    return line != [] and line[0][mark.column : mark.column + 1] == "\t"


_is_number = re.compile(r"0|-?[1-9][0-9]{0,2}(?:(?:_[0-9]{3})+|[0-9]*)").fullmatch
"""Whole numbers as everybody reads them: a user who is called 0x1F is not the user 31."""


def _check_nodes(root: Any) -> None:
    """Make sure that keys are texts and stand once, and that aliases do not explode."""
    known: dict[int, tuple[int, int] | None] = {}
    size, _ = _measured(root, known, 0)
    if size > _FREE_GROWTH + _MAX_GROWTH * len(known):
        raise ConfigurationError("says too much by aliases (*name); write out what is meant")


def _measured(node: Any, known: dict[int, tuple[int, int] | None], depth: int) -> tuple[int, int]:
    """Give how many nodes *node* stands for, and how deep they are nested."""
    found = known.get(id(node), ())
    if found is None:
        raise ConfigurationError(f"an alias stands for what it is in, at line {_line(node)}")
    if found:
        return found
    known[id(node)] = None
    if node.id == "mapping":
        _check_yaml_keys(node)
    elif node.tag == f"{_TAG}int" and not _is_number(str(node.value)):
        raise ConfigurationError(
            f"the value at line {_line(node)} is a number to YAML, and another one than it looks "
            "(0x1F, 012, 12:30); write it in quotes, or as a plain number"
        )
    size, height = 1, 0
    for child in _children(node):
        if depth + height > MAX_DEPTH:
            break
        more, deep = _measured(child, known, depth + 1)
        size, height = size + more, max(height, deep + 1)
    if depth + height > MAX_DEPTH:
        raise ConfigurationError(f"is nested too deeply at line {_line(node)}")
    known[id(node)] = size, height
    return size, height


def _children(node: Any) -> Iterator[Any]:
    if node.id == "mapping":
        for key, value in node.value:
            yield key
            yield value
    elif node.id == "sequence":
        yield from node.value


def _check_yaml_keys(node: Any) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = _line(key)
        if key.id != "scalar" or key.tag not in (f"{_TAG}str", f"{_TAG}merge"):
            kind = key.tag.removeprefix(_TAG) if key.tag.startswith(_TAG) else "something else"
            raise ConfigurationError(
                f"the key at line {line} is {kind:.40} and no text; write it in quotes"
            )
        if key.value in lines:
            raise _twice(key.value, lines[key.value], line)
        lines[key.value] = line


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


_FORMATS: dict[str, Parse] = {".json": _parse_json, ".yaml": _parse_yaml, ".yml": _parse_yaml}
