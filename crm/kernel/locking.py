"""A row that is about to change, held so that nobody else changes it meanwhile."""

from typing import Any, TypeVar

from sqlalchemy import Select, text

from crm.kernel.db import Base, db
from crm.kernel.errors import Conflict

Row = TypeVar("Row", bound=Base)


_ALONE = text("SELECT pg_advisory_xact_lock(:key)")


def one_at_a_time(key: int) -> None:
    """Waits until no other unit of work has this key, and holds it to the end of this one. SQLite has one writer anyway.

    For rules that no single row can guard. Must come before whatever is read for the decision, and before any row is held.
    """
    if db.engine.dialect.name == "postgresql":
        db.session.execute(_ALONE, {"key": key})


def held(query: Select[Row], *, version: int | None = None) -> Row | None:
    """The one row that `query` finds, or None; read afresh and locked until the unit of work ends.

    On PostgreSQL two people with the same version would otherwise both read it before either writes. `version` is the one
    that the person was looking at, None for whatever stands: raises Conflict("form.stale") when the row has moved on.
    """
    model = query.column_descriptions[0]["entity"]
    locked = query.with_for_update(of=model).execution_options(populate_existing=True)
    row = db.session.scalar(locked)
    if row is not None:
        check_version(row, version)
    return row


def check_version(row: Any, version: int | None) -> None:
    """Raises Conflict("form.stale") when the row, held by this unit, is not at that version any more; None fits always."""
    if version is not None and row.version != version:
        raise Conflict("form.stale")
