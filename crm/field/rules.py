"""What a phone's record says, which versions of it are read, and which of the phone's clocks is believed. Pure."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from crm.kernel.errors import Invalid

FORM_VERSIONS: Mapping[str, int] = {"lead": 1, "note": 1, "stage": 1, "tally": 1, "undo": 1, "visit": 1}
"""The newest version of each kind of record. A phone that was away for long may still send the two before it."""
VERSIONS_BACK = 2
UPGRADES: dict[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""(kind, version) -> what makes the data of the next version of it."""

MOST_RECORDS = 50
"""Of one batch."""
MOST_SEQUENCE = 2**31 - 1
MOST_ATTACHMENTS = 5
CLOCK_NOISE = timedelta(seconds=5)
"""A difference below it is the network's, not the clock's."""
CLOCK_FLAG = timedelta(seconds=120)
LONGEST_WAIT = timedelta(days=60)
"""A record does not wait longer on a phone; what seems older was dated by a wrong clock."""
LEEWAY = timedelta(minutes=5)
WEAK_METRES = 200
"""A position less exact than that is marked weak (domain: it is never refused)."""

_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_HASH = re.compile(r"[0-9a-f]{64}")


class UnknownForm(Exception):
    """A kind or version of record that this program does not read (any more, or yet)."""


@dataclass(frozen=True)
class Body:
    """What a record says of itself. `offset` is the server's clock minus the phone's, where the phone had measured it."""

    uid: str
    kind: str
    form: int
    user_id: int
    campaign_id: int
    device: str
    seq: int
    occurred_at: datetime
    recorded_at: datetime
    zone: str
    offset: timedelta | None
    data: Mapping[str, Any]
    attachments: tuple[str, ...]
    supersedes: str | None


@dataclass(frozen=True)
class Believed:
    """The moments of a record on the server's clock, and what made us doubt the phone's."""

    occurred_at: datetime
    recorded_at: datetime
    flags: tuple[str, ...]


def is_uid(text: Any) -> bool:
    """Whether it is a random UUID as phones make them, in small letters."""
    return isinstance(text, str) and _UID.fullmatch(text) is not None


def is_hash(text: Any) -> bool:
    """Whether it is a SHA-256 in small hexadecimal digits."""
    return isinstance(text, str) and _HASH.fullmatch(text) is not None


def read_body(text: str) -> Body:
    """The record in a body's JSON. Raises Invalid("field.body") for what is none."""
    try:
        told = json.loads(text)
        body = Body(
            uid=told["uuid"],
            kind=told["kind"],
            form=told["form"],
            user_id=told["user"],
            campaign_id=_id(told["campaign"]),
            device=told["device"],
            seq=_number(told["seq"], 1, MOST_SEQUENCE),
            occurred_at=_moment(told["occurred_at"]),
            recorded_at=_moment(told["recorded_at"]),
            zone=str(told.get("tz") or "")[:64],
            offset=_span(told.get("offset")),
            data=told["data"],
            attachments=tuple(told.get("attachments") or ()),
            supersedes=told.get("supersedes") or None,
        )
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        raise Invalid("field.body") from None
    known = is_uid(body.uid) and is_uid(body.device) and isinstance(body.data, dict) and isinstance(body.kind, str)
    links = all(is_hash(one) for one in body.attachments) and (body.supersedes is None or is_uid(body.supersedes))
    if not (known and links) or len(body.attachments) > MOST_ATTACHMENTS or isinstance(body.form, bool):
        raise Invalid("field.body")
    return body


def readable(body: Body) -> Body:
    """The record in the newest version of its kind. Raises UnknownForm for versions newer, or older than VERSIONS_BACK."""
    newest = FORM_VERSIONS.get(body.kind)
    if newest is None or not isinstance(body.form, int) or not max(1, newest - VERSIONS_BACK) <= body.form <= newest:
        raise UnknownForm
    data = dict(body.data)
    for version in range(body.form, newest):
        data = UPGRADES[body.kind, version](data)
    return replace(body, form=newest, data=data)


def believed(body: Body, *, skew: timedelta, received_at: datetime) -> Believed:
    """Corrects the phone's claim by what is known of its clock.

    `skew` is the server's clock minus the phone's when the record was sent; `body.offset` the same when it was made, which
    counts first. A moment that cannot be (after the record arrived, or longer ago than records wait) is not believed; when
    no reading of the clock gives a possible one, the record happened when it was received. Nothing is refused for a clock.
    """
    flags = []
    if max(abs(skew), abs(body.offset or timedelta(0))) > CLOCK_FLAG:
        flags.append("clock")
    for correction in (body.offset, skew, timedelta(0)):
        if correction is None:
            continue
        correction = correction if abs(correction) > CLOCK_NOISE else timedelta(0)
        occurred = _shifted(body.occurred_at, correction)
        if occurred is not None and received_at - LONGEST_WAIT <= occurred <= received_at + LEEWAY:
            recorded = _shifted(body.recorded_at, correction) or received_at
            return Believed(min(occurred, received_at), min(recorded, received_at), tuple(flags))
    return Believed(received_at, received_at, (*flags, "clock_unknown"))


def is_weak(accuracy_m: int) -> bool:
    """Whether a position is too inexact to say on which street it was."""
    return accuracy_m > WEAK_METRES


def receipt(number: int, day: str) -> str:
    """A receipt as people read it to each other: 20261127-000123."""
    return f"{day.replace('-', '')}-{number:06d}"


def _shifted(moment: datetime, by: timedelta) -> datetime | None:
    try:
        return moment + by
    except OverflowError:
        return None


def _number(value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(value)
    return value


def _id(value: Any) -> int:
    return _number(value, 1, 2**31 - 1)


def _moment(text: Any) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found.astimezone(UTC)


def _span(milliseconds: Any) -> timedelta | None:
    if milliseconds is None:
        return None
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        raise TypeError(milliseconds)
    return timedelta(milliseconds=milliseconds)
