"""Every address of the app, visited as everybody: who gets in, what is seen, what changes."""

from __future__ import annotations

from functools import cache

import pytest
from admin_site import pages, roles
from admin_site.pages import PAGES, address

BOUND = {"tenant administrator", "learner", "representative"}
"""Who may not see what is the other tenant's."""

NOTHING_DONE = {"refused", "login", "button"}


def outcome(response):
    """Say in a word what an answer is."""
    status = response.status_code
    if status in {301, 302}:
        where = response.headers["Location"].partition("?")[0]
        # Django's admin sends who looks for what is not there, or not theirs, to its first page.
        return {"/admin/login/": "login", "/admin/": "refused"}.get(where, "in")
    return {200: "in", 403: "refused", 404: "refused", 405: "button"}.get(status, status)


def state():
    """Give the rows of all tables but those that logging in changes: what pages must not change."""
    from django.apps import apps

    found = {}
    for model in apps.get_models(include_auto_created=True):
        columns = [each.attname for each in model._meta.concrete_fields]
        if model._meta.label != "sessions.Session":
            columns = [each for each in columns if each != "last_login"]
            found[model._meta.label] = sorted(
                map(repr, model._default_manager.values_list(*columns))
            )
    return found


@pytest.fixture(scope="module")
def things(shared_site):
    """All tests see the same: each makes sure that nothing has changed in the end."""
    from admin_site import belongings

    shared_site.restore()
    return belongings.make()


@pytest.fixture(scope="module")
def visitor(things):
    """Give the client of a role, which is logged in once."""
    from django.test import Client

    @cache
    def make(role, **more):
        client = Client(**more)
        if role != roles.ANONYMOUS:
            client.force_login(roles.user(role))
        return client

    return make


def test_every_address_has_a_line(shared_site):
    assert pages.names() == sorted(PAGES)


@pytest.mark.parametrize("name", PAGES)
class TestLooking:
    def test_who_gets_in(self, name, visitor, things):
        """And nobody changes anything by looking."""
        page = PAGES[name]
        before = state()
        expected, found = {}, {}
        for role in roles.ROLES:
            if role == roles.ANONYMOUS:
                expected[role] = "login"
            elif role in page.who:
                expected[role] = "button" if page.is_button else "in"
            else:
                expected[role] = "refused"
            found[role] = outcome(visitor(role).get(address(name, things.own)))
            # Who has no business in the admin is asked to log in as somebody else.
            if found[role] == "login" and role in {"learner", "representative"}:
                found[role] = "refused"
            # Whether a button is refused at once or because it is one is all the same.
            if page.is_button and found[role] == "button" and expected[role] == "refused":
                found[role] = "refused"

        assert found == expected
        assert state() == before

    def test_nobody_sees_what_is_anothers(self, name, visitor, things):
        from admin_site import belongings

        before = state()
        for role in sorted(BOUND):
            response = visitor(role).get(address(name, things.foreign))
            if PAGES[name].about:
                assert outcome(response) in {"refused", "login", "button"}, role
            assert belongings.FOREIGN not in shown(response, address(name, things.foreign)), role
        assert state() == before

    def test_nobody_sees_a_secret(self, name, visitor, things):
        from admin_site import belongings

        for role in roles.ROLES:
            response = visitor(role).get(address(name, things.own))
            assert belongings.CANARY not in shown(response), role


@pytest.mark.parametrize("name", PAGES)
class TestPosting:
    """What is posted is mostly nonsense; buttons would do something all the same."""

    def test_not_without_a_token(self, name, visitor, things):
        before = state()
        for role in roles.ROLES:
            client = visitor(role, enforce_csrf_checks=True)
            response = client.post(address(name, things.own), {"post": "yes"})
            assert response.status_code in {403, 404} or outcome(response) == "login", role
        assert state() == before

    def test_not_by_others(self, name, visitor, things):
        before = state()
        for role in roles.ROLES:
            if role not in PAGES[name].who:
                response = visitor(role).post(address(name, things.own), {"post": "yes"})
                assert outcome(response) in NOTHING_DONE, role
        assert state() == before

    def test_not_on_what_is_anothers(self, name, visitor, things):
        before = state()
        for role in sorted(BOUND if PAGES[name].about else ()):
            response = visitor(role).post(address(name, things.foreign), {"post": "yes"})
            assert outcome(response) in NOTHING_DONE, role
        assert state() == before


def shown(response, address=""):
    """Give what can be read of an answer, without its own address, in lower case."""
    if response.streaming:
        text = b"".join(response.streaming_content).decode()
    else:
        text = response.content.decode("utf-8", "replace")
    text += str(dict(response.headers))
    return text.lower().replace(address.lower(), "") if address else text
