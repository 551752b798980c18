"""The pages of representatives: who sees what, what they do, and what they never show."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("django")

CANARY = "c4nary-in-a-cage"
ASKED = {
    "organisation": "Analytics Ltd",
    "contact": "team@example.org",
    "why": "We study\nwho drops out.",
    "courses": "course-v1:Lakeside+A+2026",
    "organisations": "",
    "families": ["problem"],
    "events": "",
    "protocol": "xapi",
    "url": "https://lrs.example.com/xapi",
    "auth_type": "bearer",
}


@pytest.fixture
def own(admin_site, client_of):
    """A consumer of the representative, as it comes of a request, and a client of theirs."""
    from admin_site import roles

    from eventkit.contrib.django.models import AccessRequest
    from eventkit.contrib.django.portal import asking

    client = client_of("representative")
    client.post("/access/request/", ASKED)
    request = AccessRequest.objects.get()
    return client, asking.approve(request, "analytics", by=roles.user("administrator"))


def text_of(response):
    return response.content.decode()


class TestAccess:
    PAGES = ("/access/", "/access/request/")

    @pytest.mark.parametrize("path", PAGES)
    def test_takes_a_login(self, client_of, path):
        response = client_of("anonymous").get(path)

        assert response.status_code == 302
        assert response.headers["Location"].startswith("/admin/login/?next=/access/")

    def paths(self, consumer):
        asked = consumer.requests.get().pk
        return {
            f"/access/requests/{asked}/": "get",
            f"/access/requests/{asked}/withdraw/": "post",
            f"/access/receivers/{consumer.pk}/": "get",
            f"/access/receivers/{consumer.pk}/credentials/": "get",
            f"/access/receivers/{consumer.pk}/pause/": "post",
            f"/access/receivers/{consumer.pk}/resume/": "post",
        }

    @pytest.mark.parametrize(
        "role", ["learner", "viewer", "administrator", "tenant administrator", "superuser"]
    )
    def test_what_is_somebody_elses_is_not_found(self, own, client_of, role):
        """Staff have the admin for it."""
        _, consumer = own
        stranger = client_of(role)
        for path, method in self.paths(consumer).items():
            assert getattr(stranger, method)(path).status_code == 404, path
        credentials = f"/access/receivers/{consumer.pk}/credentials/"
        data = {"type": "bearer", "token": "x"}
        assert stranger.post(credentials, data).status_code == 404
        consumer.refresh_from_db()
        assert consumer.awaits_credentials
        assert "Analytics" not in text_of(stranger.get("/access/"))

    def test_nobody_without_a_login_gets_anywhere(self, own, client_of):
        _, consumer = own
        for path in self.paths(consumer):
            for method in ("get", "post"):
                response = getattr(client_of("anonymous"), method)(path)
                assert response.status_code == 302, path
                assert response.headers["Location"].startswith("/admin/login/")

    def test_what_changes_something_takes_post_and_a_token(self, own, client_of):
        _, consumer = own
        strict = client_of("representative", enforce_csrf_checks=True)
        for path, method in self.paths(consumer).items():
            if method == "post":
                assert strict.get(path).status_code == 405, path
                assert strict.post(path).status_code == 403, path
        for path, data in (
            ("/access/request/", ASKED),
            (f"/access/receivers/{consumer.pk}/credentials/", {"type": "bearer", "token": "x"}),
        ):
            assert strict.post(path, data).status_code == 403, path
        consumer.refresh_from_db()
        assert consumer.awaits_credentials
        assert not consumer.paused_by_representative

    def test_the_token_is_asked_for_where_the_site_forgot_to(self, own, client_of, settings_of):
        _, consumer = own
        left = [each for each in settings_of.MIDDLEWARE if "Csrf" not in each]
        from django.test import override_settings

        with override_settings(MIDDLEWARE=left):
            strict = client_of("representative", enforce_csrf_checks=True)
            assert strict.post(f"/access/receivers/{consumer.pk}/pause/").status_code == 403

    @pytest.fixture
    def settings_of(self):
        from django.conf import settings

        return settings

    def test_nothing_is_kept_by_caches(self, own):
        client, consumer = own
        for path in ("/access/", f"/access/receivers/{consumer.pk}/"):
            assert "no-store" in client.get(path).headers["Cache-Control"]

    def test_who_was_taken_off_sees_nothing_any_more(self, own):
        client, consumer = own
        consumer.representatives.clear()

        assert client.get(f"/access/receivers/{consumer.pk}/").status_code == 404
        assert client.post(f"/access/receivers/{consumer.pk}/pause/").status_code == 404


class TestHome:
    def test_an_empty_one_says_what_to_do(self, client_of):
        text = text_of(client_of("learner").get("/access/"))

        assert "None yet. A receiver appears here when a request for it is approved." in text
        assert 'href="/access/request/"' in text

    def test_one_lists_own_receivers_and_requests_with_their_states(self, own):
        client, _ = own
        text = text_of(client.get("/access/"))

        assert "Waiting for credentials" in text
        assert "Approved" in text

    def test_queries_do_not_grow_with_the_number_of_receivers(self, own, django_queries):
        from admin_site import roles

        from eventkit.contrib.django import actions

        client, _ = own
        for number in range(30):
            actions.create(
                {
                    "id": f"c{number}",
                    "protocol": "xapi",
                    "url": "https://lrs.example.com/xapi",
                    "representatives": [roles.user("representative")],
                }
            )
        with django_queries() as queries:
            client.get("/access/")
        assert len(queries) < 12


@pytest.fixture
def django_queries():
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    return lambda: CaptureQueriesContext(connection)


class TestAsk:
    def test_says_beside_each_field_what_is_wrong(self, client_of):
        data = {**ASKED, "url": "http://x", "contact": "me", "courses": "edX+*", "families": []}
        response = client_of("learner").post("/access/request/", data)

        text = text_of(response)
        for name in ("url", "contact", "courses"):
            assert re.search(f'id="id_{name}_error"><p>[^<]', text), name
            assert re.search(f'aria-describedby="[^"]*id_{name}_error"', text), name
        assert "http://x" in text  # what was written is not lost

    def test_what_is_written_is_text_and_nothing_else(self, client_of):
        evil = "<script>alert(1)</script>"
        client = client_of("learner")
        client.post("/access/request/", {**ASKED, "organisation": evil, "why": evil})

        for path in ("/access/", "/access/requests/1/"):
            text = text_of(client.get(path))
            assert evil not in text
            assert "&lt;script&gt;" in text

    def test_that_was_narrowed_says_so_and_shows_what_is_left(self, client_of):
        from eventkit.contrib.django.models import AccessRequest
        from eventkit.contrib.django.portal import asking
        from eventkit.contrib.django.portal.wanted import Wanted

        client = client_of("learner")
        client.post("/access/request/", ASKED)
        assert "has changed what you had asked for" not in text_of(
            client.get("/access/requests/1/")
        )
        wanted = Wanted(["course-v1:Lakeside+A+2026"], [], ["problem_check"])
        asking.narrow(AccessRequest.objects.get(), wanted, by=None)

        text = text_of(client.get("/access/requests/1/"))
        assert "has changed what you had asked for" in text
        assert "<dt>Events</dt><dd><code>problem_check</code></dd>" in text

    def test_cannot_be_for_somebody_else_or_decided_by_the_form(self, client_of):
        from eventkit.contrib.django.models import AccessRequest, Consumer

        forged = {"who": "1", "state": "approved", "scope": "edx", "consumer": "1", "tenant": "1"}
        client_of("learner").post("/access/request/", {**ASKED, **forged})

        row = AccessRequest.objects.get()
        assert (row.who.username, row.state, row.scope) == ("learner", "waiting", "lakeside")
        assert not Consumer.objects.exists()

    def test_too_many_are_refused_in_words(self, client_of):
        from eventkit.contrib.django.models import AccessRequest

        client = client_of("learner")
        for _ in range(5):
            assert client.post("/access/request/", ASKED).status_code == 302
        response = client.post("/access/request/", ASKED)

        assert response.status_code == 403
        assert "Withdraw one, or wait." in text_of(response)
        assert AccessRequest.objects.count() == 5
        assert "Withdraw one, or wait." in text_of(client.get("/access/"))

    def test_is_withdrawn_once(self, client_of):
        client = client_of("learner")
        client.post("/access/request/", ASKED)

        text = text_of(client.post("/access/requests/1/withdraw/", follow=True))
        assert "Your request is withdrawn." in text
        text = text_of(client.post("/access/requests/1/withdraw/", follow=True))
        assert "withdrawn already" in text


class TestConsumer:
    def test_shows_what_it_gets_and_nothing_of_the_inside(self, own):
        from datetime import timedelta

        from django.utils import timezone

        from eventkit.contrib.django.fields import Sealed
        from eventkit.contrib.django.models import Presence, Report

        client, consumer = own
        type(consumer).objects.update(awaits_credentials=False, note="a note of the site")
        now = timezone.now()
        for minutes, delivered, dead in ((1, 5, 0), (2, 7, 2), (60 * 30, 100, 0)):
            Report.objects.create(
                process="p-inside",
                host="worker-7.internal",
                consumer_slug="analytics",
                minute=now - timedelta(minutes=minutes),
                delivered=delivered,
                dead=dead,
                reasons={"dead": {"http_400": dead}} if dead else {},
            )
        Report.objects.create(
            process="p", host="h", consumer_slug="another", minute=now, delivered=4321
        )
        Presence.objects.create(
            process="p-inside",
            host="worker-7.internal",
            consumer_slug="analytics",
            state="retrying",
            reason="http_503",
            status=503,
            detail="detail of the inside",
            pending=3,
            error_at=now,
            error_reason="http_503",
            error_status=503,
            error_detail="detail of the inside",
            error_response=Sealed.of("they quote a learner"),
            seen=now,
        )
        text = text_of(client.get(f"/access/receivers/{consumer.pk}/"))

        assert "Trying again" in text
        assert "your receiver said that it is not there at the moment (503)" in text
        numbers = dict(re.findall(r"<dt>([^<]*)</dt><dd>(\d+)</dd>", text))
        assert numbers == {
            "Delivered in 24 hours": "12",
            "Waiting now": "3",
            "Given up in 24 hours": "2",
        }
        assert "http_400" in text
        for inside in (
            "worker-7",
            "p-inside",
            "detail of",
            "quote a",
            "4321",
            "a note of",
            "<td>100<",
        ):
            assert inside not in text, inside

    def test_pausing_is_theirs_and_an_administrators_pause_is_not(self, own):
        from admin_site import roles

        from eventkit.contrib.django import actions

        client, consumer = own
        type(consumer).objects.update(awaits_credentials=False)
        path = f"/access/receivers/{consumer.pk}/"
        text = text_of(client.post(f"{path}pause/", follow=True))
        assert "Paused by its representatives" in text

        actions.pause(consumer, by=roles.user("operator"))
        text = text_of(client.get(path))
        assert "Paused by an administrator and by you" in text
        text = text_of(client.post(f"{path}resume/", follow=True))
        assert "Your pause is taken back." in text
        assert "Paused by an administrator<" in text
        assert "Resume</button>" not in text
        consumer.refresh_from_db()
        assert consumer.paused

        # Also by hand, without the button.
        client.post(f"{path}resume/")
        consumer.refresh_from_db()
        assert consumer.paused

    @pytest.mark.parametrize(
        ("columns", "title"),
        [
            ({"enabled": False}, "Switched off"),
            ({"gone_at": "2026-11-01T00:00:00Z"}, "Stopped: it answered 410 Gone"),
            ({"paused": True}, "Paused by an administrator"),
            ({"paused_by_representative": True}, "Paused by its representatives"),
            ({"awaits_credentials": True}, "Waiting for credentials"),
            ({}, "Ready"),
        ],
    )
    def test_says_in_words_how_it_stands(self, own, columns, title):
        client, consumer = own
        type(consumer).objects.update(**{"awaits_credentials": False, **columns})

        for path in (f"/access/receivers/{consumer.pk}/", "/access/"):
            assert title in text_of(client.get(path))

    @pytest.mark.parametrize(
        ("state", "reason"),
        [("disabled", ""), ("removed", ""), ("gone", "gone"), ("paused", "setting")],
    )
    def test_what_a_router_said_before_somebody_decided_otherwise_is_past(self, own, state, reason):
        from django.utils import timezone

        from eventkit.contrib.django.models import Presence

        client, consumer = own
        type(consumer).objects.update(awaits_credentials=False)
        Presence.objects.create(
            process="p",
            host="h",
            consumer_slug="analytics",
            state=state,
            reason=reason,
            seen=timezone.now(),
        )
        assert "Ready" in text_of(client.get(f"/access/receivers/{consumer.pk}/"))

    def test_one_in_trouble_says_why_and_what_to_do(self, own):
        from django.utils import timezone

        from eventkit.contrib.django.models import Presence

        client, consumer = own
        type(consumer).objects.update(awaits_credentials=False)
        for process, state, reason, status in (
            ("p", "ok", "", None),
            ("q", "paused", "http_401", 401),
        ):
            Presence.objects.create(
                process=process,
                host="h",
                consumer_slug="analytics",
                state=state,
                reason=reason,
                status=status,
                last_success=timezone.now(),
                seen=timezone.now(),
            )
        text = text_of(client.get(f"/access/receivers/{consumer.pk}/"))
        assert "In trouble" in text
        assert "your receiver did not take the credentials (401)" in text
        assert "change them here" in text

    def test_one_that_was_gone_is_tried_again_when_they_say_so(self, own):
        from django.utils import timezone

        client, consumer = own
        type(consumer).objects.update(awaits_credentials=False, gone_at=timezone.now())
        client.post(f"/access/receivers/{consumer.pk}/resume/")

        consumer.refresh_from_db()
        assert consumer.gone_at is None

    def test_takes_few_queries(self, own, django_queries):
        client, consumer = own
        with django_queries() as queries:
            client.get(f"/access/receivers/{consumer.pk}/")
        assert len(queries) < 16


class TestCredentials:
    def test_are_taken_and_never_shown(self, own, caplog):
        from eventkit.contrib.django import rows
        from eventkit.contrib.django.models import AuditEntry

        client, consumer = own
        path = f"/access/receivers/{consumer.pk}/credentials/"
        pages = [text_of(client.post(path, {"type": "bearer", "token": CANARY}, follow=True))]
        assert "The credentials were saved" in pages[0]

        consumer = type(consumer).objects.select_related(*rows.WITH_ONE).get()
        assert rows.settings_of(consumer)["auth"]["token"].reveal() == CANARY
        assert rows.settings_of(consumer)["enabled"]
        pages += [text_of(client.get(each)) for each in (path, f"/access/receivers/{consumer.pk}/")]
        # Something else is wrong with it: what was entered does not come back either.
        pages.append(
            text_of(client.post(path, {"type": "bearer", "token": CANARY, "username": "u"}))
        )
        pages.append(text_of(client.post(path, {"type": "basic", "password": CANARY})))
        for page in pages:
            assert CANARY not in page
        assert CANARY not in caplog.text
        assert not any(CANARY in f"{each.old}{each.new}" for each in AuditEntry.objects.all())

    def test_what_looks_like_a_place_is_a_secret_like_any_other(self, own):
        """Nothing is read from the server's environment or files for who is not of the site."""
        from eventkit.contrib.django import rows

        client, consumer = own
        token = '{"env": "SECRET_KEY"}'
        client.post(
            f"/access/receivers/{consumer.pk}/credentials/", {"type": "bearer", "token": token}
        )

        consumer = type(consumer).objects.select_related(*rows.WITH_ONE).get()
        assert rows.settings_of(consumer)["auth"]["token"].reveal() == token

    @pytest.mark.parametrize(
        ("given", "field", "said"),
        [
            ({"type": "bearer"}, "token", "Fill in"),
            ({"type": "basic", "username": "u"}, "password", "Fill in"),
            ({"type": "basic", "password": "p"}, "username", "Fill in"),
            ({"type": "basic", "username": "a:b", "password": "p"}, "username", "colon"),
            ({"type": "bearer", "token": "a\nb"}, "token", "one line"),
            ({"type": "bearer", "token": " a"}, "token", "surrounding blanks"),
            ({"type": "bearer", "token": "\u4e2d"}, "token", "HTTP headers cannot"),
            ({"type": "bearer", "token": "t", "password": "p"}, "password", "leave it empty"),
            ({"type": "none"}, "type", "valid choice"),
            ({}, "type", "required"),
        ],
    )
    def test_that_are_wrong_are_said_to_be_beside_the_field(self, own, given, field, said):
        client, consumer = own
        text = text_of(client.post(f"/access/receivers/{consumer.pk}/credentials/", given))

        [beside] = re.findall(f'id="id_{field}_error"><p>([^<]*)', text)
        assert said in beside
        consumer.refresh_from_db()
        assert consumer.awaits_credentials

    def test_one_that_was_to_need_none_may_have_some_all_the_same(self, own):
        from eventkit.contrib.django import rows

        client, consumer = own
        type(consumer).objects.update(awaits_credentials=False)
        path = f"/access/receivers/{consumer.pk}/"
        assert "The site sends none." in text_of(client.get(path))
        client.post(f"{path}credentials/", {"type": "bearer", "token": CANARY})

        consumer = type(consumer).objects.select_related(*rows.WITH_ONE).get()
        assert rows.settings_of(consumer)["auth"]["token"].reveal() == CANARY

    def test_an_error_page_does_not_show_them(self, own, monkeypatch):
        """Should saving fail in a way that nobody thought of."""
        import sys

        from django.core.signals import got_request_exception
        from django.views.debug import ExceptionReporter

        from eventkit.contrib.django.fields import Sealed

        client, consumer = own
        client.raise_request_exception = False

        def fail(value):
            raise RuntimeError("unexpected")

        monkeypatch.setattr(Sealed, "of", fail)
        seen = []

        def report(sender, request, **_):
            reporter = ExceptionReporter(request, *sys.exc_info())
            seen.append(reporter.get_traceback_text() + reporter.get_traceback_html())

        got_request_exception.connect(report)
        try:
            response = client.post(
                f"/access/receivers/{consumer.pk}/credentials/", {"type": "bearer", "token": CANARY}
            )
        finally:
            got_request_exception.disconnect(report)

        assert response.status_code == 500
        assert "RuntimeError" in seen[0]
        assert CANARY not in seen[0]


class TestLook:
    def test_a_site_puts_the_pages_into_its_own(self, own, tmp_path):
        from django.conf import settings
        from django.test import override_settings

        client, consumer = own
        folder = tmp_path / "eventkit" / "portal"
        folder.mkdir(parents=True)
        (folder / "base.html").write_text(
            "<title>{% block title %}{% endblock %} | Our site</title>"
            "{% block head %}{% endblock %}"
            "<main class='ek ours'>{% include 'eventkit/portal/messages.html' %}"
            "{% block content %}{% endblock %}</main>"
        )
        [engine] = settings.TEMPLATES
        with override_settings(TEMPLATES=[{**engine, "DIRS": [str(tmp_path)]}]):
            path = f"/access/receivers/{consumer.pk}/"
            text = text_of(client.post(f"{path}pause/", follow=True))

        assert "<title>Analytics Ltd | Our site</title>" in text
        assert "class='ek ours'" in text
        assert "Paused. Events are kept until it is resumed." in text
        assert "What it gets" in text
        assert "<html" not in text

    def test_nothing_stands_inline(self, own):
        client, consumer = own
        for path in (
            "/access/",
            "/access/request/",
            f"/access/requests/{consumer.requests.get().pk}/",
            f"/access/receivers/{consumer.pk}/",
            f"/access/receivers/{consumer.pk}/credentials/",
        ):
            text = text_of(client.get(path))
            assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", text), path


class TestLoggingIn:
    def test_a_site_may_use_the_page_for_it(self, admin_site, client_of):
        """With Django's own view; who is no staff gets in, and is told what was wrong."""
        from django.contrib.auth.views import LoginView
        from django.test import RequestFactory

        view = LoginView.as_view(template_name="eventkit/portal/login.html")
        asked = RequestFactory().get("/accounts/login/", {"next": "/event-access/"})
        asked.user = type("Nobody", (), {"is_authenticated": False, "get_username": str})()
        page = view(asked).render().content.decode()

        assert 'name="username"' in page
        assert 'name="password"' in page
        assert '<input type="hidden" name="next" value="/event-access/">' in page


@pytest.mark.databases
@pytest.mark.parametrize("key", [0, int("9" * 19), int("9" * 30)])
def test_a_number_that_is_no_key_finds_nothing(client_of, key):
    from django.urls import reverse

    client = client_of("administrator")

    for name in ("consumer", "credentials", "request_detail"):
        assert client.get(reverse(f"eventkit_portal:{name}", args=[key])).status_code == 404, name
    for name in ("credentials", "pause", "resume", "withdraw"):
        assert client.post(reverse(f"eventkit_portal:{name}", args=[key])).status_code == 404, name
