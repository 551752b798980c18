"""
Who receives events: the configuration of consumers.

A `Consumer` is checked when it is made, against the JSON Schema ``consumers.json`` and by
what a schema cannot say, so that a wrong setting stops the boot and not the ten-thousandth event.
Its secrets stay where they are configured: they are read when a request needs them, and never show.
"""

from __future__ import annotations

import copy
import hashlib
import ipaddress
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Literal, NoReturn, Self
from urllib.parse import parse_qsl, urlsplit

import attrs

from eventkit.base.addresses import refusal
from eventkit.base.schema_errors import complaints
from eventkit.base.secrets import Secret, read_secret
from eventkit.base.settings_file import MAX_DEPTH
from eventkit.consumers.owners import owner_of, queue_name
from eventkit.exceptions import ConfigurationError
from eventkit.filters.filter import Filter
from eventkit.filters.rules import doubts
from eventkit.typing import Event, Json, ProtocolName

_SCHEMA = "consumers/consumers.json"
_PRIVATE = ("auth", "headers", "url")
_MAX_COMPLAINTS = 5
_MAX_BITS = 63
"""Of whole numbers that every reader of JSON takes."""

_LEFT_OUT_IS_NONE = ("allow", "deny", "match_params", "orgs", "sensor")
"""Arguments whose None is that of who leaves them out; in a file it is a mistake."""
_NULL_REMEDIES = {
    "allow": "write [] to allow nothing, or leave it out to allow everything",
    "deny": "write [] or leave it out to deny nothing",
    "match_params": "write {} or leave it out to allow everything",
    "orgs": "write [] to let nothing through, or leave it out for no boundary",
}

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x20\x7f<>\"{}|\\^`]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_RESERVED_HEADERS = frozenset(
    {
        # They describe the request itself; another value would make it unreadable.
        *("connection", "content-encoding", "content-length", "content-range", "content-type"),
        *("expect", "http2-settings", "keep-alive", "te", "trailer", "transfer-encoding"),
        "upgrade",
        # They say where it goes, or make another request of it; url alone decides on that.
        *("host", "forwarded", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto"),
        *("x-forwarded-scheme", "x-forwarded-server", "x-forwarded-prefix", "x-host"),
        *("x-original-host", "x-original-url", "x-original-uri", "x-rewrite-url"),
        *("x-http-method", "x-http-method-override", "x-method-override", "range"),
        # A compressed answer could unpack to more than anybody wants to read.
        "accept-encoding",
    }
)
"""Headers that no setting may have, in lower case and with hyphens."""
_RESERVED_FOR_PROXIES = "proxy-"

SECRET_NAME = re.compile(
    r"auth|token|key|secret|pass|pwd|cookie|credential|session|sig(?:nature)?\b|jwt", re.IGNORECASE
)
"""Names of headers, and of keys of a query, that say that a secret is behind them."""

SecretSource = Secret | Mapping[str, str]
"""A secret, or where to read it: ``{"env": NAME}`` or ``{"file": PATH}``."""


@attrs.frozen
class Auth:
    """How a consumer knows us. Secrets given by place are read anew by every `values`."""

    type: Literal["none", "basic", "bearer"] = "none"
    username: SecretSource | None = attrs.field(default=None, repr=False)
    password: SecretSource | None = attrs.field(default=None, repr=False)
    token: SecretSource | None = attrs.field(default=None, repr=False)

    def values(self) -> dict[str, Secret]:
        """
        Read the secrets, by key.

        Raises:
            ConfigurationError: one is not set, unreadable, or cannot be part of a header.
        """
        found = {
            key: read_secret(source, f"auth.{key}")
            for key in ("username", "password", "token")
            if (source := getattr(self, key)) is not None
        }
        if ":" in found.get("username", Secret("")).reveal():
            raise ConfigurationError("auth.username: must not hold a colon (HTTP basic auth)")
        if "token" in found:
            check_header_value(found["token"].reveal(), "auth.token")
        return found


@attrs.frozen
class Batch:
    """When a request is full (documents, bytes of its body), and the seconds one may wait."""

    max_size: int = 100
    max_wait: float = 0.0
    max_bytes: int = 1_000_000


@attrs.frozen
class Timeout:
    """Seconds for connecting, for each wait for an answer, and for a request altogether."""

    connect: float = 10.0
    read: float = 10.0
    total: float = 10.0


def _hidden(value: object) -> Any:
    """Wrap plain text as a `Secret`; leave places (``{"env": ...}``) as they are."""
    if isinstance(value, str):
        return Secret(value)
    return dict(value) if isinstance(value, Mapping) else value


def _auth(value: Any) -> Auth:
    if isinstance(value, Auth):
        return value
    settings = dict(value)
    return Auth(type=settings.pop("type"), **{key: _hidden(item) for key, item in settings.items()})


def _batch(value: Any) -> Batch:
    if isinstance(value, Batch):
        return value
    # JSON has one kind of numbers: 100.0 is a whole one.
    return Batch(**{key: part if key == "max_wait" else int(part) for key, part in value.items()})


def _timeout(value: Any) -> Timeout:
    if isinstance(value, Timeout):
        return value
    if isinstance(value, Mapping):
        total = value.get("total", Timeout().total)
        return Timeout(value.get("connect", total), value.get("read", total), total)
    return Timeout(value, value, value)


def _headers(value: Mapping[str, Any]) -> dict[str, SecretSource]:
    return {name: _hidden(item) for name, item in value.items()}


def _header_names(value: Mapping[str, Any]) -> str:
    return f"<{', '.join(value)}>" if value else "<>"


@attrs.frozen(kw_only=True, repr=True)
class Consumer:
    """
    One registered receiver of events.

    Args:
        id: its unique name.

        protocol: ``"xapi"`` or ``"caliper"``.

        url: where its documents go: ``https:`` or ``http:`` (for xAPI the endpoint of the LRS,
            without ``/statements``), ``file:`` (JSON lines) or ``log:`` (a Python logger).

        enabled: a consumer that is not gets nothing, and its secrets are not looked at.

        auth: ``{"type": "none"}``, ``{"type": "basic", "username": ..., "password": ...}`` or
            ``{"type": "bearer", "token": ...}``; a secret is text, ``{"env": NAME}`` or
            ``{"file": PATH}``.

        allow, deny: access rules, see `eventkit.Filter`.

        orgs: the organisations beyond which it gets nothing, whatever its rules say, see
            `eventkit.Filter`; None: there is no such boundary.

        match_params: instead of *allow*, what a router configuration of event-routing-backends has
            under that name, with the meaning that it has there.

        batch: ``max_size`` documents and ``max_bytes`` bytes of a request; ``max_wait`` seconds
            that a document waits for company when buffered. Without waiting, what comes while a
            request is under way makes the next one.

        timeout: seconds for a request altogether, or ``connect``, ``read`` and ``total``.

        headers: further HTTP headers; their values are treated as secrets.

        override: merged into every document, objects key by key, anything else replaced. An
            envelope of Caliper is no document.

        version: of xAPI, ``"1.0.3"`` or ``"2.0"``. Statements are kept as those of 1.0.3, and said
            in 2.0 when they are delivered, under the same ids.

        sensor: the IRI that envelopes of Caliper give as their sender; None: the root URL of the
            LMS that the first event comes from. xAPI has no use for it.

        plain_http: whether credentials may go over plain ``http:`` to other machines.

        paused: what its rules let it have is accepted and waits; nothing is sent.

        public_only: only addresses of the public internet, over ``https:``, and no proxy: for a
            consumer whose URL was chosen by somebody who must not reach into the site's network.
            What its host's name stands for is looked at each time that it is connected to.

        inherits: former URLs of this consumer, once it has moved: what was accepted for them, under
            this id and protocol, is its own. Without them it stays where it is, see `owner`.

    Raises:
        ConfigurationError: a setting is wrong; the message names consumer, key and remedy.
    """

    id: str
    protocol: ProtocolName
    url: str
    enabled: bool = True
    auth: Auth = attrs.field(default=Auth(), converter=_auth)
    allow: list[Json] | None = attrs.field(default=None, repr=False)
    deny: list[Json] | None = attrs.field(default=None, repr=False)
    orgs: list[str] | None = attrs.field(default=None, repr=False)
    match_params: Json | None = attrs.field(default=None, repr=False)
    batch: Batch = attrs.field(default=Batch(), converter=_batch)
    timeout: Timeout = attrs.field(default=Timeout(), converter=_timeout)
    headers: dict[str, SecretSource] = attrs.field(
        factory=dict, converter=_headers, repr=_header_names
    )
    override: Json = attrs.field(factory=dict, converter=copy.deepcopy, repr=False)
    sensor: str | None = None
    version: str = "1.0.3"
    plain_http: bool = False
    paused: bool = False
    public_only: bool = False
    inherits: tuple[str, ...] = attrs.field(default=(), converter=tuple, repr=False)
    filter: Filter = attrs.field(init=False, eq=False, repr=False)
    rules: str = attrs.field(init=False, eq=False, repr=False)
    """A digest of the access rules. What was accepted under others is looked at anew."""
    owner: str = attrs.field(init=False, eq=False, repr=False)
    """
    Who it is, whatever its id: protocol and address, without what changes with no change of who
    reads there (scheme http or https, credentials). What was accepted for one owner is never sent
    to another in silence.
    """
    owners: frozenset[str] = attrs.field(init=False, eq=False, repr=False)
    """Its owner, and those that it inherits from."""
    queue: str = attrs.field(init=False, eq=False, repr=False)
    """The name of its queue, made of id and owner."""

    def __attrs_pre_init__(self, **settings: Any) -> None:
        # Before the converters, so that they only ever see what is right.
        _check(
            {
                key: value
                for key, value in settings.items()
                if value is not attrs.NOTHING and not (value is None and key in _LEFT_OUT_IS_NONE)
            }
        )

    def __attrs_post_init__(self) -> None:
        try:
            object.__setattr__(self, "filter", _filter(self))
            object.__setattr__(self, "rules", _digest(self))
            _check_url(self)
            object.__setattr__(self, "owner", owner_of(self.protocol, self.url))
            object.__setattr__(self, "owners", _owners(self))
            object.__setattr__(self, "queue", queue_name(self.id, self.owner))
            _check_sensor(self.sensor)
            _check_version(self)
            _check_header_names(self.headers, self.auth)
            if self.enabled:
                self.auth.values()
                self.header_values()
        except ConfigurationError as error:
            raise ConfigurationError(f"consumer {self.id!r}: {error}", [str(error)]) from None

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Self:
        """
        Make a consumer of what a settings file holds.

        Raises:
            ConfigurationError: as the constructor does, and for keys that do not exist.
        """
        if not isinstance(settings, Mapping):
            raise ConfigurationError(
                f"a consumer: expected an object, got {type(settings).__name__}"
            )
        # Of a sensor, null is the name of what is taken otherwise.
        nulls = [key for key in settings if settings[key] is None and key != "sensor"]
        if nulls:
            _refuse_null(settings, nulls[0])
        _check(settings)
        return cls(**settings)

    @property
    def scheme(self) -> str:
        """The scheme of the URL, which decides on the transport."""
        return urlsplit(self.url).scheme.lower()

    def doubts(self) -> list[str]:
        """Say what is allowed and yet doubtful: patterns that match nothing known, bare secrets."""
        found = [*doubts(self.allow or (), "allow"), *doubts(self.deny or (), "deny")]
        found += _written_as_variables(self)
        if self.protocol == "xapi" and urlsplit(self.url).path.rstrip("/").endswith("/statements"):
            found.append("url: documents go to /statements below it; leave /statements out")
        if self.plain_http and self.scheme == "http":
            host = urlsplit(self.url).hostname or ""
            sent = "" if _is_loopback(host) else _secrets_sent(self)
            if sent:
                found.append(f"plain_http: {sent} goes over http, for everybody on the way to read")
        return found

    @property
    def is_unrestricted(self) -> bool:
        """Whether it may have everything, so that nobody has to look at an event."""
        return (
            self.allow is None and not self.deny and self.orgs is None and self.match_params is None
        )

    def accepts(self, event: Event) -> bool:
        """Tell whether the access rules let this consumer have *event*."""
        return self.filter.accepts(event)

    def header_values(self) -> dict[str, Secret]:
        """
        Read the values of the further headers.

        Raises:
            ConfigurationError: one is not set, unreadable, or would break the request.
        """
        values = {
            name: read_secret(source, f"headers.{name}") for name, source in self.headers.items()
        }
        for name, value in values.items():
            check_header_value(value.reveal(), f"headers.{name}")
        return values


_LIKE_A_VARIABLE = re.compile(r"\$\w+|\$\{\w+\}|\$\(\w+\)|%\w+%|\{\{.*\}\}|<%.*%>", re.DOTALL)
"""Text that other programs would replace by the value of a variable; never shown, as it is not."""


def _written_as_variables(consumer: Consumer) -> Iterator[str]:
    """Say which secrets look like the name of a variable, and are taken as they stand."""
    auth = {f"auth.{key}": getattr(consumer.auth, key) for key in ("username", "password", "token")}
    headers = {f"headers.{name}": value for name, value in consumer.headers.items()}
    for key, value in (*auth.items(), *headers.items()):
        if isinstance(value, Secret) and _LIKE_A_VARIABLE.fullmatch(value.reveal()):
            yield (
                f"{key}: it looks like a variable, and is sent as it stands; write {{env: NAME}} "
                "to have the value of a variable"
            )


def _refuse_null(settings: Mapping[str, Any], key: str) -> NoReturn:
    """Refuse a key with nothing behind it, which says neither "all" nor "none"."""
    remedy = _NULL_REMEDIES.get(key, "write a value, or leave it out")
    wrong = f"{key}: nothing stands behind it (null); {remedy}"
    raise ConfigurationError(f"{_who(settings)}: {wrong}", [wrong])


def _owners(consumer: Consumer) -> frozenset[str]:
    """Give the owner and those it inherits from."""
    found = {consumer.owner}
    for url in consumer.inherits:
        try:
            if not urlsplit(url).scheme:
                raise ValueError("no scheme")
            found.add(owner_of(consumer.protocol, url))
        except ValueError:
            raise ConfigurationError(
                "inherits: expected former URLs of this consumer, as they stood in url"
            ) from None
    return frozenset(found)


def check_header_value(value: str, key: str) -> None:
    """Refuse what would end the header and begin another one, or cannot be sent."""
    if _CONTROL.search(value) or value != value.strip():
        raise ConfigurationError(
            f"{key}: must be one line without control characters or surrounding blanks"
        )
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise ConfigurationError(f"{key}: holds characters that HTTP headers cannot") from None


def _check_header_names(names: Iterable[str], auth: Auth) -> None:
    known: dict[str, str] = {}
    for name in names:
        _check_header_name(name, auth)
        other = known.setdefault(name.lower(), name)
        if other is not name:
            raise ConfigurationError(f"headers: {other} and {name} are one header; remove one")


def _check_version(consumer: Consumer) -> None:
    """Refuse two ways of saying a version, and one where there is none."""
    if consumer.version == "1.0.3":
        return
    if consumer.protocol != "xapi":
        raise ConfigurationError(
            f"version: {consumer.version} is one of xAPI, and this consumer is of "
            f"{consumer.protocol}; remove it"
        )
    named = [name for name in consumer.headers if name.lower() == "x-experience-api-version"]
    if named:
        raise ConfigurationError(f"headers: {named[0]} is set by version too; keep one of the two")


def _check_header_name(name: str, auth: Auth) -> None:
    if not _HEADER_NAME.fullmatch(name):
        raise ConfigurationError(
            f"headers: {name!r} is no header name; use letters, digits and hyphens"
        )
    # Many servers take a line for a hyphen.
    plain = name.lower().replace("_", "-")
    if plain in _RESERVED_HEADERS or plain.startswith(_RESERVED_FOR_PROXIES):
        raise ConfigurationError(f"headers: {name} is set by eventkit itself; remove it")
    if name.lower() == "authorization" and auth.type != "none":
        raise ConfigurationError(f"headers: {name} is set by auth too; keep one of the two")


def _check(settings: Mapping[str, Any]) -> None:
    """Check settings as they were given against the schema, and what all consumers must keep to."""
    named = _id(settings)
    try:
        plain = _plain(settings)
    except ConfigurationError as error:
        raise ConfigurationError(f"{_who(settings)}: {error}", [str(error)]) from None
    said = complaints(plain, schema=_SCHEMA, definition="consumer", private=_PRIVATE)
    found = list(islice(said, _MAX_COMPLAINTS))
    if not found and not (named.isprintable() and named == named.strip()):
        found = ["id: must be printable, without blanks around it"]
    if not found and "id" in plain.get("override", {}):
        # One id for every document would make all of them the same document.
        found = ["override.id: documents keep their own ids; remove it"]
    if not found and (path := _no_json(plain.get("override", {}), "override")):
        found = [f"{path}: JSON has no such value; write text, a number, true, false or null"]
    if found:
        raise ConfigurationError(f"{_who(settings)}: {'; '.join(found)}", found)


def _id(settings: Mapping[str, Any]) -> str:
    named = settings.get("id")
    return named if isinstance(named, str) else ""


def _who(settings: Mapping[str, Any]) -> str:
    named = _id(settings)
    return f"consumer {named!r}" if named else "a consumer without id"


class _Odd:
    """A number that no setting can be; nothing that the schema knows."""

    def __init__(self, shown: str) -> None:
        self._shown = shown

    def __repr__(self) -> str:
        return self._shown


def _plain(value: Any, depth: int = 0) -> Any:
    """
    Turn a setting into what the schema knows; what was checked before stands for itself.

    Raises:
        ConfigurationError: a key is no text, or it is nested too deeply.
    """
    if isinstance(value, Secret):
        return "***"
    if isinstance(value, Auth):
        return {
            "type": value.type,
            **{key: "***" for key in ("username", "password", "token") if getattr(value, key)},
        }
    if isinstance(value, (Batch, Timeout)):
        return attrs.asdict(value)
    if isinstance(value, Mapping):
        _check_nesting(depth)
        for key in value:
            if not isinstance(key, str):
                raise ConfigurationError(
                    f"a key is {type(key).__name__} and no text; write it in quotes"
                )
        return {key: _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        _check_nesting(depth)
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        # No comparison of the schema would catch it.
        return _Odd(str(value))
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        return _Odd("a huge number")
    return value


def _check_nesting(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ConfigurationError("the settings are nested too deeply")


def _no_json(value: Any, path: str) -> str:
    """Find the path of what cannot be written as JSON; ``""`` when all can."""
    if isinstance(value, dict):
        found = (_no_json(item, f"{path}.{key}") for key, item in value.items())
        return next(filter(None, found), "")
    if isinstance(value, list):
        return next(
            filter(None, (_no_json(item, f"{path}.{n}") for n, item in enumerate(value))), ""
        )
    if isinstance(value, str):
        return "" if _can_be_encoded(value) else path
    return "" if value is None or isinstance(value, (bool, int, float)) else path


def _can_be_encoded(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_url(consumer: Consumer) -> None:
    """Refuse a URL that cannot work, or that holds credentials (it is shown in logs)."""
    url = consumer.url
    if not url.isprintable() or " " in url:
        raise ConfigurationError("url: must not hold blanks or control characters; encode them")
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError(
            "url: host or port cannot be read; expected https://host[:port]/path"
        ) from None
    if not parts.scheme:
        raise ConfigurationError(
            "url: has no scheme; expected https://..., http://..., file:/... or log:..."
        )
    if consumer.public_only and (refused := refusal(url)):
        raise ConfigurationError(refused)
    if consumer.scheme not in ("http", "https"):
        return
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("url: must not hold credentials; put them in auth")
    if not host:
        raise ConfigurationError("url: has no host; expected https://host[:port]/path")
    _check_secrecy(consumer, host)
    if consumer.protocol == "xapi" and (parts.query or parts.fragment):
        raise ConfigurationError(
            "url: an LRS endpoint has no query or fragment; put keys in auth or headers"
        )


def _check_secrecy(consumer: Consumer, host: str) -> None:
    if consumer.scheme == "http" and not consumer.plain_http and not _is_loopback(host):
        found = _secrets_sent(consumer)
        if found:
            raise ConfigurationError(
                f"url: {found} would go over http, for everybody on the way to read; write "
                "https://, or say 'plain_http: true' if the whole way is trusted"
            )


def _is_loopback(host: str) -> bool:
    """Tell whether *host* is this machine, whoever asks for its address."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _secrets_sent(consumer: Consumer) -> str:
    """Name a setting that puts a secret into requests; ``""`` when there is none."""
    if consumer.auth.type != "none":
        return f"the credentials of auth ({consumer.auth.type})"
    for name, value in consumer.headers.items():
        if not isinstance(value, Secret) or SECRET_NAME.search(name):
            return f"the header {name}"
    for name, _ in parse_qsl(urlsplit(consumer.url).query, keep_blank_values=True):
        if SECRET_NAME.search(name):
            return f"the key {name!r:.40} of the query"
    return ""


def _filter(consumer: Consumer) -> Filter:
    return Filter(
        allow=consumer.allow,
        deny=consumer.deny,
        orgs=consumer.orgs,
        match_params=consumer.match_params,
    )


def _digest(consumer: Consumer) -> str:
    settings: list[Any] = [consumer.allow, consumer.deny or []]
    if consumer.orgs is not None or consumer.match_params is not None:
        settings += [consumer.orgs, consumer.match_params]
    # Only sets of patterns are not JSON.
    written = json.dumps(settings, sort_keys=True, default=lambda it: sorted(it, key=repr))
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def _check_sensor(sensor: str | None) -> None:
    if sensor is not None and not _IRI.fullmatch(sensor):
        raise ConfigurationError(
            f"sensor: {sensor!r} is no IRI; expected one such as https://lms.example.org"
        )
