"""How a receiver fares, in words for the people behind it."""

from __future__ import annotations

from typing import Literal

import attrs

from eventkit.contrib.django.models import AccessRequest, Consumer

Kind = Literal["good", "wait", "bad", "off"]


@attrs.frozen
class State:
    """What is the case, and what somebody can do about it."""

    kind: Kind
    title: str
    text: str
    remedy: str = ""


_ASK = "Ask an administrator of the site."

OFF = State(
    "off",
    "Switched off",
    "An administrator of the site has switched it off: it gets nothing.",
    _ASK,
)
NO_CREDENTIALS = State(
    "wait",
    "Waiting for credentials",
    "It was approved, and nothing is sent before the site has the credentials of your receiver.",
    "Enter the credentials.",
)
GONE = State(
    "bad",
    "Stopped: it answered 410 Gone",
    "Your receiver said that it is gone for good (410), so nothing is sent to it any more. What "
    "was waiting is kept.",
    "When it is back, resume it.",
)
PAUSED = State(
    "off",
    "Paused by an administrator",
    "An administrator of the site has paused it. Events are kept for it, and not sent.",
    _ASK,
)
PAUSED_BY_BOTH = State(
    "off",
    "Paused by an administrator and by you",
    "An administrator of the site has paused it, and so have you or another representative. Events "
    "are kept for it, and not sent.",
    "You can take back your own pause; the administrator's stays. " + _ASK,
)
PAUSED_BY_YOU = State(
    "off",
    "Paused by its representatives",
    "You or another representative has paused it. Events are kept for it, and not sent, until it "
    "is resumed.",
)
NEW = State(
    "wait",
    "Ready",
    "Nothing was sent yet. Events are sent as soon as learners cause some that it may have.",
)
OK = State("good", "Delivering", "Events arrive as they should.")

_REQUESTS: dict[str, tuple[Kind, str]] = {
    AccessRequest.State.WAITING: (
        "wait",
        "An administrator of the site will look at it. Nothing is sent before it is approved.",
    ),
    AccessRequest.State.APPROVED: ("good", "It was approved."),
    AccessRequest.State.REFUSED: (
        "bad",
        "It was refused, for the reason below. You may send another request.",
    ),
    AccessRequest.State.WITHDRAWN: ("off", "You have withdrawn it. Nothing came of it."),
}


def of_request(state: str) -> tuple[Kind, str]:
    """Give the kind of a request's state, and a sentence about it."""
    return _REQUESTS[state]


def by_setting(consumer: Consumer) -> State | None:
    """Say why *consumer* is sent nothing, if somebody wants it so; the gravest reason first."""
    if not consumer.enabled:
        return OFF
    if consumer.gone_at is not None:
        return GONE
    if consumer.paused:
        return PAUSED_BY_BOTH if consumer.paused_by_representative else PAUSED
    if consumer.paused_by_representative:
        return PAUSED_BY_YOU
    return NO_CREDENTIALS if consumer.awaits_credentials else None


def by_health(state: str, reason: str, status: int | None) -> State:
    """Say how deliveries fare, by what a router says of them (`eventkit.Router.health`)."""
    if state in ("ok", ""):
        return OK
    what = meaning(reason, status)
    if state == "paused":
        return State(
            "bad",
            "In trouble",
            f"Nothing arrives at the moment: {what} Events are kept and tried again now and then.",
            remedy(reason),
        )
    return State(
        "wait",
        "Trying again",
        f"The latest try failed: {what} Events are kept and tried again.",
        remedy(reason),
    )


_MEANINGS = {
    "timeout": "your receiver did not answer in time.",
    "tls": "no secure connection could be made; look at its certificate.",
    "proxy": "the site's proxy did not connect to your receiver.",
    "dns": "the name of its host is not known.",
    "connection": "no connection could be made, or it broke.",
    "bad_answer": "what it answered is no HTTP.",
    "endless_answer": "its answer did not end.",
    "encoded_answer": "its answer was packed in a way that nobody asked for.",
    "redirect": "it answered with another address; redirects are not followed.",
    "address_refused": "its name leads to an address that is not on the public internet.",
    "not_acknowledged": "it answered with a list that is not that of the ids that it was sent.",
    "conflict": "it has another statement under the same id.",
    "not_json": "a document could not be written as JSON.",
    "expired": "it could not be delivered for longer than the site keeps events.",
    "queue_full": "there was no room for more to wait.",
    "closed": "the site's process ended before it could be delivered.",
    "rules_changed": "what you may have was changed while it waited.",
    "disabled": "it was switched off while events waited.",
    "gone": "it said that it is gone for good.",
    "http_400": "your receiver refused a document as wrong (400).",
    "http_401": "your receiver did not take the credentials (401).",
    "http_403": "your receiver did not permit it (403).",
    "http_404": "there is nothing at this address (404).",
    "http_405": "this address takes no documents (405).",
    "http_408": "your receiver took too long (408).",
    "http_410": "your receiver said that it is gone for good (410).",
    "http_413": "your receiver says that a document is too large (413).",
    "http_429": "your receiver asked for fewer requests (429).",
    "http_503": "your receiver said that it is not there at the moment (503).",
}
_CREDENTIALS = frozenset({"http_401", "http_403"})


def meaning(reason: str, status: int | None = None) -> str:
    """Say what a reason of failures means; never what a receiver answered, nor anything inside."""
    if found := _MEANINGS.get(reason):
        return found
    if status is None and reason.startswith("http_") and reason[5:].isdecimal():
        status = int(reason[5:8])
    if status is not None and status >= 500:
        return f"your receiver failed ({status})."
    if status is not None and status >= 400:
        return f"your receiver refused it ({status})."
    if status is not None:
        return f"your receiver gave an answer that was not understood ({status})."
    return "of something at the site; its administrators see what it was."


def remedy(reason: str) -> str:
    """Say what a representative can do about a reason; ``""``: wait, or look at the receiver."""
    if reason in _CREDENTIALS:
        return "Look whether the credentials are still right, and change them here if not."
    if reason in ("http_404", "http_405", "redirect", "dns"):
        return "If the address has changed, send a request with the new one."
    return ""
