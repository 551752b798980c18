"""
Opaque keys: which course, organisation and block the keys of the platform name.

Three ages of them occur. Today's name the parts in one text (``course-v1:Org+Number+Run``,
``block-v1:Org+Number+Run+type@video+block@id``), libraries have a shape of their own
(``lib:Org:slug``, ``lb:Org:slug:problem:id``), and old courses write them with slashes
(``Org/Number/Run``, ``i4x://Org/Number/video/id``; in html ids ``i4x-Org-Number-video-id``).
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote

from eventkit.base.memory import Memory

_MOST_KEYS = 10_000
_LONGEST = 300

MOST_LAYERS = 16
"""How often a text may be percent-encoded; nobody but an attacker encodes it more than thrice."""

# One part of a key. A blank between two parts was a plus before somebody read it as form data.
# It is no longer than keys may be, so that no text is looked at over and over.
_PART = r"[\w.~:-]{1,255}+"
_COURSE_PARTS = rf"{_PART}[+ ]{_PART}[+ ]{_PART}(?!@)(?:[+ ]ccx@\d+)?"
_find_course = re.compile(
    rf"(?<![\w-])(ccx-|)(course|ccx|block|asset)-v(\d+)\$?:({_COURSE_PARTS})"
).search
_is_usage_key = re.compile(r"(ccx-block|block|lib-block)-v\d+:.+?\+type@([^+@/\s]+)\+block@.").match
_is_old_usage_key = re.compile(r"i4x:/?/?[^/]+/[^/]+/([^/]+)/.").match
_is_library_block = re.compile(r"lb:[^:]+:[^:]+:([^:]+):.").match
_has_parts = re.compile(r"(course|ccx|library)-v\d+:").match
_find_blanks = re.compile(
    r"(?:course|ccx|block|asset|library)-v\d+:[^/?#&\s]{1,255}+(?: [^/?#& ]+)+"
).sub

# The key of an old course in a path. An API names its own version where a course would stand.
_find_old_course = re.compile(
    r"(?<!/api)/courses/(?!v\d)([^/?#:\s]+/[^/?#:\s]+/[^/?#:\s]+)(?=[/?#]|$)"
).search
_find_escaped_course = re.compile(
    r"/courses?/([^/?#:%\s]+(?:%2[Ff][^/?#:%\s]+){2})(?=[/?#]|$)"
).search
_IN_QUERY = frozenset({"course_id", "course_key", "courseId", "course"})

_NOT_IN_HTML = re.compile(r"[^\w-]")

KNOWN: Memory[str, str] = Memory(_MOST_KEYS)
"""What `course_key` has given before."""


def unescaped(text: str) -> str:
    """Undo percent-encoding, up to `MOST_LAYERS` times over."""
    for _ in range(MOST_LAYERS):
        if "%" not in text:
            break
        text = unquote(text)
    return text


def course_key(text: str) -> str:
    """Give a course key as the platform spells it: not encoded, with pluses where they belong."""
    found = KNOWN.get(text)
    if found is None:
        found = unescaped(text).strip()
        if " " in found and _has_parts(found):
            found = found.replace(" ", "+")
        if len(text) <= _LONGEST:
            KNOWN.keep(text, found)
    return found


def mended(text: str) -> str:
    """Put the pluses back into the keys in *text* that were read as blanks."""
    return _find_blanks(lambda match: match[0].replace(" ", "+"), text) if " " in text else text


def course_of_usage_key(key: str) -> str:
    """Give the course key of a usage key; ``""`` when it does not hold one (``i4x://``, say)."""
    if "-v" not in key and "%" not in key:
        return ""
    match = _find_course(unescaped(key))
    return _course(match) if match and match[2] in ("block", "asset") and not match.start() else ""


def _course(match: re.Match[str]) -> str:
    kind = "ccx" if match[1] or match[2] == "ccx" else "course"
    return f"{kind}-v{match[3]}:{match[4].replace(' ', '+')}"


def course_of_url(url: str) -> str:
    """
    Give the course whose page a URL is, or the course of the block that it shows.

    Its path says so, else a parameter that asks for a course. What else stands in a query may be
    where to go next. Paths of APIs hold version numbers and names where old courses would stand.
    """
    if "/" not in url:
        return ""
    rest, _, fragment = url.partition("#")
    path, _, query = rest.partition("?")
    return _course_of(path, query) or _course_of(*fragment.partition("?")[::2])


def _course_of(path: str, query: str) -> str:
    plain = unescaped(path)
    if "-v" in plain and (match := _find_course(plain)):
        return _course(match)
    if "/course" in plain:
        if match := _find_old_course(plain):
            return match[1]
        if match := _find_escaped_course(path):
            return unquote(match[1])
    if "course" in query:
        for name, value in parse_qsl(query):
            if name in _IN_QUERY and (found := course_key(value)) and org_of(found):
                return found
    return ""


def org_of(key: str) -> str:
    """Give the organisation of a key of any kind; ``""`` of what is no key."""
    kind, colon, rest = key.partition(":")
    if not colon:
        org, slash, rest = key.partition("/")
        return org if slash and rest.count("/") == 1 and not rest.startswith("/") else ""
    if kind in ("lib", "lib-collection", "lct", "lb"):
        org, colon, rest = rest.partition(":")
        return org if colon and rest else ""
    if kind == "i4x":
        return rest.lstrip("/").partition("/")[0]
    if "-v" not in kind:
        return ""
    org, plus, rest = rest.replace(" ", "+").partition("+")
    return org if plus and rest else ""


def block_type_of(key: str) -> str:
    """Give the type of the block that a usage key names; ``""`` of what is no usage key."""
    if match := _is_usage_key(key):
        return match[2]
    match = _is_library_block(key) or _is_old_usage_key(key)
    return match[1] if match else ""


def block_id(key: str) -> str:
    """Give the last part of a usage key of today, which browsers know the block by, or ``""``."""
    return key.rpartition("+block@")[2] if _is_usage_key(key) else ""


def old_block(course: str, kind: str, name: str) -> str:
    """
    Give the usage key that an html id of an old block (``i4x-Org-Number-video-name``) stands for.

    In such an id every character of the organisation and the number that is neither of a word nor
    a dash became ``_``. The *course* knows how it spells them. An id of another course is believed
    where it can be read in one way only; else the answer is ``""``.

    Args:
        course: the course key, or ``""``.

        kind: the type of block that is expected; it tells where a name with dashes begins.

        name: the id.
    """
    parts = course.partition(":")[2].split("+") if ":" in course else course.split("/")
    if len(parts) >= 3:
        org, number = parts[0], parts[1]
        start = f"i4x-{html_id(org)}-{html_id(number)}-"
        if name.startswith(start):
            rest = name[len(start) :]
            if rest.startswith(f"{kind}-"):
                return f"i4x://{org}/{number}/{kind}/{rest[len(kind) + 1 :]}"
            of, _, rest = rest.partition("-")
            # With the expected type further on, the number of another course only begins alike.
            if of and rest and not (kind and f"-{kind}-" in f"-{rest}"):
                return f"i4x://{org}/{number}/{of}/{rest}"
            return ""
    other = name.split("-", 4)
    if len(other) < 5 or not all(other) or "_" in other[1] or "_" in other[2] or other[3] != kind:
        return ""
    return f"i4x://{other[1]}/{other[2]}/{kind}/{other[4]}"


def html_id(text: str) -> str:
    """Write an old key, or a part of one, as html ids have it; slashes become dashes."""
    return _NOT_IN_HTML.sub("_", text.replace("/", "-"))
