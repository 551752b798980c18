"""
Translate tracking logs in parallel, one process per file.

    IDENTITY_SECRET=... python batch.py https://lms.example.org OUTPUT_FOLDER LOG...

Each log gives one file of statements, JSON lines, which appears when it is complete. The counts
that are printed add up to the lines that were read.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from eventkit import HMACIdentity, XAPITranslator
from eventkit.batch import read_log, translate_lines


def translate(lms_root: str, folder: Path, log: str) -> Counter[str]:
    """Translate one log into *folder*; count what became of its lines."""
    translator = XAPITranslator(
        lms_root=lms_root, identity=HMACIdentity({"env": "IDENTITY_SECRET"})
    )
    counts: Counter[str] = Counter()
    target = folder / f"{Path(log).name}.statements.jsonl"
    partial_file = target.with_suffix(".partial")
    with partial_file.open("w", encoding="ascii") as output:
        for outcome in translate_lines(read_log(log), translator):
            counts[f"{outcome.status} {outcome.reason}".strip()] += 1
            output.writelines(json.dumps(statement) + "\n" for statement in outcome.documents)
    partial_file.replace(target)
    return counts


def main() -> None:
    """Translate the logs that the command line names."""
    lms_root, folder, *logs = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    total: Counter[str] = Counter()
    with ProcessPoolExecutor() as pool:
        for counts in pool.map(partial(translate, lms_root, Path(folder)), logs):
            total += counts
    for what, number in total.most_common():
        print(f"{number:>10,}  {what}")


if __name__ == "__main__":
    main()
