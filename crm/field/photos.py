"""Photos of shop fronts: they come in parts, sealed, and are addressed by the hash of what is sent.

Whole, a photo is opened, decoded and encoded anew: what is stored is a picture of ours without position or other words of the
camera (EXIF), and nothing else that somebody may have hidden in the file. It lies on disk sealed with the installation's key.
"""

import hashlib
import os
import warnings
from datetime import datetime
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps
from sqlalchemy import func, select

from crm.field import sealing
from crm.field.models import FieldPhoto
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day, day_bounds
from crm.kernel.crypto import Tampered
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Invalid, NotFound, TooMany
from crm.kernel.installation import home, keys, zone_name

MOST_BYTES = 6 * 1024 * 1024
MOST_PART = 256 * 1024
MOST_A_DAY = 200
MOST_PIXELS = 25_000_000
LONGEST_SIDE = 1600
FORMATS = ("JPEG", "PNG", "WEBP")


def find(actor: Actor, content_hash: str) -> FieldPhoto | None:
    """The actor's own photo of that address; somebody else's is as good as missing."""
    query = select(FieldPhoto).where(FieldPhoto.content_hash == content_hash, FieldPhoto.user_id == actor.user_id)
    return db.session.scalar(query)


def take_part(actor: Actor, content_hash: str, content: bytes, *, offset: int, total: int, at: datetime) -> FieldPhoto:
    """Appends the next part. The last one completes the photo, or refuses it when it is none.

    Raises Conflict("photo.offset", received=...) for a part that does not continue what is here, Invalid for sizes out of
    bounds, TooMany after MOST_A_DAY photos of one person and day.
    """
    if not 0 < total <= MOST_BYTES or not 0 < len(content) <= MOST_PART or offset < 0 or offset + len(content) > total:
        raise Invalid("photo.size", most=MOST_BYTES // 1024 // 1024)
    photo = _for_change(actor, content_hash, at)
    if photo.state != "parts":
        return photo
    if photo.total not in (0, total):
        raise Conflict("photo.offset", received=standing(photo))
    path, here = _parts(content_hash), standing(photo)
    if offset != here:
        raise Conflict("photo.offset", received=here)
    _append(path, offset, content)
    photo.total, photo.received = total, offset + len(content)
    if photo.received == total:
        _complete(photo, path, at)
    db.session.flush()
    return photo


def standing(photo: FieldPhoto) -> int:
    """How many bytes of a photo are here for sure: on record, and on the disk."""
    return photo.received if photo.state != "parts" else min(photo.received, _size(_parts(photo.content_hash)))


def open_photo(photo: FieldPhoto) -> bytes:
    """The JPEG of a whole photo; raises NotFound when its file is gone."""
    try:
        sealed = _whole(photo.content_hash).read_bytes()
        return keys().open_bytes(sealed, place=f"photo:{photo.content_hash}")
    except (OSError, Tampered):
        raise NotFound("photo.not_found") from None


def remove_files(content_hash: str) -> None:
    """Deletes what lies on disk of a photo, whole or in parts."""
    _whole(content_hash).unlink(missing_ok=True)
    _parts(content_hash).unlink(missing_ok=True)


def _for_change(actor: Actor, content_hash: str, at: datetime) -> FieldPhoto:
    query = select(FieldPhoto).where(FieldPhoto.content_hash == content_hash).with_for_update()
    photo = db.session.scalar(query.execution_options(populate_existing=True))
    if photo is None:
        _check_limit(actor, at)
        photo = FieldPhoto(
            content_hash=content_hash, user_id=actor.user_id or 0, state="parts", total=0, received=0, created_at=at
        )
        db.session.add(photo)
        db.session.flush()
    if photo.user_id != actor.user_id:
        raise NotFound("photo.not_found")
    return photo


def _check_limit(actor: Actor, at: datetime) -> None:
    begun, ended = day_bounds(business_day(at, zone_name()), zone_name())
    today = select(func.count(FieldPhoto.id)).where(
        FieldPhoto.user_id == actor.user_id, FieldPhoto.created_at >= begun, FieldPhoto.created_at < ended
    )
    if (db.session.scalar(today) or 0) >= MOST_A_DAY:
        raise TooMany("photo.limit", most=MOST_A_DAY)


def _complete(photo: FieldPhoto, path: Path, at: datetime) -> None:
    sealed = path.read_bytes()
    try:
        if hashlib.sha256(sealed).hexdigest() != photo.content_hash:
            raise Invalid("photo.hash")
        opened = sealing.open_file(sealing.recipient(keys()), sealed, about=sealing.about_photo(photo.user_id))
        picture, photo.width, photo.height = _encoded_anew(opened)
    except Invalid:
        photo.state = "refused"
    else:
        _write(_whole(photo.content_hash), keys().seal_bytes(picture, place=f"photo:{photo.content_hash}"))
        photo.state = "whole"
    photo.completed_at = at
    path.unlink(missing_ok=True)


def _encoded_anew(content: bytes) -> tuple[bytes, int, int]:
    """A JPEG of our own making, upright, and its size. Raises Invalid for what is no picture, or one too large to open."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(content), formats=FORMATS) as found:
                if found.width * found.height > MOST_PIXELS:
                    raise Invalid("photo.pixels")
                upright = ImageOps.exif_transpose(found).convert("RGB")
    except Invalid:
        raise
    except Exception:  # a decoder may fail in any way over a broken file
        raise Invalid("photo.kind") from None
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    target = BytesIO()
    # Pixels alone: a picture made from them carries none of the first one's facts.
    Image.frombytes("RGB", upright.size, upright.tobytes()).save(target, "JPEG", quality=80, optimize=True)
    return target.getvalue(), upright.width, upright.height


def _append(path: Path, offset: int, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        file.truncate(offset)
        file.seek(offset)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _write(path: Path, content: bytes) -> None:
    """At once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_suffix(".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _parts(content_hash: str) -> Path:
    return home() / "photos" / "parts" / content_hash


def _whole(content_hash: str) -> Path:
    return home() / "photos" / content_hash[:2] / f"{content_hash}.jpg.sealed"
