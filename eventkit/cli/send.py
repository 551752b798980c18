"""``eventkit send``."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from eventkit.batch import expand_inputs
from eventkit.cli.checkpoint import Checkpoint, locked
from eventkit.cli.exits import DONE, REJECTED
from eventkit.cli.options import add_translator_options, translator_options
from eventkit.cli.output import check_outputs, private, say
from eventkit.cli.sending import Dispatch
from eventkit.cli.summary import Progress, Summary
from eventkit.cli.translate import add_input_options, conclude
from eventkit.exceptions import ConfigurationError
from eventkit.router.router import Router

_PATIENCE = 30.0

_EPILOG = """\
example:
  eventkit send --consumers consumers.yaml --lms-root https://lms.example.org \\
    --identity-secret-env IDENTITY_SECRET '/var/log/tracking/tracking.log*'

Each consumer gets what its access rules allow, in the protocol that it speaks. How far each is in
each file is kept in the checkpoint, so the next run goes on where this one stopped, for new lines,
new files and new consumers alike; a log that was renamed or compressed meanwhile is known by how it
begins. Standard input is always sent whole. After a crash the last few
hundred lines may be sent again, with the same ids, so that a record store has them once.

A line that is translated to one protocol and rejected for another counts as translated; the summary
has it under "in part", and the rejects have it with the protocol before the reason.

Ctrl-C and SIGTERM end it after the requests that are under way, with the checkpoint written.

A consumer that cannot take its documents is tried again for a while; when it is given up, the
others go on. What a consumer refuses for good is kept in the file of dead letters. A look-up of an
identity or a course that fails is tried again for as long; then the run stops before that line, and
the next one goes on there.

Exit codes: 0 done; 1 some input was rejected, or some documents are not delivered; 2 wrong usage or
configuration.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "--consumers",
        metavar="FILE",
        required=True,
        help="the consumers, as JSON or YAML; eventkit check tries them out",
    )
    add_translator_options(parser)
    parser.add_argument(
        "--checkpoint",
        metavar="FILE",
        default="",
        help="how far every consumer is (default: the consumers file with .checkpoint.json added)",
    )
    parser.add_argument(
        "--restart", action="store_true", help="forget the checkpoint: send everything"
    )
    parser.add_argument(
        "--dead-letters",
        metavar="FILE",
        default="",
        help="what consumers refused (default: the consumers file with .dead-letters.jsonl added)",
    )
    parser.add_argument(
        "--patience",
        metavar="SECONDS",
        type=float,
        default=_PATIENCE,
        help="how long a consumer in trouble, or a look-up, is tried again before it is given up "
        f"(default: {_PATIENCE:g})",
    )
    add_input_options(parser)


def run(options: argparse.Namespace) -> int:
    """Send; give the exit code."""
    # What the router has to say of consumers in trouble.
    logging.basicConfig(format="eventkit: %(message)s", level=logging.WARNING)
    inputs = expand_inputs(options.inputs)
    checkpoint_path = options.checkpoint or f"{options.consumers}.checkpoint.json"
    letters = options.dead_letters or f"{options.consumers}.dead-letters.jsonl"
    check_outputs(
        {
            "--rejects": options.rejects,
            "--checkpoint": checkpoint_path,
            "--dead-letters": letters,
        },
        [*inputs, options.consumers],
    )
    if not options.patience >= 0:
        raise ConfigurationError(f"--patience: expected 0 or more, got {options.patience:g}")
    router = Router(options.consumers, dead_letters=letters)
    enabled = [consumer for consumer in router.consumers if consumer.enabled]
    if not enabled:
        raise ConfigurationError(f"--consumers: no consumer of {options.consumers!r} is enabled")
    protocols = sorted({consumer.protocol for consumer in enabled}, reverse=True)
    translators = {
        protocol: translator_options(options, protocol).build() for protocol in protocols
    }
    endings: list[Callable[[], None]] = []
    try:
        with _terminable(endings), ExitStack() as stack:
            stack.enter_context(locked(checkpoint_path))
            stack.callback(router.close)
            dispatch = Dispatch(
                router=router,
                translators=translators,
                checkpoint=Checkpoint.load(checkpoint_path, restart=options.restart),
                summary=Summary(files=len(inputs)),
                patience=options.patience,
                unwrap=options.unwrap,
            )
            if options.rejects:
                dispatch.rejects = stack.enter_context(private(options.rejects))
            dispatch.progress = Progress(quiet=options.quiet)
            endings.append(dispatch.end)
            dispatch.send(inputs)
    except _Terminated:
        print("eventkit: terminated", file=sys.stderr)
        return 128 + signal.SIGTERM
    return _conclude(dispatch, letters, options)


class _Terminated(KeyboardInterrupt):
    """SIGTERM has come; it ends the command as Ctrl-C does."""


@contextmanager
def _terminable(endings: Sequence[Callable[[], None]]) -> Iterator[None]:
    """Have SIGTERM call *endings* and raise, the first time it comes."""
    if threading.current_thread() is not threading.main_thread():
        # Signals are the business of the program that runs the command there.
        yield
        return

    def terminate(_number: int, _frame: object) -> None:
        # A second one must not interrupt the writing of the checkpoint.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for end in endings:
            end()
        raise _Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _report(dispatch: Dispatch) -> dict[str, dict[str, Any]]:
    """Give what each consumer got, and where it was given up if it was."""
    report: dict[str, dict[str, Any]] = {}
    for recipient in dispatch.recipients:
        counts = dispatch.router.stats(recipient.name)
        report[recipient.name] = {key: counts[key] for key in ("delivered", "dead")}
        if recipient.stopped:
            report[recipient.name]["stopped"] = recipient.stopped
    return report


_AWAY = "a look-up of who a user is, or what a course is called, failed; run again"


def _conclude(dispatch: Dispatch, letters: str, options: argparse.Namespace) -> int:
    """Tell what each consumer got; give the exit code."""
    report = _report(dispatch)
    is_done = not any(counts["dead"] or "stopped" in counts for counts in report.values())
    code = DONE if is_done else REJECTED
    summary, quiet = dispatch.summary, options.quiet
    more: dict[str, object] = {"sent_before": dispatch.passed, "consumers": report}
    if dispatch.stopped:
        code = REJECTED
        more["stopped"] = dispatch.stopped
        say(f"eventkit: stopped at {dispatch.stopped}: {_AWAY}")
    if options.summary == "json":
        return max(code, conclude(summary, options, **more))
    code = max(code, conclude(summary, options))
    if dispatch.passed and not quiet:
        print(f"{'sent before':<12}{dispatch.passed:>12,}  lines passed over", file=sys.stderr)
    for name, counts in report.items():
        delivered, dead, stopped = (counts.get(key) for key in ("delivered", "dead", "stopped"))
        if not quiet:
            say(f"{'delivered':<12}{delivered:>12,}  to {name}")
        if dead:
            say(f"eventkit: {name} refused {dead} documents; see {letters}")
        if stopped:
            say(f"eventkit: {name} was given up at {stopped}; run again")
    return code
