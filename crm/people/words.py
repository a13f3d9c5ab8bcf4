"""Sentences and words of the room of people."""

from typing import Any

from flask_babel import lazy_gettext as _l

ERRORS: dict[str, Any] = {
    "password.common": _l("This password is too easy to guess. Take another one, such as three unrelated words."),
    "password.repeat": _l("The two passwords differ."),
    "password.short": _l("A password has at least %(least)s characters."),
    "password.wrong": _l("This is not your present password."),
    "people.change_first": _l("Choose a password of your own first."),
    "people.external_role": _l("Only an organiser can be an external trainer."),
    "people.in_team": _l("%(name)s belongs to %(team)s. Take them out of the team before you give this role."),
    "people.inactive": _l("%(name)s is shut out and cannot be put into a team."),
    "people.locked": _l("Too many failed attempts. Try again in %(minutes)s minutes, or ask your administrator."),
    "people.login_form": _l("A sign-in name has letters, digits, dots and hyphens, at most 64, and no blanks."),
    "people.login_taken": _l("The sign-in name %(login)s is taken."),
    "people.membership_dates": _l("The latest membership begins on %(since)s; the change cannot lie before that day."),
    "people.membership_overlap": _l("The person was in a team until %(until)s. Choose a later day."),
    "people.name": _l("A name has 1 to 80 characters."),
    "people.no_audit": _l("Only auditors may read the audit."),
    "people.no_message": _l("There is no such message."),
    "people.no_membership": _l("This person is in no team."),
    "people.no_team": _l("There is no such team."),
    "people.no_user": _l("There is no such person."),
    "people.own_rights": _l("Nobody changes their own rights. Ask another administrator."),
    "people.role_beyond": _l("Only an administrator gives this role or changes a person who has it."),
    "people.last_admin": _l("This is the last administrator: make another one first."),
    "people.leave_day": _l("Say from which day on. Nothing was changed."),
    "people.role_needed": _l("Only members and team leads belong to a team."),
    "people.sign_in": _l("Sign-in name and password do not fit."),
    "people.team_closed": _l("This team is out of use."),
    "people.team_name": _l("A team's name has 1 to 80 characters."),
    "people.team_taken": _l("There is a team called %(name)s already."),
    "people.token": _l("This link was used already or is too old. Ask your administrator for a new one."),
    "people.twice": _l("%(login)s stands in this sheet already, with other values."),
}

ROLES: dict[str, Any] = {
    "member": _l("Member"),
    "team_lead": _l("Team lead"),
    "organiser": _l("Organiser"),
    "manager": _l("Manager"),
    "auditor": _l("Auditor"),
    "admin": _l("Administrator"),
}

ROLE_HELP: dict[str, Any] = {
    "member": _l("Records visits and leads of the own team."),
    "team_lead": _l("As a member, and keeps the team's log and meetings."),
    "organiser": _l("Runs campaigns, PK and meetings of all teams."),
    "manager": _l("Reads, exports and approves."),
    "auditor": _l("Reads the audit, exports and consents."),
    "admin": _l("Manages people and rights; sees no customers."),
}

ACTS: dict[str, Any] = {
    "people.change_password": _l("Password changed"),
    "people.change_team": _l("Team changed"),
    "people.change_user": _l("Person or rights changed"),
    "people.create_team": _l("Team created"),
    "people.create_user": _l("Person created"),
    "people.end_sessions": _l("Other sessions ended"),
    "people.issue_token": _l("One-time link issued"),
    "people.join_team": _l("Put into a team"),
    "people.leave_team": _l("Left a team"),
    "people.lock": _l("Account locked"),
    "people.redeem_token": _l("One-time link used"),
    "people.sign_in": _l("Signed in"),
    "people.sign_out": _l("Signed out"),
    "people.unlock": _l("Lock lifted"),
    "people.undo_import": _l("Import of people undone"),
}


def role_label(code: str) -> Any:
    """The word for a role."""
    return ROLES.get(code, code)


SUBJECTS: dict[str, Any] = {"team": _l("Team"), "user": _l("Person")}

GLOBALS: dict[str, Any] = {
    "people_role_label": role_label,
    "people_roles": ROLES,
    "people_role_help": ROLE_HELP,
}
