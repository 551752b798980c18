"""Asking for access in a real browser, from the form to the event that arrives."""

from __future__ import annotations

import re
from contextlib import contextmanager

import pytest

pytest.importorskip("django")

USER, PASSWORD = "lakeside-key", "lakeside-secret-7"


@pytest.fixture
def record_store():
    """A record store on this machine, and the setting that lets consumers have it."""
    from django.conf import settings
    from django.test import override_settings

    from eventkit.receivers import Receiver

    portal = {"ALLOW_HOSTS": ["127.0.0.1"], "MAIL_TO": ["data@example.org"]}
    with (
        Receiver(auth=(USER, PASSWORD)) as receiver,
        override_settings(EVENTKIT_ADMIN={**settings.EVENTKIT_ADMIN, "PORTAL": portal}),
    ):
        yield receiver


@contextmanager
def worker():
    """A worker as a site has it: events go through the rules of the database to receivers."""
    from eventkit import HMACIdentity, Router, XAPITranslator
    from eventkit.backends import EventRoutingBackend
    from eventkit.contrib.django import DatabaseConsumers

    translator = XAPITranslator(lms_root="https://lms.example.org", identity=HMACIdentity("x" * 40))
    router = Router(DatabaseConsumers(), reload=0.1)
    backend = EventRoutingBackend(processors=[translator], backends={"router": router})
    try:
        yield backend
    finally:
        router.close()


def graded(number, course="course-v1:Lakeside+A+2026"):
    """An event of passing a course, another one for each number."""
    return {
        "name": "edx.course.enrollment.activated",
        "timestamp": f"2026-11-01T12:00:{number:02d}.5+00:00",
        "data": {"course_id": course, "user_id": 7, "mode": "audit"},
        "context": {"course_id": course, "org_id": "Lakeside", "user_id": 7},
    }


def share(number, **more):
    """Have a new worker share an event, and end as it should: with its counts reported."""
    with worker() as backend:
        backend.send(graded(number, **more))


def fill_in(page, url):
    page.get_by_label("Your organisation").fill("Lakeside Analytics")
    page.get_by_label("E-mail address for questions").fill("team@example.org")
    page.get_by_label("What the data is for").fill("We study who drops out of courses, and why.")
    page.get_by_label("Courses", exact=True).fill("course-v1:Lakeside+A+2026")
    page.get_by_label("Enrolments", exact=False).check()
    page.get_by_label(re.compile(r"Videos \(\d+\)")).check()
    page.get_by_label("xAPI: my receiver", exact=False).check()
    page.get_by_label("Address of your receiver").fill(url)
    page.get_by_label("By user name and password", exact=False).check()


@pytest.fixture
def clean(axe):
    """As ``axe``, and that no text is of the colour that it stands on, which axe-core lets pass."""

    def check(page):
        axe(page)
        unseen = page.evaluate(
            """() => [...document.querySelectorAll('main a, main button, main .ek-state')]
            .filter(each => getComputedStyle(each).color === getComputedStyle(each).backgroundColor)
            .map(each => each.textContent)"""
        )
        assert unseen == []

    return check


class TestFromTheFormToTheEvent:
    def test_request_narrow_approve_credentials_deliver_pause(
        self, browser_page, record_store, clean, screenshot
    ):
        from django.core import mail

        own = browser_page("representative")
        own.goto("/access/")
        clean(own)
        own.get_by_role("link", name="Request access").first.click()
        clean(own)

        # Something is wrong with it, and said beside the field; nothing else is lost.
        fill_in(own, "https://10.0.0.1/xapi")
        own.get_by_role("button", name="Send the request").click()
        address = own.get_by_label("Address of your receiver")
        assert address.get_attribute("aria-invalid") == "true"
        described = address.get_attribute("aria-describedby").split()[-1]
        assert "10.0.0.1 is private" in own.locator(f"#{described}").inner_text()
        clean(own)
        screenshot(own, "portal-request-form")

        address.fill(record_store.url)
        own.get_by_role("button", name="Send the request").click()
        assert "Your request was sent." in own.get_by_role("status").inner_text()
        clean(own)
        screenshot(own, "portal-request")
        assert mail.outbox[-1].to == ["data@example.org"]

        share(1)
        assert record_store.statements() == []

        admin = browser_page("administrator")
        admin.goto("/admin/eventkit/accessrequest/")
        clean(admin)
        screenshot(admin, "requests")
        admin.get_by_role("link", name="Lakeside Analytics").click()
        clean(admin)
        admin.get_by_label(re.compile(r"Videos \(\d+\)")).uncheck()
        admin.get_by_label("Word to the representative").fill("Enrolments only, please.")
        screenshot(admin, "request")
        admin.get_by_role("button", name="Approve").click()
        assert "was approved" in admin.locator(".messagelist").inner_text()
        assert mail.outbox[-1].to == ["team@example.org"]

        share(2)
        assert record_store.statements() == []

        own.reload()
        assert "Enrolments only, please." in own.locator("main").inner_text()
        own.get_by_role("link", name="See the receiver").click()
        assert "Waiting for credentials" in own.locator("main").inner_text()
        clean(own)
        own.get_by_role("link", name="Enter the credentials").click()
        clean(own)
        own.get_by_label("User name", exact=True).fill(USER)
        own.get_by_label("Password", exact=True).fill(PASSWORD)
        screenshot(own, "portal-credentials")
        own.get_by_role("button", name="Save the credentials").click()
        assert PASSWORD not in own.content()
        assert "Ready" in own.locator("main").inner_text()

        share(3)
        share(4, course="course-v1:Lakeside+B+2026")
        [statement] = record_store.statements()
        assert "course-v1:Lakeside+A+2026" in statement["object"]["id"]
        own.reload()
        assert "Delivering" in own.locator("main").inner_text()
        number = own.locator(".ek-numbers div").filter(has_text="Delivered in 24 hours")
        assert re.match(r"\s*1\b", number.inner_text()) or "1" in number.inner_text().split()
        clean(own)
        screenshot(own, "portal-receiver")

        own.get_by_role("button", name="Pause").click()
        assert "Paused by its representatives" in own.locator("main").inner_text()
        clean(own)
        self.try_while_paused(5)
        assert len(record_store.statements()) == 1
        own.get_by_role("button", name="Resume").click()
        share(6)
        assert len(record_store.statements()) == 2

        own.goto("/access/")
        clean(own)
        screenshot(own, "portal")

    @staticmethod
    def try_while_paused(number):
        """In direct mode who calls is told to try again later."""
        from eventkit import DeliveryError

        with pytest.raises(DeliveryError):
            share(number)

    def test_others_are_refused(self, browser_page, record_store, clean):
        own = browser_page("representative")
        own.goto("/access/request/")
        fill_in(own, record_store.url)
        own.get_by_role("button", name="Send the request").click()
        address = own.url

        learner = browser_page("learner")
        assert learner.goto(address).status == 404
        viewer = browser_page("tenant administrator")
        assert viewer.goto(address).status == 404
        for role in ("learner", "viewer"):
            page = browser_page(role)
            status = page.goto("/admin/eventkit/accessrequest/").status
            assert status == 403 or "/admin/login/" in page.url

    def test_an_administrators_pause_is_not_theirs_to_end(self, browser_page, admin_site, clean):
        from admin_site import roles

        from eventkit.contrib.django import actions

        made = actions.create(
            {
                "id": "lakeside",
                "name": "Lakeside Analytics",
                "protocol": "xapi",
                "url": "https://lrs.example.com/xapi",
                "allow": [{"org": "Lakeside"}],
                "enabled": True,
                "representatives": [roles.user("representative")],
            }
        )
        page = browser_page("representative")
        page.goto(f"/access/receivers/{made.pk}/")
        page.get_by_role("button", name="Pause").click()
        actions.pause(made, by=roles.user("operator"))
        page.get_by_role("button", name="Resume").click()

        assert (
            "An administrator of the site has paused it" in page.get_by_role("alert").inner_text()
        )
        assert page.get_by_role("button", name="Resume").count() == 0
        clean(page)

    def test_a_telephone_shows_it_without_scrolling_sideways(self, browser_page, clean):
        page = browser_page("representative")
        page.set_viewport_size({"width": 360, "height": 740})
        for path in ("/access/", "/access/request/"):
            page.goto(path)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 360, path
            clean(page)

    def test_it_goes_by_keyboard_alone(self, browser_page, admin_site):
        page = browser_page("representative")
        page.goto("/access/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Request access"
        page.keyboard.press("Enter")
        page.wait_for_url("**/access/request/")
        page.get_by_label("Your organisation").focus()
        page.keyboard.type("Lakeside Analytics")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        # What is lacking is said, and the focus is where it has to be put right.
        assert page.get_by_role("alert").count() == 1
        assert page.evaluate("document.activeElement.name") == "why"
