"""Certificates for servers of tests: good ones, and such as nobody should accept."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ORGANISATION = "Test Authority"


def _name(common, organisation=ORGANISATION):
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


class Authority:
    """Signs certificates; *path* is its own, which a client has to trust."""

    def __init__(self, folder: Path, organisation: str = ORGANISATION) -> None:
        self._folder = folder
        self._name = _name("Root", organisation)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._own = self._signed(self._name, self._key, [], days=(-1, 3650), is_authority=True)
        self.path = self._write("authority.pem", self._own)

    def context(
        self, *, names: list[str], days: tuple[float, float] = (-1, 90), self_signed: bool = False
    ) -> ssl.SSLContext:
        """Make what a server for *names* needs, good between these days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(names[0])
        signer = key if self_signed else self._key
        certificate = self._signed(
            subject, key, names, days=days, issuer=subject if self_signed else None, signer=signer
        )
        path = self._write(f"{len(list(self._folder.iterdir()))}.pem", certificate, key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _signed(self, subject, key, names, *, days, issuer=None, signer=None, is_authority=False):
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if names:
            listed = x509.SubjectAlternativeName([_general(name) for name in names])
            builder = builder.add_extension(listed, critical=False)
        return builder.sign(signer or self._key, hashes.SHA256())

    def _write(self, name, certificate, key=None):
        path = self._folder / name
        text = certificate.public_bytes(serialization.Encoding.PEM)
        if key is not None:
            text += key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        path.write_bytes(text)
        return path


def _general(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
