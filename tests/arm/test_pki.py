"""The authority, the server's certificate, and the profile az reads."""

from __future__ import annotations

import configparser
import json
import ssl
import stat
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import certifi
import pytest
from cryptography import x509

from lazulite.arm import pki, profile
from lazulite.arm.scopes import new_subscription

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_certificates_carry_what_strict_clients_want(tmp_path: Path) -> None:
    files = pki.ensure(tmp_path, NOW)
    authority, server = read(files.authority), read(files.certificate)
    server.verify_directly_issued_by(authority)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    known = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert server.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == known
    assert authority.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    files = pki.ensure(tmp_path, NOW)
    assert [stat.S_IMODE(p.stat().st_mode) for p in (files.key, files.authority_key)] == [0o600, 0o600]


def test_the_bundle_trusts_the_world_and_the_lab(tmp_path: Path) -> None:
    files = pki.ensure(tmp_path, NOW)
    context = ssl.create_default_context(cafile=str(files.bundle))
    alone = ssl.create_default_context(cafile=certifi.where())
    assert context.cert_store_stats()["x509_ca"] == alone.cert_store_stats()["x509_ca"] + 1


def test_a_second_call_changes_nothing_and_a_late_one_renews_the_server_alone(tmp_path: Path) -> None:
    files = pki.ensure(tmp_path, NOW)
    first = (files.authority.read_bytes(), files.certificate.read_bytes())
    pki.ensure(tmp_path, NOW + timedelta(days=300))
    assert (files.authority.read_bytes(), files.certificate.read_bytes()) == first
    pki.ensure(tmp_path, NOW + timedelta(days=380))
    assert files.authority.read_bytes() == first[0]
    assert files.certificate.read_bytes() != first[1]
    pki.ensure(tmp_path, NOW + timedelta(days=3640))
    assert files.authority.read_bytes() != first[0]
    read(files.certificate).verify_directly_issued_by(read(files.authority))


@pytest.mark.parametrize("name", ["ca.pem", "ca.key", "server.crt", "server.key"])
@pytest.mark.parametrize(
    "broken", [b"", b"-----BEGIN CERTIFICATE-----\n", None], ids=["empty", "cut short", "another's"]
)
def test_what_a_crash_left_broken_is_made_anew(tmp_path: Path, name: str, broken: bytes | None) -> None:
    pki.ensure(tmp_path / "other", NOW)
    pki.ensure(tmp_path, NOW)
    (tmp_path / name).write_bytes((tmp_path / "other" / name).read_bytes() if broken is None else broken)
    files = pki.ensure(tmp_path, NOW)
    read(files.certificate).verify_directly_issued_by(read(files.authority))
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(files.certificate, files.key)


def test_the_profile_signs_az_in_to_every_subscription(tmp_path: Path) -> None:
    held = [new_subscription("s1", "one", "t"), new_subscription("s2", "two", "t")]
    profile.write(tmp_path / "az", "https://localhost:1", held, "s3cret")
    clouds = configparser.ConfigParser()
    clouds.read(tmp_path / "az" / "clouds.config")
    assert clouds["Lazulite"]["endpoint_active_directory"] == "https://localhost:1/adfs"
    accounts = json.loads((tmp_path / "az" / "azureProfile.json").read_text())["subscriptions"]
    assert [(a["id"], a["isDefault"], a["environmentName"]) for a in accounts] == [
        ("s1", True, "Lazulite"),
        ("s2", False, "Lazulite"),
    ]
    entries = json.loads((tmp_path / "az" / "service_principal_entries.json").read_text())
    assert [(e["client_id"], e["tenant"], e["client_secret"]) for e in entries] == [
        (accounts[0]["user"]["name"], "t", "s3cret")
    ]


def test_an_address_beyond_loopback_gets_into_the_certificate_and_out_again(tmp_path: Path) -> None:
    before = pki.ensure(tmp_path, NOW).certificate.read_bytes()
    outer = ip_address("192.0.2.1")
    elsewhere = pki.ensure(tmp_path, NOW, outer).certificate.read_bytes()
    names = x509.load_pem_x509_certificate(elsewhere).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert set(names.value.get_values_for_type(x509.IPAddress)) == {*map(ip_address, ("127.0.0.1", "::1")), outer}
    assert pki.ensure(tmp_path, NOW, outer).certificate.read_bytes() == elsewhere
    back = pki.ensure(tmp_path, NOW).certificate.read_bytes()
    assert len({before, elsewhere, back}) == 3


def test_a_service_of_the_network_gets_a_certificate_of_the_same_authority(tmp_path: Path) -> None:
    """Kept while it is right; made anew for other names, near its end, and under another authority."""
    files, kept = pki.ensure(tmp_path, NOW), tmp_path / "blobs.crt"

    def made(hosts: list[str], now: datetime = NOW) -> bytes:
        pki.ensure_service(files, "blobs", now, hosts)
        return kept.read_bytes()

    first = made(["*.one.example"])
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    x509.load_pem_x509_certificate(first).verify_directly_issued_by(authority)
    assert made(["*.one.example"]) == first
    others = made(["*.one.example", "*.two.example"])
    late = made(["*.one.example", "*.two.example"], NOW + timedelta(days=380))
    files.authority_key.unlink()
    pki.ensure(tmp_path, NOW)
    assert len({first, others, late, made(["*.one.example", "*.two.example"], NOW + timedelta(days=380))}) == 4
    assert (tmp_path / "blobs.key").stat().st_mode & 0o777 == 0o600
