"""
Patterns that operators write: exact text, globs, regular expressions.

None of them can be made slow by what an event holds. Exact texts are looked up in a set, globs are
matched greedily piece by piece, and regular expressions go through RE2, which runs in linear time
or refuses a pattern; Python's own engine backtracks, and one bad pattern would stop a process.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain, takewhile
from typing import Any, Protocol

from eventkit.exceptions import ConfigurationError

MAX_LENGTH = 1000
"""Characters of one pattern; longer ones are refused."""

REGEX_PREFIX = "re:"

_MOST_COMPARED = 100
"""Bytes of a regular expression's beginning that are looked at."""


class Pattern(Protocol):
    """Anything that tells whether it matches a text."""

    def matches(self, text: str) -> bool:
        """Tell whether *text* matches."""


class Glob:
    """
    Text in which ``*`` stands for any text and ``?`` for any one character.

    The text between stars is searched from left to right, each piece once: the leftmost place of a
    piece leaves the most room for the rest, so that nothing is ever tried again.
    """

    __slots__ = ("_head", "_middle", "_tail", "_tail_length", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        head, *rest = source.split("*")
        self._head = _fixed(head)
        self._middle: tuple[re.Pattern[str], ...] = ()
        self._tail: re.Pattern[str] | None = None
        self._tail_length = 0
        if rest:
            *middle, tail = rest
            self._middle = tuple(_fixed(piece) for piece in middle if piece)
            self._tail = _fixed(tail)
            self._tail_length = len(tail)

    def __repr__(self) -> str:
        return f"Glob({self.source!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Glob) and self.source == other.source

    def __hash__(self) -> int:
        return hash(self.source)

    def __reduce__(self) -> tuple[Any, ...]:
        return Glob, (self.source,)

    def matches(self, text: str) -> bool:
        """Tell whether all of *text* matches."""
        if self._tail is None:
            return self._head.fullmatch(text) is not None
        found = self._head.match(text)
        if found is None:
            return False
        end = len(text) - self._tail_length
        at = found.end()
        if at > end or self._tail.match(text, end) is None:
            return False
        for piece in self._middle:
            found = piece.search(text, at, end)
            if found is None:
                return False
            at = found.end()
        return True


@lru_cache(maxsize=1024)
def _fixed(piece: str) -> re.Pattern[str]:
    """Compile text without stars: of one fixed length, so the engine has nothing to try again."""
    return re.compile("".join("." if c == "?" else re.escape(c) for c in piece), re.DOTALL)


class Regex:
    """A regular expression that RE2 accepts; it matches all of a text, as a glob does."""

    __slots__ = ("_compiled", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self._compiled = compile_linear(source)

    def __repr__(self) -> str:
        return f"Regex({self.source!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Regex) and self.source == other.source

    def __hash__(self) -> int:
        return hash(self.source)

    def __reduce__(self) -> tuple[Any, ...]:
        return Regex, (self.source,)

    def matches(self, text: str) -> bool:
        """Tell whether all of *text* matches."""
        return self._compiled.fullmatch(encoded(text)) is not None

    def beginning(self) -> tuple[str, bool]:
        """Give what every text that matches begins with, and whether that is all of it."""
        try:
            # What it was compiled of may be matched in the middle; this is for all of a text.
            whole = compile_linear(rf"\A(?:{self.source})\z")
            least, most = whole.possiblematchrange(_MOST_COMPARED)
        except Exception:  # noqa: BLE001 - it does not say what it raises when it cannot tell
            return "", False
        pairs = takewhile(lambda pair: pair[0] == pair[1], zip(least, most, strict=False))
        return bytes(byte for byte, _ in pairs).decode("utf-8", "ignore"), least == most


class NoneOf:
    """Any text but some, whatever their case: what stands outside of a boundary."""

    __slots__ = ("_texts",)

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = frozenset(map(str.lower, texts))

    def __repr__(self) -> str:
        return f"NoneOf({sorted(self._texts)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NoneOf) and self._texts == other._texts

    def __hash__(self) -> int:
        return hash(self._texts)

    def __reduce__(self) -> tuple[Any, ...]:
        return NoneOf, (sorted(self._texts),)

    def matches(self, text: str) -> bool:
        """Tell whether *text* is none of them."""
        return text.lower() not in self._texts


def encoded(text: str) -> bytes:
    """Encode *text* for RE2; a lone surrogate, which UTF-8 does not have, becomes U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def compile_linear(source: str) -> Any:
    """
    Compile *source* with RE2.

    Raises:
        ConfigurationError: RE2 is not installed, or has no linear-time form for *source*.
    """
    try:
        re2 = importlib.import_module("re2")
    except ImportError:
        raise ConfigurationError(
            "regular expressions need google-re2: pip install 'openedx-eventkit[re2]', "
            "or write exact text or a glob"
        ) from None
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        return re2.compile(encoded(source), options)
    except re2.error as error:
        reason = error.args[0] if error.args else "no reason given"
        if isinstance(reason, bytes):
            reason = reason.decode("utf-8", "replace")
        raise ConfigurationError(
            f"RE2 refuses the regular expression {source!r}: {reason}; "
            "look-around and backreferences have no linear-time form"
        ) from None


class Patterns:
    """Several patterns, any of which may match."""

    __slots__ = ("exact", "others")

    def __init__(self, exact: Iterable[str] = (), others: Iterable[Pattern] = ()) -> None:
        self.exact = frozenset(exact)
        self.others = tuple(dict.fromkeys(others))

    def __repr__(self) -> str:
        return f"Patterns({sorted(self.exact)}, {self.others})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Patterns, (self.exact, self.others)

    def matches(self, text: str) -> bool:
        """Tell whether any of them matches *text*."""
        if text in self.exact:
            return True
        for pattern in self.others:  # noqa: SIM110 - a generator costs more than the match
            if pattern.matches(text):
                return True
        return False


def parse_patterns(texts: Iterable[str]) -> Patterns:
    """
    Compile patterns as an operator writes them.

    Raises:
        ConfigurationError: one is empty, too long, or a regular expression that cannot be used.
    """
    exact: list[str] = []
    others: list[Pattern] = []
    for text in texts:
        if len(text) > MAX_LENGTH:
            raise ConfigurationError(
                f"a pattern has {len(text)} characters, more than {MAX_LENGTH}; split it up"
            )
        if not text or text == REGEX_PREFIX:
            raise ConfigurationError("a pattern is empty; leave the field out to match anything")
        if text.startswith(REGEX_PREFIX):
            others.append(Regex(text[len(REGEX_PREFIX) :]))
        elif "*" in text or "?" in text:
            others.append(Glob(text))
        else:
            exact.append(text)
    return Patterns(exact, others)


def in_any_case(patterns: Patterns) -> Patterns:
    """
    Have *patterns* match whatever the case: texts that are given both as they are and in lower.

    What they matched they still match, so a rule that denies denies no less.
    """
    exact = (*patterns.exact, *map(str.lower, patterns.exact))
    return Patterns(exact, chain.from_iterable(map(_any_case, patterns.others)))


def _any_case(pattern: Pattern) -> tuple[Pattern, ...]:
    if isinstance(pattern, Glob):
        return pattern, Glob(pattern.source.lower())
    # Both, for what is excluded (``[^e]``) is more when case does not count.
    return (pattern, Regex(f"(?i){pattern.source}")) if isinstance(pattern, Regex) else (pattern,)
