"""Setting an installation up, bringing its schema forward, serving it, and copying its database safely."""

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import click

from crm.kernel.actor import SYSTEM, Role
from crm.kernel.clock import business_day, now
from crm.kernel.crypto import new_keys, save_keys
from crm.kernel.db import db
from crm.kernel.schema import check, migrate
from crm.kernel.terminal import application, on_any_schema
from crm.kernel.unit_of_work import unit_of_work
from crm.settings import Settings, SettingsError, home_of
from crm.status.queries import note_backup

PORT = click.IntRange(0, 65535)


class WrongKeys(SettingsError):
    """The key file is another installation's."""


def prepare(settings: Settings) -> None:
    """Migrates and lays the foundation; inside the application's context."""
    from crm.founding import lay_foundation

    migrate(settings.migrations)
    at = now()
    with unit_of_work():
        lay_foundation(bank=settings.bank if settings.named else "", today=business_day(at, settings.zone), at=at)


def make_keys(home: Path) -> bool:
    """Writes fresh keys unless there are some; whether it did."""
    if (home / "keys.json").exists():
        return False
    save_keys(new_keys(), home / "keys.json")
    return True


@click.command()
@click.option("--login", default="admin", show_default=True, help="Sign-in name of the first administrator.")
@click.option("--name", default="系统管理员", show_default=True)
def init(login: str, name: str) -> None:
    """Make a real installation: keys, schema, and a first administrator with a one-time token. There is no default password."""
    home = home_of()
    home.mkdir(parents=True, exist_ok=True)
    fresh = make_keys(home)
    try:
        _first_admin(login, name, fresh)
    except WrongKeys:
        if fresh:
            (home / "keys.json").unlink()  # the right ones are to be put there
        raise


@on_any_schema
def _first_admin(login: str, name: str, fresh: bool) -> None:
    from crm.people import commands as people
    from crm.people.queries import user_by_login

    settings: Settings = application().extensions["crm.settings"]
    prepare(settings)
    refuse_wrong_keys()
    click.echo(
        f"data folder  {settings.home}\nkeys         {'made' if fresh else 'kept'} (keys.json: back it up apart from the database)"
    )
    with unit_of_work():
        user = user_by_login(login)
        if user is not None and user.password_hash:
            click.echo(f"administrator {login} exists already")
            return
        user = user or people.create_user(SYSTEM, login=login, name=name, role=Role.ADMIN)
        token = people.issue_token(SYSTEM, user.id, at=now())
    click.echo(f"administrator {login}\nset the password within 7 days at  /welcome/{token}\nstart with   crm serve")


@click.command("migrate")
@click.option("--to", default="head", show_default=True)
@click.option("--yes", is_flag=True, help="Go back although tables and what is in them are dropped.")
@on_any_schema
def migrate_command(to: str, yes: bool) -> None:
    """Bring the database to this program's schema (or to a named revision)."""
    settings: Settings = application().extensions["crm.settings"]
    if to != "head" and not yes:
        raise SettingsError(
            "an older revision may mean dropping tables with all that is in them: make a backup, then add --yes"
        )
    migrate(settings.migrations, to=to)
    click.echo((settings.migrations / "HEAD").read_text().strip() if to == "head" else to)


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=PORT, default=8080, show_default=True)
@click.option("--processes", type=click.IntRange(1, 64), default=2, show_default=True)
def serve_command(host: str, port: int, processes: int) -> None:
    """Serve with the production server. Refuses to start half-configured."""
    from crm.serving import listen, serve

    settings = Settings.from_env()
    refuse_half_configured(settings)
    serve(application(), listen(host, port), processes=processes)


@on_any_schema
def refuse_half_configured(settings: Settings) -> None:
    """Raises SchemaMismatch or SettingsError when the schema is not this program's or nobody could sign in."""
    from crm.people.models import User

    check(settings.migrations)
    if db.session.scalar(db.select(User.id).limit(1)) is None:
        raise SettingsError("there is no user yet: run `crm init`")
    for name, path in (("templates", settings.templates), ("import contracts", settings.contracts)):
        if not path.is_dir():
            raise SettingsError(f"{name} are missing at {path}")
    if not (Path(application().root_path) / "static" / "vendor").is_dir():
        raise SettingsError("the front-end files are missing: run `make setup`")

    refuse_wrong_keys()


def refuse_wrong_keys() -> None:
    """Raises WrongKeys when the keys are not those of the database: every phone would be unreadable, every double unknown."""
    from crm.leads.party import keys_fit

    if not keys_fit():
        raise WrongKeys("the keys are not those that the database was written with: put its own keys.json back")


@click.command("backup")
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@on_any_schema
def backup_command(target: Path) -> None:
    """Copy the SQLite database while it is in use, and check the copy. Keys are not in it: keep them elsewhere."""
    source = db.engine.url.database
    if db.engine.dialect.name != "sqlite" or not source:
        raise SettingsError("PostgreSQL is backed up with pg_dump")
    if target.exists():
        raise SettingsError(f"{target} exists; nothing was overwritten")
    if not target.parent.is_dir():
        raise SettingsError(f"there is no folder {target.parent}")
    # Made under another name, for its owner's eyes alone: what is half written never looks like a copy.
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    try:
        try:
            answer = _copy(source, name)
        except sqlite3.Error as error:
            raise SettingsError(f"no copy was made: {error}") from None
        if answer != "ok":
            raise SettingsError(f"the copy is damaged: {answer}")
        Path(name).rename(target)
    finally:
        Path(name).unlink(missing_ok=True)
    note_backup(application().extensions["crm.settings"].home, target.name, now())
    click.echo(f"{target}: ok")


def _copy(source: str, target: str) -> str:
    """Copies the live database page by page; what SQLite's check says of the copy."""
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
        return str(copy.execute("PRAGMA integrity_check").fetchone()[0])
