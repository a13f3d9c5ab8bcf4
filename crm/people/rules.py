"""Rules of people that need no database."""

import re
from datetime import timedelta

from crm.kernel.actor import Role
from crm.kernel.errors import Invalid
from crm.kernel.values import clean_text

TEAM_ROLES = frozenset({Role.MEMBER, Role.TEAM_LEAD})
FAILURES_BEFORE_LOCK = 5
FIRST_LOCK = timedelta(minutes=15)
LONGEST_LOCK = timedelta(hours=24)
_LOGIN = re.compile(r"[\w.@-]{1,64}")


def clean_login(login: str) -> str:
    """Lower case: letters, digits, dot, hyphen, @. Raises Invalid("people.login_form")."""
    login = login.strip().lower()
    if not _LOGIN.fullmatch(login):
        raise Invalid("people.login_form")
    return login


def clean_person_name(name: str) -> str:
    """One line, blanks squeezed. Raises Invalid("people.name") when it is empty or longer than 80 characters."""
    name = " ".join(clean_text(name).split())
    if not 1 <= len(name) <= 80:
        raise Invalid("people.name")
    return name


def clean_team_name(name: str) -> str:
    """One line, blanks squeezed. Raises Invalid("people.team_name") when it is empty or longer than 80 characters."""
    name = " ".join(clean_text(name).split())
    if not 1 <= len(name) <= 80:
        raise Invalid("people.team_name")
    return name


def check_external(external: bool, role: Role) -> None:
    """Only an organiser can be a hired trainer. Raises Invalid("people.external_role")."""
    if external and role is not Role.ORGANISER:
        raise Invalid("people.external_role")


def check_team_role(role: Role) -> None:
    """Teams are of those who go out. Raises Invalid("people.role_needed") for any other role."""
    if role not in TEAM_ROLES:
        raise Invalid("people.role_needed")


def phone_place(user_id: int) -> str:
    """The place to which a colleague's number is sealed, so that rows cannot be swapped."""
    return f"user_account.phone:{user_id}"


def lock_after(failures: int) -> timedelta | None:
    """How long the account rests after that many failures in a row: 15 minutes after five, then doubling to a day."""
    over = failures - FAILURES_BEFORE_LOCK
    return min(FIRST_LOCK * 2 ** min(over, 10), LONGEST_LOCK) if over >= 0 else None


def bucket_here(user_id: int) -> str:
    """How the keys of a person's failures begin that are counted at addresses which know them."""
    return f"here:{user_id}:"
