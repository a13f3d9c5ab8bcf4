"""Reports as they were given: kept with a hash, never recomputed. A correction is the next revision, with a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, select

from crm.campaigns.queries import get_campaign
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import Conflict, NotFound
from crm.kernel.values import public_words
from crm.meetings import rules
from crm.meetings.models import StoredReport
from crm.meetings.policy import check_leads, visible_to
from crm.meetings.reports import Body, Standings, compose_evening
from crm.meetings.rules import Difference, Kind
from crm.people.queries import user_names


@dataclass(frozen=True)
class Revision:
    """One stored state of a report. `intact`: the body still gives the hash that was stored with it."""

    id: int
    revision: int
    reason: str
    as_of: datetime
    composed_at: datetime
    composed_by: str
    sha256: str
    intact: bool
    changes: tuple[Difference, ...]


def store_evening_report(
    actor: Actor,
    *,
    campaign_id: int,
    team_id: int | None,
    day: date,
    as_of: datetime,
    at: datetime,
    words_as_of: datetime | None = None,
    reason: str = "",
    standings: Standings | None = None,
) -> StoredReport:
    """Composes the evening report and keeps it. The same body as the newest revision answers with that one.

    Who stores several reports of a day passes one `standings` to all.
    Another body needs a reason (Conflict("report.other_body") without one) and becomes the next revision. Raises NotFound for
    what the actor may not see, Forbidden for who does not lead that meeting.
    """
    get_campaign(actor, campaign_id)
    check_leads(actor, team_id)
    body = compose_evening(actor, campaign_id, team_id, day, as_of, words_as_of=words_as_of, standings=standings)
    return keep_report(
        actor, body, campaign_id=campaign_id, team_id=team_id, day=day, as_of=as_of, at=at, reason=reason
    )


def keep_report(
    actor: Actor,
    body: Body,
    *,
    campaign_id: int,
    team_id: int | None,
    day: date,
    as_of: datetime,
    at: datetime,
    reason: str,
) -> StoredReport:
    """Keeps a composed body by the rules of `store_evening_report`; the caller has composed it with the same arguments."""
    check_leads(actor, team_id)
    newest = newest_report(actor, campaign_id, team_id, day)
    digest = rules.fingerprint(body)
    if newest is not None and newest.sha256 == digest:
        return newest
    reason = public_words(reason, most=rules.LONGEST_REASON)
    if newest is not None and not reason:
        raise Conflict("report.other_body", revision=newest.revision)
    report = StoredReport(
        kind=Kind.EVENING.value, campaign_id=campaign_id, team_id=team_id, day=day,
        revision=newest.revision + 1 if newest else 1, reason=reason if newest else "", schema_version=rules.SCHEMA_VERSION,
        as_of=as_of, composed_at=at, composed_by_id=actor.user_id, body=body, sha256=digest,
    )  # fmt: skip
    db.session.add(report)
    db.session.flush()
    audit.record(
        actor, "report.store", "stored_report", report.id, revision=report.revision, sha256=digest, reason=reason
    )
    return report


def newest_report(actor: Actor, campaign_id: int, team_id: int | None, day: date) -> StoredReport | None:
    """The newest revision of a day's evening report, if one was stored and the actor may see it."""
    query = select(StoredReport).where(*_slot(campaign_id, team_id, day), visible_to(actor, StoredReport))
    return db.session.scalar(query.order_by(StoredReport.revision.desc()).limit(1))


def report_before(actor: Actor, campaign_id: int, team_id: int | None, day: date) -> StoredReport | None:
    """The newest revision of the last evening report before that day: a campaign rests on some days."""
    query = select(StoredReport).where(
        *_series(campaign_id, team_id), StoredReport.day < day, visible_to(actor, StoredReport)
    )
    return db.session.scalar(query.order_by(StoredReport.day.desc(), StoredReport.revision.desc()).limit(1))


def coming_moment(newest: StoredReport | None, day: date, at: datetime, zone_name: str) -> datetime:
    """What a report stored at `at` counts: until the bell, or what a later correction has counted already."""
    moment = rules.report_moment(day, at, zone_name)
    return moment if newest is None else max(moment, newest.as_of)


def get_report(actor: Actor, report_id: int) -> StoredReport:
    """One stored report that the actor may see; raises NotFound."""
    found = db.session.scalar(select(StoredReport).where(StoredReport.id == report_id, visible_to(actor, StoredReport)))
    if found is None:
        raise NotFound("report.not_found")
    return found


def revisions_of(report: StoredReport) -> tuple[Revision, ...]:
    """Every revision of the same report, newest first, with what each changed."""
    rows = db.session.scalars(
        select(StoredReport)
        .where(*_slot(report.campaign_id, report.team_id, report.day), StoredReport.kind == report.kind)
        .order_by(StoredReport.revision)
    ).all()
    names = user_names()
    found: list[Revision] = []
    before: dict[str, Any] | None = None
    for row in rows:
        changes = () if before is None else tuple(rules.differences(before, row.body))
        found.append(
            Revision(
                row.id, row.revision, row.reason, row.as_of, row.composed_at, names.get(row.composed_by_id or 0, ""),
                row.sha256, is_intact(row), changes,
            )
        )  # fmt: skip
        before = row.body
    return tuple(reversed(found))


def is_intact(report: StoredReport) -> bool:
    """Whether the body still gives the hash that was stored with it."""
    try:
        return rules.fingerprint(report.body) == report.sha256
    except ValueError:
        return False


def verify_reports() -> Sequence[int]:
    """Ids of the stored reports whose body no longer gives its hash, in order."""
    query = select(StoredReport).order_by(StoredReport.id).execution_options(yield_per=100)
    return [row.id for row in db.session.scalars(query) if not is_intact(row)]


def _slot(campaign_id: int, team_id: int | None, day: date) -> tuple[ColumnElement[bool], ...]:
    return (*_series(campaign_id, team_id), StoredReport.day == day)


def _series(campaign_id: int, team_id: int | None) -> tuple[ColumnElement[bool], ...]:
    same = StoredReport.team_id.is_(None) if team_id is None else StoredReport.team_id == team_id
    return (StoredReport.kind == Kind.EVENING.value, StoredReport.campaign_id == campaign_id, same)
