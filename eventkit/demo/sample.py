"""The tracking log that comes with the package."""

from __future__ import annotations

from pathlib import Path


def sample_log() -> Path:
    """
    Give the path of the tracking log that comes with the package.

    Every person, course and answer in it is invented; ``python -m eventkit.demo.make_sample``
    writes it.
    """
    return Path(__file__).with_name("sample.log")
