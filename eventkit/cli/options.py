"""The options that describe a translator, and the translator that they describe."""

from __future__ import annotations

import argparse
import csv
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from eventkit.events.shapes.site import named
from eventkit.exceptions import ConfigurationError
from eventkit.translators.blocks import BlocksFile
from eventkit.translators.translator import Translator
from eventkit.typing import Identity, Name

Made = TypeVar("Made")

LMS_ROOT_ENV = "EVENTKIT_LMS_ROOT"


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslatorOptions:
    """What a translator is made from; plain values, so that worker processes can make theirs."""

    protocol: str
    dialect: str = "standard"
    fallback: str | None = None
    unknown: str | None = None
    lms_root: str = ""
    identity_secret_env: str = ""
    identity_file: str = ""
    courses: str = ""
    blocks: str = ""
    responses: str = "ids"
    implicit: bool = False
    include_text: bool = False
    keep_query: tuple[str, ...] = ()
    validate: bool = False

    def build(self, identity: Identity | None = None) -> Translator:
        """
        Make the translator, with *identity* in place of the one that the options describe.

        Raises:
            ConfigurationError: naming the option at fault and the remedy.
        """
        if not self.lms_root:
            raise ConfigurationError(
                "--lms-root: not given; name the root URL of the LMS that the events come from, "
                f"such as https://lms.example.org, or set {LMS_ROOT_ENV}"
            )
        identity = identity or self._identity()
        make = self._class()
        translator: Translator = make(
            lms_root=self.lms_root,
            identity=identity,
            courses=read_courses(self.courses) if self.courses else None,
            blocks=_named("--blocks", lambda: BlocksFile(self.blocks)) if self.blocks else None,
            dialect=self.dialect,
            fallback=self.fallback,
            unknown=self.unknown,
            include_text=self.include_text,
            keep_query=self.keep_query,
            validate=self.validate,
            # Pages viewed have no form in Caliper, and choices one.
            **(
                {"implicit": self.implicit, "responses": self.responses}
                if self.protocol == "xapi"
                else {}
            ),
        )
        return translator

    def _class(self) -> Callable[..., Translator]:
        # One protocol's modules are not needed for the other.
        if self.protocol == "caliper":
            from eventkit.translators.caliper import CaliperTranslator  # noqa: PLC0415

            return CaliperTranslator
        from eventkit.translators.xapi import XAPITranslator  # noqa: PLC0415

        return XAPITranslator

    def _identity(self) -> Identity:
        from eventkit.translators.identity import HMACIdentity, MappingIdentity  # noqa: PLC0415

        if self.identity_secret_env:
            return _named(
                "--identity-secret-env",
                lambda: HMACIdentity({"env": self.identity_secret_env}),
            )
        if self.identity_file:
            return _named("--identity-file", lambda: MappingIdentity(self.identity_file))
        raise ConfigurationError(
            "no identity: usernames never go out, so say how learners are to be called: "
            "--identity-secret-env NAME derives ids from the secret in that environment variable, "
            "--identity-file CSV looks them up"
        )


def _named(option: str, make: Callable[[], Made]) -> Made:
    """Tell which option a configuration error comes from."""
    try:
        return make()
    except ConfigurationError as error:
        raise ConfigurationError(f"{option}: {error}") from error


def add_translator_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `translator_options` reads, but for the protocol."""
    group = parser.add_argument_group("translation")
    group.add_argument(
        "--lms-root",
        metavar="URL",
        default=os.environ.get(LMS_ROOT_ENV, ""),
        help="root URL of the LMS; all ids begin with it, so there is no default but the "
        f"environment variable {LMS_ROOT_ENV}",
    )
    identity = group.add_mutually_exclusive_group()
    identity.add_argument(
        "--identity-secret-env",
        metavar="NAME",
        default="",
        help="derive anonymous ids from the secret in this environment variable",
    )
    identity.add_argument(
        "--identity-file",
        metavar="CSV",
        default="",
        help="look anonymous ids up in a CSV file with the columns user_id and/or username, "
        "and xapi and/or caliper",
    )
    group.add_argument(
        "--courses",
        metavar="FILE",
        default="",
        help="course names: a JSON object of course keys and names, or a CSV file with two columns",
    )
    group.add_argument(
        "--blocks",
        metavar="PATH",
        default="",
        help="names of blocks, and what they are parts of: a JSON file with what the platform's "
        "/api/courses/v2/blocks/ says of a course, with requested_fields=children, or a folder of "
        "such files",
    )
    group.add_argument(
        "--dialect",
        choices=("standard", "erb"),
        default="standard",
        help="standard (default) follows the specifications; erb equals event-routing-backends, "
        "ids included, and sends nothing of other events",
    )
    group.add_argument(
        "--fallback",
        choices=("standard",),
        help="in dialect erb, translate what event-routing-backends does not translate, as dialect "
        "standard does; without it such events are skipped (not_in_erb)",
    )
    group.add_argument(
        "--unknown",
        choices=("generic",),
        help="translate events that are not known, such as those of a site's own XBlocks, to no "
        "more than that their block was used, with their names where those are plain words; "
        "without it they are skipped (unknown_event)",
    )
    group.add_argument(
        "--implicit",
        action="store_true",
        help="in xAPI, translate requests for pages of courses too; they are most of a raw log",
    )
    group.add_argument(
        "--responses",
        choices=("ids", "text"),
        default="ids",
        help="in xAPI, tell choices by their ids (default), or by their texts, as the reports of "
        "Aspects want them",
    )
    group.add_argument(
        "--include-text",
        action="store_true",
        help="let text out that learners wrote; without it only xAPI has some, titles of threads "
        "and answers to problems",
    )
    group.add_argument(
        "--keep-query",
        action="append",
        default=[],
        metavar="KEY",
        help="a key of queries that names content on the sites that courses link to, and so stays "
        "in URLs; may be repeated",
    )
    group.add_argument(
        "--validate",
        action="store_true",
        help="check every document against the protocol's schema; slower",
    )


def translator_options(options: argparse.Namespace, protocol: str) -> TranslatorOptions:
    """Read what `add_translator_options` added."""
    return TranslatorOptions(
        protocol=protocol,
        dialect=options.dialect,
        fallback=options.fallback,
        unknown=options.unknown,
        lms_root=options.lms_root,
        identity_secret_env=options.identity_secret_env,
        identity_file=options.identity_file,
        courses=options.courses,
        blocks=options.blocks,
        responses=options.responses,
        implicit=options.implicit,
        include_text=options.include_text,
        keep_query=tuple(options.keep_query),
        validate=options.validate,
    )


def read_courses(path: str) -> dict[str, Name]:
    """
    Read course names from a JSON object or a CSV file.

    Raises:
        ConfigurationError: the file cannot be read, or does not hold names by course key.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        if not text.lstrip().startswith("{"):
            rows = [row for row in csv.reader(text.splitlines(), strict=True) if row]
            short = next((number for number, row in enumerate(rows, 1) if len(row) < 2), 0)
            if short:
                raise ConfigurationError(
                    f"--courses: row {short} of {path!r} has one column; give key and name"
                )
            return {key.strip(): name.strip() for key, name, *_ in rows}
        names = json.loads(text)
    except ConfigurationError:
        raise
    except (OSError, ValueError, csv.Error) as error:
        raise ConfigurationError(f"--courses: cannot read {path!r}: {error}") from None
    if not all(named(name)[0] or name == "" for name in names.values()):
        raise ConfigurationError(
            f"--courses: {path!r} must hold one object of course keys and names, each text or an "
            "object with name and language"
        )
    return dict(names)
