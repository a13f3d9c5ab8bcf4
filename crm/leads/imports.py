"""A sheet of leads, many rows at once, with the meaning of `commands.capture_lead`. See imports/leads for the columns.

A row is known by its mobile in the campaign, by the id that it has in another system, or by its licence number; a row of
the past that has none of them is known by its content and by the how-manieth of its like it is. What is known already is
never made twice: blanks of the own team's card are filled and later stages recorded (see `import_stages`), another team's
customer is refused and the claim goes to the referee. Rows without phone, without
consent or lawful source, or accepted without a case number are *historical*: counted, never contacted.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row as Found
from sqlalchemy import select

from crm.campaigns.models import Campaign
from crm.campaigns.rules import Status
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day, now
from crm.kernel.db import db
from crm.kernel.errors import Conflict
from crm.kernel.installation import zone_name
from crm.kernel.rows import Change, Outcome, Problem, Verdict, What
from crm.kernel.values import is_mobile
from crm.leads.bulk import BulkLead, add_stages, insert_leads
from crm.leads.commands import LeadCard, index_search, note_event, open_clash, standing_clash
from crm.leads.import_rows import (
    UNKNOWN,
    Draft,
    Reading,
    Refused,
    Row,
    content_key,
    draft,
    needs_content_key,
    open_reading,
)
from crm.leads.import_stages import Refusal, further, goes_further, open_standings, take_back
from crm.leads.ledger import Clocks
from crm.leads.models import DoNotContact, Lead
from crm.leads.party import lock_everybody, name_place_key, person_key, phone_key
from crm.leads.removing import remove_batch

SUBJECT = "lead"
UNKNOWN_CELLS = UNKNOWN
"""Rows carry the cells that no field takes under this key."""
KNOWN_BY_CONTENT = True
"""A sheet that has neither an id nor a phone column is taken: its rows are known by what stands in them."""
LEFT_OUT = ("turnover_band", "existing_lender")
"""Facts that need a consent of their own, which no sheet can carry."""
FILLABLE = (
    "name", "shop", "address", "licence_number", "trade", "segment", "approach", "need", "amount_wan", "note", "district_id",
    "owner_id",
)  # fmt: skip
_CLAIMS = {"phone": "phone", "licence_number": "licence"}
SEARCHED = {"name", "shop", "address"}


@dataclass
class Context:
    """One pass over a file: the base's names, and the customers that earlier rows of the file meant."""

    reading: Reading
    seen: set[tuple[str, str, str]] = field(default_factory=set)
    alike: Counter[str] = field(default_factory=Counter)
    forbidden: frozenset[bytes] = frozenset()
    stages: dict[int, set[str]] = field(default_factory=dict)
    """Stages that earlier rows of the file add to known leads."""


@dataclass(slots=True)
class Plan:
    """What is to be done with a row."""

    what: What
    problems: tuple[Problem, ...] = ()
    lead: BulkLead | None = None
    known_id: int | None = None
    claims: BulkLead | None = None
    fill: dict[str, Any] = field(default_factory=dict)
    root_id: int | None = None
    further: BulkLead | None = None
    changes: tuple[Change, ...] = ()


def open_context(actor: Actor, *, today: date, at: datetime | None = None, writes: bool = False) -> Context:
    """One for a whole pass; `writes` for the pass that applies, inside an open unit of work."""
    if writes:
        lock_everybody()
    forbidden = frozenset(db.session.scalars(select(DoNotContact.person_key)))
    return Context(open_reading(actor, today=today, at=at or now(), writes=writes), forbidden=forbidden)


def check_rows(context: Context, rows: Sequence[Row]) -> list[Verdict]:
    """What would become of the rows, in their order, after those of earlier calls. Writes nothing."""
    return [Verdict(plan.what, plan.problems) for plan in _plans(context, rows)]


def apply_rows(
    actor: Actor, context: Context, rows: Sequence[Row], *, at: datetime, batch_id: int | None = None
) -> list[Outcome]:
    """Writes the rows, inside an open unit of work, and says what became of each.

    Leads that are made carry `batch_id`; only changes of older records are told.
    """
    plans = _plans(context, rows)
    db.session.flush()
    new = [plan.lead for plan in plans if plan.lead is not None]
    ids = insert_leads(actor, new, at=at, source="import", batch_id=batch_id)
    _report_neighbours(actor, dict(zip(ids, new, strict=True)), at)
    entries = add_stages(actor, [(one.further, one.root_id or 0) for one in plans if one.further is not None], at=at)
    for plan in plans:
        if plan.known_id is not None and (plan.fill or plan.further is not None):
            plan.changes += (_told(actor, plan, entries, at),)
        if plan.claims is not None and plan.known_id is not None:
            _claim(actor, plan.known_id, plan.claims, plan.problems[0].column or "", at)
    return [Outcome(plan.what, plan.changes, plan.problems) for plan in plans]


def undo(actor: Actor, changes: Iterable[Change], *, batch_id: int, at: datetime, since: datetime) -> int:
    """Takes an import back: its leads are removed, its entries voided, filled blanks are blank again.

    `since` is when the import was written. Returns how many leads were touched. Raises Conflict("import.later_work").
    """
    count = remove_batch(actor, batch_id, at=at, since=since)
    entries: dict[int, list[int]] = {}
    for change in changes:
        if change.subject == SUBJECT and change.before is not None:
            entries.setdefault(change.subject_id, []).extend(change.before.get("entries", ()))
            if "filled" in change.before:
                _empty_again(actor, change.subject_id, change.before, at)
            count += 1
        elif change.subject == "campaign":
            # Its removed leads still point at it; a sheet brought in again finds it by its code.
            db.session.get_one(Campaign, change.subject_id).status = Status.ARCHIVED
    db.session.flush()
    take_back(actor, {lead_id: ids for lead_id, ids in entries.items() if ids}, batch_id=batch_id, at=at)
    return count


def _plans(context: Context, rows: Sequence[Row]) -> list[Plan]:
    drafted = [_draft(context, row) for row in rows]
    known = _known(context, [one for one in drafted if isinstance(one, Draft)])
    made = context.reading.made
    plans = []
    for one in drafted:
        plans.append(one if isinstance(one, Plan) else _decide(context, one, known))
    _add_stages(context, drafted, plans)
    if made and plans:
        plans[0].changes += tuple(made)
        made.clear()
    return plans


def _draft(context: Context, row: Row) -> Draft | Plan:
    try:
        found = draft(context.reading, row)
    except Refused as refusal:
        return Plan("failed", (Problem(refusal.column, refusal.code, refusal.facts),))
    if needs_content_key(found.lead):
        base = content_key(row, 0)
        context.alike[base] += 1
        found.lead = replace(found.lead, source_key=content_key(row, context.alike[base]))
    return found


def _signs(found: Draft) -> Iterator[tuple[str, str, str, str]]:
    """What a row is known by: field, kind of sign, campaign, value."""
    lead, code = found.lead, found.place.code
    if lead.phone and is_mobile(lead.phone):
        yield "phone", "phone", code, lead.phone
    if lead.source_key:
        yield "external_id", "source", code, lead.source_key
    if lead.licence_number:
        yield "licence_number", "licence", code, lead.licence_number


def _decide(context: Context, found: Draft, known: Mapping[tuple[str, str, str], Found[Any]]) -> Plan:
    signs = list(_signs(found))
    lead = found.lead
    silent = lead.phone and context.forbidden and person_key(lead.phone) in context.forbidden
    holders = {
        holder.id: (column, holder)
        for column, kind, code, value in reversed(signs)  # the strongest sign of a holder is the one that is told
        if (holder := known.get((kind, code, value))) is not None
    }
    # Of who must not be contacted a sheet may tell what the branch answered to an application, nothing else.
    if silent and not any(
        _own(holder, lead) and goes_further(holder.stage, found.said) for _, holder in holders.values()
    ):
        return Plan("skipped", (Problem("phone", "import.no_contact"),))
    for column, kind, code, value in signs:
        if (kind, code, value) in context.seen:
            return Plan("skipped", (Problem(column, "import.twice"),))
    context.seen.update((kind, code, value) for _, kind, code, value in signs)
    if not holders:
        return Plan("new", lead=lead)
    if len(holders) > 1:
        return Plan("failed", (Problem(signs[0][0], "import.two_leads"),))
    ((column, holder),) = holders.values()
    if not _own(holder, lead):
        day = business_day(holder.created_at, zone_name()).isoformat()
        return Plan("failed", (Problem(column, "import.claimed", {"day": day}),), known_id=holder.id, claims=lead)
    fill = {} if holder.merged_into_id or holder.no_contact else _blanks(holder, lead)
    plan = Plan("updated" if fill else "skipped", known_id=holder.id, fill=fill)
    if goes_further(holder.stage, found.said):
        plan.root_id = holder.merged_into_id or holder.id
    return plan


def _own(holder: Found[Any], lead: BulkLead) -> bool:
    """Whether a row means its holder's team; one that names no team does."""
    return lead.team_id in (None, holder.team_id)


def _add_stages(context: Context, drafted: Sequence[Draft | Plan], plans: Sequence[Plan]) -> None:
    """Decides on rows that name a later stage than their lead shows. A stage that cannot be recorded leaves the whole row out."""
    ids = {plan.root_id for plan in plans if plan.root_id is not None}
    reading = context.reading
    standings = open_standings(reading.actor, ids, context.stages, writes=reading.writes)
    for one, plan in zip(drafted, plans, strict=True):
        if plan.root_id is None or not isinstance(one, Draft):
            continue
        answer = further(standings, plan.root_id, one.lead, one.said)
        if isinstance(answer, Refusal):
            plan.what, plan.problems, plan.fill = "failed" if answer.mendable else "skipped", (answer.problem,), {}
        elif answer is not None:
            plan.what, plan.further = "updated", answer


def _blanks(holder: Found[Any], lead: BulkLead) -> dict[str, Any]:
    """Facts of the row for which the card has nothing yet."""
    return {
        name: value for name in FILLABLE if (value := getattr(lead, name)) not in ("", None) and getattr(holder, name) in ("", None)
    }  # fmt: skip


def _known(context: Context, drafts: Sequence[Draft]) -> dict[tuple[str, str, str], Found[Any]]:
    """The leads of the base that these rows mean, by sign. One question per campaign."""
    by_place: dict[str, list[Draft]] = {}
    for one in drafts:
        if one.place.id is not None:
            by_place.setdefault(one.place.code, []).append(one)
    known: dict[tuple[str, str, str], Found[Any]] = {}
    for code, group in by_place.items():
        campaign_id = group[0].place.id or 0
        wanted: dict[str, dict[Any, str]] = {"phone": {}, "source": {}, "licence": {}}
        for one in group:
            for _, kind, _, value in _signs(one):
                wanted[kind][phone_key(campaign_id, value) if kind == "phone" else value] = value
        for holder in _holders(campaign_id, wanted):
            for kind, column in (
                ("phone", holder.phone_key),
                ("source", holder.source_key),
                ("licence", holder.licence_number),
            ):
                if column in wanted[kind]:
                    known[kind, code, wanted[kind][column]] = holder
    return known


def _holders(campaign_id: int, wanted: Mapping[str, Mapping[Any, str]]) -> list[Found[Any]]:
    columns = {"phone": Lead.phone_key, "source": Lead.source_key, "licence": Lead.licence_number}
    found: list[Found[Any]] = []
    # One question for each kind of sign: each has its own index, and OR would use none of them.
    for kind, column in columns.items():
        if wanted[kind]:
            found += db.session.execute(
                select(
                    Lead.id, Lead.created_at, Lead.merged_into_id, Lead.no_contact, Lead.team_id, Lead.phone_key, Lead.source_key,
                    Lead.stage, *(getattr(Lead, name) for name in FILLABLE),
                ).where(Lead.campaign_id == campaign_id, column.in_(wanted[kind]), Lead.removed_at.is_(None))
            )  # fmt: skip
    return found


def _told(actor: Actor, plan: Plan, entries: dict[int, list[int]], at: datetime) -> Change:
    """What a row does to a known lead, and what undoing needs: the names filled, the version that must still stand, the new entries."""
    told: dict[str, Any] = {}
    if plan.fill and plan.known_id is not None:
        lead = db.session.get_one(Lead, plan.known_id)
        _set(lead, plan.fill, at)
        note_event(actor, lead.id, "edited", at=at, fields=sorted(plan.fill), source="import")
        told = {"filled": sorted(plan.fill), "version": lead.version}
    if plan.further is not None and plan.root_id is not None:
        told["entries"] = entries.pop(plan.root_id, [])  # of two rows for one lead, the first carries them all
    return Change(SUBJECT, plan.root_id or plan.known_id or 0, told)


def _empty_again(actor: Actor, lead_id: int, before: Mapping[str, Any], at: datetime) -> None:
    lead = db.session.get_one(Lead, lead_id)
    if lead.version != before["version"]:
        raise Conflict("import.later_work", lead=lead_id)
    blanks = {
        name: None if name in ("amount_wan", "licence_number", "district_id", "owner_id") else ""
        for name in before["filled"]
    }
    _set(lead, blanks, at)
    note_event(actor, lead_id, "edited", at=at, fields=sorted(blanks), source="undo")


def _set(lead: Lead, values: Mapping[str, Any], at: datetime) -> None:
    for name, value in values.items():
        setattr(lead, name, value)  # names from FILLABLE, never from the sheet
    lead.name_place_key = name_place_key(lead.shop or lead.name, lead.address)
    lead.updated_at = at
    lead.version += 1
    if SEARCHED & values.keys():
        index_search(lead)


def _claim(actor: Actor, holder_id: int, lead: BulkLead, column: str, at: datetime) -> None:
    """A sheet's claim on another team's customer goes to the referee like a single capture's; the id of another system is none."""
    matched_by = _CLAIMS.get(column)
    holder = db.session.get_one(Lead, holder_id)
    if matched_by and not lead.historical and standing_clash(holder, matched_by, lead.team_id) is None:
        open_clash(
            actor, holder, matched_by, team_id=lead.team_id, card=_card(lead), clocks=_clocks(lead, at), uid=lead.uid,
            owner_id=lead.owner_id, stage=lead.stages[0].stage,
        )  # fmt: skip


def _card(lead: BulkLead) -> LeadCard:
    return LeadCard(
        name=lead.name, phone=lead.phone, shop=lead.shop, address=lead.address, trade=lead.trade,
        licence_number=lead.licence_number,
    )  # fmt: skip


def _clocks(lead: BulkLead, at: datetime) -> Clocks:
    return Clocks(lead.stages[0].occurred_at, at, at)


def _report_neighbours(actor: Actor, made: Mapping[int, BulkLead], at: datetime) -> None:
    """The same name at the same place in another team: both stay, the referee looks at it (as in a single capture)."""
    keys = {
        lead_id: (lead.campaign_id, key)
        for lead_id, lead in made.items()
        if (key := name_place_key(lead.shop or lead.name, lead.address)) is not None
    }
    if not keys:
        return
    standing = db.session.scalars(
        select(Lead)
        .where(
            Lead.name_place_key.in_({key for _, key in keys.values()}),
            Lead.campaign_id.in_({campaign_id for campaign_id, _ in keys.values()}),
            Lead.removed_at.is_(None),
        )
        .order_by(Lead.id)
    ).all()
    for lead_id, pair in keys.items():
        lead = made[lead_id]
        for other in standing:
            if (
                other.id < lead_id
                and (other.campaign_id, other.name_place_key) == pair
                and other.team_id != lead.team_id
            ):
                card, clocks = _card(lead), _clocks(lead, at)
                open_clash(
                    actor, other, "name_place", team_id=lead.team_id, card=card, clocks=clocks, uid=lead.uid,
                    owner_id=lead.owner_id, stage=lead.stages[0].stage,
                )  # fmt: skip
                break
