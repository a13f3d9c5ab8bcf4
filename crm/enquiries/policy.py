"""Who makes codes, who writes and approves what posters say, and who looks through what the public page held back."""

from enum import StrEnum

from sqlalchemy import ColumnElement, and_, or_, select, true

from crm.campaigns.models import Campaign
from crm.campaigns.policy import visible_to as campaigns_visible_to
from crm.enquiries.models import PosterCode
from crm.kernel.actor import Actor, Role
from crm.kernel.clock import business_day, now
from crm.kernel.installation import zone_name
from crm.people.models import Membership
from crm.people.queries import in_force


class EnquiryPermission(StrEnum):
    """Alphabetical. What came in holds customers: its name starts with "leads.", which no external organiser holds."""

    APPROVE = "enquiries.approve"
    CODES = "enquiries.codes"
    OWN = "enquiries.own"
    RECEIVED = "leads.enquiries"
    TEXTS = "enquiries.texts"
    WRITE = "enquiries.write"


_FIELD = frozenset({EnquiryPermission.CODES, EnquiryPermission.OWN})
GRANTS: dict[Role, frozenset[str]] = {
    Role.ADMIN: frozenset(),
    Role.AUDITOR: frozenset({EnquiryPermission.TEXTS}),
    Role.MANAGER: frozenset({EnquiryPermission.APPROVE, EnquiryPermission.TEXTS}),
    Role.MEMBER: _FIELD,
    Role.ORGANISER: frozenset(EnquiryPermission) - {EnquiryPermission.OWN},
    Role.TEAM_LEAD: _FIELD,
}


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """The codes that the actor may see: all of a visible campaign for those who see all teams; else the campaign's and its
    sessions' own, and those of the members of the teams that the actor leads today, or the actor's own."""
    seen = PosterCode.campaign_id.in_(select(Campaign.id).where(campaigns_visible_to(actor)))
    if actor.sees_all_teams:
        return and_(seen, true())
    return and_(
        seen,
        or_(
            PosterCode.member_id.is_(None),
            PosterCode.member_id == actor.user_id,
            PosterCode.member_id.in_(
                select(Membership.user_id).where(
                    Membership.team_id.in_(actor.lead_of), in_force(business_day(now(), zone_name()))
                )
            ),
        ),
    )


def may_approve(actor: Actor, author_id: int | None) -> bool:
    """Whether the actor may release a text of that author: never one's own, and nobody from outside the bank."""
    return actor.may(EnquiryPermission.APPROVE) and not actor.external and author_id != actor.user_id


def may_make(actor: Actor, member_id: int | None, team_ids: frozenset[int]) -> bool:
    """Whether the actor may make or revoke a code: organisers any; a team lead those of the team; a member the own one.

    `member_id` None is a campaign's or a session's, `team_ids` are the member's teams of today.
    """
    if not actor.may(EnquiryPermission.CODES):
        return False
    if actor.sees_all_teams:
        return True
    return member_id is not None and (member_id == actor.user_id or bool(team_ids & actor.lead_of))
