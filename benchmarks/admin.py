"""
Measure every page of the admin on a site with many consumers and dead letters.

    python -m benchmarks.admin [--consumers 1000] [--letters 100000] [--database ADDRESS]

It prints the time and the number of queries of each page, and exits with 1 if one takes 500 ms or
20 queries. The database is a file of SQLite that goes in the end, or the empty one at ADDRESS, such
as ``postgresql://name@/name?host=/folder``.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))

MOST_SECONDS = 0.5
MOST_QUERIES = 20
TIMES = 5
ROLES = ("superuser", "tenant administrator", "representative")


def main() -> int:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description="Measure every page of the admin.")
    parser.add_argument("--consumers", type=int, default=1_000)
    parser.add_argument("--letters", type=int, default=100_000)
    parser.add_argument("--database", default="")
    options = parser.parse_args()
    if options.database:
        os.environ["EVENTKIT_SITE_DATABASE"] = options.database
    with tempfile.TemporaryDirectory() as folder:
        return _measure(Path(folder), options.consumers, options.letters)


def _measure(folder: Path, consumers: int, letters: int) -> int:
    from admin_site.site import Site

    site = Site(folder)
    site.set_up()
    from admin_site import belongings, crowd
    from django.db import connection

    things = belongings.make()
    started = time.perf_counter()
    crowd.fill(consumers=consumers, letters=letters)
    filled = time.perf_counter() - started
    print(
        f"{consumers:,} consumers and {letters:,} letters on {connection.vendor} "
        f"(filled in {filled:.0f} s)\n\n| page | role | ms | queries |\n|---|---|---|---|"
    )
    slow = 0
    for name, role, address in _visits(things.own):
        milliseconds, queries = _visit(role, address)
        is_slow = milliseconds >= MOST_SECONDS * 1000 or queries >= MOST_QUERIES
        slow += is_slow
        note = " **too much**" if is_slow else ""
        print(f"| {name} | {role} | {milliseconds:.0f} | {queries}{note} |", flush=True)
    site.tear_down()
    return 1 if slow else 0


def _visits(things: Any) -> Iterator[tuple[str, str, str]]:
    """Give each page for each of `ROLES` that may see it, and lists searched and filtered."""
    from admin_site.pages import PAGES, address

    for name, page in PAGES.items():
        for role in ROLES:
            if role in page.who and not page.is_button:
                yield name.partition(":")[2], role, address(name, things)
    for query in ("q=consumer-0007", "p=2"):
        consumers = address("admin:eventkit_consumer_changelist", things)
        yield f"consumers?{query}", "superuser", f"{consumers}?{query}"


def _visit(role: str, address: str) -> tuple[float, int]:
    from admin_site.visiting import visit

    visit(role, address)  # what is read once for all is not what is measured
    times = []
    asked: list[str] = []
    for _ in range(TIMES):
        status, asked, took = visit(role, address)
        if status not in {200, 302}:
            raise SystemExit(f"{address}: status {status}")
        times.append(took)
    return median(times) * 1000, len(asked)


if __name__ == "__main__":
    sys.exit(main())
