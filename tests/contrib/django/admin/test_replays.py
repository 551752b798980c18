"""The pages of replays."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
from admin_rows import keep_letter, make_consumer

LIST = "/admin/eventkit/replay/"


@pytest.fixture
def make(settings_of):
    """Make a replay; nothing runs it."""
    settings_of(REPLAYS="work")

    def make_one(by="operator", **values):
        from admin_site import roles

        from eventkit.contrib.django import actions
        from eventkit.contrib.django.models import Replay

        row = keep_letter()
        job = actions.request_replay([row.letter_id], by=roles.user(by), words="a few")
        Replay.objects.filter(pk=job.pk).update(**values)
        job.refresh_from_db()
        return job

    return make_one


def ago(**time):
    from django.utils import timezone

    return timezone.now() - timedelta(**time)


def text_of(response):
    return unescape(response.content.decode())


def test_the_list_says_how_far_each_is(client_of, make):
    make(state="done", delivered=1)
    make(state="running", seen=ago(seconds=61))

    text = text_of(client_of("operator").get(LIST))

    assert "done" in text
    assert "interrupted" in text
    assert "a few" in text


def test_an_empty_list_says_what_to_do(client_of, admin_site):
    assert "Choose dead letters in" in text_of(client_of("operator").get(LIST))


@pytest.mark.parametrize(
    ("values", "words", "begins"),
    [
        (lambda: {"state": "waiting"}, "It has not begun yet", False),
        (lambda: {"state": "waiting", "created": ago(seconds=61)}, "It has not begun yet", True),
        (lambda: {"state": "running", "seen": ago(seconds=5)}, "It runs in the background", False),
        (lambda: {"state": "running", "seen": ago(seconds=61)}, "Nothing is lost", True),
        (lambda: {"state": "done"}, "All letters were looked at", False),
        (lambda: {"state": "failed", "notes": ["no key"]}, "no key", True),
    ],
)
def test_a_page_says_how_far_it_is_and_who_can_help(client_of, make, values, words, begins):
    job = make(**values())

    text = text_of(client_of("operator").get(f"{LIST}{job.pk}/"))

    assert words in text
    assert ("Begin again" in text) == begins


def test_it_says_why_letters_stay(client_of, make):
    job = make(state="done", kept={"denied": 3, "unreadable": 1, "new_one": 1})

    text = text_of(client_of("operator").get(f"{LIST}{job.pk}/"))

    assert "rules do not let it have the event" in text
    assert "EVENTKIT_ADMIN['KEYS']" in text
    assert "new_one" in text


def test_one_begins_again(client_of, make):
    make_consumer()
    job = make(state="failed", notes=["no key"])
    client = client_of("operator")

    assert client.get(f"{LIST}{job.pk}/resume/").status_code == 405
    client.post(f"{LIST}{job.pk}/resume/")

    job.refresh_from_db()
    assert (job.state, job.notes) == ("waiting", [])


def test_one_that_is_done_does_not(client_of, make):
    job = make(state="done")

    response = client_of("operator").post(f"{LIST}{job.pk}/resume/", follow=True)

    job.refresh_from_db()
    assert job.state == "done"
    assert "there is nothing to begin again" in text_of(response)


def test_those_of_others_are_not_there(client_of, make):
    job = make(by="operator", state="failed")
    client = client_of("tenant administrator")

    assert text_of(client.get(LIST)).count("a few") == 0
    assert client.get(f"{LIST}{job.pk}/").status_code == 404
    assert client.post(f"{LIST}{job.pk}/resume/").status_code == 404
    assert client_of("viewer").get(LIST).status_code == 403
    assert client_of("viewer").post(f"{LIST}{job.pk}/resume/").status_code == 403
    job.refresh_from_db()
    assert job.state == "failed"


@pytest.mark.databases
@pytest.mark.parametrize("key", ["0", "9" * 19, "9" * 30])
def test_a_number_that_is_no_key_finds_none(client_of, key):
    client = client_of("administrator")

    assert client.get(f"{LIST}{key}/").status_code == 404
    assert client.post(f"{LIST}{key}/resume/").status_code == 404
