"""What a leads sheet says of the stages of customers who are known already: later ones are recorded, none is ever pulled back.

`commands.record_stage` is the measure: its right, no customer who left, of who must not be contacted only the branch's answer, an
accepted case with its number. Only historical customers, whom nobody works on, go on by sheets alone, and without a number as they came in.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row as Found
from sqlalchemy import select

from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import Conflict
from crm.kernel.rows import Problem
from crm.leads import ledger
from crm.leads.bulk import BulkLead, Reached
from crm.leads.ledger_models import LeadStage, StageEntry
from crm.leads.models import Lead
from crm.leads.policy import LeadPermission
from crm.leads.removing import void_entries
from crm.leads.rules import Stage, after, answered_by_the_branch, furthest, up_to
from crm.people.policy import team_scope

COLUMN_OF = {Stage.CONSULT: "consult_on", Stage.APPLICATION: "applied", Stage.ACCEPTED: "accepted"}
CHUNK = 400


@dataclass(frozen=True, slots=True)
class Refusal:
    """Stages that are not recorded: the row's problem, and whether the sheet can be mended."""

    problem: Problem
    mendable: bool = False


@dataclass
class Standings:
    """How far the customers of these rows have come, with what earlier rows of the file add to it."""

    actor: Actor
    leads: Mapping[int, Found[Any]]
    reached: Mapping[int, set[str]]
    planned: dict[int, set[str]] = field(default_factory=dict)


def goes_further(shown: str, said: Sequence[Reached]) -> bool:
    """Whether a row names a stage beyond the one that its lead shows."""
    return bool(_beyond({shown} if shown else (), said))


def open_standings(actor: Actor, ids: Collection[int], planned: dict[int, set[str]], *, writes: bool) -> Standings:
    """Reads the leads and the stages that count for them, two questions; `writes` holds the leads until the unit of work ends.

    `planned` is what earlier rows of the same pass add, by lead; `further` keeps it.
    """
    if not ids:
        return Standings(actor, {}, {}, planned)
    names = (
        "id",
        "campaign_id",
        "team_id",
        "owner_id",
        "district_id",
        "session_id",
        "exit_code",
        "historical",
        "no_contact",
    )
    query = select(*(getattr(Lead, name) for name in names)).where(Lead.id.in_(ids)).order_by(Lead.id)
    leads = {row.id: row for row in db.session.execute(query.with_for_update() if writes else query)}
    reached: dict[int, set[str]] = defaultdict(set)
    for lead_id, stage in db.session.execute(
        select(LeadStage.lead_id, LeadStage.stage).where(LeadStage.lead_id.in_(ids))
    ):
        reached[lead_id].add(stage)
    return Standings(actor, leads, reached, planned)


def further(standings: Standings, lead_id: int, lead: BulkLead, said: Sequence[Reached]) -> BulkLead | Refusal | None:
    """The stages that a row adds to its lead, with place and officer as they are now; None when it adds none."""
    actor, holder = standings.actor, standings.leads[lead_id]
    planned = standings.planned.setdefault(lead_id, set())
    reached = standings.reached.get(lead_id, set()) | planned
    missing = _beyond(reached, said)
    if not missing:
        return None
    column, scope = COLUMN_OF[missing[-1].stage], team_scope(actor)
    if not actor.may(LeadPermission.RECORD) or (scope is not None and holder.team_id not in scope):
        return Refusal(Problem(column, "import.no_stage_right"))
    if holder.no_contact and not answered_by_the_branch(furthest(reached) or "", missing[0].stage):
        return Refusal(Problem(column, "import.no_contact"))
    if holder.exit_code:
        return Refusal(Problem(column, "lead.has_left"))
    if not holder.historical and any(one.stage is Stage.ACCEPTED and not one.case_number for one in missing):
        return Refusal(Problem("case_number", "stage.case_number"), mendable=True)
    planned.update(one.value for one in up_to(missing[-1].stage))
    return replace(
        lead,
        campaign_id=holder.campaign_id,
        stages=missing,
        reached=frozenset(reached),
        team_id=holder.team_id,
        owner_id=lead.owner_id or holder.owner_id,
        district_id=holder.district_id or lead.district_id,
        session_id=holder.session_id or lead.session_id,
    )


def _beyond(reached: Iterable[str], said: Sequence[Reached]) -> tuple[Reached, ...]:
    last = furthest(reached)
    return tuple(said) if last is None else tuple(one for one in said if one.stage in after(last))


def take_back(actor: Actor, brought: Mapping[int, Sequence[int]], *, batch_id: int, at: datetime) -> None:
    """Voids the entries (by lead) that an import added to known leads, with the import as the reason.

    What somebody has undone since is left as it is. Raises Conflict("import.later_work") for a later stage that stands on one.
    """
    ids = list(brought)
    for start in range(0, len(ids), CHUNK):
        piece = ids[start : start + CHUNK]
        entries = {entry_id for lead_id in piece for entry_id in brought[lead_id]}
        roots = _roots(piece)
        _refuse_later(roots, entries)
        void_entries(actor, StageEntry.id.in_(entries), at, reason=f"import:{batch_id}")
        ledger.project(roots)


def _roots(ids: Sequence[int]) -> list[int]:
    """The leads that the entries count for by now: one may have been merged since."""
    query = select(db.func.coalesce(Lead.merged_into_id, Lead.id)).where(Lead.id.in_(ids)).order_by(Lead.id)
    return list(dict.fromkeys(db.session.scalars(query)))


def _refuse_later(roots: Sequence[int], entries: Collection[int]) -> None:
    standing: dict[int, dict[str, int]] = defaultdict(dict)
    query = select(LeadStage.lead_id, LeadStage.stage, LeadStage.entry_id).where(LeadStage.lead_id.in_(roots))
    for lead_id, stage, entry_id in db.session.execute(query):
        standing[lead_id][stage] = entry_id
    for lead_id, stages in standing.items():
        ours = furthest(stage for stage, entry_id in stages.items() if entry_id in entries)
        if ours is not None and any(stage in stages for stage in after(ours)):
            raise Conflict("import.later_work", lead=lead_id)


__all__ = ["Refusal", "Standings", "further", "goes_further", "open_standings", "take_back"]
