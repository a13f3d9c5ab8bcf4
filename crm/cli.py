"""The `crm` command: a table of contents. Each room brings its own commands in `console.py`."""

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import click

from crm import __version__
from crm.kernel.errors import DomainError
from crm.settings import SettingsError

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
    except (DomainError, SettingsError) as error:
        click.echo(f"crm: {_worded(error)}", err=True)
        raise SystemExit(1) from None


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
