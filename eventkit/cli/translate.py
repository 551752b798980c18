"""``eventkit translate``."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack

from eventkit.batch import expand_inputs
from eventkit.cli.exits import DONE, REJECTED
from eventkit.cli.options import add_translator_options, translator_options
from eventkit.cli.output import STDOUT, check_outputs, output, private
from eventkit.cli.summary import Progress, Summary
from eventkit.cli.work import translate_files
from eventkit.exceptions import ConfigurationError

_EPILOG = """\
example:
  eventkit translate --to xapi --lms-root https://lms.example.org \\
    --identity-secret-env IDENTITY_SECRET -o statements.jsonl --rejects rejects.jsonl \\
    '/var/log/tracking/tracking.log-*.gz'

The result has one document per line, in the order of the input. Every line read is translated,
skipped (blank, or an event without translation) or rejected (something is wrong with it); the
summary says why. Where several events stand on one line, each counts as a line. A rejects file has
the rejected lines as they were, each as a JSON object with source, line, reason and raw; it holds
personal data, and only its owner may read it. Lines for which a look-up of an identity or a course
failed are rejected too, as lookup_failed: nothing is wrong with them, translate them again.

Exit codes: 0 done; 1 some input was rejected; 2 wrong usage or configuration.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "--to", choices=("xapi", "caliper"), required=True, help="the protocol to translate to"
    )
    add_translator_options(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        default=STDOUT,
        help="the result; a file appears when it is complete (default: standard output)",
    )
    add_input_options(parser)
    parser.add_argument(
        "--workers",
        metavar="N",
        type=int,
        default=1,
        help="processes to translate in (default: 1); the order of the result stays",
    )


def add_input_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of all commands that read logs."""
    parser.add_argument(
        "--rejects", metavar="FILE", default="", help="keep rejected lines here, with the reason"
    )
    parser.add_argument(
        "--unwrap",
        metavar="FIELD",
        default="",
        help="the lines are JSON of another program, and this field of it holds the event: log "
        "(docker), short_message (GELF), MESSAGE (journald), message, ...",
    )
    parser.add_argument(
        "--summary",
        choices=("text", "json"),
        default="text",
        help="form of the summary on standard error (default: text)",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, no summary")
    parser.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="+",
        help="a tracking log, a glob, or - for standard input; gzip is understood, and so is zstd "
        "with the extra of that name",
    )


def run(options: argparse.Namespace) -> int:
    """Translate; give the exit code."""
    if options.workers < 1:
        raise ConfigurationError(f"--workers: expected 1 or more, got {options.workers}")
    inputs = expand_inputs(options.inputs)
    check_outputs({"--output": options.output, "--rejects": options.rejects}, inputs)
    chunks = translate_files(
        inputs, translator_options(options, options.to), options.workers, options.unwrap
    )
    summary = Summary(files=len(inputs))
    progress = Progress(quiet=options.quiet)
    try:
        with ExitStack() as stack:
            result = stack.enter_context(output(options.output))
            rejects = stack.enter_context(private(options.rejects)) if options.rejects else None
            for chunk in chunks:
                chunk.write(result, rejects)
                summary.add(chunk.summary)
                progress.show(summary)
    finally:
        progress.clear()
    return conclude(summary, options)


def conclude(summary: Summary, options: argparse.Namespace, **more: object) -> int:
    """Write the summary, and give the exit code that it stands for."""
    if not options.quiet:
        summary.write(options.summary, sys.stderr, **more)
    if not summary.rejected and not summary.in_part:
        return DONE
    if failed := summary.rejected["lookup_failed"]:
        print(
            f"eventkit: look-ups failed for {failed} lines; nothing is wrong with them, "
            "translate them again",
            file=sys.stderr,
        )
    if not options.rejects:
        print("eventkit: some lines were rejected; --rejects FILE keeps them", file=sys.stderr)
    return REJECTED
