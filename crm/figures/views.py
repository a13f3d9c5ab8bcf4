"""The funnel, the records behind a count, and the same as a file."""

import io
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, render_template, request, send_file
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from crm.figures import words
from crm.figures.asking import FunnelQuery
from crm.figures.definitions import figure
from crm.figures.labels import rate_words
from crm.figures.pages import FunnelPage, ShownRow, described, funnel_page
from crm.figures.policy import FigurePermission
from crm.figures.records import Record, records_behind
from crm.figures.rules import FUNNEL_STAGES, Rate
from crm.kernel.clock import business_day, now, zone
from crm.kernel.paging import Page
from crm.leads.policy import LeadPermission
from crm.sheets.writer import write_csv
from crm.web.guards import requires
from crm.web.identity import settings, the_actor
from crm.web.paging import Paging, requested_page

blueprint = Blueprint("figures", __name__)

RATES = (("application_rate", "consult"), ("acceptance_rate", "application"), ("overall_rate", "consult"))
"""Each rate with the stage that forms its base."""


def _asked() -> FunnelQuery:
    zone_name = settings().zone
    return FunnelQuery.from_args(request.args, today=business_day(now(), zone_name), zone_name=zone_name)


def _page() -> FunnelPage:
    query = _asked()
    return funnel_page(the_actor(), replace(query, by=query.by or "team"), at=now(), zone_name=settings().zone)


@blueprint.get("/funnel")
@requires(FigurePermission.VIEW)
def funnel() -> str:
    """How many got how far, by what the reader chooses."""
    return render_template(
        "figures/funnel.html", page=_page(), views=words.VIEWS, windows=words.WINDOWS, groups=words.GROUPS, rates=RATES
    )


@blueprint.get("/funnel.csv")
@requires(FigurePermission.VIEW)
def funnel_csv() -> Response:
    """What the funnel page shows, as a file that opens in a spreadsheet program."""
    page = _page()
    body = io.BytesIO()
    write_csv(body, _headings(page), [_cells(page, row) for row in (*page.rows, page.total)])
    body.seek(0)
    days = page.as_of.strftime("%Y%m%d-%H%M")
    return send_file(body, mimetype="text/csv", as_attachment=True, download_name=f"{_('Funnel')}-{days}.csv")


def _headings(page: FunnelPage) -> list[str]:
    counts = [*(("visits_valid", "visits_touched") if page.with_visits else ()), *FUNNEL_STAGES]
    heads = [str(words.GROUPS[page.by]), *(str(figure(code).title) for code in counts)]
    for code, _base in RATES:
        title = str(figure(code).title)
        heads += [
            title,
            _("%(rate)s: base", rate=title),
            _("%(rate)s: 95%% from", rate=title),
            _("%(rate)s: 95%% to", rate=title),
        ]
    return [*heads, _("What was counted"), _("As of")]


def _cells(page: FunnelPage, row: ShownRow) -> list[Any]:
    cells: list[Any] = [str(row.label)]
    if page.with_visits:
        cells += [row.visits.valid, row.visits.touched]
    cells += [getattr(row.counts, code) for code in FUNNEL_STAGES]
    for code, base in RATES:
        cells += _rate_cells(getattr(row.counts, code), page.minimum[base])
    return [*cells, page.description, page.as_of.strftime("%Y-%m-%d %H:%M:%S")]


def _rate_cells(rate: Rate, minimum: int) -> list[Any]:
    low, high = (f"{share * 100:.1f}%" for share in rate.interval() or ()) if rate.interval() else ("", "")
    return [rate_words(rate, minimum), rate.n, low, high]


@dataclass(frozen=True)
class RecordsPage:
    """The records behind one count."""

    query: FunnelQuery
    stage: str
    stage_label: Any
    description: str
    rows: Page[Record]
    paging: Paging
    back: dict[str, Any]
    as_of: Any


@blueprint.get("/funnel/records")
@requires(LeadPermission.VIEW)
def records() -> str:
    """The leads behind one count of the funnel."""
    query, stage, zone_name = _asked(), request.args.get("stage", "consult"), settings().zone
    rows = records_behind(the_actor(), query, stage, page=requested_page())
    as_of = (query.as_of or now()).astimezone(zone(zone_name))
    description = described(the_actor(), query, zone_name)
    page = RecordsPage(
        query, stage, words.STAGES[stage], description, rows, Paging.of(rows), query.to_args(zone_name), as_of
    )
    return render_template("figures/records.html", page=page)
