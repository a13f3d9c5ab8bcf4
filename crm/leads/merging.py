"""Two leads that are one customer become one, and can be parted again. Entries stay where they were written: the ledger counts
them for the lead that is kept. Nothing here commits."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select, update

from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Invalid, NotFound
from crm.leads import ledger
from crm.leads.commands import index_search, note_event
from crm.leads.editing import touch
from crm.leads.ledger_models import LeadMerge
from crm.leads.models import DoNotContact, Lead
from crm.leads.policy import visible_to
from crm.leads.queries import lead_for_change

_FILLED = (
    "name", "shop", "address", "licence_number", "trade", "segment", "approach", "intent", "need", "amount_wan", "note", "no_contact",
)  # fmt: skip


def merge(actor: Actor, *, keep: int, lose: int, reason: str, at: datetime) -> int:
    """Merges `lose` into `keep`: both visible, of one campaign, neither merged before. Returns the merge's id for the undoing.

    Blanks of the kept lead are filled from the other. What was merged into `lose` now stands for `keep` directly.
    """
    if keep == lose:
        raise Invalid("lead.merge_itself")
    locked = {one: lead_for_change(actor, one) for one in sorted((keep, lose))}  # always in one order: no deadlock
    kept, lost = locked[keep], locked[lose]
    if kept.campaign_id != lost.campaign_id:
        raise Invalid("lead.merge_campaign")
    first = LeadMerge(lead_id=lose, root_id=keep, filled=_fill(kept, lost), started_at=at, actor_id=actor.user_id)
    db.session.add(first)
    db.session.flush()
    first.merge_id = first.id
    for row in _open_rows(LeadMerge.root_id == lose):
        _follow(row, root_id=keep, merge_id=first.id, at=at, actor=actor)
    db.session.flush()
    _stand_for(keep, at)
    touch(kept, at)
    touch(lost, at)
    index_search(kept)
    ledger.project([keep, lose])
    for lead_id, other in ((keep, lose), (lose, keep)):
        note_event(
            actor,
            lead_id,
            "merged",
            at=at,
            keep=keep,
            lose=lose,
            other=other,
            merge=first.id,
            text=reason.strip()[:300],
        )
    audit.record(actor, "leads.merge", "lead", keep, lose=lose, merge=first.id, reason=reason[:300])
    return first.id


def undo_merge(actor: Actor, merge_id: int, *, reason: str, at: datetime) -> int:
    """Parts two merged leads again; returns the id of the lead that was kept.

    Fields that the merge had filled are emptied, unless somebody has changed them since; who said no to being contacted
    stays so. What was recorded meanwhile implies, on each lead by itself, the stages that it lacks now.
    A later merge of the kept lead must be undone first (Invalid("lead.merge_later")).
    """
    first = db.session.get(LeadMerge, merge_id)
    if first is None or first.merge_id != first.id or not _visible(actor, first.root_id):
        raise NotFound("lead.no_merge")
    rows = _open_rows(LeadMerge.merge_id == merge_id)
    if not rows:
        later = _open_rows(LeadMerge.lead_id == first.lead_id)
        raise Invalid("lead.merge_later") if later else Conflict("lead.merge_undone")
    kept, lost = db.session.get_one(Lead, first.root_id), db.session.get_one(Lead, first.lead_id)
    number = ledger.case_number_of(kept.id)
    for row in rows:
        row.ended_at = at
        before = db.session.get(LeadMerge, row.previous_id) if row.previous_id else None
        if before is not None:
            db.session.add(_copy(before, at))
    _empty(kept, first.filled)
    db.session.flush()
    lost.merged_into_id = None
    _stand_for(lost.id, at)
    touch(kept, at)
    touch(lost, at)
    index_search(kept)
    ledger.project([kept.id, lost.id])
    for lead in (kept, lost):
        ledger.imply_missing(actor, lead.id, case_number=number, at=at)
        note_event(
            actor, lead.id, "parted", at=at, keep=kept.id, lose=lost.id, merge=merge_id, text=reason.strip()[:300]
        )
    audit.record(actor, "leads.undo_merge", "lead", kept.id, lose=lost.id, merge=merge_id, reason=reason[:300])
    return kept.id


@dataclass(frozen=True)
class MergedLead:
    """A lead that now stands for another, and the merge that brought it there."""

    lead_id: int
    merge_id: int
    name: str
    since: datetime
    undoable: bool


def merged_into(lead_id: int) -> list[MergedLead]:
    """What is merged into a lead (whose visibility the caller has checked), latest first. Only the first row of a merge can be undone."""
    query = (
        select(
            LeadMerge.id, LeadMerge.merge_id, LeadMerge.lead_id, Lead.name, LeadMerge.started_at, LeadMerge.previous_id
        )
        .join(Lead, Lead.id == LeadMerge.lead_id)
        .where(LeadMerge.root_id == lead_id, LeadMerge.ended_at.is_(None))
        .order_by(LeadMerge.id.desc())
    )
    return [
        MergedLead(row.lead_id, row.merge_id or row.id, row.name, row.started_at, row.previous_id is None)
        for row in db.session.execute(query)
    ]


def _visible(actor: Actor, lead_id: int) -> bool:
    return db.session.scalar(select(Lead.id).where(Lead.id == lead_id, visible_to(actor))) is not None


def _open_rows(condition: Any) -> list[LeadMerge]:
    query = select(LeadMerge).where(condition, LeadMerge.ended_at.is_(None)).order_by(LeadMerge.id).with_for_update()
    return list(db.session.scalars(query))


def _follow(row: LeadMerge, *, root_id: int, merge_id: int, at: datetime, actor: Actor) -> None:
    row.ended_at = at
    follower = LeadMerge(lead_id=row.lead_id, root_id=root_id, merge_id=merge_id, previous_id=row.id, started_at=at)
    follower.filled, follower.actor_id = {}, actor.user_id
    db.session.add(follower)


def _copy(row: LeadMerge, at: datetime) -> LeadMerge:
    return LeadMerge(
        lead_id=row.lead_id, root_id=row.root_id, merge_id=row.merge_id, previous_id=row.previous_id, filled=row.filled,
        started_at=at, actor_id=row.actor_id,
    )  # fmt: skip


def _stand_for(root_id: int, at: datetime) -> None:
    """The leads' own pointers say what the open rows say."""
    for row in _open_rows(LeadMerge.root_id == root_id):
        db.session.execute(update(Lead).where(Lead.id == row.lead_id).values(merged_into_id=root_id))


def _fill(kept: Lead, lost: Lead) -> dict[str, Any]:
    filled: dict[str, Any] = {}
    for name in _FILLED:
        value = getattr(lost, name)
        if value and not getattr(kept, name):
            setattr(kept, name, value)
            filled[name] = str(value) if isinstance(value, Decimal) else value
    return filled


def _empty(kept: Lead, filled: dict[str, Any]) -> None:
    blanks: dict[str, Any] = {"licence_number": None, "amount_wan": None, "no_contact": False}
    for name, value in filled.items():
        if name == "no_contact" and kept.person_key and db.session.get(DoNotContact, kept.person_key):
            continue  # the person said so of this phone too, not of the other one alone
        current = getattr(kept, name)
        if (str(current) if isinstance(current, Decimal) else current) == value:
            setattr(kept, name, blanks.get(name, ""))
