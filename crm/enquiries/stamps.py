"""The stamp of a public form: signed, it says for which code and when the form was opened. It stands for a cookie's token.

WeChat's browser may refuse cookies, and the form acts in nobody's name: there is no session that a stranger's page could ride on.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer

from crm.enquiries.rules import FORM_LIFE


@dataclass(frozen=True)
class Stamp:
    """A form as it was opened."""

    text: str
    opened_at: datetime


def new_stamp(code_id: int, at: datetime) -> str:
    """The stamp of a form that is opened now; no two are alike."""
    text = _signer().dumps([code_id, round(at.timestamp() * 1000), secrets.token_urlsafe(9)])
    return text if isinstance(text, str) else text.decode()


def read_stamp(text: str, code_id: int, at: datetime) -> Stamp | None:
    """None for one that is forged, of another code, or older than FORM_LIFE."""
    try:
        of, opened, _nonce = _signer().loads(text)
        opened_at = datetime.fromtimestamp(opened / 1000, UTC)
    except (BadSignature, TypeError, ValueError, OverflowError):
        return None
    if of != code_id or not opened_at <= at <= opened_at + FORM_LIFE:
        return None
    return Stamp(text, opened_at)


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or b"", salt="enquiries.form")
