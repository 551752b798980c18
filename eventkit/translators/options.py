"""Checking the options that both translators share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import get_args
from urllib.parse import urlsplit

from eventkit.events.catalogue import Catalogue, catalogue
from eventkit.events.rows import Row
from eventkit.events.shapes.urls import PERSON_KEYS
from eventkit.exceptions import ConfigurationError
from eventkit.typing import (
    Block,
    Blocks,
    Courses,
    Dialect,
    ErrorHook,
    Fallback,
    Identity,
    Name,
    Unknown,
)

MAPPING_VERSION = "1"
"""
The version of what events become, which is not that of the package.

Documents carry it, and what has the same id must be the same document: record stores refuse another
one. So it changes only with the mapping; docs/decisions/0008-mapping-version.md says when.
"""

TRANSFORMER_VERSION = f"openedx-eventkit@mapping-{MAPPING_VERSION}"
"""What documents say of the program that made them, unless a site says something else."""


def check_root(lms_root: str) -> str:
    """Check the root URL of the LMS and take the slash off its end."""
    try:
        parts = urlsplit(lms_root) if isinstance(lms_root, str) else None
    except ValueError:
        parts = None
    if (
        parts is None
        or parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.query
        or parts.fragment
        or parts.username is not None
        or re.search(r"\s", lms_root)
    ):
        raise ConfigurationError(
            "lms_root: expected the root URL of the LMS, such as 'https://lms.example.org', "
            f"got {lms_root!r:.80}"
        )
    return lms_root.rstrip("/")


def check_identity(identity: Identity | None) -> Identity:
    """Check that there is something that gives users their anonymised ids."""
    if identity is None or not callable(identity):
        raise ConfigurationError(
            "identity: expected a callable identity(user, system) that gives the anonymised id "
            f"of a user, such as eventkit.HMACIdentity(secret); got {type(identity).__name__}"
        )
    return identity


def check_dialect(dialect: Dialect) -> Dialect:
    """Check that there is such a dialect."""
    if dialect not in get_args(Dialect):
        raise ConfigurationError(
            f"dialect: unknown dialect {dialect!r:.80}; expected one of {get_args(Dialect)}"
        )
    return dialect


def check_fallback(fallback: Fallback | None, dialect: Dialect) -> Fallback | None:
    """Check what stands in for dialect ``erb`` where it has nothing to say."""
    if fallback is None:
        return None
    if fallback not in get_args(Fallback):
        raise ConfigurationError(
            f"fallback: unknown fallback {fallback!r:.80}; expected one of {get_args(Fallback)}, "
            "or None"
        )
    if dialect != "erb":
        raise ConfigurationError(
            f"fallback: dialect {dialect!r} translates every event itself; set dialect to 'erb' "
            "or remove fallback"
        )
    return fallback


def check_unknown(
    unknown: Unknown | None, dialect: Dialect, fallback: Fallback | None
) -> Unknown | None:
    """Check what is said of events that no row knows."""
    if unknown is None:
        return None
    if unknown not in get_args(Unknown):
        raise ConfigurationError(
            f"unknown: no way to translate unknown events is called {unknown!r:.80}; "
            f"expected one of {get_args(Unknown)}, or None"
        )
    if dialect == "erb" and fallback is None:
        raise ConfigurationError(
            "unknown: dialect 'erb' sends nothing but what event-routing-backends sends; "
            "set fallback to 'standard' or remove unknown"
        )
    return unknown


def check_hook(on_error: ErrorHook | None) -> ErrorHook | None:
    """Check that the error hook can be called."""
    if on_error is not None and not callable(on_error):
        raise ConfigurationError(
            f"on_error: expected a callable on_error(error, event), got {type(on_error).__name__}"
        )
    return on_error


def kept_keys(keep_query: Iterable[str]) -> frozenset[str]:
    """Give the keys of queries that a site wants to keep in URLs, as they are compared."""
    try:
        keys = [None] if isinstance(keep_query, str) else list(keep_query)
    except TypeError:
        keys = [None]
    if not all(isinstance(key, str) and key.strip() for key in keys):
        raise ConfigurationError(
            "keep_query: expected the keys of queries that name content, such as ['seminar'], "
            f"got {keep_query!r:.80}"
        )
    found = frozenset(str(key).strip().casefold().removesuffix("[]") for key in keys)
    if people := sorted(found & PERSON_KEYS):
        raise ConfigurationError(
            f"keep_query: {people[0]!r} names people, and nothing that does ever leaves; "
            "remove it, and keep keys that name content"
        )
    return found


def course_names(courses: Courses | None) -> Callable[[str], Name | None] | None:
    """Give the look-up of course names that *courses* stands for."""
    if courses is None or callable(courses):
        return courses
    if isinstance(courses, Mapping):
        return courses.get
    raise ConfigurationError(
        "courses: expected a callable or a mapping from course keys to names, "
        f"got {type(courses).__name__}"
    )


def block_facts(blocks: Blocks | None) -> Callable[[str], Block | None] | None:
    """Give the look-up of what is known of blocks that *blocks* stands for."""
    if blocks is None or callable(blocks):
        return blocks
    if isinstance(blocks, Mapping):
        return blocks.get
    raise ConfigurationError(
        "blocks: expected a callable or a mapping from usage keys to names or objects, such as "
        f"eventkit.BlocksFile(path); got {type(blocks).__name__}"
    )


def extend_catalogue(events: Iterable[Row] | str) -> Catalogue:
    """Add a site's own rows, given as such or as the dotted path of a table, to the catalogue."""
    if isinstance(events, str):
        module, _, attribute = events.rpartition(".")
        try:
            rows = tuple(getattr(import_module(module), attribute))
        except (ImportError, AttributeError, ValueError, TypeError) as error:
            raise ConfigurationError(
                f"events: cannot use {events!r} ({error}); expected the dotted path of a table "
                "of eventkit.events.Row rows"
            ) from None
    else:
        try:
            rows = tuple(events)
        except TypeError:
            raise ConfigurationError(
                f"events: expected rows or a dotted path, got {type(events).__name__}"
            ) from None
    return catalogue().extended(rows) if rows else catalogue()
