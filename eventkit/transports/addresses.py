"""
What a consumer that is ``public_only`` may be connected to.

`refusal` looks at a URL as it is written, for whoever saves one; `check_addresses` at what its name
stands for at the very moment that it is connected to, whatever it stood for before.
"""

from __future__ import annotations

from collections.abc import Iterable

from eventkit.base.addresses import refusal, special
from eventkit.transports.host_names import Address

__all__ = ["AddressRefused", "check_addresses", "refusal"]


class AddressRefused(OSError):
    """The address may not be connected to; the message says what it is."""


def check_addresses(host: str, addresses: Iterable[Address]) -> None:
    """
    Refuse *host* if any of *addresses*, which are what it stands for now, is not public.

    One is enough: which of them is connected to is a matter of which answers.

    Raises:
        AddressRefused: one is not.
    """
    for *_, address in addresses:
        if what := special(str(address[0])):
            raise AddressRefused(
                f"{host} is {address[0]} at the moment, which is {what}; this consumer may only "
                "have addresses of the public internet (public_only)"
            )
