"""
What an event mentions, wherever it stands: for rules that deny, and must not be walked around.

A document shows what a shape takes from some field of the event, so whoever denies a course, an
organisation, a site or a person means every field, at every depth: also names that are part of a
URL or of JSON text, encoded as often as one likes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from eventkit.reading.keys import MOST_LAYERS, org_of
from eventkit.reading.source import PERSON_FIELDS, text_of

_MOST_OBJECTS = 100_000

COURSES = frozenset({"course", "course_id", "course_key", "courses", "course_ids", "courserun_key"})
ORGS = frozenset({"org", "org_id", "org_key", "organization", "organisation", "orgs"})
HOSTS = frozenset({"host", "page", "referer", "current_url", "open_in_browser_url"})
ENTERPRISES = frozenset({"enterprise_uuid", "enterprise_customer_uuid"})
BLOCK_TYPES = frozenset({"block_type", "component_type"})
"""The fields that name courses, organisations, hosts and so on by what they hold."""

_SILENT = frozenset({int, float, bool, type(None)})
_NAMING = COURSES | ORGS | HOSTS | ENTERPRISES | PERSON_FIELDS | BLOCK_TYPES

# Each begins with something that texts are searched for quickly; what follows is only looked at,
# for another key may begin in it.
# Parts are no longer than keys may be, so that no text is looked at over and over.
_PART = r"[\w.~:-]{1,255}+"
_KINDS = ("lib-block", "ccx-block", "library", "course", "block", "asset", "ccx")
_versioned = re.compile(
    rf"-v(?:{'|'.join(f'(?<={kind}-v)' for kind in _KINDS)})(\d{{1,3}})\$?:"
    rf"(?=({_PART})[+ ]({_PART})(?:[+ ]({_PART})(?!@)(?:[+ ](ccx@\d+))?)?)"
).finditer
_STEP = r"[^\s/\"'=<>,()\[\]{}?#&:]+"
_AFTER = r"(?=[\s\"'&<>,)\]}?#/]|$)"
_old_in_path = re.compile(rf"/courses?/(?=({_STEP}/{_STEP}/{_STEP}){_AFTER})").finditer
_is_old = re.compile(rf"{_STEP}/{_STEP}/{_STEP}").fullmatch
_between = re.compile(r"[\s\"'=<>,()\[\]{}?#&]").split
_has_several = re.compile(r"[\s\"'=<>,()\[\]{}?#&]").search
_old_escaped = re.compile(
    rf"(?:^|[\s\"'=>,(\[/])({_STEP[:-2]}%]+%2[Ff]{_STEP[:-2]}%]+%2[Ff]{_STEP[:-2]}%]+){_AFTER}",
    re.MULTILINE,
).finditer
_old_block = re.compile(r"i4x:/{1,2}(?=([^\s/]+)/([^\s/]+)/)").finditer
_old_html_id = re.compile(r"i4x-(?=([^\s/-]+)-([^\s/-]+)-)").finditer
_old_file = re.compile(r"/c4x/(?=([^\s/]+)/([^\s/]+)/)").finditer
_library = re.compile(r"(?:lib-collection|lib|lct|lb):(?=([\w.~-]+):([\w.~-]+))").finditer
_LIBRARIES = ("lib:", "lb:", "lct:", "lib-collection:")
_TYPES = (
    re.compile(r"\+type@([^+@/\s]+)\+block@").findall,
    re.compile(r"i4x:/{1,3}[^\s/]+/[^\s/]+/([^\s/]+)/").findall,
    re.compile(r"(?<!\w)(?:lb|lct):[^:\s]+:[^:\s]+:([^:\s]+):").findall,
)
"""What finds the types of blocks in texts."""
_html_ids = re.compile(r"i4x-[^\s/-]+-[^\s/-]+-([\w-]+)").findall
_unescape = re.compile(r"\\+(?:u([0-9A-Fa-f]{4})|/)").sub


class Mentions:
    """Everything that parts of an event say: their texts, and what fields that name hold."""

    __slots__ = ("_keys", "_layers", "_texts", "named")

    def __init__(self, *parts: Any) -> None:
        self._texts: list[str] = []
        self._layers: list[str] | None = None
        self._keys: frozenset[str] | None = None
        self.named: dict[str, list[Any]] = {}
        self._walk(parts)

    def texts(self, fields: Iterable[str]) -> Iterator[str]:
        """Give the texts that these *fields* hold, wherever in the event they are."""
        for field in fields:
            for value in self.named.get(field, ()):
                if text := text_of(value):
                    yield text

    def keys(self) -> frozenset[str]:
        """
        Give the keys of all courses and libraries that are named, as the platform spells them.

        Keys of blocks count for their courses. Old ones do not tell the run of theirs: what they
        tell ends with a slash (``Org/Number/``).

        Raises:
            ValueError: the event cannot be read to its end.
        """
        if self._keys is None:
            found: set[str] = set()
            for layer in self._decoded():
                found.update(_keys_in(layer))
            self._keys = frozenset(found)
        return self._keys

    def orgs(self) -> set[str]:
        """Give the organisations that are named, by themselves or in a key."""
        return {*filter(None, map(org_of, self.keys())), *self.texts(ORGS)}

    def block_types(self) -> set[str]:
        """
        Give the types of all blocks that are named, by their keys or by fields.

        Raises:
            ValueError: what was given cannot be read to its end.
        """
        found = set(self.texts(BLOCK_TYPES))
        for layer in self._decoded():
            for find in _TYPES:
                found.update(find(layer))
            for rest in _html_ids(layer):
                # Nobody can tell where a number with dashes ends.
                found.update(rest.split("-")[:-1])
        return found

    def _walk(self, parts: Iterable[Any]) -> None:
        texts, named = self._texts, self.named
        waiting = list(parts)
        seen: dict[int, Any] = {}
        while waiting:
            value = waiting.pop()
            kind = type(value)
            if kind is str:
                texts.append(value)
                continue
            if kind in _SILENT or id(value) in seen:
                continue
            seen[id(value)] = value
            if len(seen) > _MOST_OBJECTS:
                raise ValueError("an event of more objects than can be looked through")
            if kind is dict or isinstance(value, Mapping):
                texts += value
                waiting += value.values()
                for key in _NAMING.intersection(value):
                    held = value[key]
                    if isinstance(held, (list, tuple, set, frozenset)):
                        named.setdefault(key, []).extend(held)
                    else:
                        named.setdefault(key, []).append(held)
            elif isinstance(value, (list, tuple, set, frozenset)):
                waiting += value
            else:
                texts.append(text_of(value))

    def _decoded(self) -> list[str]:
        """Give all texts, joined by line feeds, as they stand and as they are when decoded."""
        if self._layers is None:
            texts = (text if type(text) is str else str(text) for text in self._texts)
            layer = _with_escapes("\n".join(dict.fromkeys(texts)))
            layers = [layer]
            while "%" in layer:
                encoded = "\n".join(line for line in layer.split("\n") if "%" in line)
                layer = unquote(encoded)
                if layer == encoded:
                    break
                layer = _with_escapes(layer)
                layers.append(layer)
                if len(layers) > MOST_LAYERS:
                    raise ValueError("percent-encoded too often to be looked through")
            self._layers = layers
        return self._layers


def _with_escapes(text: str) -> str:
    """Add to *text* what it is without the escapes of JSON, and of old keys in paths."""
    if "\\" in text:
        text += "\n" + _unescape(_character, text)
    if ";_" in text:
        text += "\n" + text.replace(";_", "/")
    return text


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else "/"


def _keys_in(text: str) -> Iterator[str]:
    """Give the keys of courses and libraries in *text*, as `Mentions.keys` does."""
    yield from _keys_of_today(text)
    if "/" in text:
        yield from _old_courses(text)
    for find in (_old_block, _old_html_id, _old_file):
        for match in find(text):
            yield f"{match[1]}/{match[2]}/"
    if any(start in text for start in _LIBRARIES):
        for match in _library(text):
            yield f"lib:{match[1]}:{match[2]}"


def _keys_of_today(text: str) -> Iterator[str]:
    for match in _versioned(text):
        version, org, number, run, ccx = match.groups()
        before = text[max(0, match.start() - 9) : match.start()]
        kind = next(filter(before.endswith, _KINDS), "")
        if kind in ("library", "lib-block"):
            yield f"library-v{version}:{org}+{number}"
        elif kind and run:
            space = "ccx" if kind.startswith("ccx") else "course"
            start = f"{space}-v{version}:{org}+{number}+"
            end = f"+{ccx}" if ccx else ""
            yield f"{start}{run}{end}"
            yield f"{start}{run.rstrip('.:~-_')}{end}"  # the end of a sentence, perhaps


def _old_courses(text: str) -> Iterator[str]:
    for match in _old_in_path(text):
        yield match[1]
    for line in text.split("\n"):
        slashes = line.count("/")
        if slashes >= 2 and (slashes == 2 or _has_several(line)):
            yield from filter(_is_old, _between(line))
    if "%2" in text:
        for match in _old_escaped(text):
            yield unquote(match[1])
