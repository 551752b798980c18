"""
A site with eventkit's admin on this machine, with consumers, tenants and live traffic.

    python examples/admin/run.py [--port N] [--rate N]

Everything is made anew in a folder that goes when Ctrl-C ends it. The site and the worker that
delivers are two processes, which know of each other through the database only.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"
PATIENCE = 15.0

sys.path.insert(0, str(HERE))


def main() -> int:
    """Set everything up, say where it is, and serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A demo site with eventkit's admin.")
    parser.add_argument("--port", type=int, default=8000, help="of the site (default: 8000)")
    parser.add_argument("--rate", type=float, default=4, help="events per second (default: 4)")
    options = parser.parse_args()
    # Whoever ends it, what it has started ends with it.
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    try:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="eventkit-admin-"))
            os.environ["EVENTKIT_DEMO_FOLDER"] = folder
            os.environ["DJANGO_SETTINGS_MODULE"] = "demo_site.settings"
            _serve(stack, options.port, options.rate)
    except KeyboardInterrupt:
        print("\nEnded; nothing is left of it.")
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _serve(stack: ExitStack, port: int, rate: float) -> None:
    import django
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.management import call_command
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application

    print("Setting up the demo site", flush=True)
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    from demo_site import receivers, world

    world.make(stack.enter_context(receivers.running()))
    try:
        server = ThreadedWSGIServer((HOST, port), WSGIRequestHandler)
    except OSError:
        server = ThreadedWSGIServer((HOST, 0), WSGIRequestHandler)
    stack.callback(server.server_close)
    server.set_app(StaticFilesHandler(get_wsgi_application()))
    stack.enter_context(traffic(rate))
    print(world.welcome(f"http://{HOST}:{server.server_address[1]}"), flush=True)
    server.serve_forever()


@contextmanager
def traffic(rate: float) -> Iterator[None]:
    """Run the worker beside the site."""
    worker = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "demo_site.traffic", str(rate)],
        cwd=HERE,
        # Ctrl-C is for the site, which ends the worker.
        start_new_session=True,
    )
    try:
        yield
    finally:
        worker.terminate()
        try:
            worker.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


if __name__ == "__main__":
    sys.exit(main())
