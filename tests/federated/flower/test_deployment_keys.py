"""Certificates and node keys: who can read them, what they are good for, until when."""

import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from keyart_federated.flower import tls_keys

NOW = datetime(2031, 5, 1, tzinfo=UTC)


def certificate(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def verify(paths, authority, name, at):
    store = Store([certificate(authority)])
    verifier = PolicyBuilder().store(store).time(at).build_server_verifier(x509.DNSName(name))
    verifier.verify(certificate(paths.server), [])


def test_the_server_certificate_holds_for_localhost_under_its_authority_and_nowhere_else(tmp_path):
    (tmp_path / "other").mkdir()
    mine, other = (
        tls_keys.write_certificates(tmp_path, NOW),
        tls_keys.write_certificates(tmp_path / "other", NOW),
    )
    verify(mine, mine.authority, "localhost", NOW)
    with pytest.raises(VerificationError):
        verify(mine, other.authority, "localhost", NOW)
    with pytest.raises(VerificationError):
        verify(mine, mine.authority, "example.org", NOW)


def test_a_certificate_ends_with_its_lifetime(tmp_path):
    paths = tls_keys.write_certificates(tmp_path, NOW, timedelta(days=2))
    verify(paths, paths.authority, "localhost", NOW + timedelta(days=1))
    with pytest.raises(VerificationError):
        verify(paths, paths.authority, "localhost", NOW + timedelta(days=3))


def test_the_authoritys_private_key_is_nowhere(tmp_path):
    paths = tls_keys.write_certificates(tmp_path, NOW)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["authority.pem", "server.key", "server.pem"]
    key = serialization.load_pem_private_key(paths.server_key.read_bytes(), None)
    assert key.public_key() == certificate(paths.server).public_key()
    assert key.public_key() != certificate(paths.authority).public_key()


def test_private_files_are_never_readable_for_others_and_never_overwritten(tmp_path):
    certificates, node = (
        tls_keys.write_certificates(tmp_path, NOW),
        tls_keys.write_node_key(tmp_path, "node-0"),
    )
    for path in (certificates.server_key, node.private):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        tls_keys.write_node_key(tmp_path, "node-0")


def test_a_node_key_is_a_p384_pair_in_openssh_form(tmp_path):
    paths = tls_keys.write_node_key(tmp_path, "node-0")
    private = serialization.load_ssh_private_key(paths.private.read_bytes(), None)
    public = serialization.load_ssh_public_key(paths.public.read_bytes())
    assert isinstance(private.curve, ec.SECP384R1)
    assert private.public_key() == public
    assert tls_keys.write_node_key(tmp_path, "node-1").public.read_bytes() != paths.public.read_bytes()
