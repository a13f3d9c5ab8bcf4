"""Puts the HTTP kernel into an app."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask import Flask, current_app, request, url_for
from flask_babel import lazy_gettext
from flask_wtf import CSRFProtect
from werkzeug.routing import IntegerConverter

from crm.kernel.actor import Actor
from crm.kernel.clock import business_day, now
from crm.settings import Settings
from crm.web import assets, errors, guards, locale, security
from crm.web.forms import LARGEST_ID
from crm.web.identity import current_actor
from crm.web.navigation import Group, visible
from crm.web.paging import shown_at, url_with
from crm.web.targets import page_before
from crm.web.views import blueprint


def up_to(largest: int) -> str:
    """A pattern of the whole numbers from 0 to `largest`, written without more digits than it has.

    Either fewer digits; or equal digits up to some place, a smaller one there, and any after it; or the number itself.
    """
    digits = str(largest)
    smaller = [
        rf"{digits[:place]}[0-{int(digit) - 1}]\d{{{len(digits) - place - 1}}}"
        for place, digit in enumerate(digits)
        if digit != "0"
    ]
    return "|".join([rf"\d{{1,{len(digits) - 1}}}", *smaller, digits])


class IdConverter(IntegerConverter):
    """Ids in addresses: a number that no row can have is simply not found, never an overflow in the database.

    The bound stands in the pattern. Left to the conversion alone, an address that is asked for by GET and by POST answers 405.
    """

    regex = up_to(LARGEST_ID)

    def __init__(self, map: Any, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max", LARGEST_ID)
        super().__init__(map, *args, **kwargs)


def install(app: Flask, settings: Settings, navigation: Sequence[Group], tabs: Sequence[Group]) -> None:
    """Everything of this room, in order."""
    app.url_map.converters["int"] = IdConverter
    app.extensions["crm.settings"] = settings
    security.install(app, settings)
    assets.install(app)
    locale.install(app, str(Path(app.root_path) / "translations"))
    CSRFProtect(app)
    guards.install(app)
    errors.install(app)
    app.register_blueprint(blueprint)
    # Globals, not context: macros are imported without a context.
    app.jinja_env.globals.update(
        asset=assets.asset,
        url_with=url_with,
        shown_at=shown_at,
        demo=settings.demo,
        bank=settings.bank,
        page_before=page_before,
    )
    app.context_processor(lambda: _context(settings, navigation, tabs))


def _context(settings: Settings, navigation: Sequence[Group], tabs: Sequence[Group]) -> dict[str, Any]:
    actor = current_actor()
    return {
        **locale.context(),
        "current_actor": actor,
        "product": lazy_gettext("Waituo CRM"),
        "switch_language_url": url_for("web.set_language"),
        "search_url": _search_url(actor),
        "nav": visible(navigation, actor) if request.endpoint else [],
        "phone_tabs": [item for group in visible(tabs, actor) for item in group.items] if request.endpoint else [],
        "now_day": business_day(now(), settings.zone),
    }


def _search_url(actor: Actor | None) -> str | None:
    """Where the search box on top leads; nobody who may not see leads has one."""
    offered = actor is not None and actor.may("leads.view") and "leads.listing" in current_app.view_functions
    return url_for("leads.listing") if offered else None
