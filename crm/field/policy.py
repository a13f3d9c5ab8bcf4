"""Who may record with a phone in the field, who looks after what phones sent that could not be taken in, who watches a team's day,
who reports a phone lost."""

from enum import StrEnum

from crm.kernel.actor import Actor, Role
from crm.kernel.errors import NotFound
from crm.outreach.models import Visit
from crm.outreach.policy import writes_for


class FieldPermission(StrEnum):
    """Alphabetical. Names that start with "leads." no external organiser holds: behind them are customers, or the phones of others."""

    ANY_PHONE = "leads.any_phone"
    HELD = "leads.held"
    PHONES = "field.phones"
    RECORD = "field.record"
    TEAM = "field.team"


_RECORD = frozenset({FieldPermission.PHONES, FieldPermission.RECORD})
_ANY_PHONE = frozenset({FieldPermission.ANY_PHONE, FieldPermission.PHONES})
GRANTS: dict[Role, frozenset[str]] = {
    Role.ADMIN: _ANY_PHONE,
    Role.AUDITOR: frozenset(),
    Role.MANAGER: frozenset({FieldPermission.TEAM}),
    Role.MEMBER: _RECORD,
    Role.ORGANISER: _RECORD | _ANY_PHONE | {FieldPermission.HELD, FieldPermission.TEAM},
    Role.TEAM_LEAD: _RECORD | {FieldPermission.TEAM},
}


def check_phones(actor: Actor, user_id: int) -> None:
    """Raises NotFound for the phones of others, which only administrators and organisers look after."""
    if user_id != actor.user_id and not actor.may(FieldPermission.ANY_PHONE):
        raise NotFound("people.no_user")


def check_opens(actor: Actor, visit: Visit) -> None:
    """Raises NotFound for a visit whose place and photos are not the actor's to see: the member's own, and who keeps the team's log."""
    if visit.team_id is None or not writes_for(actor, visit.team_id, visit.member_id):
        raise NotFound("visit.not_found")
