"""Every page of the app, looked over by axe-core in a real browser."""

from __future__ import annotations

import pytest
from admin_site.pages import PAGES, address
from browser import axe_findings


@pytest.mark.parametrize("role", ["superuser", "representative"])
def test_nothing_is_found(browser_page, role):
    """In one window, as somebody goes through them."""
    from admin_site import belongings

    own = belongings.make().own
    page = browser_page(role)
    found = {}
    for name, each in PAGES.items():
        if role in each.who and not each.is_button and not each.is_data:
            page.goto(address(name, own))
            found[name] = axe_findings(page)

    assert len(found) > 3
    assert {name: each for name, each in found.items() if each} == {}


def test_nothing_is_found_where_there_is_nothing(browser_page, axe):
    """Lists of a site that has just been set up say what to do."""
    page = browser_page("superuser")
    for name, each in PAGES.items():
        if name.endswith("_changelist") or name == "eventkit_portal:home":
            assert not each.about
            page.goto(address(name, None))
            axe(page)
