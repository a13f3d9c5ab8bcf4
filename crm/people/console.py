"""Commands of the terminal for people, teams and the audit. Whoever has the machine's terminal acts as the installation."""

from datetime import date, datetime
from typing import Any

import click

from crm.kernel.actor import SYSTEM, Role
from crm.kernel.clock import business_day, now
from crm.kernel.errors import NotFound
from crm.kernel.installation import zone_name
from crm.kernel.terminal import in_application, json_option, print_json, print_table
from crm.kernel.unit_of_work import unit_of_work
from crm.people import commands, queries, trail
from crm.people.models import User

_ROLES = click.Choice([role.value for role in Role])
_DAY = click.DateTime(["%Y-%m-%d"])


@click.command("list")
@click.option("--text", default="", help="A piece of the name or login.")
@click.option("--role", type=_ROLES, default=None)
@json_option
@in_application
def list_people(text: str, role: str | None, as_json: bool) -> None:
    """People with role, team and state."""
    rows: list[dict[str, Any]] = []
    number, pages = 1, 1
    while number <= pages:
        page = queries.people_page(SYSTEM, on=_today(), text=text, role=role or "", page=number)
        rows.extend(_person(row) for row in page.items)
        number, pages = number + 1, page.pages
    _print(rows, as_json)


@click.command("add")
@click.argument("login")
@click.argument("name")
@click.option("--role", type=_ROLES, default="member", show_default=True)
@click.option("--external", is_flag=True, help="A hired trainer: counts, never customers.")
@click.option("--email", default="")
@click.option("--phone", default="")
@click.option("--team", default="", help="Name of the team to join today.")
@json_option
@in_application
def add_person(
    login: str, name: str, role: str, external: bool, email: str, phone: str, team: str, as_json: bool
) -> None:
    """A new person, and a one-time token for the first sign-in."""
    with unit_of_work():
        user = commands.create_user(
            SYSTEM, login=login, name=name, role=Role(role), external=external, email=email, phone=phone
        )
        if team:
            is_lead = Role(role) is Role.TEAM_LEAD
            commands.join_team(SYSTEM, user_id=user.id, team_id=_team(team), on=_today(), is_lead=is_lead)
        token = commands.issue_token(SYSTEM, user.id, at=now())
    _print({"id": user.id, "login": user.login, "path": f"/welcome/{token}"}, as_json)


@click.command("change")
@click.argument("login")
@click.option("--name", default=None)
@click.option("--role", type=_ROLES, default=None)
@click.option(
    "--external/--internal", default=None, help="Whether an organiser is a hired trainer: counts, never customers."
)
@click.option("--email", default=None, help="An empty one takes it away.")
@click.option("--phone", default=None, help="An empty one takes it away.")
@json_option
@in_application
def change_person(
    login: str,
    name: str | None,
    role: str | None,
    external: bool | None,
    email: str | None,
    phone: str | None,
    as_json: bool,
) -> None:
    """Changes a card or rights; what is not named stays. Another role ends open sessions."""
    with unit_of_work():
        user = _user(login)
        commands.change_user(
            SYSTEM,
            user.id,
            version=user.version,
            active=user.active,
            name=user.name if name is None else name,
            role=Role(role or user.role),
            external=user.external if external is None else external,
            email=user.email if email is None else email,
            phone=phone,
        )
    _print(
        {"id": user.id, "login": user.login, "name": user.name, "role": user.role, "external": user.external}, as_json
    )


@click.command("show")
@click.argument("login")
@json_option
@in_application
def show_person(login: str, as_json: bool) -> None:
    """The teams of a person, newest first."""
    rows = queries.membership_history(_user(login).id)
    _print(
        [{"team": row.team, "lead": row.is_lead, "from": row.valid_from, "to": row.valid_to} for row in rows], as_json
    )


@click.command("unlock")
@click.argument("login")
@json_option
@in_application
def unlock(login: str, as_json: bool) -> None:
    """Lifts the locks that failed sign-ins have put on an account."""
    with unit_of_work():
        user = commands.unlock(SYSTEM, _user(login).id)
    _print({"id": user.id, "login": user.login}, as_json)


@click.command("token")
@click.argument("login")
@json_option
@in_application
def issue_token(login: str, as_json: bool) -> None:
    """A new one-time token; older ones and open sessions end."""
    with unit_of_work():
        user = _user(login)
        token = commands.issue_token(SYSTEM, user.id, at=now())
    _print({"id": user.id, "login": user.login, "path": f"/welcome/{token}"}, as_json)


@click.command("deactivate")
@click.argument("login")
@click.option("--undo", is_flag=True, help="Let the person in again.")
@json_option
@in_application
def deactivate(login: str, undo: bool, as_json: bool) -> None:
    """Shuts a person out at once."""
    with unit_of_work():
        user = _user(login)
        commands.set_active(SYSTEM, user.id, version=user.version, active=undo)
    _print({"id": user.id, "login": user.login, "active": user.active}, as_json)


@click.command("join")
@click.argument("login")
@click.argument("team")
@click.option("--from", "day", type=_DAY, default=None, help="First day in the team; today when left out.")
@click.option("--lead", is_flag=True, help="Leads the team.")
@json_option
@in_application
def join(login: str, team: str, day: datetime | None, lead: bool, as_json: bool) -> None:
    """Puts a person into a team; out of another, if need be, with its history kept."""
    on = day.date() if day else _today()
    with unit_of_work():
        user = _user(login)
        commands.join_team(SYSTEM, user_id=user.id, team_id=_team(team), on=on, is_lead=lead)
    _print({"login": user.login, "team": team, "from": on.isoformat(), "lead": lead}, as_json)


@click.command("leave")
@click.argument("login")
@click.option("--from", "day", type=_DAY, default=None, help="First day without a team; today when left out.")
@json_option
@in_application
def leave(login: str, day: datetime | None, as_json: bool) -> None:
    """Ends a person's membership."""
    on = day.date() if day else _today()
    with unit_of_work():
        user = _user(login)
        commands.leave_team(SYSTEM, user_id=user.id, on=on)
    _print({"login": user.login, "team": None, "from": on.isoformat()}, as_json)


@click.command("list")
@json_option
@in_application
def list_teams(as_json: bool) -> None:
    """Teams, who leads them and how many people they have today."""
    _print([vars(team) for team in queries.teams_overview(SYSTEM, on=_today())], as_json)


@click.command("add")
@click.argument("name")
@click.option("--slogan", default="")
@json_option
@in_application
def add_team(name: str, slogan: str, as_json: bool) -> None:
    """A new team."""
    with unit_of_work():
        team = commands.create_team(SYSTEM, name=name, slogan=slogan)
    _print({"id": team.id, "name": team.name}, as_json)


@click.command("change")
@click.argument("name")
@click.option("--name", "new_name", default=None, help="Another name.")
@click.option("--slogan", default=None)
@click.option("--close/--open", "close", default=None, help="Out of use: nobody can be put in.")
@json_option
@in_application
def change_team(name: str, new_name: str | None, slogan: str | None, close: bool | None, as_json: bool) -> None:
    """Changes a team's card; what is not named stays."""
    with unit_of_work():
        team = queries.get_team(SYSTEM, _team(name))
        commands.change_team(
            SYSTEM,
            team.id,
            version=team.version,
            name=team.name if new_name is None else new_name,
            slogan=team.slogan if slogan is None else slogan,
            active=team.active if close is None else not close,
        )
    _print({"id": team.id, "name": team.name, "slogan": team.slogan, "active": team.active}, as_json)


@click.command("verify")
@json_option
@in_application
def verify_audit(as_json: bool) -> None:
    """Checks every entry of the audit against its hash; exit code 1 when one does not fit."""
    chain = trail.verify(SYSTEM)
    _print({"entries": chain.entries, "broken": list(chain.broken)}, as_json)
    if chain.broken:
        raise SystemExit(1)


def _print(value: Any, as_json: bool) -> None:
    if as_json:
        print_json(value)
    else:
        print_table(value if isinstance(value, list) else [value])


def _person(row: queries.PersonRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "login": row.login,
        "name": row.name,
        "role": row.role,
        "external": row.external,
        "team": row.team,
        "lead": bool(row.is_lead),
        "active": row.active,
        "can_sign_in": row.can_sign_in,
    }


def _user(login: str) -> User:
    user = queries.user_by_login(login)
    if user is None:
        raise NotFound("people.no_user")
    return user


def _team(name: str) -> int:
    for team in queries.list_teams(SYSTEM, active_only=False):
        if team.name == name:
            return team.id
    raise NotFound("people.no_team")


def _today() -> date:
    return business_day(now(), zone_name())


GROUPS = {
    "people": [
        list_people,
        show_person,
        add_person,
        change_person,
        issue_token,
        deactivate,
        unlock,
        join,
        leave,
    ],
    "teams": [list_teams, add_team, change_team],
    "audit": [verify_audit],
}
HELP = {"people": "People and their rights.", "teams": "Teams.", "audit": "The audit."}
