"""Passwords: argon2id, and what is refused as too weak."""

import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from crm.kernel.errors import Invalid
from crm.kernel.values import fold

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_COMMON = frozenset(
    "password password1 12345678 123456789 1234567890 qwertyuiop 11111111 88888888 66666666 00000000 a1234567 abcd1234 "
    "1qaz2wsx qwer1234 woaini1314 woaini520 5201314520 admin123 admin1234 administrator iloveyou 87654321".split()
)
LEAST = 10


def hash_password(password: str) -> str:
    """An argon2id hash with its parameters inside (19 MiB, two passes: OWASP's password storage sheet)."""
    return _hasher.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Whether it fits; with no stored hash the same time passes and the answer is no."""
    try:
        return _hasher.verify(stored or _dummy(), password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with older parameters."""
    return _hasher.check_needs_rehash(stored)


def check_strength(password: str, *, login: str) -> None:
    """Raises Invalid("password.short" | "password.common")."""
    if len(password) < LEAST:
        raise Invalid("password.short", least=LEAST)
    if fold(password) in _COMMON or fold(login) in fold(password) or len(set(password)) < 4:
        raise Invalid("password.common")


def new_token() -> tuple[str, str]:
    """A one-time token and the hash under which it is kept."""
    token = secrets.token_urlsafe(24)
    return token, token_hash(token)


def token_hash(token: str) -> str:
    """SHA-256; the token has 192 random bits, so a slow hash adds nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


_dummy_hash = ""


def _dummy() -> str:
    global _dummy_hash  # noqa: PLW0603 - made once, on the first unknown login
    _dummy_hash = _dummy_hash or hash_password(secrets.token_hex(8))
    return _dummy_hash
