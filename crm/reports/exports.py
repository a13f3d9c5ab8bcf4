"""The sheets of the management workbook. Headings are in the reader's language; every number comes from `contents`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from flask_babel import gettext as _

from crm.contest.queries import BoardRow
from crm.figures.queries import FUNNEL_STAGES, MINIMUM_BASE, FunnelCounts, VisitCounts, figure
from crm.figures.rules import competition_ranks
from crm.kernel.clock import zone
from crm.kernel.installation import zone_name
from crm.reports.contents import Contents, Line, Pk
from crm.sheets.specs import ChartSpec, Column, OutCell, RateFormula, SheetSpec

PLACE_DIVIDER = " / "
MOST_WIDE_TEAMS = 8
"""Up to so many teams stand side by side with three figures each; beyond that each shows its accepted cases only."""
CHARTED = 12
DAILY_STAGES = ("consult", "application", "accepted")
Row = Sequence[OutCell]
Adding = Literal["sum", "rate"] | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet and its code, the same in every language."""

    code: str
    spec: SheetSpec

    @property
    def rows(self) -> list[Row]:
        """Its rows."""
        return list(self.spec.rows)


def figure_sheets(contents: Contents) -> list[Sheet]:
    """The sheets that hold figures, in order; those of the PK say so when there is none."""
    makers: list[tuple[str, Callable[[Contents], SheetSpec]]] = [("overview", overview)]
    if contents.campaigns is not None:
        makers.append(("campaigns", campaigns))
    makers += [("team_pk", team_pk), ("people", people), ("daily", daily_sheet), ("districts", districts)]
    return [Sheet(code, make(contents)) for code, make in makers]


def title_of(contents: Contents) -> str:
    """The campaign's name, or that it is all of them."""
    return contents.campaign or _("All campaigns")


def days_of(contents: Contents) -> str:
    """The days that the workbook covers, in words."""
    first, last = contents.query.from_day, contents.query.to_day
    if first is None and last is None:
        return _("All days")
    return _("%(first)s to %(last)s", first=first or _("the beginning"), last=last or _("now"))


def head_line(contents: Contents) -> str:
    """Which days, which view and known when: what stands below the title of every sheet."""
    moment = contents.as_of.astimezone(zone(zone_name()))
    days = _("Days: %(days)s", days=days_of(contents))
    return "　".join((days, _("Period view"), _("Figures as of %(moment)s", moment=f"{moment:%Y-%m-%d %H:%M}")))


def _stage(code: str) -> str:
    return str(figure(code).title)


def _fit(words: str, least: float) -> float:
    """A column's width in which no word of its heading is broken; Chinese breaks anywhere."""
    longest = max((len(word) for word in words.split() if word.isascii()), default=0)
    return max(least, longest * 1.15 + 1)


def _upper(group: str | None, words: str) -> str | tuple[str, str]:
    return words if group is None else (group, words)


def _sheet(
    contents: Contents, name: str, unit: str, columns: Sequence[Column], rows: list[Row], **more: Any
) -> SheetSpec:
    return SheetSpec(
        name=name,
        title=f"{title_of(contents)} · {name}",
        columns=columns,
        rows=rows,
        unit_line=unit,
        date_range=head_line(contents),
        total_label=_("Total"),
        subtotal_label=_("Subtotal"),
        **more,
    )


def _unit() -> str:
    return _("Unit: leads (visits: times)")


# --- columns that several sheets share ---------------------------------------------------------------------------


def _visit_columns(group: str | None, *, total: bool = True) -> list[Column]:
    add: Adding = "sum" if total else None
    return [
        Column(code, _upper(group, _stage(code)), "int", _fit(_stage(code), 9), total=add)
        for code in ("visits_valid", "visits_touched")
    ]


def _stage_columns(group: str | None, stages: Iterable[str] = FUNNEL_STAGES, *, total: bool = True) -> list[Column]:
    add: Adding = "sum" if total else None
    return [
        Column(code, _upper(group, _stage(code)), "int", _fit(_stage(code), 9), total=add, bars=code == "accepted")
        for code in stages
    ]


def _rate_columns(
    group: str | None, *, overall: bool = True, total: bool = True, minimum: Mapping[str, int] = MINIMUM_BASE
) -> list[Column]:
    rates = [("application_rate", "application", "consult"), ("acceptance_rate", "accepted", "application")]
    if overall:
        rates.append(("overall_rate", "accepted", "consult"))
    work: Adding = "rate" if total else None
    return [
        Column(
            code,
            _upper(group, _stage(code)),
            "percent",
            _fit(_stage(code), 10),
            total=work,
            formula=_rate(top, base, minimum),
        )
        for code, top, base in rates
    ]


def _rate(top: str, base: str, minimum: Mapping[str, int]) -> RateFormula:
    return RateFormula(top, base, minimum=minimum.get(base, 0), small=_("Sample too small"))


def _stage_cells(counts: FunnelCounts, stages: Iterable[str] = FUNNEL_STAGES) -> list[OutCell]:
    return [int(getattr(counts, code)) for code in stages]


def _visit_cells(counts: VisitCounts) -> list[OutCell]:
    return [counts.valid, counts.touched]


# --- 总览 --------------------------------------------------------------------------------------------------------


def overview(contents: Contents) -> SheetSpec:
    """One line for each figure: how many, of the stage before, on the last day, and against the target."""
    day = contents.last_day.isoformat()
    whole, last = _("In the period"), _("On %(day)s", day=day)
    columns = [
        Column("metric", _("Figure"), width=24),
        Column("actual", (whole, _("How many")), "int", 10, bars=True),
        Column("base", (whole, _("Base")), "int", 10),
        Column("rate", (whole, _("Rate")), "percent", 11, formula=RateFormula("actual", "base")),
        Column("day", (last, _("That day")), "int", 10),
        Column("before", (last, _("Day before")), "int", 14),
        Column("change", (last, _("More or less")), "change", 10),
    ]
    if contents.targets:
        goal = _("Against the target")
        columns += [
            Column("target", (goal, _("Target")), "int", 9),
            Column("done", (goal, _("Reached")), "int", 9),
            Column("completion", (goal, _("Completion")), "percent", 10, formula=RateFormula("done", "target")),
        ]
    rows = _overview_rows(contents)
    charts = [ChartSpec("funnel", _("From consult to payout"), "metric", ("actual",), first_rows=len(FUNNEL_STAGES))]
    if contents.targets:
        charts.append(ChartSpec("bar", _("Target and reached"), "metric", ("target", "done"), first_rows=3))
    notes = [
        _(
            "A base is the count of the stage before. Touched visits stand beside the valid ones and are never added to them."
        )
    ]
    return _sheet(contents, _("Overview"), _unit(), columns, rows, charts=charts, notes=notes)


def _overview_rows(contents: Contents) -> list[Row]:
    total = contents.total
    on, yesterday = _on(contents, contents.last_day), contents.day_before
    here, before = on.counts, yesterday.counts
    bases = dict(zip(FUNNEL_STAGES[1:], FUNNEL_STAGES, strict=False))
    rows: list[Row] = []
    for code in FUNNEL_STAGES:
        actual, base = getattr(total, code), getattr(total, bases[code]) if code in bases else None
        cells = [
            _stage(code),
            actual,
            base,
            _shown_rate(base, bases.get(code)),
            getattr(here, code),
            getattr(before, code),
        ]
        rows.append(_with_target(contents, code, cells, getattr(here, code) - getattr(before, code)))
    rows.append(
        _with_target(
            contents,
            "overall_rate",
            [_stage("overall_rate"), total.accepted, total.consult, _shown_rate(total.consult, "consult"), "", ""],
            "",
        )
    )
    for code, part in (("visits_valid", "valid"), ("visits_touched", "touched")):
        that_day, then = getattr(on.visits, part), getattr(yesterday.visits, part)
        cells = [_stage(code), getattr(contents.walked, part), None, "", that_day, then]
        rows.append(_with_target(contents, code, cells, that_day - then))
    return rows


def _on(contents: Contents, day: date) -> Line:
    """The figures of one day; zeros when there are none."""
    key = day.isoformat()
    return next((row for row in contents.days if row.key == key), Line(key, key, FunnelCounts(), VisitCounts()))


def _shown_rate(base: int | None, stage: str | None) -> OutCell:
    """None lets the live formula stand; a text where there is no rate to show."""
    if base is None:
        return ""
    return _("Sample too small") if 0 < base < MINIMUM_BASE.get(stage or "", 0) else None


def _with_target(contents: Contents, code: str, cells: list[OutCell], change: OutCell) -> Row:
    if not contents.targets:
        return [*cells, change]
    goal = contents.targets.get(code)
    return [*cells, change, *((*goal, None) if goal else (None, None, ""))]


# --- all campaigns side by side ----------------------------------------------------------------------------------


def campaigns(contents: Contents) -> SheetSpec:
    """A line for each campaign, walk-in among them: their sum is the total."""
    columns = [
        Column("campaign", _("Campaign"), width=28),
        *_visit_columns(None),
        *_stage_columns(None),
        *_rate_columns(None),
    ]
    rows: list[Row] = [
        [row.label, *_visit_cells(row.visits), *_stage_cells(row.counts), None, None, None]
        for row in contents.campaigns or ()
    ]
    charts = [ChartSpec("bar", _("Accepted cases by campaign"), "campaign", ("accepted",), first_rows=CHARTED)]
    return _sheet(contents, _("By campaign"), _unit(), columns, rows, charts=charts)


# --- 团队PK and 个人排行 -------------------------------------------------------------------------------------------


def team_pk(contents: Contents) -> SheetSpec:
    """The boards of the teams; without a contest the teams by their figures."""
    rows = [_board_cells(contents, pk, row, [row.name]) for pk in contents.contests for row in pk.teams.rows]
    rows = rows if contents.contests else _unscored(contents.teams, [])
    return _board_sheet(
        contents, _("Team PK"), [Column("name", _("Team"), width=18)], rows, _first_board(contents, "teams")
    )


def people(contents: Contents) -> SheetSpec:
    """The boards of the persons, with their team of the newest day; without a contest the persons by their figures."""
    who = [Column("name", _("Member's name"), width=14), Column("team", _("Team"), width=16)]
    rows = [
        _board_cells(contents, pk, row, [row.name, row.team_name])
        for pk in contents.contests
        for row in pk.members.rows
    ]
    rows = rows if contents.contests else _unscored(contents.members, [""])
    return _board_sheet(contents, _("Person ranking"), who, rows, _first_board(contents, "members"))


def _first_board(contents: Contents, part: str) -> int:
    return min(CHARTED, len(getattr(contents.contests[0], part).rows)) if contents.contests else CHARTED


def _board_sheet(contents: Contents, name: str, who: list[Column], rows: list[Row], charted: int) -> SheetSpec:
    several = len(contents.contests) > 1
    scored, counted, share = _("Score"), _("Counts"), _("Rates")
    columns = [Column("contest", _("Contest"), width=22)] if several else []
    columns += [Column("rank", _("Rank"), "rank", 7), *who]
    if contents.contests:
        columns += [
            Column("climbed", (scored, _("Ranks gained")), "change", 9),
            Column("score", (scored, _("Per person-day")), "score", 10, bars=True),
            Column("points", (scored, _("Points")), "points", 10, total=None if several else "sum"),
            Column("person_days", (scored, _stage("person_days")), "int", 9, total=None if several else "sum"),
            Column("gap", (scored, _("Gap to the next rank")), "score", 12),
        ]
        columns += [
            Column("visits", (counted, _stage("visits_valid")), "int", 9, total=None if several else "sum"),
            Column("intent", (counted, _("A/B intents")), "int", 9, total=None if several else "sum"),
            *_stage_columns(counted, DAILY_STAGES, total=not several),
        ]
    else:
        columns += [*_visit_columns(counted), *_stage_columns(counted, DAILY_STAGES)]
    columns += _rate_columns(share, total=not several, minimum=_least_bases(contents))
    charts = [ChartSpec("bar", _("Consults, applications, accepted cases"), "name", DAILY_STAGES, first_rows=charted)]
    if contents.contests:
        charts.insert(0, ChartSpec("bar", _("Score per person-day"), "name", ("score",), first_rows=charted))
    return _sheet(
        contents,
        name,
        _pk_line(contents),
        columns,
        rows,
        charts=charts,
        notes=_pk_notes(contents),
        freeze=2 if not several else 3,
    )


def _least_bases(contents: Contents) -> Mapping[str, int]:
    """The smallest bases that the formulas know: those of the contest's rules, of several contests the lowest."""
    rules = [pk.teams.rules.minimum_bases for pk in contents.contests] or [MINIMUM_BASE]
    return {base: min(one.get(base, 0) for one in rules) for base in MINIMUM_BASE}


def _pk_line(contents: Contents) -> str:
    if not contents.contests:
        return _unit()
    pk = contents.contests[0]
    last = _("The PK counts from %(first)s through %(last)s", first=pk.contest.starts_on, last=pk.teams.day)
    return f"{last}　{_unit()}" if len(contents.contests) == 1 else _unit()


def _pk_notes(contents: Contents) -> list[str]:
    if not contents.contests:
        return [_("There is no PK for these days: places go by accepted cases, then applications, then consults.")]
    notes = [_("Everybody in a PK sees the counts of all teams. Equal scores with equal tie-breaks share a place.")]
    return notes + [
        _("%(contest)s: %(first)s through %(last)s, rules version %(number)s",
          contest=pk.contest.name, first=pk.contest.starts_on, last=pk.teams.day, number=pk.teams.rules_number)
        for pk in contents.contests
    ]  # fmt: skip


def _board_cells(contents: Contents, pk: Pk, row: BoardRow, who: list[OutCell]) -> Row:
    gap = None if row.gap_shown is None else Decimal(row.gap_shown)
    cells: list[OutCell] = [
        row.rank, *who, row.climbed, Decimal(row.score_shown), Decimal(row.points_shown.replace(",", "")), row.person_days, gap,
        row.visits, row.intent, row.consult, row.application, row.accepted, *_small_rates(contents, pk, row),
    ]  # fmt: skip
    return [pk.contest.name, *cells] if len(contents.contests) > 1 else cells


def _small_rates(contents: Contents, pk: Pk, row: BoardRow) -> list[OutCell]:
    """None leaves a rate to the formula; 样本不足 stands where the contest's own rules ask for more than the formula does."""
    formula, own = _least_bases(contents), pk.teams.rules.minimum_bases
    bases = (("consult", row.consult), ("application", row.application), ("consult", row.consult))
    return [
        _("Sample too small") if formula[name] <= base < own.get(name, 0) and base else None for name, base in bases
    ]


def _unscored(lines: Sequence[Line], more: list[OutCell]) -> list[Row]:
    keys = [(row.counts.accepted, row.counts.application, row.counts.consult) for row in lines]
    placed = sorted(zip(competition_ranks(keys), range(len(lines)), lines, strict=True), key=lambda one: one[:2])
    return [
        [place, row.label, *more, *_visit_cells(row.visits), *_stage_cells(row.counts, DAILY_STAGES), None, None, None]
        for place, _at, row in placed
    ]


# --- 每日战况 and 区域网格 -----------------------------------------------------------------------------------------


def daily_sheet(contents: Contents) -> SheetSpec:
    """A line for each day: all teams together, then each team."""
    teams = contents.team_days.columns
    stages = DAILY_STAGES if len(teams) <= MOST_WIDE_TEAMS else DAILY_STAGES[-1:]
    columns = [
        Column("day", _("Day"), "date", 12),
        *_visit_columns(_("All teams")),
        *_stage_columns(_("All teams"), DAILY_STAGES),
        *_rate_columns(_("All teams"), overall=False),
    ]
    for team in teams:
        columns += [
            Column(f"{code}:{team.key}", (str(team.label), _stage(code)), "int", _fit(_stage(code), 6.5), total="sum")
            for code in stages
        ]
    rows: list[Row] = []
    for row in contents.days:
        cells: list[OutCell] = [date.fromisoformat(row.key), *_visit_cells(row.visits)]
        cells += [*_stage_cells(row.counts, DAILY_STAGES), None, None]
        for team in teams:
            cells += _stage_cells(contents.team_days.at(row.key, team.key), stages)
        rows.append(cells)
    charts = [ChartSpec("line", _("Day by day"), "day", DAILY_STAGES)]
    accepted = [f"accepted:{team.key}" for team in teams[:MOST_WIDE_TEAMS]]
    if accepted:
        charts.append(ChartSpec("stacked", _("Accepted cases by day and team"), "day", accepted))
    return _sheet(contents, _("Daily results"), _unit(), columns, rows, charts=charts)


def districts(contents: Contents) -> SheetSpec:
    """A line for each district as it was recorded, with a subtotal for each upper district."""
    columns = [
        Column("area", _("Upper district"), width=18),
        Column("district", _("District"), width=26),
        *_visit_columns(_("Visits")),
        *_stage_columns(None),
        *_rate_columns(_("Rates")),
    ]
    rows: list[Row] = [
        [area, name, *_visit_cells(row.visits), *_stage_cells(row.counts), None, None, None]
        for area, name, row in _by_area(contents.places)
    ]
    charts = [ChartSpec("funnel", _("All districts together"), across=FUNNEL_STAGES)] if rows else []
    return _sheet(contents, _("District grid"), _unit(), columns, rows, charts=charts, group_by="area", freeze=2)


def _by_area(places: Sequence[Line]) -> list[tuple[str, str, Line]]:
    """(district at the top of the tree, own name, figures), those below one top together: a subtotal is what the funnel says of it.

    A top district with figures of its own stands with them; names hold no divider.
    """
    areas: dict[str, list[tuple[str, str, Line]]] = {}
    for row in places:
        area, _divider, name = str(row.label).partition(PLACE_DIVIDER)
        areas.setdefault(area, []).append((area, name or area, row))
    return [one for rows in areas.values() for one in rows]
