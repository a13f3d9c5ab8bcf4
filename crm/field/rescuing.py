"""A file that a phone gave out when it could not send: its records are taken in at a desk, each as its author's. Nothing here commits."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crm.field import photos, rules, sealing
from crm.field.commands import Result, Sent, take_in
from crm.field.policy import FieldPermission
from crm.kernel import audit
from crm.kernel.actor import Actor, Role
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.errors import DomainError, Invalid
from crm.kernel.installation import zone_name
from crm.people.models import User
from crm.people.queries import actor_of

FORMAT = "rescue-1"
MOST = 2000
"""Records of one file."""


@dataclass(frozen=True)
class RescueFile:
    """What the file holds: sealed records as the phone kept them, and sealed photos by their address."""

    device: str
    records: tuple[Sent, ...]
    photos: Mapping[str, bytes]


@dataclass(frozen=True)
class Brought:
    """What became of a file: a result for each record with its author's name, and how many photos are whole now."""

    results: tuple[tuple[str, Result], ...]
    photos: int

    @property
    def counts(self) -> Counter[str]:
        """How many records ended in each status."""
        return Counter(result.status for _, result in self.results)


def read_file(content: bytes) -> RescueFile:
    """The file's content. Raises Invalid("rescue.file") for any other file, Invalid("rescue.many") for too many records."""
    try:
        told = json.loads(content)
        known = told["waituo"] == FORMAT and rules.is_uid(told["device"])
        records = tuple(_sent(one) for one in told["records"])
        carried = {str(one["sha256"]): sealing.unpacked(one["bytes"]) for one in told.get("photos") or ()}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Invalid("rescue.file") from None
    if not known:
        raise Invalid("rescue.file")
    if len(records) > MOST:
        raise Invalid("rescue.many", most=MOST)
    return RescueFile(told["device"], records, {name: one for name, one in carried.items() if rules.is_hash(name)})


def bring_in(actor: Actor, file: RescueFile, *, grants: Mapping[Role, frozenset[str]], at: datetime) -> Brought:
    """Takes the records in, each as its author's, also of somebody whose account is closed by now.

    Who looks after held records brings in anybody's; others their own, and somebody else's answers "foreign".
    """
    results: list[tuple[str, Result]] = []
    whole = 0
    for user_id in dict.fromkeys(one.user_id for one in file.records):
        mine = [one for one in file.records if one.user_id == user_id]
        author = _author(actor, user_id, grants, at)
        if author is None:
            results += [("", Result(one.uid, one.content_hash, "foreign", code="field.foreign")) for one in mine]
            continue
        for start in range(0, len(mine), rules.MOST_RECORDS):
            batch = mine[start : start + rules.MOST_RECORDS]
            taken = take_in(
                author, batch, device=file.device, skew=timedelta(0), at=at, sent_by=actor.user_id
            )  # fmt: skip
            results += [(author.name, one) for one in taken]
        whole += _photos(author, file, [one for _, one in results], at)
    brought = Brought(tuple(results), whole)
    audit.record(actor, "field.rescue", "field_record", None, records=len(results), **brought.counts)
    return brought


def _author(actor: Actor, user_id: int, grants: Mapping[Role, frozenset[str]], at: datetime) -> Actor | None:
    if user_id == actor.user_id:
        return actor
    user = db.session.get(User, user_id) if actor.may(FieldPermission.HELD) else None
    return None if user is None else actor_of(user, on=business_day(at, zone_name()), grants=grants)


def _photos(author: Actor, file: RescueFile, results: Sequence[Result], at: datetime) -> int:
    """Photos that the records still miss and the file carries. One that is refused holds up nothing else."""
    whole = 0
    for content_hash in dict.fromkeys(name for one in results for name in one.missing):
        content = file.photos.get(content_hash)
        if content is None:
            continue
        try:
            whole += _photo(author, content_hash, content, at) == "whole"
        except DomainError:
            continue
    return whole


def _photo(author: Actor, content_hash: str, content: bytes, at: datetime) -> str:
    known = photos.find(author, content_hash)
    begin, state = photos.standing(known) if known else 0, "parts"
    for start in range(begin, len(content), photos.MOST_PART):
        part = content[start : start + photos.MOST_PART]
        state = photos.take_part(author, content_hash, part, offset=start, total=len(content), at=at).state
    return state


def _sent(one: Any) -> Sent:
    user = one["user"]
    if not isinstance(user, int) or isinstance(user, bool) or not 0 < user < 2**31:
        raise ValueError(user)
    return Sent(str(one["uuid"]), str(one["sha256"]), user, dict(one["envelope"]))
