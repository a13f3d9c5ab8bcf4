"""The `crm` command: a table of contents. Each room brings its own commands in `console.py`."""

import os
import shutil
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NoReturn

import click
from sqlalchemy.exc import SQLAlchemyError

from crm import __version__
from crm.kernel.db import refusal
from crm.kernel.errors import DomainError
from crm.kernel.schema import SchemaMismatch
from crm.settings import SettingsError, home_of

_ROOMS = (
    "people",
    "districts",
    "campaigns",
    "leads",
    "outreach",
    "figures",
    "contest",
    "meetings",
    "reports",
    "intake",
    "jobs",
)

NO_ROOM = 2**20
"""Bytes: with less, not even a journal can be begun."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="crm")
def crm() -> None:
    """Waituo CRM (外拓): campaigns, field outreach and the PK for bank teams."""


def main() -> None:
    """Entry point. Refusals are one line on stderr and exit code 1."""
    os.umask(0o077)  # data, keys, copies and exports are for the user who runs the product alone
    _collect()
    try:
        crm(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except click.exceptions.Abort:
        raise SystemExit(130) from None
    except (DomainError, SettingsError, SchemaMismatch) as error:
        _refuse(_worded(error))
    except SQLAlchemyError as error:
        said = refusal(error)
        if not said:
            raise
        _refuse(f"the database refused: {said}{_full_disk()}")
    except OSError as error:
        if not error.strerror:
            raise
        _refuse(": ".join(str(part) for part in (error.filename, error.strerror) if part))


def _refuse(said: str) -> NoReturn:
    click.echo(f"crm: {said}", err=True)
    raise SystemExit(1) from None


def _full_disk() -> str:
    """What SQLite calls an I/O error is most often a disk without room."""
    with suppress(OSError):
        if shutil.disk_usage(home_of()).free < NO_ROOM:
            return f"; the disk of {home_of()} is full"
    return ""


def _collect() -> None:
    from crm import installing

    for command in (installing.init, installing.migrate_command, installing.serve_command, installing.backup_command):
        crm.add_command(command)
    for path in ("crm.demo.console", *(f"crm.{room}.console" for room in _ROOMS)):
        if find_spec(path.rpartition(".")[0]) and find_spec(path):
            _attach(import_module(path))


def _attach(module: Any) -> None:
    """A console module offers `GROUPS`: name of the group on the command line ("" for none) -> commands."""
    for name, commands in module.GROUPS.items():
        parent = crm if not name else crm.commands.get(name)
        if parent is None:
            parent = click.Group(name, help=module.HELP.get(name, ""))
            crm.add_command(parent)
        for command in commands:
            parent.add_command(command)  # type: ignore[attr-defined]


def _worded(error: Exception) -> str:
    if not isinstance(error, DomainError):
        return str(error)
    from crm.kernel.terminal import application

    with application().test_request_context():
        from crm.web.wording import sentence

        return sentence(error)
