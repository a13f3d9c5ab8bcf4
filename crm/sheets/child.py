"""The child process that parses: a file that kills or hangs a parser takes only this process with it.

Run by its path, `python -I child.py`, with one JSON argument. It writes lines of JSON: first what the file is, then
blocks of rows, then {"end": true}; or one {"error": code, "facts": {...}}.
"""

import json
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

BLOCK = 500  # rows to a line
Source = Iterator[tuple[int, list[Any], dict[int, str]]]


def _bare_packages() -> None:
    """Make `crm.sheets` importable without running crm/__init__.py, which brings in the whole web application."""
    root = Path(__file__).resolve().parents[1]
    for name, folder in (("crm", root), ("crm.kernel", root / "kernel"), ("crm.sheets", root / "sheets")):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules.setdefault(name, package)


def _limit_process(memory_bytes: int, cpu_seconds: int) -> None:
    """Limits that the system enforces."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _say(line: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def _bounded(source: Source, limits: Any, invalid: Callable[..., Exception]) -> Source:
    """Hold the rows to the limits and cut trailing blanks."""
    last = 0
    for count, (number, cells, refused) in enumerate(source, start=1):
        if count > limits.rows:
            raise invalid("sheet.too_many_rows", limit=limits.rows)
        if last and number - last > limits.blank_rows:
            raise invalid("sheet.gap", row=number, limit=limits.blank_rows)
        last = number
        while cells and cells[-1] == "" and len(cells) - 1 not in refused:
            cells.pop()
        if len(cells) > limits.columns:
            raise invalid("sheet.too_many_columns", row=number, limit=limits.columns)
        yield number, cells, refused


def _send(meta: dict[str, Any], source: Source, invalid: Callable[..., Exception]) -> None:
    block: list[list[Any]] = []
    refused: list[list[Any]] = []
    sent = False
    for number, cells, marks in source:
        if not sent:
            _say(meta)
            sent = True
        refused.extend([len(block), column, reason] for column, reason in marks.items() if column < len(cells))
        block.append([number, *cells])
        if len(block) == BLOCK:
            _say({"rows": block, "refused": refused})
            block, refused = [], []
    if not sent:
        raise invalid("sheet.empty")
    _say({"rows": block, "refused": refused})
    _say({"end": True})


def _csv_source(rows: Iterable[tuple[int, list[str]]]) -> Source:
    nothing: dict[int, str] = {}
    return ((number, cells, nothing) for number, cells in rows)


def _run(order: dict[str, Any]) -> None:
    from crm.kernel.errors import Invalid
    from crm.sheets.cells import Limits

    limits = Limits(**order["limits"])
    path = Path(order["path"])
    if order["kind"] == "xlsx":
        from crm.sheets import xlsx_rows

        _limit_process(limits.memory_bytes, limits.cpu_seconds)
        opened = xlsx_rows.open_sheet(path, order["sheet"], limits)
        meta = {"name": opened.name, "encoding": "utf-8", "kind": "xlsx", "tabs": opened.tabs}
        _send(meta, _bounded(xlsx_rows.rows(opened), limits, Invalid), Invalid)
        return
    from crm.sheets import csv_rows

    _limit_process(limits.memory_bytes, limits.cpu_seconds)
    how = csv_rows.plan(path, order["encoding"])
    meta = {"name": "", "encoding": how.encoding, "kind": "csv", "tabs": []}
    _send(meta, _bounded(_csv_source(csv_rows.rows(path, how, limits)), limits, Invalid), Invalid)


def main() -> int:
    """Parse what the argument names. Whatever goes wrong is said as one line of JSON, never as a traceback."""
    _bare_packages()
    try:
        _run(json.loads(sys.argv[1]))
    except MemoryError:
        _say({"error": "sheet.too_heavy", "facts": {}})
    except BaseException as error:  # a panic of the Rust parser is a BaseException
        code = getattr(error, "code", None)
        known = isinstance(code, str) and code.startswith("sheet.")
        facts = getattr(error, "facts", {}) if known else {"reason": type(error).__name__}
        _say({"error": code if known else "sheet.unreadable", "facts": facts})
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
