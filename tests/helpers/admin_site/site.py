"""The site in this process: its database, put back before each test, and its server."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from unittest import mock

_DATABASE = "EVENTKIT_SITE_DATABASE"


class Site:
    """
    A site with a migrated database, one for the process.

    What a test changes is really committed, so that threads, other processes and a browser see it;
    `restore` puts the database back to how it was after `set_up`.

    Args:
        folder: where the file of SQLite is, unless EVENTKIT_SITE_DATABASE says otherwise.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = os.environ.get(_DATABASE, str(folder / "admin_site.sqlite3"))
        self.is_sqlite = ":" not in self.database

    @property
    def environment(self) -> dict[str, str]:
        """Give the variables with which another process is of the same site."""
        helpers = str(Path(__file__).resolve().parents[1])
        root = str(Path(__file__).resolve().parents[3])
        before = os.environ.get("PYTHONPATH", "")
        return {
            **os.environ,
            **self._settings,
            "PYTHONPATH": os.pathsep.join(filter(None, [before, root, helpers])),
        }

    def set_up(self) -> None:
        """Load Django, make the tables and everybody who visits."""
        import django
        from django.core.management import call_command
        from django.test.utils import setup_test_environment

        # Programs that other tests of this process run are of no site.
        with mock.patch.dict(os.environ, self._settings):
            django.setup()
        setup_test_environment(debug=False)
        call_command("migrate", verbosity=0, interactive=False)
        from admin_site import roles

        roles.make_everybody()
        if self.is_sqlite:
            self._close()
            with closing(sqlite3.connect(self.database)) as file:
                # Readers do not wait for who writes, and nobody waits for a disk.
                file.execute("PRAGMA journal_mode=WAL")
                file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copy(self.database, self._kept)
        else:
            self._rows = self._last_rows()

    def tear_down(self) -> None:
        """Let go of the database."""
        from django.test.utils import teardown_test_environment

        self._close()
        teardown_test_environment()

    def restore(self) -> None:
        """Put everything back to how it was."""
        from django.core import mail
        from django.core.cache import cache

        if self.is_sqlite:
            with (
                closing(sqlite3.connect(self._kept)) as kept,
                closing(sqlite3.connect(self.database, timeout=30)) as file,
            ):
                kept.backup(file)
        else:
            self._delete_rows()
        mail.outbox.clear()
        cache.clear()

    def stored(self) -> bytes:
        """
        Read all that SQLite has on the disk, free pages and what is not in the file yet included.

        Another process does it: when this one closes a file, the system takes away its locks on it,
        those of open connections, too.
        """
        read = "import sys; [sys.stdout.buffer.write(open(a, 'rb').read()) for a in sys.argv[1:]]"
        files = sorted(Path(self.database).parent.glob(f"{Path(self.database).name}*"))
        command = [sys.executable, "-c", read, *map(str, files)]
        return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout

    @property
    def _settings(self) -> dict[str, str]:
        return {"DJANGO_SETTINGS_MODULE": "admin_site.settings", _DATABASE: self.database}

    @property
    def _kept(self) -> Path:
        return self.folder / "kept.sqlite3"

    def _close(self) -> None:
        from django.db import connections

        connections.close_all()

    def _last_rows(self) -> dict[str, int]:
        """Give the highest key of each table, 0 where it is empty."""
        from django.apps import apps
        from django.db.models import AutoField, Max

        return {
            model._meta.label: model._default_manager.aggregate(last=Max("pk"))["last"] or 0
            for model in apps.get_models(include_auto_created=True)
            if isinstance(model._meta.pk, AutoField)
        }

    def _delete_rows(self) -> None:
        from django.apps import apps
        from django.db import connection, transaction

        with transaction.atomic(), connection.constraint_checks_disabled():
            for model in apps.get_models(include_auto_created=True):
                table = connection.ops.quote_name(model._meta.db_table)
                key = connection.ops.quote_name(model._meta.pk.column)
                last = self._rows.get(model._meta.label)
                where = "" if last is None else f" WHERE {key} > {last}"
                with connection.cursor() as cursor:
                    cursor.execute(f"DELETE FROM {table}{where}")


@contextmanager
def served():
    """Serve the site on a free port of this machine; give its address."""
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.test.testcases import LiveServerThread

    server = LiveServerThread("127.0.0.1", StaticFilesHandler)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    try:
        if server.error:
            raise server.error
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.terminate()
