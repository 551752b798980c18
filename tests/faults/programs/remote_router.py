"""
A router in a process of its own, which does what it is told: one JSON line in, one out.

    python remote_router.py '{"consumers": [...], "store": ..., ...}'
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from fault_routes import translation

from eventkit.exceptions import EventkitError
from eventkit.router import Router
from eventkit.stores.sqlite import queue as _sqlite_queue


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


class Commands:
    def __init__(self, router):
        self.router = router

    def ready(self):
        return os.getpid()

    def send(self, *numbers):
        """Send translations with these numbers in one call: all or none is accepted."""
        self.router.send_many(translation(number) for number in numbers)

    def send_groups(self, size, path):
        """Send groups of *size* for ever, and note the last number once a group is accepted."""
        first = 0
        with Path(path).open("ab", buffering=0) as accepted:
            while True:
                self.send(*range(first, first + size))
                first += size
                accepted.write(b"%d\n" % first)

    def send_and_die(self, *numbers):
        self.send(*numbers)
        die()

    def die_before_commit(self):
        """Be killed when the next documents are in the file, but not committed yet."""
        put = _sqlite_queue.put

        def put_and_die(*arguments):
            put(*arguments)
            die()

        _sqlite_queue.put = put_and_die

    def die_before_settling(self):
        """Be killed when a receiver has answered, but nothing is noted of it yet."""
        self.router.store.settle = die

    def flush(self, timeout):
        return self.router.flush(timeout)

    def close(self, timeout):
        return self.router.close(timeout)

    def stats(self):
        return self.router.stats()

    def health(self):
        return self.router.health()

    def letters(self):
        return [letter.as_dict() for letter in self.router.dead_letters]

    def limit_files(self, size):
        """Let no file grow beyond *size* bytes; None: as far as it may."""
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard if size is None else size, hard))

    def fill_disk(self, path):
        """Write until the disk of *path* is full."""
        with Path(path).open("ab", buffering=0) as filler:
            for size in (65536, 4096, 512, 1):
                with suppress(OSError):
                    while filler.write(b"x" * size):
                        pass

    def empty_disk(self, path):
        Path(path).unlink()

    def make_read_only(self, disk):
        """Mount the disk anew; nobody may have a file of it open for writing at that moment."""
        for _ in range(1000):
            self.router.store.close()
            done = subprocess.run(
                ["mount", "-o", "remount,ro", disk], capture_output=True, check=False
            )
            if done.returncode == 0:
                return
        raise OSError("the disk is always busy")

    def make_writable(self, disk):
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)

    def fork(self, mine, of_child):
        """Have a forked child send at the same time; give what both say afterwards."""
        out, into = os.pipe()
        child = os.fork()
        own = mine if child else of_child
        sending = threading.Thread(target=self.send, args=own)
        sending.start()
        sending.join()
        flushed = self.router.flush(20)
        if child:
            os.close(into)
            with open(out, "rb") as stream:  # noqa: PTH123 - a pipe has no path
                told = stream.read()
            os.waitpid(child, 0)
            return [[flushed, self.stats()], json.loads(told)]
        os.write(into, json.dumps([flushed, self.stats()]).encode())
        self.router.close(1)
        os._exit(0)


def main(settings):
    router = Router(settings.pop("consumers"), **settings)
    commands = Commands(router)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = {"answer": getattr(commands, name)(*arguments)}
        except (EventkitError, OSError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
