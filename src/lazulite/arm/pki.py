"""The lab's own certificate authority, and the certificate its server shows on loopback and where else it listens.

Clients verify strictly (Python 3.13 wants KeyUsage and key identifiers), so the certificates carry them. The bundle
holds the public roots too: ``REQUESTS_CA_BUNDLE`` is read by every Python program of a shell, not only by ours.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import certifi
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lazulite.values import IPAddress

_AUTHORITY_LIFE = timedelta(days=3650)
_SERVER_LIFE = timedelta(days=397)
"""The longest that browsers accept of a server certificate."""
_RENEW_BEFORE = timedelta(days=30)
_SKEW = timedelta(days=1)
_PEM = serialization.Encoding.PEM
_HERE = (ip_address("127.0.0.1"), ip_address("::1"))


class Files(msgspec.Struct, frozen=True):
    """Where everything is, below one directory."""

    authority: Path
    authority_key: Path
    certificate: Path
    key: Path
    bundle: Path
    """Public roots and ours."""


def ensure(directory: Path, now: datetime, address: IPAddress = _HERE[0]) -> Files:
    """The certificates in *directory*: made when there are none, the server's renewed before it ends.

    The server's is for loopback and *address*.

    The authority is kept as long as it is valid, so that what a shell was told to trust stays right.
    """
    directory.mkdir(parents=True, exist_ok=True)
    names = ("ca.pem", "ca.key", "server.crt", "server.key", "bundle.pem")
    files = Files(*(directory / n for n in names))
    if not _valid(files.authority, files.authority_key, now):
        _found_authority(files, now)
        files.certificate.unlink(missing_ok=True)
    addresses = list(dict.fromkeys((*_HERE, address)))
    if not _valid(files.certificate, files.key, now) or not _names(files.certificate, addresses):
        hosts: list[x509.GeneralName] = [x509.DNSName("localhost"), *map(x509.IPAddress, addresses)]
        _issue(files, files.certificate, files.key, now, hosts)
    roots = Path(certifi.where()).read_bytes()
    _write(files.bundle, roots + b"\n" + files.authority.read_bytes())
    return files


def ensure_service(files: Files, name: str, now: datetime, hosts: Sequence[str]) -> None:
    """A certificate for a service of the lab's network, beside the others: made or renewed as the server's is.

    *hosts* are DNS names, of which the first label may be a star.
    """
    certificate, key = (files.authority.with_name(f"{name}.{kind}") for kind in ("crt", "key"))
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    if not _valid(certificate, key, now) or not _issued(certificate, authority, hosts):
        _issue(files, certificate, key, now, [x509.DNSName(h) for h in hosts])


def _issued(certificate: Path, authority: x509.Certificate, hosts: Sequence[str]) -> bool:
    """Whether *authority* made it, for exactly *hosts*."""
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    by = found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    return names.get_values_for_type(x509.DNSName) == list(hosts) and by == own


def _valid(certificate: Path, key: Path, now: datetime) -> bool:
    """Whether both are there, whole, of each other and in time: a renewal may have been cut short."""
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        own = serialization.load_pem_private_key(key.read_bytes(), None)
    except (FileNotFoundError, ValueError):
        return False
    in_time = found.not_valid_before_utc <= now < found.not_valid_after_utc - _RENEW_BEFORE
    return in_time and found.public_key() == own.public_key()


def _names(certificate: Path, addresses: Sequence[IPAddress]) -> bool:
    """Whether it is for these addresses and no others."""
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(names.get_values_for_type(x509.IPAddress)) == set(addresses)


def _found_authority(files: Files, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Lazulite lab authority")
    certificate = (
        _builder(name, name, key.public_key(), now, _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_key(files.authority_key, key)
    _write(files.authority, certificate.public_bytes(_PEM))


def _issue(files: Files, certificate: Path, key_file: Path, now: datetime, hosts: Sequence[x509.GeneralName]) -> None:
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    signer = serialization.load_pem_private_key(files.authority_key.read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        _builder(_name("localhost"), authority.subject, key.public_key(), now, _SERVER_LIFE)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    _write_key(key_file, key)
    _write(certificate, made.public_bytes(_PEM) + files.authority.read_bytes())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + life)
    )


def _usage(*allowed: str) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{n: n in allowed for n in names})


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    form = serialization.PrivateFormat.PKCS8
    _write(path, key.private_bytes(_PEM, form, serialization.NoEncryption()), mode=0o600)


def _write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Whole or not at all, and never readable by more than *mode* allows."""
    draft = path.with_suffix(path.suffix + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    draft.replace(path)
