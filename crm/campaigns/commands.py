"""What can be done with a campaign itself. The actor comes first; nothing here commits. Its parts are in `plan_commands`."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select

from crm.campaigns import policy, rules
from crm.campaigns.models import Campaign, CampaignSession
from crm.campaigns.policy import CampaignPermission
from crm.campaigns.rules import CampaignModel, Outcome, Status
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import FIRST_YEAR, LAST_YEAR, day_bounds
from crm.kernel.db import db
from crm.kernel.errors import Forbidden, Invalid, NotFound
from crm.kernel.installation import zone_name
from crm.kernel.locking import check_version, held


def create_campaign(
    actor: Actor,
    *,
    name: str,
    model: str,
    starts_on: date,
    ends_on: date,
    at: datetime,
    code: str = "",
    goal: str = "",
    place: str = "",
    valid_outcomes: Sequence[str] = rules.VALID_OUTCOMES,
    valid_rule: str = "",
) -> Campaign:
    """A new draft. An empty code becomes the next free one of the month, such as 202611-03. Raises Invalid."""
    need(actor, CampaignPermission.EDIT)
    campaign = Campaign(
        code=_free_code(code, starts_on), status=Status.DRAFT, created_by_id=actor.user_id, created_at=at, walk_in=False
    )
    _write(campaign, name, model, starts_on, ends_on, goal, place, valid_outcomes, valid_rule)
    db.session.add(campaign)
    db.session.flush()
    audit.record(actor, "campaigns.create", "campaign", campaign.id, code=campaign.code, model=campaign.model)
    return campaign


def change_campaign(
    actor: Actor,
    campaign_id: int,
    *,
    version: int,
    name: str,
    model: str,
    starts_on: date,
    ends_on: date,
    goal: str = "",
    place: str = "",
    valid_outcomes: Sequence[str] = rules.VALID_OUTCOMES,
    valid_rule: str = "",
) -> Campaign:
    """Changes the facts of a plan. Once it runs, its model, its first day and what counts as valid stay: visits were judged by them.

    What was approved (these, the last day and the written rule) changes on the desk only: back to draft, and to a new approval.
    """
    campaign = open_plan(actor, campaign_id, version=version)
    before = {"name": campaign.name, "model": campaign.model, "from": campaign.starts_on, "to": campaign.ends_on}
    fixed, approved = _fixed(campaign), (*_fixed(campaign), campaign.ends_on, campaign.valid_rule)
    _write(campaign, name, model, starts_on, ends_on, goal, place, valid_outcomes, valid_rule)
    if campaign.status == Status.RUNNING and fixed != _fixed(campaign):
        raise Invalid("campaign.fixed")
    if campaign.status == Status.APPROVED and approved != (*_fixed(campaign), campaign.ends_on, campaign.valid_rule):
        raise Invalid("campaign.approved")
    _sessions_inside(campaign)
    audit.record(actor, "campaigns.change", "campaign", campaign.id, before=before)
    return campaign


def set_status(actor: Actor, campaign_id: int, to: Status, *, version: int | None = None) -> Campaign:
    """Brings a campaign to its next status. A plan is approved by somebody other than its author (four eyes).

    Raises Forbidden for the wrong role, Invalid("campaign.step") for a step that the life of a campaign does not have.
    """
    campaign = _campaign(campaign_id)
    if campaign.walk_in:
        raise Invalid("campaign.walk_in")
    check_version(campaign, version)
    if not rules.may_become(campaign.status, to):
        raise Invalid("campaign.step")
    if not policy.may_move(actor, to):
        raise Forbidden("campaign.forbidden")
    if to is Status.APPROVED and actor.user_id is not None and actor.user_id == campaign.created_by_id:
        raise Invalid("campaign.own_approval")
    before, campaign.status = campaign.status, to.value
    if to is Status.APPROVED:
        campaign.approved_by_id = actor.user_id
    elif to is Status.DRAFT:
        campaign.approved_by_id = None
    campaign.version += 1
    audit.record(actor, "campaigns.status", "campaign", campaign.id, before=before, to=to.value)
    return campaign


def _fixed(campaign: Campaign) -> tuple[str, date, frozenset[str]]:
    return campaign.model, campaign.starts_on, frozenset(campaign.valid_outcomes)


def need(actor: Actor, permission: str) -> None:
    """Raises Forbidden without that permission: a command may be called from elsewhere than its page."""
    if not actor.may(permission):
        raise Forbidden("campaign.forbidden")


def open_plan(actor: Actor, campaign_id: int, *, version: int | None, closed_too: bool = False) -> Campaign:
    """The campaign whose plan is about to change, its version moved on. `closed_too`: what is settled after the end, as costs.

    Raises Conflict("form.stale"), Invalid("campaign.walk_in" or "campaign.closed"), NotFound, Forbidden.
    """
    need(actor, CampaignPermission.EDIT)
    campaign = _campaign(campaign_id)
    if campaign.walk_in:
        raise Invalid("campaign.walk_in")
    check_version(campaign, version)
    allowed = rules.PLANNED | ({Status.CLOSED} if closed_too else frozenset())
    if campaign.status not in allowed:
        raise Invalid("campaign.closed")
    campaign.version += 1
    return campaign


def _campaign(campaign_id: int) -> Campaign:
    campaign = held(select(Campaign).where(Campaign.id == campaign_id))
    if campaign is None:
        raise NotFound("campaign.not_found")
    return campaign


def _write(
    campaign: Campaign,
    name: str,
    model: str,
    starts_on: date,
    ends_on: date,
    goal: str,
    place: str,
    outcomes: Sequence[str],
    valid_rule: str,
) -> None:
    if not name:
        raise Invalid("campaign.name")
    if len(name) > 120:
        raise Invalid("campaign.name_long", most=120)
    if not FIRST_YEAR <= starts_on.year <= ends_on.year <= LAST_YEAR and ends_on >= starts_on:
        raise Invalid("campaign.years", first=FIRST_YEAR, last=LAST_YEAR)
    if ends_on < starts_on:
        raise Invalid("campaign.dates")
    if model not in set(CampaignModel):
        raise Invalid("campaign.model")
    if not outcomes or not set(outcomes) <= set(Outcome):
        raise Invalid("campaign.outcomes")
    campaign.name, campaign.model, campaign.starts_on, campaign.ends_on = (
        name,
        CampaignModel(model).value,
        starts_on,
        ends_on,
    )
    campaign.goal, campaign.place, campaign.valid_rule = goal, place, valid_rule
    campaign.valid_outcomes = [outcome.value for outcome in Outcome if outcome in set(outcomes)]


def _free_code(code: str, starts_on: date) -> str:
    if code:
        rules.check_code(code)
        if db.session.scalar(select(Campaign.id).where(Campaign.code == code)) is not None:
            raise Invalid("campaign.code_taken", taken=code)
        return code
    month = f"{starts_on:%Y%m}-"
    taken = set(db.session.scalars(select(Campaign.code).where(Campaign.code.startswith(month, autoescape=True))))
    return next(free for number in range(1, len(taken) + 2) if (free := f"{month}{number:02d}") not in taken)


def _sessions_inside(campaign: Campaign) -> None:
    first, _ = day_bounds(campaign.starts_on, zone_name())
    _, end = day_bounds(campaign.ends_on, zone_name())
    outside = select(CampaignSession.name).where(
        CampaignSession.campaign_id == campaign.id,
        CampaignSession.cancelled.is_(False),
        (CampaignSession.starts_at < first) | (CampaignSession.starts_at >= end),
    )
    name = db.session.scalar(outside.limit(1))
    if name is not None:
        raise Invalid("campaign.session_outside", name=name)
