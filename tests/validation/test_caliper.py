"""Every rule of Caliper 1.2 has an event that keeps it and one that breaks it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import caliper_context
import pytest
from caliper_events import (
    APPLICATION,
    BLOCK,
    CONTEXT,
    FULL,
    GOOD,
    QUESTIONNAIRE,
    TIME,
    TRIED,
    USER,
    entity,
    event,
)
from changing import MISSING, change
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from eventkit.exceptions import EventkitError
from eventkit.validation import InvalidCaliperEvent, envelope_errors, event_errors, validate_event
from eventkit.validation import caliper as caliper_validation

Json = dict[str, Any]

EVENT_TYPES = {
    "Event": None,
    "AnnotationEvent": "Bookmarked Highlighted Shared Tagged",
    "AssessmentEvent": "Started Paused Resumed Restarted Reset Submitted",
    "AssessmentItemEvent": "Started Skipped Completed",
    "AssignableEvent": "Activated Deactivated Started Completed Submitted Reviewed",
    "FeedbackEvent": "Commented Ranked",
    "ForumEvent": "Subscribed Unsubscribed",
    "GradeEvent": "Graded",
    "MediaEvent": (
        "Started Ended Paused Resumed Restarted ForwardedTo JumpedTo ChangedResolution ChangedSize "
        "ChangedSpeed ChangedVolume EnabledClosedCaptioning DisabledClosedCaptioning "
        "EnteredFullScreen ExitedFullScreen Muted Unmuted OpenedPopout ClosedPopout"
    ),
    "MessageEvent": "Posted MarkedAsRead MarkedAsUnread",
    "NavigationEvent": "NavigatedTo",
    "QuestionnaireEvent": "Started Submitted",
    "QuestionnaireItemEvent": "Started Skipped Completed",
    "ResourceManagementEvent": (
        "Archived Copied Created Deleted Described Downloaded Modified Printed Published Restored "
        "Retrieved Saved Unpublished Uploaded"
    ),
    "SearchEvent": "Searched",
    "SessionEvent": "LoggedIn LoggedOut TimedOut",
    "SurveyEvent": "OptedIn OptedOut",
    "SurveyInvitationEvent": "Sent Accepted Declined",
    "ThreadEvent": "MarkedAsRead MarkedAsUnread",
    "ToolLaunchEvent": "Launched Returned",
    "ToolUseEvent": "Used",
    "ViewEvent": "Viewed",
}


def agrees(document: Any, definition: str = "event") -> bool:
    """Ask both validators; they must say the same."""
    rust = pytest.importorskip("jsonschema_rs")
    schema = caliper_validation.schema(definition)
    slow = Draft202012Validator(schema).is_valid(document)
    fast = rust.Draft202012Validator(schema).is_valid(document)

    assert slow == fast

    return slow


def good(name: str, path: str, value: Any) -> Json:
    """Spoil the good event *name*."""
    return change(GOOD[name], path, value)


@pytest.mark.parametrize("sound", GOOD.values(), ids=GOOD.keys())
def test_an_event_within_the_rules_passes(sound: Json) -> None:
    before = copy.deepcopy(sound)

    assert event_errors(sound) == []
    assert agrees(sound)
    assert sound == before

    validate_event(sound)


def test_there_is_a_good_event_of_each_type() -> None:
    assert {each["type"] for each in GOOD.values()} == set(EVENT_TYPES)


IRI = "must be an absolute IRI or a blank node (_:x), without spaces"
KEY = "must be put after the URL of the LMS, for a key of Open edX is no IRI"
WHEN = "must be a time of UTC with exactly milliseconds, such as 2024-02-29T12:00:00.500Z"
DURATION = "must be a duration of ISO 8601, such as PT1M30.5S"
ANY_ACTION = "action: must be an action of Caliper 1.2"
RESOURCE = "must be a DigitalResource"
RESOURCE_OR_APPLICATION = "must be a DigitalResource or a SoftwareApplication"
UUID = "must be urn:uuid: and a UUID"
CONTEXTS = f"@context: must be {CONTEXT}, or an array that ends with it"
READABLE = (
    "ReadingProfile, AssessmentProfile, AssignableProfile, ForumProfile, MediaProfile, "
    "SurveyProfile"
)
PERSON = entity("Person", USER)
GROUP = entity("Group")

BAD: list[tuple[Json, str]] = [
    # event
    *(
        (change(FULL, key, MISSING), f"event: must have {key}")
        for key in (
            "@context",
            "id",
            "type",
            "actor",
            "action",
            "object",
            "eventTime",
        )
    ),
    (change(FULL, "extra", 1), "event: must not have extra"),
    (change(FULL, "transformerVersion", "x"), "event: must not have transformerVersion"),
    (change(FULL, "@context", "http://purl.imsglobal.org/ctx/caliper/v1p1"), CONTEXTS),
    (change(FULL, "@context", []), CONTEXTS),
    (change(FULL, "@context", [{}]), CONTEXTS),
    (change(FULL, "@context", [CONTEXT, {}]), f"@context: must end with {CONTEXT}"),
    (change(FULL, "id", "f3e25970-2c71-57a6-9ba9-8ba714e68f76"), f"id: {UUID}"),
    (change(FULL, "id", "urn:uuid:1"), f"id: {UUID}"),
    (change(FULL, "id", FULL["id"] + "\n"), "id: " + UUID),
    (change(FULL, "type", "ReadingEvent"), "type: must be an event type of Caliper 1.2"),
    (change(FULL, "type", "VideoObject"), "type: must be an event type of Caliper 1.2"),
    (change(FULL, "action", "Replied"), ANY_ACTION),
    (change(FULL, "action", "EnabledCloseCaptioning"), ANY_ACTION),
    (change(FULL, "action", ["Started"]), ANY_ACTION),
    (good("Event", "action", "Smiled"), ANY_ACTION),
    (change(FULL, "profile", "BasicProfile"), "profile: must be a profile of Caliper 1.2"),
    # null and empty
    (change(FULL, "target", None), "target: must be an object"),
    (change(FULL, "session", {}), "session: must have id, type"),
    (change(FULL, "extensions", None), "extensions: must be an object"),
    (change(FULL, "extensions", []), "extensions: must be an object"),
    (change(FULL, "extensions", {}), "extensions: must have at least 1 members"),
    (change(FULL, "object.name", None), "object.name: must be text"),
    (change(FULL, "object.keywords", []), "object.keywords: must have at least 1 items"),
    (change(FULL, "object.extensions", {}), "object.extensions: must have at least 1 members"),
    # entities
    (change(FULL, "object.id", MISSING), "object: must have id"),
    (change(FULL, "object.type", MISSING), "object: must have type"),
    (change(FULL, "object.type", "Webpage"), "object.type: must be an entity type of Caliper 1.2"),
    (change(FULL, "object.id", "the video"), f"object.id: {IRI}"),
    (change(FULL, "object.id", "https://x.org/a b"), f"object.id: {IRI}"),
    (change(FULL, "object.id", "/xblock/1"), f"object.id: {IRI}"),
    (change(FULL, "object.id", "_:"), f"object.id: {IRI}"),
    (change(FULL, "object.id", "https://x.org/\n"), f"object.id: {IRI}"),
    (change(FULL, "object.id", 5), "object.id: must be text"),
    (change(FULL, "object.id", "block-v1:Org+C+R+type@video+block@v"), f"object.id: {KEY}"),
    (change(FULL, "object", "the video"), f"object: {IRI}"),
    (change(FULL, "edApp", "open edX"), f"edApp: {IRI}"),
    (change(FULL, "actor", 5), "actor: must be an object"),
    (change(FULL, "object.nonsense", 1), "object: must not have nonsense"),
    (change(FULL, "object.@context", CONTEXT), "object: must not have @context"),
    (
        change(FULL, "actor.id", "http://purl.imsglobal.org/caliper/Group"),
        "actor.id: must be the IRI of its type, for it is one of Caliper's own",
    ),
    (
        change(
            FULL, "actor", entity("Person", "http://purl.imsglobal.org/caliper/Person", name="A")
        ),
        "actor: must have id and type only, for it is anonymous",
    ),
    # what stands around every event
    (change(FULL, "edApp", PERSON), "edApp.type: must be SoftwareApplication"),
    (change(FULL, "group", PERSON), "group.type: must be an Organization"),
    (change(FULL, "session", PERSON), "session.type: must be a Session"),
    (
        change(FULL, "federatedSession", FULL["session"]),
        "federatedSession.type: must be LtiSession",
    ),
    (change(FULL, "membership", GROUP), "membership.type: must be Membership"),
    (
        change(FULL, "membership.status", "status#Active"),
        "membership.status: must be one of Active, Inactive",
    ),
    (change(FULL, "membership.roles", "Learner"), "membership.roles: must be an array"),
    (
        change(FULL, "membership.roles.0", "Student"),
        (
            "membership.roles[0]: must be a role of LIS, such as Learner or "
            "Instructor#TeachingAssistant"
        ),
    ),
    (change(FULL, "membership.member", GROUP), "membership.member.type: must be Person"),
    (
        change(FULL, "membership.organization", PERSON),
        "membership.organization.type: must be an Organization",
    ),
    (change(FULL, "session.user", GROUP), "session.user.type: must be Person"),
    (change(FULL, "session.client", PERSON), "session.client.type: must be SoftwareApplication"),
    (
        change(FULL, "federatedSession.messageParameters", "x"),
        "federatedSession.messageParameters: must be an object",
    ),
    # values of members
    (change(FULL, "object.creators", USER), "object.creators: must be an array"),
    (
        change(FULL, "object.creators.0", entity("Page")),
        "object.creators[0].type: must be an Agent",
    ),
    (
        change(FULL, "object.learningObjectives.0", PERSON),
        "object.learningObjectives[0].type: must be LearningObjective",
    ),
    (
        change(FULL, "object.otherIdentifiers.0.identifierType", "Ssn"),
        (
            "object.otherIdentifiers[0].identifierType: must be one of AccountUserName, "
            "EmailAddress, LisSourcedId, LtiContextId, LtiDeploymentId, LtiPlatformId, LtiToolId, "
            "LtiUserId, OneRosterSourcedId, Other, SisSourcedId, SystemId"
        ),
    ),
    (
        change(FULL, "object.otherIdentifiers.0.identifier", MISSING),
        "object.otherIdentifiers[0]: must have identifier",
    ),
    (good("AssessmentEvent", "object.items", []), "object.items: must have at least 1 items"),
    (
        good("AssessmentEvent", "object.items.0", PERSON),
        "object.items[0].type: must be AssessmentItem",
    ),
    (good("ForumEvent", "object.items.0", PERSON), "object.items[0].type: must be Thread"),
    (
        good("MessageEvent", "object.isPartOf.items.0", PERSON),
        "object.isPartOf.items[0].type: must be Message",
    ),
    (good("QuestionnaireEvent", "object.items", MISSING), "object: must have items"),
    (
        good("QuestionnaireEvent", "object.items.0", PERSON),
        "object.items[0].type: must be QuestionnaireItem",
    ),
    (good("SurveyEvent", "object.items.0", PERSON), "object.items[0].type: must be Questionnaire"),
    (change(FULL, "object.isPartOf.items.1", PERSON), f"object.isPartOf.items[1].type: {RESOURCE}"),
    (
        good("ToolUseEvent", "generated.items.0", PERSON),
        "generated.items[0].type: must be AggregateMeasure",
    ),
    (
        good("ToolUseEvent", "generated.items.0.metric", MISSING),
        "generated.items[0]: must have metric",
    ),
    (
        good("ToolUseEvent", "generated.items.0.metric", "Clicks"),
        (
            "generated.items[0].metric: must be one of AssessmentsPassed, AssessmentsSubmitted, "
            "MinutesOnTask, SkillsMastered, StandardsMastered, UnitsCompleted, UnitsPassed, "
            "WordsRead"
        ),
    ),
    (good("GradeEvent", "generated.maxScore", "10"), "generated.maxScore: must be a number"),
    (good("GradeEvent", "generated.scoreGiven", True), "generated.scoreGiven: must be a number"),
    (good("GradeEvent", "generated.attempt", PERSON), "generated.attempt.type: must be Attempt"),
    (good("GradeEvent", "generated.scoredBy", TRIED), "generated.scoredBy.type: must be an Agent"),
    (good("GradeEvent", "generated.comment", ["c"]), "generated.comment: must be text"),
    (good("GradeEvent", "generated.attempts", 1), "generated: must not have attempts"),
    (good("GradeEvent", "object.count", 1.5), "object.count: must be a whole number"),
    (good("GradeEvent", "object.count", -1), "object.count: must be at least 0"),
    (good("GradeEvent", "object.assignee", APPLICATION), "object.assignee.type: must be Person"),
    (good("GradeEvent", "object.assignable", GROUP), f"object.assignable.type: {RESOURCE}"),
    (
        good("an attempt that is part of one", "object.isPartOf", entity("Assessment")),
        "object.isPartOf.type: must be Attempt",
    ),
    (good("AnnotationEvent", "target.index", -1), "target.index: must be at least 0"),
    (
        good("AnnotationEvent", "generated.annotator", GROUP),
        "generated.annotator.type: must be Person",
    ),
    (
        good("AnnotationEvent", "generated.annotated", PERSON),
        f"generated.annotated.type: {RESOURCE}",
    ),
    (
        good("MessageEvent", "object.replyTo", entity("Thread")),
        "object.replyTo.type: must be Message",
    ),
    (
        good("MessageEvent", "object.attachments.0", PERSON),
        f"object.attachments[0].type: {RESOURCE}",
    ),
    (good("SearchEvent", "generated.query", PERSON), "generated.query.type: must be Query"),
    (
        good("SearchEvent", "generated.searchResultsItemCount", "3"),
        "generated.searchResultsItemCount: must be a whole number",
    ),
    (good("FeedbackEvent", "generated.rater", GROUP), "generated.rater.type: must be Person"),
    (good("FeedbackEvent", "generated.selections", "1"), "generated.selections: must be an array"),
    (good("FeedbackEvent", "generated.selections.0", 1), "generated.selections[0]: must be text"),
    (
        good("FeedbackEvent", "generated.question", GROUP),
        "generated.question.type: must be a Question",
    ),
    (
        good("FeedbackEvent", "generated.question.scale", GROUP),
        "generated.question.scale.type: must be a Scale",
    ),
    (
        good("FeedbackEvent", "generated.ratingComment", GROUP),
        "generated.ratingComment.type: must be Comment",
    ),
    (good("SurveyInvitationEvent", "object.survey", GROUP), "object.survey.type: must be Survey"),
    (
        good("Tagged with a TagAnnotation", "generated.tags", "x"),
        "generated.tags: must be an array",
    ),
    (
        good("a MultiselectScale", "object.minSelections", []),
        "object.minSelections: must be a number or text",
    ),
    # calendar
    (
        change(FULL, "eventTime", "2023-02-29T12:00:00.000Z"),
        "eventTime: must be a date of the calendar",
    ),
    (
        change(FULL, "session.startedAtTime", "2023-02-29T12:00:00.000Z"),
        "session.startedAtTime: must be a date of the calendar",
    ),
    (
        change(
            FULL, "object.isPartOf.items.1", entity("Page", dateCreated="0000-01-01T00:00:00.000Z")
        ),
        "object.isPartOf.items[1].dateCreated: must be a date of the calendar",
    ),
    # actors, objects, targets and what is generated
    (good("Event", "actor", TRIED), "actor.type: must be an Agent"),
    (good("AnnotationEvent", "object", PERSON), f"object.type: {RESOURCE}"),
    (good("AnnotationEvent", "target", entity("Page")), "target.type: must be Frame"),
    (
        good("AssessmentEvent", "object", entity("AssessmentItem")),
        "object.type: must be Assessment",
    ),
    (good("AssessmentEvent", "generated", entity("Score")), "generated.type: must be Attempt"),
    (
        good("AssessmentItemEvent", "object", entity("Assessment")),
        "object.type: must be AssessmentItem",
    ),
    (
        good("AssessmentItemEvent", "generated", TRIED),
        "generated.type: must be a Response, for the action is Completed",
    ),
    (
        good("a started item", "generated", entity("Response")),
        "generated.type: must be an Attempt, unless the action is Completed",
    ),
    (
        good("AssessmentItemEvent", "generated", entity("Score")),
        "generated.type: must be a Response or an Attempt",
    ),
    (
        good("AssessmentItemEvent", "referrer", entity("WebPage")),
        "referrer.type: must be AssessmentItem",
    ),
    (
        good("AssignableEvent", "object", entity("Page")),
        "object.type: must be an AssignableDigitalResource",
    ),
    (good("AssignableEvent", "target", entity("Page")), "target.type: must be Frame"),
    (good("AssignableEvent", "generated", entity("Score")), "generated.type: must be Attempt"),
    (good("FeedbackEvent", "target", entity("Page")), "target.type: must be Frame"),
    (
        good("FeedbackEvent", "generated", entity("Comment")),
        "generated.type: must be a Rating, for the action is Ranked",
    ),
    (
        good("a comment", "generated", entity("Rating")),
        "generated.type: must be a Comment, for the action is Commented",
    ),
    (
        good("FeedbackEvent", "generated", entity("Score")),
        "generated.type: must be one of Comment, Rating",
    ),
    (good("ForumEvent", "object", entity("Thread")), "object.type: must be Forum"),
    (good("GradeEvent", "actor", GROUP), "actor.type: must be a Person or a SoftwareApplication"),
    (
        good("GradeEvent", "actor", PERSON),
        "actor.type: must be SoftwareApplication, for one gave the score",
    ),
    (good("GradeEvent", "object", entity("Assessment")), "object.type: must be Attempt"),
    (good("GradeEvent", "generated", entity("Result")), "generated.type: must be Score"),
    (
        good("GradeEvent", "generated", {"score": {"scoreGiven": 1}}),
        "generated: must have id, type",
    ),
    (good("MediaEvent", "object", entity("Page")), "object.type: must be a MediaObject"),
    (change(FULL, "target", entity("Frame")), "target.type: must be MediaLocation"),
    (good("MessageEvent", "object", entity("Thread")), "object.type: must be Message"),
    (good("NavigationEvent", "object", GROUP), f"object.type: {RESOURCE_OR_APPLICATION}"),
    (good("NavigationEvent", "target", APPLICATION), f"target.type: {RESOURCE}"),
    (good("NavigationEvent", "referrer", PERSON), f"referrer.type: {RESOURCE_OR_APPLICATION}"),
    (good("QuestionnaireEvent", "object", entity("Survey")), "object.type: must be Questionnaire"),
    (good("QuestionnaireEvent", "generated", entity("Score")), "generated.type: must be Attempt"),
    (
        good("QuestionnaireItemEvent", "object", entity("Page")),
        "object.type: must be QuestionnaireItem",
    ),
    (
        event("QuestionnaireItemEvent", "Skipped", BLOCK, generated=entity("Response")),
        "generated.type: must be an Attempt, unless the action is Completed",
    ),
    (good("ResourceManagementEvent", "object", GROUP), f"object.type: {RESOURCE}"),
    (good("ResourceManagementEvent", "generated", GROUP), f"generated.type: {RESOURCE}"),
    (good("ResourceManagementEvent", "generated", MISSING), "event: must have generated"),
    (
        good("SearchEvent", "object", GROUP),
        f"object.type: {RESOURCE_OR_APPLICATION}, for the profile is SearchProfile",
    ),
    (good("SearchEvent", "generated", entity("Query")), "generated.type: must be SearchResponse"),
    (
        good("SessionEvent", "actor", APPLICATION),
        "actor.type: must be Person, unless the action is TimedOut",
    ),
    (
        good("SessionEvent", "object", entity("Session")),
        "object.type: must be SoftwareApplication, unless the action is TimedOut",
    ),
    (good("SessionEvent", "target", GROUP), f"target.type: {RESOURCE}"),
    (
        good("a timeout", "actor", PERSON),
        "actor.type: must be SoftwareApplication, for the action is TimedOut",
    ),
    (
        good("a timeout", "object", APPLICATION),
        "object.type: must be a Session, for the action is TimedOut",
    ),
    (
        good("a log-out", "target", entity("Page")),
        "target: must be left out unless the action is LoggedIn",
    ),
    (
        good("SurveyEvent", "object", QUESTIONNAIRE),
        "object.type: must be Survey",
    ),
    (
        good("SurveyInvitationEvent", "object", entity("Survey")),
        "object.type: must be SurveyInvitation",
    ),
    (good("ThreadEvent", "object", entity("Forum")), "object.type: must be Thread"),
    (good("ToolLaunchEvent", "object", entity("Page")), "object.type: must be SoftwareApplication"),
    (good("ToolLaunchEvent", "target", entity("Page")), "target.type: must be a Link"),
    (good("ToolLaunchEvent", "generated", TRIED), f"generated.type: {RESOURCE}"),
    (good("ToolLaunchEvent", "federatedSession", MISSING), "event: must have federatedSession"),
    (good("ToolUseEvent", "object", entity("Page")), "object.type: must be SoftwareApplication"),
    (good("ToolUseEvent", "target", entity("Page")), "target.type: must be SoftwareApplication"),
    (
        good("ToolUseEvent", "generated", entity("Collection")),
        "generated.type: must be AggregateMeasureCollection",
    ),
    (
        good("ViewEvent", "object", APPLICATION),
        "object.type: must be a DigitalResource or a Result",
    ),
    (
        good("ViewEvent", "object", entity("Result")),
        "object.type: must be a DigitalResource, for the profile is ReadingProfile",
    ),
    (
        good("a viewed result", "object", entity("Page")),
        "object.type: must be a Result, for the profile is GradingProfile",
    ),
]
# An annotation is of the kind that its action makes.
BAD += [
    (
        event("AnnotationEvent", action, BLOCK, generated=entity("Annotation")),
        f"generated.type: must be a {kind}, for the action is {action}",
    )
    for action, kind in (
        ("Bookmarked", "BookmarkAnnotation"),
        ("Highlighted", "HighlightAnnotation"),
        ("Shared", "SharedAnnotation"),
        ("Tagged", "TagAnnotation"),
    )
]
# People act; the exceptions are above.
BAD += [
    (good(kind, "actor", APPLICATION), "actor.type: must be Person")
    for kind in EVENT_TYPES
    if kind not in {"Event", "GradeEvent", "SessionEvent"}
]
# Each type has its actions.
BAD += [
    (
        good(kind, "action", "Liked"),
        f"action: must be {'one of ' if ' ' in actions else ''}{actions.replace(' ', ', ')}",
    )
    for kind, actions in EVENT_TYPES.items()
    if actions
]
# Each type has its profile.
BAD += [
    (
        good(kind, "profile", "SessionProfile" if kind != "SessionEvent" else "MediaProfile"),
        f"profile: must be {GOOD[kind]['profile']}",
    )
    for kind in EVENT_TYPES
    if kind not in {"NavigationEvent", "ViewEvent"}
]
BAD += [
    (
        good("NavigationEvent", "profile", "GradingProfile"),
        f"profile: must be one of {READABLE}",
    ),
    (
        good("ViewEvent", "profile", "SearchProfile"),
        f"profile: must be one of {READABLE}, GradingProfile",
    ),
]
# A profile narrows what is navigated to, or viewed.
BAD += [
    (
        good(kind, "object", entity("Page")) | {"profile": profile},
        f"object.type: must be {what}, for the profile is {profile}",
    )
    for kind in ("NavigationEvent", "ViewEvent")
    for profile, what in (
        ("AssessmentProfile", "an Assessment or an AssessmentItem"),
        ("AssignableProfile", "an AssignableDigitalResource"),
        ("ForumProfile", "a Forum, a Thread or a Message"),
        ("MediaProfile", "a MediaObject"),
        ("SurveyProfile", "a Questionnaire or a QuestionnaireItem"),
    )
]
# Some types know no target, some generate nothing.
BAD += [
    (
        GOOD[kind] | {member: entity("Page")},
        f"{member}: must be left out of a{'n' if kind[0] in 'AEIOU' else ''} {kind}",
    )
    for member, kinds in (
        (
            "target",
            (
                "AssessmentEvent AssessmentItemEvent ForumEvent GradeEvent MessageEvent "
                "QuestionnaireEvent QuestionnaireItemEvent ResourceManagementEvent SearchEvent "
                "SurveyEvent SurveyInvitationEvent ThreadEvent"
            ),
        ),
        (
            "generated",
            (
                "ForumEvent MediaEvent MessageEvent NavigationEvent SessionEvent SurveyEvent "
                "SurveyInvitationEvent ThreadEvent ViewEvent"
            ),
        ),
    )
    for kind in kinds.split()
]
# Times have exactly milliseconds, and are of UTC.
BAD += [
    (change(FULL, "eventTime", text), f"eventTime: {WHEN}")
    for text in (
        "2024-02-29T12:00:00Z",
        "2024-02-29T12:00:00.5Z",
        "2024-02-29T12:00:00.500000Z",
        "2024-02-29T12:00:00.500+00:00",
        "2024-02-29T12:00:00.500",
        "2024-02-29 12:00:00.500Z",
        "2024-13-01T12:00:00.500Z",
        "2024-02-29T24:00:00.500Z",
        "2024-02-29T12:00:00.500Z\n",
        "2024-02-29",
        "",
    )
]
BAD += [
    (good(name, path, "2024-02-29"), f"{path}: {WHEN}")
    for name, paths in (
        (
            "everything at once",
            (
                "object.dateCreated object.dateModified object.datePublished "
                "session.startedAtTime session.endedAtTime"
            ),
        ),
        (
            "AssignableEvent",
            "object.dateToActivate object.dateToShow object.dateToStartOn object.dateToSubmit",
        ),
        ("SurveyInvitationEvent", "object.dateSent"),
        ("a DateTimeResponse", "generated.dateTimeSelected"),
        ("a DateTimeQuestion", "object.minDateTime object.maxDateTime"),
    )
    for path in paths.split()
]
BAD += [
    (change(FULL, "target.currentTime", text), f"target.currentTime: {DURATION}")
    for text in ("P", "PT", "12.5", "PT1X", "P1DT", "PT-1S", "00:01:30", "PT1S\n", "")
]
BAD += [
    (change(FULL, "target.currentTime", 0), "target.currentTime: must be text"),
    (change(FULL, "object.duration", "194"), f"object.duration: {DURATION}"),
    (change(FULL, "session.duration", "1S"), f"session.duration: {DURATION}"),
    (good("AssessmentItemEvent", "generated.duration", "1S"), f"generated.duration: {DURATION}"),
]
# What an entity may hold depends on its type.
OWNED = {
    "isPartOf": (BLOCK, "a DigitalResource or an Attempt"),
    "mediaType": ("text/plain", "a DigitalResource"),
    "storageName": ("n", "a DigitalResource"),
    "creators": ([USER], "a DigitalResource"),
    "keywords": (["k"], "a DigitalResource"),
    "learningObjectives": (["urn:x:aim"], "a DigitalResource"),
    "datePublished": (TIME, "a DigitalResource"),
    "version": ("1", "a DigitalResource or a SoftwareApplication"),
    "dateToActivate": (TIME, "an AssignableDigitalResource"),
    "dateToShow": (TIME, "an AssignableDigitalResource"),
    "dateToStartOn": (TIME, "an AssignableDigitalResource"),
    "dateToSubmit": (TIME, "an AssignableDigitalResource"),
    "maxAttempts": (1, "an AssignableDigitalResource"),
    "maxSubmits": (1, "an AssignableDigitalResource"),
    "maxScore": (1, "an AssignableDigitalResource or a Score"),
    "items": ([BLOCK], "a Collection"),
    "isTimeDependent": (True, "AssessmentItem"),
    "duration": ("PT1S", "a MediaObject, an Attempt, a Response or a Session"),
    "muted": (True, "AudioObject"),
    "volumeLevel": ("1", "AudioObject"),
    "volumeMin": ("1", "AudioObject"),
    "volumeMax": ("1", "AudioObject"),
    "currentTime": ("PT1S", "MediaLocation"),
    "index": (1, "Frame"),
    "body": ("b", "Message"),
    "attachments": ([BLOCK], "Message"),
    "replyTo": (BLOCK, "Message"),
    "messageType": ("m", "LtiLink"),
    "host": ("h", "SoftwareApplication"),
    "ipAddress": ("::1", "SoftwareApplication"),
    "userAgent": ("u", "SoftwareApplication"),
    "members": ([USER], "an Organization"),
    "subOrganizationOf": ("urn:x:o", "an Organization"),
    "courseNumber": ("1", "a CourseOffering or a CourseSection"),
    "academicSession": ("1", "a CourseOffering or a CourseSection"),
    "category": ("c", "CourseSection"),
    "member": (USER, "Membership"),
    "organization": ("urn:x:o", "Membership"),
    "roles": (["Learner"], "Membership"),
    "status": ("Active", "Membership"),
    "user": (USER, "a Session"),
    "client": ("urn:x:c", "a Session"),
    "startedAtTime": (TIME, "an Attempt, a Response, a Session or an AggregateMeasure"),
    "endedAtTime": (TIME, "an Attempt, a Response, a Session or an AggregateMeasure"),
    "messageParameters": ({"a": 1}, "LtiSession"),
    "assignee": (USER, "Attempt"),
    "assignable": (BLOCK, "Attempt"),
    "count": (1, "Attempt"),
    "attempt": (BLOCK, "a Response, a Result or a Score"),
    "value": ("v", "a Comment, or a Response with one value"),
    "values": (["v"], "a Response with several values"),
    "selections": (["s"], "a Rating, or a Response with selections"),
    "dateTimeSelected": (TIME, "DateTimeResponse"),
    "scoreGiven": (1, "Score"),
    "maxResultScore": (1, "Result"),
    "resultScore": (1, "Result"),
    "scoredBy": (USER, "a Result or a Score"),
    "comment": ("c", "a Result or a Score"),
    "annotator": (USER, "an Annotation"),
    "annotated": (BLOCK, "an Annotation"),
    "bookmarkNotes": ("n", "BookmarkAnnotation"),
    "selection": ({"type": "TextPositionSelector", "start": 0, "end": 1}, "HighlightAnnotation"),
    "selectionText": ("t", "HighlightAnnotation"),
    "withAgents": ([USER], "SharedAnnotation"),
    "tags": (["t"], "TagAnnotation"),
    "commenter": (USER, "Comment"),
    "commentedOn": (BLOCK, "Comment"),
    "rater": (USER, "a Rating or a SurveyInvitation"),
    "rated": (BLOCK, "Rating"),
    "ratingComment": ("urn:x:c", "Rating"),
    "question": ("urn:x:q", "a QuestionnaireItem or a Rating"),
    "questionPosed": ("?", "a Question"),
    "scale": ("urn:x:s", "RatingScaleQuestion"),
    "minDateTime": (TIME, "DateTimeQuestion"),
    "maxDateTime": (TIME, "DateTimeQuestion"),
    "minLabel": ("l", "a DateTimeQuestion or a NumericScale"),
    "maxLabel": ("l", "a DateTimeQuestion or a NumericScale"),
    "itemLabels": (["l"], "a LikertScale, a MultiselectQuestion or a MultiselectScale"),
    "itemValues": (["l"], "a LikertScale, a MultiselectQuestion or a MultiselectScale"),
    "points": (1, "MultiselectQuestion"),
    "scalePoints": (1, "a LikertScale or a MultiselectScale"),
    "isOrderedSelection": (True, "MultiselectScale"),
    "minSelections": (1, "MultiselectScale"),
    "maxSelections": (1, "MultiselectScale"),
    "minValue": (1, "NumericScale"),
    "maxValue": (1, "NumericScale"),
    "step": (1, "NumericScale"),
    "categories": (["c"], "QuestionnaireItem"),
    "weight": (1, "QuestionnaireItem"),
    "survey": ("urn:x:s", "SurveyInvitation"),
    "sentCount": (1, "SurveyInvitation"),
    "dateSent": (TIME, "SurveyInvitation"),
    "creator": (USER, "Query"),
    "searchTerms": ("t", "Query"),
    "searchTarget": (BLOCK, "a Query or a SearchResponse"),
    "searchProvider": ("urn:x:p", "SearchResponse"),
    "query": ("urn:x:q", "SearchResponse"),
    "searchResultsItemCount": (1, "SearchResponse"),
    "metric": ("WordsRead", "AggregateMeasure"),
    "metricValue": (1, "AggregateMeasure"),
    "maxMetricValue": (1, "AggregateMeasure"),
}
BAD += [
    (change(FULL, f"actor.{name}", value), f"actor.type: must be {owner}, for there is {name}")
    for name, (value, owner) in OWNED.items()
]


# Every member of an entity has a kind of value, wherever it stands.
KINDS = caliper_validation.schema()["$defs"]["entity"]["properties"]
ARRAYS = [
    "attachments",
    "categories",
    "creators",
    "itemLabels",
    "itemValues",
    "items",
    "keywords",
    "learningObjectives",
    "members",
    "otherIdentifiers",
    "roles",
    "selections",
    "tags",
    "values",
    "withAgents",
]
COUNTS = ["count", "index", "maxAttempts", "maxSubmits", "searchResultsItemCount", "sentCount"]
WHOLE = [*COUNTS, "points", "scalePoints"]
NUMBERS = [
    "maxMetricValue",
    "maxResultScore",
    "maxScore",
    "maxValue",
    "metricValue",
    "minValue",
    "resultScore",
    "scoreGiven",
    "step",
    "weight",
]
BOOLEANS = ["isOrderedSelection", "isTimeDependent", "muted"]
TERMS = {
    "metric": "must be one of AssessmentsPassed, AssessmentsSubmitted, MinutesOnTask, "
    "SkillsMastered, StandardsMastered, UnitsCompleted, UnitsPassed, WordsRead",
    "status": "must be one of Active, Inactive",
    "type": "must be an entity type of Caliper 1.2",
    "minSelections": "must be a number or text",
    "maxSelections": "must be a number or text",
}


def _kind(name: str) -> str:
    if name in TERMS:
        return TERMS[name]
    if name in ARRAYS:
        return "must be an array"
    if name in WHOLE:
        return "must be a whole number"
    if name in NUMBERS:
        return "must be a number"
    if name in BOOLEANS:
        return "must be true or false"
    is_object = name in [*caliper_context.ENTITY_VALUED, *caliper_context.MAPS]
    return "must be an object" if is_object else "must be text"


# None is never a value; neither is another kind.
BAD += [(change(FULL, f"object.{name}", None), f"object.{name}: {_kind(name)}") for name in KINDS]
BAD += [
    (change(FULL, f"object.{name}", []), f"object.{name}: must have at least 1 items")
    for name in ARRAYS
]
BAD += [
    (change(FULL, f"object.{name}", [None]), f"object.{name}[0]: must be text")
    for name in ARRAYS
    if name not in caliper_context.ENTITY_VALUED
]
BAD += [
    (change(FULL, f"object.{name}", -1), f"object.{name}: must be at least 0") for name in COUNTS
]
# An entity is one everywhere.
BAD += [
    (
        change(FULL, f"object.{name}", [{"name": "n"}] if name in ARRAYS else {"name": "n"}),
        f"object.{name}{'[0]' if name in ARRAYS else ''}: must have id, type",
    )
    for name in KINDS
    if name in caliper_context.ENTITY_VALUED and name not in {"otherIdentifiers", "selection"}
]
BAD += [
    (change(FULL, name, {"name": "n"}), f"{name}: must have id, type")
    for name in [
        "actor",
        "object",
        "target",
        "referrer",
        "edApp",
        "group",
        "membership",
        "session",
        "federatedSession",
    ]
]
BAD += [
    (GOOD[kind] | {member: {"name": "n"}}, f"{member}: must have id, type")
    for kind, members in (
        ("Event", "actor object target generated"),
        ("AnnotationEvent", "actor object target generated"),
        ("AssessmentEvent", "object generated"),
        ("AssessmentItemEvent", "object generated referrer"),
        ("AssignableEvent", "object target generated"),
        ("FeedbackEvent", "object target generated"),
        ("ForumEvent", "object"),
        ("GradeEvent", "actor object generated"),
        ("MessageEvent", "object"),
        ("NavigationEvent", "object target referrer"),
        ("QuestionnaireEvent", "object generated"),
        ("QuestionnaireItemEvent", "object generated"),
        ("ResourceManagementEvent", "object generated"),
        ("SearchEvent", "object generated"),
        ("SessionEvent", "actor object target referrer"),
        ("SurveyEvent", "object"),
        ("SurveyInvitationEvent", "object"),
        ("ThreadEvent", "object"),
        ("ToolLaunchEvent", "object target generated"),
        ("ToolUseEvent", "object target generated"),
        ("ViewEvent", "object target"),
    )
    for member in members.split()
]
# What is no entity, but stands in one.
OTHER = "object.otherIdentifiers.0"
HERE = "object.otherIdentifiers[0]"
HIGHLIGHT = "Highlighted with a HighlightAnnotation at a place"
BAD += [
    (change(FULL, OTHER, "urn:x:id"), f"{HERE}: must be an object"),
    (change(FULL, f"{OTHER}.type", "Entity"), f"{HERE}.type: must be SystemIdentifier"),
    (change(FULL, f"{OTHER}.type", MISSING), f"{HERE}: must have type"),
    (change(FULL, f"{OTHER}.identifierType", MISSING), f"{HERE}: must have identifierType"),
    (change(FULL, f"{OTHER}.identifier", 7), f"{HERE}.identifier: must be text"),
    (change(FULL, f"{OTHER}.source", PERSON), f"{HERE}.source.type: must be SoftwareApplication"),
    (change(FULL, f"{OTHER}.extensions", "x"), f"{HERE}.extensions: must be an object"),
    (change(FULL, f"{OTHER}.id", "urn:x:id"), f"{HERE}: must not have id"),
    (
        good(HIGHLIGHT, "generated.selection.type", "Frame"),
        "generated.selection.type: must be TextPositionSelector",
    ),
    (good(HIGHLIGHT, "generated.selection.start", MISSING), "generated.selection: must have start"),
    (good(HIGHLIGHT, "generated.selection.end", MISSING), "generated.selection: must have end"),
    (
        good(HIGHLIGHT, "generated.selection.start", -1),
        "generated.selection.start: must be at least 0",
    ),
    (
        good(HIGHLIGHT, "generated.selection.end", "4"),
        "generated.selection.end: must be a whole number",
    ),
    (good(HIGHLIGHT, "generated.selection.id", "_:x"), "generated.selection: must not have id"),
    (change(FULL, "@context", [5, CONTEXT]), CONTEXTS),
    (
        good("QuestionnaireItemEvent", "generated", entity("Score")),
        "generated.type: must be a Response or an Attempt",
    ),
    (
        good("AnnotationEvent", "generated", entity("Score")),
        "generated.type: must be an Annotation",
    ),
    (
        good("SessionEvent", "referrer", PERSON),
        f"referrer.type: {RESOURCE_OR_APPLICATION}",
    ),
    (
        good("SessionEvent", "object", entity("Page")),
        "object.type: must be a SoftwareApplication or a Session",
    ),
]


@pytest.mark.parametrize(("spoiled", "error"), BAD, ids=[error for _, error in BAD])
def test_an_event_that_breaks_a_rule_is_refused_with_the_rule(spoiled: Json, error: str) -> None:
    errors = event_errors(spoiled)

    assert error in errors
    with pytest.raises(InvalidCaliperEvent) as raised:
        validate_event(spoiled)
    assert raised.value.errors == errors


@pytest.mark.parametrize(("spoiled", "error"), BAD, ids=[error for _, error in BAD])
def test_both_validators_agree_on_what_breaks_a_rule(spoiled: Json, error: str) -> None:
    beyond = ("calendar", "must end with", "Caliper's own", "anonymous")

    assert agrees(spoiled) == any(words in error for words in beyond)


def test_every_member_that_is_not_of_all_entities_is_tried_on_a_wrong_one() -> None:
    entities = caliper_validation.schema()["$defs"]["entity"]
    common = "id type name description dateCreated dateModified otherIdentifiers extensions"

    assert set(OWNED) == set(entities["dependentSchemas"])
    assert set(OWNED) | set(common.split()) == set(entities["properties"])


class TestVocabulary:
    """The terms of the schema are those of the context, which was written apart from it."""

    definitions = caliper_validation.schema()["$defs"]

    def test_event_types_actions_and_profiles(self) -> None:
        assert sorted(self.definitions["event"]["properties"]["type"]["enum"]) == sorted(
            caliper_context.EVENTS
        )
        assert sorted(self.definitions["action"]["enum"]) == sorted(caliper_context.ACTIONS)
        assert sorted(self.definitions["profile"]["enum"]) == sorted(caliper_context.PROFILES)
        assert len(set(caliper_context.ACTIONS)) == 80

    def test_entity_types_and_the_groups_of_them(self) -> None:
        assert sorted(self.definitions["entityType"]["enum"]) == sorted(caliper_context.ENTITIES)
        groups = [name for name in self.definitions if name.endswith("Type")]
        assert len(groups) == 13
        for name in groups:
            kinds = self.definitions[name]["enum"]
            assert len(set(kinds)) == len(kinds)
            assert set(kinds) <= set(caliper_context.ENTITIES)

    def test_members(self) -> None:
        known = {
            name
            for definition in ("event", "entity", "SystemIdentifier", "TextPositionSelector")
            for name in self.definitions[definition]["properties"]
        }
        terms = [
            *caliper_context.ENTITY_VALUED,
            *caliper_context.TERM_VALUED,
            *caliper_context.TIMES,
            *caliper_context.DURATIONS,
            *caliper_context.PLAIN,
            *caliper_context.MAPS,
        ]

        assert sorted(terms) == sorted(known - {"@context", "id", "type"})

    def test_times_are_those_whose_dates_are_checked(self) -> None:
        assert caliper_validation._times() == set(caliper_context.TIMES)


ENVELOPE: Json = {
    "sensor": "https://lms.example.org",
    "sendTime": TIME,
    "dataVersion": CONTEXT,
    "data": [FULL, {"@context": CONTEXT, **PERSON}],
}

BAD_ENVELOPES: list[tuple[Json, str]] = [
    *((change(ENVELOPE, key, MISSING), f"envelope: must have {key}") for key in ENVELOPE),
    (change(ENVELOPE, "extra", 1), "envelope: must not have extra"),
    (change(ENVELOPE, "sensor", ""), "sensor: must have at least 1 characters"),
    (change(ENVELOPE, "sensor", None), "sensor: must be text"),
    (change(ENVELOPE, "sendTime", "2024-02-29T12:00:00Z"), f"sendTime: {WHEN}"),
    (
        change(ENVELOPE, "sendTime", "2023-02-29T12:00:00.000Z"),
        "sendTime: must be a date of the calendar",
    ),
    (change(ENVELOPE, "dataVersion", "1.2"), f"dataVersion: must be {CONTEXT}"),
    (change(ENVELOPE, "data", FULL), "data: must be an array"),
    (change(ENVELOPE, "data", []), "data: must have at least 1 items"),
    (change(ENVELOPE, "data.0", FULL["id"]), "data[0]: must be an object"),
    (change(ENVELOPE, "data.1.@context", MISSING), "data[1]: must have @context"),
    (change(ENVELOPE, "data.1.@context", "v1p1"), f"data[1].{CONTEXTS}"),
    (change(ENVELOPE, "data.0.id", MISSING), "data[0]: must have id"),
    (change(ENVELOPE, "data.0.type", MISSING), "data[0]: must have type"),
    (
        change(ENVELOPE, "data.0.extensions", float("nan")),
        "data[0].extensions: must be a finite number",
    ),
]


def test_an_envelope_within_the_rules_passes() -> None:
    assert envelope_errors(ENVELOPE) == []
    assert envelope_errors(MappingProxyType(ENVELOPE)) == []
    assert agrees(ENVELOPE, "envelope")


def test_an_envelope_is_not_refused_for_a_bad_event() -> None:
    assert envelope_errors(change(ENVELOPE, "data.0.action", "Smiled")) == []


@pytest.mark.parametrize(("envelope", "error"), BAD_ENVELOPES, ids=[e for _, e in BAD_ENVELOPES])
def test_an_envelope_that_breaks_a_rule_is_refused_with_the_rule(
    envelope: Json, error: str
) -> None:
    assert envelope_errors(envelope) == [error]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (float("nan"), "must be a finite number"),
        ("\ud800", "must be valid Unicode"),
        ({1: 2}, "keys must be text"),
        ({"a"}, "must be JSON, not set"),
        ((1,), "must be JSON, not tuple"),
    ],
)
def test_what_json_does_not_have_is_refused_wherever_it_is(value: Any, problem: str) -> None:
    inside = change(FULL, "extensions", {"https://example.org/x": [{"secret key": value}]})

    assert event_errors(inside) == [f"extensions: {problem}"]
    assert event_errors(change(FULL, "object.name", value)) == [f"object.name: {problem}"]


def test_messages_hold_no_values() -> None:
    """Errors end up in logs, and an event is about somebody."""
    secret = "ann@example.org"
    spoiled = [
        change(FULL, path, value)
        for path in (
            "@context",
            "id",
            "type",
            "action",
            "profile",
            "actor",
            "object.id",
            "object.duration",
            "eventTime",
            "membership.roles",
            "extensions",
            "federatedSession.messageParameters",
        )
        for value in (secret, {secret: secret}, [secret], {"en": [secret]})
    ]

    errors = [error for each in spoiled for error in event_errors(each)]

    assert len(errors) >= len(spoiled) - 4
    assert not [error for error in errors if "ann@" in error]


def test_the_exception_is_one_of_ours_and_stays_short() -> None:
    with pytest.raises(
        InvalidCaliperEvent, match=r"not valid Caliper 1\.2: .*; and \d+ more"
    ) as raised:
        validate_event({"a": 1, "id": 1, "type": 3, "extensions": 4})

    assert isinstance(raised.value, EventkitError)
    assert isinstance(raised.value, ValueError)


def test_any_mapping_is_taken() -> None:
    assert event_errors(MappingProxyType(FULL)) == []


def test_without_the_fast_extra_the_answers_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [*GOOD.values(), *(spoiled for spoiled, _ in BAD)]
    expected = [event_errors(each) for each in events]

    monkeypatch.setattr(caliper_validation._EVENT, "accepts", None)

    assert [event_errors(each) for each in events] == expected


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "type", "name", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def _paths(value: Any, path: str = "") -> list[str]:
    if not isinstance(value, (dict, list)):
        return [path]
    items = value.items() if isinstance(value, dict) else enumerate(value)
    below = [
        found
        for key, item in items
        if "." not in str(key)
        for found in _paths(item, f"{path}.{key}" if path else str(key))
    ]
    return [path, *below] if path else below


@given(path=st.sampled_from(_paths(FULL)), value=json_values)
def test_any_change_is_judged_without_a_crash_and_alike(path: str, value: Any) -> None:
    spoiled = change(FULL, path, value)

    assert all(isinstance(error, str) for error in event_errors(spoiled))
    agrees(spoiled)


REFUSED_FIXTURES = {
    "edx.ui.lms.link_clicked.json": [
        # Webpage
        "object.type: must be an entity type of Caliper 1.2",
        "object.type: must be a DigitalResource or a SoftwareApplication",
    ],
    "problem_check(browser).required.only.data.json": ["object: must have id"],
    "problem_check(server).json": [
        "generated: must have id, type",
        "generated: must not have score",
    ],
}


def test_of_the_peers_events_exactly_the_faulty_ones_are_refused(shared_data: Path) -> None:
    files = sorted((shared_data / "peer_fixtures" / "caliper").glob("*.json"))
    if not files:
        pytest.skip("no fixtures here")
    errors = {
        file.name: event_errors(json.loads(file.read_text(encoding="utf-8"))) for file in files
    }

    assert len(files) == 19
    assert {name: found for name, found in errors.items() if found} == REFUSED_FIXTURES
