"""The discussion forum."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from eventkit.events.rows import Action, OneOf, Row, Shape, Statement
from eventkit.events.shapes.caliper import (
    ANNOTATION,
    FEEDBACK,
    FORUM,
    GENERAL,
    RESOURCE_MANAGEMENT,
    SEARCH,
    actor,
    entity,
    search_response,
)
from eventkit.events.shapes.iris import (
    ANONYMOUS,
    ANONYMOUS_TO_PEERS,
    APPROVED,
    CLOSED,
    COHORT_ID,
    CORRECTED_TEXT,
    COURSE_ROLES,
    DELETED,
    DISCUSSION,
    EDIT_REASON,
    EDITED,
    FOLLOWED,
    FOLLOWING,
    FORUM_ROLES,
    LOCK_REASON,
    MARK_TYPE,
    OPENED,
    OWN_CONTENT,
    PAGE_NUMBER,
    POSTED,
    REPORTED,
    REPORTED_STATUS_CLEARED,
    RESULTS_COUNT,
    SEARCH_QUERY,
    SEARCHED,
    STOPPED_FOLLOWING,
    TEAM_ID,
    TRUNCATED,
    TYPE,
    UNAPPROVED,
    UNDO_VOTE,
    UNREPORTED,
    UNVOTED,
    VIEWED,
    VOTE_VALUE,
    VOTED,
    Verb,
)
from eventkit.events.shapes.mobile import SCREEN, is_thread
from eventkit.events.shapes.site import encode_iri
from eventkit.events.shapes.view import View, activity
from eventkit.reading.source import as_object
from eventkit.typing import Json

_API = "/api/discussion/v1"

# What the forum told us.


def forum_iri(view: View) -> str:
    """Give the IRI of the forum of the course."""
    return f"{view.course_iri()}/discussion"


def thread_iri(view: View) -> str:
    """Give the IRI of the thread. It never depends on the page that the thread was seen on."""
    return _content_iri(view, "threads", view.key("id"))


def comment_iri(view: View) -> str:
    """Give the IRI of a response or a comment; the forum keeps both in one place."""
    return _content_iri(view, "comments", view.key("id"))


def discussion_iri(view: View) -> str:
    """Give the IRI of the thread that a contribution belongs to; ``""`` when it is not told."""
    return _above(view, "discussion", "threads")


def response_iri(view: View) -> str:
    """Give the IRI of the response that a comment answers; ``""`` when it is not told."""
    return _above(view, "response", "comments")


def _above(view: View, field: str, place: str) -> str:
    content = as_object(view.data.get(field)).get("id")
    return _content_iri(view, place, content) if isinstance(content, str) and content else ""


def _content_iri(view: View, place: str, content: str) -> str:
    if not content:
        raise view.lacks("no_object", "data.id")
    return view.iri(f"{_API}/{place}/{content}")


def topic_key(view: View) -> str:
    """Give what the forum calls the topic; ``""`` when it is not told."""
    return view.key("commentable_id") or view.key("category_id")


def topic_iri(view: View, name: str) -> str:
    """Give the IRI of a topic of the forum."""
    return f"{forum_iri(view)}/{encode_iri(name)}"


def is_undone(view: View) -> bool:
    """Tell taking a vote back from voting."""
    return view.data.get("undo_vote") is True


# How xAPI says it.


def thread(view: View) -> Json:
    """Make the thread, with its title."""
    return activity(thread_iri(view), DISCUSSION, name=view.words("title"))


def new_thread(view: View) -> Json:
    """Make the thread, and say whether it is a question or a discussion."""
    return activity(
        thread_iri(view),
        DISCUSSION,
        name=view.words("title"),
        extensions={TYPE: view.scalar("thread_type"), COHORT_ID: view.number("group_id")},
    )


def comment(view: View) -> Json:
    """Make a response or a comment."""
    return activity(comment_iri(view), DISCUSSION, name=view.words("title"))


def post(view: View) -> Json:
    """Say what was written, where texts may leave."""
    text = view.private("body")
    return {"response": text} if text else {}


def forum(view: View) -> Json:
    """Make the whole forum of the course."""
    return activity(forum_iri(view), DISCUSSION)


def vote(view: View) -> Json:
    """Say which way the vote went, and as what the person takes part."""
    return standing(view) | {VOTE_VALUE: view.scalar("vote_value")}


def mark_type(view: View) -> Json:
    """Say whether it is endorsed, or marked as the answer, and as what the person takes part."""
    return standing(view) | {MARK_TYPE: view.scalar("mark_type")}


def lock_reason(view: View) -> Json:
    """Say why the moderator locked the thread, and as what the person takes part."""
    return standing(view) | {LOCK_REASON: view.scalar("lock_reason")}


def edit_reason(view: View) -> Json:
    """Say why a moderator edited the thread, and as what the person takes part."""
    return standing(view) | {EDIT_REASON: view.scalar("edit_reason")}


def in_topic(view: View) -> Json:
    """Say which topic of the forum it is under."""
    return {"grouping": _topic(view)}


def conversation(view: View) -> Json:
    """Say which thread and topic a contribution belongs to, and which response it answers."""
    above = (discussion_iri(view), response_iri(view))
    return {"grouping": [activity(iri, DISCUSSION) for iri in above if iri] + _topic(view)}


def _topic(view: View) -> list[Json]:
    name = topic_key(view)
    if not name or not view.course_id:
        return []
    return [activity(topic_iri(view, name), DISCUSSION, name=view.words("category_name"))]


def results(view: View) -> Json:
    """Say how much was found."""
    return {"extensions": {RESULTS_COUNT: view.number("total_results")}}


def search(view: View) -> Json:
    """Say what was searched for, where texts may leave, and which page of the results it is."""
    return {SEARCH_QUERY: view.private("query"), PAGE_NUMBER: view.number("page")}


def thread_vote(view: View) -> Statement:
    """Tell voting from taking the vote back."""
    return _THREAD_UNVOTED if is_undone(view) else _THREAD_VOTED


def response_vote(view: View) -> Statement:
    """Tell voting from taking the vote back."""
    return _RESPONSE_UNVOTED if is_undone(view) else _RESPONSE_VOTED


# How Caliper says it. A topic is a Forum, and the opening post of a thread is a Message of its own,
# for a reply can only answer a Message.


def topic(view: View) -> Json | None:
    """Make the topic that something is posted under; the whole forum when it is not told."""
    if not view.course_id:
        return None
    name = topic_key(view)
    return entity(
        topic_iri(view, name) if name else forum_iri(view),
        "Forum",
        name=view.words("category_name"),
        isPartOf=view.course_iri(),
    )


def whole_forum(view: View) -> Json:
    """Make the forum of the course, all topics in one."""
    return entity(forum_iri(view), "Forum", isPartOf=view.course_iri())


def discussion(view: View) -> Json:
    """Make the thread; its title is what a learner wrote."""
    return entity(thread_iri(view), "Thread", name=view.private("title"), isPartOf=topic(view))


def opening_post(view: View) -> Json:
    """Make the post that opens a thread."""
    return entity(
        f"{thread_iri(view)}#message",
        "Message",
        creators=_creators(view),
        body=view.private("body"),
        isPartOf=discussion(view),
        extensions={
            TYPE: view.scalar("thread_type"),
            FOLLOWING: _is_followed(view),
            ANONYMOUS: view.scalar("anonymous"),
            ANONYMOUS_TO_PEERS: view.scalar("anonymous_to_peers"),
            COHORT_ID: view.number("group_id"),
            TRUNCATED: view.scalar("truncated"),
        },
    )


def reply(view: View) -> Json:
    """Make a new response to a thread, or a comment on a response."""
    opening = discussion_iri(view)
    return message(view) | entity(
        comment_iri(view),
        "Message",
        creators=_creators(view),
        body=view.private("body"),
        replyTo=response_iri(view) or (f"{opening}#message" if opening else None),
    )


def message(view: View) -> Json:
    """Make a response or a comment, a part of its thread; of the topic when that is not told."""
    above = discussion_iri(view)
    place = topic(view)
    return entity(
        comment_iri(view),
        "Message",
        isPartOf=entity(above, "Thread", isPartOf=place) if above else place,
    )


def _creators(view: View) -> list[str] | None:
    """Give the author, unless the post hides who wrote it."""
    hidden = view.data.get("anonymous") is True or view.data.get("anonymous_to_peers") is True
    return None if hidden else [actor(view)]


def _is_followed(view: View) -> bool | None:
    followed = as_object(view.data.get("options")).get("followed")
    return followed if isinstance(followed, bool) else None


def _by_user(view: View, content: str, what: str) -> tuple[str, str]:
    """Give who did it, and the IRI of what they attach to *content*."""
    person = actor(view)
    return person, f"{content}/user/{person.rpartition('/')[2]}/{what}"


def thread_report(view: View) -> Json:
    """Make the report of a thread."""
    return _report(view, thread_iri(view))


def message_report(view: View) -> Json:
    """Make the report of a response or a comment."""
    return _report(view, comment_iri(view))


def _report(view: View, content: str) -> Json:
    person, iri = _by_user(view, content, "report")
    return entity(iri, "TagAnnotation", annotator=person, annotated=content, tags=["reported"])


def thread_rating(view: View) -> Json:
    """Make the vote for a thread."""
    return _rating(view, thread_iri(view))


def message_rating(view: View) -> Json:
    """Make the vote for a response."""
    return _rating(view, comment_iri(view))


def _rating(view: View, content: str) -> Json:
    person, iri = _by_user(view, content, "vote")
    chosen = "0" if is_undone(view) else "1"
    return entity(iri, "Rating", rater=person, rated=content, selections=[chosen])


def mark_removed(view: View) -> Json:
    """Make the mark, endorsement or answer, that a response loses."""
    response = comment_iri(view)
    kind = view.key("mark_type")
    return entity(
        f"{response}/mark/{encode_iri(kind)}" if kind else f"{response}/mark",
        "Annotation",
        annotated=response,
    )


def found(view: View) -> Json:
    """Make what a search in the forum gave."""
    return search_response(
        view,
        forum_iri(view),
        terms=view.words("query"),
        results=view.number("total_results"),
    )


def search_facts(view: View) -> Json:
    """Say which page of the results it is, and how the search was narrowed or corrected."""
    return {
        PAGE_NUMBER: view.number("page"),
        COHORT_ID: view.number("group_id"),
        CORRECTED_TEXT: view.private("corrected_text"),
    }


def standing(view: View) -> Json:
    """Say as what the person takes part: roles in forum and course, and the team."""
    return {
        FORUM_ROLES: view.texts("user_forums_roles"),
        COURSE_ROLES: view.texts("user_course_roles"),
        TEAM_ID: view.slug("team", "team_id") or None,
    }


def _standing_and(view: View, *, fields: Mapping[str, str]) -> Json:
    return standing(view) | {iri: view.scalar(field) for field, iri in fields.items()}


_deletion = partial(_standing_and, fields={"own_content": OWN_CONTENT})
_edit = partial(_standing_and, fields={"own_content": OWN_CONTENT, "edit_reason": EDIT_REASON})
_lock = partial(_standing_and, fields={"lock_reason": LOCK_REASON})
_mark = partial(_standing_and, fields={"mark_type": MARK_TYPE})
_unreport = partial(_standing_and, fields={"reported_status_cleared": REPORTED_STATUS_CLEARED})
_voting = partial(_standing_and, fields={"vote_value": VOTE_VALUE, "undo_vote": UNDO_VOTE})


_THREAD_VOTED = Statement(VOTED, thread, extensions=vote, activities=in_topic)
_THREAD_UNVOTED = Statement(UNVOTED, thread, extensions=vote, activities=in_topic)
_RESPONSE_VOTED = Statement(VOTED, comment, extensions=vote, activities=in_topic)
_RESPONSE_UNVOTED = Statement(UNVOTED, comment, extensions=vote, activities=in_topic)


def _about(
    verb: Verb, what: Shape = thread, *, result: Shape | None = None, extensions: Shape = standing
) -> Statement:
    return Statement(verb, what, result=result, extensions=extensions, activities=in_topic)


def _in_conversation(
    verb: Verb, *, result: Shape | None = None, extensions: Shape = standing
) -> Statement:
    return Statement(verb, comment, result=result, extensions=extensions, activities=conversation)


def _posted(what: Shape) -> Action:
    return Action("MessageEvent", "Posted", what, FORUM, extensions=standing)


def _managed(action: str, what: Shape, extensions: Shape) -> Action:
    return Action(
        "ResourceManagementEvent", action, what, RESOURCE_MANAGEMENT, extensions=extensions
    )


def _voted(what: Shape, rating: Shape) -> Action:
    return Action("FeedbackEvent", "Ranked", what, FEEDBACK, generated=rating, extensions=_voting)


def _reported(what: Shape, report: Shape) -> Action:
    """Make the event for a report: Caliper knows none, but sticking a label on is one it does."""
    return Action(
        "AnnotationEvent", "Tagged", what, ANNOTATION, generated=report, extensions=standing
    )


def _generic(action: str, what: Shape, extensions: Shape) -> Action:
    return Action("Event", action, what, GENERAL, extensions=extensions)


_MESSAGE_EDITED = _managed("Modified", message, _edit)
_MESSAGE_DELETED = _managed("Deleted", message, _deletion)
_MESSAGE_REPORTED = _reported(message, message_report)
_MESSAGE_UNREPORTED = _generic("Removed", message_report, _unreport)


def _refuse_other_screens(view: View) -> None:
    if view.name == SCREEN and not is_thread(view.context):
        raise view.skipped("another screen of the app than that of a thread")


def thread_viewed(view: View) -> Statement:
    """Tell threads from other screens of mobile devices."""
    _refuse_other_screens(view)
    return _THREAD_VIEWED


def thread_view(view: View) -> tuple[Action]:
    """Tell threads from other screens of mobile devices."""
    _refuse_other_screens(view)
    return (_THREAD_VIEW,)


_THREAD_VIEWED = _about(VIEWED)
_THREAD_VIEW = Action("ViewEvent", "Viewed", discussion, FORUM, extensions=standing)

EVENTS: tuple[Row, ...] = (
    Row(
        ("edx.forum.thread.created",),
        xapi=_about(POSTED, new_thread, result=post),
        caliper=_posted(opening_post),
    ),
    Row(
        ("edx.forum.thread.viewed", SCREEN),
        xapi=OneOf((_THREAD_VIEWED,), thread_viewed),
        caliper=OneOf((_THREAD_VIEW,), thread_view),
    ),
    Row(
        ("edx.forum.thread.edited",),
        xapi=_about(EDITED, extensions=edit_reason),
        caliper=_managed("Modified", discussion, _edit),
    ),
    Row(
        ("edx.forum.thread.deleted",),
        xapi=_about(DELETED),
        caliper=_managed("Deleted", discussion, _deletion),
    ),
    Row(
        ("edx.forum.thread.voted",),
        xapi=OneOf((_THREAD_VOTED, _THREAD_UNVOTED), thread_vote),
        caliper=_voted(discussion, thread_rating),
    ),
    Row(
        ("edx.forum.thread.reported",),
        xapi=_about(REPORTED),
        caliper=_reported(discussion, thread_report),
    ),
    Row(
        ("edx.forum.thread.unreported",),
        xapi=_about(UNREPORTED),
        caliper=_generic("Removed", thread_report, _unreport),
    ),
    Row(
        ("edx.forum.thread.followed",),
        xapi=_about(FOLLOWED),
        caliper=_generic("Subscribed", discussion, standing),
    ),
    Row(
        ("edx.forum.thread.unfollowed",),
        xapi=_about(STOPPED_FOLLOWING),
        caliper=_generic("Unsubscribed", discussion, standing),
    ),
    Row(
        ("edx.forum.thread.locked",),
        xapi=_about(CLOSED, extensions=lock_reason),
        caliper=_generic("Deactivated", discussion, _lock),
    ),
    Row(
        ("edx.forum.thread.unlocked",),
        xapi=_about(OPENED, extensions=lock_reason),
        caliper=_generic("Activated", discussion, _lock),
    ),
    Row(
        ("edx.forum.response.created",),
        xapi=_in_conversation(POSTED, result=post),
        caliper=_posted(reply),
    ),
    Row(
        ("edx.forum.response.edited",),
        xapi=_in_conversation(EDITED),
        caliper=_MESSAGE_EDITED,
    ),
    Row(
        ("edx.forum.response.deleted",),
        xapi=_in_conversation(DELETED),
        caliper=_MESSAGE_DELETED,
    ),
    Row(
        ("edx.forum.response.voted",),
        xapi=OneOf((_RESPONSE_VOTED, _RESPONSE_UNVOTED), response_vote),
        caliper=_voted(message, message_rating),
    ),
    Row(
        ("edx.forum.response.reported",),
        xapi=_in_conversation(REPORTED),
        caliper=_MESSAGE_REPORTED,
    ),
    Row(
        ("edx.forum.response.unreported",),
        xapi=_in_conversation(UNREPORTED),
        caliper=_MESSAGE_UNREPORTED,
    ),
    Row(
        ("edx.forum.response.mark",),
        xapi=_in_conversation(APPROVED, extensions=mark_type),
        caliper=_generic("Recommended", message, _mark),
    ),
    Row(
        ("edx.forum.response.unmark",),
        xapi=_in_conversation(UNAPPROVED, extensions=mark_type),
        caliper=_generic("Removed", mark_removed, _mark),
    ),
    Row(
        ("edx.forum.comment.created",),
        xapi=_in_conversation(POSTED, result=post),
        caliper=_posted(reply),
    ),
    Row(
        ("edx.forum.comment.edited",),
        xapi=_in_conversation(EDITED),
        caliper=_MESSAGE_EDITED,
    ),
    Row(
        ("edx.forum.comment.deleted",),
        xapi=_in_conversation(DELETED),
        caliper=_MESSAGE_DELETED,
    ),
    Row(
        ("edx.forum.comment.reported",),
        xapi=_in_conversation(REPORTED),
        caliper=_MESSAGE_REPORTED,
    ),
    Row(
        ("edx.forum.comment.unreported",),
        xapi=_in_conversation(UNREPORTED),
        caliper=_MESSAGE_UNREPORTED,
    ),
    Row(
        ("edx.forum.searched",),
        xapi=Statement(SEARCHED, forum, result=results, extensions=search),
        caliper=Action(
            "SearchEvent", "Searched", whole_forum, SEARCH, generated=found, extensions=search_facts
        ),
    ),
    Row(
        ("edx.discussion.bulk_delete_user_posts",),
        reason="Moderation of all that somebody wrote, done by a task; not a learner's action.",
    ),
)
