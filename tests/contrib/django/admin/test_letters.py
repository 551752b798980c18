"""The pages of dead letters."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from admin_rows import keep_letter, make_consumer, make_tenants

LIST = "/admin/eventkit/letter/"
ACT = f"{LIST}act/"


def ids(response):
    return [row.letter_id for row in response.context["pages"].page]


def count():
    from eventkit.contrib.django.models import Letter

    return Letter.objects.count()


@pytest.fixture
def works(settings_of):
    """Have nothing run by itself."""
    settings_of(REPLAYS="work")


class TestList:
    def test_the_latest_come_first_and_pages_hold_fifty(self, client_of):
        from django.utils import timezone

        now = timezone.now()
        rows = [keep_letter(time=now - timedelta(minutes=n)) for n in range(51)]
        client = client_of("operator")

        first, second = client.get(LIST), client.get(LIST, {"page": 2})

        assert ids(first) == [row.letter_id for row in rows[:50]]
        assert ids(second) == [rows[50].letter_id]
        assert "51 dead letters" in first.content.decode()

    def test_a_page_that_is_none_is_the_nearest(self, client_of):
        keep_letter()

        for number in ("0", "99", "x", "-1"):
            assert len(ids(client_of("operator").get(LIST, {"page": number}))) == 1

    @pytest.mark.parametrize(
        ("conditions", "number"),
        [
            ({"consumer": "lrs"}, 2),
            ({"consumer": "-"}, 1),
            ({"reason": "max_age"}, 1),
            ({"status": "400"}, 2),
            ({"name": "play_video"}, 3),
            ({"search": "translation"}, 1),
            ({"since": "2000-01-01T00:00"}, 3),
            ({"until": "2000-01-01T00:00"}, 0),
            ({"protocol": "caliper"}, 0),
            ({"consumer": "nobody"}, 0),
        ],
    )
    def test_filters(self, client_of, conditions, number):
        keep_letter()
        keep_letter(reason="max_age")
        keep_letter("", documents=[], status=None, reason="translation_failed")

        response = client_of("operator").get(LIST, conditions)

        assert response.context["number"] == number

    @pytest.mark.parametrize(
        ("conditions", "words"),
        [
            ({"since": "noon"}, "Enter a valid date/time."),
            ({"status": "many"}, "Enter a whole number."),
            ({"status": "5"}, "greater than or equal to 100"),
            ({"protocol": "smtp"}, "Select a valid choice"),
            ({"consumer": "x" * 101}, "at most 100 characters"),
            ({"search": "a\0b"}, "Null characters"),
        ],
    )
    def test_a_filter_that_cannot_be_read_lists_nothing(self, client_of, conditions, words):
        """Else what it was to leave out could be replayed or dropped."""
        keep_letter()

        response = client_of("administrator").get(LIST, conditions)

        text = response.content.decode()
        assert response.context["number"] == 0
        assert words in text
        assert 'name="do"' not in text

    def test_nothing_personal_is_in_the_list(self, client_of):
        keep_letter()

        text = client_of("superuser").get(LIST).content.decode()

        assert "anna" not in text
        assert "the receiver" not in text

    def test_empty(self, client_of):
        client = client_of("operator")

        assert "There are no dead letters:" in client.get(LIST).content.decode()
        filtered = client.get(LIST, {"consumer": "x"}).content.decode()
        assert "There are no dead letters like that" in filtered

    def test_who_may_only_look_has_no_buttons(self, client_of):
        from admin_site import roles
        from django.contrib.auth.models import Permission

        keep_letter()
        account = roles.user("viewer")
        account.user_permissions.add(Permission.objects.get(codename="view_letter"))

        text = client_of("viewer").get(LIST).content.decode()

        assert "play_video" in text
        assert 'name="do"' not in text
        assert 'type="checkbox"' not in text


class TestDetail:
    def test_it_shows_all_of_a_letter(self, client_of):
        make_consumer()
        row = keep_letter(
            history=[
                {"reason": "http_503", "time": "2026-11-01T10:00:00+00:00", "status": 503},
                {"reason": "odd", "time": "whenever"},
            ]
        )

        text = client_of("operator").get(f"{LIST}{row.letter_id}/").content.decode()

        for words in (
            row.letter_id,
            row.opened().documents[0]["id"],
            "the receiver&#x27;s words",
            "&quot;username&quot;: &quot;anna&quot;",
            "http_503",
            "2026-11-01 10:00:00 UTC",
            "whenever",
            "/admin/eventkit/report/lrs/",
        ):
            assert words in text

    def test_what_a_receiver_said_is_text(self, client_of):
        row = keep_letter(response="<script>alert(1)</script>", detail="<b>bold</b>")

        text = client_of("operator").get(f"{LIST}{row.letter_id}/").content.decode()

        assert "<script>alert" not in text
        assert "<b>bold" not in text

    def test_one_that_does_not_open_says_so(self, client_of):
        from eventkit.contrib.django.fields import Sealed
        from eventkit.contrib.django.models import Letter

        row = keep_letter()
        Letter.objects.filter(pk=row.pk).update(body=Sealed("gAAAAAnonsense"))

        response = client_of("operator").get(f"{LIST}{row.letter_id}/")

        assert response.status_code == 200
        assert "cannot be read" in response.content.decode()

    def test_one_that_is_none(self, client_of):
        assert client_of("operator").get(f"{LIST}nothing/").status_code == 404


class TestReplay:
    def test_it_asks_first_and_says_how_many(self, client_of, works):
        from eventkit.contrib.django.models import Replay

        rows = [keep_letter() for _ in range(3)]
        client = client_of("operator")

        asked = client.post(
            ACT, {"do": "replay ticked", "id": [row.letter_id for row in rows[:2]], "chosen": "{}"}
        )

        assert "Deliver 2 dead letters again?" in asked.content.decode()
        assert Replay.objects.count() == 0

        done = client.post(
            ACT,
            {"do": "replay chosen", "confirmed": "yes", "chosen": asked.context["chosen"]},
        )

        job = Replay.objects.get()
        assert done.headers["Location"] == f"/admin/eventkit/replay/{job.pk}/"
        assert set(job.chosen["ids"]) == {row.letter_id for row in rows[:2]}
        assert job.who_name == "operator"
        assert job.words == "2 chosen by hand"

    def test_all_that_match_are_those_of_the_moment_of_the_question(self, client_of, works):
        from eventkit.contrib.django.models import Replay

        old = keep_letter()
        keep_letter("other")
        client = client_of("operator")
        listed = client.get(LIST, {"consumer": "lrs"})
        asked = client.post(ACT, {"do": "replay chosen", "chosen": listed.context["chosen"]})
        assert asked.context["number"] == 1
        keep_letter()

        client.post(
            ACT, {"do": "replay chosen", "confirmed": "yes", "chosen": asked.context["chosen"]}
        )

        assert Replay.objects.get().chosen["ids"] == [old.letter_id]

    def test_it_is_in_the_audit_trail(self, client_of, works):
        from eventkit.contrib.django.models import AuditEntry

        keep_letter()
        client_of("operator").post(
            ACT, {"do": "replay chosen", "confirmed": "yes", "chosen": '{"consumer": "lrs"}'}
        )

        entries = {each.field: each for each in AuditEntry.objects.filter(action="replay")}
        assert entries["letters"].new == "1"
        assert entries["which"].new.startswith("of consumer lrs, given up before")
        assert entries["which"].who_name == "operator"


class TestDrop:
    def test_it_asks_first_and_then_drops_those_and_no_others(self, client_of):
        rows = [keep_letter() for _ in range(3)]
        client = client_of("administrator")

        asked = client.post(ACT, {"do": "drop ticked", "id": rows[0].letter_id})

        assert "Drop 1 dead letter for ever?" in asked.content.decode()
        assert count() == 3

        client.post(
            ACT, {"do": "drop chosen", "confirmed": "yes", "chosen": asked.context["chosen"]}
        )

        assert count() == 2

    def test_all_that_match(self, client_of):
        for consumer in ("a", "a", "b"):
            keep_letter(consumer)
        client = client_of("administrator")
        chosen = client.get(LIST, {"consumer": "a"}).context["chosen"]

        response = client.post(
            ACT, {"do": "drop chosen", "confirmed": "yes", "chosen": chosen}, follow=True
        )

        assert "2 dead letter(s) were dropped" in response.content.decode()
        assert count() == 1


class TestRefusals:
    @pytest.mark.parametrize(
        "given",
        [
            {"do": "drop ticked"},
            {"do": "drop chosen"},
            {"do": "drop chosen", "chosen": ""},
            {"do": "drop chosen", "chosen": "["},
            {"do": "drop chosen", "chosen": "[]"},
            {"do": "drop chosen", "chosen": '{"consumers": "a"}'},
            {"do": "drop chosen", "chosen": '{"status": "x"}'},
            {"do": "drop", "chosen": "nonsense"},
        ],
        ids=str,
    )
    def test_what_cannot_be_read_drops_nothing(self, client_of, given):
        keep_letter()

        response = client_of("superuser").post(ACT, {"confirmed": "yes", **given}, follow=True)

        assert "choose again" in response.content.decode()
        assert count() == 1

    @pytest.mark.parametrize("what", ["", "delete chosen", "replay_all"])
    def test_what_nobody_knows_is_not_done(self, client_of, what):
        given = {"do": what, "chosen": "{}", "confirmed": "yes"}

        assert client_of("superuser").post(ACT, given).status_code == 404

    def test_nothing_by_get(self, client_of):
        keep_letter()

        response = client_of("superuser").get(
            ACT, {"do": "drop chosen", "confirmed": "yes", "chosen": "{}"}
        )

        assert response.status_code == 405
        assert count() == 1

    def test_nothing_without_the_token(self, client_of):
        keep_letter()
        client = client_of("superuser", enforce_csrf_checks=True)

        given = {"do": "drop chosen", "confirmed": "yes", "chosen": "{}"}
        assert client.post(ACT, given).status_code == 403
        assert count() == 1

    @pytest.mark.parametrize(
        ("role", "what", "status"),
        [
            ("viewer", "replay", 403),
            ("viewer", "drop", 403),
            ("operator", "drop", 403),
            ("learner", "replay", 302),
            ("anonymous", "drop", 302),
        ],
    )
    def test_who_may_not(self, client_of, role, what, status):
        keep_letter()

        given = {"do": f"{what} chosen", "confirmed": "yes", "chosen": "{}"}
        assert client_of(role).post(ACT, given).status_code == status
        assert count() == 1


class TestTenancy:
    @pytest.fixture
    def both(self, admin_site):
        return make_tenants()

    def test_others_letters_are_not_there(self, client_of, both):
        client = client_of("tenant administrator")

        assert ids(client.get(LIST)) == [both.own.letter.letter_id]
        assert client.get(f"{LIST}{both.foreign.letter.letter_id}/").status_code == 404
        assert "farshore" not in client.get(LIST).content.decode()

    def test_all_means_all_of_theirs(self, client_of, both, works):
        from eventkit.contrib.django.models import Replay

        client = client_of("tenant administrator")
        given = {"do": "replay chosen", "confirmed": "yes", "chosen": "{}"}
        client.post(ACT, given)

        job = Replay.objects.latest("pk")
        assert job.chosen["ids"] == [both.own.letter.letter_id]

    @pytest.mark.parametrize("what", ["replay", "drop"])
    def test_others_letters_cannot_be_named(self, client_of, both, what):
        foreign = both.foreign.letter.letter_id
        chosen = json.dumps({"ids": [foreign]})
        before = count()

        response = client_of("tenant administrator").post(
            ACT, {"do": f"{what} chosen", "confirmed": "yes", "chosen": chosen}, follow=True
        )

        assert "No letters were chosen" in response.content.decode()
        assert count() == before


class TestQueries:
    def test_few_however_many_letters(self, client_of, django_queries):
        make_tenants()
        for number in range(60):
            keep_letter(f"lrs-{number}", reason=f"reason_{number}")
        client = client_of("superuser")
        client.get(LIST)

        for query in ({}, {"reason": "reason_1", "search": "play"}, {"page": 2}):
            with django_queries() as made:
                client.get(LIST, query)
            assert len(made) < 10
