"""How the installation is: health for machines, without a sign-in, as yes or no; the state in full for the administrator."""

import logging
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from crm.intake.queries import failed_imports
from crm.jobs.beat import Beat, last_beat
from crm.jobs.models import JobRun
from crm.jobs.run import recent_runs
from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import Forbidden
from crm.kernel.notes import read_note, write_note
from crm.kernel.schema import SchemaMismatch, check, revision
from crm.settings import Settings
from crm.status.policy import StatusPermission

log = logging.getLogger("crm")

LEAST_FREE = 200 * 2**20
"""Bytes: with less on the disk of the data folder no import and no workbook may count on being written."""
STALE = timedelta(minutes=5)
"""The jobs' process looks every minute; after five without a sign it is gone."""
RECENT = timedelta(days=7)
SHOWN_RUNS = 20
BACKUP = "backup.json"
PACKAGE = "waituo-crm"


@dataclass(frozen=True)
class Backup:
    """The last backup that `crm backup` made and checked."""

    at: datetime
    name: str


@dataclass(frozen=True)
class State:
    """What the administrator sees. Sizes in bytes; `beat` and `backup` are None when there never was one."""

    program: str
    python: str
    database: str
    schema: str
    schema_wanted: str
    free: int
    total: int
    beat: Beat | None
    stale: bool
    failed_imports: int
    backup: Backup | None
    runs: Sequence[JobRun]

    @property
    def low(self) -> bool:
        """Whether the disk is nearly full."""
        return self.free < LEAST_FREE


def healthy(settings: Settings, at: datetime) -> bool:
    """Whether the database answers and has this program's schema, the disk has room, and the jobs run and succeed.

    A few small questions, none of them growing with the data. What is wrong is in the log and on the administrator's page.
    The demo is served without its jobs; and where they never ran it is too early to miss them.
    """
    try:
        db.session.execute(text("SELECT 1"))
        check(settings.migrations)
        free = shutil.disk_usage(settings.home).free
    except (SQLAlchemyError, SchemaMismatch, OSError) as error:
        log.error("health: %s", type(error).__name__)
        return False
    sign = None if settings.demo else last_beat(settings.home)
    return free >= LEAST_FREE and (sign is None or not (_stale(sign, at) or sign.undone))


def state(actor: Actor, settings: Settings, *, at: datetime) -> State:
    """The state in full. Raises Forbidden without the right."""
    if not actor.may(StatusPermission.VIEW):
        raise Forbidden("status.forbidden")
    with db.engine.connect() as connection:
        current = revision(connection) or ""
        server = ".".join(str(part) for part in connection.dialect.server_version_info or ())
    disk, sign = shutil.disk_usage(settings.home), last_beat(settings.home)
    return State(
        program=version(PACKAGE),
        python=platform.python_version(),
        database=f"{'SQLite' if db.engine.dialect.name == 'sqlite' else 'PostgreSQL'} {server}",
        schema=current,
        schema_wanted=(settings.migrations / "HEAD").read_text().strip(),
        free=disk.free,
        total=disk.total,
        beat=sign,
        stale=sign is not None and _stale(sign, at),
        failed_imports=failed_imports(at - RECENT),
        backup=last_backup(settings.home),
        runs=recent_runs(SHOWN_RUNS),
    )


def troubles(settings: Settings, at: datetime) -> tuple[int, int]:
    """Imports that failed in the last seven days, and jobs that are overdue and undone."""
    sign = last_beat(settings.home)
    return failed_imports(at - RECENT), sign.undone if sign else 0


def note_backup(home: Path, name: str, at: datetime) -> None:
    """Says that a backup was made and checked."""
    write_note(home / BACKUP, {"at": at.isoformat(), "name": name})


def last_backup(home: Path) -> Backup | None:
    """The last backup, or None."""
    note = read_note(home / BACKUP)
    return Backup(datetime.fromisoformat(note["at"]), note["name"]) if note else None


def _stale(sign: Beat, at: datetime) -> bool:
    return at - sign.at > STALE
