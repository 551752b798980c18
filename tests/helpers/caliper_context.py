"""
A JSON-LD context for Caliper 1.2, made from the terms that the specification publishes.

The one that is served at its address is under another licence, and misspells or lacks a few terms.
Tests take this one instead of it, and take nothing from the network.
"""

from __future__ import annotations

from typing import Any

IRI = "http://purl.imsglobal.org/ctx/caliper/v1p2"

_CALIPER = "http://purl.imsglobal.org/caliper/"
_ACTIONS = f"{_CALIPER}actions/"
_ROLES = "http://purl.imsglobal.org/vocab/lis/v2/membership"
_STATUS = "http://purl.imsglobal.org/vocab/lis/v2/status#"
_XSD = "http://www.w3.org/2001/XMLSchema#"


def _terms(text: str) -> list[str]:
    return text.split()


EVENTS = _terms(
    """
    AnnotationEvent AssessmentEvent AssessmentItemEvent AssignableEvent Event FeedbackEvent
    ForumEvent GradeEvent MediaEvent MessageEvent NavigationEvent QuestionnaireEvent
    QuestionnaireItemEvent ResourceManagementEvent SearchEvent SessionEvent SurveyEvent
    SurveyInvitationEvent ThreadEvent ToolLaunchEvent ToolUseEvent ViewEvent
    """
)

ENTITIES = _terms(
    """
    Agent AggregateMeasure AggregateMeasureCollection Annotation Assessment AssessmentItem
    AssignableDigitalResource Attempt AudioObject BookmarkAnnotation Chapter Collection Comment
    CourseOffering CourseSection DateTimeQuestion DateTimeResponse DigitalResource
    DigitalResourceCollection Document Entity FillinBlankResponse Forum Frame Group
    HighlightAnnotation ImageObject LearningObjective LikertScale Link LtiLink LtiSession
    MediaLocation MediaObject Membership Message MultipleChoiceResponse MultipleResponseResponse
    MultiselectQuestion MultiselectResponse MultiselectScale NumericScale OpenEndedQuestion
    OpenEndedResponse Organization Page Person Query Question Questionnaire QuestionnaireItem
    Rating RatingScaleQuestion RatingScaleResponse Response Result Scale Score SearchResponse
    SelectTextResponse Session SharedAnnotation SoftwareApplication Survey SurveyInvitation
    TagAnnotation Thread TrueFalseResponse VideoObject WebPage
    """
)

ACTIONS = _terms(
    """
    Abandoned Accepted Activated Added Archived Attached Bookmarked ChangedResolution ChangedSize
    ChangedSpeed ChangedVolume Classified ClosedPopout Commented Completed Copied Created
    Deactivated Declined Deleted Described DisabledClosedCaptioning Disliked Downloaded
    EnabledClosedCaptioning Ended EnteredFullScreen ExitedFullScreen ForwardedTo Graded Hid
    Highlighted Identified JumpedTo Launched Liked Linked LoggedIn LoggedOut MarkedAsRead
    MarkedAsUnread Modified Muted NavigatedTo OpenedPopout OptedIn OptedOut Paused Posted Printed
    Published Questioned Ranked Recommended Removed Reset Restarted Restored Resumed Retrieved
    Returned Reviewed Rewound Saved Searched Sent Shared Showed Skipped Started Submitted
    Subscribed Tagged TimedOut Unmuted Unpublished Unsubscribed Uploaded Used Viewed
    """
)

PROFILES = _terms(
    """
    AnnotationProfile AssessmentProfile AssignableProfile FeedbackProfile ForumProfile
    GeneralProfile GradingProfile MediaProfile ReadingProfile ResourceManagementProfile
    SearchProfile SessionProfile SurveyProfile ToolLaunchProfile ToolUseProfile
    """
)

_OTHER_TYPES = ["SystemIdentifier", "TextPositionSelector"]

_METRICS = _terms(
    """
    AssessmentsPassed AssessmentsSubmitted MinutesOnTask SkillsMastered StandardsMastered
    UnitsCompleted UnitsPassed WordsRead
    """
)

_IDENTIFIERS = _terms(
    """
    AccountUserName EmailAddress LisSourcedId LtiContextId LtiDeploymentId LtiPlatformId LtiToolId
    LtiUserId OneRosterSourcedId Other SisSourcedId SystemId
    """
)

_ROLE_TERMS = _terms(
    """
    Administrator ContentDeveloper Instructor Instructor#TeachingAssistant Learner Manager Member
    Mentor Officer
    """
)

ENTITY_VALUED = _terms(
    """
    actor annotated annotator assignable assignee attachments attempt client commentedOn commenter
    creator creators edApp federatedSession generated group isPartOf items learningObjectives
    member members membership object organization otherIdentifiers query question rated rater
    ratingComment referrer replyTo scale scoredBy searchProvider searchTarget selection session
    source subOrganizationOf survey target user withAgents
    """
)

TERM_VALUED = ["action", "identifierType", "metric", "profile", "roles", "status"]

TIMES = _terms(
    """
    dateCreated dateModified datePublished dateSent dateTimeSelected dateToActivate dateToShow
    dateToStartOn dateToSubmit endedAtTime eventTime maxDateTime minDateTime startedAtTime
    """
)

DURATIONS = ["currentTime", "duration"]

PLAIN = _terms(
    """
    academicSession body bookmarkNotes categories category comment count courseNumber description
    end host identifier index ipAddress isOrderedSelection isTimeDependent itemLabels itemValues
    keywords maxAttempts maxLabel maxMetricValue maxResultScore maxScore maxSelections maxSubmits
    maxValue mediaType messageType metricValue minLabel minSelections minValue muted name points
    questionPosed resultScore scalePoints scoreGiven searchResultsItemCount searchTerms
    selectionText selections sentCount start step storageName tags userAgent value values version
    volumeLevel volumeMax volumeMin weight
    """
)

MAPS = ["extensions", "messageParameters"]


def _property(name: str, kind: str = "") -> dict[str, str]:
    return {"@id": _CALIPER + name} | ({"@type": kind} if kind else {})


CONTEXT: dict[str, Any] = {
    "@version": 1.1,
    "id": "@id",
    "type": "@type",
    **{name: _CALIPER + name for name in [*EVENTS, *ENTITIES, *_OTHER_TYPES, *PROFILES]},
    **{name: _CALIPER + name for name in [*_METRICS, *_IDENTIFIERS]},
    **{name: _ACTIONS + name for name in ACTIONS},
    **{name: f"{_ROLES}{'/' if '#' in name else '#'}{name}" for name in _ROLE_TERMS},
    **{name: _STATUS + name for name in ("Active", "Inactive")},
    **{name: _property(name, "@id") for name in ENTITY_VALUED},
    **{name: _property(name, "@vocab") for name in TERM_VALUED},
    **{name: _property(name, f"{_XSD}dateTime") for name in TIMES},
    **{name: _property(name, f"{_XSD}duration") for name in DURATIONS},
    **{name: _property(name) for name in [*PLAIN, *MAPS]},
}
"""What the document at `IRI` says."""
