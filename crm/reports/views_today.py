"""Everybody's first page."""

from flask import render_template

from crm.kernel.clock import business_day, now
from crm.reports.policy import ReportPermission
from crm.reports.today_pages import today_page
from crm.reports.views import blueprint
from crm.web.guards import requires
from crm.web.identity import settings, the_actor


@blueprint.get("/today")
@requires(ReportPermission.TODAY)
def today() -> str:
    """What matters today, and what to do about it."""
    at, zone = now(), settings().zone
    page = today_page(the_actor(), on=business_day(at, zone), at=at, zone_name=zone)
    return render_template("reports/today.html", page=page)
