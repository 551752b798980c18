"""
Which addresses are those of the public internet.

Written out as the registries of IANA have it, for Python's own ``is_global`` differs from one
release to the next, and knows nothing of what stands inside an address of IPv6.
"""

from __future__ import annotations

import ipaddress
import socket
import unicodedata
from collections.abc import Iterator
from urllib.parse import urlsplit

from eventkit.base.printable import printable

_IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_SPECIAL_4 = tuple(
    (ipaddress.IPv4Network(network), what)
    for network, what in (
        ("0.0.0.0/8", "this host"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by the customers of a carrier"),
        ("127.0.0.0/8", "loopback"),
        # Of Azure: in a public range, and answered by the machine's own host.
        ("168.63.129.16/32", "the metadata of a cloud"),
        ("169.254.0.0/16", "link-local, where clouds keep their metadata"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for measurements"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_SPECIAL_6 = tuple(
    (ipaddress.IPv6Network(network), what)
    for network, what in (
        ("::/128", "this host"),
        ("::1/128", "loopback"),
        ("64:ff9b:1::/48", "a local translation of IPv4"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "for documentation"),
        ("3fff::/20", "for documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
    )
)
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
"""All that is given out for the public internet; nothing else of IPv6 is."""

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)

_LOCAL_NAMES = (
    # Of RFC 6761, 6762 (with its appendix G) and 8375, and what ICANN keeps free for such use.
    *("localhost", "local", "home.arpa", "internal"),
    *("intranet", "private", "corp", "home", "lan", "localdomain"),
)
_DOTS = str.maketrans(dict.fromkeys("\u3002\uff0e\uff61", "."))
"""What IDNA takes for a dot."""


def special(address: str) -> str:
    """
    Say what *address* is if it is none of the public internet; ``""``: it is one.

    An address of IPv6 that holds one of IPv4 (mapped, NAT64, 6to4, ISATAP) is what that
    one is. What is no address is none of the public internet.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "no address"
    return _special(parsed)


def _special(address: _IPAddress) -> str:
    if isinstance(address, ipaddress.IPv4Address):
        return next((what for network, what in _SPECIAL_4 if address in network), "")
    for network, what in _SPECIAL_6:
        if address in network:
            return what
    is_inside = False
    for inner in _inner(address):
        is_inside = True
        if what := _special(inner):
            return f"{what} ({inner})"
    return "" if is_inside or address in _GLOBAL_6 else "reserved"


def _inner(address: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    """Give the addresses of IPv4 that stand in one of IPv6."""
    number = int(address)
    if any(address in network for network in (_MAPPED, _TRANSLATED)):
        yield ipaddress.IPv4Address(number & 0xFFFF_FFFF)
    elif address in _SIX_TO_FOUR:
        yield ipaddress.IPv4Address((number >> 80) & 0xFFFF_FFFF)
    if (number >> 32) & 0xFFFF_FFFF in _ISATAP:
        yield ipaddress.IPv4Address(number & 0xFFFF_FFFF)


def refusal(url: str) -> str | None:
    """
    Say why a consumer that is ``public_only`` may not have *url*; None: nothing speaks against it.

    Looks at how it is written and looks nothing up: scheme, names that only mean something in one
    network, and addresses in every spelling that the system takes for one (``127.1``,
    ``0x7f000001``, full-width digits). What a name stands for shows when it is connected to, and is
    looked at then.
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return "url: host or port cannot be read; expected https://host[:port]/path"
    scheme = parts.scheme.lower()
    if scheme != "https":
        shown = f"{scheme[:20]}:" if scheme else "no scheme"
        return f"url: {shown} is not open to this consumer (public_only); write https://..."
    if not host:
        return "url: has no host; expected https://host[:port]/path"
    name = unicodedata.normalize("NFKC", host.translate(_DOTS)).lower()
    what = special(name) if "[" in parts.netloc else _special_host(name)
    if what:
        return (
            f"url: {printable(host)[:100]} is {what}, and this consumer may only have addresses of "
            "the public internet (public_only); name a host that everybody can reach"
        )
    return None


def _special_host(name: str) -> str:
    name = name.rstrip(".")
    try:
        # As the system's look-up reads it: 127.1, 0x7f.1, 017700000001, 2130706433.
        return special(socket.inet_ntoa(socket.inet_aton(name)))
    except (OSError, ValueError):
        pass
    if any(name == local or name.endswith(f".{local}") for local in _LOCAL_NAMES):
        return "a name of a local network"
    return "" if "." in name else "no full name of a host"
