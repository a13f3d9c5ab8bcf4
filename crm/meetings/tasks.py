"""What the rooms' clock does here: the evening reports of all campaigns that run, taken at the bell."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from sqlalchemy import Select, select

from crm.campaigns.models import Campaign
from crm.campaigns.queries import teams_of
from crm.campaigns.rules import Status
from crm.jobs.table import Job
from crm.kernel.actor import SYSTEM
from crm.kernel.clock import business_day, now
from crm.kernel.db import db
from crm.kernel.installation import zone_name
from crm.meetings.rules import bell_of
from crm.meetings.storing import newest_report, store_evening_report

AT_THE_BELL = "bell"
"""The reason that such a report gives when somebody stored an earlier one; worded where it is shown."""


def bells(day: date) -> Iterable[datetime]:
    """The slots of a business day: its bell."""
    return (bell_of(day, zone_name()),)


def evening_reports(slot: datetime) -> str:
    """Stores the report of every campaign on that day and of each of its teams, as of the slot; however late it runs.

    A report that somebody stored at the bell or later is left as it is. Answers how many were stored.
    """
    day = business_day(slot, zone_name())
    stored = 0
    for campaign_id in db.session.scalars(_campaigns_on(day)).all():
        for team_id in (None, *(team.team_id for team in teams_of(campaign_id))):
            newest = newest_report(SYSTEM, campaign_id, team_id, day)
            if newest is not None and newest.as_of >= slot:
                continue
            store_evening_report(
                SYSTEM, campaign_id=campaign_id, team_id=team_id, day=day, as_of=slot, at=now(), reason=AT_THE_BELL
            )
            stored += 1
    return f"{stored} reports"


def _campaigns_on(day: date) -> Select[int]:
    held = (Status.RUNNING.value, Status.CLOSED.value)
    return (
        select(Campaign.id)
        .where(
            Campaign.status.in_(held), Campaign.walk_in.is_(False), Campaign.starts_on <= day, Campaign.ends_on >= day
        )
        .order_by(Campaign.id)
    )


JOBS = (Job("evening_reports", bells, evening_reports, delay=timedelta(minutes=1)),)
