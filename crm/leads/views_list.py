"""The list of leads: what is shown, by which filters, in which order. All of its state is in the address."""

from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from flask import render_template, request
from flask_babel import gettext as _

from crm.campaigns.queries import open_campaigns
from crm.districts.queries import district_options
from crm.kernel.actor import Actor
from crm.kernel.values import clean_text
from crm.leads import queries, words
from crm.leads.policy import LeadPermission, sees_names
from crm.leads.queries import LeadFilter, LeadRow
from crm.leads.views import blueprint, today
from crm.people.queries import MemberRow, list_teams, members, team_names
from crm.web.forms import query_day, query_id
from crm.web.guards import requires
from crm.web.identity import the_actor
from crm.web.paging import Paging, requested_page

Pairs = list[tuple[Any, Any]]


@dataclass(frozen=True)
class Choices:
    """What the filter bar offers, as (value, label)."""

    campaigns: Pairs
    teams: Pairs
    owners: Pairs
    districts: Pairs
    stages: Pairs
    trades: Pairs
    intents: Pairs
    exits: Pairs
    due: Pairs


@dataclass(frozen=True)
class ListPage:
    """One page of leads with the state of the list."""

    rows: tuple[LeadRow, ...]
    paging: Paging
    counts: list[tuple[str, str, int]]
    filters: LeadFilter
    chips: list[tuple[str, str, str]]
    choices: Choices
    sort: str
    today: date
    query: str
    sortable_names: bool
    may_record: bool
    may_assign: bool
    may_referee: bool
    assignable: Pairs


@blueprint.get("/leads")
@requires(LeadPermission.VIEW)
def listing() -> str:
    """The list of leads."""
    actor, day = the_actor(), today()
    filters = _asked()
    counts = queries.stage_counts(actor, filters, today=day)
    total = counts.get(filters.stage, 0) if filters.stage else sum(counts.values())
    sort = request.args.get("sort", queries.DEFAULT_SORT)
    rows = queries.list_leads(actor, filters, today=day, sort=sort, page=requested_page(), total=total)
    people = members(actor, on=day)
    choices = _choices(actor, people)
    may_assign = actor.may(LeadPermission.ASSIGN)
    page = ListPage(
        rows=tuple(rows.items),
        paging=Paging.of(rows),
        counts=[(code, _stage_name(code), number) for code, number in counts.items()],
        filters=filters,
        chips=_chips(filters, choices),
        choices=choices,
        sort=sort,
        today=day,
        query=request.query_string.decode("ascii", "ignore"),
        sortable_names=sees_names(actor),
        may_record=actor.may(LeadPermission.RECORD),
        may_assign=may_assign,
        may_referee=actor.may(LeadPermission.REFEREE),
        assignable=choices.owners if may_assign else [],
    )
    return render_template("leads/list.html", page=page)


def _asked() -> LeadFilter:
    args = request.args
    due = args.get("due", "")
    return LeadFilter(
        campaign_id=query_id("campaign"),
        team_id=query_id("team"),
        owner_id=query_id("owner"),
        district_id=query_id("district"),
        stage=args.get("stage", "")[:16],
        intent=args.get("intent", "")[:1],
        trade=clean_text(args.get("trade"))[:64],
        segment=args.get("segment", "")[:16],
        approach=clean_text(args.get("approach"))[:64],
        exit=args.get("exit", "")[:16],
        due=cast(Any, due if due in _due_names() else ""),
        created_from=query_day("from"),
        created_to=query_day("to"),
        text=clean_text(args.get("q"))[:60],
        source="qr" if args.get("source") == "qr" else "",
        with_merged=args.get("merged") == "1",
    )


def _due_names() -> dict[str, str]:
    return {"overdue": _("Overdue"), "today": _("Due today"), "due": _("Any day planned")}


def _exit_names() -> dict[str, str]:
    named = {code.value: str(word) for code, word in words.EXITS.items()}
    return {queries.OPEN: _("Still in the funnel"), queries.ANY_EXIT: _("Left, for any reason"), **named}


def _stage_name(code: str) -> str:
    return _("No stage yet") if code == queries.NO_STAGE else words.stage_label(code)


def _choices(actor: Actor, people: list[MemberRow]) -> Choices:
    teams = team_names()
    return Choices(
        campaigns=[(one.id, one.name) for one in open_campaigns(actor, closed_too=True)],
        teams=[(team.id, team.name) for team in list_teams(actor)],
        owners=[(row.user_id, f"{row.name} · {teams.get(row.team_id, '')}") for row in people],
        districts=cast(Pairs, district_options(actor)),
        stages=[(code, _stage_name(code)) for code in (*words.STAGES, queries.NO_STAGE)],
        trades=list(words.TRADES.items()),
        intents=list(words.INTENTS.items()),
        exits=list(_exit_names().items()),
        due=list(_due_names().items()),
    )


def _chips(filters: LeadFilter, choices: Choices) -> list[tuple[str, str, str]]:
    """The filters in force as (parameter, label, shown value)."""
    named: list[tuple[str, str, Any, Pairs]] = [
        ("q", _("Search"), filters.text, []),
        ("campaign", _("Campaign"), filters.campaign_id, choices.campaigns),
        ("team", _("Team"), filters.team_id, choices.teams),
        ("owner", _("Officer"), filters.owner_id, choices.owners),
        ("district", _("District"), filters.district_id, choices.districts),
        ("stage", _("Stage"), filters.stage, choices.stages),
        ("intent", _("Intent"), filters.intent, choices.intents),
        ("trade", _("Trade"), filters.trade, choices.trades),
        ("segment", _("Client group"), filters.segment, list(words.SEGMENTS.items())),
        ("approach", _("Approach"), filters.approach, list(words.APPROACHES.items())),
        ("exit", _("In or out"), filters.exit, choices.exits),
        ("due", _("Follow-up"), filters.due, choices.due),
        ("from", _("Registered from"), filters.created_from, []),
        ("to", _("Registered until"), filters.created_to, []),
        ("source", _("Way in"), _("QR code") if filters.source else "", []),
        ("merged", _("Merged leads"), _("shown too") if filters.with_merged else "", []),
    ]
    return [
        (key, label, str(dict(pairs).get(value, value)))
        for key, label, value, pairs in named
        if value not in (None, "")
    ]
