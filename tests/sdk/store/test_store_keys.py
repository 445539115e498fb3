"""Where keys come from, and what happens when they are the wrong ones."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest

from keyart.errors import SettingError, StoreError, StoreFull, WrongKey
from keyart.store.database import Store, Table
from keyart.store.keys import EphemeralKey, HostKey, KeyProvider, KeyringKey, PassphraseKey


def test_a_passphrase_opens_and_a_wrong_one_does_not(path, tmp_path, digest_of):
    with Store.open(path, PassphraseKey("correct horse é")) as store:
        store.put(Table.VIEW, b"1", b"one")
    before = digest_of(tmp_path)
    for wrong in ("correct horse e", "correct horse é "):
        with pytest.raises(WrongKey, match="do not open"):
            Store.open(path, PassphraseKey(wrong))
    assert digest_of(tmp_path) == before
    with Store.open(path, PassphraseKey("correct horse e\N{COMBINING ACUTE ACCENT}")) as store:
        assert store.get(Table.VIEW, b"1") == b"one"


def test_the_salt_differs_by_file(tmp_path):
    key = PassphraseKey("a passphrase")
    for name in ("a.db", "b.db"):
        Store.open(tmp_path / name, key).close()
    assert key.root_key(b"a" * 16, False) != key.root_key(b"b" * 16, False)
    assert key.root_key(b"a" * 16, False) == key.root_key(b"a" * 16, True)


def test_scrypt_against_the_vector_of_rfc_7914(monkeypatch):
    monkeypatch.setattr("keyart.store.keys.SCRYPT_N", 16384)
    monkeypatch.setattr("keyart.store.keys.SCRYPT_P", 1)
    key = PassphraseKey("pleaseletmein").root_key(b"SodiumChloride", False)
    assert key.hex() == "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"


@pytest.mark.parametrize("short", ["x", "1234567", "\N{LATIN SMALL LETTER E}\N{COMBINING ACUTE ACCENT}" * 7])
def test_a_short_passphrase_makes_no_new_profile_and_opens_an_old_one(path, monkeypatch, host, short):
    with pytest.raises(SettingError, match=r"at least 8 characters.*several words"):
        Store.open(path, PassphraseKey(short))
    assert not path.exists()
    with Store.open(path, host.keys) as store, pytest.raises(SettingError, match="at least 8 characters"):
        store.rotate(PassphraseKey(short))
    Store.open(path, host.keys).forget()
    path.unlink()
    with monkeypatch.context() as earlier:
        earlier.setattr("keyart.store.keys.MIN_PASSPHRASE_LENGTH", 1)
        with Store.open(path, PassphraseKey(short)) as store:
            store.put(Table.VIEW, b"1", b"one")
    with Store.open(path, PassphraseKey(short)) as store:
        assert store.rotate().verified and store.get(Table.VIEW, b"1") == b"one"
        store.forget()
    Store.open(path, PassphraseKey(short)).close()


def made_earlier(path, monkeypatch, text):
    """A file with two profiles whose root key has the cost of earlier versions."""
    with monkeypatch.context() as earlier:
        earlier.setattr("keyart.store.keys.SCRYPT_P", 1)
        for name in ("default", "another"):
            with Store.open(path, PassphraseKey(text), name) as store:
                store.put(Table.VIEW, b"1", name.encode())


def opens_at_the_earlier_cost(path, monkeypatch, text):
    with monkeypatch.context() as earlier:
        for cost in ("SCRYPT_P", "FORMER_SCRYPT_P"):
            earlier.setattr(f"keyart.store.keys.{cost}", 1)
        try:
            Store.open(path, PassphraseKey(text)).close()
        except WrongKey:
            return False
    return True


def test_a_root_key_of_earlier_versions_is_replaced_when_the_file_is_opened(path, tmp_path, monkeypatch, digest_of):
    text = "a passphrase"
    made_earlier(path, monkeypatch, text)
    before = digest_of(tmp_path)
    with pytest.raises(WrongKey):
        Store.open(path, PassphraseKey("another passphrase"))
    assert digest_of(tmp_path) == before
    for name in ("default", "another", "default"):
        with Store.open(path, PassphraseKey(text), name) as store:
            assert store.get(Table.VIEW, b"1") == name.encode()
    assert not opens_at_the_earlier_cost(path, monkeypatch, text)


def test_a_full_disk_leaves_the_root_key_of_earlier_versions(path, monkeypatch):
    text = "a passphrase"
    made_earlier(path, monkeypatch, text)

    def full(*_):
        raise StoreFull("The disk is full.")

    with monkeypatch.context() as now:
        now.setattr("keyart.store.vault.rewrap", full)
        with Store.open(path, PassphraseKey(text)) as store:
            assert store.get(Table.VIEW, b"1") == b"default"
    assert opens_at_the_earlier_cost(path, monkeypatch, text)
    Store.open(path, PassphraseKey(text)).close()
    assert not opens_at_the_earlier_cost(path, monkeypatch, text)


@pytest.mark.parametrize("text", ["", None, b"bytes"])
def test_a_passphrase_is_a_text(text):
    with pytest.raises(SettingError):
        PassphraseKey(text)


def test_no_repr_shows_a_secret(host):
    for key in (PassphraseKey("hunter2"), host.keys, EphemeralKey(), KeyringKey()):
        assert "hunter2" not in f"{key!r}{key!s}"
    with Store.open("memory", EphemeralKey()) as store:
        assert "'" in repr(store)
        shown = repr(store._profile)
        assert "key=" not in shown and "b'" not in shown


def test_a_host_key_is_made_once_and_kept_under_one_name(path, host):
    Store.open(path, host.keys).close()
    kept = dict(host.secrets)
    assert len(kept) == 1 and all(len(secret) == 32 for secret in kept.values())
    Store.open(path, host.keys).close()
    moved = path.rename(path.with_name("moved.db"))
    Store.open(moved, host.keys).close()
    assert host.secrets == kept
    Store.open(path, host.keys).close()
    assert len(host.secrets) == 2


def test_a_host_without_the_key(path, host):
    Store.open(path, host.keys).close()
    host.secrets.clear()
    with pytest.raises(WrongKey, match="holds no key"):
        Store.open(path, host.keys)
    with pytest.raises(WrongKey):
        Store.open(path, PassphraseKey("x"))
    assert host.secrets == {}


def test_a_host_that_fails_says_so_without_its_secret(path, host):
    host.failing = {"put"}
    with pytest.raises(StoreError, match="failed at put: OSError"):
        Store.open(path, host.keys)
    host.failing = set()
    Store.open(path, host.keys).close()  # the attempt before left nothing that stands in the way
    host.failing = {"get"}
    with pytest.raises(StoreError, match="failed at get") as caught:
        Store.open(path, host.keys)
    assert "secret" not in str(caught.value)


def test_a_host_that_keeps_nothing_is_found_out(path):
    with pytest.raises(StoreError, match="does not give back"):
        Store.open(path, HostKey(lambda name: None, lambda name, secret: None, lambda name: None))


@pytest.mark.parametrize("secret", [b"short", b"x" * 33, "x" * 32, 7])
def test_a_host_that_gives_something_else(path, secret):
    with pytest.raises(WrongKey, match="32 bytes"):
        Store.open(path, HostKey(lambda name: secret, lambda name, secret: None, lambda name: None))


def test_what_is_not_even_a_key_is_destroyed(host):
    host.secrets["keyart-" + (b"i" * 16).hex()] = b"cut off"
    host.keys.destroy(b"i" * 16)
    host.keys.destroy(b"i" * 16)
    assert host.secrets == {}


def test_a_key_store_that_deletes_nothing_is_found_out(shared_keys):
    with pytest.raises(StoreError, match="still holds"):
        shared_keys.destroy(b"i" * 16)


def test_the_operating_systems_keyring(path, monkeypatch):
    kept: dict[tuple[str, str], str] = {}
    module = types.ModuleType("keyring")
    module.get_password = lambda service, name: kept.get((service, name))
    module.set_password = lambda service, name, text: kept.__setitem__((service, name), text)
    module.delete_password = lambda service, name: kept.pop((service, name))
    monkeypatch.setitem(sys.modules, "keyring", module)
    with Store.open(path, KeyringKey("an app")) as store:
        store.put(Table.VIEW, b"1", b"one")
    assert [service for service, _ in kept] == ["an app"]
    with Store.open(path, KeyringKey("an app")) as store:
        assert store.get(Table.VIEW, b"1") == b"one"
        store.forget()
    assert kept == {}
    module.get_password = lambda service, name: "not hexadecimal"
    with pytest.raises(StoreError):
        Store.open(path, KeyringKey("an app"))


def test_the_keyring_is_an_extra(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(StoreError, match=r"keyart\[keyring\]"):
        Store.open(path, KeyringKey())


def test_every_provider_keeps_the_protocol(host):
    providers: list[KeyProvider] = [PassphraseKey("x"), host.keys, KeyringKey(), EphemeralKey()]
    assert [provider.in_memory for provider in providers] == [False, False, False, True]


def test_the_keys_import_nothing_heavy():
    text = (
        "import sys, keyart; keyart.PassphraseKey('x'); keyart.EphemeralKey()\n"
        "print([m for m in ('numpy', 'cryptography', 'keyring', 'sqlite3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
