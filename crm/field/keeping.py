"""How long is kept what phones bring along: places, photos, and the sealed words of records. What is over its time goes at night."""

from datetime import date, datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Delete, Select, Update, and_, delete, func, or_, select, update

from crm.campaigns.models import Campaign
from crm.field.models import FieldPhoto, FieldRecord, VisitPosition
from crm.field.photos import remove_files
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.installation import zone_name
from crm.outreach.models import Visit

POSITIONS_KEPT = timedelta(days=30)
"""Where a visit was noted, counted from when that was taken."""

PHOTOS_KEPT = timedelta(days=90)
"""A photo, counted from the last day of its campaign; that of a walk-in visit, whose campaign never ends, from the visit's day,
and one that no visit names from when it began to arrive."""

BODIES_KEPT = timedelta(days=90)
"""What a phone sent, word for word, counted from when it was taken in or settled. The receipt itself stays."""

AT_A_TIME = 500
"""Photos that one night takes off the disk at the most: no unit of work stays open for long. The next night goes on."""


def drop_positions(*, at: datetime) -> int:
    """Deletes the places that are over their time. Answers how many."""
    return _gone(delete(VisitPosition).where(VisitPosition.taken_at < at - POSITIONS_KEPT))


def drop_photos(*, at: datetime) -> int:
    """Deletes the photos that are over their time, with their files. Answers how many.

    The file goes first: should the rest fail, the row still stands and the next night finds it again; the other way round
    a customer's picture would stay on the disk with nothing that tells of it.
    """
    old = db.session.scalars(_old_photos(business_day(at, zone_name()), at).limit(AT_A_TIME)).all()
    for photo in old:
        remove_files(photo.content_hash)
        db.session.delete(photo)
    return len(old)


def empty_bodies(*, at: datetime) -> int:
    """Empties the sealed words of records that were taken in, or settled by a person, long enough ago. Answers how many.

    What still waits for a decision keeps them: without them nobody could decide.
    """
    before = at - BODIES_KEPT
    taken = and_(FieldRecord.state.in_(("accepted", "contested")), FieldRecord.received_at < before)
    settled = and_(FieldRecord.settled_at.is_not(None), FieldRecord.settled_at < before)
    wanted = and_(or_(taken, settled), func.length(FieldRecord.body_sealed) > 0)
    return _gone(update(FieldRecord).where(wanted).values(body_sealed=b""))


def _gone(statement: Delete | Update) -> int:
    return cast("CursorResult[Any]", db.session.execute(statement)).rowcount


def _old_photos(today: date, at: datetime) -> Select[FieldPhoto]:
    last_day = today - PHOTOS_KEPT
    over: ColumnElement[bool] = or_(
        and_(Campaign.walk_in.is_(False), Campaign.ends_on < last_day),
        and_(Campaign.walk_in, Visit.day < last_day),
        and_(FieldPhoto.visit_id.is_(None), FieldPhoto.created_at < at - PHOTOS_KEPT),
    )
    return (
        select(FieldPhoto)
        .outerjoin(Visit, Visit.id == FieldPhoto.visit_id)
        .outerjoin(Campaign, Campaign.id == Visit.campaign_id)
        .where(over)
        .order_by(FieldPhoto.id)
    )
