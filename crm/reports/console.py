"""Workbooks from the terminal: `crm export workbook --campaign C --out FILE`."""

from contextlib import nullcontext
from datetime import date, datetime
from pathlib import Path

import click
from flask import current_app
from flask_babel import force_locale

from crm.figures.queries import campaign_named
from crm.kernel.actor import SYSTEM, Actor
from crm.kernel.clock import business_day, now
from crm.kernel.errors import NotFound
from crm.kernel.installation import zone_name
from crm.kernel.terminal import in_application, json_option, print_json, print_table
from crm.kernel.unit_of_work import unit_of_work
from crm.people.queries import actor_of, user_by_login
from crm.reports.commands import export_workbook
from crm.reports.rules import WorkbookQuery
from crm.reports.workbook import made_workbook
from crm.web.locale import LOCALES

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command("workbook")
@click.option("--campaign", default="", help="Code or id of one campaign; without it all of them.")
@click.option("--from", "first", type=_DAY, help="First business day, as 2026-11-23.")
@click.option("--to", "last", type=_DAY, help="Last business day.")
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="The file to write (.xlsx).",
)
@click.option("--as", "login", default="", metavar="LOGIN", help="Act as this user; else as the system.")
@click.option(
    "--lang", type=click.Choice(sorted(LOCALES)), help="Language of the headings; else the user's, else Chinese."
)
@json_option
@in_application
def workbook(
    campaign: str, first: datetime | None, last: datetime | None, out: Path, login: str, lang: str | None, as_json: bool
) -> None:
    """Write the management workbook and record that it left the house."""
    at = now()
    actor = _actor(login, business_day(at, zone_name()))
    if not out.parent.is_dir():
        raise click.BadParameter(f"{out.parent} is not a folder", param_hint="--out")
    asked = WorkbookQuery(campaign_named(actor, campaign) if campaign else None, _date(first), _date(last))
    language = lang or (actor.locale if login else None)
    bank = current_app.extensions["crm.settings"].bank
    worded = force_locale(LOCALES[language]) if language in LOCALES else nullcontext()
    with worded, made_workbook(actor, asked, bank=bank, folder=out.parent, at=at) as made, unit_of_work():
        record = export_workbook(actor, made, at=at, out=out)
    answer = {
        "file": str(out),
        "rows": record.rows,
        "sha256": record.sha256,
        "figures": made.figures,
        "export": record.id,
    }
    if as_json:
        print_json(answer)
    else:
        print_table([answer])


def _actor(login: str, today: date) -> Actor:
    if not login:
        return SYSTEM
    user = user_by_login(login)
    if user is None or not user.active:
        raise NotFound("people.no_user")
    return actor_of(user, on=today, grants=current_app.extensions["crm.grants"])


def _date(at: datetime | None) -> date | None:
    return None if at is None else at.date()


GROUPS: dict[str, list[click.Command]] = {"export": [workbook]}
HELP = {"export": "Files that leave the house."}
