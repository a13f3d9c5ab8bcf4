"""Two languages, Chinese first; and how days, moments and money are written."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import Flask, request
from flask_babel import Babel, gettext, lazy_gettext

from crm.kernel.clock import zone
from crm.web.identity import current_actor, settings

COOKIE = "crm_lang"
LOCALES = {"zh": "zh_Hans_CN", "en": "en"}
_WEEKDAYS = (
    lazy_gettext("Mon"),
    lazy_gettext("Tue"),
    lazy_gettext("Wed"),
    lazy_gettext("Thu"),
    lazy_gettext("Fri"),
    lazy_gettext("Sat"),
    lazy_gettext("Sun"),
)


def language() -> str:
    """ "zh" or "en": the cookie, else the actor's own, else Chinese."""
    chosen = request.cookies.get(COOKIE)
    if chosen in LOCALES:
        return chosen
    actor = current_actor()
    return actor.locale if actor and actor.locale in LOCALES else "zh"


def install(app: Flask, translations: str) -> None:
    """Sets Babel up and teaches the templates the house's ways to write values."""
    app.config.update(BABEL_DEFAULT_LOCALE="zh_Hans_CN", BABEL_TRANSLATION_DIRECTORIES=translations)
    Babel(app, locale_selector=lambda: LOCALES[language()], timezone_selector=lambda: settings().zone)
    app.jinja_env.filters.update(
        day=day, moment=moment, clock=clock, number=number, wan=wan, yuan=yuan, local_input=local_input
    )


def day(value: date | None) -> str:
    """2026-11-23 周一; — for None."""
    if value is None:
        return "—"
    return f"{value:%Y-%m-%d} {_WEEKDAYS[value.weekday()]}"


def moment(value: datetime | None) -> str:
    """2026-11-23 17:30 where the bank is; — for None."""
    return "—" if value is None else f"{value.astimezone(zone(settings().zone)):%Y-%m-%d %H:%M}"


def clock(value: datetime | None) -> str:
    """17:30 where the bank is."""
    return "—" if value is None else f"{value.astimezone(zone(settings().zone)):%H:%M}"


def local_input(value: datetime | None) -> str:
    """The value of a datetime-local input."""
    return "" if value is None else f"{value.astimezone(zone(settings().zone)):%Y-%m-%dT%H:%M}"


def number(value: int | Decimal | None) -> str:
    """1,234; — for None."""
    return "—" if value is None else f"{value:,}"


def wan(value: Decimal | None) -> str:
    """An amount in ten thousand yuan, with its unit."""
    return "—" if value is None else gettext("%(amount)s ×10k yuan", amount=f"{value.normalize():,f}")


def yuan(fen: int | None) -> str:
    """An amount in yuan from fen."""
    return "—" if fen is None else f"{Decimal(fen) / 100:,.2f}"


def context() -> dict[str, Any]:
    """What every template knows of the language."""
    return {"locale": language()}
