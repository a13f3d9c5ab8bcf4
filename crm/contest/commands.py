"""What can be done with contests: set one up, start and close it, change its rules by versions. The actor comes first."""

import re
from collections.abc import Collection
from datetime import date, datetime, time

from sqlalchemy import func, select

from crm.campaigns.models import Campaign
from crm.campaigns.policy import visible_to as campaign_visible_to
from crm.contest.adjusting import adjust, confirm_adjustment, drop_adjustment
from crm.contest.contests import FROM_THE_START, versions_of
from crm.contest.models import Contest, ContestCampaign, ContestTeam, RuleVersion
from crm.contest.policy import visible_to
from crm.contest.rules import RuleSet
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import FIRST_YEAR, LAST_YEAR, now
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Invalid, NotFound
from crm.kernel.locking import held
from crm.people.models import Team

BELL = time(17, 30)
LONGEST_DAYS = 370
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


def create_contest(
    actor: Actor,
    *,
    code: str,
    name: str,
    campaign_ids: Collection[int],
    team_ids: Collection[int],
    starts_on: date,
    ends_on: date,
    bell: time = BELL,
    rules: RuleSet | None = None,
) -> Contest:
    """A new contest as a draft, with the first version of its rules.

    Raises Invalid for a code that is taken or malformed, dates that do not fit, campaigns or teams that are missing.
    """
    if not _CODE.fullmatch(code):
        raise Invalid("contest.code_form")
    if db.session.scalar(select(Contest.id).where(Contest.code == code)) is not None:
        raise Invalid("contest.code_taken", taken=code)
    _check_plan(actor, name, campaign_ids, team_ids, starts_on, ends_on)
    contest = Contest(
        code=code, name=name, starts_on=starts_on, ends_on=ends_on, bell=bell, status="draft", created_by_id=actor.user_id, created_at=now()
    )  # fmt: skip
    db.session.add(contest)
    db.session.flush()
    _write_field(contest.id, campaign_ids, team_ids)
    _add_version(actor, contest, rules or RuleSet(), in_force_from=FROM_THE_START, reason="")
    audit.record(
        actor,
        "contest.create",
        "contest",
        contest.id,
        code=code,
        campaigns=sorted(campaign_ids),
        teams=sorted(team_ids),
    )
    return contest


def change_contest(
    actor: Actor,
    contest_id: int,
    *,
    version: int,
    name: str,
    campaign_ids: Collection[int],
    team_ids: Collection[int],
    starts_on: date,
    ends_on: date,
    bell: time = BELL,
    rules: RuleSet | None = None,
) -> Contest:
    """Changes a draft. Raises Conflict("form.stale") when it moved on, Invalid("contest.begun") once it has begun."""
    contest = _contest(actor, contest_id, version)
    if contest.status != "draft":
        raise Invalid("contest.begun")
    _check_plan(actor, name, campaign_ids, team_ids, starts_on, ends_on)
    contest.name, contest.starts_on, contest.ends_on, contest.bell = name, starts_on, ends_on, bell
    _write_field(contest.id, campaign_ids, team_ids)
    if rules is not None and rules.to_json() != versions_of(contest.id)[-1].rules.to_json():
        _add_version(actor, contest, rules, in_force_from=FROM_THE_START, reason="")
    contest.version += 1
    audit.record(actor, "contest.change", "contest", contest.id, campaigns=sorted(campaign_ids), teams=sorted(team_ids))
    return contest


def start_contest(actor: Actor, contest_id: int, *, version: int, at: datetime | None = None) -> Contest:
    """Fixes the rules: from here on they change by further versions only. `at` is the moment of it, now when it is not named."""
    contest = _contest(actor, contest_id, version)
    if contest.status != "draft":
        raise Invalid("contest.begun")
    contest.status, contest.started_at = "running", at or now()
    contest.version += 1
    audit.record(actor, "contest.start", "contest", contest.id, rules=versions_of(contest.id)[-1].number)
    return contest


def close_contest(actor: Actor, contest_id: int, *, version: int) -> Contest:
    """Ends a running contest: no further rules and adjustments. What the ledger says of its days still counts."""
    contest = _contest(actor, contest_id, version)
    if contest.status != "running":
        raise Invalid("contest.not_running")
    contest.status = "closed"
    contest.version += 1
    audit.record(actor, "contest.close", "contest", contest.id)
    return contest


def propose_rules(
    actor: Actor, contest_id: int, *, version: int, rules: RuleSet, in_force_from: datetime, reason: str, at: datetime
) -> RuleVersion:
    """A further version of a running contest's rules, from a moment to come. It holds once a second person has confirmed it.

    Raises Invalid for a moment that has passed, for rules equal to the newest ones, and without a reason.
    """
    contest = _contest(actor, contest_id, version)
    if contest.status != "running":
        raise Invalid("contest.not_running")
    if not reason.strip():
        raise Invalid("contest.reason")
    if in_force_from < at:
        raise Invalid("contest.rules_past")
    known = versions_of(contest.id)
    if any(one.starts is None for one in known):
        raise Invalid("contest.rules_pending")
    if rules.to_json() == known[-1].rules.to_json():
        raise Invalid("contest.rules_same")
    row = _add_version(actor, contest, rules, in_force_from=in_force_from, reason=reason.strip())
    contest.version += 1
    audit.record(actor, "contest.propose_rules", "contest", contest.id, number=row.number, reason=reason)
    return row


def confirm_rules(actor: Actor, contest_id: int, number: int, *, at: datetime) -> RuleVersion:
    """The second person's yes to a version. It holds from its moment, and never from one before this.

    Raises NotFound, Conflict("contest.confirmed") and Invalid("contest.same_person").
    """
    contest = _contest(actor, contest_id)
    row = db.session.scalar(
        select(RuleVersion).where(RuleVersion.contest_id == contest.id, RuleVersion.number == number)
    )
    if row is None:
        raise NotFound("contest.no_version")
    if row.confirmed_at is not None or row.in_force_from == FROM_THE_START:
        raise Conflict("contest.confirmed")
    if contest.status != "running":
        raise Invalid("contest.not_running")
    if actor.user_id is None or actor.user_id == row.created_by_id:
        raise Invalid("contest.same_person")
    row.confirmed_by_id, row.confirmed_at = actor.user_id, at
    contest.version += 1
    audit.record(actor, "contest.confirm_rules", "contest", contest.id, number=number)
    return row


def _contest(actor: Actor, contest_id: int, version: int | None = None) -> Contest:
    contest = held(select(Contest).where(Contest.id == contest_id, visible_to(actor)), version=version)
    if contest is None:
        raise NotFound("contest.not_found")
    return contest


def _check_plan(
    actor: Actor, name: str, campaign_ids: Collection[int], team_ids: Collection[int], starts_on: date, ends_on: date
) -> None:
    if not name.strip():
        raise Invalid("contest.name")
    if ends_on < starts_on:
        raise Invalid("contest.dates")
    if starts_on.year < FIRST_YEAR or ends_on.year > LAST_YEAR:
        raise Invalid("contest.years", first=FIRST_YEAR, last=LAST_YEAR)
    if (ends_on - starts_on).days >= LONGEST_DAYS:
        raise Invalid("contest.too_long", days=LONGEST_DAYS)
    if not campaign_ids:
        raise Invalid("contest.no_campaigns")
    if not team_ids:
        raise Invalid("contest.no_teams")
    campaigns = (
        select(func.count()).select_from(Campaign).where(Campaign.id.in_(campaign_ids), campaign_visible_to(actor))
    )
    if db.session.scalar(campaigns) != len(set(campaign_ids)):
        raise Invalid("contest.campaign_unknown")
    if db.session.scalar(select(func.count()).select_from(Team).where(Team.id.in_(team_ids))) != len(set(team_ids)):
        raise Invalid("contest.team_unknown")


def _write_field(contest_id: int, campaign_ids: Collection[int], team_ids: Collection[int]) -> None:
    db.session.execute(db.delete(ContestCampaign).where(ContestCampaign.contest_id == contest_id))
    db.session.execute(db.delete(ContestTeam).where(ContestTeam.contest_id == contest_id))
    rows = [ContestCampaign(contest_id=contest_id, campaign_id=one) for one in sorted(set(campaign_ids))]
    teams = [ContestTeam(contest_id=contest_id, team_id=one) for one in sorted(set(team_ids))]
    db.session.add_all([*rows, *teams])
    db.session.flush()


def _add_version(
    actor: Actor, contest: Contest, rules: RuleSet, *, in_force_from: datetime, reason: str
) -> RuleVersion:
    if rules.counting != "recorded":
        raise Invalid("contest.rules_choice", part="counting", value=rules.counting)
    last = db.session.scalar(select(func.max(RuleVersion.number)).where(RuleVersion.contest_id == contest.id)) or 0
    row = RuleVersion(
        contest_id=contest.id, number=last + 1, rules=rules.to_body(), in_force_from=in_force_from, reason=reason,
        created_by_id=actor.user_id, created_at=now(),
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    return row


__all__ = [
    "adjust",
    "change_contest",
    "close_contest",
    "confirm_adjustment",
    "confirm_rules",
    "create_contest",
    "drop_adjustment",
    "propose_rules",
    "start_contest",
]
