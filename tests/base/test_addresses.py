"""Which addresses are those of the public internet, in every spelling."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit.base.addresses import refusal, special

SPECIAL = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200"),
    *("127.0.0.1", "127.255.0.9", "168.63.129.16", "169.254.169.254", "172.16.0.1"),
    *("172.31.255.255", "192.0.0.192", "192.0.2.5", "192.88.99.1", "192.168.1.1", "198.18.0.1"),
    *("198.51.100.7", "203.0.113.9", "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255"),
]
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"),
    *("172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "223.255.255.255"),
]
SPECIAL_6 = [
    *("::", "::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1"),
    *("2001:db8::1", "3fff::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "100::1"),
    *("64:ff9b:1::a00:1", "4000::1", "5f00::1", "::2:3:4:5", "::8.8.8.8", "::ffff:0:127.0.0.1"),
]
PUBLIC_6 = ["2606:4700:4700::1111", "2a00:1450::5", "2001:4860:4860::8888"]


def inside(address):
    """Every address of IPv6 that holds one of IPv4."""
    four = ipaddress.IPv4Address(address)
    number = int(four)
    return [
        str(ipaddress.IPv6Address(each))
        for each in (
            0xFFFF << 32 | number,
            int(ipaddress.IPv6Address("64:ff9b::")) | number,
            int(ipaddress.IPv6Address("2002::")) | number << 80,
            int(ipaddress.IPv6Address("2a00:1450::5efe:0:0")) | number,
            int(ipaddress.IPv6Address("2a00:1450::200:5efe:0:0")) | number,
        )
    ]


@pytest.mark.parametrize("address", [*SPECIAL, *SPECIAL_6])
def test_is_not_public(address):
    assert special(address)
    if "%" not in address:
        host = f"[{address}]" if ":" in address else address
        assert "public_only" in refusal(f"https://{host}/xapi")


@pytest.mark.parametrize("address", [*PUBLIC, *PUBLIC_6])
def test_is_public(address):
    host = f"[{address}]" if ":" in address else address

    assert special(address) == ""
    assert refusal(f"https://{host}:8443/xapi") is None


@pytest.mark.parametrize("address", [*SPECIAL, *PUBLIC])
def test_what_stands_inside_an_address_of_ipv6_counts(address):
    for each in inside(address):
        assert bool(special(each)) == (address in SPECIAL), each


@given(st.integers(0, 2**32 - 1))
def test_nothing_is_public_that_python_says_is_not(number):
    """Python's own list may lack something, but what it has counts."""
    address = ipaddress.IPv4Address(number)
    is_special = address.is_private or address.is_multicast or address.is_reserved
    if is_special or not address.is_global:
        # What later releases except from 192.0.0.0/24 is nobody's receiver.
        assert special(str(address))


@given(st.integers(0, 2**128 - 1))
def test_nothing_of_ipv6_is_public_that_python_says_is_not(number):
    address = ipaddress.IPv6Address(number)
    if address.is_private or address.is_multicast or address.is_reserved or address.is_link_local:
        is_translated = address in ipaddress.IPv6Network("64:ff9b::/96")
        assert special(str(address)) or is_translated or address.ipv4_mapped


@pytest.mark.parametrize(
    "url",
    [
        "http://lrs.example.org/xapi",
        "HTTP://lrs.example.org/xapi",
        "file:/etc/passwd",
        "log:site",
        "ftp://lrs.example.org/",
        "lrs.example.org/xapi",
        "",
        "https://",
        "https:///xapi",
        "https://[::1/xapi",
        "https://lrs.example.org:port/",
        "https://localhost/xapi",
        "https://LOCALHOST:8443/",
        "https://localhost./",
        "https://lrs.localhost/",
        "https://redis/",
        "https://redis./",
        "https://metadata.google.internal/computeMetadata/v1/",
        "https://lrs.local/",
        "https://lrs.internal./",
        "https://nas.home.arpa/",
        "https://127.1/",
        "https://127.0.0.1./",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://017700000001/",
        "https://0177.0.0.1/",
        "https://2130706433/",
        "https://2852039166/",
        "https://0/",
        "https://10.1/",
        "https://①②⑦.0.0.1/",
        "https://127。0。0。1/",
        "https://ⓛocalhost/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:a9fe:a9fe]/",
        "https://[::1%25lo]/",
        "https://[fe80::1%25eth0]/",
        "https://[v1.x]/",
    ],
)
def test_urls_that_are_refused(url):
    """Scheme, names of local networks, and every spelling that a look-up takes for an address."""
    assert refusal(url)
    assert refusal(url).startswith("url: ")
    assert refusal(url).isprintable()


@pytest.mark.parametrize(
    "url",
    [
        "https://lrs.example.org/xapi",
        "HTTPS://LRS.Example.Org:8443/xapi",
        "https://lrs.example.org./",
        "https://läßt.example.org/",
        "https://localhost.example.org/",
        "https://internal.example.org/",
        "https://8.8.8.8/",
    ],
)
def test_urls_of_the_internet(url):
    assert refusal(url) is None
