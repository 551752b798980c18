"""Processes of candidates, and how to ask them."""

from __future__ import annotations

import json
import os
import subprocess
from types import TracebackType
from typing import Any, Self

from benchmarks.install import ENVIRONMENTS, ROOT

FAST = "orjson,jsonschema_rs,msgspec,uuid_utils"
"""What a candidate without extras must not find."""


# What is installed comes before what lies here.
_START = f"""
import sys
sys.path.append({str(ROOT)!r})
from benchmarks.worker import main
main()
"""


class CandidateFailed(Exception):
    """A candidate could not do what it was asked to."""


class Candidate:
    """
    A process that runs one candidate.

    Args:
        module: of `benchmarks.candidates`.

        environment: of `benchmarks.install.ENVIRONMENTS`.

        core: the processor that it stays on; negative: any.

        without: modules that it must not find, separated by commas.
    """

    def __init__(
        self, module: str, environment: str = "eventkit", *, core: int = -1, without: str = ""
    ) -> None:
        python = ENVIRONMENTS[environment].python
        self.name = module
        self._process = subprocess.Popen(
            [python, "-P", "-c", _START, module, f"--core={core}", f"--without={without}"],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def ask(self, call: str, **arguments: Any) -> Any:
        """Call a function over there, and wait for the answer."""
        self.tell(call, **arguments)
        return self.answer()

    def tell(self, call: str, **arguments: Any) -> None:
        """Call a function over there; `answer` gives its result."""
        if self._process.stdin is None:
            raise RuntimeError("no pipe")
        try:
            self._process.stdin.write(json.dumps({"call": call, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise CandidateFailed(f"{self.name} has ended") from None

    def answer(self) -> Any:
        """Wait for the result of what was told."""
        if self._process.stdout is None:
            raise RuntimeError("no pipe")
        line = self._process.stdout.readline()
        if not line:
            raise CandidateFailed(f"{self.name} ended with code {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise CandidateFailed(f"{self.name}: {answer['error']}")
        return answer["result"]

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
