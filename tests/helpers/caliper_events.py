"""Good Caliper 1.2 events, made by hand: one of each type and more."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

CONTEXT = "http://purl.imsglobal.org/ctx/caliper/v1p2"
LMS = "https://lms.example.org"
USER = f"{LMS}/user/32e08e30"
COURSE = f"{LMS}/course/course-v1:Org+Course+Run"
BLOCK = f"{LMS}/xblock/block-v1:Org+Course+Run+type@problem+block@p1"
ATTEMPT = f"{BLOCK}/user/32e08e30/attempt/1"
TIME = "2024-02-29T12:00:00.500Z"


def entity(kind: str, iri: str = BLOCK, **members: Any) -> Json:
    return {"id": iri, "type": kind, **members}


def event(kind: str, action: str, thing: Any, **members: Any) -> Json:
    """Make an event; the profile is that of its type, unless *members* say another."""
    return {
        "@context": CONTEXT,
        "id": "urn:uuid:f3e25970-2c71-57a6-9ba9-8ba714e68f76",
        "type": kind,
        "profile": PROFILES.get(kind, kind.removesuffix("Event") + "Profile"),
        "actor": entity("Person", USER),
        "action": action,
        "object": thing,
        "eventTime": TIME,
        **members,
    }


PROFILES = {
    "Event": "GeneralProfile",
    "AssessmentItemEvent": "AssessmentProfile",
    "GradeEvent": "GradingProfile",
    "MessageEvent": "ForumProfile",
    "NavigationEvent": "ReadingProfile",
    "QuestionnaireEvent": "SurveyProfile",
    "QuestionnaireItemEvent": "SurveyProfile",
    "SurveyInvitationEvent": "SurveyProfile",
    "ThreadEvent": "ForumProfile",
    "ViewEvent": "ReadingProfile",
}

APPLICATION = entity("SoftwareApplication", LMS, name="Open edX", version="teak")
TRIED = entity("Attempt", ATTEMPT, assignee=USER, assignable=BLOCK, count=1)
QUESTIONNAIRE = entity("Questionnaire", items=[entity("QuestionnaireItem", f"{BLOCK}/1")])
LTI_SESSION = entity(
    "LtiSession", "urn:session-id:1", user=USER, messageParameters={"roles": [None]}
)

FULL = event(
    "MediaEvent",
    "Paused",
    entity(
        "VideoObject",
        name="Welcome",
        description="A film",
        duration="PT3M15.5S",
        isPartOf=entity(
            "DigitalResourceCollection", f"{LMS}/unit", items=[BLOCK, entity("Page", "urn:x:p")]
        ),
        creators=[USER, entity("Organization", "urn:x:org", subOrganizationOf="urn:x:parent")],
        keywords=["a"],
        learningObjectives=[entity("LearningObjective", "urn:x:aim")],
        dateCreated=TIME,
        dateModified=TIME,
        datePublished=TIME,
        mediaType="video/mp4",
        storageName="welcome.mp4",
        version="1",
        otherIdentifiers=[
            {
                "type": "SystemIdentifier",
                "identifierType": "SystemId",
                "identifier": "7",
                "source": LMS,
                "extensions": {"a": 1},
            }
        ],
        extensions={"https://example.org/x": [None, {}, []]},
    ),
    target=entity("MediaLocation", "_:place", currentTime="PT0S", isPartOf=BLOCK),
    referrer=entity("WebPage", f"{LMS}/courses"),
    edApp=APPLICATION,
    group=entity(
        "CourseSection", COURSE, courseNumber="C1", academicSession="2024", category="lab"
    ),
    membership=entity(
        "Membership",
        f"{COURSE}/membership",
        member=USER,
        organization=COURSE,
        roles=["Learner", "Instructor#TeachingAssistant"],
        status="Active",
    ),
    session=entity(
        "Session",
        f"{LMS}/sessions/1",
        user=USER,
        client=entity("SoftwareApplication", "urn:x:browser", userAgent="x", host="h"),
        startedAtTime=TIME,
        endedAtTime=TIME,
        duration="P0D",
    ),
    federatedSession=LTI_SESSION,
    extensions={"https://example.org/x": None, "bare": {}},
)

ANNOTATED = {"annotator": USER, "annotated": BLOCK}
RESPONSE = {"attempt": TRIED, "startedAtTime": TIME, "endedAtTime": TIME, "duration": "PT1S"}

GOOD: dict[str, Json] = {
    "everything at once": FULL,
    "the least possible": {
        key: value
        for key, value in event("Event", "Liked", "urn:x:thing", actor=USER).items()
        if key != "profile"
    },
    # one of each type
    "Event": event("Event", "Rewound", entity("VideoObject"), generated=entity("Entity")),
    "AnnotationEvent": event(
        "AnnotationEvent",
        "Bookmarked",
        entity("Document"),
        target=entity("Frame", index=0),
        generated=entity("BookmarkAnnotation", **ANNOTATED, bookmarkNotes="n"),
    ),
    "AssessmentEvent": event(
        "AssessmentEvent",
        "Submitted",
        entity("Assessment", items=[entity("AssessmentItem", isTimeDependent=False)], maxScore=2),
        generated=TRIED,
    ),
    "AssessmentItemEvent": event(
        "AssessmentItemEvent",
        "Completed",
        entity("AssessmentItem", maxScore=1.5),
        generated=entity("MultipleChoiceResponse", **RESPONSE, value="a"),
        referrer=entity("AssessmentItem"),
    ),
    "AssignableEvent": event(
        "AssignableEvent",
        "Activated",
        entity(
            "AssignableDigitalResource",
            maxAttempts=2,
            maxSubmits=2,
            dateToActivate=TIME,
            dateToShow=TIME,
            dateToStartOn=TIME,
            dateToSubmit=TIME,
        ),
        target=entity("Frame"),
        generated=TRIED,
    ),
    "FeedbackEvent": event(
        "FeedbackEvent",
        "Ranked",
        entity("Message"),
        target=entity("Frame"),
        generated=entity(
            "Rating",
            rater=USER,
            rated=BLOCK,
            selections=["1"],
            question=entity(
                "RatingScaleQuestion", questionPosed="?", scale=entity("LikertScale", scalePoints=4)
            ),
            ratingComment=entity("Comment", value="c"),
        ),
    ),
    "ForumEvent": event("ForumEvent", "Subscribed", entity("Forum", items=[entity("Thread")])),
    "GradeEvent": event(
        "GradeEvent",
        "Graded",
        TRIED,
        actor=APPLICATION,
        generated=entity(
            "Score",
            attempt=ATTEMPT,
            maxScore=10,
            scoreGiven=0,
            scoredBy=APPLICATION,
            comment="c",
            extensions={"success": False},
        ),
    ),
    "MediaEvent": event("MediaEvent", "EnabledClosedCaptioning", entity("AudioObject", muted=True)),
    "MessageEvent": event(
        "MessageEvent",
        "Posted",
        entity(
            "Message",
            body="b",
            replyTo=entity("Message"),
            attachments=[entity("Document")],
            isPartOf=entity("Thread", items=["urn:x:m"]),
        ),
    ),
    "NavigationEvent": event(
        "NavigationEvent", "NavigatedTo", APPLICATION, target=entity("Page"), referrer=APPLICATION
    ),
    "QuestionnaireEvent": event("QuestionnaireEvent", "Started", QUESTIONNAIRE, generated=TRIED),
    "QuestionnaireItemEvent": event(
        "QuestionnaireItemEvent",
        "Completed",
        entity(
            "QuestionnaireItem",
            question=entity("MultiselectQuestion", itemLabels=["a"], itemValues=["1"], points=1),
            categories=["c"],
            weight=0.5,
        ),
        generated=entity("MultiselectResponse", selections=["1"]),
    ),
    "ResourceManagementEvent": event(
        "ResourceManagementEvent", "Copied", entity("Document"), generated=entity("Document")
    ),
    "SearchEvent": event(
        "SearchEvent",
        "Searched",
        APPLICATION,
        generated=entity(
            "SearchResponse",
            searchProvider=LMS,
            searchTarget=LMS,
            searchResultsItemCount=0,
            query=entity("Query", creator=USER, searchTarget=LMS, searchTerms="t"),
        ),
    ),
    "SessionEvent": event("SessionEvent", "LoggedIn", APPLICATION, target=entity("WebPage")),
    "SurveyEvent": event("SurveyEvent", "OptedIn", entity("Survey", items=[QUESTIONNAIRE])),
    "SurveyInvitationEvent": event(
        "SurveyInvitationEvent",
        "Sent",
        entity("SurveyInvitation", rater=USER, survey="urn:x:s", sentCount=1, dateSent=TIME),
    ),
    "ThreadEvent": event("ThreadEvent", "MarkedAsUnread", entity("Thread")),
    "ToolLaunchEvent": event(
        "ToolLaunchEvent",
        "Launched",
        APPLICATION,
        target=entity("LtiLink", messageType="LtiResourceLinkRequest"),
        generated=entity("ImageObject"),
        federatedSession=LTI_SESSION,
    ),
    "ToolUseEvent": event(
        "ToolUseEvent",
        "Used",
        APPLICATION,
        target=APPLICATION,
        generated=entity(
            "AggregateMeasureCollection",
            items=[
                entity(
                    "AggregateMeasure", metric="MinutesOnTask", metricValue=1.5, maxMetricValue=9
                )
            ],
        ),
    ),
    "ViewEvent": event("ViewEvent", "Viewed", entity("Chapter"), target=entity("Attempt")),
    # what else may be
    "context in an array": FULL | {"@context": [{"x": "https://example.org/"}, CONTEXT]},
    "anonymous person": FULL
    | {"actor": entity("Person", "http://purl.imsglobal.org/caliper/Person")},
    "only IRIs": event("AssessmentEvent", "Started", BLOCK, actor=USER, generated="_:attempt"),
    "an organization acts": event("Event", "Added", BLOCK, actor=entity("Group")),
    "a person grades": event("GradeEvent", "Graded", TRIED, generated=entity("Score")),
    "a person grades, and is named": event(
        "GradeEvent", "Graded", TRIED, generated=entity("Score", scoredBy=entity("Person", USER))
    ),
    "a person's score, given by its IRI": event(
        "GradeEvent", "Graded", TRIED, generated=f"{ATTEMPT}/score"
    ),
    "nothing generated": event("ResourceManagementEvent", "Deleted", entity("Document")),
    "a timeout": event(
        "SessionEvent", "TimedOut", entity("Session", "urn:x:session"), actor=APPLICATION
    ),
    "a log-out": event("SessionEvent", "LoggedOut", APPLICATION),
    "a return": event("ToolLaunchEvent", "Returned", APPLICATION, target=entity("Link")),
    "a started item": event(
        "AssessmentItemEvent", "Started", entity("AssessmentItem"), generated=TRIED
    ),
    "a comment": event(
        "FeedbackEvent",
        "Commented",
        entity("Person", "urn:x:peer"),
        generated=entity("Comment", commenter=USER, commentedOn="urn:x:peer", value="v"),
    ),
    "a searched entity, without profile": {
        key: value
        for key, value in event("SearchEvent", "Searched", entity("Group")).items()
        if key != "profile"
    },
    "a viewed result": event(
        "ViewEvent",
        "Viewed",
        entity("Result", attempt=ATTEMPT, maxResultScore=1, resultScore=1, scoredBy=LMS),
        profile="GradingProfile",
    ),
    "an attempt that is part of one": event(
        "GradeEvent",
        "Graded",
        TRIED
        | {"isPartOf": TRIED, "startedAtTime": TIME, "endedAtTime": TIME, "duration": "P1DT1H"},
    ),
}

GOOD |= {
    f"{action} with a {kind}{where}": event(
        "AnnotationEvent", action, BLOCK, generated=entity(kind, **ANNOTATED, **members)
    )
    for action, kind, where, members in (
        (
            "Highlighted",
            "HighlightAnnotation",
            " at a place",
            {"selection": {"type": "TextPositionSelector", "start": 0, "end": 4}},
        ),
        ("Highlighted", "HighlightAnnotation", "", {"selectionText": "text"}),
        ("Shared", "SharedAnnotation", "", {"withAgents": [USER, entity("Group")]}),
        ("Tagged", "TagAnnotation", "", {"tags": ["reported"]}),
    )
}
GOOD |= {
    f"a {kind}": event(
        "AssessmentItemEvent", "Completed", BLOCK, generated=entity(kind, **RESPONSE, **members)
    )
    for kind, members in (
        ("Response", {}),
        ("MultipleResponseResponse", {"values": ["a", "b"]}),
        ("FillinBlankResponse", {"values": ["a"]}),
        ("SelectTextResponse", {"values": ["a"]}),
        ("TrueFalseResponse", {"value": "true"}),
        ("OpenEndedResponse", {"value": ""}),
        ("RatingScaleResponse", {"selections": ["1"]}),
        ("DateTimeResponse", {"dateTimeSelected": TIME}),
    )
}
GOOD |= {
    f"a {kind}": event("Event", "Described", entity(kind, **members))
    for kind, members in (
        (
            "NumericScale",
            {"minLabel": "a", "maxLabel": "b", "minValue": 0, "maxValue": 1, "step": 1},
        ),
        (
            "MultiselectScale",
            {"isOrderedSelection": True, "minSelections": 1, "maxSelections": "2"},
        ),
        ("DateTimeQuestion", {"minDateTime": TIME, "maxDateTime": TIME, "minLabel": "a"}),
        ("Collection", {"items": [TRIED, "urn:x:y"]}),
        ("CourseOffering", {"members": [USER], "subOrganizationOf": "urn:x:org"}),
    )
}
GOOD |= {
    f"{kind} in {profile}": event(
        kind,
        {"NavigationEvent": "NavigatedTo", "ViewEvent": "Viewed"}[kind],
        QUESTIONNAIRE if thing == "Questionnaire" else entity(thing),
        profile=profile,
    )
    for kind in ("NavigationEvent", "ViewEvent")
    for profile, thing in (
        ("AssessmentProfile", "AssessmentItem"),
        ("AssignableProfile", "AssignableDigitalResource"),
        ("ForumProfile", "Thread"),
        ("MediaProfile", "AudioObject"),
        ("SurveyProfile", "Questionnaire"),
    )
}
