"""
A small LRS on this machine, for demonstrations, tests and trying things out.

It keeps xAPI 1.0.3 and 2.0, as each request says, where a sender can tell the difference:
credentials, the version header, all or nothing, equal ids, and what a statement must look like. It
listens on the loopback address only, without TLS, and answers few queries: do not use it to keep
records.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID, uuid4

from eventkit.reading.source import utc
from eventkit.receivers.serving import LocalReceiver, Refused, Reply, Request, parse
from eventkit.receivers.statement_store import Conflict, Query, StatementStore, joined
from eventkit.translators.xapi_versions import NUMBERS
from eventkit.typing import Json
from eventkit.validation.xapi import InvalidStatement, VersionName, validate_statement

_VERSION_HEADER = "X-Experience-API-Version"
_DEFAULT: VersionName = "1.0.3"

_ROOT = "/xapi"
_MAX_LIMIT = 1000
_MAX_DIGITS = 15


class Receiver(LocalReceiver):
    """
    An LRS that serves from the moment it is made until `stop`; also a context manager.

    Args:
        database: the SQLite file that keeps the statements; ``":memory:"`` forgets them in the end.

        port: the port on the loopback address; 0 takes a free one.

        auth: user and password that Basic authentication must give; None asks for none.

        max_body: the size in bytes above which a request is refused.
    """

    def __init__(
        self,
        database: str | Path = ":memory:",
        port: int = 0,
        auth: tuple[str, str] | None = None,
        *,
        max_body: int = 20_000_000,
    ) -> None:
        self._store = StatementStore(database)
        self._user = auth[0] if auth else "anonymous"
        super().__init__(_ROOT, auth, port=port, max_body=max_body)

    def statements(self) -> list[Json]:
        """Give what is stored, in the order of arrival; also after `stop`."""
        return self._store.find(Query(ascending=True))

    def arrivals(self) -> dict[str, float]:
        """Give when each statement was stored, by its id, in seconds since 1970."""
        return self._store.arrivals()

    def stop(self) -> None:
        """Stop serving and hang up on everybody. May be called again."""
        if self._server.stop():
            self._store.settle()

    def _answer(self, request: Request) -> Reply:
        address = urlsplit(request.target)
        if address.path == f"{_ROOT}/about" and request.method == "GET":
            return _reply(HTTPStatus.OK, {"version": list(NUMBERS.values())})
        if address.path != f"{_ROOT}/statements":
            raise Refused(HTTPStatus.NOT_FOUND, f"there is only {_ROOT}/statements and /about")
        self._check_credentials(request)
        version = _version(request)
        try:
            reply = self._statements(request, address.query, version)
        except Refused as refused:
            said = {_VERSION_HEADER: NUMBERS[version], **(refused.headers or {})}
            raise Refused(refused.status, refused.reason, said) from None
        return Reply(
            reply.status, reply.content, {**reply.headers, _VERSION_HEADER: NUMBERS[version]}
        )

    def _statements(self, request: Request, query: str, version: VersionName) -> Reply:
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        try:
            if request.method == "GET":
                return self._get(parameters)
            if request.method == "POST":
                return self._post(parameters, request, version)
            if request.method == "PUT":
                return self._put(parameters, request, version)
        except Conflict as conflict:
            where = f"statements[{conflict.index}]"
            raise Refused(
                HTTPStatus.CONFLICT, f"{where}: another statement with its id is stored already"
            ) from None
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "use GET, POST or PUT")

    def _refuse(self, refusal: Refused) -> Reply:
        return _reply(refusal.status, {"error": refusal.reason}, refusal.headers)

    def _get(self, parameters: dict[str, str]) -> Reply:
        if "statementId" in parameters:
            if parameters.keys() - {"statementId", "format", "attachments"}:
                raise Refused(HTTPStatus.BAD_REQUEST, "statementId goes with no other parameter")
            found = self._store.get(_uuid(parameters["statementId"], "statementId"))
            if found is None:
                raise Refused(HTTPStatus.NOT_FOUND, "there is no such statement")
            return _reply(HTTPStatus.OK, found)
        query = _parse_query(parameters)
        rows = self._store.rows(query._replace(limit=query.limit + 1))
        more = ""
        if len(rows) > query.limit:
            rows.pop()
            more = f"{_ROOT}/statements?" + urlencode({**parameters, "cursor": str(rows[-1][0])})
        return _reply(
            HTTPStatus.OK, {"statements": [joined(row[1:]) for row in rows], "more": more}
        )

    def _post(self, parameters: dict[str, str], request: Request, version: VersionName) -> Reply:
        if parameters:
            raise Refused(HTTPStatus.BAD_REQUEST, "POST takes no parameters")
        content = _content(request)
        statements = _checked(content if isinstance(content, list) else [content], version)
        self._store.add(statements, self._authority())
        return _reply(HTTPStatus.OK, [statement["id"] for statement in statements])

    def _put(self, parameters: dict[str, str], request: Request, version: VersionName) -> Reply:
        if parameters.keys() != {"statementId"}:
            raise Refused(HTTPStatus.BAD_REQUEST, "PUT takes the parameter statementId, no other")
        statement_id = _uuid(parameters["statementId"], "statementId")
        content = _content(request)
        if not isinstance(content, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "PUT takes one statement")
        content.setdefault("id", statement_id)
        [statement] = _checked([content], version)
        if statement["id"].lower() != statement_id.lower():
            raise Refused(HTTPStatus.BAD_REQUEST, "the statement's id is not statementId")
        self._store.add([statement], self._authority())
        return _reply(HTTPStatus.NO_CONTENT, None)

    def _authority(self) -> Json:
        return {"objectType": "Agent", "account": {"homePage": self.url, "name": self._user}}


def _reply(status: HTTPStatus, content: Any, headers: Mapping[str, str] | None = None) -> Reply:
    own = {
        _VERSION_HEADER: NUMBERS[_DEFAULT],
        "X-Experience-API-Consistent-Through": datetime.now(UTC).isoformat(),
    }
    return Reply(status, content, {**own, **(headers or {})})


def _content(request: Request) -> Any:
    if request.headers.get_content_type() != "application/json":
        raise Refused(HTTPStatus.BAD_REQUEST, "Content-Type must be application/json")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the body uncompressed")
    try:
        return parse(request.body)
    except (ValueError, RecursionError):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None


def _version(request: Request) -> VersionName:
    """Say which version of xAPI a request is of."""
    said = request.headers.get(_VERSION_HEADER, "")
    if said == "1.0" or said.startswith("1.0."):
        return "1.0.3"
    if said == "2.0" or said.startswith("2.0."):
        return "2.0"
    known = " or ".join(NUMBERS.values())
    raise Refused(HTTPStatus.BAD_REQUEST, f"{_VERSION_HEADER} must be {known}")


def _checked(statements: list[Any], version: VersionName) -> list[Json]:
    """
    Give *statements* an id each, and a version, once they are valid.

    Raises:
        Refused: one is not, or two have the same id; the reason names the index.
    """
    checked: list[Json] = []
    seen: dict[str, int] = {}
    for index, statement in enumerate(statements):
        where = f"statements[{index}]"
        if not isinstance(statement, Mapping):
            raise Refused(HTTPStatus.BAD_REQUEST, f"{where}: must be an object")
        try:
            validate_statement(statement, version)
        except InvalidStatement as error:
            raise Refused(HTTPStatus.BAD_REQUEST, f"{where}: {error}") from None
        whole = {"id": str(uuid4()), **statement}
        if version == "2.0":
            whole.setdefault("version", NUMBERS[version])
        first = seen.setdefault(whole["id"].lower(), index)
        if first != index:
            raise Refused(
                HTTPStatus.BAD_REQUEST, f"{where}: has the same id as statements[{first}]"
            )
        checked.append(whole)
    return checked


def _parse_query(parameters: Mapping[str, str]) -> Query:
    unknown = parameters.keys() - {*Query._fields, "format", "attachments"}
    if unknown:
        raise Refused(
            HTTPStatus.BAD_REQUEST, f"unsupported parameters: {', '.join(sorted(unknown))}"
        )
    return Query(
        verb=parameters.get("verb", ""),
        activity=parameters.get("activity", ""),
        since=_time(parameters, "since"),
        until=_time(parameters, "until"),
        ascending=parameters.get("ascending", "false").lower() == "true",
        limit=min(_number(parameters, "limit") or _MAX_LIMIT, _MAX_LIMIT),
        cursor=_number(parameters, "cursor"),
    )


def _time(parameters: Mapping[str, str], key: str) -> datetime | None:
    if key not in parameters:
        return None
    found = utc(parameters[key])
    if found is None:
        raise Refused(HTTPStatus.BAD_REQUEST, f"{key}: must be a time of ISO 8601")
    return found


def _number(parameters: Mapping[str, str], key: str) -> int:
    value = parameters.get(key, "0")
    if not (value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS):
        raise Refused(HTTPStatus.BAD_REQUEST, f"{key}: must be a whole number, not negative")
    return int(value)


def _uuid(value: str, key: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise Refused(HTTPStatus.BAD_REQUEST, f"{key}: must be a UUID") from None
