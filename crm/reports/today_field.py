"""The home page of whoever walks the district: a member, or a team lead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

from flask_babel import gettext as _
from flask_babel import ngettext

from crm.campaigns.queries import CampaignOption
from crm.campaigns.rules import Metric
from crm.kernel.actor import Actor
from crm.meetings.queries import TodoRow
from crm.outreach.rules import CUT_OFF, LogStatus
from crm.reports.today import MOST_TASKS, MyDay, TeamDay
from crm.reports.today_parts import (
    Headline,
    Links,
    Stat,
    Task,
    Today,
    after_cut_off,
    enquiry_task,
    metric_title,
    standing_words,
)

TEAM_DAY = "field.team"
"""The page of a team's day, which stands in a room to the right: known by its address alone."""

# --- a member ----------------------------------------------------------------------------------------------------


def member_page(actor: Actor, my: MyDay, links: Links, on: date, at: datetime) -> Today:
    return Today(
        day=on,
        as_of=at,
        kind="member",
        headline=_member_headline(my, links),
        stats=tuple(_pledge_stats(my.done, my.pledged)) if my.campaign else (),
        tasks=tuple(_member_tasks(my, links, on))[:MOST_TASKS],
        boards=my.boards,
        my_teams=actor.team_ids,
    )


def _member_headline(my: MyDay, links: Links) -> Headline:
    overdue, due = my.due.counts.overdue, my.due.counts.today
    url, action = links.to("leads.follow_ups"), _("Follow up")
    if overdue:
        words = ngettext("%(num)s follow-up is overdue", "%(num)s follow-ups are overdue", overdue)
        return Headline(words, _due_today(due), url, action, "phone")
    if due:
        return Headline(_due_today(due), standing_words(my.boards, my.team_id), url, action, "phone")
    if my.campaign is None:
        return Headline(
            _("No campaign runs today"),
            _("Follow-ups and to-dos stand below."),
            links.to("leads.listing"),
            _("My leads"),
            "calendar",
        )
    left = [
        f"{metric_title(metric)} {value - my.done.get(metric, 0)}"
        for metric, value in my.pledged.items()
        if my.done.get(metric, 0) < value
    ]
    new = links.to("leads.create")
    if left:
        return Headline(
            _("Still to go today: %(left)s", left="、".join(left)),
            standing_words(my.boards, my.team_id),
            new,
            _("New lead"),
            "target",
        )
    if my.pledged:
        return Headline(_("Today's pledge is kept"), standing_words(my.boards, my.team_id), new, _("New lead"), "check")
    return Headline(
        my.campaign.name, standing_words(my.boards, my.team_id) or _("Nothing is overdue."), new, _("New lead")
    )


def _member_tasks(my: MyDay, links: Links, on: date) -> Iterator[Task]:
    yield from enquiry_task(links, my.enquiries, owner=links.actor.user_id)
    for lead in (*my.due.overdue, *my.due.today)[:MOST_TASKS]:
        late = lead.follow_up_on is not None and lead.follow_up_on < on
        when = _("overdue since %(day)s", day=lead.follow_up_on) if late else _("due today")
        title = " · ".join(part for part in (lead.name, lead.shop) if part) or _("No name")
        detail = " · ".join(
            part for part in (when, _("Class %(code)s", code=lead.intent) if lead.intent else "") if part
        )
        yield from links.task(title, detail, _("Open"), "leads.detail", lead_id=lead.id)
    yield from _todo_tasks(my.todos, links, on)
    if my.campaign and my.team_id:
        yield from links.task(
            _("Daily log"), my.campaign.name, _("Fill in"), "outreach.day", campaign=my.campaign.id, team=my.team_id
        )


def _due_today(due: int) -> str:
    return ngettext("%(num)s follow-up is due today", "%(num)s follow-ups are due today", due) if due else ""


def _pledge_stats(done: Mapping[str, int], pledged: Mapping[str, int]) -> Iterator[Stat]:
    for metric in (Metric.VISITS, Metric.CONSULTS, Metric.APPLICATIONS, Metric.ACCEPTED):
        goal = pledged.get(metric)
        foot = _("of %(goal)s pledged", goal=goal) if goal is not None else _("no pledge")
        yield Stat(metric_title(metric), done.get(metric, 0), foot=foot)


def _todo_tasks(todos: Sequence[TodoRow], links: Links, on: date) -> Iterator[Task]:
    for todo in todos[:MOST_TASKS]:
        when = (
            _("overdue since %(day)s", day=todo.due_on)
            if todo.overdue(on)
            else (_("by %(day)s", day=todo.due_on) if todo.due_on else "")
        )
        detail = " · ".join(part for part in (_("To-do"), todo.owner or "", when) if part)
        yield from links.task(todo.text, detail, _("Open"), "meetings.todos")


# --- a team lead -------------------------------------------------------------------------------------------------


def team_page(actor: Actor, team: TeamDay, links: Links, on: date, at: datetime, zone_name: str) -> Today:
    done = {}
    if team.grid is not None:
        counts = {cell.metric: cell.recorded or 0 for cell in team.grid.total.compared}
        done = {Metric.VISITS: team.grid.total.valid, **counts}
    return Today(
        day=on,
        as_of=at,
        kind="team",
        headline=_team_headline(team, links, after_cut_off(at, zone_name)),
        stats=tuple(_pledge_stats(done, team.pledged)) if team.grid else (),
        tasks=tuple(_team_tasks(team, links, on))[:MOST_TASKS],
        boards=team.boards,
        my_teams=actor.lead_of or actor.team_ids,
        members=team.grid.rows if team.grid else (),
        log_url=_log_url(team.campaign, team.team_id, links),
        team_url=_team_url(team, links),
    )


def _team_headline(team: TeamDay, links: Links, after_cut_off: bool) -> Headline:
    if team.team_id is None:
        return Headline(_("You belong to no team today"), _("Ask an organiser to put you into one."), symbol="users")
    missing = team.grid is not None and team.grid.log.status == LogStatus.OPEN
    if missing and after_cut_off:
        words = _("Today's log of %(team)s is not handed in yet", team=team.team)
        return Headline(
            words,
            _("It was due at %(time)s.", time=f"{CUT_OFF:%H:%M}"),
            _log_url(team.campaign, team.team_id, links),
            _("Hand it in"),
            "clipboard-list",
        )
    if team.overdue:
        words = ngettext(
            "%(num)s follow-up of the team is overdue", "%(num)s follow-ups of the team are overdue", team.overdue
        )
        return Headline(
            words,
            standing_words(team.boards, team.team_id),
            links.to("leads.follow_ups", whose="all"),
            _("Look at them"),
            "phone",
        )
    standing = standing_words(team.boards, team.team_id)
    if standing:
        return Headline(
            standing,
            team.campaign.name if team.campaign else "",
            links.to("contest.board", contest_id=team.boards[0].contest.id),
            _("Standings"),
            "trophy",
        )
    if team.campaign is None:
        return Headline(_("No campaign runs today"), "", links.to("campaigns.listing"), _("Campaigns"), "calendar")
    return Headline(team.campaign.name, _("Nothing is overdue."), links.to("meetings.index"), _("Meetings"))


def _team_tasks(team: TeamDay, links: Links, on: date) -> Iterator[Task]:
    if team.grid is not None and team.campaign and team.grid.log.status == LogStatus.OPEN:
        yield from links.task(_("Today's log is open"), _("due at %(time)s", time=f"{CUT_OFF:%H:%M}"), _("Fill in"), "outreach.day",
                              campaign=team.campaign.id, team=team.team_id)  # fmt: skip
    if team.overdue:
        yield from links.task(
            _("Overdue follow-ups"), str(team.overdue), _("Look at them"), "leads.follow_ups", whose="all"
        )
    if team.due:
        yield from links.task(
            _("Follow-ups due today"), str(team.due), _("Look at them"), "leads.follow_ups", whose="all"
        )
    yield from enquiry_task(links, team.enquiries)
    if team.grid is not None:
        idle = [
            row.name
            for row in team.grid.rows
            if row.on_roster and not (row.touched or row.valid or any(cell.recorded for cell in row.compared))
        ]
        if idle:
            yield from links.task(_("Nothing recorded yet today"), "、".join(idle), _("See the day"), TEAM_DAY,
                                  campaign=team.campaign.id if team.campaign else None, team=team.team_id)  # fmt: skip
    yield from _todo_tasks(team.todos, links, on)


def _team_url(team: TeamDay, links: Links) -> str | None:
    return links.to(TEAM_DAY, campaign=team.campaign.id, team=team.team_id) if team.campaign else None


def _log_url(campaign: CampaignOption | None, team_id: int | None, links: Links) -> str | None:
    return links.to("outreach.day", campaign=campaign.id, team=team_id) if campaign else None
