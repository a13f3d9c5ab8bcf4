"""The one place that turns records into facts of a contest: what may score, and how many were there.

Current facts come from the projections of the ledger; facts as of a moment from the ledger itself, as the server knew it then.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import aliased

from crm.contest.rules import Fact
from crm.kernel.db import db
from crm.leads.ledger import live_entries
from crm.leads.ledger_models import IntentEntry, LeadMerge, LeadStage, StageEntry
from crm.leads.models import Consent, Lead
from crm.leads.rules import FIELD_STAGES, counting
from crm.outreach.queries import attended_members, valid_visits

SCORING_INTENTS = ("A", "B")

ShareAt = Callable[[datetime], Fraction]
"""What a companion's visit is worth at a moment."""


@dataclass(frozen=True)
class Window:
    """Whose records count: campaigns, teams, business days `first` to `last`, both included; `as_of` None is now."""

    campaign_ids: tuple[int, ...]
    team_ids: tuple[int, ...]
    first: date
    last: date
    as_of: datetime | None = None

    def holds(self, day: date, team_id: int | None) -> bool:
        """Whether something of that day and team counts."""
        return team_id in self.team_ids and self.first <= day <= self.last


def facts_of(window: Window, share_at: ShareAt) -> list[Fact]:
    """All that may score in the window, in no order: visits, stages and intents, credited as they were at the time."""
    stages = _stages(window) if window.as_of is None else _stages_as_of(window, window.as_of)
    return [*_visits(window, share_at), *stages, *_intents(window)]


def _visits(window: Window, share_at: ShareAt) -> Iterator[Fact]:
    """A companion has a part of the visit and no count of their own."""
    for one in valid_visits(window.campaign_ids, window.first, window.last, as_of=window.as_of):
        if one.team_id is None or one.team_id not in window.team_ids:
            continue
        ref = f"visit:{one.id}"
        yield Fact("visit", one.day, one.team_id, one.member_id, one.occurred_at, ref)
        if one.companion_id is not None:
            share = share_at(one.occurred_at)
            yield Fact("visit", one.day, one.team_id, one.companion_id, one.occurred_at, ref, share=share)


def _stages(window: Window) -> Iterator[Fact]:
    """The entries that count now; an implied entry counts as the stage that it is. A historical record scores nothing."""
    query = (
        select(
            LeadStage.stage,
            LeadStage.day,
            LeadStage.team_id,
            LeadStage.credited_id,
            StageEntry.occurred_at,
            StageEntry.id,
        )
        .join(StageEntry, StageEntry.id == LeadStage.entry_id)
        .join(Lead, Lead.id == StageEntry.lead_id)
        .where(
            Lead.historical.is_(False),
            LeadStage.campaign_id.in_(window.campaign_ids),
            LeadStage.stage.in_(FIELD_STAGES),
            LeadStage.day.between(window.first, window.last),
            LeadStage.team_id.in_(window.team_ids),
        )
    )
    for stage, day, team_id, member_id, at, entry_id in db.session.execute(query):
        if team_id is not None:
            yield Fact(stage, day, team_id, member_id, at, f"stage:{entry_id}")


def _stages_as_of(window: Window, as_of: datetime) -> Iterator[Fact]:
    removed = set(
        db.session.scalars(select(Lead.id).where(Lead.campaign_id.in_(window.campaign_ids), Lead.removed_at <= as_of))
    )
    of_the_past = set(
        db.session.scalars(
            select(StageEntry.id)
            .join(Lead, Lead.id == StageEntry.lead_id)
            .where(StageEntry.campaign_id.in_(window.campaign_ids), Lead.historical)
        )
    )
    for root, entries in live_entries(StageEntry.campaign_id.in_(window.campaign_ids), as_of).items():
        if root in removed:
            continue
        for stage, entry in counting(entries).items():
            if entry.id in of_the_past:
                continue
            if stage in FIELD_STAGES and entry.team_id is not None and window.holds(entry.day, entry.team_id):
                yield Fact(stage, entry.day, entry.team_id, entry.credited_id, entry.occurred_at, f"stage:{entry.id}")


def _intents(window: Window) -> Iterator[Fact]:
    """The first A or B of each customer who agreed to the enquiry; of merged leads the earliest."""
    seen: set[int] = set()
    for root, entry_id, day, team_id, member_id, at in db.session.execute(_intent_query(window)):
        if root in seen:
            continue
        seen.add(root)
        if team_id is not None and window.holds(day, team_id):
            yield Fact("intent", day, team_id, member_id, at, f"intent:{entry_id}")


def _intent_query(window: Window) -> Select[Any]:
    as_of = window.as_of
    merge: ColumnElement[bool] = and_(LeadMerge.lead_id == IntentEntry.lead_id, LeadMerge.ended_at.is_(None))
    agreed = select(Consent.id).where(Consent.lead_id == IntentEntry.lead_id, Consent.enquiry)
    removed: ColumnElement[bool] = Lead.removed_at.is_not(None)
    known: list[ColumnElement[bool]] = []
    if as_of is not None:
        still_merged = or_(LeadMerge.ended_at.is_(None), LeadMerge.ended_at > as_of)
        merge = and_(LeadMerge.lead_id == IntentEntry.lead_id, LeadMerge.started_at <= as_of, still_merged)
        agreed = agreed.where(Consent.received_at <= as_of)
        removed = and_(removed, Lead.removed_at <= as_of)
        known = [IntentEntry.received_at <= as_of]
    later = aliased(IntentEntry)
    replaced = select(later.replaces_id).where(later.replaces_id.is_not(None))
    if as_of is not None:
        replaced = replaced.where(later.received_at <= as_of)
    root = db.func.coalesce(LeadMerge.root_id, IntentEntry.lead_id)
    return (
        select(
            root, IntentEntry.id, IntentEntry.day, IntentEntry.team_id, IntentEntry.credited_id, IntentEntry.occurred_at
        )
        .outerjoin(LeadMerge, merge)
        .join(Lead, Lead.id == root)
        .where(
            IntentEntry.campaign_id.in_(window.campaign_ids),
            IntentEntry.intent.in_(SCORING_INTENTS),
            ~removed,
            IntentEntry.lead_id.not_in(
                select(Lead.id).where(Lead.campaign_id.in_(window.campaign_ids), Lead.historical)
            ),
            agreed.exists(),
            IntentEntry.id.not_in(replaced),
            *known,
        )
        .order_by(IntentEntry.occurred_at, IntentEntry.received_at, IntentEntry.id)
    )


# --- who was there -------------------------------------------------------------------------------------------------

Attended = dict[tuple[int, date], frozenset[int]]
"""Members who were there, by team and business day."""


def attended(window: Window) -> Attended:
    """Who was there, as outreach knows it: the roll call, or the roster of the day where nobody called the roll."""
    found = attended_members(window.campaign_ids, window.first, window.last, as_of=window.as_of)
    return {key: members for key, members in found.items() if key[0] in window.team_ids}


def days_between(first: date, last: date) -> Iterator[date]:
    """Each day from first to last, both included; none when last lies before first."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)
