"""Sheets brought in from the terminal: `crm import leads FILE`, `crm import list`, `crm import undo BATCH`."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from flask import current_app

from crm.intake import commands, files, queries, work
from crm.intake.importers import KINDS
from crm.intake.models import ImportBatch
from crm.intake.reading import Result
from crm.intake.words import problem_sentence
from crm.kernel.actor import SYSTEM, Actor
from crm.kernel.clock import business_day, now
from crm.kernel.db import db
from crm.kernel.errors import DomainError, NotFound
from crm.kernel.installation import zone_name
from crm.kernel.terminal import in_application, json_option, print_json, print_table
from crm.kernel.unit_of_work import unit_of_work
from crm.people.queries import actor_of, user_by_login
from crm.sheets.csv_rows import ENCODINGS
from crm.web.wording import sentence

FIRST = 50
BAR = 30
as_option = click.option("--as", "login", default="", metavar="LOGIN", help="Act as this user; else as the system.")


def _pairs(_context: click.Context, _option: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    """`left=right` options; the last equals sign divides, because headings may hold one."""
    found = {}
    for text in given:
        left, equals, right = text.rpartition("=")
        if not equals or not left.strip():
            raise click.BadParameter(f"{text!r} is not of the form name=value")
        found[left.strip()] = right.strip()
    return found


def _sets(context: click.Context, option: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    """`field=value` options; the first equals sign divides, because values may hold one."""
    for text in given:
        if not text.partition("=")[1]:
            raise click.BadParameter(f"{text!r} is not of the form field=value")
    return {text.partition("=")[0].strip(): text.partition("=")[2].strip() for text in given}


def _import_command(kind: str) -> click.Command:
    @click.command(kind)
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @click.option(
        "--set", "preset", multiple=True, callback=_sets, metavar="FIELD=VALUE", help="A value for every row."
    )
    @click.option(
        "--map",
        "mapping",
        multiple=True,
        callback=_pairs,
        metavar="COLUMN=FIELD",
        help="Which column is which field; - leaves it out.",
    )
    @click.option("--sheet", default="", metavar="TAB", help="The tab of a workbook; else the first with content.")
    @click.option("--encoding", type=click.Choice(ENCODINGS), default=None, help="Of a CSV file; else as it says.")
    @click.option("--dry-run", is_flag=True, help="Say what would become of the rows, and write nothing.")
    @click.option(
        "--mode",
        type=click.Choice(commands.MODES),
        default="good",
        show_default=True,
        help="The good rows, or all or nothing.",
    )
    @as_option
    @json_option
    @in_application
    def run(
        file: Path,
        preset: dict[str, str],
        mapping: dict[str, str],
        sheet: str,
        encoding: str | None,
        dry_run: bool,
        mode: str,
        login: str,
        as_json: bool,
    ) -> None:
        actor = _actor(login)
        with (
            file.open("rb") as handle,
            commands.received(
                actor, kind=kind, file=handle, file_name=file.name, sheet=sheet, encoding=encoding or ""
            ) as taken,
        ):
            if dry_run:
                at = now()
                today = business_day(at, zone_name())
                told = commands.rehearse(actor, taken, mapping=mapping, preset=preset, today=today, at=at)
                _say(None, told, as_json=as_json, error=None)
                return
            with unit_of_work():
                batch = commands.upload(actor, taken, at=now())
        try:
            source = commands.choose(actor, batch.id, mapping=mapping, preset=preset)
            with unit_of_work():
                commands.set_mapping(actor, batch.id, source)
            result, error = _try(actor, batch, mode)
        except DomainError:
            _give_up(actor, batch.id)
            raise
        _say(batch, result, as_json=as_json, error=error)
        if error is not None:
            raise SystemExit(1)

    run.help = f"Bring a sheet of {kind} in (CSV or XLSX); the same file again changes nothing."
    return run


def _actor(login: str) -> Actor:
    if not login:
        return SYSTEM
    user = user_by_login(login)
    if user is None or not user.active:
        raise NotFound("people.no_user")
    return actor_of(user, on=business_day(now(), zone_name()), grants=current_app.extensions["crm.grants"])


def _try(actor: Actor, batch: ImportBatch, mode: str) -> tuple[Result, DomainError | None]:
    """Applies the batch here; what refuses it as a whole comes back as an error, its file is deleted."""
    with unit_of_work():
        commands.confirm(actor, batch.id, mode=mode, at=now())
    result = work.run(batch.id, _bar() if sys.stderr.isatty() else None)
    if result is not None:
        return result, None
    db.session.expire_all()
    kept = db.session.get_one(ImportBatch, batch.id)
    error = DomainError(kept.error, **kept.error_facts)
    problems = list(files.problems(batch.stored_name))
    _give_up(actor, batch.id)
    if not kept.preview:
        raise error
    refused = Result(rows=kept.preview["rows"], problems=problems)
    refused.counts.update({"failed": kept.preview["failed"], "skipped": kept.preview["rows"] - kept.preview["failed"]})
    return refused, error


def _give_up(actor: Actor, batch_id: int) -> None:
    with unit_of_work():
        commands.cancel(actor, batch_id, at=now())


def _bar() -> Callable[[files.Progress], None]:
    def show(progress: files.Progress) -> None:
        share = f"/{progress.rows:,}" if progress.rows else ""
        filled = BAR * progress.done // progress.rows if progress.rows else 0
        bar = f"[{'#' * filled:{BAR}}] " if progress.rows else ""
        click.echo(f"\r{bar}{progress.done:,}{share}", nl=False, err=True)

    return show


def _say(batch: ImportBatch | None, result: Result, *, as_json: bool, error: DomainError | None) -> None:
    """Six figures. With `as_json` they alone are the answer; the first rows that were refused follow on stderr, an object a line."""
    if sys.stderr.isatty():
        click.echo(err=True)
    problems = [
        {"row": one["row"], "column": one["column"], "code": one["code"], "message": problem_sentence(one)}
        for one in result.problems if one["what"] == "failed"
    ][:FIRST]  # fmt: skip
    answer: dict[str, Any] = {"rows": result.rows, **result.figures(), "batch": batch.id if batch else None}
    if as_json:
        print_json(answer)
        for one in problems:
            click.echo(json.dumps(one, ensure_ascii=False), err=True)
    else:
        print_table([answer])
        if problems:
            print_table(problems)
    if error is not None:
        click.echo(sentence(error), err=True)


@click.command("undo")
@click.argument("batch", type=click.IntRange(1, 2**31 - 1))
@as_option
@json_option
@in_application
def undo(batch: int, login: str, as_json: bool) -> None:
    """Take an import back exactly; refused when later work stands on it."""
    with unit_of_work():
        records = commands.undo(_actor(login), batch, at=now())
    if as_json:
        print_json({"batch": batch, "records": records})
    else:
        click.echo(f"{batch}: {records}")


@click.command("list")
@as_option
@json_option
@in_application
def history(login: str, as_json: bool) -> None:
    """The latest imports, newest first."""
    rows = [
        {
            "batch": row.id, "kind": row.kind, "status": row.status, "rows": row.rows, "new": row.new, "updated": row.updated,
            "skipped": row.skipped, "failed": row.failed, "file": row.file_name, "who": row.who, "at": row.created_at.isoformat(),
        }
        for row in queries.history(_actor(login), at=now()).items
    ]  # fmt: skip
    print_json(rows) if as_json else print_table(rows)


GROUPS: dict[str, list[click.Command]] = {"import": [*(_import_command(kind) for kind in KINDS), history, undo]}
HELP = {"import": "Bring sheets in, list what was brought in, take it back."}
