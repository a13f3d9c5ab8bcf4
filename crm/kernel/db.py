"""The database: naming convention, types, and how SQLite is opened.

SQLite runs in WAL with synchronous=FULL (NORMAL loses acknowledged rows at a power cut). Writers begin with BEGIN IMMEDIATE,
readers with a plain BEGIN: a deferred transaction that reads and then writes fails with "database is locked".
"""

import json
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, cast

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Insert,
    Integer,
    MetaData,
    Table,
    event,
    insert,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DatabaseError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

BIG = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit key; on SQLite the rowid itself."""


PRAGMAS = (
    "journal_mode=wal",
    "synchronous=full",
    "foreign_keys=on",
    "recursive_triggers=on",
    "secure_delete=on",
    "busy_timeout=15000",
    "cache_size=-16000",
)


class Base(DeclarativeBase):
    """Every table of the house."""

    metadata = MetaData(naming_convention=NAMES)


class UTCDateTime(TypeDecorator[datetime]):
    """A moment with its zone. Stored in UTC; a naive value is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment must carry its zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


db = SQLAlchemy(
    model_class=Base,
    session_options={"expire_on_commit": False},
    engine_options={"json_serializer": _dumps, "hide_parameters": True},
)

writing: ContextVar[bool] = ContextVar("writing", default=False)
"""True inside a unit of work."""


class WriteOutsideUnit(RuntimeError):
    """Something tried to write where no unit of work is open."""


def writer() -> Connection:
    """The open unit's connection, for prepared statements that need no objects: they cost a third of what the session's do.

    What the session holds back is written first, so that both see each other's rows.
    """
    session = db.session()
    if not writing.get():
        raise WriteOutsideUnit("a statement")
    session.flush()
    return session.connection()


def table_of(model: type[Base]) -> Table:
    """The table behind a model, for statements that know no objects."""
    return cast(Table, model.__table__)


def plain_insert(table: type[Base]) -> Insert:
    """An INSERT that makes no objects, for `writer`."""
    return insert(table_of(table))


def upsert(dialect: str, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """The same in that dialect's own kind, to which ON CONFLICT can be added."""
    rows = table_of(table)
    return postgresql.insert(rows) if dialect == "postgresql" else sqlite.insert(rows)


MANY = 1000
"""Rows from which on a change alters what the tables look like to a planner."""


def tell_planner(rows: int) -> None:
    """After a change of so many rows: PostgreSQL plans by what it knew of the tables before them, until its own housekeeping
    comes round. A question to the whole ledger then takes minutes instead of a second. Belongs to the open unit."""
    session = db.session()
    if rows >= MANY and session.connection().dialect.name == "postgresql":
        session.flush()
        session.execute(text("ANALYZE " + ", ".join(db.metadata.tables)))


def refusal(error: SQLAlchemyError) -> str:
    """What the database said when it cannot be reached, read or written, in one line; "" for a fault of our own statements."""
    if type(error) not in (DatabaseError, OperationalError, ProgrammingError):
        return ""
    lines = str(cast(DatabaseError, error).orig).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def prepare_engine(engine: Engine) -> None:
    """Installs the connection habits of the house on an engine."""
    if engine.dialect.name != "sqlite":
        return
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.execute("PRAGMA synchronous")
    if cursor.fetchone()[0] != 2:
        raise RuntimeError("SQLite did not take synchronous=FULL")
    cursor.close()


def _on_begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing.get() else "BEGIN")


@event.listens_for(Session, "before_flush")
def _refuse_stray_writes(session: Session, _context: Any, _instances: Any) -> None:
    if not writing.get() and (session.new or session.dirty or session.deleted):
        raise WriteOutsideUnit(repr([*session.new, *session.dirty, *session.deleted][:3]))
