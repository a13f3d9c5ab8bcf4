"""The workbook of a team's day: 团队今日, 补录 and 备注, with the figures of the page to the digit."""

from collections.abc import Sequence
from datetime import datetime

from flask_babel import gettext as _

from crm.figures.queries import figure
from crm.kernel.clock import zone
from crm.kernel.installation import zone_name
from crm.outreach.team_day import Counts, MemberToday, TeamToday
from crm.reports.rules import figures_hash
from crm.sheets.specs import Column, OutCell, SheetSpec

KIND = "team_day"
TALLIES = ("leaflets", "doors", "wechat_adds", "consults", "applications", "accepted")


def sheets_of(team: TeamToday, name: str, *, at: datetime) -> list[SheetSpec]:
    """The sheets in order."""
    return [_members(team, name, at), _late(team, name, at), _notes(team, name, at)]


def hash_of(sheets: Sequence[SheetSpec]) -> str:
    """SHA-256 over the figures: equal figures, equal hash. Notes are words and no figures."""
    return figures_hash(
        (code, [column.key for column in sheet.columns], [list(row) for row in sheet.rows])
        for code, sheet in zip(("team", "late"), sheets, strict=False)
    )


def _members(team: TeamToday, name: str, at: datetime) -> SheetSpec:
    recorded, declared, late = _("Recorded"), _("Declared"), _("Of these late entries")
    columns = [
        Column("member", _("Member's name"), width=16),
        *_count_columns(recorded),
        *(Column(f"declared_{metric}", (declared, _tally(metric)), "int", 11, total="sum") for metric in TALLIES),
        *_late_columns(late),
        Column("last_at", _("Last entry"), "datetime", 18),
    ]
    rows: list[list[OutCell]] = [
        [
            _name(row), *_numbers(row.counts), *(row.tallies.get(metric) for metric in TALLIES),
            *_late_numbers(row.late), _local(row.last_at),
        ]
        for row in team.rows
    ]  # fmt: skip
    notes = [_("An empty cell under Declared means that nothing was declared."), _rule(team)]
    return _sheet(team, name, _("Team today"), columns, rows, at, _("Unit: leads (visits: times)"), notes)


def _late(team: TeamToday, name: str, at: datetime) -> SheetSpec:
    columns = [Column("member", _("Member's name"), width=16), *_late_columns(None)]
    rows: list[list[OutCell]] = [[_name(row), *_late_numbers(row.late)] for row in team.late_rows]
    notes = [_rule(team), _("They are among the figures of the first sheet.")]
    return _sheet(team, name, _("Late entries"), columns, rows, at, _("Unit: leads (visits: times)"), notes)


def _notes(team: TeamToday, name: str, at: datetime) -> SheetSpec:
    columns = [
        Column("at", _("Time"), "datetime", 18),
        Column("member", _("Member's name"), width=16),
        Column("text", _("Note"), width=90),
    ]
    rows: list[list[OutCell]] = [[_local(note.at), note.member, note.text] for note in team.notes]
    return _sheet(team, name, _("Notes"), columns, rows, at, "", [_("The newest 50 notes of the day.")])


def _sheet(
    team: TeamToday,
    name: str,
    sheet: str,
    columns: list[Column],
    rows: list[list[OutCell]],
    at: datetime,
    unit: str,
    notes: list[str],
) -> SheetSpec:
    moment = at.astimezone(zone(zone_name()))
    line = (
        _("Campaign: %(campaign)s", campaign=team.campaign),
        _("Day: %(day)s", day=team.day.isoformat()),
        _("Figures as of %(moment)s", moment=f"{moment:%Y-%m-%d %H:%M}"),
    )
    return SheetSpec(
        name=sheet,
        title=f"{name} · {sheet}",
        columns=columns,
        rows=rows,
        unit_line=unit,
        date_range="　".join(line),
        total_label=_("Total"),
        notes=notes,
    )


def _count_columns(group: str) -> list[Column]:
    codes = ("visits_valid", "visits_touched", "consult", "application", "accepted")
    return [Column(code, (group, str(figure(code).title)), "int", 11, total="sum") for code in codes]


def _late_columns(group: str | None) -> list[Column]:
    heads = {
        "late_visits": _("Visits"),
        "late_consults": str(figure("consult").title),
        "late_applications": str(figure("application").title),
        "late_accepted": str(figure("accepted").title),
    }
    return [Column(key, (group, head) if group else head, "int", 11, total="sum") for key, head in heads.items()]


def _numbers(counts: Counts) -> list[OutCell]:
    return [counts.valid, counts.touched, counts.consults, counts.applications, counts.accepted]


def _late_numbers(late: Counts) -> list[OutCell]:
    return [late.visits, late.consults, late.applications, late.accepted]


def _name(row: MemberToday) -> str:
    return row.name or _("Nobody in particular")


def _rule(team: TeamToday) -> str:
    moment = team.closed_at.astimezone(zone(zone_name()))
    return _("Late entries are those that the server received after %(moment)s.", moment=f"{moment:%Y-%m-%d %H:%M}")


def _tally(metric: str) -> str:
    words = {
        "leaflets": _("Leaflets"),
        "doors": _("Doors"),
        "wechat_adds": _("WeChat adds"),
        "consults": _("Consults"),
        "applications": _("Applications"),
        "accepted": _("Accepted cases"),
    }
    return words[metric]


def _local(at: datetime | None) -> datetime | None:
    """As a cell holds it: where the bank is, without a zone."""
    return None if at is None else at.astimezone(zone(zone_name())).replace(tzinfo=None)
