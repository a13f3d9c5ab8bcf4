"""Which team's day a reader means, and what they may switch to: the daily log and "my team today" choose alike."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from crm.campaigns.queries import CampaignOption, campaign_for_day, get_campaign, open_campaigns, teams_of
from crm.kernel.actor import Actor
from crm.people.queries import list_teams


@dataclass(frozen=True)
class DayChoices:
    """What the reader may switch to, and what is chosen; None where there is nothing to choose."""

    campaigns: tuple[CampaignOption, ...]
    teams: tuple[tuple[int, str], ...]
    today: date
    day: date
    campaign_id: int | None
    team_id: int | None

    @property
    def team(self) -> str:
        """The chosen team's name, "" for one that is not among the choices."""
        return dict(self.teams).get(self.team_id or 0, "")

    @property
    def earlier(self) -> str:
        """The day before."""
        return (self.day - timedelta(days=1)).isoformat()

    @property
    def later(self) -> str | None:
        """The day after, until today."""
        return (self.day + timedelta(days=1)).isoformat() if self.day < self.today else None

    @property
    def query(self) -> dict[str, Any]:
        """As the query of an address."""
        return {"campaign": self.campaign_id, "team": self.team_id, "day": self.day.isoformat()}


def day_choices(
    actor: Actor,
    *,
    today: date,
    day: date,
    campaign_id: int | None,
    team_id: int | None,
    shows: Callable[[int], bool],
) -> DayChoices:
    """What was asked for, filled up with what the reader most likely means: the campaign of the day, the team that they lead.

    `shows` tells which teams the reader may switch to. A team that was asked for stays chosen even where it is not one of them.
    """
    campaigns = open_campaigns(actor, closed_too=True)
    if campaign_id is None:
        likely = campaign_for_day(actor, day)
        campaign_id = likely.id if likely else next((one.id for one in campaigns), None)
    teams = () if campaign_id is None else _teams(actor, campaign_id, shows)
    if team_id is None:
        team_id = min((one for one, _name in teams), key=lambda one: _distance(actor, one), default=None)
    return DayChoices(campaigns, teams, today, day, campaign_id, team_id)


def _distance(actor: Actor, team_id: int) -> int:
    if team_id in actor.lead_of:
        return 0
    return 1 if team_id in actor.team_ids else 2


def _teams(actor: Actor, campaign_id: int, shows: Callable[[int], bool]) -> tuple[tuple[int, str], ...]:
    """Those of the campaign; those of the bank where customers come in by themselves."""
    if get_campaign(actor, campaign_id).walk_in:
        named = [(team.id, team.name) for team in list_teams(actor)]
    else:
        named = [(team.team_id, team.name) for team in teams_of(campaign_id)]
    return tuple((team_id, name) for team_id, name in named if shows(team_id))
