"""
The IRIs that statements use, by the vocabulary that coined them.

Where no vocabulary has a term, Open edX's own namespace does (``https://w3id.org/xapi/openedx``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from eventkit.base.json import dumps
from eventkit.typing import Json


# Without slots, which the compiler does not know; it makes them of its own.
@dataclass(frozen=True)
class Verb:
    """An xAPI verb: its IRI and its English name, under each of its language tags."""

    id: str
    display: str
    languages: tuple[str, ...] = ("en",)
    text: bytes = field(init=False, repr=False, compare=False)
    """The verb as a statement has it, as JSON."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", dumps(self.json()))

    def __reduce__(self) -> tuple[type[Verb], tuple[str, str, tuple[str, ...]]]:
        return (Verb, (self.id, self.display, self.languages))

    def json(self) -> Json:
        """Write the verb as a statement has it; a new object each time, so that none is shared."""
        return {"id": self.id, "display": dict.fromkeys(self.languages, self.display)}


def american(verb: Verb) -> Verb:
    """Give the verb as the profiles have it that write English as ``en-US``, beside ``en``."""
    return Verb(verb.id, verb.display, ("en", "en-US"))


_ADL: Final = "http://adlnet.gov/expapi/verbs/"
_ACROSSX: Final = "https://w3id.org/xapi/acrossx/verbs/"
# As ADL's profile of them has it, and the profiles that build on that. What registries wrote before
# it has "schema/1.0/" in it.
_ACTIVITY_STREAMS: Final = "http://activitystrea.ms/"
# Its verbs are about training of the military; "navigated" is what Aspects reads.
_DOD_ISD: Final = "https://w3id.org/xapi/dod-isd/verbs/"
_OPENEDX: Final = "https://w3id.org/xapi/openedx/verb/"
_TINCAN: Final = "http://id.tincanapi.com/verb/"
_VIDEO: Final = "https://w3id.org/xapi/video/verbs/"

ABANDONED: Final = Verb("https://w3id.org/xapi/adl/verbs/abandoned", "abandoned")
ACCESSED: Final = Verb(_ACTIVITY_STREAMS + "access", "accessed")
ANSWERED: Final = Verb(_ADL + "answered", "answered")
APPROVED: Final = Verb(_ACTIVITY_STREAMS + "approve", "approved")
ASKED: Final = Verb(_ADL + "asked", "asked")
ASSESSED: Final = Verb(_OPENEDX + "assessed", "assessed")
ATTEMPTED: Final = Verb(_ADL + "attempted", "attempted")
BOOKMARKED: Final = Verb(_TINCAN + "bookmarked", "bookmarked")
CHANGED: Final = Verb(_ACTIVITY_STREAMS + "update", "changed")
CLOSED: Final = Verb(_ACTIVITY_STREAMS + "close", "closed")
COMMENTED: Final = Verb(_ADL + "commented", "commented")
COMPLETED: Final = Verb(_ADL + "completed", "completed")
CONCLUDED: Final = Verb(_OPENEDX + "concluded", "concluded")
CREATED: Final = Verb(_ACTIVITY_STREAMS + "create", "created")
DECLINED: Final = Verb(_OPENEDX + "declined", "declined")
DELETED: Final = Verb(_ACTIVITY_STREAMS + "delete", "deleted")
DOWNLOADED: Final = Verb(_TINCAN + "downloaded", "downloaded")
EARNED: Final = Verb(_TINCAN + "earned", "earned")
EDITED: Final = Verb(_ACROSSX + "edited", "edited")
EVALUATED: Final = Verb(_ACROSSX + "evaluated", "evaluated")
EXITED: Final = Verb(_ADL + "exited", "exited")
EXPERIENCED: Final = Verb(_ADL + "experienced", "experienced")
FAILED: Final = Verb(_ADL + "failed", "failed")
FOLLOWED: Final = Verb(_ACTIVITY_STREAMS + "follow", "followed")
IMPORTED: Final = Verb(_ADL + "imported", "imported")
INITIALIZED: Final = Verb(_ADL + "initialized", "initialized")
INTERACTED: Final = Verb(_ADL + "interacted", "interacted")
JOINED: Final = Verb(_ACTIVITY_STREAMS + "join", "joined")
LAUNCHED: Final = Verb(_ADL + "launched", "launched")
LEFT: Final = Verb(_ACTIVITY_STREAMS + "leave", "left")
LOGGED_IN: Final = Verb("https://w3id.org/xapi/adl/verbs/logged-in", "logged in")
LOGGED_OUT: Final = Verb("https://w3id.org/xapi/adl/verbs/logged-out", "logged out")
NAVIGATED: Final = Verb(_DOD_ISD + "navigated", "navigated")
OPENED: Final = Verb(_ACTIVITY_STREAMS + "open", "opened")
PASSED: Final = Verb(_ADL + "passed", "passed")
PAUSED: Final = Verb(_VIDEO + "paused", "paused")
PLAYED: Final = Verb(_VIDEO + "played", "played")
POSTED: Final = Verb(_ACROSSX + "posted", "posted")
PREFERRED: Final = Verb(_ADL + "preferred", "preferred")
PROGRESSED: Final = Verb(_ADL + "progressed", "progressed")
RATED: Final = Verb(_TINCAN + "rated", "rated")
READ: Final = Verb(_ACTIVITY_STREAMS + "read", "read")
READIED: Final = Verb(_OPENEDX + "readied", "readied")
RECEIVED: Final = Verb(_ACTIVITY_STREAMS + "receive", "received")
REGISTERED: Final = Verb(_ADL + "registered", "registered")
REPORTED: Final = Verb(_ACROSSX + "reported", "reported")
REQUESTED: Final = Verb(_ACTIVITY_STREAMS + "request", "requested")
RESET: Final = Verb(_OPENEDX + "reset", "reset")
REVEALED: Final = Verb(_ACROSSX + "revealed", "revealed")
SATISFIED: Final = Verb("https://w3id.org/xapi/adl/verbs/satisfied", "satisfied")
SAVED: Final = Verb(_ACTIVITY_STREAMS + "save", "saved")
SCORED: Final = Verb(_ADL + "scored", "scored")
SEARCHED: Final = Verb(_ACROSSX + "searched", "searched")
SEEKED: Final = Verb(_VIDEO + "seeked", "seeked")
SHARED: Final = Verb(_ADL + "shared", "shared")
SKIPPED: Final = Verb(_TINCAN + "skipped", "skipped")
STOPPED_FOLLOWING: Final = Verb(_ACTIVITY_STREAMS + "stop-following", "stopped following")
TERMINATED: Final = Verb(_ADL + "terminated", "terminated")
UNAPPROVED: Final = Verb(_OPENEDX + "unapproved", "unapproved")
UNBOOKMARKED: Final = Verb(_OPENEDX + "unbookmarked", "unbookmarked")
UNREGISTERED: Final = Verb(_TINCAN + "unregistered", "unregistered")
UNREPORTED: Final = Verb(_OPENEDX + "unreported", "unreported")
UNVOTED: Final = Verb(_OPENEDX + "unvoted", "unvoted")
VIEWED: Final = Verb(_TINCAN + "viewed", "viewed")
VOTED: Final = Verb(_OPENEDX + "voted", "voted")
WAS_ASSIGNED: Final = Verb(_ACROSSX + "was-assigned", "was assigned")
WAS_REVOKED: Final = Verb(_OPENEDX + "was-revoked", "was revoked")
WAS_UNASSIGNED: Final = Verb(_OPENEDX + "was-unassigned", "was unassigned")

# Activity types.
AI_WORKFLOW: Final = "https://w3id.org/xapi/openedx/activity/ai-workflow"
APPLICATION: Final = _ACTIVITY_STREAMS + "application"
ASSESSMENT: Final = "http://adlnet.gov/expapi/activities/assessment"
BADGE: Final = _ACTIVITY_STREAMS + "badge"
BOOK_PAGE: Final = "https://w3id.org/xapi/acrossx/activities/page"
CERTIFICATE: Final = "https://www.opigno.org/en/tincan_registry/activity_type/certificate"
COLLECTION: Final = "http://id.tincanapi.com/activitytype/collection-simple"
COURSE: Final = "http://adlnet.gov/expapi/activities/course"
DISCUSSION: Final = "http://id.tincanapi.com/activitytype/discussion"
EXAM_ATTEMPT: Final = "http://adlnet.gov/expapi/activities/attempt"
E_BOOK: Final = "https://w3id.org/xapi/acrossx/activities/e-book"
FILE: Final = "http://adlnet.gov/expapi/activities/file"
GOAL: Final = "http://id.tincanapi.com/activitytype/goal"
GROUP: Final = _ACTIVITY_STREAMS + "group"
INTERACTION: Final = "http://adlnet.gov/expapi/activities/cmi.interaction"
LINK: Final = "http://adlnet.gov/expapi/activities/link"
MODULE: Final = "http://adlnet.gov/expapi/activities/module"
NOTE: Final = "https://w3id.org/xapi/acrossx/activities/note"
PAGE: Final = _ACTIVITY_STREAMS + "page"
PROFILE: Final = "http://adlnet.gov/expapi/activities/profile"
PRACTICE_ASSESSMENT: Final = "https://w3id.org/xapi/openedx/activity/practice-assessment"
PROCTORED_ASSESSMENT: Final = "https://w3id.org/xapi/openedx/activity/proctored-assessment"
QUESTION: Final = "http://adlnet.gov/expapi/activities/question"
RESOURCE: Final = "http://id.tincanapi.com/activitytype/resource"
SECTION: Final = "http://id.tincanapi.com/activitytype/section"
SOLUTION: Final = "http://id.tincanapi.com/activitytype/solution"
TIMED_ASSESSMENT: Final = "https://w3id.org/xapi/openedx/activity/timed-assessment"
VIDEO: Final = "https://w3id.org/xapi/video/activity-type/video"
WEB_PAGE: Final = "https://w3id.org/xapi/acrossx/activities/webpage"

# Extension keys.
ABOUT_NOTE: Final = "https://w3id.org/xapi/openedx/extension/note"
ACTION: Final = "https://w3id.org/xapi/openedx/extension/action"
AI_ACTION: Final = "https://w3id.org/xapi/openedx/extension/ai-workflow-action"
ALLOWED_MINUTES: Final = "https://w3id.org/xapi/openedx/extension/allowed-minutes"
AMOUNT: Final = "https://w3id.org/xapi/openedx/extension/amount"
ANONYMOUS: Final = "https://w3id.org/xapi/openedx/extension/anonymous"
ANONYMOUS_TO_PEERS: Final = "https://w3id.org/xapi/openedx/extension/anonymous-to-peers"
ANSWER: Final = "https://w3id.org/xapi/openedx/extension/answer"
CORRECT: Final = "https://w3id.org/xapi/openedx/extension/correct"
FINAL_STEP: Final = "https://w3id.org/xapi/openedx/extension/final-step"
FIRST_TIME: Final = "https://w3id.org/xapi/openedx/extension/first-time"
ORIGINAL_BLOCK: Final = "https://w3id.org/xapi/openedx/extension/original-usage-key"
ORIGINAL_BLOCKS: Final = "https://w3id.org/xapi/openedx/extension/original-usage-keys"
PASSING: Final = "https://w3id.org/xapi/openedx/extension/passing"
QUESTION_TEXT: Final = "https://w3id.org/xapi/openedx/extension/question"
SUCCESS: Final = "https://w3id.org/xapi/openedx/extension/success"
VOTE_VALUE: Final = "https://w3id.org/xapi/openedx/extension/vote-value"
WAY_IN: Final = "https://w3id.org/xapi/openedx/extension/way-in"
WIDGET_PLACEMENT: Final = "https://w3id.org/xapi/openedx/extension/widget-placement"
ATTEMPT_COMPLETED: Final = "https://w3id.org/xapi/openedx/extension/attempt-completed"
ATTEMPT_ID: Final = "http://id.tincanapi.com/extension/attempt-id"
ATTEMPT_STARTED: Final = "https://w3id.org/xapi/openedx/extension/attempt-started"
ATTEMPT_STATUS: Final = "https://w3id.org/xapi/openedx/extension/attempt-status"
AUTO_ADVANCE: Final = "https://w3id.org/xapi/openedx/extension/auto-advance"
BADGE_ASSERTION: Final = "http://specification.openbadges.org/xapi/extensions/badgeassertion"
BLOCK_TYPE: Final = "https://w3id.org/xapi/openedx/extension/block-type"
CASE_SENSITIVE: Final = "https://w3id.org/xapi/openedx/extension/case-sensitive"
CC_ENABLED: Final = "https://w3id.org/xapi/video/extensions/cc-enabled"
CC_SUBTITLE_ENABLED: Final = "https://w3id.org/xapi/video/extensions/cc-subtitle-enabled"
CC_LANGUAGE: Final = "https://w3id.org/xapi/video/extensions/cc-subtitle-lang"
CHAPTER_TITLE: Final = "https://w3id.org/xapi/openedx/extension/chapter-title"
COHORT_ID: Final = "https://w3id.org/xapi/openedx/extension/cohort-id"
COMPLETION: Final = "https://w3id.org/xapi/openedx/extension/completion"
CORRECTED_TEXT: Final = "https://w3id.org/xapi/openedx/extension/corrected-text"
CORRECTIONS: Final = "https://w3id.org/xapi/openedx/extension/corrections"
COURSE_ROLES: Final = "https://w3id.org/xapi/openedx/extension/course-roles"
COURSE_VERSION: Final = "https://w3id.org/xapi/openedx/extension/course-version"
DAYS_PER_WEEK: Final = "https://w3id.org/xapi/openedx/extension/days-per-week"
DIRECTION: Final = "https://w3id.org/xapi/openedx/extension/direction"
DISPLAYED_IN: Final = "https://w3id.org/xapi/openedx/extension/displayed-in"
DONE: Final = "https://w3id.org/xapi/openedx/extension/done"
DURATION: Final = "http://id.tincanapi.com/extension/duration"
EDIT_REASON: Final = "https://w3id.org/xapi/openedx/extension/edit-reason"
ENABLED: Final = "https://w3id.org/xapi/openedx/extension/enabled"
ENDING_POINT: Final = "http://id.tincanapi.com/extension/ending-point"
ENROLLMENT_MODE: Final = "https://w3id.org/xapi/openedx/extension/enrollment-mode"
EVENT_NAME: Final = "https://w3id.org/xapi/openedx/extension/event-name"
EVENT_TRANSACTION_ID: Final = "https://w3id.org/xapi/openedx/extension/event-transaction-id"
EVENT_TRANSACTION_TYPE: Final = "https://w3id.org/xapi/openedx/extension/event-transaction-type"
EXAM_ID: Final = "https://w3id.org/xapi/openedx/extension/exam-id"
EXAM_KIND: Final = "https://w3id.org/xapi/openedx/extension/exam-kind"
FAILURE: Final = "https://w3id.org/xapi/openedx/extension/failure"
FEEDBACK_SHOWN: Final = "https://w3id.org/xapi/openedx/extension/feedback-shown"
FEEDBACK: Final = "https://w3id.org/xapi/acrossx/extensions/feedback"
FIELD: Final = "https://w3id.org/xapi/openedx/extension/field"
FILE_COUNT: Final = "https://w3id.org/xapi/openedx/extension/file-count"
FILE_SIZE: Final = "https://w3id.org/xapi/openedx/extension/file-size"
FILE_TYPE: Final = "https://w3id.org/xapi/openedx/extension/file-type"
FOLLOWING: Final = "https://w3id.org/xapi/openedx/extension/followed"
FORUM_ROLES: Final = "https://w3id.org/xapi/openedx/extension/forum-roles"
GENERATION_MODE: Final = "https://w3id.org/xapi/openedx/extension/generation-mode"
GRADE_CLASSIFICATION: Final = "http://www.tincanapi.co.uk/activitytypes/grade_classification"
GRADING_POLICY_HASH: Final = "https://w3id.org/xapi/openedx/extension/grading-policy-hash"
GRADING_TYPE: Final = "https://w3id.org/xapi/openedx/extension/grading-type"
HIGHLIGHT_ALL: Final = "https://w3id.org/xapi/openedx/extension/highlight-all"
INPUT: Final = "https://w3id.org/xapi/openedx/extension/input"
ISSUED_TO: Final = "https://w3id.org/xapi/openedx/extension/issued-to"
ISSUER: Final = "https://w3id.org/xapi/openedx/extension/issuer"
IS_CORRECT_LOCATION: Final = "https://w3id.org/xapi/openedx/extension/is-correct-location"
IS_NEW: Final = "https://w3id.org/xapi/openedx/extension/is-new"
ITEM_ID: Final = "https://w3id.org/xapi/openedx/extension/item-id"
LEARNER: Final = "https://w3id.org/xapi/openedx/extension/learner"
LIST_TYPE: Final = "https://w3id.org/xapi/openedx/extension/list-type"
LOCATION: Final = "http://id.tincanapi.com/extension/location"
LOCATION_ID: Final = "https://w3id.org/xapi/openedx/extension/location-id"
LOCK_REASON: Final = "https://w3id.org/xapi/openedx/extension/lock-reason"
LTI_VERSION: Final = "https://w3id.org/xapi/openedx/extension/lti-version"
MANUALLY: Final = "https://w3id.org/xapi/openedx/extension/manually"
MARK_TYPE: Final = "https://w3id.org/xapi/openedx/extension/mark-type"
MAX_SCORE: Final = "https://w3id.org/xapi/openedx/extension/max-score"
MAX_COUNT: Final = "https://w3id.org/xapi/openedx/extension/max-count"
METHOD: Final = "https://w3id.org/xapi/openedx/extension/method"
NEW: Final = "https://w3id.org/xapi/openedx/extension/new"
NOTE_TEXT: Final = "https://w3id.org/xapi/openedx/extension/note-text"
OLD: Final = "https://w3id.org/xapi/openedx/extension/old"
NOTIFICATION_APP: Final = "https://w3id.org/xapi/openedx/extension/notification-app"
NOTIFICATION_TYPE: Final = "https://w3id.org/xapi/openedx/extension/notification-type"
ONLY_IF_HIGHER: Final = "https://w3id.org/xapi/openedx/extension/only-if-higher"
OPTIONS: Final = "https://w3id.org/xapi/openedx/extension/options"
OPTIONS_SELECTED: Final = "https://w3id.org/xapi/openedx/extension/options-selected"
OVERRIDE_DELETED: Final = "https://w3id.org/xapi/openedx/extension/override-deleted"
OWN_CONTENT: Final = "https://w3id.org/xapi/openedx/extension/own-content"
PAGE_NAME: Final = "https://w3id.org/xapi/openedx/extension/page-name"
PAGE_NUMBER: Final = "https://w3id.org/xapi/openedx/extension/page-number"
PAGE_SIZE: Final = "https://w3id.org/xapi/openedx/extension/page-size"
PARTITION_NAME: Final = "https://w3id.org/xapi/openedx/extension/partition-name"
POSITION: Final = "http://id.tincanapi.com/extension/position"
PREVIOUS_COUNT: Final = "https://w3id.org/xapi/openedx/extension/previous-count"
PREVIOUS_RATING: Final = "https://w3id.org/xapi/openedx/extension/previous-rating"
PREVIOUS_SCORE: Final = "https://w3id.org/xapi/openedx/extension/previous-score"
PROGRESS: Final = "https://w3id.org/xapi/cmi5/result/extensions/progress"
QUESTION_TYPE: Final = "https://w3id.org/xapi/openedx/extension/question-type"
RATING: Final = "https://w3id.org/xapi/openedx/extension/rating"
RATIONALE: Final = "https://w3id.org/xapi/openedx/extension/rationale"
REASON: Final = "https://w3id.org/xapi/openedx/extension/reason"
REMINDERS: Final = "https://w3id.org/xapi/openedx/extension/reminders"
REPORTED_STATUS_CLEARED: Final = "https://w3id.org/xapi/openedx/extension/reported-status-cleared"
RESCORED: Final = "https://w3id.org/xapi/openedx/extension/rescored"
RESULTS_COUNT: Final = "https://w3id.org/xapi/openedx/extension/results-count"
RESULT_COUNT: Final = "https://w3id.org/xapi/openedx/extension/result-count"
REVIEW_STATUS: Final = "https://w3id.org/xapi/openedx/extension/review-status"
RUBRICS: Final = "https://w3id.org/xapi/acrossx/extensions/rubrics"
RUBRIC_HASH: Final = "https://w3id.org/xapi/openedx/extension/rubric-hash"
SCORE_OVERRIDDEN: Final = "https://w3id.org/xapi/openedx/extension/score-overridden"
SCORE_TYPE: Final = "https://w3id.org/xapi/openedx/extension/score-type"
SCORE_GIVEN: Final = "https://w3id.org/xapi/openedx/extension/score-given"
SEARCH_QUERY: Final = "https://w3id.org/xapi/openedx/extension/search-query"
SEARCH_STATUS: Final = "https://w3id.org/xapi/openedx/extension/status"
SEEK_TYPE: Final = "https://w3id.org/xapi/openedx/extension/seek-type"
SKIP_INTERVAL: Final = "https://w3id.org/xapi/openedx/extension/skip-interval"
SESSION_ID: Final = "https://w3id.org/xapi/openedx/extensions/session-id"
SHARE_MEDIUM: Final = "http://id.tincanapi.com/extension/share-medium"
SOURCE: Final = "https://w3id.org/xapi/openedx/extension/source"
SPEED_FROM: Final = "https://w3id.org/xapi/openedx/extension/speed-from"
SPEED_TO: Final = "https://w3id.org/xapi/openedx/extension/speed-to"
STARTING_POSITION: Final = "http://id.tincanapi.com/extension/starting-position"
SUBMISSION_STAGE: Final = "https://w3id.org/xapi/openedx/extension/submission-stage"
SUPPLEMENTAL_INFO: Final = "https://w3id.org/xapi/acrossx/extensions/supplemental-info"
TAGS: Final = "https://w3id.org/xapi/openedx/extension/tags"
TEAM: Final = "https://w3id.org/xapi/openedx/extension/team"
TEAM_ID: Final = "https://w3id.org/xapi/openedx/extension/team-id"
TEXTBOOK_ACTION: Final = "https://w3id.org/xapi/openedx/extension/textbook-action"
THUMBNAIL_TITLE: Final = "https://w3id.org/xapi/openedx/extension/thumbnail-title"
TIME_LIMIT: Final = "https://w3id.org/xapi/acrossx/extensions/time-limit"
TOPIC: Final = "http://id.tincanapi.com/extension/topic"
GRADED_EARNED: Final = "https://w3id.org/xapi/openedx/extension/graded-earned"
TOTAL_ITEMS: Final = "https://w3id.org/xapi/acrossx/extensions/total-items"
GRADED_POSSIBLE: Final = "https://w3id.org/xapi/openedx/extension/graded-possible"
TRANSFORMER_VERSION: Final = "https://w3id.org/xapi/openedx/extension/transformer-version"
TRIGGER_TYPE: Final = "https://w3id.org/xapi/openedx/extension/trigger-type"
TRUNCATED: Final = "https://w3id.org/xapi/openedx/extension/truncated"
TYPE: Final = "https://w3id.org/xapi/acrossx/extensions/type"
UNDO_VOTE: Final = "https://w3id.org/xapi/openedx/extension/undo-vote"
UNSEEN_COUNT: Final = "https://w3id.org/xapi/openedx/extension/unseen-count"
VIDEO_LENGTH: Final = "https://w3id.org/xapi/video/extensions/length"
VIDEO_PROFILE: Final = "https://w3id.org/xapi/video"
VIDEO_SPEED: Final = "https://w3id.org/xapi/video/extensions/speed"
VIDEO_TIME: Final = "https://w3id.org/xapi/video/extensions/time"
VIDEO_TIME_FROM: Final = "https://w3id.org/xapi/video/extensions/time-from"
VIDEO_TIME_TO: Final = "https://w3id.org/xapi/video/extensions/time-to"
VIEW: Final = "https://w3id.org/xapi/openedx/extension/view"
