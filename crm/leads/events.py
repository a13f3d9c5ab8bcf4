"""Facts about leads that other rooms may react to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LeadCaptured:
    """A lead came into being."""

    lead_id: int
    campaign_id: int
    team_id: int | None


@dataclass(frozen=True)
class StageReached:
    """A stage entry was written (not the implied ones)."""

    lead_id: int
    entry_id: int
    stage: str


@dataclass(frozen=True)
class ClashFound:
    """Two teams claim one customer."""

    clash_id: int
    lead_id: int
