"""Files of an import below the data folder: the upload, the list of problems, the progress. Names are random or ids, never a person's."""

import hashlib
import json
import os
import secrets
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from flask import current_app

from crm.kernel.errors import Invalid

KEPT = timedelta(days=7)
"""How long an upload waits for its confirmation."""
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Stored:
    """An upload on disk."""

    name: str
    sha256: str
    size: int


def folder(kind: str) -> Path:
    """The folder "uploads" or "progress" of the installation, readable by its owner alone."""
    path: Path = current_app.extensions["crm.settings"].home / kind
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def store(source: IO[bytes]) -> Stored:
    """Copies a file in; raises Invalid("sheet.too_large", limit in bytes) or Invalid("sheet.empty") and keeps nothing then."""
    limit = int(current_app.extensions["crm.settings"].max_upload)
    name, digest, size = secrets.token_hex(16), hashlib.sha256(), 0
    path = upload_path(name)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        while block := source.read(_BLOCK):
            size += len(block)
            if size > limit:
                break
            digest.update(block)
            target.write(block)
    if size == 0 or size > limit:
        remove(name)
        raise Invalid("sheet.too_large", limit=limit) if size else Invalid("sheet.empty")
    return Stored(name, digest.hexdigest(), size)


def upload_path(name: str) -> Path:
    """Where the upload of that stored name lies."""
    return folder("uploads") / f"{name}.upload"


def remove(name: str) -> None:
    """Deletes an upload and its list of problems; a missing one is fine."""
    for path in (upload_path(name), _problems_path(name)):
        path.unlink(missing_ok=True)


def remove_upload(name: str) -> None:
    """Deletes the upload alone: once it is applied nobody needs the customers' data twice."""
    upload_path(name).unlink(missing_ok=True)


def is_there(name: str) -> bool:
    """Whether the upload of that stored name is still on disk."""
    return upload_path(name).exists()


def remove_old(before: datetime, *, keep: Collection[str]) -> int:
    """Deletes what was written before that moment, but for the files of the stored names in `keep`; how many."""
    count = 0
    for path in folder("uploads").iterdir():
        abandoned = path.suffix == ".tmp" or path.name.partition(".")[0] not in keep
        if abandoned and path.stat().st_mtime < before.timestamp():
            path.unlink(missing_ok=True)
            count += 1
    return count


def keep_problems(name: str, problems: Iterable[dict[str, Any]]) -> None:
    """Writes the whole list of problems, one JSON object a line, in place of an older one."""
    _replace(_problems_path(name), "".join(json.dumps(one, ensure_ascii=False, default=str) + "\n" for one in problems))


def problems(name: str) -> Iterator[dict[str, Any]]:
    """The list of problems, in the order of the rows; empty when there is none."""
    try:
        with _problems_path(name).open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)
    except FileNotFoundError:
        return


def _problems_path(name: str) -> Path:
    return folder("uploads") / f"{name}.problems"


@dataclass(frozen=True)
class Progress:
    """How far an import is. `rows` is the total when it is known, else 0."""

    done: int = 0
    rows: int = 0
    new: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0


def keep_progress(batch_id: int, progress: Progress) -> None:
    """Says how far the import is; the one transaction hides it from the database until the end."""
    _replace(folder("progress") / f"{batch_id}.json", json.dumps(asdict(progress)))


def progress_of(batch_id: int) -> Progress:
    """How far the import is; zeros when nothing is known."""
    try:
        return Progress(**json.loads((folder("progress") / f"{batch_id}.json").read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return Progress()


def forget_progress(batch_id: int) -> None:
    """Deletes the note of the progress."""
    (folder("progress") / f"{batch_id}.json").unlink(missing_ok=True)


def _replace(path: Path, text: str) -> None:
    """Puts the text in place at once: a reader sees the old or the new, never a half."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)
