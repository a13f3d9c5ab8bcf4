"""What a room says about one row of a sheet brought in: what would become of it, what is wrong, what was changed.

Every room with an `imports` module offers the same four functions (`Context` is the room's own class):

- `open_context(actor, *, today) -> Context`: one for a whole pass over a file; check and apply take a fresh one each.
- `check_row(context, row) -> Verdict`: writes nothing, and remembers the row so that later rows may build on it.
- `apply_row(actor, context, row) -> Outcome`: inside an open unit of work; raises Invalid for what `check_row` refuses.
- `undo(actor, changes) -> int`: takes changes back, newest first, and says how many; raises Conflict("import.in_use")
  when later work stands on one of them and Conflict("import.changed_since") when one is not as the import left it.

`row` maps the contract's keys to values; blank cells are left out.

A room whose sheets are long offers `check_rows` and `apply_rows` instead, which take many rows at once: see crm.leads.imports.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeVar

from crm.kernel.errors import DomainError, Invalid

Given = TypeVar("Given")
Read = TypeVar("Read")
What = Literal["new", "updated", "skipped", "failed"]


class Problem(NamedTuple):
    """What is wrong with one cell: the contract's key, the error's code, and the facts of its sentence."""

    column: str
    code: str
    facts: Mapping[str, Any] = {}


class RowRefused(Exception):
    """A row that cannot be applied, with its problem."""

    def __init__(self, column: str, error: DomainError) -> None:
        super().__init__(str(error))
        self.problem = Problem(column, error.code, error.facts)


def refused(column: str, read: Callable[[Given], Read], value: Given) -> Read:
    """What `read` makes of a cell's value; what it calls Invalid becomes RowRefused with the column."""
    try:
        return read(value)
    except Invalid as error:
        raise RowRefused(column, error) from None


class Verdict(NamedTuple):
    """What would become of a row. A problem of a failed row is what is wrong in it, of a skipped one why it was left out."""

    what: What
    problems: tuple[Problem, ...] = ()


class Change(NamedTuple):
    """One record that a row made (`before` is None) or changed (`before`: the old values that undo needs, as JSON).

    `after`: what the row left there, as JSON, so that undo can tell whether somebody has changed it since.
    """

    subject: str
    subject_id: int
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None = None


class Outcome(NamedTuple):
    """What became of a row, the records that it made or changed, in the order of doing, and why when it brought nothing."""

    what: What
    changes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()
