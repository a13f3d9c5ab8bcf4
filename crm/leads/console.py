"""The stage ledger at the terminal: does what is shown agree with it, and what is shown written anew from it."""

import click

from crm.kernel import audit
from crm.kernel.actor import SYSTEM
from crm.kernel.terminal import in_application, json_option, print_json, print_table
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import ledger


@click.command("check")
@json_option
@in_application
def check_ledger(as_json: bool) -> None:
    """Compares the sums with the ledger; exit code 1 when they disagree."""
    _tell(ledger.differences(), as_json)


@click.command("rebuild")
@json_option
@in_application
def rebuild_ledger(as_json: bool) -> None:
    """Writes the sums anew from the ledger alone; stop the server before. Exit code 1 when they still disagree."""
    with unit_of_work():
        audit.record(SYSTEM, "leads.rebuild", "ledger", differences=len(ledger.differences()))
        ledger.rebuild()
    _tell(ledger.differences(), as_json)


def _tell(differences: list[str], as_json: bool) -> None:
    if as_json:
        print_json({"differences": differences})
    else:
        print_table([{"difference": one} for one in differences] or [{"difference": "none"}])
    if differences:
        raise SystemExit(1)


GROUPS = {"ledger": [check_ledger, rebuild_ledger]}
HELP = {"ledger": "The ledger of stages and the sums that pages show."}
