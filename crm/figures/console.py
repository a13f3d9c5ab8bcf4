"""The figures at the terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click
from flask_babel import force_locale

from crm.figures.asking import GROUPS as ROWS_BY
from crm.figures.asking import VIEWS, FunnelQuery, given
from crm.figures.definitions import FIGURES, NOTES
from crm.figures.field_work import VisitCounts, Visits, visits
from crm.figures.funnels import Funnel, campaign_codes, campaign_named, funnel, widened
from crm.figures.labels import rate_words
from crm.figures.rules import FUNNEL_STAGES, MINIMUM_BASE, FunnelCounts, Rate
from crm.kernel.actor import SYSTEM
from crm.kernel.clock import business_day, now
from crm.kernel.installation import zone_name
from crm.kernel.terminal import in_application, json_option, print_json, print_table

_RATES = {"application_rate": "consult", "acceptance_rate": "application", "overall_rate": "consult"}
"""Each rate with the stage that forms its base."""
_SHOWN = ("label", "visits_valid", "visits_touched", *FUNNEL_STAGES, *_RATES)


@click.command("funnel")
@click.option("--campaign", default="", help="Code or id of one campaign.")
@click.option("--by", type=click.Choice(ROWS_BY), default="campaign", show_default=True, help="What a row stands for.")
@click.option("--view", type=click.Choice(VIEWS), default="period", show_default=True)
@click.option("--from", "from_day", default="", metavar="DAY", help="First business day, as 2026-11-23.")
@click.option("--to", "to_day", default="", metavar="DAY", help="Last business day.")
@click.option("--within", default="", metavar="DAYS", help="Cohort view: stages reached within so many days.")
@click.option(
    "--as-of", default="", metavar="MOMENT", help="As the server knew it at 2026-11-23T17:30 in the bank's zone."
)
@click.option("--team", default="", metavar="ID")
@click.option("--district", default="", metavar="ID", help="With what lies below it.")
@json_option
@in_application
def funnel_command(campaign: str, as_json: bool, **options: str) -> None:
    """Counts per stage and the three rates, as the funnel page shows them."""
    zone = zone_name()
    days = {"from": options.pop("from_day"), "to": options.pop("to_day")}
    query = FunnelQuery.from_args(given({**days, **options}), today=business_day(now(), zone), zone_name=zone)
    if campaign:
        query = replace(query, campaign_ids=(campaign_named(SYSTEM, campaign),))
    found = funnel(SYSTEM, query)
    walked = visits(SYSTEM, query) if query.view == "period" else None
    rows = as_rows(widened(found, walked.by_key) if walked else found, walked)
    if as_json:
        print_json(rows)
        return
    total = _row("", "TOTAL", found.total, walked.total if walked else None)
    print_table([_printed(row) for row in (*rows, total)], [name for name in _SHOWN if name in total])


def as_rows(found: Funnel, walked: Visits | None = None) -> list[dict[str, Any]]:
    """The answer as plain rows: key, label, counts, rates as numbers (None without a base). Campaigns also have their code."""
    rows = [_row(row.key, str(row.label), row.counts, walked.at(row.key) if walked else None) for row in found.rows]
    if found.query.by == "campaign":
        codes = campaign_codes(int(row["key"]) for row in rows)
        rows = [{"key": row["key"], "code": codes[int(row["key"])], **row} for row in rows]
    return rows


def _row(key: str, label: str, counts: FunnelCounts, walked: VisitCounts | None) -> dict[str, Any]:
    row: dict[str, Any] = {"key": key, "label": label}
    if walked is not None:
        row |= {"visits_valid": walked.valid, "visits_touched": walked.touched}
    row |= {stage: getattr(counts, stage) for stage in FUNNEL_STAGES}
    return row | {name: _number(getattr(counts, name)) for name in _RATES}


def _number(rate: Rate) -> float | None:
    return rate.k / rate.n if rate.n else None


def _printed(row: dict[str, Any]) -> dict[str, Any]:
    counts = FunnelCounts.of(row)
    return row | {name: rate_words(getattr(counts, name), MINIMUM_BASE[base]) for name, base in _RATES.items()}


@click.command("definitions")
@click.option("--markdown", is_flag=True, help="The page crm/docs/figures.md.")
@json_option
@in_application
def definitions_command(markdown: bool, as_json: bool) -> None:
    """What every number means."""
    if as_json:
        print_json(
            [{"code": one.code, "title": _in("en", one.title), "sentence": _in("en", one.sentence)} for one in FIGURES]
        )
        return
    if markdown:
        click.echo(definitions_markdown(), nl=False)
        return
    print_table(
        [{"code": one.code, "title": str(one.title), "sentence": str(one.sentence)} for one in (*FIGURES, *NOTES)]
    )


def definitions_markdown() -> str:
    """The definitions in both languages, as a page."""
    lines = [
        "# Figures: what every number means",
        "",
        "Made by `crm figures definitions --markdown` from `crm/figures/definitions.py`; a test holds the two together.",
        "Each number is defined once; screen, report, bulletin, workbook and command line ask the same functions.",
        "",
        "| code | title | 名称 | definition | 口径 | counted from |",
        "|---|---|---|---|---|---|",
    ]
    for one in (*FIGURES, *NOTES):
        texts = [_in(locale, text) for text in (one.title, one.sentence) for locale in ("en", "zh_Hans_CN")]
        lines.append("| " + " | ".join([f"`{one.code}`", *texts, one.source]) + " |")
    return "\n".join(lines) + "\n"


def _in(locale: str, text: Any) -> str:
    with force_locale(locale):
        return f"{text}"


GROUPS: dict[str, list[click.Command]] = {"figures": [funnel_command, definitions_command]}
HELP = {"figures": "Funnel, standings and what the numbers mean."}

__all__ = ["GROUPS", "HELP", "as_rows", "definitions_markdown"]
