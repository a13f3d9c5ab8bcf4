"""What the rooms' clock does here: the evening reports of all campaigns that run, taken at the bell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
from crm.meetings.reports import Body, Standings, compose_evening
from crm.meetings.rules import bell_of
from crm.meetings.storing import keep_report, newest_report

AT_THE_BELL = "bell"
"""The reason that such a report gives when somebody stored an earlier one; worded where it is shown."""


@dataclass(frozen=True)
class Prepared:
    """A report that was composed and is yet to be kept."""

    campaign_id: int
    team_id: int | None
    body: Body


def bells(day: date) -> Iterable[datetime]:
    """The slots of a business day: its bell."""
    return (bell_of(day, zone_name()),)


def composed(slot: datetime) -> list[Prepared]:
    """The reports of every campaign on that day and of each of its teams, as of the slot, however late it is.

    One that somebody stored at the bell or later is left out.
    """
    day = business_day(slot, zone_name())
    standings = Standings(day, slot)
    return [
        Prepared(campaign_id, team_id, compose_evening(SYSTEM, campaign_id, team_id, day, slot, standings=standings))
        for campaign_id in db.session.scalars(_campaigns_on(day)).all()
        for team_id in (None, *(team.team_id for team in teams_of(campaign_id)))
        if not _stored_since(campaign_id, team_id, day, slot)
    ]


def evening_reports(slot: datetime, prepared: Sequence[Prepared]) -> str:
    """Keeps what was composed, but for what somebody has stored meanwhile. Answers how many were kept."""
    day, at = business_day(slot, zone_name()), now()
    fresh = [one for one in prepared if not _stored_since(one.campaign_id, one.team_id, day, slot)]
    for one in fresh:
        keep_report(
            SYSTEM,
            one.body,
            campaign_id=one.campaign_id,
            team_id=one.team_id,
            day=day,
            as_of=slot,
            at=at,
            reason=AT_THE_BELL,
        )
    return f"{len(fresh)} reports"


def _stored_since(campaign_id: int, team_id: int | None, day: date, slot: datetime) -> bool:
    newest = newest_report(SYSTEM, campaign_id, team_id, day)
    return newest is not None and newest.as_of >= slot


def _campaigns_on(day: date) -> Select[int]:
    held = (Status.RUNNING.value, Status.CLOSED.value)
    return (
        select(Campaign.id)
        .where(
            Campaign.status.in_(held), Campaign.walk_in.is_(False), Campaign.starts_on <= day, Campaign.ends_on >= day
        )
        .order_by(Campaign.id)
    )


JOBS = (Job("evening_reports", bells, evening_reports, delay=timedelta(minutes=1), prepare=composed),)
