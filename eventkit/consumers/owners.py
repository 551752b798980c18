"""Whose a queue is: protocol and address, so that who takes over an id gets no backlog."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit


def owner_of(protocol: str, url: str) -> str:
    """
    Say who is behind *url*, in one line such as ``xapi lrs.example.org/xapi``.

    Host, port and path count, for one host may serve several tenants; of a query only a digest is
    shown, as a token may stand there.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme not in _PORTS:
        return f"{protocol} {scheme}:{parts.netloc}{parts.path}"
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        host = f"[{host}]"
    port = "" if parts.port in (None, _PORTS[scheme]) else f":{parts.port}"
    query = f"?{hashlib.sha256(parts.query.encode()).hexdigest()[:8]}" if parts.query else ""
    return f"{protocol} {host}{port}{parts.path.rstrip('/')}{query}"


_PORTS = {"http": 80, "https": 443}


def queue_name(consumer: str, owner: str) -> str:
    """Name the queue of a consumer; without *owner* all queues of its id."""
    # Ids are printable: no tab is part of one.
    return f"{consumer}\t{owner}" if owner else consumer


def split_queue(name: str) -> tuple[str, str]:
    """Give the consumer's id and the owner of a queue; ``""``: not known."""
    consumer, _, owner = name.partition("\t")
    return consumer, owner
