"""Sources of a store's root key. Nothing here keeps a key in a file, and no repr shows one.

A store has a random public id of 16 bytes, kept in its file. A provider turns that id into the root key: it is the
salt of a passphrase, and the name under which a key store keeps a random key. Forgetting gives the file a new id, so
a root key is never used again.

scrypt: RFC 7914, with the parameters N = 2¹⁵, r = 8, p = 3: 32 MiB of memory for each guess, three times over, as
OWASP's password storage cheat sheet asks for. Older files have p = 1, and get p = 3 when they are next opened.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, runtime_checkable

from ..errors import SettingError, StoreError, WrongKey

ROOT_KEY_BYTES = 32
SCRYPT_N = 2**15
SCRYPT_R = 8
SCRYPT_P = 3
FORMER_SCRYPT_P = 1
COUNTER_BYTES = 32
COUNTER_MAGIC = b"keyart counter 1"
MIN_PASSPHRASE_LENGTH = 8  # characters of a new passphrase, as NIST SP 800-63B has it

_T = TypeVar("_T")


class KeyProvider(Protocol):
    """A source of root keys. Its methods raise WrongKey, or StoreError if a key store itself fails."""

    @property
    def in_memory(self) -> bool:
        """Return True if the store lives in memory and makes no file."""

    def root_key(self, store_id: bytes, create: bool) -> bytes:
        """Return the 32-byte root key of the store. `create` is True if nothing has been sealed with it yet."""

    def destroy(self, store_id: bytes) -> None:
        """Make the root key of the store unobtainable, as far as this provider can. It may be called twice."""


@runtime_checkable
class CounterKeeper(Protocol):
    """A source of root keys that also keeps counters by name, outside the file.

    A counter has `COUNTER_BYTES` and begins with `COUNTER_MAGIC`. Methods raise StoreError if the key store fails.
    """

    def read_counter(self, name: str) -> bytes | None:
        """Return the counter, or None if there is none, or one that was cut off."""

    def write_counter(self, name: str, value: bytes) -> None:
        """Keep a counter, in the place of an earlier one."""

    def delete_counter(self, name: str) -> None:
        """Delete a counter, if there is one."""


@dataclass(frozen=True, slots=True)
class PassphraseKey:
    """A root key from a text that a person types. The same text opens an old copy of the file, too."""

    text: str = field(repr=False)
    in_memory: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text:
            raise SettingError("PassphraseKey needs a passphrase: a text that is not empty.")

    def root_key(self, store_id: bytes, create: bool) -> bytes:
        """Return the root key of a store; `create` makes one if there is none."""
        return self._derived(store_id, SCRYPT_P)

    def former_root_key(self, store_id: bytes) -> bytes:
        """Return the root key that a file of an earlier keyart has."""
        return self._derived(store_id, FORMER_SCRYPT_P)

    def require_long(self) -> None:
        """Raise SettingError if the passphrase is too short for a new profile. A profile that has it still opens."""
        if len(self._normal()) < MIN_PASSPHRASE_LENGTH:
            raise SettingError(
                f"The passphrase of a new profile needs at least {MIN_PASSPHRASE_LENGTH} characters, so that nobody "
                "guesses it who has a copy of the file; take several words. Profiles with a shorter one still open."
            )

    def _normal(self) -> str:
        import unicodedata

        # Keyboards differ in how they compose "é"; NFKC makes them the same passphrase.
        return unicodedata.normalize("NFKC", self.text)

    def _derived(self, store_id: bytes, p: int) -> bytes:
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        text = self._normal().encode("utf-8", "surrogatepass")
        return Scrypt(salt=store_id, length=ROOT_KEY_BYTES, n=SCRYPT_N, r=SCRYPT_R, p=p).derive(text)

    def destroy(self, store_id: bytes) -> None:
        """Do nothing: the root key exists nowhere but in the passphrase and the salt."""


@dataclass(frozen=True, slots=True, eq=False)
class HostKey:
    """A root key in the host's own key store (Android Keystore, Keychain, a TV's secure element).

    The key store holds one name per store file: `keyart-` and the store's id in hexadecimal. For a profile that has
    taken part in a campaign it also holds a counter of 32 bytes, by which an older copy of the file is noticed.

    Attributes:
        get: Returns the secret of a name, or None.
        put: Keeps a secret of 32 bytes under a name, in the place of an earlier one.
        delete: Removes a name for good.
    """

    get: Callable[[str], bytes | None] = field(repr=False)
    put: Callable[[str, bytes], None] = field(repr=False)
    delete: Callable[[str], None] = field(repr=False)
    in_memory: bool = field(default=False, init=False, repr=False)

    def root_key(self, store_id: bytes, create: bool) -> bytes:
        """Return the root key of a store; `create` makes one if there is none."""
        name = _name(store_id)
        secret = self._read(name)
        if secret is None and create:
            secret = os.urandom(ROOT_KEY_BYTES)
            self._call("put", lambda: self.put(name, secret))
            # A key store that silently keeps nothing would lock the person out at the next start.
            if self._read(name) != secret:
                raise StoreError(f"The host's key store does not give back what put({name!r}, …) was given.")
        if secret is None:
            raise WrongKey(
                f"The host's key store holds no key {name!r}, so this profile cannot be opened. Open it with "
                "the keys that it was made with, or delete its file to begin anew."
            )
        return secret

    def destroy(self, store_id: bytes) -> None:
        """Destroy the root key of a store."""
        name = _name(store_id)
        if self._held(name) is not None:  # whatever it is: a process may have died while it was put there
            self._call("delete", lambda: self.delete(name))
            if self._held(name) is not None:
                raise StoreError(f"The host's key store still holds {name!r} after delete; remove it there.")

    def read_counter(self, name: str) -> bytes | None:
        """Return a counter, or None if there is none."""
        value = self._held(name)
        if not isinstance(value, (bytes, bytearray, memoryview)) or len(value) != COUNTER_BYTES:
            return None
        # A host may give the same key for every name: it keeps no counter, and serves as it did.
        return bytes(value) if bytes(value).startswith(COUNTER_MAGIC) else None

    def write_counter(self, name: str, value: bytes) -> None:
        """Store a counter."""
        self._call("put", lambda: self.put(name, value))

    def delete_counter(self, name: str) -> None:
        """Delete a counter, if it is there."""
        if self.read_counter(name) is not None:
            self._call("delete", lambda: self.delete(name))

    def _held(self, name: str) -> object:
        return self._call("get", lambda: self.get(name))

    def _read(self, name: str) -> bytes | None:
        secret = self._held(name)
        if secret is None:
            return None
        if not isinstance(secret, (bytes, bytearray, memoryview)) or len(secret) != ROOT_KEY_BYTES:
            raise WrongKey(f"The host's key store gave something else than {ROOT_KEY_BYTES} bytes for {name!r}.")
        return bytes(secret)

    def _call(self, verb: str, call: Callable[[], _T]) -> _T:
        try:
            return call()
        except Exception as error:
            # The host's message is left out: a key store may quote the secret.
            raise StoreError(
                f"The host's key store failed at {verb}: {type(error).__name__}. Unlock it, then try again."
            ) from error


@dataclass(frozen=True, slots=True)
class KeyringKey:
    """A root key in the OS keyring. It needs the extra `keyart[keyring]` and a keyring that is unlocked."""

    service: str = "keyart"
    in_memory: bool = field(default=False, init=False, repr=False)

    def root_key(self, store_id: bytes, create: bool) -> bytes:
        """Return the root key of a store; `create` makes one if there is none."""
        return self._host().root_key(store_id, create)

    def destroy(self, store_id: bytes) -> None:
        """Destroy the root key of a store."""
        self._host().destroy(store_id)

    def read_counter(self, name: str) -> bytes | None:
        """Return a counter, or None if there is none."""
        return self._host().read_counter(name)

    def write_counter(self, name: str, value: bytes) -> None:
        """Store a counter."""
        self._host().write_counter(name, value)

    def delete_counter(self, name: str) -> None:
        """Delete a counter, if it is there."""
        self._host().delete_counter(name)

    def _host(self) -> HostKey:
        # `keyring` costs a second of import, so it is loaded when a key is needed and not before.
        try:
            import keyring
        except ImportError:
            raise StoreError(
                "KeyringKey needs the package keyring: install keyart[keyring], or use PassphraseKey."
            ) from None
        service = self.service

        def get(name: str) -> bytes | None:
            text = keyring.get_password(service, name)
            return None if text is None else bytes.fromhex(text)

        return HostKey(
            get,
            lambda name, secret: keyring.set_password(service, name, secret.hex()),
            lambda name: keyring.delete_password(service, name),
        )


@dataclass(frozen=True, slots=True, eq=False)
class EphemeralKey:
    """A root key that is kept nowhere: the store lives in memory, makes no file and ends when it is closed."""

    in_memory: bool = field(default=True, init=False, repr=False)
    _secret: bytes = field(default_factory=lambda: os.urandom(ROOT_KEY_BYTES), init=False, repr=False)

    def root_key(self, store_id: bytes, create: bool) -> bytes:
        """Return the root key of a store; `create` makes one if there is none."""
        import hashlib

        return hashlib.sha256(self._secret + store_id).digest()

    def destroy(self, store_id: bytes) -> None:
        """Do nothing: the root key ends with this object."""


def _name(store_id: bytes) -> str:
    return f"keyart-{store_id.hex()}"
