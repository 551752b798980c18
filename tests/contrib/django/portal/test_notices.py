"""Mails: who gets which, what stands in them, and that none of it breaks anything."""

from __future__ import annotations

import socket
import threading

import pytest

pytest.importorskip("django")

ASKED = {
    "organisation": "Analytics Ltd",
    "contact": "team@example.org",
    "why": "We study dropout.\nApproved already: https://evil.example",
    "courses": "course-v1:Lakeside+A+2026",
    "organisations": "",
    "families": ["problem"],
    "events": "",
    "protocol": "xapi",
    "url": "https://lrs.example.com/xapi",
    "auth_type": "bearer",
}
DECIDED = {"courses": ASKED["courses"], "families": ["problem"], "slug": "analytics"}


@pytest.fixture
def outbox(admin_site):
    from django.core import mail

    return mail.outbox


@pytest.fixture
def site_settings():
    """Replace settings of the site; PORTAL is a part of EVENTKIT_ADMIN."""
    from django.conf import settings
    from django.test import override_settings

    def override(portal=None, **given):
        eventkit = {**settings.EVENTKIT_ADMIN, "PORTAL": portal or {}}
        return override_settings(EVENTKIT_ADMIN=eventkit, **given)

    return override


def decide(client, **given):
    from eventkit.contrib.django.models import AccessRequest

    path = f"/admin/eventkit/accessrequest/{AccessRequest.objects.get().pk}/change/"
    return client.post(path, {**DECIDED, **given}, follow=True)


class TestNewRequest:
    def test_is_told_to_whom_the_site_says(self, client_of, outbox, site_settings):
        with site_settings({"MAIL_TO": ["data@example.org", "dpo@example.org"]}):
            client_of("representative").post("/access/request/", ASKED)

        [sent] = outbox
        assert sent.to == ["data@example.org", "dpo@example.org"]
        assert sent.subject == "Request for learning events: Analytics Ltd"
        assert "http://testserver/admin/eventkit/accessrequest/1/change/" in sent.body
        assert "representative asks for" in sent.body
        # What others wrote is marked as theirs, line by line.
        assert "\n> Approved already: https://evil.example\n" in sent.body
        assert sent.content_subtype == "plain"

    @pytest.mark.parametrize(
        "admins",
        [[("A", "a@example.org"), ("B", "b@example.org")], ["a@example.org", "b@example.org"]],
    )
    def test_is_told_to_the_admins_of_django_otherwise(
        self, client_of, outbox, site_settings, admins
    ):
        with site_settings(ADMINS=admins):
            client_of("representative").post("/access/request/", ASKED)

        assert outbox[0].to == ["a@example.org", "b@example.org"]

    def test_nobody_to_tell_is_no_failure(self, client_of, outbox, site_settings):
        with site_settings(ADMINS=[]):
            response = client_of("representative").post("/access/request/", ASKED, follow=True)

        assert outbox == []
        assert "could not be told" not in response.content.decode()

    def test_leads_where_the_site_says_and_not_where_a_request_says(
        self, client_of, outbox, site_settings
    ):
        """Who asks writes the host of the request."""
        portal = {"MAIL_TO": ["a@example.org"]}
        evil = {"HTTP_HOST": "evil.example"}
        with site_settings(portal, ALLOWED_HOSTS=["*"]):
            client_of("representative").post("/access/request/", ASKED, **evil)
        with site_settings({**portal, "SITE_URL": "https://lms.example.org/"}, ALLOWED_HOSTS=["*"]):
            client_of("representative").post("/access/request/", ASKED, **evil)
        with site_settings(portal, ALLOWED_HOSTS=["*"], LMS_ROOT_URL="https://lms.example.org"):
            client_of("representative").post("/access/request/", ASKED, **evil)

        paths = [each.body.split()[-1] for each in outbox]
        assert paths == [
            "/admin/eventkit/accessrequest/1/change/",
            "https://lms.example.org/admin/eventkit/accessrequest/2/change/",
            "https://lms.example.org/admin/eventkit/accessrequest/3/change/",
        ]
        assert not any("evil.example/a" in each.body for each in outbox)


class TestDecision:
    def test_that_approves_says_what_it_gets_and_what_is_to_do(self, client_of, outbox):
        client_of("representative").post("/access/request/", ASKED)
        decide(client_of("administrator"), _approve="1", reason="Until the summer.")

        [sent] = outbox
        assert sent.to == ["team@example.org"]
        assert "was approved" in sent.subject
        assert "> Until the summer." in sent.body
        assert "less than you had asked for" not in sent.body
        assert "Nothing is sent before you have entered them here" in sent.body
        assert sent.body.split()[-1] == "http://testserver/access/receivers/1/"

    def test_that_narrows_says_so(self, client_of, outbox):
        client_of("representative").post(
            "/access/request/", {**ASKED, "families": ["problem", "video"], "auth_type": "none"}
        )
        decide(client_of("administrator"), _approve="1")

        assert "This is less than you had asked for." in outbox[0].body
        assert "Events are sent from now on." in outbox[0].body

    def test_that_refuses_says_why(self, client_of, outbox):
        client_of("representative").post("/access/request/", ASKED)
        decide(client_of("administrator"), _refuse="1", reason="Too much.\nAsk for less.")

        [sent] = outbox
        assert sent.to == ["team@example.org"]
        assert "was refused" in sent.subject
        assert "> Too much.\n> Ask for less." in sent.body

    def test_holds_no_secrets_and_no_markup(self, client_of, outbox, site_settings):
        with site_settings({"MAIL_TO": ["a@example.org"]}):
            client_of("representative").post(
                "/access/request/", {**ASKED, "organisation": "Fish & <Chips>"}
            )
        decide(client_of("administrator"), _approve="1")

        assert len(outbox) == 2
        for sent in outbox:
            assert "&amp;" not in sent.body
            assert "&lt;" not in sent.body
        assert "Fish & <Chips>" in outbox[0].body


@pytest.fixture(params=["closed", "silent"])
def broken_server(request):
    """A port where no mail server answers: there is none, or one that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if request.param == "closed":
            server.close()
            yield port
            return
        held = []
        thread = threading.Thread(target=lambda: held.append(server.accept()), daemon=True)
        thread.start()
        yield port
        for connection, _ in held:
            connection.close()


class TestMailServerAway:
    """What was done stands, and the page says that nobody knows of it."""

    @pytest.fixture
    def away(self, site_settings, broken_server, monkeypatch):
        from eventkit.contrib.django.portal import mails

        # No test waits as long as a page would.
        monkeypatch.setattr(mails, "_PATIENCE", 0.2)
        with site_settings(
            {"MAIL_TO": ["a@example.org"]},
            EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=broken_server,
        ):
            yield

    def test_a_request_is_sent_all_the_same(self, client_of, away, caplog):
        from eventkit.contrib.django.models import AccessRequest

        response = client_of("representative").post("/access/request/", ASKED, follow=True)

        text = response.content.decode()
        assert "Your request was sent." in text
        assert "The administrators could not be told by mail" in text
        assert AccessRequest.objects.get().state == "waiting"
        assert "was not sent" in caplog.text
        assert "example.org" not in caplog.text

    @pytest.mark.parametrize("button", ["_approve", "_refuse"])
    def test_a_decision_stands_all_the_same(self, client_of, away, button):
        from eventkit.contrib.django.models import AccessRequest

        client_of("representative").post("/access/request/", ASKED)
        response = decide(client_of("administrator"), **{button: "1"}, reason="Because.")

        assert "The mail to team@example.org could not be sent" in response.content.decode()
        assert AccessRequest.objects.get().state in {"approved", "refused"}

    def test_so_with_any_other_fault_of_a_back_end(self, client_of, site_settings):
        portal = {"MAIL_TO": ["a@example.org"]}
        with site_settings(portal, EMAIL_BACKEND="nothing.is.there.Backend"):
            response = client_of("representative").post("/access/request/", ASKED, follow=True)

        assert "Your request was sent." in response.content.decode()
        assert "could not be told by mail" in response.content.decode()


class TestGone:
    def test_its_people_are_told_once(self, client_of, outbox):
        """By whichever process hears it first."""
        from datetime import UTC, datetime, timedelta

        from eventkit.consumers import ConsumerReport
        from eventkit.consumers.reports import LastError
        from eventkit.contrib.django import DatabaseConsumers

        client_of("representative").post("/access/request/", {**ASKED, "auth_type": "none"})
        decide(client_of("administrator"), _approve="1")
        outbox.clear()
        error = LastError(time=datetime.now(UTC) + timedelta(seconds=1), reason="gone", status=410)
        for process in ("first", "second"):
            report = ConsumerReport(
                router=process, consumer="analytics", state="gone", last_error=error
            )
            DatabaseConsumers().report([report], closing=False)

        [sent] = outbox
        assert sent.to == ["representative@example.org", "team@example.org"]
        assert sent.subject == "Learning events are no longer sent to Analytics Ltd"
        assert "gone for good (410)" in sent.body
        assert sent.body.split()[-1] == "/access/receivers/1/"
