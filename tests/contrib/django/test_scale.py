"""How many questions each page asks the database, whatever there is in it."""

from __future__ import annotations

import pytest
from admin_site.pages import PAGES, address
from admin_site.visiting import visit

MOST = 20
"""Fewer than that for each page."""


@pytest.fixture(scope="module")
def crowded(shared_site):
    from admin_site import belongings, crowd

    shared_site.restore()
    things = belongings.make()
    crowd.fill(consumers=230, letters=1_500)
    yield things
    shared_site.restore()


@pytest.mark.parametrize(
    ("role", "name"),
    [
        (role, name)
        for name, page in PAGES.items()
        for role in ("superuser", "tenant administrator", "representative")
        if role in page.who and not page.is_button
    ],
)
def test_a_page_asks_few_questions(crowded, role, name):
    status, asked, _ = visit(role, address(name, crowded.own))

    assert status in {200, 302}
    assert len(asked) < MOST, "\n".join(asked)


@pytest.mark.parametrize("deed", ["enable", "disable", "clone", "replay"])
def test_a_question_about_many_asks_few_questions(crowded, deed):
    """A hundred that are ticked in the list, and of which each has rules and a tenant."""
    from eventkit.contrib.django.models import Consumer

    keys = list(Consumer.objects.order_by("slug").values_list("pk", flat=True)[:100])
    given = {"action": f"do_{deed}", "_selected_action": keys}
    status, asked, _ = visit(
        "superuser", address("admin:eventkit_consumer_changelist", crowded.own), given
    )

    assert status == 200
    assert len(asked) < MOST, "\n".join(asked)
