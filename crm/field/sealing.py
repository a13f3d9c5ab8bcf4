"""Sealing a record for the server: what waits on a phone can be read by the server alone, also by nobody who finds the phone.

The construction is ECIES as of SEC 1 §5.1 with P-256, HKDF-SHA256 (RFC 5869) and AES-256-GCM: all of it is in every
browser's WebCrypto. The server's key pair follows from the installation's data key, so that a backup of the keys suffices.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crm.kernel.crypto import Keys
from crm.kernel.errors import Invalid

CURVE = ec.SECP256R1()
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256's base point (SEC 2 §2.4.2)."""
POINT, NONCE = 65, 12
"""Bytes of an uncompressed point, and of the nonce."""


@dataclass(frozen=True)
class Recipient:
    """The server's key pair for what phones seal. `public` is the uncompressed point."""

    id: str
    public: bytes
    private: ec.EllipticCurvePrivateKey


@lru_cache(maxsize=8)
def recipient(keys: Keys) -> Recipient:
    """The pair that follows from the installation's keys."""
    # Sixteen bytes more than the order has: the remainder is as good as even (FIPS 186-5 A.2.1).
    seed = HKDF(SHA256(), 48, salt=None, info=b"waituo phone seal 1").derive(keys.data)
    private = ec.derive_private_key(int.from_bytes(seed) % (ORDER - 1) + 1, CURVE)
    public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return Recipient(hashlib.sha256(public).hexdigest()[:8], public, private)


def open_envelope(to: Recipient, envelope: Mapping[str, Any], *, about: str) -> str:
    """The text of an envelope {"v","key","epk","iv","ct"} that was sealed about `about`.

    Raises Invalid("field.other_key") for another installation's key, Invalid("field.envelope") for what cannot be opened.
    """
    try:
        key, point, nonce, sealed = (
            str(envelope["key"]),
            *(unpacked(envelope[name]) for name in ("epk", "iv", "ct")),
        )
    except (KeyError, TypeError, ValueError):
        raise Invalid("field.envelope") from None
    if envelope.get("v") != 1 or key != to.id:
        raise Invalid("field.other_key")
    try:
        return _opened(to, point, nonce, sealed, about).decode()
    except UnicodeDecodeError:
        raise Invalid("field.envelope") from None


def open_file(to: Recipient, content: bytes, *, about: str) -> bytes:
    """The bytes of a sealed file: point, nonce and ciphertext one after the other."""
    if len(content) <= POINT + NONCE:
        raise Invalid("field.envelope")
    return _opened(to, content[:POINT], content[POINT : POINT + NONCE], content[POINT + NONCE :], about)


def about_record(uid: str, user_id: int) -> str:
    """What an envelope of a record or draft is bound to: it opens for nothing and nobody else."""
    return f"waituo|{uid}|{user_id}"


def about_photo(user_id: int) -> str:
    """The same for a photo."""
    return f"waituo|photo|{user_id}"


def packed(content: bytes) -> str:
    """Base64 for addresses, without padding."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def unpacked(text: Any) -> bytes:
    """The other way round; raises ValueError or TypeError."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _opened(to: Recipient, point: bytes, nonce: bytes, sealed: bytes, about: str) -> bytes:
    try:
        sender = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point)
        if len(nonce) != NONCE or len(point) != POINT:
            raise Invalid("field.envelope")
        shared = to.private.exchange(ec.ECDH(), sender)
        key = HKDF(SHA256(), 32, salt=point, info=f"waituo-seal-1|{to.id}".encode()).derive(shared)
        return AESGCM(key).decrypt(nonce, sealed, about.encode())
    except (InvalidTag, ValueError):
        raise Invalid("field.envelope") from None
