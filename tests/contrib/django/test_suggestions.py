"""What may stand in rules, where the site is an LMS: courses and organisations of its tables."""

from __future__ import annotations

import pytest


@pytest.fixture
def platform(admin_site, monkeypatch):
    """Tables as those of the platform, with some courses and organisations in them."""
    from django.apps import apps
    from django.db import connection, models
    from django.test.utils import isolate_apps

    with isolate_apps("django.contrib.contenttypes"):

        class CourseOverview(models.Model):  # noqa: DJ008 - nobody shows it
            id = models.CharField(max_length=255, primary_key=True)
            display_name = models.TextField(null=True)  # noqa: DJ001 - as in the platform
            org = models.TextField()

            class Meta:
                app_label = "course_overviews"

        class Organization(models.Model):  # noqa: DJ008 - nobody shows it
            name = models.CharField(max_length=255)
            short_name = models.CharField(max_length=255)

            class Meta:
                app_label = "organizations"

    made = {"course_overviews": CourseOverview, "organizations": Organization}
    known = apps.get_model

    def get_model(label, *name, **more):
        return made[label] if label in made else known(label, *name, **more)

    monkeypatch.setattr(apps, "get_model", get_model)
    with connection.schema_editor() as editor:
        for model in made.values():
            editor.create_model(model)
    CourseOverview.objects.bulk_create(
        CourseOverview(id=f"course-v1:{org}+{name}+2026", display_name=title, org=org)
        for org, name, title in (
            ("edX", "DemoX", "Demonstration"),
            ("Lakeside", "Water", "All about water"),
            ("Lakeside", "Boats", None),
        )
    )
    Organization.objects.create(short_name="Lakeside", name="The school by the lake")
    Organization.objects.create(short_name="edX", name="edX Inc.")
    yield made
    with connection.schema_editor() as editor:
        for model in made.values():
            editor.delete_model(model)


def values(field, typed, organisations=None):
    from eventkit.contrib.django.suggestions import suggestions

    return [each["value"] for each in suggestions(field, typed, organisations)]


def test_courses_are_found_by_key_and_by_name(platform):
    assert values("course", "water lake") == ["course-v1:Lakeside+Water+2026"]
    assert values("course", "demonstr") == ["course-v1:edX+DemoX+2026"]
    assert len(values("course", "")) == 3
    assert values("course", "%") == []


def test_courses_of_others_are_not_found(platform):
    assert values("course", "", ["lakeside"]) == [
        "course-v1:Lakeside+Boats+2026",
        "course-v1:Lakeside+Water+2026",
    ]
    assert values("course", "demo", ["Lakeside"]) == []
    assert values("course", "", []) == []


def test_organisations_are_those_of_the_platform(platform):
    assert values("org", "school") == ["Lakeside"]
    assert values("org", "") == ["Lakeside", "edX"]
    assert values("org", "", ["Lakeside"]) == ["Lakeside"]
    assert values("org", "edx", ["Lakeside"]) == []


def test_without_a_table_of_organisations_those_with_courses_are_offered(platform):
    from django.apps import apps

    del platform["organizations"]
    with pytest.raises(LookupError):
        apps.get_model("organizations", "Organization")

    assert values("org", "") == ["Lakeside", "edX"]


def test_where_the_site_is_no_lms_there_is_nothing_to_suggest(admin_site):
    assert values("course", "demo") == []
    assert values("org", "") == []
    assert values("org", "", ["Lakeside"]) == ["Lakeside"]


def test_no_more_are_given_than_can_be_looked_at(admin_site):
    assert len(values("event", "")) == 20
    assert values("event", "edx grade calculated")[0].startswith("edx.grades.")
