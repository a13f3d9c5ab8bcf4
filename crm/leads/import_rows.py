"""What one row of a leads sheet means: places and people by name, days, consent, stages. It reads the base once, when opened."""

import hashlib
import json
import re
import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import select

from crm.campaigns import commands as campaigns
from crm.campaigns.models import Campaign, CampaignSession, CampaignTeam
from crm.campaigns.policy import CampaignPermission, visible_to
from crm.campaigns.rules import OPEN, CampaignModel, Status, first_day
from crm.districts.models import District
from crm.districts.rules import split_path
from crm.kernel.actor import Actor
from crm.kernel.clock import at_local, business_day
from crm.kernel.db import db
from crm.kernel.installation import zone_name
from crm.kernel.rows import Change
from crm.kernel.values import fold, holds_identity, is_mobile
from crm.leads.bulk import BulkLead, Reached
from crm.leads.commands import ConsentGiven
from crm.leads.duplicates import licence_text
from crm.leads.rules import FOLLOW_UP_DAYS, ConsentHow, Intent, Stage
from crm.people.models import Membership, Team, User
from crm.people.policy import team_scope

Row = Mapping[str, Any]
LONGEST = {
    "name": 80, "shop": 120, "address": 200, "trade": 64, "approach": 64, "licence_number": 18, "external_id": 100, "note": 2000,
    "case_number": 64, "source_basis": 120, "purpose": 100, "good_time": 60, "campaign_month": 40,
}  # fmt: skip
DETAILS = {"years_in_business": "years", "premises": "premises", "purpose": "purpose", "good_time": "call_time"}
MOST_AMOUNT = Decimal(10_000_000)
UNKNOWN = "sheet"
"""Key under which a row carries the cells that no field takes, by heading."""
LONGEST_UNKNOWN = 200
DAY_OF = {Stage.CONSULT: "consult_on", Stage.APPLICATION: "application_on", Stage.ACCEPTED: "accepted_on"}
LONG_NUMBER = re.compile(r"\d{8,}[\dXx]{2,}")


class Refused(Exception):
    """A row that cannot be taken over, with the field and the reason."""

    def __init__(self, column: str, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.column, self.code, self.facts = column, code, facts


@dataclass(slots=True)
class Place:
    """A campaign that rows of the sheet belong to; `id` is None while only a preview knows it."""

    id: int | None
    code: str
    status: str
    walk_in: bool
    first_day: date
    monthly: bool = False
    teams: dict[int, int | None] = field(default_factory=dict)


@dataclass(slots=True)
class Draft:
    """A row as a lead, before it is known whether there is such a lead already.

    `said` are the stages that the row names; a new lead's consult of today, which no cell names, is none for a known one.
    """

    place: Place
    lead: BulkLead
    said: tuple[Reached, ...] = ()


@dataclass
class Reading:
    """The base's names, and how a row is read with them. `writes`: campaigns that a row needs are made."""

    actor: Actor
    today: date
    at: datetime
    writes: bool
    scope: frozenset[int] | None = None
    places: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    months: dict[tuple[str, int, int], Place] = field(default_factory=dict)
    walk_in: Place | None = None
    teams: dict[str, int] = field(default_factory=dict)
    officers: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    members: dict[int, list[tuple[date, date | None, int]]] = field(default_factory=lambda: defaultdict(list))
    districts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    lies_in: dict[int, tuple[str, int | None]] = field(default_factory=dict)
    sessions: dict[tuple[int, str], int] = field(default_factory=dict)
    noons: dict[date, datetime] = field(default_factory=dict)
    days: dict[datetime, date] = field(default_factory=dict)
    made: list[Change] = field(default_factory=list)

    def noon(self, day: date) -> datetime:
        """A moment of that business day that does not lie in the future: a sheet knows days only."""
        known = self.noons.get(day)
        if known is None:
            known = self.noons[day] = min(at_local(day, 12, zone_name=zone_name()), self.at)
        return known

    def day_of(self, moment: datetime) -> date:
        """The business day of such a moment, of which a sheet has few: each is worked out once."""
        known = self.days.get(moment)
        if known is None:
            known = self.days[moment] = business_day(moment, zone_name())
        return known


def open_reading(actor: Actor, *, today: date, at: datetime, writes: bool) -> Reading:
    """Reads campaigns, teams, people, districts and sessions that the actor may name."""
    reading = Reading(actor, today, at, writes, team_scope(actor))
    _read_campaigns(reading)
    _read_people(reading)
    places = select(District.id, District.name, District.code, District.parent_id).where(District.active)
    for district_id, name, code, parent_id in db.session.execute(places):
        reading.lies_in[district_id] = (name, parent_id)
        for word in {name, code or name}:
            reading.districts[word].append(district_id)
    return reading


def _read_people(reading: Reading) -> None:
    for team_id, name in db.session.execute(select(Team.id, Team.name).where(Team.active)):
        reading.teams[fold(name)] = team_id
    for user_id, login, name in db.session.execute(select(User.id, User.login, User.name).where(User.active)):
        for word in {fold(login), fold(name)}:
            reading.officers[word].append(user_id)
    memberships = select(Membership.user_id, Membership.valid_from, Membership.valid_to, Membership.team_id)
    for user_id, start, end, team_id in db.session.execute(memberships):
        reading.members[user_id].append((start, end, team_id))


def _read_campaigns(reading: Reading) -> None:
    by_id: dict[int, Place] = {}
    query = select(
        Campaign.id, Campaign.code, Campaign.name, Campaign.status, Campaign.walk_in, Campaign.starts_on
    ).where(visible_to(reading.actor))
    for row in db.session.execute(query):
        place = by_id[row.id] = Place(
            row.id, row.code, row.status, row.walk_in, first_day(row.starts_on, walk_in=row.walk_in)
        )
        for name in {fold(row.code), fold(row.name)}:
            reading.places[name].append(place)
        reading.walk_in = place if row.walk_in else reading.walk_in
    for campaign_id, team_id, district_id in db.session.execute(
        select(CampaignTeam.campaign_id, CampaignTeam.team_id, CampaignTeam.district_id)
    ):
        if campaign_id in by_id:
            by_id[campaign_id].teams[team_id] = district_id
    for session in db.session.execute(select(CampaignSession.id, CampaignSession.campaign_id, CampaignSession.name)):
        reading.sessions[session.campaign_id, fold(session.name)] = session.id


def draft(reading: Reading, row: Row) -> Draft:
    """The row as a lead; raises Refused with what is wrong."""
    for key, most in LONGEST.items():
        if key in row and len(row[key]) > most:
            raise Refused(key, "value.long", most=most)
        if key in row and holds_identity(row[key]):
            raise Refused(key, "lead.identity")
    consult_on, stages, lacks_number = _stages(reading, row)
    owner_id = _officer(reading, row)
    team_id = _team(reading, row, owner_id, consult_on)
    district_id, amount = _district(reading, row), _amount(row)
    phone, intent, consent = row.get("phone", ""), row.get("intent", ""), _consent(row)
    historical = not phone or consent is None or lacks_number
    # Last of all that may be refused: it makes the campaign of a month.
    place = _place(reading, row, consult_on)
    _check_place(reading, place, team_id, historical)
    for reached in stages:
        if reading.day_of(reached.occurred_at) < place.first_day:
            raise Refused(DAY_OF[reached.stage], "stage.too_early", day=place.first_day.isoformat())
    lead = BulkLead(
        uid=str(uuid.uuid4()),
        campaign_id=place.id or 0,
        stages=stages,
        name=row.get("name", ""),
        phone=phone,
        shop=row.get("shop", ""),
        address=row.get("address", ""),
        licence_number=licence_text(row.get("licence_number", "")),
        trade=row.get("trade", ""),
        segment=row.get("segment", ""),
        approach=row.get("approach", ""),
        intent=intent,
        need=row.get("need", ""),
        amount_wan=amount,
        note=row.get("note", ""),
        details=_details(row),
        team_id=team_id,
        owner_id=owner_id,
        district_id=district_id or (place.teams.get(team_id) if team_id else None),
        session_id=_session(reading, row, place),
        follow_up_on=None if historical else row.get("follow_up_on") or _due(intent, consult_on),
        consent=consent,
        consented_at=reading.noon(row["consent_on"]) if consent and "consent_on" in row else None,
        historical=historical,
        source_key=f"id:{row['external_id']}" if row.get("external_id") else None,
    )
    return Draft(place, lead, stages if len(stages) > 1 or "consult_on" in row else ())


def _stages(reading: Reading, row: Row) -> tuple[date, tuple[Reached, ...], bool]:
    """First consult, the stages, and whether an accepted case lacks its number. As on the pages, their days are in no fixed order."""
    application_on, accepted_on = row.get("application_on"), row.get("accepted_on")
    applied = row.get("applied", application_on is not None)
    accepted = row.get("accepted", accepted_on is not None)
    consult_on = row.get("consult_on") or application_on or accepted_on or reading.today
    number = row.get("case_number") or None
    stages = [Reached(Stage.CONSULT, reading.noon(consult_on))]
    last = consult_on
    for wanted, day, stage in ((applied, application_on, Stage.APPLICATION), (accepted, accepted_on, Stage.ACCEPTED)):
        if wanted:
            last = day or last
            stages.append(Reached(stage, reading.noon(last), number if stage is Stage.ACCEPTED else None))
    for column, day in ((column, row.get(column)) for column in DAY_OF.values()):
        if day is not None and day > reading.today:
            raise Refused(column, "stage.future")
    return consult_on, tuple(stages), bool(accepted and not number)


def _officer(reading: Reading, row: Row) -> int | None:
    text = row.get("officer")
    if not text:
        return None
    found = reading.officers.get(fold(text), [])
    if len(found) != 1:
        raise Refused("officer", "import.officer_ambiguous" if found else "import.no_officer")
    return found[0]


def _team(reading: Reading, row: Row, owner_id: int | None, on: date) -> int | None:
    text, scope = row.get("team"), reading.scope
    if text:
        team_id = reading.teams.get(fold(text))
        if team_id is None:
            raise Refused("team", "import.no_team")
    else:
        team_id = _team_on(reading, owner_id, on)
        if team_id is None and scope is not None and len(scope) == 1:
            (team_id,) = scope
    if scope is not None and team_id not in scope:
        raise Refused("team", "lead.other_team")
    if scope is not None and owner_id is not None and team_id not in {one for *_, one in reading.members[owner_id]}:
        raise Refused("officer", "lead.not_in_team")
    return team_id


def _team_on(reading: Reading, owner_id: int | None, on: date) -> int | None:
    """The officer's team of that day; of a day before any membership there is none."""
    if owner_id is None:
        return None
    for start, end, team_id in reading.members.get(owner_id, ()):
        if start <= on and (end is None or on <= end):
            return team_id
    return None


def _place(reading: Reading, row: Row, consult_on: date) -> Place:
    if row.get("campaign_month"):
        return _month(reading, row, consult_on)
    text = row.get("campaign")
    if not text:
        if reading.walk_in is None:
            raise Refused("campaign", "lead.no_campaign")
        return reading.walk_in
    found = reading.places.get(fold(text), [])
    if len(found) != 1:
        raise Refused("campaign", "import.campaign_ambiguous" if found else "lead.no_campaign")
    return found[0]


def _check_place(reading: Reading, place: Place, team_id: int | None, historical: bool) -> None:
    """What is over may still be completed by historical rows; whatever can be contacted belongs to an open campaign."""
    closed_allowed = place.monthly or historical
    if place.status not in OPEN and not (place.status == Status.CLOSED and closed_allowed):
        raise Refused("campaign", "lead.campaign_closed")
    if team_id is None or place.walk_in or team_id in place.teams:
        return
    if not place.monthly:
        raise Refused("team", "lead.team_not_in_campaign")
    place.teams[team_id] = None
    if reading.writes:
        db.session.add(CampaignTeam(campaign_id=place.id, team_id=team_id))


def month_code(prefix: str, day: date) -> str:
    """The code of a month's campaign; a prefix that no code can hold is stood for by its hash."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", prefix).strip("-._")
    if plain != prefix:
        plain = f"M{hashlib.sha256(prefix.encode()).hexdigest()[:6]}"
    return f"{plain[:30]}-{day:%Y-%m}"


def _month(reading: Reading, row: Row, consult_on: date) -> Place:
    """The campaign of the row's month, made closed when there is none: what is over takes no new leads, but counts."""
    if not reading.actor.may(CampaignPermission.EDIT):
        raise Refused("campaign_month", "import.month_right")
    prefix = row["campaign_month"]
    key = (prefix, consult_on.year, consult_on.month)
    known = reading.months.get(key)
    if known is not None:
        return known
    code = month_code(prefix, consult_on)
    place = next((one for one in reading.places.get(fold(code), ()) if one.code == code), None)
    if place is None:
        place = Place(None, code, Status.CLOSED, walk_in=False, first_day=consult_on.replace(day=1))
        if reading.writes:
            place.id = _make_month(reading, row, code, consult_on)
    elif place.status == Status.ARCHIVED:
        place.status = Status.CLOSED
        if reading.writes:
            _reopen(reading, place)
    place.monthly = True
    reading.months[key] = place
    return place


def _make_month(reading: Reading, row: Row, code: str, day: date) -> int:
    first = day.replace(day=1)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    campaign = campaigns.create_campaign(
        reading.actor,
        name=f"{row['campaign_month']} {first:%Y-%m}",
        model=row.get("campaign_model", CampaignModel.WECHAT),
        starts_on=first,
        ends_on=date.fromordinal(following.toordinal() - 1),
        at=reading.at,
        code=code,
    )
    campaign.status = Status.CLOSED  # a plan that was never ours to approve: it is over
    reading.made.append(Change("campaign", campaign.id, None))
    return campaign.id


def _reopen(reading: Reading, place: Place) -> None:
    campaign = db.session.get_one(Campaign, place.id)
    campaign.status = Status.CLOSED
    reading.made.append(Change("campaign", campaign.id, {"status": Status.ARCHIVED.value}))


def _consent(row: Row) -> ConsentGiven | None:
    """A consent, or at least a lawful source; an explicit no beats both. What a sheet does not say was not agreed to."""
    agreed, basis = row.get("consent"), row.get("source_basis", "")
    if agreed is False or not (agreed or basis):
        return None
    how = row.get("consent_how", ConsentHow.IMPORTED) if agreed else ConsentHow.IMPORTED
    return ConsentGiven(enquiry=True, how=ConsentHow(how), basis=basis)


def _amount(row: Row) -> Decimal | None:
    amount: Decimal | None = row.get("amount_wan")
    if amount is None:
        return None
    if not 0 <= amount < MOST_AMOUNT:
        raise Refused("amount_wan", "import.amount")
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def _details(row: Row) -> dict[str, Any]:
    """Further facts of the form, and the cells that no field takes. Turnover and lender need a consent that no sheet carries."""
    found: dict[str, Any] = {name: str(row[key]) for key, name in DETAILS.items() if key in row}
    if "term_months" in row:
        found["term"] = f"{row['term_months']}个月"
    unknown = row.get(UNKNOWN)
    if unknown:
        found[UNKNOWN] = {label[:60]: _harmless(text)[:LONGEST_UNKNOWN] for label, text in unknown.items()}
    return found


def _harmless(text: str) -> str:
    """Long numbers in columns that nobody asked for are phones, IDs or accounts: only their ends are kept."""
    return text if len(text) < 10 else LONG_NUMBER.sub(lambda number: f"{number[0][:3]}****{number[0][-4:]}", text)


def _district(reading: Reading, row: Row) -> int | None:
    text = row.get("district")
    if not text:
        return None
    found = reading.districts.get(text, [])
    if not found:
        steps = split_path(text)
        found = (
            [one for one in reading.districts.get(steps[-1], ()) if _ends_with(reading, one, steps)] if steps else []
        )
    if len(found) != 1:
        raise Refused("district", "import.district_ambiguous" if found else "lead.district")
    return found[0]


def _ends_with(reading: Reading, district_id: int, steps: list[str]) -> bool:
    at: int | None = district_id
    for name in reversed(steps):
        known = reading.lies_in.get(at) if at is not None else None
        if known is None or known[0] != name:
            return False
        at = known[1]
    return True


def _session(reading: Reading, row: Row, place: Place) -> int | None:
    text = row.get("session")
    if not text:
        return None
    found = reading.sessions.get((place.id or 0, fold(text)))
    if found is None:
        raise Refused("session", "lead.session")
    return found


def _due(intent: str, on: date) -> date | None:
    return date.fromordinal(on.toordinal() + FOLLOW_UP_DAYS[Intent(intent)]) if intent else None


def content_key(row: Row, times: int) -> str:
    """The key of a row that nothing else identifies: what stands in it, and the how-manieth of its like it is in the file."""
    body = json.dumps(
        {key: value if key == UNKNOWN else str(value) for key, value in row.items()}, sort_keys=True, ensure_ascii=False
    )
    return f"row:{hashlib.sha256(body.encode()).hexdigest()[:32]}:{times}"


def needs_content_key(lead: BulkLead) -> bool:
    """Whether neither a mobile nor an id of another system says which customer the row means."""
    return lead.source_key is None and not is_mobile(lead.phone)


__all__ = [
    "UNKNOWN",
    "Draft",
    "Place",
    "Reading",
    "Refused",
    "content_key",
    "draft",
    "month_code",
    "needs_content_key",
    "open_reading",
]
