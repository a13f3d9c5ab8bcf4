"""Sentences for what happens between a phone and the server."""

from typing import Any

from flask_babel import lazy_gettext as _l

ERRORS: dict[str, Any] = {}
ACTS: dict[str, Any] = {}
SUBJECTS: dict[str, Any] = {"field_record": _l("Record of a phone")}
