"""The referee decides who has a customer that two teams claim; the team that lost may appeal once. Nothing here commits."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from crm.campaigns.models import CampaignTeam
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from crm.kernel.installation import zone_name
from crm.kernel.locking import held
from crm.kernel.values import public_words
from crm.leads import ledger, merging
from crm.leads.commands import check_texts, note_event
from crm.leads.editing import touch
from crm.leads.ledger import Credit
from crm.leads.ledger_models import IntentEntry, LeadMerge, StageEntry
from crm.leads.models import Clash, Lead
from crm.leads.policy import LeadPermission, is_referee, visible_to
from crm.leads.queries import lead_for_change
from crm.leads.rules import Outcome
from crm.leads.telling import tell_appealed, tell_decided
from crm.people.models import Membership, User
from crm.people.queries import in_force, leads_of

LONGEST_REASON = 300
LONGEST_APPEAL = 500


def decide(
    actor: Actor, clash_id: int, *, version: int, outcome: str, reason: str, at: datetime, until: datetime | None
) -> Clash:
    """The referee's decision with its reason, which both teams read; `until` is when appeals close.

    Whoever has the customer by it has its lead, and the credit of its field stages and intents: entries of the other team are
    undone and written again with the same times, received now. Two leads of one customer are merged.
    Raises Forbidden for who is no referee; Conflict("clash.decided"), or "form.stale" where another referee was quicker;
    Invalid for a missing reason, an outcome that does not fit, and for an appeal that another referee has to decide.
    """
    if not actor.may(LeadPermission.REFEREE):
        raise Forbidden("lead.referee")
    reason = _words(reason, LONGEST_REASON, missing="clash.reason")
    clash = held(select(Clash).where(Clash.id == clash_id), version=version)
    if clash is None:
        raise NotFound("clash.not_found")
    if clash.state == "decided":
        raise Conflict("clash.decided")
    if outcome not in list(Outcome) or (outcome == Outcome.DIFFERENT and clash.matched_by != "name_place"):
        raise Invalid("clash.outcome")
    if clash.state == "appealed" and clash.decided_by_id == actor.user_id and other_referees(actor):
        raise Invalid("clash.other_referee")
    lead = _lead_of(actor, clash)
    if outcome != clash.outcome:
        _move_back(actor, clash, at)
        clash.moved = _move(actor, clash, lead, Outcome(outcome), reason, at)
    if clash.state == "appealed":
        clash.earlier = {
            "outcome": clash.outcome, "reason": clash.decision, "by": clash.decided_by_id,
            "at": clash.decided_at.isoformat() if clash.decided_at else None,
        }  # fmt: skip
    clash.state, clash.outcome, clash.decision = "decided", Outcome(outcome).value, reason
    clash.decided_by_id, clash.decided_at, clash.version = actor.user_id, at, clash.version + 1
    for one in _families(clash, lead):
        note_event(actor, one, "clash_decided", at=at, clash=clash.id, outcome=clash.outcome, text=reason)
    audit.record(
        actor, "leads.decide_clash", "clash", clash.id, outcome=clash.outcome, reason=reason, moved=clash.moved
    )
    tell_decided(clash, lead, at=at, until=until if clash.appealed_at is None else None)
    return clash


def appeal(actor: Actor, clash_id: int, *, words: str, at: datetime, sealed_at: datetime) -> Clash:
    """Opens a decision again in the words of the team that lost: once, and until `sealed_at`, when its day is sealed.

    Raises NotFound for who belongs to neither team; Forbidden for the team that won; Conflict("clash.appealed") the second
    time, "clash.sealed" after the seal, "clash.not_decided" before a decision.
    """
    clash = held(select(Clash).where(Clash.id == clash_id, concerns(actor)))
    if clash is None:
        raise NotFound("clash.not_found")
    words = _words(words, LONGEST_APPEAL, missing="clash.appeal_words")
    if clash.state == "open":
        raise Conflict("clash.not_decided")
    if clash.appealed_at is not None:
        raise Conflict("clash.appealed")
    if at >= sealed_at:
        raise Conflict("clash.sealed")
    if losing_team(clash) not in actor.team_ids:
        raise Forbidden("clash.not_lost")
    clash.state, clash.appeal, clash.appealed_by_id, clash.appealed_at = "appealed", words, actor.user_id, at
    clash.version += 1
    lead = db.session.get_one(Lead, clash.lead_id)
    for one in _families(clash, lead):
        # The lead's story is read by the other team: it says that somebody appealed, neither who nor in which words.
        note_event(Actor(None, "", actor.role), one, "clash_appealed", at=at, clash=clash.id)
    audit.record(actor, "leads.appeal_clash", "clash", clash.id, words=words)
    first = {clash.decided_by_id} if clash.decided_by_id else set()
    tell_appealed(clash, lead, at=at, referees=_referees_but(clash.decided_by_id) or first)
    return clash


def concerns(actor: Actor) -> Any:
    """The clashes between whose teams is one of the actor's."""
    return Clash.team_id.in_(actor.team_ids) | Clash.held_team_id.in_(actor.team_ids)


def losing_team(clash: Clash) -> int | None:
    """The team that does not have the customer by the decision; None while there is none, or where both keep their own."""
    if clash.outcome == Outcome.HOLDER:
        return clash.team_id
    return clash.held_team_id if clash.outcome == Outcome.CLAIMANT else None


def other_referees(actor: Actor) -> bool:
    """Whether somebody else may decide."""
    return bool(_referees_but(actor.user_id))


def _referees_but(user_id: int | None) -> set[int]:
    """Who else may decide."""
    return set(db.session.scalars(select(User.id).where(is_referee()))) - {user_id}


def _words(text: str, most: int, *, missing: str) -> str:
    text = public_words(text, most=most)
    if not text:
        raise Invalid(missing)
    check_texts(text)
    return text


def _lead_of(actor: Actor, clash: Clash) -> Lead:
    lead = db.session.scalar(select(Lead).where(Lead.id == clash.lead_id, visible_to(actor)))
    if lead is None:
        raise NotFound("clash.not_found")
    return lead


def own_lead(clash: Clash) -> Lead | None:
    """The claimant's own lead, where the sign was not strong enough to refuse it."""
    return db.session.scalar(select(Lead).where(Lead.uid == clash.claim_uid, Lead.removed_at.is_(None)))


def _families(clash: Clash, lead: Lead) -> list[int]:
    """The leads in whose stories the decision stands: the holder's, and the claimant's own."""
    own = own_lead(clash)
    return sorted({lead.id} | ({own.id} if own else set()))


# --- what a decision moves -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Party:
    """Who gets a customer: team, the officer who looks after it and who is credited, and the district."""

    team_id: int | None
    owner_id: int | None
    credited_id: int | None
    district_id: int | None


def _move(actor: Actor, clash: Clash, lead: Lead, outcome: Outcome, reason: str, at: datetime) -> dict[str, Any] | None:
    """Brings leads and credit in line with the outcome; answers what was moved, None for nothing."""
    if outcome is Outcome.DIFFERENT:
        return None
    own, root = own_lead(clash), _root(lead)
    if outcome is Outcome.HOLDER:
        party, others = _holder(clash, root, at), {clash.team_id}
    else:
        standing = db.session.scalar(select(Lead.team_id).where(Lead.id == root))
        party, others = _claimant(clash, root, at), {clash.held_team_id, standing}
    others -= {party.team_id}
    mine = root if own is None else _root(own)
    if mine == root:
        return _give(actor, root, party, others, reason, at)
    keep, lose = (root, mine) if outcome is Outcome.HOLDER else (mine, root)
    merge_id = merging.merge(actor, keep=keep, lose=lose, reason=reason, at=at)
    return _give(actor, keep, party, others, reason, at) | {"merge": merge_id}


def _root(lead: Lead) -> int:
    return lead.merged_into_id or lead.id


def _holder(clash: Clash, root: int, at: datetime) -> _Party:
    standing = db.session.get_one(Lead, root)
    if standing.team_id != clash.team_id:
        return _Party(standing.team_id, standing.owner_id, standing.owner_id, standing.district_id)
    owner = _still_there(clash.held_team_id, (clash.held_owner_id,), at)
    district = _district(clash.campaign_id, clash.held_team_id, standing.district_id)
    return _Party(clash.held_team_id, owner, clash.held_owner_id, district)


def _claimant(clash: Clash, root: int, at: datetime) -> _Party:
    credited = clash.owner_id or clash.claimed_by_id
    owner = _still_there(clash.team_id, (credited, clash.claimed_by_id), at)
    district = _district(clash.campaign_id, clash.team_id, db.session.get_one(Lead, root).district_id)
    return _Party(clash.team_id, owner, credited, district)


def _still_there(team_id: int | None, wanted: Iterable[int | None], at: datetime) -> int | None:
    """The first of these who belongs to the team today, or else who leads it."""
    today = business_day(at, zone_name())
    there = set(
        db.session.scalars(
            select(Membership.user_id)
            .join(User, User.id == Membership.user_id)
            .where(Membership.team_id == team_id, in_force(today), User.active)
        )
    )
    leads = leads_of([team_id], on=today).get(team_id or 0, ())
    return next((one for one in (*wanted, *leads) if one in there), None)


def _district(campaign_id: int, team_id: int | None, otherwise: int | None) -> int | None:
    query = select(CampaignTeam.district_id).where(
        CampaignTeam.campaign_id == campaign_id, CampaignTeam.team_id == team_id
    )
    return db.session.scalar(query) or otherwise


def _give(actor: Actor, root: int, party: _Party, others: set[int | None], reason: str, at: datetime) -> dict[str, Any]:
    """Gives a lead, with what is merged into it, to one party: what is the `others`' of it, leads and credit."""
    family = _family(actor, root)
    changing = [one for one in family if one.team_id in others]
    before = {str(one.id): [one.team_id, one.owner_id, one.district_id] for one in changing}
    for lead in changing:
        lead.team_id, lead.owner_id, lead.district_id = party.team_id, party.owner_id, party.district_id
        touch(lead, at)

    def credit(entry: StageEntry) -> Credit | None:
        if entry.team_id not in others:
            return None
        return Credit(party.team_id, party.district_id, entry.session_id, party.credited_id, entry.acted_id)

    def intent(entry: IntentEntry) -> tuple[int | None, int | None] | None:
        return (party.team_id, party.credited_id) if entry.team_id in others else None

    entries = ledger.recredit(actor, root, credit, reason=reason, at=at)
    intents = ledger.recredit_intents(actor, [one.id for one in family], intent, at=at)
    return {
        "leads": before,
        "entries": {str(new): old for new, old in entries.items()},
        "intents": {str(new): old for new, old in intents.items()},
    }


def _family(actor: Actor, root: int) -> list[Lead]:
    """The lead, held, and those merged into it."""
    lead = lead_for_change(actor, root)
    merged = select(Lead).where(Lead.merged_into_id == root).order_by(Lead.id).with_for_update()
    return [lead, *db.session.scalars(merged)]


def _move_back(actor: Actor, clash: Clash, at: datetime) -> None:
    """Puts back what the decision before had moved, but for what somebody has changed since."""
    moved = clash.moved
    if not moved:
        return
    reason = clash.decision
    merge_id = moved.get("merge")
    if merge_id is not None and _stands(merge_id):
        merging.undo_merge(actor, merge_id, reason=reason, at=at)
    ids = [int(one) for one in moved["leads"]] or [clash.lead_id]
    own = own_lead(clash)
    leads = {_root(db.session.get_one(Lead, one)) for one in (*ids, clash.lead_id, *((own.id,) if own else ()))}
    for root in sorted(leads):
        _put_back(actor, root, moved, reason, at)


def _put_back(actor: Actor, root: int, moved: dict[str, Any], reason: str, at: datetime) -> None:
    family = _family(actor, root)
    for lead in family:
        before = moved["leads"].get(str(lead.id))
        if before is not None:
            lead.team_id, lead.owner_id, lead.district_id = before
            touch(lead, at)

    def credit(entry: StageEntry) -> Credit | None:
        old = moved["entries"].get(str(entry.id))
        first = db.session.get(StageEntry, old) if old else None
        if first is None:
            return None
        return Credit(first.team_id, first.district_id, first.session_id, first.credited_id, first.acted_id)

    def intent(entry: IntentEntry) -> tuple[int | None, int | None] | None:
        old = moved["intents"].get(str(entry.id))
        first = db.session.get(IntentEntry, old) if old else None
        return None if first is None else (first.team_id, first.credited_id)

    ledger.recredit(actor, root, credit, reason=reason, at=at)
    ledger.recredit_intents(actor, [one.id for one in family], intent, at=at)


def _stands(merge_id: int) -> bool:
    open_row = select(LeadMerge.id).where(LeadMerge.merge_id == merge_id, LeadMerge.ended_at.is_(None))
    return db.session.scalar(open_row.limit(1)) is not None
