"""The roll of a day. It is only ever added to: what holds is each member's newest row, as of now or of a moment."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, select

from crm.kernel.db import db
from crm.kernel.installation import zone_name
from crm.outreach.models import Attendance
from crm.outreach.rules import is_late


@dataclass(frozen=True)
class Call:
    """What the roll says of a member on a day, and when the server received that."""

    day: date
    team_id: int
    member_id: int
    state: str
    reason: str
    received_at: datetime

    @property
    def late(self) -> bool:
        """Whether it was called or corrected after the day's cut-off: reports of that evening do not know it."""
        return is_late(self.received_at, self.day, zone_name())


def calls(
    campaign_ids: Collection[int],
    first: date,
    last: date,
    *,
    team_id: int | None = None,
    as_of: datetime | None = None,
) -> list[Call]:
    """What holds of each member in each campaign and day `first` to `last`, received by `as_of` (None: by now).

    By day, team and member. Who was called in one team and later that day in another stands in the latter only.
    """
    rows = db.session.execute(_newest(campaign_ids, first, last, as_of))
    return [Call(*row) for row in rows if team_id in (None, row.team_id)]


def _newest(campaign_ids: Collection[int], first: date, last: date, as_of: datetime | None) -> Select[Any]:
    place = func.row_number().over(
        partition_by=(Attendance.campaign_id, Attendance.day, Attendance.member_id),
        order_by=(Attendance.received_at.desc(), Attendance.id.desc()),
    )
    known = select(
        Attendance.day, Attendance.team_id, Attendance.member_id, Attendance.state, Attendance.reason,
        Attendance.received_at, place.label("place"),
    ).where(Attendance.campaign_id.in_(campaign_ids), Attendance.day.between(first, last))  # fmt: skip
    if as_of is not None:
        known = known.where(Attendance.received_at <= as_of)
    ranked = known.subquery()
    return (
        select(*(column for column in ranked.c if column.name != "place"))
        .where(ranked.c.place == 1)
        .order_by(ranked.c.day, ranked.c.team_id, ranked.c.member_id)
    )
