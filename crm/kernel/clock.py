"""Time carries its zone, and a *day* is the bank's business day, whatever zone the server runs in."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DEFAULT_ZONE = "Asia/Shanghai"
FIRST_YEAR, LAST_YEAR = 2000, 2100
"""The years in which plans and questions lie. The ends of the calendar have no neighbours in another zone."""


def now() -> datetime:
    """The present moment in UTC. Entry points call this once and hand it on."""
    return datetime.now(UTC)


@lru_cache
def zone(name: str = DEFAULT_ZONE) -> ZoneInfo:
    """The zone of that IANA name; ZoneInfoNotFoundError when there is none."""
    return ZoneInfo(name)


def business_day(at: datetime, zone_name: str = DEFAULT_ZONE) -> date:
    """The calendar day of `at` where the bank is. `at` must carry its zone."""
    if at.tzinfo is None:
        raise ValueError("a moment without a zone has no business day")
    return at.astimezone(zone(zone_name)).date()


def day_or_none(text: str) -> date | None:
    """The day that an address names, such as 2026-11-23; None for nonsense and for days outside FIRST_YEAR..LAST_YEAR."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if FIRST_YEAR <= found.year <= LAST_YEAR else None


def at_local(day: date, hour: int, minute: int = 0, *, zone_name: str = DEFAULT_ZONE) -> datetime:
    """That hour of the business day, in UTC."""
    return datetime.combine(day, time(hour, minute), zone(zone_name)).astimezone(UTC)


def day_bounds(day: date, zone_name: str = DEFAULT_ZONE) -> tuple[datetime, datetime]:
    """First moment of the business day and of the next one, in UTC."""
    return at_local(day, 0, zone_name=zone_name), at_local(day + timedelta(days=1), 0, zone_name=zone_name)
