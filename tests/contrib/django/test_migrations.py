"""The migrations make the tables that the models say, whichever Django reads them."""

from __future__ import annotations

from io import StringIO

import pytest

pytestmark = pytest.mark.databases


def test_there_is_nothing_left_to_migrate(admin_site):
    from django.core.management import call_command

    said = StringIO()
    call_command("makemigrations", "eventkit", check=True, dry_run=True, stdout=said)

    assert "No changes detected" in said.getvalue()
