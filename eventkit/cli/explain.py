"""``eventkit explain``."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from eventkit.batch import STDIN
from eventkit.cli.exits import DONE
from eventkit.cli.options import add_translator_options, translator_options
from eventkit.cli.output import say
from eventkit.events import samples
from eventkit.events.catalogue import catalogue
from eventkit.exceptions import ConfigurationError, EventParseError
from eventkit.reading.parsing import MAX_LINE, parse_events
from eventkit.router.explaining import EXAMPLE_ROOT, Explanation, example_identity, explain
from eventkit.router.replaying import Translators
from eventkit.typing import Event, Json

_EPILOG = """\
examples:
  eventkit explain --consumers consumers.yaml play_video
  tail -n 1 tracking.log | eventkit explain --consumers consumers.yaml -

For each consumer it says whether the event passes its access rules, which rule decides and why, and
shows the documents that the consumer gets. Nothing is sent, and no consumer is asked for anything.

EVENT is a file with one event, as JSON or as a line of a tracking log, or with one dead letter; -
for standard input; or any name that eventkit events lists, for an example of such an event, which
is of the organisation Lakeside.

Without --identity-secret-env or --identity-file the ids of learners are examples; without
--lms-root, so is the root of all ids.

Exit codes: 0 done; 2 wrong usage or configuration, or no event.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "--consumers", metavar="FILE", required=True, help="the consumers, as JSON or YAML"
    )
    parser.add_argument(
        "--json", action="store_true", help="a JSON array with an object for each consumer"
    )
    add_translator_options(parser)
    parser.add_argument("event", metavar="EVENT", help="a file, - or the name of an event")


def run(options: argparse.Namespace) -> int:
    """Explain; give the exit code."""
    event = read_event(options.event)
    translators = _translators(options)
    explained = explain(event, options.consumers, translators)
    if not explained and not options.json:
        say(f"eventkit: there are no consumers in {options.consumers}")
    show(explained, as_json=options.json)
    return DONE


def show(explained: Sequence[Explanation], *, as_json: bool) -> None:
    """Print what each consumer gets and why: for people, or as a JSON array."""
    if as_json:
        print(json.dumps([each.to_dict() for each in explained], indent=2, ensure_ascii=False))
        return
    for each in explained:
        _show(each)


def _show(each: Explanation) -> None:
    said = "gets it" if each.is_sent else "does not get it"
    if each.passes and each.problem:
        said += f" ({each.problem})"
    say(f"{each.consumer} ({each.protocol}): {said}", sys.stdout)
    say(f"  {each.decision.text}", sys.stdout)
    for document in each.documents:
        for line in json.dumps(document, indent=2, ensure_ascii=False).splitlines():
            say(f"  {line}", sys.stdout)


def _translators(options: argparse.Namespace) -> Translators:
    """Make the translators; what is not given is an example."""
    is_example = not (options.identity_secret_env or options.identity_file)
    if not options.lms_root:
        say("eventkit: without --lms-root the root of all ids is an example")
    if is_example:
        say(
            "eventkit: without --identity-secret-env or --identity-file the ids of learners are "
            "examples"
        )
    made = {}
    for protocol in ("xapi", "caliper"):
        described = translator_options(options, protocol)
        described = replace(described, lms_root=described.lms_root or EXAMPLE_ROOT)
        made[protocol] = described.build(example_identity() if is_example else None)
    return made


def read_event(given: str) -> Event:
    """
    Find the event that is meant.

    Raises:
        ConfigurationError: there is none, or more than one.
    """
    if given != STDIN and not (given and Path(given).exists()):
        event = samples.sample(given)
        if event is None:
            raise ConfigurationError(f"EVENT: {_no_event(given)}")
        return event
    where = "standard input" if given == STDIN else repr(given)
    content = sys.stdin.buffer.read(MAX_LINE + 1) if given == STDIN else _content(given)
    if len(content) > MAX_LINE:
        raise ConfigurationError(
            f"EVENT: {where} holds more than one event can; give one line of it: "
            "head -n 1 FILE | eventkit explain ... -"
        )
    return _read(content, where)


def _content(path: str) -> bytes:
    with Path(path).open("rb") as stream:
        return stream.read(MAX_LINE + 1)


def _read(content: bytes, where: str) -> Event:
    """Read the one event in *content*: over several lines, or a dead letter, as well."""
    try:
        found: object = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, Mapping) and "documents" in found:
        if not isinstance(found.get("event"), Mapping):
            raise ConfigurationError(f"EVENT: the dead letter in {where} has no event")
        return dict(found["event"])
    lines = [content] if found is not None else content.splitlines()
    events: list[Json] = []
    try:
        for line in filter(bytes.strip, lines):
            events += parse_events(line)
    except EventParseError as error:
        raise ConfigurationError(f"EVENT: {where} is no event: {error}") from None
    if len(events) != 1:
        many = f"{len(events)} events" if events else "nothing"
        raise ConfigurationError(
            f"EVENT: {where} holds {many}; give one: head -n 1 FILE | eventkit explain ... -"
        )
    return events[0]


def _no_event(given: str) -> str:
    names = [name for row in catalogue() for name in row.names]
    if given in names:
        return f"there is no example of {given!r}; give a file with one"
    near = difflib.get_close_matches(given, names, 1)
    hint = f"did you mean {near[0]!r}?" if near else "eventkit events lists the names"
    return f"{given!r} is neither a file nor the name of an event; {hint}"
