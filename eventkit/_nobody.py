"""What a payload says without the people in it: ids are digests of it, and can be guessed from."""

from __future__ import annotations

import re
from typing import Any

from eventkit._json import try_loads

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
    r"|(?:mobile)?phone(?:numbers?)?|(?:client|remote)?ip(?:address)?|bookmarkid|identifiers?"
).fullmatch

_SIGNS = (*_PERSON.split("|"), "mail", "login", "name", "phone", "ip", "bookmark", "identifier")
"""What there is in JSON that has such a key, in small letters."""

# Usage keys are full of @. Each word is looked at once: texts may be long.
_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]+(?<!\+block)(?<!\+type)(?:@|%40)[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}"
)

_NOT_LETTERS = re.compile(r"[^a-z]+")
_PAIR = re.compile(r"(?<![^&?\s])([^=&?\s]{1,80})=([^&\s]*)")
_LONGEST = 80
"""Characters of a key that are looked at."""

_SHORTEST = 3
"""Characters of a username that is looked for among others."""


def may_name(text: str, username: str) -> bool:
    """Tell, quickly, whether a payload written as JSON may name a person."""
    if username and (username in text or not username.isascii()):
        return True
    if "%40" in text or text.count("@") > text.count("+type@") + text.count("+block@"):
        return True
    small = text.lower()
    return any(sign in small for sign in _SIGNS)


def without_people(value: Any, username: str) -> Any:
    """
    Leave people out of *value*, which was read from JSON.

    That is what stands under the key of one, at any depth, also in JSON and forms that are texts;
    and in texts e-mail addresses and the *username*.
    """
    if isinstance(value, dict):
        return {
            key: without_people(item, username)
            for key, item in value.items()
            if not _is_person(key, item)
        }
    if isinstance(value, list):
        return [without_people(item, username) for item in value]
    return _text(value, username) if isinstance(value, str) else value


def _is_person(key: str, value: Any) -> bool:
    """Tell whether a member of an object says who; nothing and truth values do not."""
    if value is None or isinstance(value, bool) or value in ("", 0, [], {}):
        return False
    return _names_person(_NOT_LETTERS.sub("", key[:_LONGEST].lower())) is not None


def _text(text: str, username: str) -> Any:
    if text.startswith(("{", "[", '"')) and (inner := try_loads(text)) is not None:
        left = without_people(inner, username)
        return text if left == inner else left
    if "=" in text:
        text = _PAIR.sub(_pair, text)
    if "@" in text or "%40" in text:
        text = _EMAIL.sub("~", text)
    if text == username:
        return "~"
    if len(username) >= _SHORTEST and username in text:
        text = re.sub(rf"(?<!\w){re.escape(username)}(?!\w)", "~", text)
    return text


def _pair(match: re.Match[str]) -> str:
    return f"{match[1]}=~" if _is_person(match[1], match[2]) else match[0]
