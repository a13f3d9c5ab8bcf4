"""Jobs at the terminal: what there is and what ran, the process that runs them, and catching up by hand."""

from collections.abc import Sequence
from dataclasses import asdict

import click
from flask import Flask, current_app

from crm.jobs.run import catch_up, missed, recent_runs
from crm.jobs.table import Job
from crm.kernel.clock import now
from crm.kernel.terminal import application, in_application, json_option, print_json, print_table


def _jobs() -> Sequence[Job]:
    found: Sequence[Job] = current_app.extensions["crm.jobs"]
    return found


@click.command("list")
@json_option
@in_application
def list_jobs(as_json: bool) -> None:
    """What is due and undone, and what ran last."""
    due = [{"job": job.name, "slot": slot.isoformat(), "result": "due"} for job, slot in missed(_jobs(), now())]
    ran = [{"job": run.job, "slot": run.slot.isoformat(), "result": run.result} for run in recent_runs()]
    if as_json:
        print_json({"jobs": [job.name for job in _jobs()], "due": due, "ran": ran})
    else:
        print_table([*due, *ran], ("job", "slot", "result"))


@click.command("run")
def run() -> None:
    """Keep the time until interrupted: the one process that an installation runs beside its server."""
    from crm.jobs.scheduler import run_forever

    run_forever(_ready(), application().extensions["crm.jobs"])


@in_application
def _ready() -> Flask:
    """The application, once its database is known to be this program's."""
    return application()


@click.command("catch-up")
@json_option
@in_application
def catch_up_now(as_json: bool) -> None:
    """Do now what is due and undone; exits with 1 when something failed."""
    done = [{**asdict(one), "slot": one.slot.isoformat()} for one in catch_up(_jobs(), now())]
    if as_json:
        print_json(done)
    else:
        print_table(done, ("job", "slot", "result", "error"))
    if any(one["error"] for one in done):
        raise SystemExit(1)


GROUPS: dict[str, list[click.Command]] = {"jobs": [list_jobs, run, catch_up_now]}
HELP = {"jobs": "Work by the clock: what is due, what ran, and the process that runs it."}
