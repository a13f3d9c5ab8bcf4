"""Who looks after a lead. Assigning never moves credit already earned, nor a lead from one team to another; what belongs to no
team (somebody who asked by a campaign's QR code) goes to the team of whoever gets it. Nothing here commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from crm.campaigns.models import Campaign, CampaignTeam
from crm.campaigns.queries import takes_part
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.errors import Invalid, NotFound
from crm.kernel.installation import zone_name
from crm.leads.commands import note_event
from crm.leads.editing import touch
from crm.leads.models import Lead
from crm.leads.policy import visible_to
from crm.leads.queries import lead_for_change
from crm.people.models import Membership, User
from crm.people.queries import in_force

MOST_AT_ONCE = 200


@dataclass(frozen=True)
class HandedOver:
    """How many leads changed hands, and how many stayed because their customers must not be contacted."""

    changed: int
    silent: int


def assign(actor: Actor, lead_id: int, *, to: int, at: datetime) -> None:
    """Gives a lead to a member of its team of today. Invalid("lead.no_contact") where there is nothing to be worked."""
    lead = lead_for_change(actor, lead_id)
    if lead.no_contact:
        raise Invalid("lead.no_contact")
    _hand_over(actor, lead, to, at, _check_member([lead], to, at))


def bulk_assign(actor: Actor, lead_ids: Sequence[int], *, to: int, at: datetime) -> HandedOver:
    """Gives up to MOST_AT_ONCE leads to one member, all or none but those who must not be contacted: they stay.

    One hidden or missing id refuses the whole (NotFound), and so does one lead of another team than the member's.
    """
    ids = sorted(set(lead_ids))
    if not ids:
        raise Invalid("lead.none_chosen")
    if len(ids) > MOST_AT_ONCE:
        raise Invalid("lead.too_many", most=MOST_AT_ONCE)
    found = select(Lead).where(Lead.id.in_(ids), visible_to(actor)).order_by(Lead.id).with_for_update()
    leads = list(db.session.scalars(found))
    if len(leads) != len(ids):
        raise NotFound("lead.not_found")
    if any(lead.merged_into_id is not None for lead in leads):
        raise Invalid("lead.merged")
    team_id = _check_member(leads, to, at)
    changed = [lead for lead in leads if lead.owner_id != to and not lead.no_contact]
    for lead in changed:
        _hand_over(actor, lead, to, at, team_id)
    return HandedOver(len(changed), sum(lead.no_contact for lead in leads))


def _check_member(leads: Sequence[Lead], user_id: int, at: datetime) -> int:
    """The member's team, for what belongs to none yet; Invalid when a lead is another team's, or its campaign not this team's."""
    today = business_day(at, zone_name())
    teams = set(
        db.session.scalars(
            select(Membership.team_id)
            .join(User, User.id == Membership.user_id)
            .where(Membership.user_id == user_id, in_force(today), User.active)
        )
    )
    fits = teams & {lead.team_id for lead in leads if lead.team_id is not None} or teams
    team_id = min(fits, default=None)
    if team_id is None or any(lead.team_id not in (None, team_id) for lead in leads):
        raise Invalid("lead.not_in_team")
    if not all(works_in(lead.campaign_id, team_id) for lead in leads if lead.team_id is None):
        raise Invalid("lead.team_not_in_campaign")
    return team_id


def works_in(campaign_id: int, team_id: int) -> bool:
    """Whether a team may have leads of that campaign: it takes part, or the campaign is the walk-in one."""
    return takes_part(campaign_id, team_id) or db.session.get_one(Campaign, campaign_id).walk_in


def _hand_over(actor: Actor, lead: Lead, to: int, at: datetime, team_id: int) -> None:
    if lead.owner_id == to:
        return
    if lead.team_id is None:
        lead.team_id = team_id
        place = db.session.get(CampaignTeam, (lead.campaign_id, team_id))
        lead.district_id = lead.district_id or (place.district_id if place else None)
    before, lead.owner_id = lead.owner_id, to
    touch(lead, at)
    note_event(actor, lead.id, "assigned", at=at, before=before, to=to)
    audit.record(actor, "leads.assign", "lead", lead.id, before=before, to=to)
