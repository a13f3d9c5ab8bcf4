"""Column encryption and keyed indexes. A bare hash of a mobile is no secret: all of them can be counted through in hours."""

import hashlib
import hmac
import json
import os
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_LENGTH = 32
"""Bytes of each key."""


class KeyFileError(Exception):
    """The key file is missing, unreadable, or readable by others."""


class Tampered(Exception):
    """A stored value does not belong to the row it stands in, or was changed."""


@dataclass(frozen=True)
class Keys:
    """The installation's three secrets: cookie signing, data encryption, blind indexes."""

    cookie: bytes
    data: bytes
    index: bytes

    @cached_property
    def _cipher(self) -> AESGCM:
        return AESGCM(self.data)

    def seal(self, text: str, *, place: str) -> bytes:
        """AES-256-GCM of `text`; `place` (table.column:row) is authenticated, so rows cannot be swapped."""
        return self.seal_bytes(text.encode(), place=place)

    def seal_bytes(self, content: bytes, *, place: str) -> bytes:
        """The same for bytes."""
        nonce = os.urandom(12)
        return _VERSION + nonce + self._cipher.encrypt(nonce, content, place.encode())

    def open(self, sealed: bytes, *, place: str) -> str:
        """The text that was sealed at `place`; raises Tampered."""
        return self.open_bytes(sealed, place=place).decode()

    def open_bytes(self, sealed: bytes, *, place: str) -> bytes:
        """The same for bytes."""
        try:
            return self._cipher.decrypt(sealed[1:13], sealed[13:], place.encode())
        except InvalidTag:
            raise Tampered(place) from None

    def blind(self, purpose: str, value: str) -> bytes:
        """A 16-byte keyed index of `value`: equal inputs meet, nobody without the key can go back."""
        return hmac.new(self.index, f"{purpose}\x00{value}".encode(), hashlib.sha256).digest()[:16]


def new_keys() -> Keys:
    """Fresh random keys."""
    return Keys(*(secrets.token_bytes(_LENGTH) for _ in range(3)))


def save_keys(keys: Keys, path: Path) -> None:
    """Writes the key file, readable by its owner alone; never overwrites one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = json.dumps({"cookie": _text(keys.cookie), "data": _text(keys.data), "index": _text(keys.index)})
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(body)
    except OSError:
        path.unlink()  # half a file of keys would stand in the way of a whole one
        raise


def load_keys(path: Path) -> Keys:
    """Reads the key file; raises KeyFileError when it is absent, broken, or open to others."""
    try:
        if path.stat().st_mode & 0o077:
            raise KeyFileError(f"{path} is readable by others: chmod 600 it")
        body = json.loads(path.read_text())
        keys = Keys(*(b64decode(body[name]) for name in ("cookie", "data", "index")))
    except FileNotFoundError:
        raise KeyFileError(f"{path} does not exist: run `crm init`") from None
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise KeyFileError(f"{path} is not a key file: put the copy of it back") from None
    if any(len(key) != _LENGTH for key in (keys.cookie, keys.data, keys.index)):
        raise KeyFileError(f"{path} holds keys of a wrong length: put the copy of it back")
    return keys


def _text(secret: bytes) -> str:
    return b64encode(secret).decode()
