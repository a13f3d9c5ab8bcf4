"""Who is told what about a clash. Neither team learns anything of the other's record but the day on which it was registered."""

from datetime import date, datetime

from crm.kernel.clock import business_day
from crm.kernel.installation import zone_name
from crm.leads.models import Clash, Lead
from crm.leads.rules import Outcome
from crm.people.inbox import Link, tell
from crm.people.queries import leads_of

PAGE = "contest.clash_result"
"""The page on which a team reads the result; it stands in a room to the right of this one."""
QUEUE = "contest.clash"


def holder_side(clash: Clash, *, on: date) -> set[int | None]:
    """Who had the customer when the clash was opened, and who leads that team on a day."""
    return {clash.held_owner_id, *leads_of([clash.held_team_id], on=on).get(clash.held_team_id or 0, ())}


def claimant_side(clash: Clash, *, on: date) -> set[int | None]:
    """Who claimed the customer, for whom, and who leads that team on a day."""
    people = {clash.claimed_by_id, clash.owner_id}
    return people | set(leads_of([clash.team_id], on=on).get(clash.team_id or 0, ()))


def tell_opened(clash: Clash, lead: Lead, *, at: datetime) -> None:
    """Both teams are told that the referee has a clash of theirs."""
    day, link, key = business_day(at, zone_name()), Link(PAGE, {"clash_id": clash.id}), f"clash:{clash.id}:opened"
    tell(holder_side(clash, on=day), "clash.claimed_too", at=at, key=key, link=link, lead=lead.id)
    held_since = business_day(lead.created_at, zone_name()).isoformat()
    tell(claimant_side(clash, on=day), "clash.claimed", at=at, key=key, link=link, day=held_since)


def tell_decided(clash: Clash, lead: Lead, *, at: datetime, until: datetime | None) -> None:
    """Both teams are told the result; the one that lost also until when it may appeal (None: no longer)."""
    day, link = business_day(at, zone_name()), Link(PAGE, {"clash_id": clash.id})
    key, dates = f"clash:{clash.id}:decided:{clash.version}", {
        "held": business_day(lead.created_at, zone_name()).isoformat(),
        "claimed": business_day(clash.received_at, zone_name()).isoformat(),
    }  # fmt: skip
    lost = {"until": until.isoformat() if until else ""}
    if clash.outcome == Outcome.HOLDER:
        tell(holder_side(clash, on=day), "clash.kept", at=at, key=key, link=link, **dates)
        tell(claimant_side(clash, on=day), "clash.refused", at=at, key=key, link=link, **dates, **lost)
    elif clash.outcome == Outcome.CLAIMANT:
        tell(claimant_side(clash, on=day), "clash.won", at=at, key=key, link=link, **dates)
        tell(holder_side(clash, on=day), "clash.lost", at=at, key=key, link=link, **dates, **lost)
    else:
        everybody = holder_side(clash, on=day) | claimant_side(clash, on=day)
        tell(everybody, "clash.different", at=at, key=key, link=link, **dates)


def tell_appealed(clash: Clash, lead: Lead, *, at: datetime, referees: set[int]) -> None:
    """The other team is told that the decision is open again, and those who may decide it."""
    day, key = business_day(at, zone_name()), f"clash:{clash.id}:appealed"
    won = holder_side if clash.outcome == Outcome.HOLDER else claimant_side
    registered = lead.created_at if clash.outcome == Outcome.HOLDER else clash.received_at
    shown = business_day(registered, zone_name()).isoformat()
    link = Link(PAGE, {"clash_id": clash.id})
    tell(won(clash, on=day), "clash.appealed", at=at, key=key, link=link, day=shown)
    tell(referees, "clash.to_decide", at=at, key=key, link=Link(QUEUE, {"clash_id": clash.id}), clash=clash.id)
