"""Bringing the database to the newest schema, and refusing to run on a foreign one.

Alembic is loaded where it is needed: with what it brings along it is an eighth of the start of every `crm` command.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from crm.kernel.db import db, writing

if TYPE_CHECKING:
    from alembic.config import Config


class SchemaMismatch(Exception):
    """The database's schema is not the one of this program; the message says what to do."""


def migrate(folder: Path, *, to: str = "head") -> None:
    """Runs the migrations up (or down) to a revision in one transaction. Raises SchemaMismatch for a revision that nobody knows."""
    from alembic import command
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    token = writing.set(True)
    try:
        with db.engine.begin() as connection:
            config = _config(folder, connection)
            known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
            current = revision(connection)
            if current is not None and current not in known:
                raise SchemaMismatch(f"the database is at {current}, which this version of the program does not know")
            going_down = to == "base" or (current is not None and to != "head" and to < current)
            (command.downgrade if going_down else command.upgrade)(config, to)
    except CommandError as error:
        raise SchemaMismatch(str(error)) from None
    finally:
        writing.reset(token)


def check(folder: Path) -> None:
    """Raises SchemaMismatch unless the database is at the newest revision."""
    with db.engine.connect() as connection:
        current = revision(connection)
    head = (folder / "HEAD").read_text().strip()
    if current is None:
        raise SchemaMismatch("the database is empty: run `crm init`")
    if current != head:
        raise SchemaMismatch(f"the database is at {current}, this program needs {head}: run `crm migrate`")


def revision(connection: Connection) -> str | None:
    """The revision that the database is at."""
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def _config(folder: Path, connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
