"""The work of an import, in a process of its own: `python -m crm.intake.work BATCH`. It may be killed at any time.

Everything is written in one transaction: a killed import leaves no row, and the batch can be confirmed again.
"""

import logging
import subprocess
import sys
from datetime import datetime

from flask import current_app
from sqlalchemy import select

from crm.intake import commands, files
from crm.intake.models import ImportBatch
from crm.intake.queries import this_process
from crm.intake.reading import Result, Telling
from crm.kernel.actor import SYSTEM, Actor
from crm.kernel.clock import business_day, now
from crm.kernel.db import db
from crm.kernel.errors import DomainError, Forbidden, traced
from crm.kernel.installation import zone_name
from crm.kernel.terminal import application, in_application
from crm.kernel.unit_of_work import unit_of_work
from crm.people.models import User
from crm.people.queries import actor_of
from crm.settings import environment

log = logging.getLogger("crm")


def start(batch_id: int) -> None:
    """Lets a confirmed batch be worked on: in a process that outlives this one, or here and now where the settings say so."""
    settings = current_app.extensions["crm.settings"]
    if settings.inline_work:
        run(batch_id)
        return
    subprocess.Popen(
        [sys.executable, "-m", "crm.intake.work", str(batch_id)],
        # The demo's data do not lie where the environment says: the process is told where this one has them.
        env=environment(CRM_HOME=str(settings.home), CRM_DATABASE_URL=settings.database_url),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        # What goes wrong is said where the server says it; see `places` for what that is.
        start_new_session=True,
    )


def run(batch_id: int, tell: Telling | None = None) -> Result | None:
    """Takes a confirmed batch and writes it; None when another process has it or it was refused (the batch says why)."""
    worker = this_process()
    with unit_of_work():
        if not commands.claim(batch_id, worker=worker):
            return None
    at = now()
    try:
        actor = _actor_of(batch_id, at)
        with unit_of_work():
            return commands.write(
                actor,
                batch_id,
                worker=worker,
                today=business_day(at, zone_name()),
                at=at,
                tell=tell or (lambda progress: files.keep_progress(batch_id, progress)),
            )
    except DomainError as error:
        with unit_of_work():
            commands.fail(batch_id, error, worker=worker)
    except Exception as error:
        # What a person typed may stand in the message: type and place are enough to find it.
        log.error("import %s: %s", batch_id, traced(error))
        with unit_of_work():
            commands.fail(batch_id, DomainError("import.broken"), worker=worker)
        raise
    finally:
        files.forget_progress(batch_id)
    return None


def _actor_of(batch_id: int, at: datetime) -> Actor:
    """Who confirmed it, with the rights of this moment; the terminal's own imports act as the system.

    Raises Forbidden for somebody who was shut out meanwhile.
    """
    user_id = db.session.scalar(select(ImportBatch.confirmed_by_id).where(ImportBatch.id == batch_id))
    if user_id is None:
        return SYSTEM
    user = db.session.get_one(User, user_id)
    if not user.active:
        raise Forbidden("import.forbidden")
    return actor_of(user, on=business_day(at, zone_name()), grants=current_app.extensions["crm.grants"])


@in_application
def main() -> None:
    """Entry point of the process. An error is in the log by now, without its message; Python's own report would carry it."""
    try:
        run(int(sys.argv[1]))
    except Exception:
        raise SystemExit(1) from None


if __name__ == "__main__":
    application()
    main()
