"""The referee's list: two teams claim one customer. Only those who referee may read what the second claimant wrote."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from crm.campaigns.models import Campaign
from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import Forbidden, Invalid
from crm.kernel.installation import keys
from crm.kernel.paging import PER_PAGE, Page
from crm.kernel.values import mask_phone, normalise_phone
from crm.leads.cards import CardOfLead, card_of, shown_name
from crm.leads.models import Clash, Lead
from crm.leads.policy import LeadPermission, visible_to
from crm.people.queries import team_names, user_names


@dataclass(frozen=True)
class Claim:
    """One side of a clash. The phone is masked."""

    lead_id: int | None
    name: str
    phone: str
    shop: str
    address: str
    team: str
    officer: str
    occurred_at: datetime | None
    received_at: datetime


@dataclass(frozen=True)
class ClashRow:
    """A clash: who holds the customer (the record that the server received first) and who claims it too."""

    id: int
    campaign: str
    matched_by: str
    state: str
    holder: Claim
    claimant: Claim


def list_clashes(actor: Actor, *, page: int = 1) -> Page[ClashRow]:
    """All clashes, newest first. Raises Forbidden for those who are no referees."""
    if not actor.may(LeadPermission.REFEREE):
        raise Forbidden("lead.referee")
    query = (
        select(Clash, Lead, Campaign.name)
        .join(Lead, Lead.id == Clash.lead_id)
        .join(Campaign, Campaign.id == Clash.campaign_id)
        .where(visible_to(actor))
    )
    total = db.session.scalar(select(db.func.count()).select_from(query.subquery())) or 0
    rows = db.session.execute(query.order_by(Clash.id.desc()).limit(PER_PAGE).offset((page - 1) * PER_PAGE)).all()
    teams, people = team_names(), user_names()
    uids = [clash.claim_uid for clash, _, _ in rows]
    own = dict(db.session.execute(select(Lead.uid, Lead.id).where(Lead.uid.in_(uids))).all())
    return Page(
        [
            ClashRow(
                id=clash.id,
                campaign=campaign,
                matched_by=clash.matched_by,
                state=clash.state,
                holder=_holder(card_of(lead, actor), teams, people),
                claimant=_claimant(actor, clash, own.get(clash.claim_uid), teams, people),
            )
            for clash, lead, campaign in rows
        ],
        page,
        total,
    )


def _holder(card: CardOfLead, teams: dict[int, str], people: dict[int, str]) -> Claim:
    return Claim(
        lead_id=card.id,
        name=card.name,
        phone=card.phone,
        shop=card.shop,
        address=card.address,
        team=teams.get(card.team_id or 0, ""),
        officer=people.get(card.owner_id or 0, ""),
        occurred_at=None,
        received_at=card.created_at,
    )


def _masked(typed: str) -> str:
    """In the spelling of the holder's phone, so that the referee sees that they are one; a row without a phone has none."""
    try:
        return mask_phone(normalise_phone(typed)) if typed.strip() else ""
    except Invalid:
        return mask_phone("".join(ch for ch in typed if ch.isdigit()))


def _claimant(actor: Actor, clash: Clash, lead_id: int | None, teams: dict[int, str], people: dict[int, str]) -> Claim:
    words = json.loads(keys().open(clash.claim_sealed, place=f"clash:{clash.claim_uid}"))
    return Claim(
        lead_id=lead_id,
        name=shown_name(actor, words.get("name", "")),
        phone=_masked(words.get("phone", "")),
        shop=words.get("shop", ""),
        address=words.get("address", ""),
        team=teams.get(clash.team_id or 0, ""),
        officer=people.get(clash.claimed_by_id or 0, ""),
        occurred_at=clash.occurred_at,
        received_at=clash.received_at,
    )
