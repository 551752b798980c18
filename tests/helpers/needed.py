"""What tests need beside Python packages, and what becomes of them where it is not there."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def unavailable(why: str) -> NoReturn:
    """Skip the test, saying *why*; in CI, where everything is to be there, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(why, pytrace=False)
    pytest.skip(why)
