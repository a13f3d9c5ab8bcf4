"""Small facts that one process leaves for another in the data folder: when the jobs' process was last alive, the last backup."""

import json
import os
import secrets
from pathlib import Path
from typing import Any


def write_note(path: Path, facts: dict[str, Any]) -> None:
    """Puts the facts in place at once: a reader sees the old note or the new one, never a half."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(facts, file, ensure_ascii=False)
    beside.replace(path)


def read_note(path: Path) -> dict[str, Any] | None:
    """The facts, or None when there is no such note or it cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
