"""The discussion forum."""

from __future__ import annotations

from eventkit.events._iris import (
    DELETED,
    DISCUSSION,
    EDITED,
    POSTED,
    REPORTED,
    TYPE,
    UNREPORTED,
    UNVOTED,
    VIEWED,
    VOTED,
    Verb,
)
from eventkit.events._rows import Event, Statement
from eventkit.events._view import View, activity
from eventkit.typing import Json

_API = "/api/discussion/v1"


def thread(view: View) -> Json:
    """Make the thread, with its title. Its id never depends on the page it was seen on."""
    return _content(view, "threads")


def comment(view: View) -> Json:
    """Make a response or a comment; the forum keeps both in one place."""
    return _content(view, "comments")


def _content(view: View, place: str) -> Json:
    content = view.key("id")
    if not content:
        raise view.lacks("no_object", "data.id")
    return activity(view.iri(f"{_API}/{place}/{content}"), DISCUSSION, name=view.words("title"))


def thread_type(view: View) -> Json:
    """Say whether it is a question or a discussion."""
    return {TYPE: view.scalar("thread_type")}


def vote(view: View) -> Json:
    """Say which way the vote went."""
    return {TYPE: view.scalar("vote_value")}


def conversation(view: View) -> Json:
    """Say which thread a contribution belongs to, and which response a comment answers."""
    found = []
    for field, place in (("discussion", "threads"), ("response", "comments")):
        above = view.data.get(field)
        content = above.get("id") if isinstance(above, dict) else None
        if isinstance(content, str) and content:
            found.append(activity(view.iri(f"{_API}/{place}/{content}"), DISCUSSION))
    return {"grouping": found}


def thread_vote(view: View) -> Statement:
    """Tell voting from taking the vote back."""
    return _THREAD_UNVOTED if view.data.get("undo_vote") is True else _THREAD_VOTED


def response_vote(view: View) -> Statement:
    """Tell voting from taking the vote back."""
    return _RESPONSE_UNVOTED if view.data.get("undo_vote") is True else _RESPONSE_VOTED


_THREAD_VOTED = Statement(VOTED, thread, extensions=vote)
_THREAD_UNVOTED = Statement(UNVOTED, thread, extensions=vote)
_RESPONSE_VOTED = Statement(VOTED, comment, extensions=vote)
_RESPONSE_UNVOTED = Statement(UNVOTED, comment, extensions=vote)


def _in_conversation(verb: Verb) -> Statement:
    return Statement(verb, comment, activities=conversation)


EVENTS = (
    Event(
        ("edx.forum.thread.created",),
        xapi=Statement(POSTED, thread, extensions=thread_type),
    ),
    Event(("edx.forum.thread.viewed",), xapi=Statement(VIEWED, thread)),
    Event(("edx.forum.thread.edited",), xapi=Statement(EDITED, thread)),
    Event(("edx.forum.thread.deleted",), xapi=Statement(DELETED, thread)),
    Event(("edx.forum.thread.voted",), xapi=thread_vote),
    Event(("edx.forum.thread.reported",), xapi=Statement(REPORTED, thread)),
    Event(("edx.forum.thread.unreported",), xapi=Statement(UNREPORTED, thread)),
    Event(("edx.forum.response.created",), xapi=_in_conversation(POSTED)),
    Event(("edx.forum.response.edited",), xapi=_in_conversation(EDITED)),
    Event(("edx.forum.response.deleted",), xapi=_in_conversation(DELETED)),
    Event(("edx.forum.response.voted",), xapi=response_vote),
    Event(("edx.forum.response.reported",), xapi=_in_conversation(REPORTED)),
    Event(("edx.forum.response.unreported",), xapi=_in_conversation(UNREPORTED)),
    Event(("edx.forum.comment.created",), xapi=_in_conversation(POSTED)),
    Event(("edx.forum.comment.edited",), xapi=_in_conversation(EDITED)),
    Event(("edx.forum.comment.deleted",), xapi=_in_conversation(DELETED)),
    Event(("edx.forum.comment.reported",), xapi=_in_conversation(REPORTED)),
    Event(("edx.forum.comment.unreported",), xapi=_in_conversation(UNREPORTED)),
)
