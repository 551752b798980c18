"""Requests in the admin: who sees which, narrowing, approving, refusing."""

from __future__ import annotations

import pytest

pytest.importorskip("django")

LIST = "/admin/eventkit/accessrequest/"
FORM = {
    "courses": "course-v1:Lakeside+A+2026",
    "organisations": "",
    "families": ["problem"],
    "events": "",
    "slug": "analytics",
    "tenant": "",
    "reason": "",
}


@pytest.fixture
def ask(admin_site):
    from admin_site import roles

    from eventkit.contrib.django.portal import asking
    from eventkit.contrib.django.portal.wanted import Wanted, joined

    def make(courses=("course-v1:Lakeside+A+2026",), organisation="Analytics Ltd"):
        row = asking.ask(
            Wanted(courses, [], joined(["problem"], [])),
            by=roles.user("representative"),
            organisation=organisation,
            contact="team@example.org",
            why="Research.",
            protocol="xapi",
            url="https://lrs.example.com/xapi",
            auth_type="none",
        )
        return row, f"{LIST}{row.pk}/change/"

    return make


def text_of(response):
    return response.content.decode()


class TestWhoSeesWhat:
    @pytest.mark.parametrize(
        ("role", "status"),
        [
            ("anonymous", 302),
            ("learner", 302),
            ("representative", 302),
            ("viewer", 403),
            ("operator", 403),
            ("administrator", 200),
            ("tenant administrator", 200),
            ("superuser", 200),
        ],
    )
    def test_by_permission(self, ask, client_of, role, status):
        from eventkit.contrib.django.models import Consumer

        row, path = ask()
        client = client_of(role)
        assert client.get(LIST).status_code == status
        assert client.get(path).status_code == status
        if status != 200:
            for button in ("_approve", "_refuse", "_save"):
                response = client.post(path, {**FORM, button: "1", "reason": "no"})
                assert response.status_code == status
            row.refresh_from_db()
            assert row.state == "waiting"
            assert not Consumer.objects.exists()

    def test_who_may_only_look_cannot_decide(self, ask, client_of):
        from admin_site import roles
        from django.contrib.auth.models import Permission

        row, path = ask()
        viewer = roles.user("viewer")
        viewer.user_permissions.add(Permission.objects.get(codename="view_accessrequest"))
        client = client_of("viewer")
        text = text_of(client.get(path))
        assert "Analytics Ltd" in text
        assert "_approve" not in text
        assert client.post(path, {**FORM, "_approve": "1"}).status_code == 403
        row.refresh_from_db()
        assert row.state == "waiting"

    def test_by_organisation_in_the_list_and_by_address(self, ask, client_of):
        _, own = ask()
        other, beyond = ask(["course-v1:edX+A+B"], "Elsewhere")
        client = client_of("tenant administrator")

        text = text_of(client.get(LIST))
        assert "Analytics Ltd" in text
        assert "Elsewhere" not in text
        assert "0 results" in text_of(client.get(f"{LIST}?q=Elsewhere&state__exact=waiting"))
        assert client.get(own).status_code == 200
        assert client.get(beyond).status_code == 404
        assert client.post(beyond, {**FORM, "_approve": "1"}).status_code == 404
        for page in ("history", "delete"):
            assert client.get(f"{LIST}{other.pk}/{page}/").status_code in {302, 403, 404}
        other.refresh_from_db()
        assert other.state == "waiting"

    def test_nobody_adds_or_deletes_any(self, ask, client_of):
        from eventkit.contrib.django.models import AccessRequest

        row, _ = ask()
        client = client_of("superuser")
        assert client.get(f"{LIST}add/").status_code == 403
        assert client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
        data = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        client.post(LIST, data)
        assert AccessRequest.objects.count() == 1

    def test_a_decision_takes_a_token(self, ask, client_of):
        _, path = ask()
        strict = client_of("administrator", enforce_csrf_checks=True)

        assert strict.post(path, {**FORM, "_approve": "1"}).status_code == 403

    def test_what_others_wrote_is_text_and_nothing_else(self, ask, client_of):
        evil = "<script>alert(1)</script>"
        row, path = ask(organisation=evil)
        type(row).objects.update(why=evil, url=f"https://example.com/{evil}")
        client = client_of("administrator")

        for page in (LIST, path):
            text = text_of(client.get(page))
            assert evil not in text
            assert "&lt;script&gt;" in text

    def test_an_empty_list_says_where_requests_come_from(self, admin_site, client_of):
        assert "Nobody has asked for access yet." in text_of(client_of("administrator").get(LIST))

    def test_a_list_takes_few_queries(self, ask, client_of):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        from eventkit.contrib.django.models import AccessRequest

        row, _ = ask()
        AccessRequest.objects.bulk_create(
            AccessRequest(
                who=row.who,
                organisation=f"Number {number}",
                contact="a@example.org",
                url="https://lrs.example.com/xapi",
                scope="lakeside" if number % 2 else f"org{number}",
                why="Research.",
            )
            for number in range(300)
        )
        for role in ("administrator", "tenant administrator"):
            client = client_of(role)
            with CaptureQueriesContext(connection) as queries:
                assert client.get(LIST).status_code == 200
            assert len(queries) < 16


class TestDeciding:
    def test_narrowed_and_saved_it_still_waits(self, ask, client_of):
        row, path = ask(["course-v1:Lakeside+*"])
        response = client_of("administrator").post(path, {**FORM, "_save": "1"}, follow=True)

        text = text_of(response)
        assert "it still waits for a decision" in text
        assert "What was asked for at first" in text
        assert "course-v1:Lakeside+*" in text
        row.refresh_from_db()
        assert (row.state, row.courses) == ("waiting", ["course-v1:Lakeside+A+2026"])

    def test_what_was_not_asked_for_is_refused_and_what_was_can_come_back(self, ask, client_of):
        row, path = ask(["course-v1:Lakeside+*"])
        client = client_of("administrator")
        widened = {**FORM, "organisations": "BerkeleyX"}
        for button in ("_save", "_approve"):
            text = text_of(client.post(path, {**widened, button: "1"}))
            assert "BerkeleyX reaches beyond what was asked for" in text
        row.refresh_from_db()
        assert (row.state, row.organisations) == ("waiting", [])

        client.post(path, {**FORM, "_save": "1"})
        client.post(path, {**FORM, "courses": "course-v1:Lakeside+*", "_save": "1"})
        row.refresh_from_db()
        assert row.courses == ["course-v1:Lakeside+*"]

    def test_enter_in_a_field_decides_nothing(self, ask, client_of):
        """The first button of a form is the one that Enter presses."""
        _, path = ask()
        text = text_of(client_of("administrator").get(path))
        form = text[text.index("</fieldset>") :]

        assert "_save" in form
        assert form.index('name="_save"') < form.index('name="_approve"')
        assert form.index('name="_save"') < form.index('name="_refuse"')

    def test_approved_it_has_what_the_form_says(self, ask, client_of):
        from eventkit.contrib.django.models import Consumer

        _, path = ask(["course-v1:Lakeside+*"])
        less = {**FORM, "families": [], "events": "problem_check"}
        response = client_of("tenant administrator").post(
            path, {**less, "_approve": "1", "reason": "Fine."}, follow=True
        )

        assert "was approved: consumer analytics" in text_of(response)
        made = Consumer.objects.get()
        assert (made.tenant.name, made.enabled, made.from_portal) == ("Lakeside", True, True)
        assert {each.field: each.patterns for each in made.rules.all()} == {
            "course": ["course-v1:Lakeside+A+2026"],
            "event": ["problem_check"],
        }
        text = text_of(client_of("administrator").get(path))
        assert "Approved" in text
        assert "_approve" not in text

    @pytest.mark.parametrize(
        ("given", "name", "said"),
        [
            ({"courses": "edX+*"}, "courses", "did you mean"),
            ({"courses": ""}, "courses", "at least one course"),
            ({"families": []}, "families", "at least one kind"),
            ({"events": "play_vidoe"}, "events", "did you mean"),
            ({"slug": ""}, "slug", ""),
            ({"slug": "a\u202eb"}, "slug", ""),
            ({"slug": "x" * 101}, "slug", "100"),
            ({"tenant": "77"}, "tenant", "Select a valid choice"),
        ],
    )
    def test_what_is_wrong_is_said_beside_its_field(self, ask, client_of, given, name, said):
        from eventkit.contrib.django.models import Consumer

        row, path = ask()
        text = text_of(client_of("administrator").post(path, {**FORM, **given, "_approve": "1"}))

        beside = text.partition(f'id="id_{name}_error"')[2].partition("</ul>")[0]
        assert "<li>" in beside
        assert said in beside
        row.refresh_from_db()
        assert row.state == "waiting"
        assert not Consumer.objects.exists()

    def test_staff_of_a_tenant_cannot_widen_it(self, ask, client_of):
        from eventkit.contrib.django.models import Consumer

        row, path = ask()
        client = client_of("tenant administrator")
        for more in ({"organisations": "edX"}, {"courses": "course-v1:*"}):
            for button in ("_approve", "_save"):
                text = text_of(client.post(path, {**FORM, **more, button: "1"}))
                assert "beyond your organisations" in text
        row.refresh_from_db()
        assert row.organisations == []
        assert not Consumer.objects.exists()

    def test_refusing_takes_a_reason_and_nothing_else(self, ask, client_of):
        row, path = ask()
        client = client_of("administrator")
        text = text_of(client.post(path, {"_refuse": "1"}))
        assert "Say why; the representative will read it." in text
        response = client.post(path, {"_refuse": "1", "reason": "Too much."}, follow=True)

        assert "was refused" in text_of(response)
        row.refresh_from_db()
        assert (row.state, row.reason) == ("refused", "Too much.")

    def test_the_second_of_two_is_told_that_it_is_decided(self, ask, client_of):
        from eventkit.contrib.django.models import Consumer

        _, path = ask()
        client_of("superuser").post(path, {**FORM, "_approve": "1"})
        response = client_of("administrator").post(
            path, {**FORM, "slug": "another", "_approve": "1"}, follow=True
        )

        assert "approved already" in text_of(response)
        assert Consumer.objects.count() == 1
