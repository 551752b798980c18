"""The pages in a real browser, with real routers and real receivers behind them."""

from __future__ import annotations

import json
import re
import uuid
from contextlib import closing
from datetime import timedelta

import pytest
from admin_rows import EVENT, keep_letter, make_consumer, presence, report
from fault_server import respond, serving

LETTERS = "/admin/eventkit/letter/"
DELIVERY = "/admin/eventkit/report/"
TRY = "/admin/eventkit/consumer/try/"


@pytest.fixture
def lrs():
    with serving() as server:
        yield server


def translation(number):
    return {
        "name": "play_video",
        "protocol": "xapi",
        "documents": [{"id": str(uuid.UUID(int=number)), "verb": {"id": "https://x.org/played"}}],
        "event": EVENT,
    }


def figure(page, name):
    return page.locator(".ek-figures div", has=page.get_by_text(name, exact=True)).locator("dd")


class TestTry:
    def test_an_event_of_the_catalogue(self, browser_page, axe, screenshot):
        make_consumer("lrs", name="Learning record store")
        make_consumer("research", allow=[{"event": ["edx.grades.*"]}])
        make_consumer("archive", deny=[{"event": ["play_video"]}])
        make_consumer("later", enabled=False)
        page = browser_page("viewer")
        page.goto(TRY)
        axe(page)

        page.get_by_label("Name of the event").fill("play_video")
        page.get_by_role("button", name="Try it").click()

        page.get_by_role("heading", name="What becomes of").wait_for()
        assert page.get_by_role("status").text_content().startswith("1 of 4 consumers get it")
        first = page.get_by_role("article").first
        assert "gets it" in first.text_content()
        first.get_by_text("Document 1 of 1").click()
        document = json.loads(first.locator("pre").text_content())
        assert document["verb"]["id"] == "https://w3id.org/xapi/video/verbs/played"
        axe(page)
        screenshot(page, "try")

        page.get_by_role("button", name="2 may not have it").click()
        page.get_by_role("heading", name="What becomes of").wait_for()
        assert page.get_by_role("article").count() == 2
        assert "deny[0]" in page.get_by_role("article").first.text_content()

    def test_a_bad_paste_and_a_good_one(self, browser_page, axe):
        make_consumer()
        page = browser_page("viewer")
        page.goto(TRY)

        page.get_by_role("radio", name="An event that you paste").check()
        page.get_by_label("Event as JSON").fill('{"name": "play_video",')
        page.get_by_role("button", name="Try it").click()
        page.get_by_text("The JSON cannot be read: line 1").wait_for()
        axe(page)

        page.get_by_label("Event as JSON").fill(json.dumps(EVENT))
        page.get_by_role("button", name="Try it").click()
        page.get_by_role("heading", name="What becomes of “play_video”").wait_for()


class TestDelivery:
    def test_numbers_move_while_a_router_delivers(self, browser_page, lrs, monkeypatch, axe):
        from eventkit import Router
        from eventkit.contrib.django import DatabaseConsumers
        from eventkit.router import reporting

        monkeypatch.setattr(reporting, "EVERY", 0.1)
        make_consumer(url=lrs.url, name="Learning record store")
        page = browser_page("viewer")
        page.goto(f"{DELIVERY}lrs/")
        assert figure(page, "Delivered").text_content().startswith("0")

        with closing(Router(DatabaseConsumers(), mode="buffered")) as router:
            for number in range(3):
                router.send(translation(number))
            lrs.wait_for(lambda: len(lrs.stored) == 3)
            # The page looks again by itself.
            figure(page, "Delivered").filter(has_text="3documents").wait_for()
            page.locator(".ek-state", has_text="delivering").first.wait_for()

            lrs.default = respond(503, b"down until noon")
            router.send(translation(4))
            page.get_by_text("down until noon").wait_for()
            page.locator(".ek-state", has_text=re.compile("retrying|down")).first.wait_for()
            axe(page)
            lrs.default = respond(200, b"[]")

        page.get_by_role("link", name="Refresh").click()
        page.get_by_text("ended").first.wait_for()

    def test_how_it_looks(self, browser_page, axe, screenshot):
        from django.utils import timezone

        from eventkit.contrib.django.fields import Sealed

        now = timezone.now()
        make_consumer("lrs", name="Learning record store")
        make_consumer("research", name="Research team", paused=True)
        make_consumer("archive", enabled=False)
        for hour in range(24):
            for process in ("web", "worker"):
                failed = 40 if hour in {3, 4} else 0
                report(
                    process=process,
                    ago=timedelta(hours=hour),
                    delivered=200 + 17 * ((hour * 7) % 23),
                    dead=failed,
                    reasons={"dead": {"http_400": failed}} if failed else {},
                )
        presence(
            process="4f1c9d02aa",
            state="retrying",
            reason="http_503",
            detail="HTTP 503",
            pending=12,
            oldest=now - timedelta(minutes=4),
            last_success=now - timedelta(minutes=4),
            error_at=now,
            error_reason="http_503",
            error_status=503,
            error_detail="HTTP 503",
            error_response=Sealed.of("Down for maintenance until 14:00"),
        )
        presence(process="b07d1e55c3", host="worker-1", last_success=now)
        presence(process="0c2281f9ab", ago=timedelta(minutes=9), pending=3)
        page = browser_page("viewer")

        page.goto(DELIVERY)
        axe(page)
        screenshot(page, "delivery-overview")
        page.get_by_role("link", name="Learning record store").click()

        page.get_by_text("The same numbers as a table").click()
        assert page.get_by_role("row", name="Dropped").count() == 1
        axe(page)
        page.get_by_text("The same numbers as a table").click()
        screenshot(page, "delivery")
        # Loaded anew, as colours of links change slowly.
        page.emulate_media(color_scheme="dark")
        page.reload()
        axe(page)


class TestLetters:
    def test_one_is_replayed_to_a_receiver_that_was_mended(
        self, browser_page, lrs, axe, screenshot
    ):
        from eventkit import Router
        from eventkit.contrib.django import DatabaseConsumers, DatabaseDeadLetters

        make_consumer(url=lrs.url)
        lrs.rule = lambda _: (400, b"no verb like that is known here")
        with closing(
            Router(DatabaseConsumers(), mode="direct", dead_letters=DatabaseDeadLetters())
        ) as router:
            router.send(translation(1))
        assert lrs.stored == {}
        page = browser_page("operator")

        page.goto(LETTERS)
        page.locator("#result_list tbody tr").first.get_by_role("link").click()
        page.get_by_text("no verb like that is known here").wait_for()
        axe(page)
        screenshot(page, "dead-letter")
        lrs.rule = None
        page.get_by_role("button", name="Replay…").click()
        page.get_by_text("Deliver 1 dead letter again?").wait_for()
        axe(page)
        page.get_by_role("button", name="Yes, deliver 1 again").click()

        page.locator(".ek-state", has_text="done").wait_for()
        assert figure(page, "Delivered").text_content() == "1"
        axe(page)
        screenshot(page, "replay")
        assert list(lrs.stored) == [str(uuid.UUID(int=1))]
        page.goto(LETTERS)
        page.get_by_text("There are no dead letters:").wait_for()
        axe(page)

    def test_those_that_match_are_dropped(self, browser_page, axe, screenshot):
        for number in range(4):
            keep_letter("lrs", reason=("http_400", "max_age")[number % 2])
        keep_letter("", documents=[], status=None, reason="translation_failed", attempts=0)
        page = browser_page("administrator")
        page.goto(LETTERS)
        axe(page)
        screenshot(page, "dead-letters")

        page.get_by_label("Reason").select_option("max_age")
        page.get_by_role("button", name="Filter").click()
        page.get_by_role("button", name="Drop all 2 that match…").click()
        axe(page)
        page.get_by_role("button", name="Yes, drop 2 for ever").click()

        page.get_by_text("2 dead letter(s) were dropped").wait_for()
        assert page.locator("#result_list tbody tr").count() == 3

    def test_the_box_above_ticks_all_of_a_page(self, browser_page):
        for _ in range(3):
            keep_letter()
        page = browser_page("operator")
        page.goto(LETTERS)

        page.get_by_label("All on this page").check()
        page.get_by_role("button", name="Replay ticked…").click()

        page.get_by_text("Deliver 3 dead letters again?").wait_for()
        page.get_by_role("link", name="No, take me back").click()
        page.locator("#result_list tbody tr").first.get_by_role("checkbox").check()
        assert not page.get_by_label("All on this page").is_checked()

    def test_the_event_of_one_is_tried(self, browser_page):
        make_consumer()
        row = keep_letter()
        page = browser_page("operator")
        page.goto(f"{LETTERS}{row.letter_id}/")

        page.get_by_role("link", name="Try this event").click()
        page.get_by_role("button", name="Try it").click()

        page.get_by_role("heading", name="What becomes of “play_video”").wait_for()
        assert page.get_by_role("article").count() == 1
