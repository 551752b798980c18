"""Certificates and badges."""

from __future__ import annotations

from functools import partial
from urllib.parse import urljoin, urlsplit

from eventkit.events.rows import Action, Row, Shape, Statement
from eventkit.events.shapes.caliper import ANNOTATION, GENERAL, READING, course_part, entity, shared
from eventkit.events.shapes.iris import (
    BADGE,
    BADGE_ASSERTION,
    CERTIFICATE,
    ENROLLMENT_MODE,
    GENERATION_MODE,
    ISSUED_TO,
    ISSUER,
    LEARNER,
    RECEIVED,
    SHARE_MEDIUM,
    SHARED,
    SOURCE,
    TYPE,
    WAS_REVOKED,
)
from eventkit.events.shapes.view import View, activity
from eventkit.typing import Json

# What the platform told us.


def certificate_iri(view: View) -> str:
    """
    Give the IRI of the certificate.

    Its page does not serve: the addresses of older certificates hold the id of the user.
    """
    certificate = view.key("certificate_id")
    if not certificate:
        raise view.lacks("no_object", "data.certificate_id")
    return view.iri(f"/certificates/{certificate}")


def assertion_iri(view: View) -> str:
    """Give the IRI of the badge: the page where its assertion is hosted."""
    field = "assertion_json_url"
    url = view.key(field)
    if not url:
        raise view.lacks("no_object", f"data.{field}")
    try:
        url = urljoin(f"{view.site.lms_root}/", url)
        parts = urlsplit(url)
    except ValueError:
        raise view.lacks("bad_url", f"data.{field}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise view.lacks("bad_url", f"data.{field}")
    return view.address(url, f"data.{field}")


def recipient(view: View) -> int | str | None:
    """Give the learner who asked for the certificate; None when the platform made it by itself."""
    return view.named() if view.data.get("generation_mode") == "self" else None


# How xAPI says it.


def certificate(view: View) -> Json:
    """Make the certificate."""
    return activity(
        certificate_iri(view), CERTIFICATE, extensions={TYPE: view.scalar("enrollment_mode")}
    )


def badge(view: View) -> Json:
    """Make the badge."""
    return activity(assertion_iri(view), BADGE)


def assertion(view: View) -> Json:
    """Say where the proof of the badge is, as the Open Badges profile has it."""
    return {"extensions": {BADGE_ASSERTION: {"@id": assertion_iri(view)}}}


def generation(view: View) -> Json:
    """Say whether the learner asked for the certificate, or many were made at once."""
    return {GENERATION_MODE: view.scalar("generation_mode")}


def revocation(view: View) -> Json:
    """Say what asked for the certificate to be revoked."""
    return {SOURCE: view.scalar("source")}


def network(view: View) -> Json:
    """Say on which social network."""
    return {SHARE_MEDIUM: view.scalar("social_network")}


# How Caliper says it.


def certificate_document(view: View) -> Json:
    """Make the certificate, as a part of its course."""
    return entity(
        certificate_iri(view),
        "Document",
        name="Certificate",
        isPartOf=course_part(view),
        extensions={
            ENROLLMENT_MODE: view.scalar("enrollment_mode"),
            ISSUED_TO: view.person(view.subject()),
        },
    )


def badge_document(view: View) -> Json:
    """Make the badge, as a part of its course."""
    return entity(
        assertion_iri(view),
        "Document",
        isPartOf=course_part(view),
        extensions={ISSUER: view.scalar("issuer"), ISSUED_TO: view.person(view.subject())},
    )


def certificate_share(view: View) -> Json:
    """Make the sharing of the certificate."""
    return shared(view, certificate_iri(view))


def badge_share(view: View) -> Json:
    """Make the sharing of the badge."""
    return shared(view, assertion_iri(view))


def about(view: View, *, more: Shape | None = None) -> Json:
    """Say whom it is about, where it is not who acts; *more* adds to it."""
    said = more(view) if more else None
    return {LEARNER: view.person(view.subject())} | (said or {})


def site_left(view: View) -> Json | None:
    """Make the site that the visitor came from; the page itself may be somebody's profile."""
    try:
        parts = urlsplit(view.key("source_url").replace("\\", "/"))
    except ValueError:
        return None
    url = view.page_address(f"{parts.scheme}://{parts.netloc}/")
    return entity(url, "WebPage") if url else None


def visitor(view: View) -> int | str | None:
    """
    Give who followed a link to what somebody shared.

    The payload names the owner, not the visitor; a visitor who is not logged in is nobody's user.
    """
    if view.doer is None:
        raise view.nobody("context.user_id", view.context, view.event)
    return view.doer


def _visited(document: Shape) -> Action:
    return Action(
        "ViewEvent",
        "Viewed",
        document,
        READING,
        referrer=site_left,
        extensions=network,
        actor=visitor,
    )


# The rows.

_VISITED = (
    "xAPI: somebody, mostly not logged in, follows a link that a learner shared; the payload names "
    "the learner, who would be credited with what others do."
)
_CONFIGURED = "Course configuration, not a learner's action."

EVENTS: tuple[Row, ...] = (
    Row(
        ("edx.certificate.created",),
        # Analytics counts every "earned" as a grade.
        xapi=Statement(RECEIVED, certificate, extensions=generation, user=View.named),
        caliper=Action(
            "Event",
            "Created",
            certificate_document,
            GENERAL,
            extensions=partial(about, more=generation),
            actor=recipient,
        ),
    ),
    Row(
        ("edx.certificate.revoked",),
        xapi=Statement(WAS_REVOKED, certificate, extensions=revocation, user=View.named),
        caliper=Action(
            "Event",
            "Deactivated",
            certificate_document,
            GENERAL,
            extensions=partial(about, more=revocation),
            actor="lms",
        ),
    ),
    Row(
        ("edx.certificate.shared",),
        xapi=Statement(SHARED, certificate, extensions=network, user=View.named),
        caliper=Action(
            "AnnotationEvent",
            "Shared",
            certificate_document,
            ANNOTATION,
            generated=certificate_share,
            extensions=network,
            actor="learner",
        ),
    ),
    Row(
        ("edx.certificate.evidence_visited",),
        caliper=_visited(certificate_document),
        reason=_VISITED,
    ),
    Row(("edx.certificate.generation.enabled",), reason=_CONFIGURED),
    Row(("edx.certificate.generation.disabled",), reason=_CONFIGURED),
    *(
        Row((f"edx.certificate.configuration.{what}",), reason=_CONFIGURED)
        for what in ("created", "modified", "deleted", "activated", "deactivated")
    ),
    Row(
        ("edx.badge.assertion.created",),
        xapi=Statement(RECEIVED, badge, result=assertion, user=View.named),
        caliper=Action("Event", "Created", badge_document, GENERAL, extensions=about, actor="lms"),
    ),
    Row(
        ("edx.badge.assertion.shared",),
        xapi=Statement(SHARED, badge, result=assertion, extensions=network, user=View.named),
        caliper=Action(
            "AnnotationEvent",
            "Shared",
            badge_document,
            ANNOTATION,
            generated=badge_share,
            extensions=network,
            actor="learner",
        ),
    ),
    Row(
        ("edx.badge.assertion.evidence_visited",),
        caliper=_visited(badge_document),
        reason=_VISITED,
    ),
)
