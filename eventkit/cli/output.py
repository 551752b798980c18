"""Where results go: standard output, or a file that appears when it is complete."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, TextIO

from eventkit.base.printable import printable
from eventkit.batch import STDIN
from eventkit.exceptions import ConfigurationError

STDOUT = "-"


def say(text: str, stream: TextIO | None = None) -> None:
    """Write one line to *stream*, standard error if None; what is in it cannot steer a terminal."""
    print(printable(text), file=sys.stderr if stream is None else stream, flush=True)


def is_sure(question: str, *, yes: bool) -> bool:
    """Ask on a terminal whether it is meant, unless *yes*; where nobody can answer it is."""
    if yes or not sys.stdin.isatty():
        return True
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    print("eventkit: nothing was done", file=sys.stderr)
    return False


def private(path: str) -> AbstractContextManager[IO[bytes]]:
    """Open *path* as `output` does, for what holds personal data: only the owner may read it."""
    return output(path, mode=0o600)


@contextmanager
def output(path: str, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """
    Open *path* for writing; a file takes its place only when the block ends well.

    What was there before stays until then, so an interrupted run never leaves half a file. A new
    file has *mode*, less what the umask takes away.
    """
    target = Path(path)
    if path == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif target.exists() and not target.is_file():  # a device or a pipe
        with target.open("wb") as stream:
            yield stream
    else:
        draft = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            # A killed run of this number may have left one that everybody may read.
            draft.unlink(missing_ok=True)
            with open(draft, "xb", opener=partial(os.open, mode=mode)) as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(target)
        except BaseException:
            with suppress(FileNotFoundError):
                draft.unlink()
            raise


def check_outputs(outputs: dict[str, str], inputs: list[str]) -> None:
    """
    Make sure that no result overwrites an input or another result.

    Args:
        outputs: paths by the option that names them; empty ones are not in use.

        inputs: the files to be read.

    Raises:
        ConfigurationError: it would; the message names option and path.
    """
    taken = {os.path.realpath(path): "an input" for path in inputs if path != STDIN}
    for option, path in outputs.items():
        if not path:
            continue
        if path == STDOUT and option != "--output":
            raise ConfigurationError(f"{option}: standard output is for results; name a file")
        if path == STDOUT or (Path(path).exists() and not Path(path).is_file()):
            continue
        if not Path(path).absolute().parent.is_dir():
            raise ConfigurationError(f"{option}: the folder of {path!r} does not exist; create it")
        real = os.path.realpath(path)
        if real in taken:
            raise ConfigurationError(f"{option}: {path!r} is {taken[real]} too; name another file")
        taken[real] = f"the file of {option}"


def reject_record(source: str, line: int, reason: str, raw: str | bytes, part: int = 0) -> bytes:
    """
    Give one line of a rejects file: where the input is from, why it is here, and the input itself.

    Bytes that are not UTF-8 are kept in base64. The parts of a line that was too long carry their
    number; put together they are the line.
    """
    record: dict[str, object] = {"source": source, "line": line, "reason": reason}
    if part:
        record["part"] = part
    if isinstance(raw, bytes):
        try:
            record["raw"] = raw.decode("utf-8")
        except UnicodeDecodeError:
            record["raw_base64"] = base64.b64encode(raw).decode("ascii")
    else:
        record["raw"] = raw
    return json.dumps(record).encode("ascii") + b"\n"
