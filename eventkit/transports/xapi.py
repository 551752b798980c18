"""``https:`` and ``http:`` for xAPI: statements to the Statement Resource of an LRS."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID

import attrs

from eventkit.consumers.consumer import Consumer
from eventkit.reading.source import utc
from eventkit.translators.xapi_versions import NUMBERS
from eventkit.transports.checking import Check
from eventkit.transports.http import Client, Reply, judge
from eventkit.transports.same_statement import differences
from eventkit.transports.transport import (
    CANNOT_ASK,
    CONFLICT,
    DELIVERED,
    MAX_RESPONSE,
    Answer,
    Document,
    Step,
    Verdict,
    distinct,
    enclosed,
    spoken,
)
from eventkit.typing import Json

_VERSION_HEADER = "X-Experience-API-Version"
_JSON = {"Content-Type": "application/json"}
_CONFLICT = 409
_NOT_IMPLEMENTED = 501
_MOST_TOLD = 200
"""Characters of an answer that are part of a line."""
_MOST_LISTED = 500
"""Statements that are asked for at once."""


class XAPITransport:
    """
    Send statements to an LRS, a list in each request.

    Only what an LRS says counts as delivered: 204, or 200 with exactly the ids of the statements
    (xAPI 1.0.3, part 3, 2.1.2), in any order. With only some of these ids, they have arrived. With
    anything else in the list nothing has, whatever it may mean. A web page with status 200 is some
    other server.
    """

    overhead = 1
    """The brackets of the list, less the comma that its last statement lacks."""
    max_bytes = None

    def __init__(self, consumer: Consumer, *, trust_env: bool = False) -> None:
        self._consumer = consumer
        self._endpoint = consumer.url.rstrip("/")
        self._url = f"{self._endpoint}/statements"
        self._client = Client(consumer, trust_env=trust_env)
        self._number = NUMBERS[consumer.version]
        self._headers = {_VERSION_HEADER: self._number}

    def prepare(self, documents: Sequence[Document]) -> None:
        """Do nothing: an LRS publishes no limits."""

    def send(self, documents: Sequence[Document]) -> Answer:
        """Post *documents*; one that stands there twice is sent once, as an LRS demands."""
        bodies = spoken(self._consumer, distinct(documents))
        reply = self._client.ask(
            "POST", self._url, headers=self._headers | _JSON, body=enclosed(b"[", bodies, b"]")
        )
        if isinstance(reply, Answer):
            return reply
        if 200 <= reply.status < 300:
            return _success(reply, self._url, bodies)
        answer = judge(reply, self._url)
        if reply.status == _CONFLICT:
            return attrs.evolve(answer, ask=_Inquiry(self, documents))
        if answer.status in (401, 403):
            self._client.forget()
        return answer

    def statement(self, statement_id: str) -> Json | Answer | None:
        """Ask for one statement; None: it is not there, an answer: the LRS does not tell."""
        reply = self._ask({"statementId": statement_id})
        if isinstance(reply, Answer):
            return reply
        if reply.status == 404:
            return None
        content = reply.json() if reply.status == 200 else None
        if isinstance(content, dict):
            # Some answer with a list, as to any other question.
            listed = content.get("statements", [content])
            if listed == []:
                return None
            for found in listed if isinstance(listed, list) else []:
                if isinstance(found, dict) and _normal(found.get("id")) == _normal(statement_id):
                    return found
        answer = judge(reply, self._url)
        if answer.verdict is Verdict.RETRY and reply.status != _NOT_IMPLEMENTED:
            return answer
        return attrs.evolve(answer, verdict=Verdict.REFUSED, reason=CANNOT_ASK)

    def stored_since(self, stored: str, number: int) -> dict[str, Json]:
        """Ask for *number* statements from that moment on, by their ids; none if that fails."""
        moment = utc(stored)
        if moment is None:
            return {}
        since = (moment - timedelta(milliseconds=1)).isoformat().replace("+00:00", "Z")
        reply = self._ask(
            {"since": since, "ascending": "true", "limit": str(min(number, _MOST_LISTED))}
        )
        found = reply.json() if isinstance(reply, Reply) and reply.status == 200 else None
        listed = found.get("statements") if isinstance(found, dict) else None
        if not isinstance(listed, list):
            return {}
        return {_normal(each.get("id")): each for each in listed if isinstance(each, dict)}

    def _ask(self, query: dict[str, str]) -> Reply | Answer:
        url = f"{self._url}?{urlencode(query)}"
        return self._client.ask("GET", url, headers=self._headers)

    def check(self) -> list[Step]:
        """Ask the LRS what it is, and for one statement, with the credentials."""
        check = Check(self._client, is_secure=self._consumer.scheme == "https")
        about = check.get(f"{self._endpoint}/about", self._headers)
        reply = None if about is None else check.get(f"{self._url}?limit=1", self._headers)
        if about is not None and reply is not None:
            self._note(check, about, reply)
        return check.steps()

    def _note(self, check: Check, about: Reply, reply: Reply) -> None:
        """Take down what the answers of the LRS say."""
        versions = _versions(about)
        own = self._version()
        is_other = bool(versions) and not any(_are_alike(own, each) for each in versions)
        named = f"xAPI {', '.join(versions)[:80]}"
        answer = judge(reply, self._url)
        if reply.status == 403:
            # Credentials that may only write are good enough for delivery, but so may be none.
            detail = (
                f"HTTP 403 from {self._url}: the credentials may not read statements; "
                "whether they may write shows when the first one is sent"
            )
            check.note("credentials", ok=False, detail=detail)
        elif reply.status == 401:
            check.note("credentials", ok=False, detail=answer.detail)
        elif reply.status == 200 and isinstance(reply.json(), dict):
            told = "none are asked for" if self._consumer.auth.type == "none" else "they are taken"
            check.note("credentials", ok=True, detail=told)
        elif not (reply.status == 400 and is_other):
            is_lrs = reply.status != 200
            said = f": {' '.join(answer.response[:_MOST_TOLD].split())}" if answer.response else ""
            detail = f"{answer.detail}{said if reply.status == 400 else ''}"
            check.note(
                "http",
                ok=False,
                detail=detail if is_lrs else f"{self._url} answers, but not as an LRS does",
            )
            return
        check.note("http", ok=True, detail=f"{self._endpoint} answers")
        if is_other:
            detail = (
                f"{self._endpoint} speaks {named} only, and statements are of {own}; have it take "
                "these as well, or send to one that does"
            )
            check.note("version", ok=False, detail=detail)
        elif versions:
            check.note("version", ok=True, detail=named)
        else:
            check.note("version", ok=None, detail="which versions of xAPI it does not say")

    def _version(self) -> str:
        """Say which version of xAPI requests are of; a header of the consumer can say another."""
        named = {name.lower(): value for name, value in self._consumer.header_values().items()}
        own = named.get(_VERSION_HEADER.lower())
        return self._number if own is None else own.reveal()

    def close(self) -> None:
        """Close the connections to the LRS."""
        self._client.close()


class _Inquiry:
    """
    Which statements of one request an LRS has, one question for each at most.

    What arrived together once is stored together, so those that follow the first one that is there
    are asked for at once; where that finds nothing, one by one.
    """

    def __init__(self, lrs: XAPITransport, documents: Sequence[Document]) -> None:
        self._lrs = lrs
        self._ids = {_normal(document.id) for document in documents}
        self._known: dict[str, Json | None] = {}
        self._lists = len(self._ids) > 1

    def knows(self, document: Document) -> bool:
        """Tell whether the LRS need not be asked any more."""
        return _normal(document.id) in self._known

    def __call__(self, document: Document) -> Answer | None:
        """Find out about one statement, as `eventkit.transports.Inquiry` says."""
        statement = json.loads(document.body)
        own = _normal(statement.get("id"))
        if not own:
            return None
        if own not in self._known:
            found = self._lrs.statement(own)
            if isinstance(found, Answer):
                return found
            self._known[own] = found
            if found is not None and self._lists:
                self._look_around(found)
        stored = self._known[own]
        if stored is None:
            return None
        different = differences(statement, stored)
        if not different:
            return DELIVERED
        detail = (
            "the LRS has another statement under this id, with another "
            f"{', '.join(name for name in different if name.isidentifier())[:80]}"
        )
        return Answer(Verdict.REFUSED, CONFLICT, detail, _CONFLICT)

    def _look_around(self, found: Json) -> None:
        unknown = self._ids - self._known.keys()
        if not unknown:
            return
        near = self._lrs.stored_since(str(found.get("stored")), 2 * len(unknown))
        self._known |= {each: near[each] for each in unknown & near.keys()}
        self._lists = not unknown.isdisjoint(near)


def _success(reply: Reply, url: str, bodies: list[bytes]) -> Answer:
    if reply.status == 204:
        return DELIVERED
    response = reply.text[:MAX_RESPONSE]
    ids = reply.json()
    if not isinstance(ids, list):
        detail = f"HTTP {reply.status} from {url}, but no list of ids; check url: this is no LRS"
        return Answer(Verdict.PAUSE, "no_lrs", detail, reply.status, response)
    if _are_in_order(bodies, ids):
        return DELIVERED
    sent = [json.loads(body).get("id") for body in bodies]
    ours = {_normal(each): each for each in sent if isinstance(each, str)}
    named = Counter(map(_normal, ids))
    others = sum((named - Counter(ours.keys())).values())
    # What has no id gets one from the LRS.
    nameless = len(sent) - sum(isinstance(each, str) for each in sent)
    if len(ids) == len(sent) and others == nameless and "" not in named:
        return DELIVERED
    is_part = not others and len(ids) < len(sent)
    what = f"{len(ids)} ids" if is_part else "a list that is not that of the ids"
    return Answer(
        Verdict.REFUSED,
        "not_acknowledged",
        f"HTTP {reply.status} from {url} with {what} for {len(bodies)} statements",
        reply.status,
        response,
        accepted=frozenset(ours[each] for each in named) if is_part else frozenset(),
    )


def _are_in_order(bodies: list[bytes], ids: list[object]) -> bool:
    """Tell at a glance whether *ids* are those of *bodies*; False: look closer."""
    return len(ids) == len(bodies) and all(
        isinstance(each, str)
        and each.isascii()
        and not {'"', "\\"}.intersection(each)
        and body.startswith(b'{"id":"%b"' % each.encode())
        for body, each in zip(bodies, ids, strict=True)
    )


def _normal(statement_id: object) -> str:
    """Write an id as all do that mean the same; ``""`` for what is none."""
    if not isinstance(statement_id, str):
        return ""
    try:
        return str(UUID(statement_id))
    except ValueError:
        return statement_id.lower()


def _versions(about: Reply) -> list[str]:
    """Give the versions of xAPI that the LRS speaks, if it says so."""
    parsed = about.json() if about.status == 200 else None
    versions = parsed.get("version") if isinstance(parsed, dict) else None
    listed = versions if isinstance(versions, list) else []
    return [each for each in listed if isinstance(each, str) and each and each.isprintable()]


def _are_alike(one: str, other: str) -> bool:
    """Tell whether two versions are one but for their patches, which change nothing that counts."""
    return one.split(".")[:2] == other.split(".")[:2]
