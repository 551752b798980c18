"""The page on which an event is tried."""

from __future__ import annotations

import json
import logging
from html import unescape

import pytest
from admin_rows import EVENT, keep_letter, make_consumer, make_tenants

CANARY = "canary-of-a-learner"


@pytest.fixture
def address(admin_site):
    from django.urls import reverse

    return reverse("admin:eventkit_try")


@pytest.fixture
def ask(client_of, address):
    """Try an event as somebody; give the response."""

    def post(role="viewer", **given):
        return client_of(role).post(address, {"source": "paste", **given})

    return post


def text_of(response):
    return unescape(response.content.decode())


def kinds(response):
    return {each.row.slug: each.kind for each in response.context["tried"].answers}


class TestSources:
    def test_an_event_of_the_catalogue(self, ask):
        make_consumer()

        response = ask(source="sample", event="play_video")

        assert kinds(response) == {"lrs": "sent"}
        assert "https://w3id.org/xapi/video/verbs/played" in text_of(response)

    def test_every_event_of_the_catalogue_can_be_chosen(self, client_of, address):
        from eventkit.events import samples

        text = text_of(client_of("viewer").get(address))

        assert all(f'<option value="{name}">' in text for name in samples.names())

    def test_a_pasted_event(self, ask):
        make_consumer()

        response = ask(text=json.dumps(EVENT, indent=1))

        assert response.context["name"] == "play_video"
        assert kinds(response) == {"lrs": "held"}
        assert "not translated" in text_of(response).lower()

    def test_a_line_of_a_log(self, ask):
        make_consumer()

        response = ask(text=f"Nov  1 10:00:00 host INFO: {json.dumps(EVENT)}")

        assert response.context["name"] == "play_video"

    def test_the_event_of_a_dead_letter(self, ask):
        make_consumer()
        row = keep_letter()

        for key in (row.letter_id, row.letter_id[:8].upper()):
            response = ask("operator", source="letter", letter=key)
            assert '"username": "anna"' in text_of(response)

    def test_links_fill_it_in(self, client_of, address):
        make_consumer()

        response = client_of("operator").get(
            address, {"source": "letter", "letter": "12345678", "consumer": "lrs"}
        )

        text = response.content.decode()
        assert 'name="letter" value="12345678"' in text
        assert 'name="consumer" value="lrs"' in text
        assert "checked" in text.split('value="letter"')[1][:60]


class TestErrors:
    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"text": ""}, "Nothing was pasted"),
            ({"text": "{'a': 1}"}, "line 1, column 2"),
            ({"text": "[]"}, "a list of 0"),
            ({"text": '{"a": 1}'}, "names no event"),
            ({"source": "sample"}, "Choose an event."),
            ({"source": "sample", "event": "play_vide"}, "play_video"),
            ({"source": "letter", "letter": "1"}, "first 8 characters"),
            ({"source": "letter", "letter": "123456789"}, "There is no such dead letter"),
            ({"source": "other"}, "other is not one of the available choices"),
            ({"text": json.dumps(EVENT), "consumer": "nobody"}, "There is no consumer “nobody”"),
        ],
        ids=str,
    )
    def test_what_is_wrong_is_said(self, ask, given, words):
        make_consumer()

        response = ask("operator", **given)

        assert response.status_code == 200
        assert "tried" not in response.context
        assert words in text_of(response)

    def test_a_letter_without_event(self, ask):
        row = keep_letter(event=None)

        assert "was not kept" in text_of(ask("operator", source="letter", letter=row.letter_id))

    def test_translators_that_cannot_be_made(self, ask, settings_of):
        make_consumer()
        settings_of(TRANSLATORS={"xapi": {"ENGINE": "nowhere.Translator"}})

        text = text_of(ask(source="sample", event="play_video"))

        assert "EVENTKIT_ADMIN['TRANSLATORS']['xapi']" in text


class TestAnswers:
    def test_the_rule_that_decides_and_why(self, ask):
        make_consumer("a", allow=[{"event": ["play_video"]}])
        make_consumer("b", deny=[{"event": ["play_*"]}])
        make_consumer("c", allow=[{"org": ["MITx"]}])
        make_consumer("d", enabled=False)

        response = ask(source="sample", event="play_video")

        assert kinds(response) == {"a": "sent", "d": "held", "b": "refused", "c": "refused"}
        text = text_of(response)
        assert "1 of 4" in text
        assert "deny[0]" in text
        assert "MITx" in text
        assert "Disabled" in text

    def test_the_exact_document(self, ask, settings_of):
        from eventkit import HMACIdentity, XAPITranslator
        from eventkit.events.samples import sample

        secret = "a secret that is long enough"
        settings_of(
            TRANSLATORS={
                "xapi": {
                    "ENGINE": "eventkit.XAPITranslator",
                    "OPTIONS": {
                        "lms_root": "https://lms.example.org",
                        "identity": {
                            "ENGINE": "eventkit.HMACIdentity",
                            "OPTIONS": {"secret": secret},
                        },
                    },
                }
            }
        )
        make_consumer(override={"context": {"platform": "ours"}})

        response = ask(source="sample", event="play_video")

        translate = XAPITranslator(
            lms_root="https://lms.example.org", identity=HMACIdentity(secret)
        )
        (document,) = translate(sample("play_video"))["documents"]
        ((_, (shown,)),) = response.context["answers"]
        assert json.loads(shown) == {
            **document,
            "context": {**document["context"], "platform": "ours"},
        }
        assert "are examples" not in text_of(response)

    def test_a_consumer_alone(self, ask):
        make_consumer("a")
        make_consumer("b")

        assert kinds(ask(source="sample", event="play_video", consumer="b")) == {"b": "sent"}

    def test_one_whose_settings_are_wrong_keeps_the_others_not(self, ask):
        from eventkit.contrib.django.models import Consumer

        make_consumer("a")
        make_consumer("b")
        Consumer.objects.filter(slug="a").update(options={"batch": {"max_size": -1}})

        response = ask(source="sample", event="play_video")

        assert kinds(response) == {"b": "sent", "a": "held"}
        assert "Its settings are wrong" in text_of(response)

    def test_hundreds_are_paged_and_can_be_narrowed(self, ask):
        for number in range(25):
            make_consumer(f"yes-{number:02}")
        make_consumer("no", allow=[])

        first = ask(source="sample", event="play_video")
        second = ask(source="sample", event="play_video", page="2 ")
        narrowed = ask(source="sample", event="play_video", show="refused")

        assert first.context["tried"].sent == 25
        assert [each.row.slug for each, _ in first.context["answers"]] == [
            f"yes-{number:02}" for number in range(20)
        ]
        assert [each.row.slug for each, _ in second.context["answers"]][-1] == "no"
        assert [each.row.slug for each, _ in narrowed.context["answers"]] == ["no"]

    def test_what_an_event_holds_is_text(self, ask):
        make_consumer()
        event = {**EVENT, "name": "<script>alert(1)</script>", "username": "<img src=x>"}

        html = ask(text=json.dumps(event)).content.decode()

        assert "<script>alert" not in html
        assert "<img src=x>" not in html

    def test_without_consumers(self, ask):
        assert "There are no consumers yet" in text_of(ask(source="sample", event="play_video"))


class TestPrivacy:
    def test_nothing_pasted_is_stored_or_logged(self, ask, admin_site, caplog):
        caplog.set_level(logging.DEBUG)
        make_consumer()

        for text in (json.dumps({**EVENT, "username": CANARY}), f'{{"username": "{CANARY}"'):
            response = ask(text=text)
            assert "no-store" in response.headers["Cache-Control"]

        assert CANARY not in caplog.text
        if admin_site.is_sqlite:
            assert CANARY.encode() not in admin_site.stored()

    def test_it_is_in_no_error_report(self, client_of, address, monkeypatch):
        """What Django shows or mails of a page that broke has no event in it."""
        from django.test import RequestFactory
        from django.views.debug import get_exception_reporter_filter

        from eventkit.contrib.django.admin import trying

        request = RequestFactory().post(address, {"source": "paste", "text": CANARY})
        from admin_site import roles
        from django.contrib import admin

        request.user = roles.user("viewer")

        def broken(*_):
            raise RuntimeError

        monkeypatch.setattr(trying, "page", broken)
        with pytest.raises(RuntimeError):
            trying._try_page(request, admin.site)

        shown = get_exception_reporter_filter(request).get_post_parameters(request)
        assert CANARY not in str(shown)

    def test_no_secret_is_opened(self, ask, settings_of):
        make_consumer(auth={"type": "basic", "username": CANARY, "password": CANARY})
        settings_of(KEYS=["b3RoZXIga2V5cyBvZiB0aGUgdGVzdHMgYXJlIG5vbmU="])

        response = ask(source="sample", event="play_video")

        assert kinds(response) == {"lrs": "sent"}
        assert CANARY not in text_of(response)


class TestWho:
    def test_the_letters_of_others_are_not_there(self, ask):
        both = make_tenants()

        own = ask("tenant administrator", source="letter", letter=both.own.letter.letter_id)
        foreign = ask("tenant administrator", source="letter", letter=both.foreign.letter.letter_id)

        assert kinds(own) == {"lakeside-lrs": "held"}
        assert "There is no such dead letter" in text_of(foreign)
        assert "farshore" not in text_of(foreign)

    def test_the_consumers_of_others_are_not_there(self, ask, client_of, address):
        make_tenants()
        given = {"source": "sample", "event": "play_video"}

        assert kinds(ask("tenant administrator", **given)) == {"lakeside-lrs": "sent"}
        named = ask("tenant administrator", consumer="farshore-lrs", **given)
        assert "There is no consumer" in text_of(named)
        assert "farshore" not in text_of(client_of("tenant administrator").get(address))

    def test_who_may_not_see_letters_is_not_offered_them(self, ask, client_of, address):
        row = keep_letter()

        assert 'value="letter"' not in text_of(client_of("viewer").get(address))
        refused = ask(source="letter", letter=row.letter_id)
        assert "tried" not in refused.context
        assert "anna" not in text_of(refused)

    @pytest.mark.parametrize(("role", "status"), [("anonymous", 302), ("learner", 302)])
    def test_who_is_no_staff_does_not_get_in(self, client_of, address, role, status):
        assert client_of(role).get(address).status_code == status

    def test_not_without_the_token(self, client_of, address):
        client = client_of("viewer", enforce_csrf_checks=True)

        assert client.post(address, {"source": "sample", "event": "x"}).status_code == 403


def test_few_queries_however_many_consumers(client_of, address, django_queries):
    for number in range(40):
        make_consumer(f"lrs-{number}", allow=[{"org": ["edX"]}, {"event": ["play_video"]}])
    client = client_of("viewer")
    given = {"source": "sample", "event": "play_video"}
    client.post(address, given)

    with django_queries() as made:
        client.post(address, given)

    assert len(made) < 15
