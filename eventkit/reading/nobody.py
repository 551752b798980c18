"""What a payload says without the people in it: ids are digests of it, and can be guessed from."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from eventkit.base.json import try_loads

_PERSON = (
    "user|student|learner|author|instructor|staff|member|owner|assignee|assigner|grader|scorer|"
    "reviewer|teacher|tutor|moderator|participant|person|enrollee|recipient|sender|creator|invitee"
)

# Of a key the letters only: `target_username`, `userId`, `anonymous-student-id`. What has other
# words behind it, as `user_course_roles` and `student_answer`, says something, but not who.
_names_person = re.compile(
    rf"[a-z]*?(?:{_PERSON})"
    r"(?:s|ids?|names?|keys?|uuids?|e?mails?|info|data|profiles?|details){0,3}"
    r"|[a-z]*?(?:e?mails?|e?mailaddress(?:es)?|login|(?:first|last|full|real|given|family)names?)"
    r"|(?:mobile)?phone(?:numbers?)?|(?:client|remote)?ip(?:address)?|bookmarkid|identifiers?|uid"
).fullmatch

_SIGNS = (
    *_PERSON.split("|"),
    *("mail", "login", "name", "phone", "ip", "bookmark", "identifier", "uid"),
)
"""What there is in JSON that has such a key, in small letters."""

_IN_FORMS = frozenset(("u", "sub", "loginhint", "masquerade", "uniquestudentidentifier"))
"""Keys, likewise, that are people in forms and in the queries of addresses only."""

# Usage keys are full of @. Each word is looked at once: texts may be long.
_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]+(?<!\+block)(?<!\+type)(?:@|%40)[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}"
)

_NOT_LETTERS = re.compile(r"[^a-z]+")
_PAIR = re.compile(r"(?<![^&?#;\s])([^=&?#;\s]{1,80})=([^&?#;\s]*)")
_LONGEST = 80
"""Characters of a key that are looked at."""

# Steps of paths that are people, wherever `eventkit.events.shapes.urls` says so. These lists are
# part of the recipe of ids, and stay when those there grow.
_BEFORE_PEOPLE = (
    "u|users?|user[-_]?names?|user[-_]?id|uid|profiles?|accounts?|(?:learner|student)(?:s|_id)?|"
    "email|masquerade|progress|submission_history|xqueue|team_membership|profile[-_]images|"
    "user_tours|retire|impersonate|hijack|activate|activate_secondary_email|password_reset_confirm|"
    "email_confirm|account_recovery_confirm|unsubscribe|resubscribe|optout"
)
_BEFORE_NUMBERS = (
    "members?|people|person|authors?|owner|instructors?|teachers?|participants?|candidates?|"
    "contacts?|customers?|staff|employees?|friends?|followers?|respondent|gradebook|certificates|"
    "subscribers?|pupils?"
)
_NO_PEOPLE = (
    r"(?:v\d+(?:\.\d+)?|settings|password|finish_auth|id-verification|login|logout|register|reset|"
    r"accounts?|me|preferences|validation)(?![^/\\?#])"
)
_STEP = r"[^\s/\\?#&;,]+"
_PEOPLE_IN_PATHS = re.compile(
    rf"(?<![^/\\])(?:((?:{_BEFORE_PEOPLE})[/\\]+)(?!{_NO_PEOPLE}){_STEP}"
    rf"|((?:{_BEFORE_NUMBERS})[/\\]+)\d+(?![^/\\?#&;,\s])"
    r"|(?:user|uid|userid|student|learner|member|profile|account)[-_.]?\d+(?![^/\\?#&;,\s]))",
    re.IGNORECASE,
)
_begins_json = re.compile(r'\s*[{\["]').match
_MOST_DECODINGS = 10

_SHORTEST = 3
"""Characters of a name that is looked for among others."""


def may_name(text: str, names: tuple[str, ...]) -> bool:
    """Tell, quickly, whether a payload written as JSON, in ASCII, may name a person."""
    if "/" in text or "%" in text or "\\" in text:  # an address, or what is written otherwise
        return True
    if text.count("@") > text.count("+type@") + text.count("+block@"):
        return True
    small = text.lower()
    return any(sign in small for sign in _SIGNS) or any(name.lower() in small for name in names)


def without_people(value: Any, names: tuple[str, ...]) -> Any:
    """
    Leave people out of *value*, which was read from JSON.

    That is what stands under the key of one, at any depth, also in JSON and forms that are texts;
    in texts e-mail addresses, steps of paths that are people, and *names*: what the user of the
    event is called.
    """
    if isinstance(value, dict):
        return {
            "~" if key in names else key: without_people(item, names)
            for key, item in value.items()
            if not (_is_of_person(key[:_LONGEST]) and _is_said(item))
        }
    if isinstance(value, list):
        return [without_people(item, names) for item in value]
    return _text(value, names) if isinstance(value, str) else value


# Keys come again and again, where they are not made of what learners do.
@lru_cache(maxsize=2000)
def _is_of_person(key: str) -> bool:
    """Tell whether a member of an object that is called *key* says who."""
    return _names_person(_letters(key)) is not None


def _letters(key: str) -> str:
    return _NOT_LETTERS.sub("", key.lower())


def _is_said(value: Any) -> bool:
    """Tell whether there is anything: nothing and truth values do not say who."""
    return not (value is None or isinstance(value, bool) or value in ("", 0, [], {}))


def _text(text: str, names: tuple[str, ...]) -> Any:
    if _begins_json(text) and (inner := try_loads(text)) is not None:
        left = without_people(inner, names)
        return text if left == inner else left
    text = _blotted(text, names)
    if "%" in text:
        # What names nobody stays as it is written.
        plain = _decoded(text)
        blotted = _blotted(plain, names)
        if blotted != plain:
            return blotted
    return text


def _decoded(text: str) -> str:
    for _ in range(_MOST_DECODINGS):
        before, text = text, unquote(text)
        if text == before:
            break
    return text


def _blotted(text: str, names: tuple[str, ...]) -> str:
    if "=" in text:
        text = _PAIR.sub(_pair, text)
    if "@" in text or "%40" in text:
        text = _EMAIL.sub("~", text)
    if "/" in text or "\\" in text:
        text = _PEOPLE_IN_PATHS.sub(_step, text)
    small = text.lower()
    for name in names:
        if text == name:
            return "~"
        if len(name) >= _SHORTEST and name.lower() in small:
            text = re.sub(
                rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", "~", text, flags=re.IGNORECASE
            )
    return text


def _step(match: re.Match[str]) -> str:
    return f"{match[1] or match[2] or ''}~"


def _pair(match: re.Match[str]) -> str:
    key, value = match.groups()
    is_person = value and (_is_of_person(key) or _letters(key) in _IN_FORMS)
    return f"{key}=~" if is_person else match[0]
