"""What the tests of the Django app share: a site, its visitors, and a browser."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from browser import Browser, axe_findings, save_screenshot


@pytest.fixture(scope="session")
def shared_site(tmp_path_factory):
    from admin_site.site import Site

    site = Site(tmp_path_factory.mktemp("admin_site"))
    site.set_up()
    yield site
    site.tear_down()


@pytest.fixture
def admin_site(shared_site):
    """The site, with everybody of `admin_site.roles` and nothing else; changes are committed."""
    shared_site.restore()
    return shared_site


@pytest.fixture
def client_of(admin_site):
    """
    Give a client that is logged in as somebody of a role: ``client_of("viewer")``.

    More arguments are those of `django.test.Client`, such as ``enforce_csrf_checks=True``.
    """
    from admin_site import roles
    from django.test import Client

    def make(role, **more):
        client = Client(**more)
        if role != roles.ANONYMOUS:
            client.force_login(roles.user(role))
        return client

    return make


@pytest.fixture(scope="session")
def chromium():
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def site_address(shared_site):
    from admin_site.site import served

    with served() as address:
        yield address


@pytest.fixture
def browser_page(client_of, site_address, chromium, monkeypatch):
    """
    Open the site in Chromium as somebody of a role: ``browser_page("viewer").goto("/admin/")``.

    Each call opens a window of its own. Errors of scripts or of the server, and anything that is
    fetched from elsewhere or refused by the content security policy, fail the test in the end.
    """
    # Playwright's loop is running in this thread; what is of Django here may wait all the same.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with ExitStack() as windows:

        def open_window(role):
            cookies = [
                {"name": each.key, "value": each.value, "url": site_address}
                for each in client_of(role).cookies.values()
            ]
            return windows.enter_context(chromium.window(site_address, cookies))

        chromium.here()
        windows.callback(chromium.away)
        yield open_window


@pytest.fixture
def axe():
    """Look a page over with axe-core: ``axe(page)`` fails with what is wrong for whom."""

    def check(page):
        findings = axe_findings(page)

        assert findings == [], "\n".join([page.url, *findings])

    return check


@pytest.fixture
def screenshot():
    """
    Write a picture of a page into the documentation: ``screenshot(page, "consumers")``.

    Only with EVENTKIT_UPDATE_SCREENSHOTS=1; else nothing happens.
    """
    return save_screenshot


@pytest.fixture
def settings_of(admin_site):
    """Change keys of EVENTKIT_ADMIN for the length of a test: ``settings_of(REPLAYS="work")``."""
    from django.conf import settings
    from django.test import override_settings

    with ExitStack() as stack:

        def change(**keys):
            changed = {**settings.EVENTKIT_ADMIN, **keys}
            stack.enter_context(override_settings(EVENTKIT_ADMIN=changed))

        yield change


@pytest.fixture
def django_queries(admin_site):
    """Collect queries: ``with django_queries() as made: ...``, then ``len(made)``."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    return lambda: CaptureQueriesContext(connection)


@pytest.fixture
def settings_with():
    """Change keys of EVENTKIT_ADMIN for a while: ``with settings_with(KEYS=[...]):``."""

    def change(**keys):
        from django.conf import settings
        from django.test import override_settings

        return override_settings(EVENTKIT_ADMIN={**settings.EVENTKIT_ADMIN, **keys})

    return change
