"""Database servers of a test's own: PostgreSQL and MariaDB, in folders that go when they stop."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from needed import unavailable

PATIENCE = 60
NAME = "eventkit"


@contextmanager
def postgresql():
    """Start PostgreSQL; give the address of its database, as the settings of the site take it."""
    import psycopg

    # Debian has them outside the path, a folder for each version.
    debian = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))
    path = os.pathsep.join([*reversed(debian), os.environ.get("PATH", "")])
    programs = {each: _program(each, "postgresql", path) for each in ("initdb", "postgres")}
    with _folder_of("postgres") as (folder, run_as):
        _run(
            [
                *(programs["initdb"], "--no-sync", "--auth=trust", f"--username={NAME}"),
                *("--encoding=UTF8", "--locale=C.UTF-8", f"--pgdata={folder}/data"),
            ],
            folder,
            run_as,
        )
        settings = {"listen_addresses": "", "fsync": "off", "shared_buffers": "16MB"}
        command = [programs["postgres"], "-D", f"{folder}/data", "-k", str(folder)]
        command += [f"--{name}={value}" for name, value in settings.items()]
        with _running(command, folder, run_as) as alive:

            def make():
                with psycopg.connect(
                    host=str(folder), user=NAME, dbname="postgres", autocommit=True
                ) as connection:
                    connection.execute(f"CREATE DATABASE {NAME}")

            _until(make, psycopg.OperationalError, alive)
            yield f"postgresql://{NAME}@/{NAME}?host={folder}"


@contextmanager
def mariadb():
    """Start MariaDB; give the address of its database, as the settings of the site take it."""
    import pymysql

    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    install = _program("mariadb-install-db", "mariadb-server", path)
    server = _program("mariadbd", "mariadb-server", path)
    with _folder_of("mysql") as (folder, run_as):
        _run(
            [
                *(install, "--no-defaults", f"--datadir={folder}/data", "--skip-test-db"),
                "--auth-root-authentication-method=normal",
            ],
            folder,
            run_as,
        )
        socket = folder / "socket"
        command = [server, "--no-defaults", f"--datadir={folder}/data", f"--socket={socket}"]
        command += ["--skip-networking", f"--pid-file={folder}/pid", "--innodb-use-native-aio=0"]
        command += ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M"]
        with _running(command, folder, run_as) as alive:

            def make():
                connection = pymysql.connect(unix_socket=str(socket), user="root")
                with connection, connection.cursor() as cursor:
                    cursor.execute(f"CREATE DATABASE {NAME} CHARACTER SET utf8mb4")

            _until(make, pymysql.err.OperationalError, alive)
            yield f"mysql://root@/{NAME}?host={socket}"


SERVERS = {"postgresql": postgresql, "mariadb": mariadb}


def _program(name: str, package: str, path: str) -> str:
    found = shutil.which(name, path=path)
    if found is None:
        unavailable(f"needs {name}: apt-get install {package}, or `make test` as root on Debian")
    return found


@contextmanager
def _folder_of(account: str):
    """
    Make a folder that only *account* may look into, and say how to run programs as it.

    Neither server runs as root. The path is short, as those of sockets have to be.
    """
    folder = Path(tempfile.mkdtemp(prefix="eventkit-"))
    run_as = {}
    if os.geteuid() == 0:
        try:
            entry = pwd.getpwnam(account)
        except KeyError:
            entry = pwd.getpwnam("nobody")
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        run_as = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    try:
        yield folder, run_as
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command, folder, run_as):
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        **run_as,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def _running(command, folder, run_as):
    """Run a server; give a function that fails, with what the server said, if it has ended."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **run_as
        )

    def alive():
        assert process.poll() is None, log.read_text("utf-8", errors="replace")

    try:
        yield alive
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until(call, error, alive):
    """Call until it works."""
    end = time.monotonic() + PATIENCE
    while True:
        alive()
        try:
            return call()
        except error:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
