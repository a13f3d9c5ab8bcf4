"""Meetings at the terminal: the evening report of a day, and whether every stored report is still what was stored."""

from datetime import date, datetime

import click
from flask_babel import gettext as _
from sqlalchemy import select

from crm.campaigns.queries import find_campaign
from crm.kernel.actor import SYSTEM
from crm.kernel.clock import now
from crm.kernel.db import db
from crm.kernel.errors import NotFound
from crm.kernel.installation import zone_name
from crm.kernel.terminal import in_application, json_option, print_json, print_table
from crm.kernel.unit_of_work import unit_of_work
from crm.meetings.reports import Body, compose_evening
from crm.meetings.storing import coming_moment, is_intact, newest_report, store_evening_report, verify_reports
from crm.people.models import Team


@click.command("evening")
@click.option("--campaign", required=True, help="Code or id of the campaign.")
@click.option("--day", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The business day.")
@click.option("--team", help="Name or id of a team; without it the whole campaign.")
@click.option("--store", is_flag=True, help="Keep the report: the figures of the bell, the words of now.")
@click.option("--late", is_flag=True, help="With --store: a correction that counts late entries too; needs a reason.")
@click.option("--reason", default="", help="Why a further revision is stored.")
@json_option
@in_application
def evening(
    campaign: str, day: datetime, team: str | None, store: bool, late: bool, reason: str, as_json: bool
) -> None:
    """The evening report: the stored one, or with no stored one what it would say: figures until the bell, as on the page."""
    found, on, at = find_campaign(SYSTEM, campaign), day.date(), now()
    if on < found.starts_on:
        raise click.ClickException(f"{found.code} begins on {found.starts_on}: there is no evening of {on}")
    team_id = None if team is None else _team(team)
    stored = newest_report(SYSTEM, found.id, team_id, on)
    as_of = at if late else coming_moment(stored, on, at, zone_name())
    if late and not (store and reason):
        raise click.UsageError("--late goes with --store and --reason")
    if store:
        with unit_of_work():
            stored = store_evening_report(
                SYSTEM,
                campaign_id=found.id,
                team_id=team_id,
                day=on,
                as_of=as_of,
                words_as_of=at,
                at=at,
                reason=reason,
            )
    if stored is not None and not is_intact(stored):
        raise click.ClickException(
            f"stored report {stored.id} was changed after it was stored; run `crm report verify`"
        )
    body = stored.body if stored else compose_evening(SYSTEM, found.id, team_id, on, as_of, words_as_of=at)
    about = {
        "stored": stored is not None,
        "revision": stored.revision if stored else None,
        "sha256": stored.sha256 if stored else None,
    }
    if as_json:
        print_json({**about, **body})
    else:
        _print(body, about, on)


def _team(text: str) -> int:
    found = db.session.scalar(select(Team.id).where(Team.name == text))
    if found is None and text.isascii() and text.isdigit() and len(text) < 10:
        found = db.session.scalar(select(Team.id).where(Team.id == int(text)))
    if found is None:
        raise NotFound("people.no_team")
    return found


def _print(body: Body, about: Body, day: date) -> None:
    whose = body["team"]["name"] if body["team"] else ""
    state = f"stored, revision {about['revision']}, {about['sha256'][:12]}" if about["stored"] else "not stored"
    click.echo(f"{body['campaign']['name']} {whose} {day.isoformat()}, as of {body['as_of']} ({state})\n")
    lines = [
        ("day", body["visits"]["day"], body["funnel"]["day"]),
        ("so far", body["visits"]["cumulative"], body["funnel"]["cumulative"]),
    ]
    print_table([_line(name, visits, counts) for name, visits, counts in lines])
    click.echo()
    print_table([_line(team["name"], team["visits"], team["day"]) for team in body["teams"]])
    for one in body["standings"]:
        click.echo(f"\nPK {one['contest']['name']}")
        print_table(
            one["cumulative"], ("rank", "team", "score", "points", "person_days", "consult", "application", "accepted")
        )


def _line(name: str, visits: Body, counts: Body) -> Body:
    return {
        "": name,
        "valid": visits["valid"],
        "touched": visits["touched"],
        "consult": counts["consult"],
        "application": counts["application"],
        "accepted": counts["accepted"],
        "application_rate": _rate(counts["application_rate"]),
        "acceptance_rate": _rate(counts["acceptance_rate"]),
    }


def _rate(rate: Body) -> str:
    """A stored rate as the page of the report shows it."""
    return str(rate["percent"]) if rate["enough"] or not rate["n"] else _("Sample too small")


@click.command("verify")
@json_option
@in_application
def verify(as_json: bool) -> None:
    """Whether every stored report still gives its hash; exits with 1 when one does not."""
    changed = list(verify_reports())
    if as_json:
        print_json({"changed": changed})
    else:
        click.echo(
            "changed after they were stored: " + ", ".join(map(str, changed))
            if changed
            else "all stored reports are intact"
        )
    if changed:
        raise SystemExit(1)


GROUPS: dict[str, list[click.Command]] = {"report": [evening, verify]}
HELP = {"report": "Reports of the meetings."}
