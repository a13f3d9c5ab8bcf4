"""My team today: which team's day is meant, and what its page, its JSON and its workbook say. All three say the same."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from crm.field.visit_facts import PhotoLink, photos_of_day
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day, zone
from crm.kernel.errors import NotFound
from crm.kernel.installation import zone_name
from crm.leads.policy import LeadPermission
from crm.outreach.choosing import DayChoices, day_choices
from crm.outreach.policy import OutreachPermission, oversees_team
from crm.outreach.rules import CUT_OFF, STAGE_OF, Declared
from crm.outreach.team_day import Counts, MemberToday, TeamToday, team_today
from crm.web.forms import query_day, query_id
from crm.web.locale import clock, moment

TALLIES = tuple(metric.value for metric in Declared)
SHOWN_TALLIES = (Declared.LEAFLETS.value, Declared.DOORS.value, Declared.WECHAT_ADDS.value)


@dataclass(frozen=True)
class TeamPage:
    """What the page shows; `team` is None when there is no campaign or no team to show."""

    choices: DayChoices
    as_of: datetime
    team: TeamToday | None = None
    photos: tuple[PhotoLink, ...] = ()
    with_notes: bool = False
    with_records: bool = False
    cut_off: str = f"{CUT_OFF:%H:%M}"

    @property
    def idle(self) -> tuple[MemberToday, ...]:
        """Members of the roster without any entry."""
        return tuple(row for row in self.team.rows if row.on_roster and row.last_at is None) if self.team else ()

    def when(self, row: MemberToday) -> str:
        """The time of the newest entry, with its day where that is another one: 补录 is made on a later day too."""
        if row.last_at is None:
            return clock(None)
        same = business_day(row.last_at, zone_name()) == self.choices.day
        return clock(row.last_at) if same else moment(row.last_at)

    def ago(self, row: MemberToday) -> str:
        """How long ago the newest entry was made; "" on other days than today."""
        if row.last_at is None or self.choices.day != self.choices.today:
            return ""
        return ago_words(row.last_at, self.as_of)

    def visits_url(self, row: MemberToday) -> str | None:
        """The visits behind a count."""
        where = self.choices
        at = {"campaign_id": where.campaign_id, "team_id": where.team_id, "day": where.day.isoformat()}
        return _address("outreach.visits", at, row)

    def records_url(self, row: MemberToday, metric: str) -> str | None:
        """The leads behind a count, for those who may see leads."""
        if not self.with_records:
            return None
        where, day = self.choices, self.choices.day.isoformat()
        of = {"stage": STAGE_OF[metric], "campaign": where.campaign_id, "team": where.team_id, "from": day, "to": day}
        return _address("figures.records", of, row)


def _address(endpoint: str, values: dict[str, Any], row: MemberToday) -> str:
    """Of one member, or with the total's row of all."""
    member: dict[str, Any] = {"member": row.member_id} if row.member_id else {}
    return url_for(endpoint, **values, **member)


def chosen(actor: Actor, *, at: datetime) -> DayChoices:
    """From the address, filled up with what the reader most likely means. Raises NotFound for a team that is not theirs to oversee."""
    today = business_day(at, zone_name())
    where = day_choices(
        actor,
        today=today,
        day=query_day("day") or today,
        campaign_id=query_id("campaign"),
        team_id=query_id("team"),
        shows=partial(oversees_team, actor),
    )
    if where.team_id is not None and where.team_id not in dict(where.teams):
        raise NotFound("people.no_team")
    return where


def day_of(actor: Actor, where: DayChoices) -> TeamToday | None:
    """The chosen team's day, None when nothing can be chosen."""
    if where.campaign_id is None or where.team_id is None:
        return None
    return team_today(actor, where.campaign_id, where.team_id, where.day)


def team_page(actor: Actor, *, at: datetime) -> TeamPage:
    """The page that the address asks for."""
    where = chosen(actor, at=at)
    team = day_of(actor, where)
    if team is None:
        return TeamPage(where, at)
    opens = actor.may(LeadPermission.RECORD) and actor.may(OutreachPermission.SUBMIT)
    sees = actor.may(LeadPermission.VIEW)
    photos = photos_of_day(team.campaign_id, team.team_id, team.day) if opens else ()
    return TeamPage(where, at, team, photos, with_notes=sees, with_records=sees)


def ago_words(then: datetime, at: datetime) -> str:
    """How long ago, in minutes and from an hour on in hours."""
    minutes = max(0, int((at - then).total_seconds() // 60))
    if minutes < 1:
        return _("just now")
    if minutes < 60:
        return ngettext("%(num)s minute ago", "%(num)s minutes ago", minutes)
    return ngettext("%(num)s hour ago", "%(num)s hours ago", minutes // 60)


def as_json(where: DayChoices, team: TeamToday | None) -> dict[str, Any]:
    """The same for the phone of the team's lead, as the phone's protocol has it."""
    rows = team.rows if team else ()
    names = {one.id: one.name for one in where.campaigns}
    return {
        "day": where.day.isoformat(),
        "team": None if where.team_id is None else {"id": where.team_id, "name": where.team},
        "campaign": None
        if where.campaign_id is None
        else {"id": where.campaign_id, "name": names.get(where.campaign_id, "")},
        "cut_off": f"{CUT_OFF:%H:%M}",
        "rows": [_row(row) for row in rows],
        "total": _row(team.total if team else MemberToday(0, "")),
        "notes": [
            {"at": _iso(note.at), "member": note.member, "text": note.text} for note in (team.notes if team else ())
        ],
        "export": url_for("field.team_workbook", **where.query) if team else None,
    }


def _row(row: MemberToday) -> dict[str, Any]:
    return {
        "member_id": row.member_id, "name": row.name, **_numbers(row.counts), "late": _late(row.late),
        "last_at": _iso(row.last_at), "tallies": dict(row.tallies),
    }  # fmt: skip


def _numbers(counts: Counts) -> dict[str, int]:
    return {
        "valid": counts.valid, "touched": counts.touched, "consults": counts.consults,
        "applications": counts.applications, "accepted": counts.accepted,
    }  # fmt: skip


def _late(late: Counts) -> dict[str, int]:
    return {
        "visits": late.visits, "consults": late.consults, "applications": late.applications, "accepted": late.accepted,
    }  # fmt: skip


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(zone(zone_name())).isoformat(timespec="seconds")
