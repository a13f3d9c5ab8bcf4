"""One unit of work: the only place that commits. Side effects run after the commit."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from crm.kernel.db import db, writing

_hooks: ContextVar[list[Callable[[], None]] | None] = ContextVar("after_commit", default=None)


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """Opens a write transaction, commits it at the end, then runs what was put off by `after_commit`.

    Anything read before belongs to an older snapshot, so the session starts afresh. Units do not nest.
    """
    if writing.get():
        raise RuntimeError("a unit of work is open already: commands never open one")
    session = db.session()
    session.rollback()
    hooks: list[Callable[[], None]] = []
    hook_token, token = _hooks.set(hooks), writing.set(True)
    try:
        with _turn(db.engine):
            try:
                yield session
                session.commit()
            except BaseException:
                session.rollback()
                raise
    finally:
        writing.reset(token)
        _hooks.reset(hook_token)
    for hook in hooks:
        hook()


def after_commit(hook: Callable[[], None]) -> None:
    """Runs `hook` once the open unit of work is safely on disk; never when it is undone."""
    hooks = _hooks.get()
    if hooks is None:
        raise RuntimeError("no unit of work is open")
    hooks.append(hook)


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """Writers of one SQLite file queue on a lock file: SQLite's own busy handler is unfair and starves some."""
    path = engine.url.database
    if engine.dialect.name != "sqlite" or not path or path == ":memory:":
        yield
        return
    handle = os.open(Path(path).with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
