"""Facts that other rooms may react to, in the same transaction. `wiring.py` alone says who listens."""

from collections.abc import Callable
from typing import Any

Listener = Callable[[Any], None]

_listeners: dict[type, tuple[Listener, ...]] = {}


def listen(table: dict[type, tuple[Listener, ...]]) -> None:
    """Replaces the whole table of event type -> listeners."""
    _listeners.clear()
    _listeners.update(table)


def emit(event: object) -> None:
    """Tells every listener, in the order of the table; an error in one undoes the unit of work."""
    for listener in _listeners.get(type(event), ()):
        listener(event)
