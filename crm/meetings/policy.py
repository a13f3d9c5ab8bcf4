"""Who may see and lead meetings. A team's meeting is led by its team lead, the campaign's by an organiser."""

from enum import StrEnum

from sqlalchemy import ColumnElement, and_, exists, select, true

from crm.campaigns.models import Campaign
from crm.campaigns.policy import visible_to as campaigns_visible_to
from crm.kernel.actor import Actor, Role
from crm.kernel.errors import Forbidden, NotFound
from crm.meetings.models import Meeting, StoredReport, Todo
from crm.people.policy import team_scope


class MeetingPermission(StrEnum):
    """Alphabetical."""

    PLEDGE = "meetings.pledge"
    RUN = "meetings.run"
    STORE_REPORT = "meetings.store_report"
    VIEW = "meetings.view"


_VIEW = frozenset({MeetingPermission.VIEW})
GRANTS: dict[Role, frozenset[str]] = {
    Role.ADMIN: frozenset(),
    Role.AUDITOR: _VIEW,
    Role.MANAGER: _VIEW,
    Role.MEMBER: _VIEW | {MeetingPermission.PLEDGE},
    Role.ORGANISER: frozenset(MeetingPermission),
    Role.TEAM_LEAD: frozenset(MeetingPermission),
}


def visible_to(actor: Actor, table: type[Meeting] | type[StoredReport] | type[Todo] = Meeting) -> ColumnElement[bool]:
    """The meetings (or reports, to-dos) that the actor may see: those of the own teams.

    The whole campaign's hold every team's attendance and words, so they are for those who see all teams.
    """
    seen = exists(select(Campaign.id).where(Campaign.id == table.campaign_id, campaigns_visible_to(actor)))
    teams = team_scope(actor)
    return and_(seen, true() if teams is None else table.team_id.in_(teams))


def check_scope(actor: Actor, team_id: int | None) -> None:
    """Raises NotFound for a team, or for the whole campaign, that is not the actor's to see."""
    teams = team_scope(actor)
    if teams is not None and team_id not in teams:
        raise NotFound("meeting.not_found")


def leads(actor: Actor, team_id: int | None) -> bool:
    """Whether the actor leads that team's meetings: its lead of today, or an organiser; the campaign's an organiser alone."""
    return actor.may(MeetingPermission.RUN) and (actor.sees_all_teams or team_id in actor.lead_of)


def check_leads(actor: Actor, team_id: int | None) -> None:
    """Raises NotFound for what the actor may not see, Forbidden for what they see and do not lead."""
    check_scope(actor, team_id)
    if not leads(actor, team_id):
        raise Forbidden("meeting.not_leading")
