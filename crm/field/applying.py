"""What each kind of record does: one function a kind, around the commands of the rooms that own the matter. Nothing here commits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Date, Integer, bindparam, or_, select

from crm.field import rules
from crm.field.models import FieldPhoto, FieldRecord, VisitPosition
from crm.field.rules import Body
from crm.field.shapes import Shape
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db, writer
from crm.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from crm.kernel.installation import zone_name
from crm.leads import editing
from crm.leads.commands import ConsentGiven, LeadCard, capture_lead, record_stage
from crm.leads.ledger import Clocks
from crm.leads.models import Lead
from crm.leads.policy import LeadPermission, visible_to
from crm.leads.rules import (
    CHANNELS,
    FIELD_STAGES,
    FINANCIAL_FACTS,
    Approach,
    ConsentHow,
    Intent,
    Need,
    Segment,
    Stage,
    Trade,
)
from crm.outreach.commands import record_visit, void_visit
from crm.outreach.log_commands import tally
from crm.outreach.models import Visit
from crm.outreach.rules import Declared, Outcome
from crm.people.models import Membership

PHONE_TALLIES = (Declared.LEAFLETS, Declared.DOORS, Declared.WECHAT_ADDS)
MOST_STEP = 1000
"""Of one tap on a tally; taps are ones, a correction may be more."""
DETAILS = {"years": 20, "premises": 20, "turnover": 20, "lender": 60, "purpose": 100, "term": 40, "call_time": 60}
"""Further facts of a card, and how long each may be."""

_DAY = bindparam("day", type_=Date)
_TEAM = (
    select(Membership.team_id)
    .where(
        Membership.user_id == bindparam("user", type_=Integer),
        Membership.valid_from <= _DAY,
        or_(Membership.valid_to.is_(None), Membership.valid_to >= _DAY),
    )
    .order_by(Membership.valid_from.desc())
    .limit(1)
)
"""Prepared: each record asks it."""


@dataclass(frozen=True)
class Applied:
    """What a record has done: the lead it is about, and a sentence's code with its facts where there is something to say."""

    lead_id: int | None = None
    contested: bool = False
    code: str = ""
    facts: Mapping[str, Any] | None = None


def apply(actor: Actor, body: Body, clocks: Clocks) -> Applied:
    """Does what the record says, as the person who made it. Raises what the commands raise."""
    return _KINDS[body.kind](_as_then(actor, clocks), body, clocks)


def team_on(user_id: int, day: date) -> int | None:
    """The team that a person belonged to on that day: a record counts for it, wherever its author is by now."""
    team_id: int | None = writer().scalar(_TEAM, {"user": user_id, "day": day})
    return team_id


def _as_then(actor: Actor, clocks: Clocks) -> Actor:
    """The actor with the team of that day as well: a member who was moved since sends what was recorded for the old team."""
    team_id = team_on(actor.user_id or 0, _day(clocks))
    return actor if team_id is None else replace(actor, team_ids=actor.team_ids | {team_id})


def _day(clocks: Clocks) -> date:
    return business_day(clocks.occurred_at, zone_name())


def _visit(actor: Actor, body: Body, clocks: Clocks) -> Applied:
    shape = Shape(body.data)
    outcome = shape.code("outcome", list(Outcome), needed=True)
    trade, approach = shape.text("trade", most=64), shape.text("approach", most=64)
    companion, session, note = shape.id("companion"), shape.id("session"), shape.text("note", most=500)
    lead_uid, place = shape.text("lead", most=36), shape.part("position")
    shape.check()
    lead_id = _lead_id(actor, lead_uid) if lead_uid else None
    visit = record_visit(
        actor,
        uid=body.uid,
        campaign_id=body.campaign_id,
        member_id=actor.user_id or 0,
        outcome=outcome,
        clocks=clocks,
        companion_id=companion,
        lead_id=lead_id,
        session_id=session,
        trade=trade,
        approach=approach,
        note=note,
        late=True,
    )
    if isinstance(body.data.get("position"), dict):
        _keep_position(visit.id, place, clocks)
    _name_photos(actor, visit.id, body, clocks)
    return Applied(lead_id)


def _keep_position(visit_id: int, place: Shape, clocks: Clocks) -> None:
    """Coarse, and no reason to refuse a visit: what is no position is left out."""
    latitude, longitude, accuracy = (_degrees(place, name) for name in ("lat", "lon", "accuracy"))
    if latitude is None or longitude is None or not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return
    metres = min(max(int(accuracy), 0), 10_000_000) if accuracy is not None else 10_000_000
    db.session.add(
        VisitPosition(
            visit_id=visit_id,
            latitude=round(latitude, 3),
            longitude=round(longitude, 3),
            accuracy_m=metres,
            weak=rules.is_weak(metres),
            taken_at=clocks.occurred_at,
        )
    )


def _degrees(place: Shape, name: str) -> float | None:
    value = place.raw(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return float(value) if abs(value) < 1e9 else None


def _name_photos(actor: Actor, visit_id: int, body: Body, clocks: Clocks) -> None:
    """The photos may have come before their record, or come after it."""
    for content_hash in dict.fromkeys(body.attachments):
        photo = db.session.scalar(select(FieldPhoto).where(FieldPhoto.content_hash == content_hash))
        if photo is None:
            db.session.add(
                FieldPhoto(
                    content_hash=content_hash,
                    user_id=actor.user_id or 0,
                    visit_id=visit_id,
                    state="parts",
                    total=0,
                    created_at=clocks.received_at,
                )
            )
        elif photo.user_id == actor.user_id and photo.visit_id is None:
            photo.visit_id = visit_id


def _lead(actor: Actor, body: Body, clocks: Clocks) -> Applied:
    if not actor.may(LeadPermission.RECORD):
        raise Forbidden("field.no_record")
    shape = Shape(body.data)
    card, consent = _card(shape), _consent(shape.part("consent"))
    stage = shape.code("stage", [one.value for one in FIELD_STAGES])
    session, follow_up_on = shape.id("session"), shape.day("follow_up_on")
    case_number = shape.text("case_number", most=64)
    shape.check()
    if not consent.financial and any(card.details.get(name) for name in FINANCIAL_FACTS):
        raise Invalid("lead.financial_consent")
    planned = follow_up_on if follow_up_on and follow_up_on >= business_day(clocks.received_at, zone_name()) else None
    captured = capture_lead(
        actor,
        campaign_id=body.campaign_id,
        team_id=team_on(actor.user_id or 0, _day(clocks)),
        owner_id=actor.user_id,
        card=card,
        consent=consent,
        clocks=clocks,
        stage=Stage(stage) if stage else None,
        session_id=session,
        follow_up_on=planned,
        case_number=case_number or None,
        uid=body.uid,
        source="phone",
        late=True,
    )
    if captured.clash_id is None:
        return Applied(captured.lead_id)
    day = captured.claimed_on.isoformat() if captured.claimed_on else ""
    return Applied(None, contested=True, code="field.contested", facts={"day": day})


def _card(shape: Shape) -> LeadCard:
    details = shape.part("details")
    return LeadCard(
        name=shape.text("name", most=80, needed=True),
        phone=shape.text("phone", most=32, needed=True),
        trade=shape.code("trade", list(Trade), needed=True),
        shop=shape.text("shop", most=120),
        address=shape.text("address", most=200),
        segment=shape.code("segment", list(Segment)),
        approach=shape.code("approach", list(Approach)),
        intent=shape.code("intent", list(Intent)),
        need=shape.code("need", list(Need)),
        amount_wan=shape.amount("amount_wan"),
        licence_number=shape.text("licence_number", most=18),
        note=shape.text("note", most=1000),
        details={name: value for name, most in DETAILS.items() if (value := details.text(name, most=most))},
    )


def _consent(shape: Shape) -> ConsentGiven:
    how = [one.value for one in ConsentHow if one is not ConsentHow.IMPORTED]
    return ConsentGiven(
        enquiry=shape.flag("enquiry"),
        marketing=shape.codes("marketing", CHANNELS),
        financial=shape.flag("financial"),
        how=ConsentHow(shape.code("how", how) or ConsentHow.SPOKEN_SMS),
        notice_number=shape.id("notice"),
    )


def _tally(actor: Actor, body: Body, clocks: Clocks) -> Applied:
    shape = Shape(body.data)
    metric = shape.code("metric", list(PHONE_TALLIES), needed=True)
    delta = shape.whole("delta", -MOST_STEP, MOST_STEP)
    shape.check()
    day = _day(clocks)
    team_id = team_on(actor.user_id or 0, day)
    if team_id is None:
        raise Invalid("outreach.no_team")
    tally(
        actor,
        uid=body.uid,
        campaign_id=body.campaign_id,
        team_id=team_id,
        member_id=actor.user_id or 0,
        day=day,
        metric=metric,
        delta=delta,
        at=clocks.received_at,
        late=True,
    )
    return Applied()


def _stage(actor: Actor, body: Body, clocks: Clocks) -> Applied:
    shape = Shape(body.data)
    lead_uid = shape.text("lead", most=36, needed=True)
    stage = shape.code("stage", list(Stage), needed=True)
    case_number = shape.text("case_number", most=64)
    shape.check()
    lead_id = _lead_id(actor, lead_uid)
    try:
        record_stage(actor, lead_id, Stage(stage), clocks=clocks, case_number=case_number or None)
    except Conflict as error:
        if error.code != "stage.reached":
            raise
        # A colleague, or this person at a desk, said so before: nothing is lost and nothing counts twice.
        return Applied(lead_id, code="field.stage_known")
    return Applied(lead_id)


def _note(actor: Actor, body: Body, clocks: Clocks) -> Applied:
    shape = Shape(body.data)
    lead_uid, text = shape.text("lead", most=36, needed=True), shape.text("text", most=editing.NOTE_LIMIT)
    on, intent = shape.day("follow_up_on"), shape.code("intent", list(Intent))
    shape.check()
    lead_id, at = _lead_id(actor, lead_uid), clocks.received_at
    if intent:
        editing.set_intent(actor, lead_id, intent, at=at)
    if on is not None and on < business_day(at, zone_name()):
        # The plan waited on the phone until its day was over: the words stay, and the contact is due now.
        on = business_day(at, zone_name())
    if on is not None:
        editing.set_follow_up(actor, lead_id, on, at=at, note=text)
    elif text:
        editing.add_note(actor, lead_id, text, at=at)
    elif not intent:
        raise Invalid("lead.empty_note")
    return Applied(lead_id)


def _undo(actor: Actor, body: Body, clocks: Clocks) -> Applied:
    shape = Shape(body.data)
    target, reason = shape.text("target", most=36, needed=True), shape.text("reason", most=300)
    shape.check()
    visit = db.session.scalar(select(Visit).where(Visit.uid == _newest_uid(target), Visit.member_id == actor.user_id))
    if visit is None:
        raise NotFound("visit.not_found")
    try:
        void_visit(actor, visit.id, reason=reason or "phone", at=clocks.received_at)
    except Conflict as error:
        if error.code != "visit.voided":
            raise
    return Applied()


def _lead_id(actor: Actor, uid: str) -> int:
    """The lead that a phone calls by its uid, also where the record that made it was replaced by an edited one."""
    lead_id = db.session.scalar(select(Lead.id).where(Lead.uid == _newest_uid(uid), visible_to(actor)))
    if lead_id is None:
        raise NotFound("field.lead_waits")
    return lead_id


def _newest_uid(uid: str) -> str:
    """Follows the edited versions of a record, each a new one that supersedes the last."""
    for _ in range(20):
        later = db.session.scalar(
            select(FieldRecord.uid).where(
                FieldRecord.supersedes == uid, FieldRecord.state.in_(("accepted", "contested"))
            )
        )
        if later is None:
            return uid
        uid = later
    return uid


_KINDS: Mapping[str, Callable[[Actor, Body, Clocks], Applied]] = {
    "lead": _lead,
    "note": _note,
    "stage": _stage,
    "tally": _tally,
    "undo": _undo,
    "visit": _visit,
}
