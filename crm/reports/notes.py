"""口径说明: the sheet that says what the figures of a workbook mean, by which rules they were made, and how to check them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from flask import current_app
from flask_babel import gettext as _

from crm.contest.queries import AdjustmentRow, Version
from crm.contest.rules import RuleSet
from crm.figures.queries import DEFINITIONS_VERSION, FIGURES, NOTES
from crm.kernel.actor import Actor
from crm.kernel.clock import zone
from crm.kernel.installation import zone_name
from crm.kernel.values import without_numbers
from crm.reports.contents import Contents, LogTime, Pk
from crm.reports.exports import Row, Sheet, days_of, head_line, title_of
from crm.sheets.specs import Column, SheetSpec

LEFT_OUT = frozenset({"view_cohort"})
"""Notes on what the workbook does not show."""


def definitions(actor: Actor, contents: Contents, hash_of_figures: str) -> Sheet:
    """What was counted, each definition, the rules of the PK, when days were locked, and what was adjusted."""
    rows: list[Row] = [*_facts(actor, contents, hash_of_figures), *_definitions()]
    for pk in contents.contests:
        rows += [*_rules(pk, contents), *_adjustments(pk, contents)]
    rows += [_log(one) for one in contents.logs]
    columns = [
        Column("part", _("Kind of note"), width=16),
        Column("item", _("What it is about"), width=30),
        Column("words", _("Explanation"), width=110),
        Column("source", _("Counted from"), width=34),
    ]
    name = _("Definitions")
    spec = SheetSpec(name, f"{title_of(contents)} · {name}", columns, rows, date_range=head_line(contents))
    return Sheet("definitions", spec)


def _facts(actor: Actor, contents: Contents, hash_of_figures: str) -> Iterator[Row]:
    part = _("This workbook")
    scope = _("All teams") if contents.scope is None else ("、".join(contents.scope) or _("No team"))
    for item, words in (
        (_("Campaign"), title_of(contents)),
        (_("Days covered"), days_of(contents)),
        (_("Teams in the figures"), scope),
        (_("Way of counting"), _("Period view: what happened on these days")),
        (_("Figures as of"), _moment(contents.as_of)),
        (_("Version of the definitions"), str(DEFINITIONS_VERSION)),
        (_("Made by"), actor.name),
        (_("SHA-256 of the figures"), hash_of_figures),
    ):
        yield [part, item, words, ""]


def _definitions() -> Iterator[Row]:
    for one in (*FIGURES, *NOTES):
        if one.code not in LEFT_OUT:
            yield [_("Definition"), str(one.title), str(one.sentence), one.source]


def _rules(pk: Pk, contents: Contents) -> Iterator[Row]:
    part = _("PK rules")
    for version in pk.versions:
        item = _("%(contest)s, version %(number)s", contest=pk.contest.name, number=version.number)
        since = _("%(since)s; %(rules)s", since=_since(version, contents), rules=_in_words(version.rules))
        for words in (since, _ties_in_words(version.rules), _tariff_in_words(version.rules)):
            yield [part, item, words, ""]


def _since(version: Version, contents: Contents) -> str:
    if version.from_the_start:
        return _("in force from the start")
    author = contents.people.get(version.author_id or 0, "—")
    if version.starts is None:
        return _("proposed by %(author)s, not confirmed yet", author=author)
    second = contents.people.get(version.confirmed_by_id or 0, "—")
    return _(
        "in force from %(moment)s, written by %(author)s, confirmed by %(second)s",
        moment=_moment(version.starts),
        author=author,
        second=second,
    )


def _in_words(rules: RuleSet) -> str:
    kind, basis = _word("contest_kind_label"), _word("contest_basis_label")
    points = "、".join(f"{kind(code)} {value}" for code, value in rules.points.items())
    caps = "、".join(f"{kind(code)} {value}" for code, value in rules.caps.items()) or "—"
    return _(
        "points: %(points)s; at most a person and day: %(caps)s; %(basis)s",
        points=points,
        caps=caps,
        basis=basis(rules.basis),
    )


def _ties_in_words(rules: RuleSet) -> str:
    tie, kind = _word("contest_tie_label"), _word("contest_kind_label")
    return _(
        "equal scores: %(ties)s; a rate decides from a base of %(bases)s",
        ties=" → ".join(str(tie(code)) for code in rules.tie_order) or "—",
        bases="、".join(f"{kind(code)} {value}" for code, value in rules.minimum_bases.items()) or "—",
    )


def _tariff_in_words(rules: RuleSet) -> str:
    kind = _word("contest_adjustment_label")
    return _(
        "a companion's part of a visit: %(share)s; customary bonuses and penalties: %(tariff)s",
        share=f"{float(rules.companion_share):.2g}",
        tariff="、".join(f"{kind(code)} {value:+d}" for code, value in rules.tariff.items()) or "—",
    )


def _adjustments(pk: Pk, contents: Contents) -> Iterator[Row]:
    kind = _word("contest_adjustment_label")
    for row in pk.adjustments:
        who = contents.team_names.get(row.team_id, "")
        if row.member_id is not None:
            who = f"{who} · {contents.people.get(row.member_id, '')}"
        item = f"{row.day.isoformat()} {who}"
        yield [
            _("Adjustment"),
            item,
            f"{kind(row.kind)} {row.points.normalize():+f} · {_state(row, contents)} · {without_numbers(row.reason)}",
            pk.contest.name,
        ]


def _state(row: AdjustmentRow, contents: Contents) -> str:
    author = contents.people.get(row.author_id or 0, "—")
    if not row.counts:
        return _("by %(author)s, waits for a second person", author=author)
    if row.second_id is None:
        return _("by %(author)s", author=author)
    return _("by %(author)s, confirmed by %(second)s", author=author, second=contents.people.get(row.second_id, "—"))


def _log(one: LogTime) -> Row:
    if one.locked_at is not None:
        words = _(
            "handed in %(sent)s, locked %(locked)s", sent=_moment(one.submitted_at), locked=_moment(one.locked_at)
        )
    elif one.submitted_at is not None:
        words = _("handed in %(sent)s, not locked", sent=_moment(one.submitted_at))
    else:
        words = _("not handed in")
    words = _("%(what)s, late", what=words) if one.late else words
    return [_("Daily log"), f"{one.day.isoformat()} {one.team}", words, ""]


def _moment(at: datetime | None) -> str:
    return "—" if at is None else f"{at.astimezone(zone(zone_name())):%Y-%m-%d %H:%M:%S}"


def _word(name: str) -> Callable[[str], Any]:
    """A room's words for its codes, as the templates have them."""
    found: Callable[[str], Any] = current_app.jinja_env.globals.get(name, str)  # type: ignore[assignment]
    return found
