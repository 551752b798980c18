"""
Watching a connection being made, and saying for people which step of it fails, and why.

Only whoever tests a connection watches; what delivers makes the same connections unwatched.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any

from eventkit.base.printable import printable
from eventkit.transports.addresses import AddressRefused
from eventkit.transports.transport import Step

_DAY = 86_400
_NO_CHECK_TIME = 0x20_0000
"""``X509_V_FLAG_NO_CHECK_TIME`` of OpenSSL, which Python's `ssl` has no name for."""
_LOOK = 5.0
"""Seconds for looking at a certificate that was not accepted."""
_MOST_NAMES = 3

_EXPIRED = (9, 10)
_OTHER_NAME = (62, 63, 64)
_SELF_SIGNED = (18, 19)
_UNKNOWN_ISSUER = (2, 20, 21)
"""Codes of OpenSSL (``X509_V_ERR_...``) for why a certificate is not accepted."""


class Watch:
    """The steps of connecting, each taken down the first time that it is taken."""

    def __init__(self) -> None:
        self.steps: dict[str, Step] = {}
        self._peer: Any = None
        self._mark = 0.0

    @property
    def failed(self) -> bool:
        """Whether a step has failed, so that those after it were not taken."""
        return any(step.ok is False for step in self.steps.values())

    @property
    def seconds(self) -> float:
        """How long all of them took."""
        return sum(step.seconds for step in self.steps.values())

    @contextlib.contextmanager
    def looking_up(self, host: str) -> Iterator[list[str]]:
        """Watch the name of the host being looked up; its addresses go into what this gives."""
        began = time.monotonic()
        found: list[str] = []
        try:
            yield found
        except TimeoutError:
            self._note("dns", f"the name {host} is not found in time", began, ok=False)
            raise
        except socket.gaierror as error:
            self._note("dns", f"the name {host} is not known ({error.args[-1]})", began, ok=False)
            raise
        except Exception:
            self._note("dns", f"the name {host} cannot be looked up", began, ok=False)
            raise
        self._note("dns", f"{host}: {', '.join(dict.fromkeys(found))}", began, ok=True)

    @contextlib.contextmanager
    def connecting(self, place: str) -> Iterator[list[socket.socket]]:
        """Watch a connection being made to *place*; it goes into what this gives."""
        began = time.monotonic()
        found: list[socket.socket] = []
        try:
            yield found
        except AddressRefused as error:
            self._note("tcp", str(error), began, ok=False)
            raise
        except TimeoutError:
            what = "nothing answers in time; perhaps a firewall is in between"
            self._note("tcp", f"{place}: {what}", began, ok=False)
            raise
        except ConnectionRefusedError:
            what = "nothing listens there; check host and port, and whether the receiver runs"
            self._note("tcp", f"{place}: {what}", began, ok=False)
            raise
        except OSError as error:
            why = error.strerror or type(error).__name__
            self._note("tcp", f"{place}: no connection ({why})", began, ok=False)
            raise
        with contextlib.suppress(OSError):
            self._peer = found[0].getpeername()
        self._note("tcp", place, began, ok=True)
        self._mark = time.monotonic()

    @contextlib.contextmanager
    def securing(self, connection: Any) -> Iterator[None]:
        """Watch a connection being made and then secured."""
        try:
            yield
        except Exception as error:
            if "tcp" in self.steps and not self.failed and _is_about_tls(error):
                self._note("tls", self._why(error, connection), self._mark, ok=False)
            raise
        self._note("tls", _secured(connection.sock), self._mark, ok=True)

    def _why(self, error: Exception, connection: Any) -> str:
        host = connection._tunnel_host or connection.host  # noqa: SLF001 - urllib3 tells it nowhere else
        if isinstance(error, TimeoutError):
            return f"{host} takes the connection, and then says nothing in time"
        code = getattr(error, "verify_code", None)
        if code is None and not isinstance(error, ssl.SSLError):
            return f"{host} breaks off the connection instead of securing it"
        if code is None:
            return (
                f"what answers at {host} speaks no TLS that we do ({_reason(error)}); if it speaks "
                "plain http, it needs a certificate, or another port is meant"
            )
        through_proxy = connection._tunnel_host is not None  # noqa: SLF001 - as above
        shown = {} if through_proxy else _certificate(self._peer, host)
        return _refused(code, host, shown, _reason(error))

    def _note(self, name: str, detail: str, began: float, *, ok: bool) -> None:
        if name not in self.steps:
            seconds = round(max(0.0, time.monotonic() - began), 3)
            self.steps[name] = Step(name, ok=ok, detail=printable(detail), seconds=seconds)


def _is_about_tls(error: Exception) -> bool:
    # What a proxy answers comes as an OSError with a text.
    is_tunnel = isinstance(error, OSError) and str(error).startswith("Tunnel connection")
    return isinstance(error, (OSError, ValueError)) and not is_tunnel


def _reason(error: Exception) -> str:
    told = getattr(error, "verify_message", "") or getattr(error, "reason", "") or ""
    return str(told).replace("_", " ").lower() or type(error).__name__


def _secured(sock: Any) -> str:
    """Say what secures a connection, and for how long it will."""
    found: Mapping[str, Any] = sock.getpeercert() or {}
    ends = found.get("notAfter")
    until = ""
    if ends:
        days = int((ssl.cert_time_to_seconds(ends) - time.time()) // _DAY)
        until = f", certificate of {_issuer(found)}, good for {days} more days"
    return f"{sock.version()}{until}"


def _refused(code: int, host: str, shown: Mapping[str, Any], reason: str) -> str:
    """Say why a certificate is not accepted, and what would be right."""
    issuer = f" (issued by {_issuer(shown)})" if shown else ""
    if code in _EXPIRED:
        key, words = ("notAfter", "ended") if code == _EXPIRED[1] else ("notBefore", "begins")
        when = f": it {words} on {_date(shown[key])}" if key in shown else ""
        what = "has expired" if code == _EXPIRED[1] else "is not valid yet"
        return f"the certificate of {host} {what}{when}{issuer}; it must be renewed there"
    if code in _OTHER_NAME:
        names = [str(value) for _, value in shown.get("subjectAltName", ())]
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        meant = f": it is for {', '.join(names[:_MOST_NAMES])}{more}" if names else ""
        return f"the certificate of {host} is for another host{meant}{issuer}; check url"
    if code in _SELF_SIGNED or code in _UNKNOWN_ISSUER:
        what = "is self-signed" if code in _SELF_SIGNED else "is of nobody that is trusted here"
        return (
            f"the certificate of {host} {what}{issuer}; it needs one of a known authority, with "
            "the certificates in between"
        )
    return f"the certificate of {host} is not accepted: {reason}{issuer}"


def _date(text: str) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(ssl.cert_time_to_seconds(text)))


def _issuer(found: Mapping[str, Any]) -> str:
    names = {key: value for part in found.get("issuer", ()) for key, value in part}
    return str(names.get("organizationName") or names.get("commonName") or "somebody unnamed")[:60]


def _certificate(peer: Any, host: str) -> Mapping[str, Any]:
    """
    Look at a certificate that was not accepted; empty when that cannot be done.

    Nothing is sent over these connections. As Python only takes apart what it trusts, the second
    one trusts exactly what the first one has seen.
    """
    try:
        look = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        look.check_hostname = False
        look.verify_mode = ssl.CERT_NONE
        with _handshake(look, peer, host) as seen:
            found = seen.getpeercert(binary_form=True)
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trust.check_hostname = False
        trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(_NO_CHECK_TIME)
        trust.load_verify_locations(cadata=found)
        with _handshake(trust, peer, host) as seen:
            return seen.getpeercert() or {}
    except (OSError, ValueError, TypeError):
        return {}


@contextlib.contextmanager
def _handshake(context: ssl.SSLContext, peer: Any, host: str) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection(peer[:2], _LOOK) as sock,
        context.wrap_socket(sock, server_hostname=host) as secured,
    ):
        yield secured
