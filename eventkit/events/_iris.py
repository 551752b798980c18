"""
The IRIs that statements use, by the vocabulary that coined them.

Where no vocabulary has a term, Open edX's own namespace does (``https://w3id.org/xapi/openedx``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from eventkit._json import dumps
from eventkit.typing import Json


@dataclass(frozen=True, slots=True)
class Verb:
    """An xAPI verb: its IRI and its English name."""

    id: str
    display: str
    text: bytes = field(init=False, repr=False, compare=False)
    """The verb as a statement has it, as JSON."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", dumps(self.json()))

    def json(self) -> Json:
        """Write the verb as a statement has it; a new object each time, so that none is shared."""
        return {"id": self.id, "display": {"en": self.display}}


_ADL = "http://adlnet.gov/expapi/verbs/"
_ACROSSX = "https://w3id.org/xapi/acrossx/verbs/"
_DOD_ISD = "https://w3id.org/xapi/dod-isd/verbs/"
_OPENEDX = "https://w3id.org/xapi/openedx/verb/"
_TINCAN = "http://id.tincanapi.com/verb/"
_VIDEO = "https://w3id.org/xapi/video/verbs/"

ABANDONED = Verb("https://w3id.org/xapi/adl/verbs/abandoned", "abandoned")
ACCESSED = Verb(_DOD_ISD + "accessed", "accessed")
ANSWERED = Verb(_ADL + "answered", "answered")
APPROVED = Verb(_DOD_ISD + "approved", "approved")
ASKED = Verb(_ADL + "asked", "asked")
ASSESSED = Verb(_DOD_ISD + "assessed", "assessed")
ATTEMPTED = Verb(_ADL + "attempted", "attempted")
BOOKMARKED = Verb(_TINCAN + "bookmarked", "bookmarked")
CHANGED = Verb(_DOD_ISD + "changed", "changed")
CLOSED = Verb(_DOD_ISD + "closed", "closed")
COMMENTED = Verb(_ADL + "commented", "commented")
COMPLETED = Verb(_ADL + "completed", "completed")
CONCLUDED = Verb(_DOD_ISD + "concluded", "concluded")
CREATED = Verb(_DOD_ISD + "created", "created")
DECLINED = Verb(_OPENEDX + "declined", "declined")
DELETED = Verb(_DOD_ISD + "deleted", "deleted")
DOWNLOADED = Verb(_TINCAN + "downloaded", "downloaded")
EARNED = Verb(_TINCAN + "earned", "earned")
EDITED = Verb(_ACROSSX + "edited", "edited")
EVALUATED = Verb(_ACROSSX + "evaluated", "evaluated")
EXITED = Verb(_ADL + "exited", "exited")
EXPERIENCED = Verb(_ADL + "experienced", "experienced")
FAILED = Verb(_ADL + "failed", "failed")
FOLLOWED = Verb("http://activitystrea.ms/schema/1.0/follow", "followed")
IMPORTED = Verb(_ADL + "imported", "imported")
INITIALIZED = Verb(_ADL + "initialized", "initialized")
INTERACTED = Verb(_ADL + "interacted", "interacted")
JOINED = Verb(_OPENEDX + "joined", "joined")
LEFT = Verb(_OPENEDX + "left", "left")
NAVIGATED = Verb(_DOD_ISD + "navigated", "navigated")
OPENED = Verb(_DOD_ISD + "opened", "opened")
PASSED = Verb(_ADL + "passed", "passed")
PAUSED = Verb(_VIDEO + "paused", "paused")
PLAYED = Verb(_VIDEO + "played", "played")
POSTED = Verb(_ACROSSX + "posted", "posted")
PREFERRED = Verb(_ADL + "preferred", "preferred")
PROGRESSED = Verb(_ADL + "progressed", "progressed")
READIED = Verb(_DOD_ISD + "readied", "readied")
RECEIVED = Verb(_DOD_ISD + "received", "received")
REGISTERED = Verb(_ADL + "registered", "registered")
REPORTED = Verb(_ACROSSX + "reported", "reported")
REQUESTED = Verb(_DOD_ISD + "requested", "requested")
RESET = Verb(_DOD_ISD + "reset", "reset")
REVEALED = Verb(_ACROSSX + "revealed", "revealed")
SATISFIED = Verb("https://w3id.org/xapi/adl/verbs/satisfied", "satisfied")
SAVED = Verb(_DOD_ISD + "saved", "saved")
SCORED = Verb(_ADL + "scored", "scored")
SEARCHED = Verb(_ACROSSX + "searched", "searched")
SEEKED = Verb(_VIDEO + "seeked", "seeked")
SHARED = Verb(_ADL + "shared", "shared")
SKIPPED = Verb(_TINCAN + "skipped", "skipped")
STOPPED_FOLLOWING = Verb("http://activitystrea.ms/schema/1.0/stop-following", "stopped following")
TERMINATED = Verb(_ADL + "terminated", "terminated")
UNAPPROVED = Verb(_OPENEDX + "unapproved", "unapproved")
UNBOOKMARKED = Verb(_OPENEDX + "unbookmarked", "unbookmarked")
UNREGISTERED = Verb(_TINCAN + "unregistered", "unregistered")
UNREPORTED = Verb(_OPENEDX + "unreported", "unreported")
UNVOTED = Verb(_OPENEDX + "unvoted", "unvoted")
VIEWED = Verb(_TINCAN + "viewed", "viewed")
VOTED = Verb(_OPENEDX + "voted", "voted")
WAS_ASSIGNED = Verb(_ACROSSX + "was-assigned", "was assigned")
WAS_REVOKED = Verb(_OPENEDX + "was-revoked", "was revoked")
WAS_UNASSIGNED = Verb(_OPENEDX + "was-unassigned", "was unassigned")

# Activity types.
ASSESSMENT = "http://adlnet.gov/expapi/activities/assessment"
BADGE = "http://activitystrea.ms/badge"
BOOK_PAGE = "https://w3id.org/xapi/acrossx/activities/page"
CERTIFICATE = "https://www.opigno.org/en/tincan_registry/activity_type/certificate"
COLLECTION = "http://id.tincanapi.com/activitytype/collection-simple"
COURSE = "http://adlnet.gov/expapi/activities/course"
DISCUSSION = "http://id.tincanapi.com/activitytype/discussion"
EXAM_ATTEMPT = "http://adlnet.gov/expapi/activities/attempt"
E_BOOK = "https://w3id.org/xapi/acrossx/activities/e-book"
FILE = "http://adlnet.gov/expapi/activities/file"
GROUP = "http://activitystrea.ms/group"
INTERACTION = "http://adlnet.gov/expapi/activities/cmi.interaction"
LINK = "http://adlnet.gov/expapi/activities/link"
MODULE = "http://adlnet.gov/expapi/activities/module"
NOTE = "https://w3id.org/xapi/acrossx/activities/note"
PAGE = "http://activitystrea.ms/schema/1.0/page"
PRACTICE_ASSESSMENT = "https://w3id.org/xapi/openedx/activity/practice-assessment"
PROCTORED_ASSESSMENT = "https://w3id.org/xapi/openedx/activity/proctored-assessment"
QUESTION = "http://adlnet.gov/expapi/activities/question"
RESOURCE = "http://id.tincanapi.com/activitytype/resource"
SECTION = "http://id.tincanapi.com/activitytype/section"
SOLUTION = "http://id.tincanapi.com/activitytype/solution"
TIMED_ASSESSMENT = "https://w3id.org/xapi/openedx/activity/timed-assessment"
VIDEO = "https://w3id.org/xapi/video/activity-type/video"
WEB_PAGE = "https://w3id.org/xapi/acrossx/activities/webpage"

# Extension keys.
ABOUT_NOTE = "https://w3id.org/xapi/openedx/extension/note"
ACTION = "https://w3id.org/xapi/openedx/extension/action"
ALLOWED_MINUTES = "https://w3id.org/xapi/openedx/extension/allowed-minutes"
AMOUNT = "https://w3id.org/xapi/openedx/extension/amount"
ANONYMOUS = "https://w3id.org/xapi/openedx/extension/anonymous"
ANONYMOUS_TO_PEERS = "https://w3id.org/xapi/openedx/extension/anonymous-to-peers"
ANSWER = "https://w3id.org/xapi/openedx/extension/answer"
CORRECT = "https://w3id.org/xapi/openedx/extension/correct"
FIRST_TIME = "https://w3id.org/xapi/openedx/extension/first-time"
ORIGINAL_BLOCK = "https://w3id.org/xapi/openedx/extension/original-usage-key"
PASSING = "https://w3id.org/xapi/openedx/extension/passing"
QUESTION_TEXT = "https://w3id.org/xapi/openedx/extension/question"
SUCCESS = "https://w3id.org/xapi/openedx/extension/success"
WIDGET_PLACEMENT = "https://w3id.org/xapi/openedx/extension/widget-placement"
ATTEMPT_COMPLETED = "https://w3id.org/xapi/openedx/extension/attempt-completed"
ATTEMPT_ID = "http://id.tincanapi.com/extension/attempt-id"
ATTEMPT_STARTED = "https://w3id.org/xapi/openedx/extension/attempt-started"
ATTEMPT_STATUS = "https://w3id.org/xapi/openedx/extension/attempt-status"
BADGE_ASSERTION = "http://specification.openbadges.org/xapi/extensions/badgeassertion"
BLOCK_TYPE = "https://w3id.org/xapi/openedx/extension/block-type"
CAPTION_KIND = "https://w3id.org/xapi/openedx/extension/caption-kind"
CASE_SENSITIVE = "https://w3id.org/xapi/openedx/extension/case-sensitive"
CC_ENABLED = "https://w3id.org/xapi/video/extensions/cc-enabled"
CC_LANGUAGE = "https://w3id.org/xapi/video/extensions/cc-subtitle-lang"
CHAPTER = "https://w3id.org/xapi/acrossx/extensions/chapter"
COHORT_ID = "https://w3id.org/xapi/openedx/extension/cohort-id"
COMPLETION = "https://w3id.org/xapi/openedx/extension/completion"
CORRECTED_TEXT = "https://w3id.org/xapi/openedx/extension/corrected-text"
CORRECTIONS = "https://w3id.org/xapi/openedx/extension/corrections"
COURSE_ROLES = "https://w3id.org/xapi/openedx/extension/course-roles"
COURSE_VERSION = "https://w3id.org/xapi/openedx/extension/course-version"
DIRECTION = "https://w3id.org/xapi/openedx/extension/direction"
DISPLAYED_IN = "https://w3id.org/xapi/openedx/extension/displayed-in"
DONE = "https://w3id.org/xapi/openedx/extension/done"
DURATION = "http://id.tincanapi.com/extension/duration"
EDIT_REASON = "https://w3id.org/xapi/openedx/extension/edit-reason"
ENABLED = "https://w3id.org/xapi/openedx/extension/enabled"
ENDING_POINT = "http://id.tincanapi.com/extension/ending-point"
ENROLLMENT_MODE = "https://w3id.org/xapi/openedx/extension/enrollment-mode"
EVENT_TRANSACTION_ID = "https://w3id.org/xapi/openedx/extension/event-transaction-id"
EVENT_TRANSACTION_TYPE = "https://w3id.org/xapi/openedx/extension/event-transaction-type"
EXAM_ID = "https://w3id.org/xapi/openedx/extension/exam-id"
EXAM_KIND = "https://w3id.org/xapi/openedx/extension/exam-kind"
FAILURE = "https://w3id.org/xapi/openedx/extension/failure"
FEEDBACK = "https://w3id.org/xapi/acrossx/extensions/feedback"
FIELD = "https://w3id.org/xapi/openedx/extension/field"
FILE_SIZE = "https://w3id.org/xapi/openedx/extension/file-size"
FILE_TYPE = "https://w3id.org/xapi/openedx/extension/file-type"
FOLLOWING = "https://w3id.org/xapi/openedx/extension/followed"
FORUM_ROLES = "https://w3id.org/xapi/openedx/extension/forum-roles"
GENERATION_MODE = "https://w3id.org/xapi/openedx/extension/generation-mode"
GRADE_CLASSIFICATION = "http://www.tincanapi.co.uk/activitytypes/grade_classification"
GRADING_POLICY_HASH = "https://w3id.org/xapi/openedx/extension/grading-policy-hash"
GRADING_TYPE = "https://w3id.org/xapi/openedx/extension/grading-type"
HIGHLIGHT_ALL = "https://w3id.org/xapi/openedx/extension/highlight-all"
INPUT = "https://w3id.org/xapi/openedx/extension/input"
ISSUED_TO = "https://w3id.org/xapi/openedx/extension/issued-to"
ISSUER = "https://w3id.org/xapi/openedx/extension/issuer"
IS_CORRECT_LOCATION = "https://w3id.org/xapi/openedx/extension/is-correct-location"
IS_NEW = "https://w3id.org/xapi/openedx/extension/is-new"
ITEM_ID = "https://w3id.org/xapi/openedx/extension/item-id"
LEARNER = "https://w3id.org/xapi/openedx/extension/learner"
LIST_TYPE = "https://w3id.org/xapi/openedx/extension/list-type"
LOCATION = "http://id.tincanapi.com/extension/location"
LOCATION_ID = "https://w3id.org/xapi/openedx/extension/location-id"
LOCK_REASON = "https://w3id.org/xapi/openedx/extension/lock-reason"
MANUALLY = "https://w3id.org/xapi/openedx/extension/manually"
MAX_COUNT = "https://w3id.org/xapi/openedx/extension/max-count"
METHOD = "https://w3id.org/xapi/openedx/extension/method"
NEW = "https://w3id.org/xapi/openedx/extension/new"
NOTE_TEXT = "https://w3id.org/xapi/openedx/extension/note-text"
OLD = "https://w3id.org/xapi/openedx/extension/old"
ONLY_IF_HIGHER = "https://w3id.org/xapi/openedx/extension/only-if-higher"
OPTIONS = "https://w3id.org/xapi/openedx/extension/options"
OPTIONS_SELECTED = "https://w3id.org/xapi/openedx/extension/options-selected"
OWN_CONTENT = "https://w3id.org/xapi/openedx/extension/own-content"
PAGE_NAME = "https://w3id.org/xapi/openedx/extension/page-name"
PAGE_NUMBER = "https://w3id.org/xapi/openedx/extension/page-number"
PAGE_SIZE = "https://w3id.org/xapi/openedx/extension/page-size"
PARTITION_NAME = "https://w3id.org/xapi/openedx/extension/partition-name"
POSITION = "http://id.tincanapi.com/extension/position"
PREVIOUS_COUNT = "https://w3id.org/xapi/openedx/extension/previous-count"
PREVIOUS_SCORE = "https://w3id.org/xapi/openedx/extension/previous-score"
PROGRESS = "https://w3id.org/xapi/cmi5/result/extensions/progress"
QUESTION_TYPE = "https://w3id.org/xapi/openedx/extension/question-type"
RATIONALE = "https://w3id.org/xapi/openedx/extension/rationale"
REASON = "https://w3id.org/xapi/openedx/extension/reason"
REPORTED_STATUS_CLEARED = "https://w3id.org/xapi/openedx/extension/reported-status-cleared"
RESCORED = "https://w3id.org/xapi/openedx/extension/rescored"
RESULTS_COUNT = "https://w3id.org/xapi/openedx/extension/results-count"
RESULT_COUNT = "https://w3id.org/xapi/openedx/extension/result-count"
REVIEW_STATUS = "https://w3id.org/xapi/openedx/extension/review-status"
RUBRICS = "https://w3id.org/xapi/acrossx/extensions/rubrics"
RUBRIC_HASH = "https://w3id.org/xapi/openedx/extension/rubric-hash"
SCORE_OVERRIDDEN = "https://w3id.org/xapi/openedx/extension/score-overridden"
SCORE_TYPE = "https://w3id.org/xapi/openedx/extension/score-type"
SEARCH_QUERY = "https://w3id.org/xapi/openedx/extension/search-query"
SEARCH_STATUS = "https://w3id.org/xapi/openedx/extension/status"
SEEK_TYPE = "https://w3id.org/xapi/openedx/extension/seek-type"
SKIP_INTERVAL = "https://w3id.org/xapi/openedx/extension/skip-interval"
SESSION_ID = "https://w3id.org/xapi/openedx/extensions/session-id"
SHARE_MEDIUM = "http://id.tincanapi.com/extension/share-medium"
SOURCE = "https://w3id.org/xapi/openedx/extension/source"
SPEED_FROM = "https://w3id.org/xapi/openedx/extension/speed-from"
SPEED_TO = "https://w3id.org/xapi/openedx/extension/speed-to"
STARTING_POSITION = "http://id.tincanapi.com/extension/starting-position"
SUBMISSION_STAGE = "https://w3id.org/xapi/openedx/extension/submission-stage"
SUPPLEMENTAL_INFO = "https://w3id.org/xapi/acrossx/extensions/supplemental-info"
TAGS = "https://w3id.org/xapi/openedx/extension/tags"
TEAM = "https://w3id.org/xapi/openedx/extension/team"
TEAM_ID = "https://w3id.org/xapi/openedx/extension/team-id"
THUMBNAIL_TITLE = "https://w3id.org/xapi/openedx/extension/thumbnail-title"
TIME_LIMIT = "https://w3id.org/xapi/acrossx/extensions/time-limit"
TOPIC = "http://id.tincanapi.com/extension/topic"
TOTAL_EARNED = "https://w3id.org/xapi/openedx/extension/total-earned"
TOTAL_ITEMS = "https://w3id.org/xapi/acrossx/extensions/total-items"
TOTAL_POSSIBLE = "https://w3id.org/xapi/openedx/extension/total-possible"
TRANSFORMER_VERSION = "https://w3id.org/xapi/openedx/extension/transformer-version"
TRIGGER_TYPE = "https://w3id.org/xapi/openedx/extension/trigger-type"
TRUNCATED = "https://w3id.org/xapi/openedx/extension/truncated"
TYPE = "https://w3id.org/xapi/acrossx/extensions/type"
UNDO_VOTE = "https://w3id.org/xapi/openedx/extension/undo-vote"
VIDEO_COMPLETED = "https://w3id.org/xapi/openedx/extension/completed"
VIDEO_LENGTH = "https://w3id.org/xapi/video/extensions/length"
VIDEO_PROGRESS = "https://w3id.org/xapi/video/extensions/progress"
VIDEO_SESSION_ID = "https://w3id.org/xapi/video/extensions/session-id"
VIDEO_SPEED = "https://w3id.org/xapi/video/extensions/speed"
VIDEO_TIME = "https://w3id.org/xapi/video/extensions/time"
VIDEO_TIME_FROM = "https://w3id.org/xapi/video/extensions/time-from"
VIDEO_TIME_TO = "https://w3id.org/xapi/video/extensions/time-to"
VIEW = "https://w3id.org/xapi/openedx/extension/view"
