"""
Reading the router configurations of event-routing-backends: what it sends where, and to whom.

There a row of a table says to which address events go and with which credentials, and a JSON object
in it (``configurations``) which events, and what is written into each. All that matters to who gets
what is kept with its meaning there (`eventkit.Filter.from_match_params`); what cannot be kept is
said. A row that cannot be understood lets nothing through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import attrs

from eventkit.base.secrets import Secret
from eventkit.consumers.consumer import Consumer
from eventkit.exceptions import ConfigurationError
from eventkit.filters.filter import Filter
from eventkit.typing import Json

_PROTOCOLS = {"xapi": "xapi", "caliper": "caliper"}
_WHITELISTS = "EVENT_TRACKING_BACKENDS_ALLOWED_..._EVENTS"
_MOST_OF_ID = 80

_OWN_KEYS = frozenset(
    {"headers", "host_configurations", "match_params", "override_args", "router_type"}
)
"""What an object under ``configurations`` may have; all else is read by nobody."""

_NOTHING: Json = {"allow": []}


@attrs.frozen
class Note:
    """What could not be kept as it was."""

    row: str
    """Which row it is about: its id, or its number from 1, and its host; ``""``: all of them."""
    key: str
    """Where in the row, such as ``configurations.override_args``; ``""``: the row as a whole."""
    why: str
    """What is other than it was, in a sentence without its full stop."""
    remedy: str
    """What to do about it; ``""``: nothing."""


@attrs.frozen
class Imported:
    """What was read of router configurations."""

    consumers: list[Json]
    """
    Settings of consumers, as of `eventkit.Consumer.from_dict`. Secrets are in ``auth`` and
    ``headers``, each an `eventkit.base.secrets.Secret` with the plain text.
    """
    notes: list[Note]


def read_configurations(rows: Iterable[Mapping[str, Any]]) -> Imported:
    """
    Read the rows of the table of router configurations.

    Args:
        rows: each an object of the table's columns (``backend_name``, ``route_url``, ``enabled``,
            ``auth_scheme``, ``auth_key``, ``username``, ``password``, ``configurations``), its
            secrets in plain text, or an object that has them under ``fields``, as Django's
            ``dumpdata`` writes them. Of several rows of one address the last one counts, as there.

    Raises:
        ConfigurationError: *rows* are no list of objects.
    """
    if isinstance(rows, (str, bytes, Mapping)) or not isinstance(rows, Iterable):
        raise ConfigurationError(
            f"router configurations: expected a list of rows, got {type(rows).__name__}"
        )
    reading = _Reading()
    for row in _current([_columns(row, number) for number, row in enumerate(rows, 1)], reading):
        reading.read(row)
    if reading.consumers:
        reading.notes.append(
            Note(
                row="",
                key=_WHITELISTS,
                why="which events are translated at all stood in these settings, not in the table; "
                "here each consumer gets all that its rules let pass",
                remedy="translate with dialect erb, which knows the same events, or name events "
                "under allow",
            )
        )
    return Imported(reading.consumers, reading.notes)


@attrs.frozen
class _Row:
    """One row, and what it is called in notes."""

    name: str
    columns: Mapping[str, Any]
    order: tuple[int, int]
    """The later, the more it counts."""

    def get(self, key: str) -> Any:
        return self.columns.get(key)

    @property
    def url(self) -> str:
        url = self.get("route_url")
        return url.strip() if isinstance(url, str) else ""


def _columns(row: object, number: int) -> _Row:
    if not isinstance(row, Mapping):
        raise ConfigurationError(
            f"router configurations: row {number} is {type(row).__name__}; expected an object with "
            "backend_name, route_url, enabled and configurations"
        )
    columns = row["fields"] if isinstance(row.get("fields"), Mapping) else row
    named = row.get("pk", row.get("id"))
    is_known = isinstance(named, int) and not isinstance(named, bool)
    host = _host(columns.get("route_url"))
    return _Row(
        name=f"{named if is_known else number}{f' ({host})' if host else ''}",
        columns=columns,
        order=(named if is_known else 0, number),
    )


def _host(url: object) -> str:
    """Give the host of a URL, which may hold secrets elsewhere; ``""`` if it cannot be read."""
    try:
        return (urlsplit(url).hostname or "") if isinstance(url, str) else ""
    except ValueError:
        return ""


def _current(rows: list[_Row], reading: _Reading) -> Iterator[_Row]:
    """Leave out the rows that later ones have replaced: the table keeps all that ever was."""
    latest: dict[str, _Row] = {}
    for row in sorted(rows, key=lambda row: row.order):
        latest[row.url] = row
    for row in rows:
        newest = latest[row.url]
        if newest is row or not row.url:
            yield row
        else:
            reading.note(row, "", f"row {newest.name} of the same address has replaced it", "")


class _Reading:
    """What has been read so far."""

    def __init__(self) -> None:
        self.consumers: list[Json] = []
        self.notes: list[Note] = []
        self._ids: set[str] = set()

    def note(self, row: _Row, key: str, why: str, remedy: str) -> None:
        self.notes.append(Note(row.name, key, why, remedy))

    def read(self, row: _Row) -> None:
        protocol = _PROTOCOLS.get(str(row.get("backend_name")).lower())
        if protocol is None:
            self.note(
                row,
                "backend_name",
                "it is neither xAPI nor Caliper, so nothing is sent to it; left out",
                "",
            )
            return
        if not row.url:
            self.note(row, "route_url", "it has no address; left out", "")
            return
        for chosen in self._configurations(row):
            self._add(row, protocol, chosen)

    def _configurations(self, row: _Row) -> list[Json]:
        """Give the objects under ``configurations``, each of which becomes a consumer."""
        value = row.get("configurations")
        if isinstance(value, str) and value.strip():
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                value = 0
        if not value and value != 0:
            return [{}]
        if isinstance(value, Mapping):
            return [dict(value)]
        if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
            self.note(
                row,
                "configurations",
                "it is no JSON object, so nothing is sent there, and nothing here (allow: [])",
                "write rules under allow",
            )
            return [dict(_NOTHING)]
        self.note(
            row,
            "configurations",
            "a list, which its releases of today cannot use; each of its "
            f"{len(value)} objects becomes a consumer of its own",
            "remove those that are not wanted",
        )
        return [dict(each) for each in value]

    def _add(self, row: _Row, protocol: str, chosen: Json) -> None:
        settings: Json = {
            "id": self._id(row, protocol),
            "protocol": protocol,
            "url": row.url,
            "enabled": row.get("enabled") is True,
        }
        if row.get("enabled") is None:
            self.note(
                row, "enabled", "it does not say, so the consumer is not enabled", "enable it"
            )
        settings |= self._auth(row)
        settings |= self._address(row, settings)
        if chosen == _NOTHING:
            settings |= _NOTHING
        else:
            settings |= self._rules(row, chosen)
            settings |= self._headers(row, chosen, settings)
            settings |= self._override(row, chosen, protocol)
            self._unread(row, chosen)
        self._keep(row, settings)

    def _keep(self, row: _Row, settings: Json) -> None:
        """Keep *settings* if they can be those of a consumer."""
        wrong = _what_is_wrong(settings)
        if wrong and settings["url"].lower().startswith("http:"):
            trusted = {**settings, "plain_http": True}
            if not _what_is_wrong(trusted):
                wrong, settings = "", trusted
                self.note(
                    row,
                    "route_url",
                    "its credentials go over http, for everybody on the way to read, as before "
                    "(plain_http: true)",
                    "use https, unless the whole way is trusted",
                )
        if wrong:
            self.note(row, "", f"it can be no consumer here, and is left out: {wrong}", "")
            return
        self._ids.add(settings["id"])
        self.consumers.append(settings)

    def _id(self, row: _Row, protocol: str) -> str:
        host = re.sub(r"[^a-z0-9]+", "-", _host(row.url).lower()).strip("-")[:_MOST_OF_ID]
        name = "-".join(filter(None, (host or "consumer", protocol)))
        names = (name, *(f"{name}-{count}" for count in range(2, len(self._ids) + 3)))
        return next(each for each in names if each not in self._ids)

    def _auth(self, row: _Row) -> Json:
        scheme = str(row.get("auth_scheme") or "").lower()
        given = {
            key: value
            for key in ("username", "password", "auth_key")
            if isinstance(value := row.get(key), str) and value
        }
        needed = {"basic": ("username", "password"), "bearer": ("auth_key",)}.get(scheme, ())
        missing = [key for key in needed if key not in given]
        if missing:
            self.note(
                row,
                missing[0],
                f"its scheme is {scheme} and it has no {' and no '.join(missing)}; the consumer is "
                "not enabled",
                "give the credentials, and enable it",
            )
            return {"enabled": False}
        if scheme and not needed:
            self.note(row, "auth_scheme", "it is neither Basic nor Bearer, and is not used", "")
        if unused := [key for key in given if key not in needed]:
            what = " and ".join(unused)
            self.note(row, unused[0], f"{what}: not used by its auth_scheme, and left out", "")
        if scheme == "basic":
            kept = {"username": Secret(given["username"]), "password": Secret(given["password"])}
            return {"auth": {"type": "basic", **kept}}
        if scheme == "bearer":
            return {"auth": {"type": "bearer", "token": Secret(given["auth_key"])}}
        return {}

    def _address(self, row: _Row, settings: Json) -> Json:
        """Take credentials out of the address, where they would be shown."""
        try:
            parts = urlsplit(row.url)
            if parts.username is None and parts.password is None:
                return {}
        except ValueError:
            return {}
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
        found: Json = {"url": urlunsplit(bare)}
        why = "it held credentials, which are left out, as those of auth_scheme count"
        if "auth" not in settings:
            names = {"username": parts.username or "", "password": parts.password or ""}
            secrets = {key: Secret(unquote(value)) for key, value in names.items()}
            found["auth"] = {"type": "basic", **secrets}
            why = "it held credentials, which are in auth now"
        self.note(row, "route_url", why, "")
        return found

    def _rules(self, row: _Row, chosen: Json) -> Json:
        if "match_params" not in chosen or chosen["match_params"] == {}:
            return {}
        params = chosen["match_params"]
        key = "configurations.match_params"
        try:
            Filter.from_match_params(params)
        except ConfigurationError as error:
            said = str(error).removeprefix("match_params: ")
            self.note(
                row,
                key,
                f"it cannot be used, so nothing passes (allow: []): {said}",
                "write rules under allow",
            )
            return dict(_NOTHING)
        for path, value in params.items():
            listed = value if isinstance(value, list) else [value]
            if not all(isinstance(each, str) for each in listed):
                self.note(
                    row,
                    f"{key}.{path}",
                    "what is no text matches nothing, there as here",
                    "write it in quotes if it was meant to match",
                )
        return {"match_params": params}

    def _headers(self, row: _Row, chosen: Json, settings: Json) -> Json:
        if not (given := chosen.get("headers")):
            return {}
        key = "configurations.headers"
        if settings["protocol"] == "xapi":
            self.note(row, key, "they are not sent with xAPI, and left out", "")
            return {}
        if not isinstance(given, Mapping):
            self.note(row, key, "they are no object, and left out", "")
            return {}
        kept: dict[str, Secret] = {}
        for name, value in given.items():
            one = {**settings, "enabled": True, "headers": {name: value}, "plain_http": True}
            wrong = _what_is_wrong(one) if isinstance(value, str) else "its value is no text"
            if wrong:
                self.note(row, f"{key}.{name}", f"left out: {wrong}", "")
            else:
                kept[name] = Secret(value)
        return {"headers": kept} if kept else {}

    def _override(self, row: _Row, chosen: Json, protocol: str) -> Json:
        if not (given := chosen.get("override_args")):
            return {}
        key = "configurations.override_args"
        if not isinstance(given, Mapping):
            self.note(row, key, "it is no object, and left out", "")
            return {}
        kept = dict(given)
        if protocol == "caliper":
            sensor = kept.pop("sensor", None)
            if kept:
                self.note(
                    row,
                    key,
                    f"{', '.join(map(str, kept))}: written into envelopes, where Caliper allows "
                    "nothing else; left out",
                    "write it under override to have it in every event",
                )
            return {"sensor": sensor} if isinstance(sensor, str) else {}
        if "id" in kept:
            del kept["id"]
            self.note(row, f"{key}.id", "one id would make all statements one; left out", "")
        for name, value in kept.items():
            if isinstance(value, Mapping):
                self.note(
                    row,
                    f"{key}.{name}",
                    "an object, which took the place of the statement's own; override merges the "
                    "two, key by key",
                    "look at what is sent: eventkit explain",
                )
        return {"override": kept} if kept else {}

    def _unread(self, row: _Row, chosen: Json) -> None:
        if chosen.get("host_configurations"):
            self.note(
                row,
                "configurations.host_configurations",
                "not read there either: address and credentials are those of the row",
                "",
            )
        for key in chosen:
            if key not in _OWN_KEYS:
                self.note(row, f"configurations.{key}", "read by nobody, and left out", "")


def _what_is_wrong(settings: Json) -> str:
    """Say why *settings* can be those of no consumer; ``""``: they can."""
    if not settings["url"].lower().startswith(("https:", "http:")):
        return "url: expected https://... or http://..."
    try:
        Consumer.from_dict(settings)
    except ConfigurationError as error:
        return str(error).removeprefix(f"consumer {settings['id']!r}: ")
    return ""
