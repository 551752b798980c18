"""
Patterns that can match nothing, as far as is known: slips of those who write rules.

A rule that denies and never matches lets through what it was written to keep; who reads rules
refuses it. One that allows and never matches only lets through less, so that ``eventkit check``
tells. What the fields can hold is the grammar of Open edX: names of the catalogue, keys, hosts.
"""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from eventkit.events.catalogue import FAMILIES, Catalogue, catalogue
from eventkit.filters.patterns import REGEX_PREFIX, Regex, parse_patterns


class Doubt(NamedTuple):
    """Why a pattern may not mean what it says; *never* when it can match nothing at all."""

    text: str
    never: bool = True


def doubt(field: str, pattern: str) -> Doubt | None:
    """Tell what is doubtful about *pattern*, a good one for *field*; None: nothing."""
    if _has_blanks(pattern):
        return Doubt(f"{pattern!r} has blanks around it, which no value has; remove them")
    if field == "event":
        return _event(pattern, catalogue())
    field = _SAME.get(field, field)
    found = _grammar(field, pattern) if field in _LANGUAGES else None
    if found is None and field == "course":
        found = _bare_pluses(pattern)
    elif found is None and field == "activity_type":
        found = _activity_type(pattern)
    return found or _regex(field, pattern)


def _has_blanks(pattern: str) -> bool:
    """Tell whether there are blanks at an end, where values are stripped."""
    return not pattern.startswith(REGEX_PREFIX) and pattern != pattern.strip()


# Names of events.

_ADDRESS = re.compile(r"[/*?].*", re.DOTALL)


@lru_cache(maxsize=4096)
def _event(pattern: str, known: Catalogue) -> Doubt | None:
    if _is_known(pattern, known):
        return None
    if hint := _meant_as_regex(pattern):
        return Doubt(f"{pattern!r} matches no known event; {hint}")
    if pattern.startswith(REGEX_PREFIX):
        inside = f"{REGEX_PREFIX}.*{_bare(pattern[len(REGEX_PREFIX) :])}.*"
        more = f" {inside!r}" if _can_be_read(inside) and _is_known(inside, known) else ""
        hint = f"'re:' must match all of a name{': did you mean' + more + '?' if more else ''}"
    elif known.family(pattern) == "implicit":
        hint = "requests go by their paths: did you mean '/*'?"
    elif near := _nearest(pattern, known):
        hint = f"did you mean {near!r}?"
    else:
        hint = "the names are in docs/reference/events"
    return Doubt(f"{pattern!r} matches no known event; {hint}")


def _is_known(pattern: str, known: Catalogue) -> bool:
    """Tell whether some event that is known has a name like that, or some request an address."""
    patterns = parse_patterns([pattern])
    if any(text.startswith("/") or _is_named(text, known) for text in patterns.exact):
        return True
    if "/" in pattern and (
        pattern.startswith(REGEX_PREFIX) or _ADDRESS.fullmatch(pattern) is not None
    ):
        return True
    return any(map(patterns.matches, _names(known))) if patterns.others else False


def _is_named(text: str, known: Catalogue) -> bool:
    return known.get(text) is not None and known.family(text) != "implicit"


def _names(known: Catalogue) -> Iterator[str]:
    # Requests go by their paths, and none by the name of their family.
    return (name for row in known if row.family != "implicit" for name in row.names)


def _nearest(pattern: str, known: Catalogue) -> str:
    """Suggest a pattern like *pattern* that matches a known event."""
    core = pattern.strip("*")
    head = "*" if pattern.startswith("*") else ""
    tail = "*" if pattern.endswith("*") else ""
    pieces: dict[str, None] = {}
    for name in _names(known):
        pieces[name] = None
        if not (head or tail):
            continue
        cuts = [at for at, letter in enumerate(name) if letter in "._/"]
        within = [*cuts, *(at + 1 for at in cuts)]
        starts = [0, *within] if head else [0]
        ends = [len(name), *within] if tail else [len(name)]
        pieces.update((name[a:b], None) for a in starts for b in ends if a < b)
    near = difflib.get_close_matches(core.strip().lower(), pieces, 1, 0.7)
    if near:
        return f"{head}{near[0]}{tail}"
    wider = (f"{core}.*", f"{core}*", f"*{core}", f"*{core}*") if core == pattern else ()
    return next((text for text in wider if _is_known(text, known)), "")


# Regular expressions that do not say so, or that rely on being searched for.

_LIKE_A_REGEX = re.compile(r"\^.*|.*(?<!\\)\$|.*(?:\.[*+]|\\[.dws+]|\([^()]*\|).*", re.DOTALL)


def _meant_as_regex(pattern: str) -> str:
    if pattern.startswith(REGEX_PREFIX) or not _LIKE_A_REGEX.fullmatch(pattern):
        return ""
    if pattern.endswith(".*") and not re.search(r"[\^$\\|()+]", pattern):
        return ""  # A glob: names have dots.
    return f"did you mean 're:{pattern}'?"


def _bare(expression: str) -> str:
    """Take the anchors off."""
    return expression.removeprefix("^").removesuffix("$")


def _can_be_read(pattern: str) -> bool:
    try:
        parse_patterns([pattern])
    except ValueError:
        return False
    return True


def _regex(field: str, pattern: str) -> Doubt | None:
    if field in ("user", "enterprise") and (meant := unquote(pattern)) != pattern:
        return Doubt(f"{pattern!r} is taken as it stands; did you mean {meant!r}?")
    if hint := _meant_as_regex(pattern):
        # Only a field of any kind may hold such text.
        return Doubt(f"{pattern!r} is taken as it stands; {hint}", never="." not in field)
    if not pattern.startswith(REGEX_PREFIX):
        return None
    expression = pattern[len(REGEX_PREFIX) :]
    if expression.startswith("^") == expression.endswith("$"):
        return None
    meant = f"{expression}.*" if expression.startswith("^") else f".*{expression}"
    if expression.endswith(".*") or expression.startswith(".*"):
        return None
    return Doubt(f"'re:' must match all of the text; did you mean 're:{meant}'?", never=False)


# Keys and hosts. What a field can hold is a list of symbols, and so is what a pattern matches; does
# any text belong to both?


class _Symbol(NamedTuple):
    """A character: this one, one of a class, or (neither) any; *many*: any number of them."""

    letter: str = ""
    of: re.Pattern[str] | None = None
    many: bool = False


_Symbols = tuple[_Symbol, ...]


def _word(of: str) -> _Symbols:
    """Make one or more characters of a class."""
    compiled = re.compile(of)
    return (_Symbol(of=compiled), _Symbol(of=compiled, many=True))


def _plain(text: str) -> _Symbols:
    return tuple(map(_Symbol, text))


# What is in no key and no host; most often several were meant, or a regular expression.
_NEVER = r"\s,;|&=!<>(){}\"'`\\?#%^$"
_PART = _word(rf"[^+/@\[\]{_NEVER}]")
_OLD_PART = _word(rf"[^:+/@\[\]{_NEVER}]")
_REST = _word(rf"[^\[\]{_NEVER}]")
_HOST = _word(rf"[^A-Z/@+\x80-\U0010ffff{_NEVER}]")
_BETWEEN_SEVERAL = re.compile(r"\s*[,;|]\s*")
_WORDS = _word(r"[^,;|]")

_LANGUAGES: dict[str, tuple[_Symbols, ...]] = {
    "course": (
        (*_plain("course-v1:"), *_PART, *_plain("+"), *_PART, *_plain("+"), *_REST),
        (*_plain("ccx-v1:"), *_PART, *_plain("+"), *_PART, *_plain("+"), *_REST),
        (*_plain("library-v1:"), *_PART, *_plain("+"), *_REST),
        (*_plain("lib:"), *_PART, *_plain(":"), *_REST),
        (*_OLD_PART, *_plain("/"), *_OLD_PART, *_plain("/"), *_OLD_PART),
    ),
    "org": (_PART,),
    "site": (_HOST,),
    "user": (_WORDS,),
    "activity_type": (_WORDS,),
    "enterprise": (_WORDS,),
}
_SAME = {
    "context.course_id": "course",
    "context.org_id": "org",
    "data.course_id": "course",
    "event.course_id": "course",
}
"""Dotted paths to what fields hold too."""
"""What fields can hold; of a host the spelling in lower case, which is always looked at too."""

_EXPECTED = {
    "course": "a course key is course-v1:ORG+COURSE+RUN, library-v1:ORG+LIBRARY, lib:ORG:LIBRARY, "
    "ccx-v1:ORG+COURSE+RUN+ccx@N or ORG/COURSE/RUN",
    "org": "an organisation is one word, such as edX",
    "site": "a site is a host in lower case, as requests have it (xn--...), such as "
    "lms.example.org, without scheme and path",
    "user": "a user is a user id or a username",
    "activity_type": "an activity type is that of a block, or a family of events",
    "enterprise": "an enterprise is a UUID",
}


@lru_cache(maxsize=4096)
def _grammar(field: str, pattern: str) -> Doubt | None:
    if _is_possible(field, pattern):
        return None
    hint = _meant_as_regex(pattern) or _meant_as_list(field, pattern)
    if not hint:
        found = next((near for near in _near(field, pattern) if _is_possible(field, near)), "")
        hint = f"did you mean {found!r}? ({_EXPECTED[field]})" if found else _EXPECTED[field]
    return Doubt(f"{pattern!r} can match no {field}; {hint}")


def _meant_as_list(field: str, pattern: str) -> str:
    several = _BETWEEN_SEVERAL.split(pattern.strip())
    if pattern.startswith(REGEX_PREFIX) or len(several) == 1:
        return ""
    if not all(text and _is_possible(field, text) for text in several):
        return ""
    return f"several are a list: did you mean {several}?"


# Pluses of keys, which a regular expression takes for "once or more".
_BETWEEN_CHOICES = re.compile(r"[|()]")
_ANYTHING = re.compile(r"\.[*+]|\[[^\]]*\][*+]?")
_BARE_PLUS = re.compile(r"(?<=[\w~-])\+|(?<=\*|\])\+")


def _bare_pluses(pattern: str) -> Doubt | None:
    """Tell where a key was written into a regular expression as it stands."""
    expression = pattern[len(REGEX_PREFIX) :]
    if not pattern.startswith(REGEX_PREFIX) or "+" not in expression:
        return None
    for choice in _BETWEEN_CHOICES.split(expression):
        key = _ANYTHING.sub("x", _bare(choice))
        if "+" not in key or not any(
            _is_possible("course", whole) for whole in (key, f"course-v1:{key}")
        ):
            continue
        if not parse_patterns([f"{REGEX_PREFIX}{_bare(choice)}"]).matches(key):
            meant = _BARE_PLUS.sub(r"\\+", expression)
            return Doubt(
                f"{pattern!r} takes the pluses of the key for repetition; "
                f"did you mean {REGEX_PREFIX + meant!r}?"
            )
    return None


def _near(field: str, pattern: str) -> Iterator[str]:
    """Give what *pattern* may have been meant to be."""
    if pattern.startswith(REGEX_PREFIX):
        inside = f"{REGEX_PREFIX}.*{_bare(pattern[len(REGEX_PREFIX) :])}.*"
        if _can_be_read(inside):
            yield inside
        return
    yield unquote(pattern)
    if field == "course":
        namespace, colon, rest = pattern.partition(":")
        close = difflib.get_close_matches(namespace.lower(), ("course-v1", "library-v1"), 1)
        if colon and close:
            yield f"{close[0]}:{rest}"
        yield f"{pattern}*" if pattern.endswith((":", "+", "/")) else f"{pattern}+*"
        yield f"course-v1:{pattern}"
        yield f"course-v1:{pattern}+*"
        yield f"{pattern}/*"
    elif field == "site":
        host = re.sub(r"^[a-z]+://", "", pattern.lower()).partition("/")[0]
        yield host
        with contextlib.suppress(UnicodeError):
            yield host.encode("idna").decode()


def _is_possible(field: str, pattern: str) -> bool:
    """Tell whether *pattern* matches any text that *field* can hold; of regular ones, if unsure."""
    patterns = parse_patterns([pattern])
    for text in patterns.exact:
        written = _plain(text)
        return any(_meet(written, language) for language in _LANGUAGES[field])
    [other] = patterns.others
    if isinstance(other, Regex):
        head, is_whole = other.beginning()
        written = _plain(head) if is_whole else (*_plain(head), _Symbol(many=True))
    else:
        wild = {"*": _Symbol(many=True), "?": _Symbol()}
        written = tuple(wild.get(letter) or _Symbol(letter) for letter in pattern)
    return any(_meet(written, language) for language in _LANGUAGES[field])


def _meet(pattern: _Symbols, language: _Symbols) -> bool:
    """Tell whether any text is both."""
    waiting = [(0, 0)]
    seen = set(waiting)
    while waiting:
        i, j = waiting.pop()
        one = pattern[i] if i < len(pattern) else None
        other = language[j] if j < len(language) else None
        if one is None and other is None:
            return True
        ways = []
        if one is not None and one.many:
            ways.append((i + 1, j))
        if other is not None and other.many:
            ways.append((i, j + 1))
        if one is not None and other is not None and _overlap(one, other):
            ways.append((i if one.many else i + 1, j if other.many else j + 1))
        waiting += (way for way in ways if way not in seen)
        seen.update(ways)
    return False


def _overlap(one: _Symbol, other: _Symbol) -> bool:
    if not one.letter:
        return True
    return one.letter == other.letter if other.of is None else bool(other.of.match(one.letter))


# Types of blocks and families of events.

_BLOCKS = (  # noqa: SIM905 - sixty words
    "about acid annotatable chapter chat conditional course course_info crowdsourcehinter "
    "discussion done drag-and-drop-v2 edx_sga error feedback freetextresponse google-calendar "
    "google-document html image imageannotation itembank library library_content "
    "library_sourced lti lti_consumer mentoring nonstaff_error openassessment "
    "option-mentoring oppia pb-mcq peerinstruction peergrading poll poll_question pollxblock "
    "problem problem-builder qualtricssurvey randomize recommender schoolyourself_lesson "
    "schoolyourself_review scorm sequential slider split_test staffgradedxblock static_tab "
    "step-builder survey textannotation ubcpi unit unsupported vertical video video_block "
    "videoannotation word_cloud wrapper zoomxblock "
).split()


@lru_cache(maxsize=4096)
def _activity_type(pattern: str) -> Doubt | None:
    # Any package may add blocks, so that an unknown type is no proof.
    known = {*_BLOCKS, *FAMILIES, *(row.family for row in catalogue())} - {""}
    patterns = parse_patterns([pattern])
    if any(map(patterns.matches, known)):
        return None
    near = difflib.get_close_matches(pattern.strip("*").lower(), known, 1)
    if _meant_as_regex(pattern):
        return None  # What is wrong is said of any field.
    hint = f"did you mean {near[0]!r}?" if near else ""
    told = f"; {hint}" if hint else ""
    return Doubt(
        f"{pattern!r} is no type of block or family of events known here{told}", never=False
    )
