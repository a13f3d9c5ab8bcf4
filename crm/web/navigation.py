"""The left navigation: groups of pages, each shown to whoever may open it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import current_app, request, url_for

from crm.kernel.actor import Actor


@dataclass(frozen=True)
class Entry:
    """A page in the navigation. `title` is lazy, `permission` the one that its route declares."""

    title: Any
    endpoint: str
    icon: str
    permission: str


@dataclass(frozen=True)
class Group:
    """A named group of pages."""

    title: Any
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class NavItem:
    """A page as the template shows it."""

    title: str
    url: str
    icon: str
    active: bool


@dataclass(frozen=True)
class NavGroup:
    """A group as the template shows it."""

    title: str
    items: list[NavItem]


def visible(groups: Sequence[Group], actor: Actor | None) -> list[NavGroup]:
    """The groups with what this actor may open; empty groups are left out."""
    if actor is None:
        return []
    shown = [
        NavGroup(
            str(group.title),
            [
                NavItem(str(entry.title), url_for(entry.endpoint), entry.icon, _active(entry, groups))
                for entry in group.entries
                if _offered(entry, actor)
            ],
        )
        for group in groups
    ]
    return [group for group in shown if group.items]


def _offered(entry: Entry, actor: Actor) -> bool:
    """Only pages that exist (an installation may leave a room out) and that the actor may open."""
    return actor.may(entry.permission) and entry.endpoint in current_app.view_functions


def _active(entry: Entry, groups: Sequence[Group]) -> bool:
    """The page itself; on a page that stands in no group, the list of its room."""
    here = request.endpoint or ""
    if any(one.endpoint == here for group in groups for one in group.entries):
        return entry.endpoint == here
    room = here.partition(".")[0]
    return entry.endpoint.partition(".")[0] == room and entry.endpoint.endswith((".index", ".listing"))
