"""Questions about what a phone brought along with a visit: where it was noted, and photos. Scoped like the visit itself."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import aliased

from crm.field.models import FieldPhoto, VisitPosition
from crm.field.policy import check_opens
from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import NotFound
from crm.kernel.installation import zone_name
from crm.outreach.models import Visit
from crm.outreach.queries import get_visit, kept_log, visits_on
from crm.outreach.rules import closed_at, is_late_entry
from crm.people.models import User

MOST_PHOTOS = 60
"""Photos that one page lists."""


@dataclass(frozen=True)
class Place:
    """Where a visit was noted, coarse: three decimals are about 100 m. `weak`: the phone was not sure of it."""

    latitude: float
    longitude: float
    accuracy_m: int
    weak: bool
    taken_at: datetime

    @property
    def words(self) -> str:
        """Such as 31.234°N 121.476°E."""
        north, east = ("N" if self.latitude >= 0 else "S"), ("E" if self.longitude >= 0 else "W")
        return f"{abs(self.latitude):.3f}°{north} {abs(self.longitude):.3f}°{east}"


@dataclass(frozen=True)
class PhotoLink:
    """A photo that has arrived whole: whose visit it belongs to and when that was."""

    id: int
    visit_id: int
    member: str
    at: datetime
    width: int | None
    height: int | None


@dataclass(frozen=True)
class VisitFacts:
    """One visit with what was brought along; `coming` counts the photos that are still on their way."""

    visit: Visit
    member: str
    companion: str | None
    recorded_by: str | None
    late_entry: bool
    place: Place | None
    photos: tuple[PhotoLink, ...]
    coming: int


def visit_facts(actor: Actor, visit_id: int) -> VisitFacts:
    """One visit; raises NotFound for one that is not the actor's to open, as for none."""
    visit = get_visit(actor, visit_id)
    check_opens(actor, visit)
    names = dict(
        db.session.execute(
            select(User.id, User.name).where(
                User.id.in_({visit.member_id, visit.companion_id, visit.recorded_id} - {None})
            )
        ).all()
    )
    position = db.session.get(VisitPosition, visit_id)
    rows = db.session.execute(
        select(FieldPhoto.id, FieldPhoto.state, FieldPhoto.width, FieldPhoto.height)
        .where(FieldPhoto.visit_id == visit_id, FieldPhoto.state != "refused")
        .order_by(FieldPhoto.id)
        .limit(MOST_PHOTOS)
    ).all()
    member = names.get(visit.member_id, "")
    closed = closed_at(visit.day, kept_log(visit.campaign_id, visit.team_id or 0, visit.day).locked_at, zone_name())
    return VisitFacts(
        visit=visit,
        member=member,
        companion=names.get(visit.companion_id or 0),
        recorded_by=names.get(visit.recorded_id or 0),
        late_entry=is_late_entry(visit.received_at, closed),
        place=_place(position),
        photos=tuple(
            PhotoLink(row.id, visit_id, member, visit.occurred_at, row.width, row.height)
            for row in rows
            if row.state == "whole"
        ),
        coming=sum(row.state != "whole" for row in rows),
    )


def photo_of(actor: Actor, photo_id: int) -> FieldPhoto:
    """A photo that has arrived whole, of a visit that the actor may open. Raises NotFound else, and for none."""
    photo = db.session.get(FieldPhoto, photo_id)
    if photo is None or photo.visit_id is None or photo.state != "whole":
        raise NotFound("photo.not_found")
    try:
        check_opens(actor, get_visit(actor, photo.visit_id))
    except NotFound:
        raise NotFound("photo.not_found") from None
    return photo


def photos_of_day(campaign_id: int, team_id: int, day: date) -> tuple[PhotoLink, ...]:
    """The photos of a team's day, the newest visit first; the caller has checked that the team is the actor's to see."""
    member = aliased(User)
    query = (
        select(FieldPhoto.id, Visit.id, member.name, Visit.occurred_at, FieldPhoto.width, FieldPhoto.height)
        .join(Visit, Visit.id == FieldPhoto.visit_id)
        .join(member, member.id == Visit.member_id)
        .where(visits_on(campaign_id, team_id, day), FieldPhoto.state == "whole")
        .order_by(Visit.occurred_at.desc(), FieldPhoto.id.desc())
        .limit(MOST_PHOTOS)
    )
    return tuple(PhotoLink(*row) for row in db.session.execute(query))


def _place(row: VisitPosition | None) -> Place | None:
    return None if row is None else Place(row.latitude, row.longitude, row.accuracy_m, row.weak, row.taken_at)
