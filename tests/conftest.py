"""One app and one database per process; every test starts from the same cast at the same moment.

SQLite by default; with CRM_TEST_DATABASE_URL (a superuser's address on a PostgreSQL server) each process makes a database of its own there.
"""

import gc
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from copy import deepcopy
from pathlib import Path

import pytest
import time_machine
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import close_all_sessions

from crm import create_app
from crm.contest.queries import forget_boards
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day, now
from crm.kernel.crypto import Keys
from crm.kernel.db import db
from crm.kernel.errors import DomainError
from crm.kernel.schema import migrate
from crm.kernel.unit_of_work import unit_of_work
from crm.people.models import User
from crm.people.queries import actor_of
from crm.settings import Settings
from crm.wiring import GRANTS
from tests import cast as casting
from tests.moments import NOON

SERVER = "CRM_TEST_DATABASE_URL"
SHARED = Path(os.environ.get("CRM_SHARED", Path(__file__).resolve().parents[2] / "shared"))
KEYS = Keys(b"c" * 32, b"d" * 32, b"i" * 32)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option of `make database`."""
    told = "leave out the tests that never ask for the database of the run"
    parser.addoption("--on-database", action="store_true", help=told)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Chooses by what a test asks for: who does not ask for `database_url`, itself or through a fixture, cannot tell which it is.

    Several processes take the slow tests first, so that none of them is left with one at the end.
    """
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    if config.getoption("--on-database"):
        config.hook.pytest_deselected(items=[item for item in items if not asks_for_database(item)])
        items[:] = filter(asks_for_database, items)


PAGES = frozenset({"test_bad_input.py", "test_masking.py", "test_pages.py", "test_stale_forms.py"})
"""Files that ask what pages say. What a database makes of the questions behind them, tests/whole asks by opening every page as
every role and sending every form (test_routes, test_double_submit)."""


def asks_for_database(item: pytest.Item) -> bool:
    """Whether the test uses the database of the run, and can find something that only another database does."""
    return "database_url" in getattr(item, "fixturenames", ()) and item.path.name not in PAGES


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and hard cases beside the project."""
    assert SHARED.is_dir(), f"{SHARED} is missing: set CRM_SHARED"
    return SHARED


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of this test process."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def database_url(home: Path, worker_id: str) -> Iterator[str]:
    """A database of this process alone."""
    server = os.environ.get(SERVER)
    if not server:
        yield f"sqlite:///{home / 'crm.db'}"
        return
    name = f"crm_test_{worker_id}_{os.getpid()}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(scope="session")
def stage(home: Path, database_url: str) -> Iterator[tuple[Flask, casting.Cast, "Reset"]]:
    """The app, the cast, and how to bring the database back to the start."""
    settings = Settings(
        home=home,
        database_url=database_url,
        keys=KEYS,
        bank="测试农商银行",
        testing=True,
        secure_cookies=False,
        inline_work=True,
    )
    app = create_app(settings)
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        migrate(settings.migrations)
        with time_machine.travel(NOON, tick=True), unit_of_work():
            cast = casting.put_on_stage()
        yield app, cast, Reset(app, home)
        db.session.remove()
        db.engine.dispose()


def _copy(source: Path, target: Path) -> None:
    """Page by page under SQLite's own locks: other connections may stay open."""
    with closing(sqlite3.connect(source)) as kept, closing(sqlite3.connect(target)) as changed:
        changed.execute("PRAGMA synchronous=off")
        kept.backup(changed)


def _triggers(connection: Connection) -> dict[str, str]:
    query = "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
    return dict(connection.execute(text(query)).all())


def _indexes(connection: Connection) -> dict[str, str]:
    query = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
    return dict(connection.execute(text(query)).all())


def _sequences(connection: Connection) -> dict[str, int | None]:
    return dict(connection.execute(text("SELECT sequencename, last_value FROM pg_sequences")).all())


def _state(connection: Connection) -> dict[str, tuple[int, int | None]]:
    """Per table how many rows there are and the newest transaction that wrote one: equal means that nothing was touched."""
    parts = [f"SELECT '{name}', count(*), max(xmin::text::bigint) FROM {name}" for name in db.metadata.tables]
    return {name: (rows, newest) for name, rows, newest in connection.execute(text(" UNION ALL ".join(parts)))}


class Reset:
    """Brings the database back to what it was when this was made. `name` is that of the copy that an SQLite file is kept in."""

    def __init__(self, app: Flask, home: Path, name: str = "start.db") -> None:
        self.app = app
        self.file = home / "crm.db"
        self.copy = home / name
        self.rows: dict[str, list[dict]] = {}
        if db.engine.dialect.name == "sqlite":
            self.copy.unlink(missing_ok=True)
            _copy(self.file, self.copy)
        else:
            with db.engine.connect() as connection:
                self.triggers, self.sequences = _triggers(connection), _sequences(connection)
                self.indexes = _indexes(connection)
                self.state = _state(connection)
                for table in db.metadata.sorted_tables:
                    self.rows[table.name] = [dict(row) for row in connection.execute(table.select()).mappings()]

    def __call__(self) -> None:
        close_all_sessions()  # a failed test's traceback may hold one with its connection
        db.session.remove()
        forget_boards()
        if db.engine.dialect.name == "sqlite":
            _copy(self.copy, self.file)
            return
        self._refill()

    def _refill(self) -> None:
        """Only the tables that hold other rows than they did: most tests touch few of them."""
        with db.engine.begin() as connection:
            for name in self.triggers.keys() - _triggers(connection).keys():
                connection.execute(text(self.triggers[name]))  # a test took a guard away to see what it guards
            # Neither triggers nor foreign keys: rows go and come in any order, also where a table points at itself.
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for name, state in _state(connection).items():
                if state != self.state[name]:
                    connection.execute(text(f"DELETE FROM {name}"))
                    if self.rows[name]:
                        connection.execute(db.metadata.tables[name].insert(), self.rows[name])
            for name, value in _sequences(connection).items():
                if value != self.sequences[name]:
                    begun = self.sequences[name]
                    connection.execute(text(f"SELECT setval('{name}', {begun or 1}, {begun is not None})"))
            for name in self.indexes.keys() - _indexes(connection).keys():
                connection.execute(text(self.indexes[name]))  # only now: the rows that it forbids are gone
            self.state = _state(connection)


@pytest.fixture
def app(stage: tuple[Flask, casting.Cast, Reset]) -> Iterator[Flask]:
    """The app in its context, the database at its start, the clock at NOON."""
    app, _, reset = stage
    with app.app_context(), time_machine.travel(NOON, tick=True):
        reset()
        yield app
        db.session.remove()


@pytest.fixture(scope="session")
def kept() -> dict[str, tuple[object, Reset]]:
    """What `once` has made in this process."""
    return {}


@pytest.fixture
def once(
    app: Flask, home: Path, kept: dict[str, tuple[object, Reset]]
) -> Callable[[str, Callable[[], object]], object]:
    """once("story", fill) fills the base and gives what `fill` gives (ids, not rows); later tests of this process get the
    same base back as a copy, which is a hundred times as quick."""

    def filled(name: str, fill: Callable[[], object]) -> object:
        if name not in kept:
            kept[name] = (fill(), Reset(app, home, f"{name}.db"))
            return kept[name][0]
        made, back = kept[name]
        back()
        return made

    return filled


@pytest.fixture
def cast(app: Flask, stage: tuple[Flask, casting.Cast, Reset]) -> casting.Cast:
    """Ids of the cast; a test may add people of its own to it."""
    return deepcopy(stage[1])


@pytest.fixture
def actor(app: Flask, cast: casting.Cast) -> Callable[[str], Actor]:
    """actor("alice") with the rights of this moment."""

    def find(name: str) -> Actor:
        return actor_of(db.session.get_one(User, cast.users[name]), on=business_day(now()), grants=GRANTS)

    return find


class FreshClient(FlaskClient):
    """Forgets what the request before kept in `g` (who asked, in which language): all requests of a test share one context."""

    def open(self, *args, **kwargs):
        for name in list(g):
            g.pop(name)
        return super().open(*args, **kwargs)


@pytest.fixture
def client_of(app: Flask, cast: casting.Cast) -> Callable[[str | None], FlaskClient]:
    """client_of("alice") is signed in; client_of(None) is nobody."""

    def make(name: str | None) -> FlaskClient:
        client = FreshClient(app, app.response_class, use_cookies=True)
        if name is not None:
            user = db.session.get_one(User, cast.users[name])
            with client.session_transaction() as session:
                session["_user_id"] = f"{user.id}|{user.session_version}"
                session["since"] = now().timestamp()
        return client

    return make


@pytest.fixture
def queries(app: Flask) -> Callable[[], "Counting"]:
    """with queries() as seen: ...; seen.count tells how many statements went to the database."""
    return counting_queries


class Counting:
    """Statements seen so far."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    @property
    def count(self) -> int:
        """How many statements, transaction control aside."""
        return len(
            [
                one
                for one in self.statements
                if not one.startswith(("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"))
            ]
        )


@contextmanager
def counting_queries() -> Iterator[Counting]:
    """Counts the statements that go to the database."""
    gc.collect()  # all requests of a test share one session: what it still holds of earlier ones would not be asked for again
    seen = Counting()

    def note(_connection, _cursor, statement, *_rest) -> None:
        seen.statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


@pytest.fixture
def beside(app):
    """with beside(work) as refused: ... the block's unit of work stands open when `work` begins its own, which ends after it."""

    @contextmanager
    def run(work: Callable[[], object]) -> Iterator[list[str]]:
        ended: list[str] = []

        def other() -> None:
            with app.app_context():
                try:
                    with unit_of_work():
                        work()
                except DomainError as error:
                    ended.append(error.code)

        thread = threading.Thread(target=other)
        with unit_of_work():
            yield ended
            db.session.flush()
            thread.start()
            thread.join(0.5)  # it waits for this unit; were it to run past it, it would be done by now
        thread.join()
        db.session.rollback()

    return run


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """xdist's name of this process; "main" without xdist."""
    return getattr(request.config, "workerinput", {}).get("workerid", "main")
