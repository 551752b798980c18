"""
What leaves in a URL.

The path stays, but for the steps that name somebody. Of the query and of the fragment only that
stays which is known to name content; a list of what to leave out would never be complete. In
dialect ``erb`` (`blotted`) they stay as well, but for what is recognised as personal.

Addresses come encoded any number of times, in either case, with doubled or backward slashes, with
other addresses in them: everything is compared in its plainest form, and what has none goes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from unicodedata import normalize
from urllib.parse import unquote, urlsplit

from eventkit.events.shapes.site import encode_iri
from eventkit.reading.source import PERSON_FIELDS, Source, is_object

SOMEBODY = "~"
"""Stands where somebody was named."""

_COUNTING_KEYS = frozenset(
    (
        *("t", "start", "end", "time_continue", "index", "p", "pg", "page_id", "slide", "part"),
        *("paragraph", "volume", "issue", "oldid", "curid"),
    )
)
"""These name content by a number or a time, and by nothing else."""

KEPT_KEYS = frozenset(
    (
        *("v", "list", "page", "chapter", "section", "book", "article", "title", "edition"),
        *("doi", "isbn", "issn", "pmid", "pmcid", "arxiv", "version"),
        *("tag", "topic", "category", "lang", "language", "hl", "locale"),
        *("activate_block_id", "block_id", "usage_key", "usage_id", "course_id", "course_key"),
        *("child", "unit", "jumptoid"),
        *_COUNTING_KEYS,
    )
)
"""Keys of queries that name content; ``id`` is none, for it may be anybody's."""


_is_count = re.compile(r"[\d.:hms-]{1,12}").fullmatch

_MOST_DECODINGS = 10
_LONGEST_VALUE = 200


@dataclass
class Known:
    """What is known of an event, to tell of whom and of what its URLs speak."""

    root: str
    """Root URL of the LMS."""
    names: tuple[str, ...]
    """The names of people, in their plainest form."""
    numbers: tuple[str, ...]
    """The ids of people."""
    people: tuple[str, ...]
    """The names and the ids."""
    source: Source
    """The event; the host that was asked, and that of the page it comes from, are the site's."""
    course: str
    """The key of the course."""
    keys: frozenset[str]
    """The keys of queries that stay, in lower case."""


# Where people stand in events, and how they are compared.

_OF_A_PERSON = ("username", "id", "user_id", "email", "name")
_NOT_NAMES = (bool, float, list, tuple, dict)
_SEVERAL = (list, tuple)


def people_in(records: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the names and the ids of the people that *records* name."""
    names: dict[str, None] = {}
    numbers: dict[str, None] = {}
    for record in records:
        fields: Collection[str] = PERSON_FIELDS.intersection(record)
        if len(fields) > 1:
            fields = [field for field in record if field in fields]
        for field in fields:
            value = record[field]
            kind = type(value)
            if kind is int:
                if value:
                    numbers[str(value)] = None
                continue
            for text in (value,) if kind is str else _texts_of_people(value):
                name = text.strip()
                name = _read(name) or name.casefold()
                if name and name != "0":
                    (numbers if name.isdigit() else names)[name] = None
    if names and " " in "".join(names):
        names |= dict.fromkeys([name.replace(" ", "+") for name in names if " " in name])
    return tuple(names), tuple(numbers)


def _texts_of_people(value: Any) -> list[str]:
    """Give what *value*, an object that is somebody or a list of such, has for names and ids."""
    if is_object(value):
        found = [value.get(key) for key in _OF_A_PERSON]
    else:
        found = value if type(value) in _SEVERAL else [value]
    # Live events may hold the user, or a text that is translated when it is read.
    return [str(each) for each in found if each is not None and type(each) not in _NOT_NAMES]


# What has no look of its own, and is put between letters to hide a word.
_UNSEEN = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
# Nobody can tell whether these are nothing or stand between two words.
_CONTROLS = "\x00-\x1f\x7f-\x9f"
_has_controls = re.compile(f"[{_CONTROLS}]").search
_AT_ENDS = re.compile(rf"^[{_CONTROLS}\s]+|[{_CONTROLS}\s]+\Z")
_OLD_ESCAPE = re.compile("%u([0-9A-Fa-f]{4})")


def _read(text: str) -> str | None:
    """Give *text* in its plainest form, decoded as far as it goes; None when it has none."""
    for _ in range(_MOST_DECODINGS):
        if "%" not in text and text.isascii() and text.isprintable():
            return text.lower()
        before = text
        if "%" in text:
            text = _OLD_ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
            try:
                text = unquote(text, errors="strict")
            except UnicodeError:
                return None
        if _has_controls(text):
            text = _AT_ENDS.sub("", text)
            if _has_controls(text):
                return None
        text = _UNSEEN.sub("", normalize("NFKC", normalize("NFKC", text).casefold()))
        if text == before:
            return text
    return None


# A whole key of Open edX: nobody is called like that, whatever stands in it. Old ones are paths.
_NAMESPACES = r"(?:ccx-)?(?:course|block|lib-block|library|lib|asset|ccx|lb|lct|lib-collection)"
_KEY = re.compile(
    rf"(?<![\w+:@.~-])(?:{_NAMESPACES}-v\d+|lib|lb|lct|lib-collection):"
    r"[\w~.-]+(?:[+:][\w~.-]+){1,4}(?:\+ccx@\d+)?(?:\+type@[\w~.-]+\+block(?:@[\w~.-]+)?)?"
    r"(?![\w+:@~.-])"
)
_BLOCK_KEY = re.compile(r"(?:ccx-)?block-v\d+:[^/?#&\s]+\+type@[^/?#&\s]+|i4x:[^?#&\s]+")
_EMAIL = re.compile(
    r"[^\s/?#&=;:,@<>()]{1,64}@([^\s/?#&=;:,@<>()]{1,255}\.(?:[^\W\d_]{2,24}|xn--[\w-]+))(?!\w)"
)
# What looks like the address of a person and is the id of a calendar.
_CALENDAR = re.compile(r"(?:group|import)\.(?:v\.)?calendar\.google\.com")
_IN_KEY = re.compile(r"\+(?:type|block|ccx)@")

_BETWEEN_PIECES = re.compile(r"\s*[/\\?#&=;|,:]+\s*")
_BETWEEN_TOKENS = re.compile(r"[^\w.-]+")
_BETWEEN_WORDS = re.compile(r"[^\w.+-]+")
# "user-maya" and "maya.png" are maya; "maya-civilization" and "maya.org" are not.
_FILE = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|x?html?|php|aspx?|jsp|json|xml|pdf|ics|rss|atom)")
_TITLE = re.compile(r"(?:u|user|uid|id|profile|member|student|learner|author|by)[-_.]?")


def _names_somebody_known(piece: str, known: Known) -> bool:
    for name in known.names:
        if name in piece and (
            piece == name or _stands_alone(piece, name) or _is_token(piece, name)
        ):
            return True
    for number in known.numbers:
        if number in piece and (
            _is_token(piece, number) or (len(number) > 5 and _stands_alone(piece, number))
        ):
            return True
    return False


def _stands_alone(piece: str, name: str) -> bool:
    """
    Tell whether *name* stands between signs.

    What is too odd, or too long, to be an accident may have any around it; a word may not have
    those that words are made of.
    """
    is_odd = len(name) >= 10 or (len(name) >= 5 and not name.isalpha())
    start = piece.find(name)
    while start >= 0:
        around = piece[start - 1 : start], piece[start + len(name) : start + len(name) + 1]
        if not any(sign.isalnum() or (sign in _IN_WORDS and not is_odd) for sign in around if sign):
            return True
        start = piece.find(name, start + 1)
    return False


_IN_WORDS = "_-."


def _is_token(piece: str, name: str) -> bool:
    """Tell whether *name* is a word of it, after a title or with the ending of a file."""
    for token in (_BETWEEN_WORDS if "+" in name else _BETWEEN_TOKENS).split(piece):
        if name in token:
            before, _, after = token.partition(name)
            if (not before or _TITLE.fullmatch(before)) and (not after or _FILE.fullmatch(after)):
                return True
    return False


def _holds_email(text: str) -> bool:
    if "@" not in text:
        return False
    # The parts of keys that are not whole look like addresses.
    if _KEY_START.match(text):
        text = _IN_KEY.sub(" ", text)
    return any(not _CALENDAR.fullmatch(found[1]) for found in _EMAIL.finditer(text))


_KEY_START = re.compile(rf"{_NAMESPACES}-v\d+:")


# What stands before people in the paths of the platform, of its MFEs, and elsewhere.

_PEOPLE = frozenset(
    (
        *("u", "user", "users", "username", "usernames", "user_name", "userid", "user_id"),
        *("user-id", "uid", "profile", "profiles", "account", "accounts"),
    )
)
"""Whoever comes after these is somebody, wherever it is."""

_PEOPLE_HERE = frozenset(
    (
        *("learner", "learners", "student", "student_id", "learner_id", "email", "masquerade"),
        *("progress", "submission_history", "xqueue", "team_membership", "profile-images"),
        *("profile_images", "user_tours", "retire", "impersonate", "hijack"),
        # What opens somebody's account, or tells whose message it was in.
        *("activate", "activate_secondary_email", "password_reset_confirm", "email_confirm"),
        *("account_recovery_confirm", "unsubscribe", "resubscribe", "optout"),
    )
)
"""Whoever comes after these on the site's own hosts is somebody."""

_PEOPLE_IN_APIS = frozenset(
    (
        *(("user", "preferences"), ("certificates", "certificates"), ("bookmarks", "bookmarks")),
        *(("enrollment", "enrollment"), ("support", "enrollment"), ("support", "manage_user")),
        ("support", "course_reset"),
    )
)
"""The same, where one word is not enough to tell; versions (``v1``) are left out."""

_PERSONS = frozenset(
    (
        *_PEOPLE_HERE,
        *("students", "member", "members", "people", "person", "author", "authors", "owner"),
        *("instructor", "instructors", "teacher", "teachers", "participant", "participants"),
        *("candidate", "candidates", "contact", "contacts", "customer", "customers", "staff"),
        *("employee", "employees", "friend", "friends", "follower", "followers", "respondent"),
        *("gradebook", "certificates", "subscriber", "subscribers", "pupil", "pupils"),
    )
)
"""A number after one of these is somebody's id."""

PERSON_KEYS = frozenset(
    (
        *_PEOPLE,
        *("email", "mail", "e-mail", "login_hint", "sub", "student", "student_id", "learner"),
        *("learner_id", "unique_student_identifier", "masquerade", "author", "member", "name"),
        *("first_name", "last_name", "full_name", "fullname", "firstname", "lastname", "phone"),
    )
)
"""Keys of queries whose values are people: what dialect ``erb``, where others stay, leaves out."""

_OF_ACCOUNT = frozenset(
    (
        *("settings", "password", "finish_auth", "id-verification", "login_session", "login"),
        *("registration", "register", "logout", "reset", "search_emails", "u"),
    )
)
"""Pages of accounts; no names."""

_OF_USER_API = frozenset(("account", "accounts", "me", "preferences", "validation"))
"""What ``/api/user/v1/`` has; no names either."""

_PLATFORM = frozenset(
    (
        *("courses", "course", "courseware", "info", "about", "progress", "home", "dates", "wiki"),
        *("outline", "learning", "xblock", "jump_to", "jump_to_id", "instructor", "teams", "live"),
        *("bookmarks", "edxnotes", "pdfbook", "dashboard", "account", "accounts", "settings"),
        *("certificates", "login", "register", "logout", "handler", "search", "posts", "topics"),
        *("category", "my-posts", "learners", "static", "tab", "tabs", "profile", "user", "users"),
        *("api", "discussion", "discussions", "forum", "threads", "comments", "preview", "book"),
        *("gradebook", "grades", "notes", "asset", "assets", "textbooks", "library", "libraries"),
        *("video", "problem", "html", "vertical", "sequential", "chapter", "unit", "student_view"),
    )
)
"""Words of the platform's own addresses: they are no names there, whatever learners are called."""

_OWN_LABELS = frozenset(
    (
        *("apps", "app", "mfe", "studio", "cms", "lms", "preview", "www", "learning", "learn"),
        *("courses", "course", "campus", "discussions", "account", "profile", "authn"),
        *("gradebook", "ora-grading", "credentials", "discovery", "ecommerce", "payment", "notes"),
    )
)
"""What the hosts of a site's own services are called, beside that of the LMS."""

_VERSION = re.compile(r"v\d+(?:\.\d+)?")


def _names_anybody(plain: str, words: list[str], known: Known, own: bool) -> bool:  # noqa: FBT001
    """
    Tell whether a step of a path, or a value, names somebody.

    *words* are those that came before it in the path, and what is read here is added to them.
    """
    if ":" in plain and _KEY.search(plain):
        plain = _KEY.sub("\0", plain)
    found = _holds_email(plain)
    for piece in _BETWEEN_PIECES.split(plain.strip()):
        if not piece or piece == ".":
            pass
        elif piece == "..":
            if words:
                words.pop()
        elif piece == "\0":  # a key
            words.append(piece)
        elif _VERSION.fullmatch(piece) and "api" in words:
            pass
        elif _is_after_word(piece, words, own) or _is_somebody(piece):
            found = True
            words.append("")
        else:
            is_word = own and piece == plain and _is_of_platform(piece, words, known)
            if not is_word and _names_somebody_known(piece, known):
                found = True
            words.append(piece)
    return found


# A numbered somebody, and what opens a session.
_SOMEBODY = r"(?:user|uid|userid|student|learner|member|profile|account)[-_.]?\d+"
_is_somebody = re.compile(rf"{_SOMEBODY}|eyj[\w-]{{8,}}\..*", re.DOTALL).fullmatch


def _is_after_word(piece: str, words: list[str], own: bool) -> bool:  # noqa: FBT001
    if not words:
        return False
    last = words[-1]
    before = words[-2] if len(words) > 1 else ""
    if last in _PEOPLE:
        if last == "user" and before == "api" and piece in _OF_USER_API:
            return False
        return not (last in ("account", "accounts", "profile") and piece in _OF_ACCOUNT)
    if own and (last in _PEOPLE_HERE or (before, last) in _PEOPLE_IN_APIS):
        return True
    return last in _PERSONS and piece.isdigit()


def _is_of_platform(piece: str, words: list[str], known: Known) -> bool:
    if piece in _PLATFORM:
        return True
    # The place of a unit, the number of a book.
    if piece.isdigit() and len(piece) <= 3 and ("courses" in words or "course" in words):
        return True
    if known.course.count("/") != 2 or "courses" not in words:
        return False
    # An old key is three steps, which belong to the course whoever is called like them.
    steps = known.course.casefold().split("/")
    place = len(words) - 1 - words[::-1].index("courses")
    here = [*words[place + 1 :], piece]
    return here == steps[: len(here)]


# The parts of a URL.

_parts = re.compile(
    r"((?:mailto|tel|sms|sip|xmpp):|[a-z][a-z0-9+.-]*:(?=//))?(?://([^/?#]*))?([^?#]*)"
    r"(?:\?([^#]*))?(?:#(.*))?",
    re.DOTALL | re.IGNORECASE,
).fullmatch
_LEFT_OUT = re.compile(r"^[\x00-\x20]+|[\t\r\n]|[\x00-\x20]+\Z")
_BETWEEN_PAIRS = re.compile("[&;]")
_of_teams = re.compile(r"(my-teams|browse|topics|(?:topics|teams)/[^/?#]+)/?([^/].*)?").fullmatch
_head = re.compile(r"[^?#]*").match

# Nearly all addresses are written like this, and name nobody: nothing is encoded, of the query
# everything stays, and there is no word that somebody could come after.
_PAIR = (
    rf"(?:(?:{'|'.join(sorted(KEPT_KEYS - _COUNTING_KEYS))})=[A-Za-z0-9_.-]{{1,{_LONGEST_VALUE}}}"
    rf"|(?:{'|'.join(sorted(_COUNTING_KEYS))})=[0-9.hms-]{{1,12}})"
)
_is_plain = re.compile(
    r"https?://[A-Za-z0-9.-]+(?::[1-5]?[0-9]{1,4})?(?:/[A-Za-z0-9_~.:+@/-]*)?"
    rf"(?:\?{_PAIR}(?:&{_PAIR})*)?"
).fullmatch
_WORDS = _PEOPLE | _PERSONS | {end for _, end in _PEOPLE_IN_APIS}
_may_be_somebody = re.compile(rf"[/:=](?:{_SOMEBODY}|eyj)").search


def is_harmless(url: str, known: Known) -> bool:
    """Tell, in little time, whether a web address is one that leaves as it is."""
    return _is_plain(url) is not None and not _may_name_somebody(url, known)


def leaving(url: str, known: Known) -> str:
    """
    Give what leaves of a web address, as an IRI.

    *url* is absolute, is `tidy`, and its host has been checked.
    """
    found = _parts(url)
    if found is None:  # cannot happen: every part may be empty
        return known.root
    scheme, netloc, path, query, fragment = found.groups()
    own = _is_own(netloc, known)
    head = f"{scheme.lower()}//{netloc}{path}"
    if is_harmless(head, known):
        parts = [head]
    else:
        parts = [f"{scheme.lower()}//{_host(netloc, known, own)}", _path(path, known, own)]
    if query and (kept := _naming_content(query, known)):
        parts.append(f"?{kept}")
    if fragment and (kept := _place(fragment, known, own)):
        parts.append(f"#{kept}")
    return "".join(parts)


def blotted(url: str, known: Known) -> str:
    """Give *url*, of any form, as it was but for what is recognised as personal in it."""
    if is_harmless(url, known):
        return url
    given = tidy(url)
    found = _parts(given)
    if found is None:
        return SOMEBODY
    scheme, netloc, path, query, fragment = found.groups()
    own = netloc is None or _is_own(netloc, known)
    made = scheme or ""
    if netloc is not None:
        made += f"//{_blotted_host(netloc, known, own)}"
    made += _blotted_path(path, known, own)
    if query is not None:
        kept = _impersonal(query, known)
        made += f"?{kept}" if kept or not query else ""
    if fragment is not None:
        kept = _blotted_place(fragment, known, own)
        made += f"#{kept}" if kept or not fragment else ""
    return url if made == given else made


def _may_name_somebody(url: str, known: Known) -> bool:
    plain = url.lower()
    for text in known.people:
        if text in plain:
            return True
    steps = plain.replace(":", "/").split("/")
    steps.pop()  # after which nobody comes
    if not _WORDS.isdisjoint(steps) or ("@" in plain and _holds_email(plain)):
        return True
    if (
        "user" in plain
        or "uid" in plain
        or "student" in plain
        or "learner" in plain
        or "member" in plain
        or "profile" in plain
        or "account" in plain
        or "eyj" in plain
    ):  # without one of these, what takes longer finds none
        return _may_be_somebody(plain) is not None or "xn--" in plain
    return "xn--" in plain


def tidy(url: str) -> str:
    """Take for nothing, and for slashes, what browsers do: line feeds, slashes leaning back."""
    if url.isprintable() and "\\" not in url and " " not in (url[:1], url[-1:]):
        return url
    url = _LEFT_OUT.sub("", url)
    head = _head(url)
    if "\\" not in url or head is None:
        return url
    return head[0].replace("\\", "/") + url[head.end() :]


@lru_cache(maxsize=100)
def _own_hosts(root: str) -> tuple[str, str]:
    """Give the host of the LMS, and the domain that its MFEs and the Studio share with it."""
    try:
        host = urlsplit(root).hostname or ""
    except ValueError:
        host = ""
    labels = host.split(".")
    if len(labels) < 3 or labels[-1].isdigit():
        return host, host
    return host, ".".join(labels[1:])


def _host_of(netloc: str) -> str:
    """Give the host of what may have credentials before it and a port behind it."""
    return netloc.rpartition("@")[2].partition(":")[0].lower()


def _hosts(known: Known) -> tuple[str, str]:
    """Give the hosts that are the site's own, besides that of the LMS and its neighbours."""
    page = known.source.text("page").split("/", 3)
    return _host_of(known.source.text("host")), _host_of(page[2]) if len(page) > 2 else ""


def _is_own(netloc: str, known: Known) -> bool:
    host = _host_of(netloc)
    own, domain = _own_hosts(known.root)
    return host == own or host.endswith(f".{domain}") or host in _hosts(known)


def _host(netloc: str, known: Known, own: bool) -> str:  # noqa: FBT001
    host = _blotted_host(netloc, known, own)
    return host if host.startswith("[") else encode_iri(host)


def _blotted_host(netloc: str, known: Known, own: bool) -> str:  # noqa: FBT001
    """Leave out credentials, and whoever is named by a host, as in ``maya.example.org``."""
    host = netloc.rpartition("@")[2]
    name, colon, port = host.partition(":")
    for known_name in known.names:
        if "." in known_name and known_name in name.lower():
            name = re.sub(
                rf"(?<![^.]){re.escape(known_name)}(?=\.)", SOMEBODY, name, flags=re.IGNORECASE
            )
    labels = name.split(".")
    root = _own_hosts(known.root)[0]
    if host.startswith("[") or labels[-1].isdigit():
        return host
    if name.lower() == root or name.lower() in _hosts(known):
        return host
    for index, label in enumerate(labels[:-1]):
        plain = _read(label)
        if own and (plain in root.split(".") or plain in _OWN_LABELS):
            continue
        if plain is not None and plain.startswith("xn--"):
            try:
                plain = _read(plain[4:].encode("ascii").decode("punycode"))
            except UnicodeError:
                plain = None
        if plain is None or (plain and _names_somebody_known(plain, known)):
            labels[index] = SOMEBODY
    return f"{'.'.join(labels)}{colon}{port}"


def _path(path: str, known: Known, own: bool) -> str:  # noqa: FBT001
    """Give the path without parameters (``;jsessionid=...``) and without people."""
    if ";" in path:
        path = "/".join(map(_without_parameters, path.split("/")))
    return encode_iri(_blotted_path(path, known, own))


def _without_parameters(step: str) -> str:
    return _parted(step)[0]


def _parted(step: str) -> tuple[str, str]:
    """Part a step and its parameters; old usage keys (``i4x:;_;_Org;_...``) have none."""
    if ";" not in step or ";_" in step:
        return step, ""
    step, _, parameters = step.partition(";")
    return step, parameters


def _blotted_path(path: str, known: Known, own: bool) -> str:  # noqa: FBT001
    words: list[str] = []
    steps = path.split("/")
    for index, step in enumerate(steps):
        if not step:
            continue
        step, parameters = _parted(step)  # noqa: PLW2901
        plain, more = _read(step), _read(parameters)
        if (
            plain is None
            or more is None
            or _names_anybody(plain, words, known, own)
            or (more and _names_anybody(more, [], known, own))
        ):
            steps[index] = SOMEBODY
    return "/".join(steps)


def _is_personal(value: str, word: str, known: Known) -> bool:
    """Tell whether a value names somebody, after what its key says; blanks may be pluses."""
    for text in (value, value.replace("+", " ")) if "+" in value else (value,):
        plain = _read(text)
        if plain is None or _names_anybody(plain, [word] if word else [], known, own=True):
            return True
    return False


def _naming_content(query: str, known: Known) -> str:
    """Give the pairs of a query that name content, and nobody."""
    kept = []
    for pair in _BETWEEN_PAIRS.split(query):
        key, _, value = pair.partition("=")
        name = _read(key)
        if not value or len(value) > _LONGEST_VALUE or name is None:
            continue
        name = name.removesuffix("[]")
        if name == "src":
            if not _is_calendar(value, known):
                continue
            # Pages write it both ways, and it is one calendar.
            value = value.replace("@", "%40")
        elif name not in known.keys or not _is_content(name, value, known):
            continue
        kept.append(encode_iri(f"{key}={value}"))
    return "&".join(kept)


def _is_content(name: str, value: str, known: Known) -> bool:
    plain = _read(value)
    if plain is None or "//" in plain or "\\" in plain:
        return False
    if name in _COUNTING_KEYS and not _is_count(plain):
        return False
    return not _is_personal(value, "", known)


def _is_calendar(value: str, known: Known) -> bool:
    """Tell whether it is the id of a calendar that belongs to nobody in particular."""
    plain = _read(value) or ""
    name, _, host = plain.partition("@")
    return bool(_CALENDAR.fullmatch(host)) and not _is_personal(name, "", known)


def _impersonal(query: str, known: Known) -> str:
    """Give a query without the pairs that name somebody; as it was when there are none."""
    kept = []
    given = _BETWEEN_PAIRS.split(query)
    for pair in given:
        key, _, value = pair.partition("=")
        name = _read(key)
        if name is None or _is_personal(key, "", known):
            continue
        name = name.strip().removesuffix("[]")
        if value and _is_personal(value, "u" if name in PERSON_KEYS else "", known):
            continue
        kept.append(pair)
    return query if len(kept) == len(given) else "&".join(kept)


def _place(fragment: str, known: Known, own: bool) -> str:  # noqa: FBT001
    """Give of a fragment what names content: a block, a route of a page's own, ``page=3``."""
    if own and (found := _of_teams(fragment)):
        # The names of teams are what learners typed.
        return _path(found[1], known, own) + ("/~" if found[2] else "")
    if fragment.startswith(("/", "!/")):
        route, mark, query = fragment.partition("?")
        kept = _naming_content(query, known) if mark else ""
        return _path(route, known, own) + (f"?{kept}" if kept else "")
    plain = _read(fragment)
    if plain is None:
        return ""
    if _BLOCK_KEY.fullmatch(plain):
        return "" if _is_personal(fragment, "", known) else encode_iri(fragment)
    return _naming_content(fragment, known) if "=" in fragment else ""


def _blotted_place(fragment: str, known: Known, own: bool) -> str:  # noqa: FBT001
    route, mark, query = fragment.partition("?")
    if "/" in route or "=" not in route:
        kept = _blotted_path(route, known, own)
    else:
        kept = _impersonal(route, known)
    if mark:
        more = _impersonal(query, known)
        kept += f"?{more}" if more or not query else ""
    return kept
