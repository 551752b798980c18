"""The site that tests of the app use: what it keeps apart, and what its browser finds."""

from __future__ import annotations

import asyncio

import pytest
from browser import axe_findings


@pytest.mark.databases
class TestDatabase:
    @pytest.mark.parametrize("_", [1, 2])
    def test_each_test_finds_it_as_it_was(self, admin_site, _):
        from django.contrib.auth.models import User
        from django.core import mail

        assert not User.objects.filter(username="new").exists()
        assert mail.outbox == []

        User.objects.create_user("new")
        mail.send_mail("subject", "text", None, ["somebody@example.org"])


class TestVisitors:
    @pytest.mark.parametrize(
        ("role", "status"),
        [
            ("anonymous", 302),
            ("learner", 302),
            ("representative", 302),
            ("viewer", 200),
            ("operator", 200),
            ("administrator", 200),
            ("tenant administrator", 200),
            ("superuser", 200),
        ],
    )
    def test_who_gets_into_the_admin(self, client_of, role, status):
        assert client_of(role).get("/admin/").status_code == status


class TestBrowser:
    def test_is_logged_in_and_sees_a_clean_page(self, browser_page, axe):
        page = browser_page("superuser")
        page.goto("/admin/")

        assert page.locator("#user-tools strong").text_content() == "superuser"
        axe(page)

    def test_sees_what_tests_change(self, browser_page):
        from django.contrib.auth.models import User

        page = browser_page("superuser")
        User.objects.create_user("somebody-new")
        page.goto("/admin/auth/user/")

        assert page.get_by_role("link", name="somebody-new").count() == 1

    @pytest.mark.parametrize(
        ("script", "words"),
        [
            ("() => console.error('oh no')", "oh no"),
            ("() => { setTimeout(() => { throw new Error('thrown') }, 0) }", "thrown"),
            ("() => fetch('http://127.0.0.1:9/elsewhere').catch(() => 0)", "Security Policy"),
            ("() => { document.body.setAttribute('onclick', '1') }", "Security Policy"),
        ],
    )
    def test_what_goes_wrong_in_a_page_is_seen(
        self, browser_page, chromium, site_address, script, words
    ):
        """It fails when its window is shut."""

        def visit():
            with chromium.window(site_address) as page:
                page.goto("/admin/login/")
                page.evaluate(script)
                page.wait_for_function("() => true")

        with pytest.raises(AssertionError, match=words):
            visit()

    def test_axe_says_what_is_wrong(self, browser_page):
        page = browser_page("anonymous")
        page.goto("/admin/login/")
        page.evaluate("() => { document.querySelector('label').remove() }")

        assert any("label (critical): " in each for each in axe_findings(page))

    def test_other_tests_may_run_loops(self, browser_page, chromium):
        chromium.away()

        assert asyncio.run(asyncio.sleep(0, "ran")) == "ran"
