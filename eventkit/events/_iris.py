"""
The IRIs that statements use, by the vocabulary that coined them.

Where no vocabulary has a term, Open edX's own namespace does (``https://w3id.org/xapi/openedx``).
"""

from __future__ import annotations

from dataclasses import dataclass

from eventkit.typing import Json


@dataclass(frozen=True, slots=True)
class Verb:
    """An xAPI verb: its IRI and its English name."""

    id: str
    display: str

    def json(self) -> Json:
        """Write the verb as a statement has it; a new object each time, so that none is shared."""
        return {"id": self.id, "display": {"en": self.display}}


_ADL = "http://adlnet.gov/expapi/verbs/"
_ACROSSX = "https://w3id.org/xapi/acrossx/verbs/"
_DOD_ISD = "https://w3id.org/xapi/dod-isd/verbs/"
_OPENEDX = "https://w3id.org/xapi/openedx/verb/"
_TINCAN = "http://id.tincanapi.com/verb/"
_VIDEO = "https://w3id.org/xapi/video/verbs/"

ASKED = Verb(_ADL + "asked", "asked")
ATTEMPTED = Verb(_ADL + "attempted", "attempted")
COMPLETED = Verb(_ADL + "completed", "completed")
DELETED = Verb(_DOD_ISD + "deleted", "deleted")
EARNED = Verb(_TINCAN + "earned", "earned")
EDITED = Verb(_ACROSSX + "edited", "edited")
EVALUATED = Verb(_ACROSSX + "evaluated", "evaluated")
FAILED = Verb(_ADL + "failed", "failed")
INITIALIZED = Verb(_ADL + "initialized", "initialized")
INTERACTED = Verb(_ADL + "interacted", "interacted")
NAVIGATED = Verb(_DOD_ISD + "navigated", "navigated")
PASSED = Verb(_ADL + "passed", "passed")
PAUSED = Verb(_VIDEO + "paused", "paused")
PLAYED = Verb(_VIDEO + "played", "played")
POSTED = Verb(_ACROSSX + "posted", "posted")
PROGRESSED = Verb(_ADL + "progressed", "progressed")
REGISTERED = Verb(_ADL + "registered", "registered")
REPORTED = Verb(_ACROSSX + "reported", "reported")
SEEKED = Verb(_VIDEO + "seeked", "seeked")
TERMINATED = Verb(_ADL + "terminated", "terminated")
UNREGISTERED = Verb(_TINCAN + "unregistered", "unregistered")
UNREPORTED = Verb(_OPENEDX + "unreported", "unreported")
UNVOTED = Verb(_OPENEDX + "unvoted", "unvoted")
VIEWED = Verb(_TINCAN + "viewed", "viewed")
VOTED = Verb(_OPENEDX + "voted", "voted")

# Activity types.
COURSE = "http://adlnet.gov/expapi/activities/course"
DISCUSSION = "http://id.tincanapi.com/activitytype/discussion"
EXAM_ATTEMPT = "http://adlnet.gov/expapi/activities/attempt"
INTERACTION = "http://adlnet.gov/expapi/activities/cmi.interaction"
LINK = "http://adlnet.gov/expapi/activities/link"
MODULE = "http://adlnet.gov/expapi/activities/module"
PRACTICE_ASSESSMENT = "https://w3id.org/xapi/openedx/activity/practice-assessment"
PROCTORED_ASSESSMENT = "https://w3id.org/xapi/openedx/activity/proctored-assessment"
QUESTION = "http://adlnet.gov/expapi/activities/question"
RESOURCE = "http://id.tincanapi.com/activitytype/resource"
SOLUTION = "http://id.tincanapi.com/activitytype/solution"
TIMED_ASSESSMENT = "https://w3id.org/xapi/openedx/activity/timed-assessment"
VIDEO = "https://w3id.org/xapi/video/activity-type/video"

# Extension keys.
ACTION = "https://w3id.org/xapi/openedx/extension/action"
CORRECT = "https://w3id.org/xapi/openedx/extension/correct"
FIRST_TIME = "https://w3id.org/xapi/openedx/extension/first-time"
PASSING = "https://w3id.org/xapi/openedx/extension/passing"
QUESTION_TEXT = "https://w3id.org/xapi/openedx/extension/question"
SUCCESS = "https://w3id.org/xapi/openedx/extension/success"
WIDGET_PLACEMENT = "https://w3id.org/xapi/openedx/extension/widget-placement"
ATTEMPT_COMPLETED = "https://w3id.org/xapi/openedx/extension/attempt-completed"
ATTEMPT_ID = "http://id.tincanapi.com/extension/attempt-id"
ATTEMPT_STARTED = "https://w3id.org/xapi/openedx/extension/attempt-started"
CAPTION_KIND = "https://w3id.org/xapi/openedx/extension/caption-kind"
CC_ENABLED = "https://w3id.org/xapi/video/extensions/cc-enabled"
CC_LANGUAGE = "https://w3id.org/xapi/video/extensions/cc-subtitle-lang"
DURATION = "http://id.tincanapi.com/extension/duration"
ENDING_POINT = "http://id.tincanapi.com/extension/ending-point"
ENROLLMENT_MODE = "https://w3id.org/xapi/openedx/extension/enrollment-mode"
GRADE_CLASSIFICATION = "http://www.tincanapi.co.uk/activitytypes/grade_classification"
PROGRESS = "https://w3id.org/xapi/cmi5/result/extensions/progress"
SEEK_TYPE = "https://w3id.org/xapi/openedx/extension/seek-type"
SKIP_INTERVAL = "https://w3id.org/xapi/openedx/extension/skip-interval"
SESSION_ID = "https://w3id.org/xapi/openedx/extensions/session-id"
SPEED_FROM = "https://w3id.org/xapi/openedx/extension/speed-from"
SPEED_TO = "https://w3id.org/xapi/openedx/extension/speed-to"
STARTING_POSITION = "http://id.tincanapi.com/extension/starting-position"
SUPPLEMENTAL_INFO = "https://w3id.org/xapi/acrossx/extensions/supplemental-info"
TIME_LIMIT = "https://w3id.org/xapi/acrossx/extensions/time-limit"
TOTAL_ITEMS = "https://w3id.org/xapi/acrossx/extensions/total-items"
TRANSFORMER_VERSION = "https://w3id.org/xapi/openedx/extension/transformer-version"
TYPE = "https://w3id.org/xapi/acrossx/extensions/type"
VIDEO_LENGTH = "https://w3id.org/xapi/video/extensions/length"
VIDEO_PROGRESS = "https://w3id.org/xapi/video/extensions/progress"
VIDEO_SESSION_ID = "https://w3id.org/xapi/video/extensions/session-id"
VIDEO_SPEED = "https://w3id.org/xapi/video/extensions/speed"
VIDEO_TIME = "https://w3id.org/xapi/video/extensions/time"
VIDEO_TIME_FROM = "https://w3id.org/xapi/video/extensions/time-from"
VIDEO_TIME_TO = "https://w3id.org/xapi/video/extensions/time-to"
