"""What belongs to the installation and not to a request: its keys and the zone in which a business day turns."""

from pathlib import Path
from typing import Any

from flask import current_app

from crm.kernel.crypto import Keys


def keys() -> Keys:
    """The secrets of the running installation."""
    found: Keys = _settings().keys
    return found


def home() -> Path:
    """The data folder."""
    found: Path = _settings().home
    return found


def zone_name() -> str:
    """The bank's time zone."""
    found: str = _settings().zone
    return found


def _settings() -> Any:
    return current_app.extensions["crm.settings"]
