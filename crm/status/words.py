"""Sentences of this room."""

from typing import Any

from flask_babel import lazy_gettext as _l

ERRORS: dict[str, Any] = {"status.forbidden": _l("The state of the installation is for administrators.")}


def size(amount: int) -> str:
    """Bytes as GB with one decimal."""
    return f"{amount / 1e9:,.1f} GB"


GLOBALS: dict[str, Any] = {"status_size": size}
