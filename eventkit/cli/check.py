"""``eventkit check``."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor

from eventkit.cli import DONE, REJECTED
from eventkit.consumers import Consumer, load_consumers
from eventkit.probe import CheckResult, check_consumer

_AT_ONCE = 16

_EPILOG = """\
Nothing is sent but questions. One line per consumer tells whether it can be reached with its
credentials.

Exit codes: 0 all enabled consumers can be reached; 1 some cannot; 2 the file is wrong.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("file", metavar="FILE", help="the consumers, as JSON or YAML")
    parser.add_argument(
        "--trust-env", action="store_true", help="take HTTP proxies from the environment"
    )


def run(options: argparse.Namespace) -> int:
    """Check the consumers; give the exit code."""
    consumers = load_consumers(options.file)
    if not consumers:
        print("no consumers", file=sys.stderr)
        return DONE

    def look(consumer: Consumer) -> CheckResult | None:
        return check_consumer(consumer, trust_env=options.trust_env) if consumer.enabled else None

    code = DONE
    width = max(len(consumer.id) for consumer in consumers)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for consumer, result in zip(consumers, pool.map(look, consumers), strict=True):
            if result is None:
                state, detail = "disabled", "not looked at"
            else:
                state, detail = ("ok" if result.ok else "FAILED"), result.detail
                code = code if result.ok else REJECTED
            text = " ".join(detail.split())
            print(f"{consumer.id:<{width}}  {consumer.protocol:<7}  {state:<8}  {text}", flush=True)
    return code
