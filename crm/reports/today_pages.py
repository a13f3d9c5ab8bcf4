"""The home page of whoever watches over all teams: organisers, managers, administrators, auditors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime

from flask_babel import gettext as _
from flask_babel import ngettext

from crm.figures.queries import FUNNEL_STAGES, MINIMUM_BASE, FunnelCounts, Rate
from crm.kernel.actor import Actor
from crm.people import inbox
from crm.reports import today as questions
from crm.reports.contents import Line
from crm.reports.today import MOST_TASKS, Accounts, HouseDay, Watch
from crm.reports.today_field import member_page, team_page
from crm.reports.today_parts import (
    Headline,
    Links,
    Stat,
    Task,
    Today,
    Told,
    after_cut_off,
    enquiry_task,
    figure_title,
    leader_words,
)
from crm.web.wording import message

MOST_DISTRICTS = 12
NOT_HANDED_IN = "missing"


def today_page(actor: Actor, *, on: date, at: datetime, zone_name: str) -> Today:
    """The home page of that actor on a business day, at a moment."""
    found = inbox.unread(actor)
    messages = tuple(Told(one.id, message(one.code, one.facts), one.created_at) for one in found.newest)
    return replace(_page(actor, on, at, zone_name), messages=messages, unread=found.total)


def _page(actor: Actor, on: date, at: datetime, zone_name: str) -> Today:
    links = Links(actor)
    kind = questions.kind_of(actor)
    if kind == "member":
        return member_page(actor, questions.my_day(actor, on=on, at=at), links, on, at)
    if kind == "team":
        return team_page(actor, questions.team_day(actor, on=on, at=at), links, on, at, zone_name)
    if kind == "accounts":
        return _accounts(questions.accounts(actor, at=at), links, on, at)
    if kind == "watch":
        return _watch(questions.watch(actor, on=on), links, on, at)
    return _house(actor, questions.house_day(actor, on=on, at=at), links, on, at, zone_name)


# --- organisers and managers -------------------------------------------------------------------------------------


def _house(actor: Actor, house: HouseDay, links: Links, on: date, at: datetime, zone_name: str) -> Today:
    late = _late_teams(house) if after_cut_off(at, zone_name) else []
    handed_in = any(row.status != NOT_HANDED_IN for row in house.logs)
    return Today(
        day=on,
        as_of=at,
        kind="house",
        headline=_house_headline(house, links, on, late),
        stats=tuple(_house_stats(house, links, on)),
        tasks=tuple(_house_tasks(house, links, late))[:MOST_TASKS],
        boards=house.boards,
        campaigns=house.campaigns,
        logs=house.logs if late or handed_in else (),
        districts=tuple(sorted(house.districts, key=_by_consults))[:MOST_DISTRICTS],
        shown=house.shown,
        steps=_steps(_shown_counts(house, on)),
        funnel_url=_funnel_url(links, house.shown),
    )


def _late_teams(house: HouseDay) -> list[str]:
    """Names of the teams that owe a log, in the order of the list."""
    return list(dict.fromkeys(row.team for row in house.logs if row.status == NOT_HANDED_IN))


def _shown_counts(house: HouseDay, on: date) -> FunnelCounts:
    return house.counts if house.shown == on else house.counts_before


def _by_consults(line: Line) -> tuple[int, int, int]:
    return -line.counts.consult, -line.counts.accepted, -line.visits.valid


def _house_headline(house: HouseDay, links: Links, on: date, late: list[str]) -> Headline:
    if not house.running and not house.campaigns:
        detail = _("Plan the next one, or look at what the last ones brought.")
        return Headline(_("No campaign runs today"), detail, links.to("campaigns.listing"), _("Campaigns"), "calendar")
    if late:
        words = ngettext(
            "%(num)s team has not handed in today's log", "%(num)s teams have not handed in today's log", len(late)
        )
        return Headline(words, "、".join(late), links.to("outreach.logs"), _("See the logs"), "clipboard-list")
    words, detail = _result(house, on), leader_words(house.boards)
    return Headline(words, detail, _funnel_url(links, house.shown), _("See the funnel"), "chart-bar")


def _result(house: HouseDay, on: date) -> str:
    """The figures of today in a sentence; before the first one those of yesterday."""
    counts = _shown_counts(house, on)
    facts = {code: getattr(counts, code) for code in FUNNEL_STAGES[:3]}
    if house.shown == on:
        return _("Today: %(consult)s consults, %(application)s applications, %(accepted)s accepted cases", **facts)
    return _(
        "Nothing yet today. Yesterday: %(consult)s consults, %(application)s applications, %(accepted)s accepted cases",
        **facts,
    )


def _funnel_url(links: Links, day: date, by: str = "team") -> str | None:
    return links.to("figures.funnel", **{"from": day.isoformat(), "to": day.isoformat(), "by": by})


def _house_stats(house: HouseDay, links: Links, on: date) -> Iterator[Stat]:
    url = _funnel_url(links, on)
    touched = _("and %(touched)s touched", touched=house.visits.touched)
    before = _("yesterday %(count)s", count=house.visits_before.valid)
    yield Stat(figure_title("visits_valid"), house.visits.valid, foot=f"{touched} · {before}", url=url)
    for code in FUNNEL_STAGES[:3]:
        before = _("yesterday %(count)s", count=getattr(house.counts_before, code))
        yield Stat(figure_title(code), getattr(house.counts, code), foot=before, url=url)


def _house_tasks(house: HouseDay, links: Links, late: list[str]) -> Iterator[Task]:
    if house.held_back:
        held = ngettext("%(num)s enquiry was held back", "%(num)s enquiries were held back", house.held_back)
        yield from links.task(
            held, _("A program may have sent it"), _("Look at them"), "enquiries.received", lane="held"
        )
    yield from enquiry_task(links, house.enquiries)
    if late:
        yield from links.task(_("Logs not handed in"), "、".join(late), _("See the logs"), "outreach.logs")
    if house.clashes:
        words = ngettext("%(num)s clash to decide", "%(num)s clashes to decide", house.clashes)
        yield from links.task(words, _("two teams claim one customer"), _("Decide"), "contest.clashes")
    dry = [line.label for line in house.campaigns if not line.counts.consult and line.visits.all]
    if dry:
        url = _funnel_url(links, house.shown, "campaign")
        yield from [(_("Visited, but no consult yet"), "、".join(dry), url, _("See the funnel"))] if url else []
    for board in house.boards:
        yield from links.task(
            board.contest.name, leader_words((board,)), _("Standings"), "contest.board", contest_id=board.contest.id
        )
    if house.running:
        names = "、".join(one.name for one in house.running[:3])
        yield from links.task(_("Meetings of today"), names, _("Open"), "meetings.index")
        yield from links.task(_("Management workbook"), _("figures up to this moment"), _("Make it"), "reports.exports")


def _steps(counts: FunnelCounts) -> tuple[tuple[str, int, Rate | None], ...]:
    if not any(getattr(counts, code) for code in FUNNEL_STAGES):
        return ()
    rates = {"application": counts.application_rate, "accepted": counts.acceptance_rate}
    minimum = {"application": MINIMUM_BASE["consult"], "accepted": MINIMUM_BASE["application"]}
    return tuple(
        (figure_title(code), getattr(counts, code), _if_enough(rates.get(code), minimum.get(code, 0)))
        for code in FUNNEL_STAGES[:3]
    )


def _if_enough(rate: Rate | None, minimum: int) -> Rate | None:
    """A rate on too small a base is not drawn beside the picture; the funnel page says why."""
    return rate if rate is not None and rate.enough(minimum) else None


# --- administrator and auditor -----------------------------------------------------------------------------------


def _accounts(found: Accounts, links: Links, on: date, at: datetime) -> Today:
    people = links.to("people.users", state="active")
    more = _("The page on the state of the installation says more.")
    jobs = ngettext("%(num)s job is overdue and not done", "%(num)s jobs are overdue and not done", found.undone_jobs)
    imports = ngettext("%(num)s import failed", "%(num)s imports failed", found.failed_imports)
    if found.undone_jobs:
        headline = Headline(jobs, more, links.to("status.index"), _("State of the installation"), "alert-triangle")
    elif found.without_password:
        words = ngettext(
            "%(num)s person has no password yet", "%(num)s people have no password yet", found.without_password
        )
        headline = Headline(words, _("Give them a one-time link."), people, _("People and rights"), "id-badge")
    elif found.locked:
        words = ngettext("%(num)s account is locked", "%(num)s accounts are locked", found.locked)
        headline = Headline(words, _("Locks end by themselves after a while."), people, _("People and rights"), "lock")
    else:
        headline = Headline(_("All accounts are in order"), "", people, _("People and rights"), "check")
    stats = (
        Stat(_("Active accounts"), found.active, url=people),
        Stat(_("Without a password"), found.without_password, url=people),
        Stat(_("Locked now"), found.locked, url=people),
        Stat(_("Shut out"), found.shut_out, url=links.to("people.users", state="inactive")),
    )
    tasks = [
        *(links.task(jobs, more, _("Open"), "status.index") if found.undone_jobs else ()),
        *(links.task(imports, _("in the last seven days"), _("Open"), "intake.index") if found.failed_imports else ()),
        *links.task(
            _("Teams and who belongs to them"),
            _("dated memberships; a transfer keeps the history"),
            _("Open"),
            "people.teams",
        ),
        *links.task(_("Imports"), _("rosters and districts from a sheet"), _("Open"), "intake.index"),
        *links.task(_("Districts"), _("the tree that teams work in"), _("Open"), "districts.index"),
    ]
    return Today(on, at, "accounts", headline, stats, tuple(tasks))


def _watch(found: Watch, links: Links, on: date, at: datetime) -> Today:
    words = _(
        "Today %(files)s files left the house and %(phones)s phones were shown in full",
        files=found.exports_today,
        phones=found.reveals_today,
    )
    stats = (
        Stat(
            _("Files today"),
            found.exports_today,
            foot=_("%(count)s in seven days", count=found.exports_week),
            url=links.to("reports.export_log"),
        ),
        Stat(
            _("Phones shown today"),
            found.reveals_today,
            foot=_("%(count)s in seven days", count=found.reveals_week),
            url=links.to("people.audit", action="leads.reveal"),
        ),
        Stat(_("Acts in the audit today"), found.acts_today, url=links.to("people.audit")),
    )
    day = on.isoformat()
    tasks = [
        *links.task(_("Exports made"), _("who took what out of the house"), _("Open"), "reports.export_log"),
        *links.task(
            _("Phones shown in full"),
            _("by whom, and for which reason"),
            _("Open"),
            "people.audit",
            action="leads.reveal",
        ),
        *links.task(_("Acts of today"), _("everything that was changed"), _("Open"), "people.audit", **{"from": day}),
        *links.task(
            _("The chain of the audit"),
            _("proves that no entry was changed or taken out"),
            _("Check"),
            "people.audit",
            verify=1,
        ),
    ]
    return Today(
        on,
        at,
        "watch",
        Headline(words, "", links.to("people.audit", verify=1), _("Check the audit"), "shield-check"),
        stats,
        tuple(tasks),
    )
