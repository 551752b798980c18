"""The pages about deliveries."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from admin_rows import keep_letter, make_consumer, make_tenants, presence, report

LIST = "/admin/eventkit/report/"


def text_of(response):
    return unescape(response.content.decode())


class TestConsumer:
    def test_it_shows_all_numbers(self, client_of):
        from django.utils import timezone

        from eventkit.contrib.django.fields import Sealed

        now = timezone.now()
        make_consumer(name="The LRS")
        report(delivered=1200, dead=2, reasons={"dead": {"http_400": 2}})
        report(process="web:2", delivered=34, dropped=1, reasons={"dropped": {"queue_full": 1}})
        presence(
            state="retrying",
            pending=7,
            oldest=now - timedelta(minutes=5),
            last_success=now,
            error_at=now,
            error_reason="http_503",
            error_status=503,
            error_detail="HTTP 503",
            error_response=Sealed.of("down <until> noon"),
        )
        presence(process="silent", ago=timedelta(minutes=5), pending=99)
        keep_letter()

        response = client_of("operator").get(f"{LIST}lrs/")

        text = text_of(response)
        told = response.context["told"]
        assert (told.delivered, told.dead, told.dropped, told.waiting) == (1234, 2, 1, 7)
        assert "1,234" in text
        assert "5\xa0minutes" in text
        assert "http_503" in text
        assert "queue_full" in text
        assert "stale" in text
        assert "Dead letters (1)" in text
        assert "down &lt;until&gt; noon" in response.content.decode()

    def test_the_chart_has_a_title_and_the_same_numbers_as_a_table(self, client_of):
        make_consumer()
        report(delivered=5)
        report(ago=timedelta(hours=3), process="old", delivered=3, dead=1)

        response = client_of("operator").get(f"{LIST}lrs/")

        text = text_of(response)
        (labels,) = re.findall(r'<svg class="ek-chart"[^>]*aria-labelledby="([^"]*)"', text)
        assert all(f'id="{each}"' in text for each in labels.split())
        assert len(re.findall('<rect class="ek-delivered" x=', text)) == 2
        assert len(re.findall('<rect class="ek-given-up" x=', text)) == 1
        hours = [(each.delivered, each.dead) for each, _ in response.context["hours"]]
        assert hours.index((5, 0)) - hours.index((3, 1)) == 3
        assert hours.count((0, 0)) == 22
        assert 'style="' not in text.split('id="content-main"')[1]

    def test_numbers_of_the_drawing_are_numbers_in_every_language(self, client_of, settings_of):
        from django.test import override_settings

        make_consumer()
        for hour in range(24):
            report(ago=timedelta(hours=hour), process=f"p{hour}", delivered=123_456 * hour)

        with override_settings(LANGUAGE_CODE="de", USE_THOUSAND_SEPARATOR=True):
            text = text_of(client_of("operator").get(f"{LIST}lrs/"))

        places = re.findall(r' (?:x|y|x1|y1|width|height)="([^"]*)"', text)
        assert len(places) > 100
        assert all(each.lstrip("-").isdecimal() for each in places if "rem" not in each)

    def test_empty(self, client_of):
        make_consumer()

        text = text_of(client_of("operator").get(f"{LIST}lrs/"))

        assert "No router has reported yet" in text
        assert "Nothing was delivered or given up" in text
        assert "<svg class" not in text

    def test_what_the_receiver_said_and_no_key_opens(self, client_of):
        from django.utils import timezone

        from eventkit.contrib.django.fields import Sealed

        make_consumer()
        presence(error_at=timezone.now(), error_reason="x", error_response=Sealed("gAAAnonsense"))

        assert client_of("operator").get(f"{LIST}lrs/").status_code == 200

    def test_the_queue_of_the_store(self, client_of, settings_of, tmp_path):
        from eventkit.stores import SQLiteStore

        make_consumer()
        store = SQLiteStore(tmp_path / "store.db")
        store.put([])
        store.close()
        settings_of(STORE=str(tmp_path / "store.db"))
        assert "0 in the store of this machine" in text_of(client_of("operator").get(f"{LIST}lrs/"))

        settings_of(STORE=str(tmp_path / "nowhere.db"))
        assert "there is no file" in text_of(client_of("operator").get(f"{LIST}lrs/"))

    def test_one_that_is_none(self, client_of):
        assert client_of("superuser").get(f"{LIST}nobody/").status_code == 404


class TestOverview:
    def test_a_line_for_each(self, client_of):
        make_consumer("a")
        make_consumer("b", enabled=False)
        report("a", delivered=10)
        presence("a", state="open", pending=3)

        response = client_of("viewer").get(LIST)

        rows = {row.slug: told for row, told in response.context["rows"]}
        assert (rows["a"].delivered, rows["a"].waiting, rows["a"].state.text) == (10, 3, "down")
        assert rows["b"].state.text == "disabled"

    @pytest.mark.parametrize(
        ("query", "slugs"),
        [
            ({}, ["bad", "gone", "good", "off"]),
            ({"show": "trouble"}, ["bad", "gone"]),
            ({"show": "enabled"}, ["bad", "gone", "good"]),
            ({"search": "GOO"}, ["good"]),
            ({"search": "lovely"}, ["good"]),
            ({"search": "nothing"}, []),
            ({"search": "a\0"}, ["bad", "gone", "good", "off"]),
            ({"show": "nonsense"}, ["bad", "gone", "good", "off"]),
        ],
        ids=str,
    )
    def test_what_is_asked_for(self, client_of, query, slugs):
        from eventkit.contrib.django import actions

        make_consumer("good", name="A lovely one")
        make_consumer("bad")
        make_consumer("off", enabled=False)
        make_consumer("gone")
        actions.mark_gone("gone")
        presence("good")
        presence("bad", state="retrying")
        presence("off", state="open")
        presence("good", process="old", state="open", ago=timedelta(hours=1))

        response = client_of("viewer").get(LIST, query)

        assert [row.slug for row, _ in response.context["rows"]] == slugs

    def test_empty(self, client_of):
        assert "There are no consumers yet" in text_of(client_of("viewer").get(LIST))

    def test_few_queries_however_many_consumers(self, client_of, django_queries):
        for number in range(55):
            make_consumer(f"lrs-{number}")
            presence(f"lrs-{number}")
            report(f"lrs-{number}", delivered=1)
        client = client_of("viewer")
        client.get(LIST)

        for query in ({}, {"show": "trouble"}, {"page": 2}):
            with django_queries() as made:
                client.get(LIST, query)
            assert len(made) < 15


class TestTenancy:
    def test_others_are_not_there(self, client_of):
        make_tenants()
        client = client_of("tenant administrator")

        listed = client.get(LIST)

        assert [row.slug for row, _ in listed.context["rows"]] == ["lakeside-lrs"]
        assert "farshore" not in text_of(listed)
        assert client.get(f"{LIST}lakeside-lrs/").status_code == 200
        assert client.get(f"{LIST}farshore-lrs/").status_code == 404

    @pytest.mark.parametrize("place", [LIST, f"{LIST}lrs/"])
    def test_who_may_not_see_them(self, client_of, place):
        from admin_site import roles

        make_consumer()
        roles.user("viewer").groups.clear()
        roles.user("viewer").user_permissions.clear()

        assert client_of("viewer").get(place).status_code == 403
        assert client_of("learner").get(place).status_code == 302
        assert client_of("anonymous").get(place).status_code == 302
