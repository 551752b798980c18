"""Consumers in a real browser: by keyboard, with a real endpoint, and looked over by axe-core."""

from __future__ import annotations

import json

import pytest

LIST = "/admin/eventkit/consumer/"

pytestmark = pytest.mark.browser


def row_of(slug):
    from eventkit.contrib.django.models import Consumer

    return Consumer.objects.get(slug=slug)


def settings_of(slug):
    from eventkit.contrib.django.rows import settings_of

    return settings_of(row_of(slug))


@pytest.fixture
def actions(admin_site):
    from eventkit.contrib.django import actions

    return actions


class Keyboard:
    """Somebody who has no mouse."""

    def __init__(self, page):
        self.page = page

    def to(self, selector):
        """Go on with the Tab key to what *selector* finds."""
        for _ in range(150):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("(it) => document.activeElement?.matches(it)", selector):
                return self
        raise AssertionError(f"the Tab key never reaches {selector}")

    def type(self, text):
        self.page.keyboard.type(text)
        return self

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
        return self


def test_a_consumer_with_rules_is_created_by_keyboard_alone(browser_page, axe, screenshot):
    page = browser_page("administrator")
    page.goto(LIST)
    keys = Keyboard(page)
    keys.to("a[href$='/consumer/add/'].button").press("Enter")
    page.wait_for_url("**/add/")

    keys.to("#id_slug").type("engine")
    keys.to("#id_name").type("Recommendations")
    keys.to("#id_url").type("https://engine.example.org/xapi")
    keys.to("#id_auth_type").type("bea")
    keys.to("#id_token").type("canary-token")
    keys.to("#id_rules-0-choice").type("Eve")
    # Suggestions come from the catalogue, with what they are.
    keys.to("[role=combobox]").type("play video")
    page.wait_for_selector("[role=option] >> text=play_video")
    axe(page)
    keys.press("ArrowDown", "Enter")
    keys.type("problem_check").press("Enter")
    assert page.input_value("#id_rules-0-patterns").split() == ["play_video", "problem_check"]
    # One more condition of the same rule.
    page.keyboard.press("Shift+Tab")
    while not page.evaluate("document.activeElement.matches('.ek-and-button')"):
        page.keyboard.press("Shift+Tab")
    keys.press("Enter")
    assert page.evaluate("document.activeElement.id") == "id_rules-1-kind"
    keys.to("#id_rules-1-choice").type("Org")
    keys.to("#id_rules-1-patterns").type("edX")
    # And a rule that denies.
    keys.to(".add-row a").press("Enter")
    assert page.evaluate("document.activeElement.id") == "id_rules-2-kind"
    keys.type("Den")
    keys.to("#id_rules-2-choice").type("Cour")
    keys.to("#id_rules-2-patterns").type("course-v1:edX+Secret+*")
    page.wait_for_selector("#ek-says p >> text=course Secret of edX")
    assert page.input_value("#id_rules-2-number") == "1"
    axe(page)
    page.evaluate("() => scrollTo(0, 0)")
    screenshot(page, "consumer-add")
    keys.to("[name=_save]").press("Enter")
    page.wait_for_url("**/change/")

    assert "was added" in page.inner_text(".messagelist")
    found = settings_of("engine")
    assert found["allow"] == [{"event": ["play_video", "problem_check"], "org": ["edX"]}]
    assert found["deny"] == [{"course": ["course-v1:edX+Secret+*"]}]
    assert found["auth"]["token"].reveal() == "canary-token"
    assert found["enabled"] is False
    assert "canary" not in page.content()
    axe(page)
    screenshot(page, "consumer")


def test_conditions_are_removed_and_moved_about_without_mixing_them_up(browser_page, actions):
    actions.create(
        {
            "id": "engine",
            "protocol": "xapi",
            "url": "https://engine.example.org/",
            "allow": [{"org": "edX"}, {"org": "MITx"}, {"org": "Other"}],
        }
    )
    page = browser_page("administrator")
    page.goto(f"{LIST}{row_of('engine').pk}/change/")

    page.locator(".ek-condition:not(.empty-form) .ek-and-button").first.click()
    page.select_option("#id_rules-3-choice", "event")
    page.fill("#id_rules-3-patterns", "problem_check")
    page.locator("#rules-1 .inline-deletelink").click()
    page.wait_for_selector("#ek-says p >> text=Other")
    page.click("[name=_save]")
    page.wait_for_url(f"**{LIST}")

    assert settings_of("engine")["allow"] == [
        {"org": ["edX"], "event": ["problem_check"]},
        {"org": ["Other"]},
    ]


def test_a_mistake_is_told_beside_its_field_and_the_rest_stays(browser_page, axe, screenshot):
    page = browser_page("administrator")
    page.goto(f"{LIST}add/")
    page.fill("#id_slug", "engine")
    page.fill("#id_url", "engine.example.org")
    # It is folded away, in another manner in each Django.
    page.locator("#id_batch_max_size").evaluate("(field) => { field.value = '0' }")
    page.select_option("#id_rules-0-kind", "deny")
    page.select_option("#id_rules-0-choice", "event")
    page.fill("#id_rules-0-patterns", "edx.froum.*")
    page.click("[name=_save]")

    assert "Has no scheme" in page.inner_text(".field-url .errorlist")
    assert "Expected a whole number" in page.inner_text(".field-batch_max_size .errorlist")
    assert "did you mean 'edx.forum.*'" in page.inner_text("#rules-0 .errorlist")
    assert page.input_value("#id_slug") == "engine"
    axe(page)
    screenshot(page, "consumer-mistakes")


def test_a_connection_is_tested_against_a_real_endpoint(browser_page, axe, screenshot, actions):
    from eventkit.receivers import Receiver

    with Receiver(auth=("user", "right")) as receiver:
        row = actions.create(
            {
                "id": "engine",
                "name": "Record store",
                "protocol": "xapi",
                "url": receiver.url,
                "auth": {"type": "basic", "username": "user", "password": "right"},
            }
        )
        page = browser_page("operator")
        page.goto(f"{LIST}{row.pk}/change/")
        page.click("text=Test the connection")
        page.wait_for_url("**/test/")
        assert page.locator(".ek-steps").count() == 0
        page.click("[type=submit]:has-text('Test'), input[value='Test the connection']")
        page.wait_for_selector(".ek-steps")

        assert "It works" in page.inner_text("#ek-result")
        axe(page)
        screenshot(page, "connection")

        actions.set_credentials(
            row, auth={"type": "basic", "username": "user", "password": "canary-wrong"}
        )
        page.click("input[value='Test again']")
        page.wait_for_selector("#ek-result >> text=It does not work")
        [failed] = page.locator(".ek-steps li:has(.ek-state-bad)").all()
        assert "Credentials" in failed.inner_text()
        assert "canary" not in page.content()
        axe(page)

    page.click("input[value='Test again']")
    page.wait_for_selector(".ek-steps li:has(.ek-state-bad) >> text=Connection")


def test_router_configurations_are_imported(browser_page, axe, screenshot):
    routers = [
        {
            "backend_name": "xAPI",
            "enabled": True,
            "route_url": "https://lrs.example.org/xapi",
            "auth_scheme": "Basic",
            "username": "canary-user",
            "password": "canary-password",
            "configurations": {"match_params": {"context.org_id": "^edX$"}, "colour": "red"},
        }
    ]
    page = browser_page("administrator")
    page.goto(LIST)
    page.click("text=Import from event-routing-backends")
    axe(page)
    page.fill("#id_text", json.dumps(routers))
    page.check("#id_with_secrets")
    page.click("[name=preview]")

    assert "Nothing has been written yet" in page.inner_text("#content")
    assert "configurations.colour" in page.inner_text("#content")
    assert "canary" not in page.content()
    axe(page)
    screenshot(page, "import-routers")
    page.click("[name=apply]")
    page.wait_for_url(f"**{LIST}")

    assert "imported" in page.inner_text(".messagelist")
    assert page.locator("#result_list tbody tr").count() == 1


def test_who_may_not_is_refused_and_sees_no_way(browser_page, actions, axe):
    row = actions.create({"id": "engine", "protocol": "xapi", "url": "https://engine.example.org/"})
    page = browser_page("viewer")

    page.goto(f"{LIST}{row.pk}/change/")
    assert page.locator("[name=_save], .ek-buttons").count() == 0
    axe(page)
    for name in ("enable", "pause", "clone", "test", "delete"):
        assert page.goto(f"{LIST}{row.pk}/{name}/").status == 403, name
    assert page.goto(f"{LIST}add/").status == 403
    assert page.goto(f"{LIST}import/").status == 403
    other = browser_page("tenant administrator")
    assert other.goto(f"{LIST}{row.pk}/test/").status == 404
    other.goto(LIST)
    assert "engine" not in other.inner_text("#content")


def test_every_page_is_fit_for_everybody(browser_page, actions, axe, screenshot):
    tenant = actions.create_tenant("Hills", ["Hillside", "Hilltop"])
    engine = actions.create(
        {
            "id": "engine",
            "name": "Recommendations",
            "protocol": "xapi",
            "url": "https://engine.example.org/xapi",
            "auth": {"type": "basic", "username": "u", "password": "canary"},
            "headers": {"X-Canary": "canary"},
            "allow": [{"course": "course-v1:edX+DemoX+*", "event": ["edx.grades.*"]}],
            "deny": [{"event": "edx.forum.*"}],
        }
    )
    actions.enable(engine)
    insights = actions.create(
        {
            "id": "insights",
            "name": "Hills insights",
            "tenant": tenant,
            "protocol": "caliper",
            "url": "https://caliper.hills.example.org/v1",
            "allow": [{"org": "Hilltop"}],
        }
    )
    actions.pause(actions.enable(insights))
    gone = actions.create({"id": "old-one", "protocol": "xapi", "url": "https://o.example.org/"})
    actions.enable(gone)
    actions.mark_gone("old-one")
    page = browser_page("administrator")
    page.goto(f"{LIST}import/")
    page.fill(
        "#id_text", '[{"id": "engine", "protocol": "xapi", "url": "https://new.example.org/"}]'
    )
    page.click("[name=preview]")
    axe(page)
    screenshot(page, "import")

    for name, path in {
        "consumers": LIST,
        "": f"{LIST}import/",
        "audit": f"{LIST}{engine.pk}/history/",
        "tenants": "/admin/eventkit/tenant/",
        "tenant": f"/admin/eventkit/tenant/{tenant.pk}/change/",
        "enable": f"{LIST}{gone.pk}/resume/",
        "clone": f"{LIST}{engine.pk}/clone/",
        "replay": f"{LIST}{engine.pk}/replay/",
        "disable": f"{LIST}{engine.pk}/disable/",
        "delete": f"{LIST}{engine.pk}/delete/",
    }.items():
        page.goto(path)
        axe(page)
        if name in ("consumers", "audit", "tenant", "disable"):
            screenshot(page, name)
