"""Ralph's converter, as ``ralph convert`` runs it, in this process."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from benchmarks.world import LMS_ROOT

_NAMESPACE = "ee241f8b-174f-5bdb-bae9-c09de5fe017f"


def work(kind: str, protocol: str, dialect: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Give the work, from lines to lines; Ralph knows no other."""
    if (kind, protocol) != ("line", "xapi"):
        raise ValueError("Ralph converts lines to lines of xAPI")
    logging.disable(logging.CRITICAL)
    from ralph.models.converter import Converter

    converter = Converter(platform_url=LMS_ROOT, uuid_namespace=_NAMESPACE)

    def run(lines: list[str]) -> list[bytes]:
        converted = converter.convert(lines, ignore_errors=True, fail_on_unknown=False)
        return [text.encode() for text in converted]

    # It takes text.
    return lambda lines: [line.decode() for line in lines], run
