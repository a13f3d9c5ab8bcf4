"""The schema that the migrations make is the schema that the models mean, up and down, and the database guards what is append-only."""

import ast
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Boolean, Connection, Date, DateTime, Integer, Numeric, Table, func, inspect, select, text
from sqlalchemy.exc import DatabaseError, NotSupportedError

from crm.kernel.db import db, writing
from crm.kernel.schema import SchemaMismatch, check, migrate, revision
from crm.kernel.unit_of_work import unit_of_work
from tests import make
from tests.meetings.setting import meeting

# The indexes on expressions are asked for by name below: reflection passes over them and says so.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index"),
    pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index"),
]
FOLDER = Path(__file__).resolve().parents[2] / "migrations"
APPEND_ONLY = (
    "attendance",
    "audit_entry",
    "consent",
    "intent_entry",
    "lead_event",
    "meeting_minute",
    "phone_reveal",
    "stage_entry",
    "stored_report",
    "tally",
)


@pytest.fixture
def emptied(app, stage):
    """The tests' database, to be torn down to nothing; afterwards it stands as every test expects it."""
    yield FOLDER
    db.session.remove()
    migrate(FOLDER)
    stage[2]()


def schema() -> dict[str, Any]:
    """Tables with columns, indexes, checks and foreign keys, as the database tells them."""
    db.engine.dispose()  # an old connection may answer from the schema that it read before
    found = inspect(db.engine)
    return {
        name: (
            sorted((column["name"], str(column["type"]), column["nullable"]) for column in found.get_columns(name)),
            sorted((str(index["name"]), index["unique"]) for index in found.get_indexes(name)),
            sorted(str(one["name"]) for one in found.get_check_constraints(name)),
            sorted((one["constrained_columns"], one["referred_table"]) for one in found.get_foreign_keys(name)),
        )
        for name in found.get_table_names()
        if name != "alembic_version"
    }


def triggers(connection: Connection) -> set[str]:
    """Names of the triggers of the database."""
    if connection.dialect.name == "postgresql":
        return set(connection.scalars(text("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")))
    return set(connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")))


def test_down_to_nothing_and_up_again_gives_the_same_schema(emptied):
    before = schema()
    db.session.remove()
    migrate(emptied, to="base")
    assert schema() == {}
    with db.engine.connect() as connection:
        assert triggers(connection) == set()
        assert revision(connection) is None
    with pytest.raises(SchemaMismatch, match="crm init"):
        check(emptied)
    migrate(emptied)
    check(emptied)
    assert schema() == before


def test_migrating_a_current_database_changes_nothing(app):
    before = schema()
    migrate(FOLDER)
    assert schema() == before


def test_the_schema_is_what_the_models_mean(app):
    assert differences() == []


def test_a_forgotten_column_would_be_noticed(emptied):
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE team ADD COLUMN forgotten INTEGER"))
    db.engine.dispose()
    assert any("forgotten" in one for one in differences())
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE team DROP COLUMN forgotten"))


def differences() -> list[str]:
    """What autogeneration would still write, the indexes on expressions aside: they cannot be compared by structure."""
    by_expression = {
        index.name
        for table in db.metadata.tables.values()
        for index in table.indexes
        if any(not hasattr(part, "table") for part in index.expressions)
    }
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, db.metadata)
    return [repr(one) for one in found if not _is_index(one, by_expression)]


def _is_index(change: Any, names: set[Any]) -> bool:
    return isinstance(change, tuple) and str(change[0]).endswith("_index") and change[1].name in names


def test_the_indexes_on_expressions_are_there_by_name(app):
    found = inspect(db.engine)
    missing = [
        f"{table.name}.{index.name}"
        for table in db.metadata.tables.values()
        for index in table.indexes
        if index.name not in {one["name"] for one in found.get_indexes(table.name)} | names_in_catalogue()
    ]
    assert missing == []


def names_in_catalogue() -> set[str]:
    """Names of all indexes; SQLite's inspection leaves those on expressions out."""
    query = "SELECT name FROM sqlite_master WHERE type = 'index'"
    if db.engine.dialect.name == "postgresql":
        query = "SELECT indexname FROM pg_indexes"
    with db.engine.connect() as connection:
        return set(connection.scalars(text(query)))


def test_there_is_one_newest_revision_and_the_file_names_it():
    script = ScriptDirectory(str(FOLDER))
    assert script.get_heads() == [(FOLDER / "HEAD").read_text().strip()]
    for one in script.walk_revisions():
        assert Path(one.path).name.startswith(f"{one.revision}_")
        assert one.module.upgrade.__doc__ is None or one.module.__doc__
        assert callable(one.module.downgrade)


def test_migrations_never_import_the_program():
    assert [place for path in FOLDER.rglob("*.py") for place in imports_of_the_program(path.read_text())] == []
    assert imports_of_the_program("from crm.kernel import db") == ["crm.kernel"]
    assert imports_of_the_program("import crm.settings as s") == ["crm.settings"]


def imports_of_the_program(source: str) -> list[str]:
    """Modules of crm that a source names in its imports."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return [name for name in names if name.split(".")[0] == "crm"]


@pytest.mark.parametrize("name", APPEND_ONLY)
@pytest.mark.parametrize("act", ["UPDATE", "DELETE"])
def test_the_database_refuses_to_change_what_is_append_only(cast, actor, name, act):
    with unit_of_work():
        make.lead(actor("bob"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"])
    meeting(actor, cast)
    db.session.remove()
    with pytest.raises((DatabaseError, NotSupportedError), match="append-only"):
        changed(name, act)


@pytest.mark.parametrize("name", APPEND_ONLY)
def test_nothing_append_only_is_emptied_or_replaced_as_a_whole(cast, actor, name):
    with unit_of_work():
        make.lead(actor("bob"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"])
    meeting(actor, cast)
    db.session.remove()
    act = "TRUNCATE" if db.engine.dialect.name == "postgresql" else "INSERT OR REPLACE"
    with pytest.raises((DatabaseError, NotSupportedError), match="append-only"):
        changed(name, act)


def test_a_plain_table_may_be_replaced_or_emptied(app):
    changed("job_run", "TRUNCATE" if db.engine.dialect.name == "postgresql" else "INSERT OR REPLACE")


@pytest.mark.parametrize("act", ["UPDATE", "DELETE"])
def test_a_plain_table_may_change(app, act):
    assert changed("job_run", act) == 1


def changed(name: str, act: str) -> int:
    """How many rows an act changes in a table that holds one row of ours; all of it is taken back."""
    table = db.metadata.tables[name]
    token = writing.set(True)
    try:
        with db.engine.connect() as connection:
            connection.execute(table.insert().values(_a_row(connection, table)))
            column = next(one.name for one in table.c if not one.primary_key)
            where = f"WHERE id = {_OUR_ID}"
            sentence = {
                "DELETE": f"DELETE FROM {name} {where}",
                "UPDATE": f"UPDATE {name} SET {column} = {column} {where}",
                "TRUNCATE": f"TRUNCATE {name} CASCADE",
                "INSERT OR REPLACE": f"INSERT OR REPLACE INTO {name} SELECT * FROM {name} {where}",
            }[act]
            try:
                return connection.execute(text(sentence)).rowcount
            finally:
                connection.rollback()
    finally:
        writing.reset(token)


_OUR_ID = 2_000_000_000


def _a_row(connection: Connection, table: Table) -> dict[str, Any]:
    """A value for each column that needs one; what it refers to is there."""
    row: dict[str, Any] = {"id": _OUR_ID}
    for column in table.c:
        if column.name != "id" and not column.nullable:
            refers = next(iter(column.foreign_keys), None)
            row[column.name] = (
                _SAMPLES.get(column.name, _value(column.type))
                if refers is None
                else connection.scalar(select(func.min(refers.column)))
            )
    return row


_SAMPLES = {"stage": "consult", "intent": "A", "state": "present"}


def _value(kind: Any) -> Any:
    samples = {
        Boolean: False, DateTime: datetime(2026, 11, 16, tzinfo=UTC), Date: date(2026, 11, 16), JSON: {},
        Numeric: 1, Integer: 1,
    }  # fmt: skip
    plain = getattr(kind, "impl", kind)
    return next((value for one, value in samples.items() if isinstance(plain, one)), "x")
