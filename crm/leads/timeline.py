"""Everything that happened to a lead, in one order: capture, stages with their three clocks, intents, consents, looks, changes.

What was merged into the lead is part of its story. Lines are facts; `words` makes them sentences.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import aliased

from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.installation import zone_name
from crm.leads.cards import shown_name
from crm.leads.ledger_models import IntentEntry, LeadStage, StageEntry
from crm.leads.models import Consent, Lead, LeadEvent, PhoneReveal
from crm.leads.queries import get_lead
from crm.people.queries import team_names, user_names


@dataclass(frozen=True)
class Line:
    """One line. `kind` is "stage", "void", "intent", "consent", "reveal" or the kind of a LeadEvent; `facts` belong to it.

    `counts` marks the stage entry that counts; `voidable` one that may be undone; `late` what reached the server on a later day.
    """

    at: datetime
    kind: str
    who: str
    lead_id: int
    facts: dict[str, Any] = field(default_factory=dict)
    entry_id: int | None = None
    voided: bool = False
    implied: bool = False
    counts: bool = False
    late: bool = False

    @property
    def voidable(self) -> bool:
        """Whether this is a stage entry that somebody wrote and nobody has undone."""
        return self.kind == "stage" and not self.voided and not self.implied


def timeline(actor: Actor, lead_id: int) -> tuple[Line, ...]:
    """The whole story of a visible lead, newest first."""
    lead = get_lead(actor, lead_id)
    family = [lead.id, *db.session.scalars(select(Lead.id).where(Lead.merged_into_id == lead.id))]
    people = user_names()
    lines = [
        *_stages(family, people),
        *_intents(family, people),
        *_consents(family, people),
        *_reveals(family, people),
        *_events(actor, family, people),
    ]
    return tuple(sorted(lines, key=_place, reverse=True))


def _place(line: Line) -> tuple[datetime, bool, int]:
    # Of what happened in one moment the capture came first, and implied stages stand before the one that implied them.
    return line.at, line.kind != "created", line.entry_id or 0


def _stages(family: list[int], people: dict[int, str]) -> Iterator[Line]:
    undone = aliased(StageEntry)
    # Of a lead that was merged the entries count on, for the one that it stands for.
    root = select(db.func.coalesce(Lead.merged_into_id, Lead.id)).where(Lead.id == family[0]).scalar_subquery()
    counting = set(db.session.scalars(select(LeadStage.entry_id).where(LeadStage.lead_id == root)))
    teams = team_names()
    query = (
        select(StageEntry, undone.reason, undone.id)
        .outerjoin(undone, undone.voids_id == StageEntry.id)
        .where(StageEntry.lead_id.in_(family))
    )
    rows = db.session.execute(query).all()
    implied = {entry.id for entry, _, _ in rows if entry.implied_by_id is not None}
    for entry, void_reason, void_id in rows:
        facts = {"stage": entry.stage, "team": teams.get(entry.team_id or 0, ""), "reason": entry.reason}
        if entry.voids_id is not None:
            if entry.voids_id not in implied:  # what was implied goes with its cause, in one line
                yield Line(
                    entry.received_at, "void", people.get(entry.recorded_id or 0, ""), entry.lead_id, facts, entry.id
                )
            continue
        yield Line(
            at=entry.occurred_at,
            kind="stage",
            who=people.get(entry.recorded_id or 0, ""),
            lead_id=entry.lead_id,
            facts=facts
            | {
                "case_number": entry.case_number or "",
                "credited": people.get(entry.credited_id or 0, ""),
                "acted": people.get(entry.acted_id or 0, ""),
                "recorded": people.get(entry.recorded_id or 0, ""),
                "occurred_raw": entry.occurred_raw,
                "recorded_at": entry.recorded_at,
                "received_at": entry.received_at,
                "void_reason": void_reason or "",
            },
            entry_id=entry.id,
            voided=void_id is not None,
            implied=entry.implied_by_id is not None,
            counts=entry.id in counting,
            late=business_day(entry.received_at, zone_name()) > entry.day,
        )


def _intents(family: list[int], people: dict[int, str]) -> Iterator[Line]:
    # One that took another's place states the same intent: it was said once.
    said = select(IntentEntry).where(IntentEntry.lead_id.in_(family), IntentEntry.replaces_id.is_(None))
    for entry in db.session.scalars(said):
        yield Line(
            entry.occurred_at, "intent", people.get(entry.recorded_id or 0, ""), entry.lead_id, {"intent": entry.intent}
        )


def _consents(family: list[int], people: dict[int, str]) -> Iterator[Line]:
    for one in db.session.scalars(select(Consent).where(Consent.lead_id.in_(family))):
        facts = {
            "enquiry": one.enquiry,
            "marketing": one.marketing,
            "financial": one.financial,
            "how": one.how,
            "basis": one.basis,
        }
        yield Line(one.given_at, "consent", people.get(one.taken_by_id or 0, ""), one.lead_id, facts)


def _reveals(family: list[int], people: dict[int, str]) -> Iterator[Line]:
    for one in db.session.scalars(select(PhoneReveal).where(PhoneReveal.lead_id.in_(family))):
        yield Line(one.at, "reveal", people.get(one.actor_id, ""), one.lead_id, {"reason": one.reason})


def _events(actor: Actor, family: list[int], people: dict[int, str]) -> Iterator[Line]:
    for event in db.session.scalars(select(LeadEvent).where(LeadEvent.lead_id.in_(family))):
        if event.kind in ("merged", "parted") and event.lead_id != family[0]:
            continue  # both leads have this line; one is enough
        facts = dict(event.detail)
        if event.kind == "assigned":
            facts |= {
                "before_name": people.get(facts.get("before") or 0, ""),
                "to_name": people.get(facts.get("to") or 0, ""),
            }
        if event.kind == "edited" and "name" in facts.get("changes", {}):
            facts["changes"] = facts["changes"] | {
                "name": [shown_name(actor, name) for name in facts["changes"]["name"]]
            }
        yield Line(event.at, event.kind, people.get(event.actor_id or 0, ""), event.lead_id, facts)
