"""
Where in its course a block is, and what it is called: what a site's look-up knows of blocks.

It goes into documents that shapes have made already, so that all families have it, and none of it
is part of any id: with a look-up and without one, and whatever it says, documents have the same
ids. What the event itself says of a block stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from eventkit.base.memory import Memory
from eventkit.events.shapes.blocks import KINDS, kind_name, kind_of
from eventkit.events.shapes.iris import COURSE
from eventkit.events.shapes.site import UNDETERMINED, Course, encode_iri, named
from eventkit.events.shapes.view import activity
from eventkit.typing import Json

Ask = Callable[[str], object]
"""Gives what is known of a block by its usage key; None when nothing is."""

_KEY = re.compile(r"i4x:/*[^/]+/[^/]+/[^/]+/[^/#?]+|[^/#?]+")
_QUESTION = re.compile(r"_[0-9]+_[0-9]+\Z")
_OLD_COURSE = re.compile(r"i4x:/*[^/]+/[^/]+/")

_MOST = 50_000
_LONGEST = 300
_DEEPEST = 12  # a course has three levels above its blocks, and some blocks hold others

# What may be a part of something, and is the like of a block.
_RESOURCES = {kind.entity for kind in KINDS.values()} | {"DigitalResource"}
_OF_ITEMS = {"Questionnaire"}  # Caliper wants to see its items wherever it is described

_NO_PLACE = ("", "course")  # the course is said by itself; what nobody can tell is left out


# Without slots, which the compiler does not know; it makes them of its own.
@dataclass(frozen=True)
class Block:
    """What is known of a block."""

    iri: str
    name: str
    """Its display name; ``""`` when nobody knows it."""
    language: str
    """The language of the name; ``und`` where nobody says it."""
    of: str
    """Its kind, such as ``problem``; ``""`` when only its key says it."""
    above: tuple[str, ...]
    """The usage keys of what it is a part of, the nearest first."""
    given: Any
    """What all of this was made from."""


class Places:
    """
    Says of blocks in documents what they are called, and what they are a part of.

    Args:
        root: root URL of the LMS.

        ask: the look-up; None: there is none, and only languages are said.
    """

    def __init__(self, root: str, ask: Ask | None) -> None:
        self._start = f"{root}/xblock/"
        self._ask = ask
        self.asks = ask is not None
        self._blocks: Memory[str, Block] = Memory(_MOST)
        self._keys: Memory[str, tuple[str, bool]] = Memory(_MOST)

    def place(
        self, course: Course | None, parent: Course | None, target: Json, context: Json
    ) -> Course | None:
        """
        Name the activities of a statement, and group it with what its object is a part of.

        *parent* is the course where *context* does not hold it yet; what is given back is None when
        it holds it now. Analytics asks for the course, so it stays the first that a statement
        names.
        """
        language = course.language if course else UNDETERMINED
        known = context.get("contextActivities")
        self._describe(target, language)
        if known:
            for each in (each for among in known.values() for each in among):
                self._describe(each, language)
        found = self._above(target["id"]) if self.asks else []
        if not found or not _may_group(known):
            return parent
        activities: Json = known or {}
        if parent is not None:
            activities["parent"] = [activity(parent.iri, COURSE, parent.name, parent.language)]
        # A copy: a row may hand in the same list each time.
        group: list[Json] = list(activities.get("grouping") or ())
        there = {each["id"] for key in ("parent", "grouping") for each in activities.get(key, ())}
        for block in found:
            if block.iri not in there:
                kind = kind_of(block.iri, block.of).activity
                tag = language if block.language == UNDETERMINED else block.language
                group.append(activity(block.iri, kind, block.name, tag))
        if group:
            activities["grouping"] = group
        context["contextActivities"] = activities
        return None

    def _describe(self, made: Json, language: str) -> None:
        """Name an activity that is a block, and say in which language its author wrote."""
        iri, definition = made.get("id"), made.get("definition")
        if not isinstance(iri, str) or not iri.startswith(self._start) or not definition:
            return
        key, is_whole = self._key(iri)
        if self.asks and (block := self._block(key)):
            if block.language != UNDETERMINED:
                language = block.language
            if is_whole and block.name and "name" not in definition:
                definition["name"] = {language: block.name}
        if language != UNDETERMINED:
            _tag(definition, language)

    def locate(self, own: Json, course: Course | None) -> None:
        """Name the blocks among the entities of an event, and say what its object is a part of."""
        if not self.asks:
            return
        for part in own.values():
            self._name(part)
        whole = course.iri if course else None
        self._set_whole(own["object"], whole)
        generated = own.get("generated")
        if generated:
            self._set_whole(generated.get("attempt"), whole)

    def _name(self, made: Any) -> None:
        if isinstance(made, list):
            for each in made:
                self._name(each)
        elif isinstance(made, dict):
            iri = made.get("id")
            if (
                isinstance(iri, str)
                and iri.startswith(self._start)
                and "name" not in made
                and made.get("type") in _RESOURCES
            ):
                key, is_whole = self._key(iri)
                block = self._block(key) if is_whole else None
                if block and block.name:
                    made["name"] = block.name
            for each in made.values():
                if isinstance(each, (dict, list)):
                    self._name(each)

    def _set_whole(self, made: Any, course: str | None) -> None:
        """Say of an entity what it is a part of, where it is said so far of its course alone."""
        if not isinstance(made, dict):
            return
        if made.get("type") == "Attempt":
            self._set_attempted(made, course)
            return
        whole = made.get("isPartOf")
        if isinstance(whole, dict):
            self._set_whole(whole, course)
        elif isinstance(whole, str) and whole.startswith(self._start):
            made["isPartOf"] = self._entity(whole, course) or whole
        elif (whole == course or (whole is None and made.get("type") in _RESOURCES)) and (
            found := self._above(made["id"])
        ):
            made["isPartOf"] = self._chain(found, course)

    def _set_attempted(self, made: Json, course: str | None) -> None:
        """Say what was attempted, and which attempt at the subsection it is a part of."""
        what = made.get("assignable")
        if isinstance(what, str):
            if found := self._entity(what, course):
                made["assignable"] = found
        else:
            self._set_whole(what, course)
            what = what.get("id") if isinstance(what, dict) else None
        person = made.get("assignee")
        if not isinstance(what, str) or not isinstance(person, str) or "isPartOf" in made:
            return
        for block in self._above(what):
            if kind_name(block.iri) == "sequential":
                made["isPartOf"] = {
                    "id": f"{block.iri}/user/{person.rpartition('/')[2]}/attempt",
                    "type": "Attempt",
                    "assignee": person,
                    "assignable": block.iri,
                }
                return

    def _entity(self, iri: str, course: str | None) -> Json | None:
        """Make the block with this IRI an entity; None when nothing is known of it."""
        if not iri.startswith(self._start) or kind_of(iri).entity in _OF_ITEMS:
            return None
        key, is_whole = self._key(iri)
        block = self._block(key) if is_whole else None
        return self._chain([block, *self._above(iri)], course) if block else None

    @staticmethod
    def _chain(blocks: list[Block], course: str | None) -> Json:
        """Make each of the *blocks* an entity, a part of the next, and the last of the course."""
        whole: Json | str | None = course
        for block in reversed(blocks):
            made: Json = {"id": block.iri, "type": kind_of(block.iri, block.of).entity}
            if block.name:
                made["name"] = block.name
            if whole is not None:
                made["isPartOf"] = whole
            whole = made
        return whole  # type: ignore[return-value]  # there is at least one block

    def _above(self, iri: str) -> list[Block]:
        """Give what *iri* is a part of, the nearest first; the block too where it is no block's."""
        if not iri.startswith(self._start):
            return []
        key, is_whole = self._key(iri)
        block = self._block(key)
        if block is None:
            return []
        found = [] if is_whole else [block]
        for each in block.above:
            whole = self._block(each) or self._bare(each, None)
            if (kind_name(whole.iri) or whole.of) not in _NO_PLACE:
                found.append(whole)
        return found

    def _key(self, iri: str) -> tuple[str, bool]:
        """Give the usage key in the IRI of a block or of a part of one, and whether it is all."""
        found = self._keys.get(iri)
        if found is None:
            rest = iri[len(self._start) :]
            match = _KEY.match(rest)
            key = match[0] if match else rest
            plain = unquote(key) if "%" in key else key
            found = (plain, key == rest)
            question = _QUESTION.search(plain) if kind_name(iri) == "problem" else None
            # Questions are named after their problems; so may other problems be.
            if self._ask is not None and question and self._ask(plain) is None:
                found = (plain[: question.start()], False)
            elif len(iri) <= _LONGEST:
                self._keys.keep(iri, found)
        return found

    def _block(self, key: str) -> Block | None:
        """Give what is known of a block now; None when nothing is."""
        given = self._ask(key) if self._ask else None
        if given is None:
            return None
        found = self._blocks.get(key)
        if found is None or (found.given is not given and found.given != given):
            found = self._bare(key, given)
            if len(key) <= _LONGEST:
                self._blocks.keep(key, found)
        return found

    def _bare(self, key: str, given: object) -> Block:
        name, language = named(given)
        said: Mapping[str, object] = given if isinstance(given, Mapping) else {}
        kind = said.get("type")
        return Block(
            self._start + encode_iri(key),
            name,
            language,
            kind if isinstance(kind, str) else "",
            self._wholes(key, said.get("ancestors")),
            given,
        )

    def _wholes(self, key: str, given: object) -> tuple[str, ...]:
        """Give the usage keys among *given*; those that name another course are none of them."""
        if not isinstance(given, (list, tuple)):
            return ()
        home = _home(key)
        found: list[str] = []
        for each in given[:_DEEPEST]:
            if (
                isinstance(each, str)
                and _KEY.fullmatch(each)
                and _home(each) in ("", home)
                and each != key
                and each not in found
            ):
                found.append(each)
        return tuple(found)


def _home(key: str) -> str:
    """Give the beginning of a usage key, its course or library; ``""`` where nobody can tell it."""
    old = _OLD_COURSE.match(key)
    if old:
        return old[0]
    if key.startswith("lb:"):
        return key.rpartition(":")[0].rpartition(":")[0]
    course, found, _ = key.partition("+type@")
    return course if found else ""


def _may_group(activities: Json | None) -> bool:
    """
    Tell whether more may be grouped with a statement.

    Where the parent is not the course, the course comes first in the group; if nobody knows it,
    nothing else may stand there.
    """
    if not activities:
        return True
    parent, group = activities.get("parent"), activities.get("grouping")
    return not parent or _is_course(parent[0]) or bool(group and _is_course(group[0]))


def _is_course(made: Json) -> bool:
    definition: Json = made.get("definition") or {}
    return definition.get("type") == COURSE


_LISTS = ("choices", "scale", "source", "target", "steps")


def _tag(definition: Json, language: str) -> None:
    """Say in which language authors wrote what so far is in none."""
    texts: list[Any] = [definition.get("name"), definition.get("description")]
    for key in _LISTS:
        texts += [each.get("description") for each in definition.get(key) or ()]
    for text in texts:
        if text and UNDETERMINED in text:
            text[language] = text.pop(UNDETERMINED)
