"""What every command of the terminal needs: the application's context, an actor, and output for people or programs."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, wraps
from importlib import import_module
from typing import Any, TypeVar

import click
from flask import Flask

from crm.kernel.schema import check

Command = TypeVar("Command", bound=Callable[..., Any])


@lru_cache(maxsize=1)
def application() -> Flask:
    """The application of this process, made on first use."""
    app: Flask = import_module("crm").create_app()
    return app


def in_application(command: Command) -> Command:
    """Runs a command inside the application's context (and a request's, so that sentences know their language).

    Raises SchemaMismatch before anything else where the database is not at this program's schema.
    """

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        check(application().extensions["crm.settings"].migrations)
        return command(*args, **kwargs)

    return on_any_schema(run)  # type: ignore[return-value]


def on_any_schema(command: Command) -> Command:
    """The same for what brings the schema forward or copies it as it is."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        with application().test_request_context():
            return command(*args, **kwargs)

    return run  # type: ignore[return-value]


def json_option(command: Command) -> Command:
    """The option every printing command has."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def print_json(value: Any) -> None:
    """One JSON document, readable, Chinese as it is."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
    """A plain table; wide characters count as two columns. Columns of figures stand to the right, heading and all."""
    if not rows:
        click.echo("-")
        return
    names = list(columns or rows[0])
    cells = [names, *([_text(row.get(name)) for name in names] for row in rows)]
    widths = [max(_width(line[place]) for line in cells) for place in range(len(names))]
    right = [any(_is_figure(line[place]) for line in cells[1:]) for place in range(len(names))]
    for line in cells:
        click.echo("  ".join(_padded(*cell) for cell in zip(line, widths, right, strict=True)).rstrip())


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _width(text: str) -> int:
    return sum(2 if ord(ch) > 0x2E7F else 1 for ch in text)


def _is_figure(text: str) -> bool:
    return text.removeprefix("-").removesuffix("%").replace(",", "").replace(".", "").isdigit()


def _padded(text: str, width: int, right: bool) -> str:
    gap = " " * (width - _width(text))
    return gap + text if right else text + gap
