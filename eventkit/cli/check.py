"""``eventkit check``."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import attrs

from eventkit.cli.environment import check_django, check_variables, check_writable
from eventkit.cli.exits import DONE, REJECTED, complain
from eventkit.cli.keys import add_key_options
from eventkit.cli.output import say
from eventkit.consumers.consumer import Consumer
from eventkit.consumers.loading import load_consumers
from eventkit.consumers.owners import queue_name, split_queue
from eventkit.exceptions import ConfigurationError, StoreError
from eventkit.router.connection import Step, test_connection
from eventkit.router.probe import TRIAL_ACTOR, TRIAL_VERB, try_consumer
from eventkit.stores.opening import open_store
from eventkit.stores.store import INBOX

if TYPE_CHECKING:
    from eventkit.stores.sqlite.store import SQLiteStore

_AT_ONCE = 16
_FAILED = "FAILED"

_EPILOG = f"""\
Without --live nothing is sent but questions, and one line per consumer tells whether it can be
reached with its credentials. With --steps further lines say how far that got, and what each step
found: the name (dns), the connection (tcp), the certificate and the days that it is good for (tls),
an answer (http), credentials, and the version of the protocol.

With --live ONE TEST DOCUMENT IS WRITTEN to every enabled consumer, the way events go: same
transport, credentials, override and limits. It is by the account "{TRIAL_ACTOR}", which is no
person, with the verb {TRIAL_VERB} (in Caliper: an
Event "Used"). Its id depends on the consumer's id alone, so a receiver that knows ids keeps one of
it, however often this runs. A file: or log: consumer gets a line each time. One that is paused by
its setting is asked only.

A rule that can match nothing that is known, say because of a slip of the pen, is told of on
standard error, with the nearest name; one that denies so is an error.

With --store each line also says what waits in that on-disk store for the consumer, for how long,
and how many dead letters it has. Nothing in the store is changed.

With --env, --writable and --django it also looks, in the environment and as the user that it runs
in and as, whether what must be there is; each problem is a line on standard error.

Exit codes: 0 all enabled consumers can be reached (--live: took the document), and what must be
there is; 1 some cannot, or something is missing; 2 the file is wrong.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("file", metavar="FILE", help="the consumers, as JSON or YAML")
    add_options(parser)
    parser.add_argument(
        "--env",
        metavar="NAME",
        action="append",
        default=[],
        help="a variable that must be set, such as the one with the identity's secret",
    )
    parser.add_argument(
        "--django",
        metavar="MODULE",
        default=None,
        help="settings of a Django site, which must share events",
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that do not say whose consumers, nor where."""
    parser.add_argument(
        "--live",
        action="store_true",
        help="write one harmless test document to each consumer (see below)",
    )
    parser.add_argument(
        "--steps",
        action="store_true",
        help="say of each step of reaching a consumer what came of it, and how long it took",
    )
    parser.add_argument(
        "--store", metavar="PATH", help="the on-disk store of the router, to look at its queues"
    )
    add_key_options(parser)
    parser.add_argument(
        "--writable",
        metavar="PATH",
        action="append",
        default=[],
        help="a store, a file of dead letters or their folder, which this user must be able to "
        "write and others must not read",
    )
    parser.add_argument(
        "--trust-env", action="store_true", help="take HTTP proxies from the environment"
    )


@attrs.frozen
class Unusable:
    """A consumer that gets nothing from here, because its settings cannot be used."""

    id: str
    protocol: str
    state: str
    """``paused``: what it may have waits; ``left out``: nothing is kept for it."""
    why: str


def run(options: argparse.Namespace, unusable: Iterable[Unusable] = ()) -> int:
    """Check the consumers, but for those that are *unusable* anyway; give the exit code."""
    # The line of a consumer says it all, and nothing is retried here.
    logging.getLogger("eventkit").addHandler(logging.NullHandler())
    code = _look_around(options)
    consumers = load_consumers(options.file)
    unused = {each.id: each for each in unusable}
    left_out = [each for each in unused.values() if each.id not in {it.id for it in consumers}]
    try:
        queues = _queues(options, consumers)
    except StoreError as error:
        return complain(f"--store: {error}")
    if not consumers and not left_out:
        print(f"no consumers: {options.file} names none, so nobody gets anything", file=sys.stderr)
    for consumer in consumers:
        for doubt in consumer.doubts():
            say(f"eventkit: warning: consumer {consumer.id!r}: {doubt}")

    def look(consumer: Consumer) -> _Found:
        return _unused(unused[consumer.id]) if consumer.id in unused else _look(consumer, options)

    names = (*queues, *unused, *(each.id for each in consumers))
    width = max(map(len, names), default=0)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for consumer, found in zip(consumers, pool.map(look, consumers), strict=True):
            code = REJECTED if found.state == _FAILED else code
            _show(consumer, found, queues.pop(consumer.id, ""), width)
    for each in left_out:
        told = f"{queues.pop(each.id)}; " if each.id in queues else ""
        text = f"{told}{_unused(each).detail}"
        say(f"{each.id:<{width}}  {each.protocol:<7}  {_FAILED:<8}  {text}", sys.stdout)
    for name, told in queues.items():
        say(f"{name:<{width}}  {'-':<7}  {'-':<8}  {told}", sys.stdout)
    return REJECTED if unused else code


@attrs.frozen
class _Found:
    """What is said of one consumer."""

    state: str
    detail: str
    steps: list[str] = attrs.field(factory=list)


def _show(consumer: Consumer, found: _Found, queue: str, width: int) -> None:
    text = " ".join(f"{queue}; {found.detail}".removeprefix("; ").split())
    say(f"{consumer.id:<{width}}  {consumer.protocol:<7}  {found.state:<8}  {text}", sys.stdout)
    for line in found.steps:
        say(f"    {line}", sys.stdout)


def _unused(found: Unusable) -> _Found:
    """Say of one why it is not even asked."""
    why = " ".join(found.why.split())
    if found.state == "paused":
        return _Found("paused", f"its credentials cannot be used, so all waits: {why}")
    return _Found(_FAILED, f"left out, so nothing is kept for it: {why}")


def _look(consumer: Consumer, options: argparse.Namespace) -> _Found:
    if not consumer.enabled:
        return _Found("disabled", "not looked at")
    report = None
    if options.steps or consumer.paused or not options.live:
        report = test_connection(consumer, trust_env=options.trust_env)
    steps = [_line(step) for step in report.steps] if report and options.steps else []
    if report is not None and (consumer.paused or not options.live):
        ok, detail = report.ok, report.detail
    else:
        result = try_consumer(consumer, trust_env=options.trust_env)
        ok, detail = result.ok, result.detail
    if ok and consumer.paused:
        return _Found("paused", f"paused by its setting; {detail}", steps)
    return _Found("ok" if ok else _FAILED, detail, steps)


def _line(step: Step) -> str:
    state = {True: "ok", False: _FAILED, None: "-"}[step.ok]
    return f"{step.name:<11}  {state:<6}  {step.seconds:>6.3f} s  {step.detail}"


def _look_around(options: argparse.Namespace) -> int:
    """Look whether what must be there is; say what is not, and give the exit code."""
    problems = [*check_variables(options.env), *check_writable(options.writable)]
    if options.django is not None:
        problems += check_django(options.django)
    for problem in problems:
        complain(problem)
    return REJECTED if problems else DONE


def _queues(options: argparse.Namespace, consumers: Sequence[Consumer]) -> dict[str, str]:
    """Say what waits in the store, by consumer, also for those that are not in the file."""
    if options.store is None:
        if options.key:
            raise ConfigurationError("--key-env, --key-file: name the store too, with --store")
        return {}
    with closing(open_store(options.store, options.key or None, option="--store")) as store:
        return _told(store, consumers)


def _told(store: SQLiteStore, consumers: Sequence[Consumer]) -> dict[str, str]:
    """Say what waits for each consumer, and what waits for others, who are not in the file."""
    own = {each.id: each for each in consumers}
    letters = Counter(
        _whose(queue_name(each.consumer, each.owner), own) for each in store.dead_letters
    )
    queues = store.queues()
    others = {name for name in (*queues, *letters) if _whose(name, own) == name} - {*own, INBOX}
    told = {}
    for name in (*own, *sorted(others), INBOX):
        pending = store.counts(name)["pending"]
        mine = [name]
        if name in own:
            # All that waits under its id, but for what is not its own.
            pending -= sum(
                store.counts(each)["pending"] for each in others if split_queue(each)[0] == name
            )
            mine = [each for each in queues if _whose(each, own) == name and each != name] or mine
        since = min((at for at in map(store.oldest, mine) if at is not None), default=None)
        if name == INBOX and not (pending or letters[name]):
            continue
        age = f", the oldest for {max(0.0, time.time() - since):.1f} s" if since and pending else ""
        note = ""
        if name in others:
            is_held = split_queue(name)[0] in own
            note = " (held: not for who has the id now)" if is_held else " (not in the file)"
        told[_label(name)] = f"{pending} waiting{age}, {letters[name]} dead letters{note}"
    return told


def _whose(name: str, own: Mapping[str, Consumer]) -> str:
    """Give the id of the consumer of the file that a queue belongs to, or the queue's own name."""
    consumer, owner = split_queue(name)
    is_own = consumer in own and (not owner or owner in own[consumer].owners)
    return consumer if is_own else name


def _label(name: str) -> str:
    consumer, owner = split_queue(name)
    return f"{consumer or '(inbox)'}{f' ({owner})' if owner else ''}"
