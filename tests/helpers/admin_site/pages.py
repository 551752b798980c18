"""Every address of the app, and who gets in."""

from __future__ import annotations

from operator import attrgetter
from typing import NamedTuple

from admin_site.roles import ANONYMOUS, ROLES

STAFF = {"viewer", "operator", "administrator", "tenant administrator", "superuser"}
OPERATORS = STAFF - {"viewer"}
ADMINISTRATORS = OPERATORS - {"operator"}
EVERYBODY = set(ROLES) - {ANONYMOUS}
REPRESENTATIVE = {"representative"}


class Page(NamedTuple):
    """
    What to expect of an address.

    Args:
        who: the roles that get in, where it is about something of their own.

        about: which thing of `admin_site.belongings` it is about, and the attribute that stands in
            the address, such as ``consumer.pk``; empty where it is about nothing.

        is_button: it takes POST only.

        is_data: it gives no page but data, for scripts or to be saved.
    """

    who: set[str]
    about: str = ""
    is_button: bool = False
    is_data: bool = False


PAGES: dict[str, Page] = {
    "admin:eventkit_accessrequest_add": Page(set()),
    "admin:eventkit_accessrequest_change": Page(ADMINISTRATORS, "request.pk"),
    "admin:eventkit_accessrequest_changelist": Page(ADMINISTRATORS),
    "admin:eventkit_accessrequest_delete": Page(set(), "request.pk"),
    "admin:eventkit_accessrequest_history": Page(ADMINISTRATORS, "request.pk"),
    "admin:eventkit_auditentry_add": Page(set()),
    "admin:eventkit_auditentry_change": Page(STAFF, "audit.pk"),
    "admin:eventkit_auditentry_changelist": Page(STAFF),
    "admin:eventkit_auditentry_delete": Page(set(), "audit.pk"),
    "admin:eventkit_auditentry_history": Page(STAFF, "audit.pk"),
    "admin:eventkit_consumer_add": Page(ADMINISTRATORS),
    "admin:eventkit_consumer_change": Page(STAFF, "consumer.pk"),
    "admin:eventkit_consumer_changelist": Page(STAFF),
    "admin:eventkit_consumer_clone": Page(ADMINISTRATORS, "consumer.pk"),
    "admin:eventkit_consumer_delete": Page(ADMINISTRATORS, "consumer.pk"),
    "admin:eventkit_consumer_disable": Page(ADMINISTRATORS, "consumer.pk"),
    "admin:eventkit_consumer_enable": Page(ADMINISTRATORS, "consumer.pk"),
    "admin:eventkit_consumer_export": Page(STAFF, is_data=True),
    "admin:eventkit_consumer_history": Page(STAFF, "consumer.pk"),
    "admin:eventkit_consumer_import": Page(ADMINISTRATORS),
    "admin:eventkit_consumer_import_erb": Page(ADMINISTRATORS),
    "admin:eventkit_consumer_pause": Page(OPERATORS, "consumer.pk"),
    "admin:eventkit_consumer_replay": Page(OPERATORS, "consumer.pk"),
    "admin:eventkit_consumer_resume": Page(OPERATORS, "consumer.pk"),
    "admin:eventkit_consumer_suggest": Page(STAFF, is_data=True),
    "admin:eventkit_consumer_test": Page(OPERATORS, "consumer.pk"),
    "admin:eventkit_consumer_words": Page(STAFF, is_button=True),
    "admin:eventkit_delivery": Page(STAFF, "consumer.slug"),
    "admin:eventkit_letter_act": Page(OPERATORS, is_button=True),
    "admin:eventkit_letter_change": Page(OPERATORS, "letter.letter_id"),
    "admin:eventkit_letter_changelist": Page(OPERATORS),
    "admin:eventkit_replay_change": Page(OPERATORS, "replay.pk"),
    "admin:eventkit_replay_changelist": Page(OPERATORS),
    "admin:eventkit_replay_resume": Page(OPERATORS, "replay.pk", is_button=True),
    "admin:eventkit_report_changelist": Page(STAFF),
    "admin:eventkit_tenant_add": Page(ADMINISTRATORS - {"tenant administrator"}),
    "admin:eventkit_tenant_change": Page(STAFF, "tenant.pk"),
    "admin:eventkit_tenant_changelist": Page(STAFF),
    "admin:eventkit_tenant_delete": Page(ADMINISTRATORS - {"tenant administrator"}, "tenant.pk"),
    "admin:eventkit_tenant_history": Page(STAFF, "tenant.pk"),
    "admin:eventkit_try": Page(STAFF),
    "eventkit_portal:consumer": Page(REPRESENTATIVE, "consumer.pk"),
    "eventkit_portal:credentials": Page(REPRESENTATIVE, "consumer.pk"),
    "eventkit_portal:home": Page(EVERYBODY),
    "eventkit_portal:pause": Page(REPRESENTATIVE, "consumer.pk", is_button=True),
    "eventkit_portal:request": Page(EVERYBODY),
    "eventkit_portal:request_detail": Page(REPRESENTATIVE, "request.pk"),
    "eventkit_portal:resume": Page(REPRESENTATIVE, "consumer.pk", is_button=True),
    "eventkit_portal:withdraw": Page(REPRESENTATIVE, "request.pk", is_button=True),
}
"""By name. An address without a line here fails a test, and so does a line without an address."""


def names() -> list[str]:
    """Give the names of all addresses that are of the app."""
    from django.urls import get_resolver

    def walk(resolver, space=""):
        for each in resolver.url_patterns:
            if hasattr(each, "url_patterns"):
                yield from walk(each, f"{space}{each.namespace}:" if each.namespace else space)
            elif "eventkit" in f"{space}{each.name} {each.callback.__module__}":
                yield f"{space}{each.name}"

    return sorted(set(walk(get_resolver())))


def address(name: str, things) -> str:
    """Give the address of a page, about something of *things* if it is about anything."""
    from django.urls import reverse

    about = PAGES[name].about
    return reverse(name, args=[attrgetter(about)(things)] if about else [])
