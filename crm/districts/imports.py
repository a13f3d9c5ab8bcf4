"""A sheet of districts, row by row: see crm.kernel.rows for the four functions, imports/districts for the columns.

A row is known by its code, else by its parent and name. Columns: code, name, parent (code, name or path), kind,
address, note.
A blank cell leaves what stands there alone. The parent exists already or stands higher up in the same sheet.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from crm.districts.commands import lock_tree, transplant
from crm.districts.models import District
from crm.districts.rules import DEEPEST, Kind, clean_name, split_path
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Invalid
from crm.kernel.rows import Change, Outcome, RowRefused, Verdict, refused

SUBJECT = "district"
Row = Mapping[str, Any]
_TEXTS = {"address": 200, "note": 500}
_CARD = ("parent_id", "name", "code", "kind", "active", *_TEXTS)
# Built once: making a statement anew for each of 40,000 rows takes longer than running it.
_TABLE = cast(Table, District.__table__)
_INSERT = insert(_TABLE)
_SET_PATH = update(_TABLE).where(_TABLE.c.id == bindparam("this")).values(path=bindparam("its_path"))


class Known(NamedTuple):
    """A district of the tree, or (id below zero) one that an earlier row of the sheet will make."""

    id: int
    parent_id: int | None
    name: str
    code: str | None
    depth: int
    active: bool
    kind: str
    address: str
    note: str
    path: str


@dataclass
class Context:
    """The tree in memory, with three ways in; grows with the rows of the sheet. `touched`: what its rows so far meant."""

    by_id: dict[int, Known] = field(default_factory=dict)
    by_code: dict[str, int] = field(default_factory=dict)
    by_place: dict[tuple[int | None, str], int] = field(default_factory=dict)
    by_name: dict[str, list[int]] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)

    def add(self, known: Known) -> None:
        """Puts a district in, or its newer state in place of the older."""
        old = self.by_id.get(known.id)
        if old is not None:
            self.by_place.pop((old.parent_id, old.name), None)
            self.by_name[old.name].remove(old.id)
        self.by_id[known.id] = known
        self.by_place[known.parent_id, known.name] = known.id
        self.by_name.setdefault(known.name, []).append(known.id)
        if known.code:
            self.by_code[known.code] = known.id

    def find(self, text: str) -> Known | None:
        """What a person means by a code, a path or a name; raises Invalid("districts.ambiguous")."""
        code = self.by_code.get(text)
        if code is not None:
            return self.by_id[code]
        steps = split_path(text)
        if not steps:
            return None
        found = [self.by_id[one] for one in self.by_name.get(steps[-1], ()) if self._lies_in(one, steps[:-1])]
        if len(found) > 1:
            raise Invalid("districts.ambiguous", name=text, count=len(found))
        return found[0] if found else None

    def _lies_in(self, district_id: int, above: list[str]) -> bool:
        step: int | None = self.by_id[district_id].parent_id
        for name in reversed(above):
            if step is None or self.by_id[step].name != name:
                return False
            step = self.by_id[step].parent_id
        return True


@dataclass(frozen=True)
class _Plan:
    """What a row asks for: the district that it means (None: a new one) and where it is to lie."""

    name: str
    target: Known | None
    parent: Known | None
    moves: bool


def open_context(actor: Actor, *, today: date) -> Context:
    """The whole tree as it stands, and stays until the pass is over: 40,000 districts take half a second."""
    lock_tree()
    context = Context()
    _load(context)
    return context


def check_row(context: Context, row: Row) -> Verdict:
    """Whether the row could be applied after the rows above it, and what would become of it."""
    try:
        plan = _plan(context, row)
    except RowRefused as refusal:
        return Verdict("failed", (refusal.problem,))
    if plan.target is None:
        made = _virtual(plan, row)._replace(id=-1 - len(context.by_id))
        context.add(made)
        context.touched.add(made.id)
        return Verdict("new")
    context.touched.add(plan.target.id)
    changed = _differences(plan.target, row, plan)
    _remember(context, plan, row)
    return Verdict("updated" if changed else "skipped")


def apply_row(actor: Actor, context: Context, row: Row) -> Outcome:
    """Makes or changes the district of a row; raises Invalid with the code of the row's first problem."""
    try:
        plan = _plan(context, row)
    except RowRefused as refusal:
        raise Invalid(refusal.problem.code, **refusal.problem.facts) from None
    if plan.target is None:
        made = _insert(plan, row)
        context.add(made)
        context.touched.add(made.id)
        return Outcome("new", (Change(SUBJECT, made.id, None, {name: getattr(made, name) for name in _CARD}),))
    context.touched.add(plan.target.id)
    changed = _differences(plan.target, row, plan)
    if not changed:
        return Outcome("skipped")
    district = db.session.get_one(District, plan.target.id)
    before, after = {name: getattr(district, name) for name in changed}, dict(changed)
    if plan.moves:
        transplant(district, db.session.get_one(District, plan.parent.id) if plan.parent else None)
        changed.pop("parent_id")
    for name, value in changed.items():
        setattr(district, name, value)  # names from _differences, never from the sheet
    district.version += 1
    db.session.flush()
    if plan.moves:
        _load(context)  # what lies below has new paths and depths
    else:
        _remember(context, plan, row)
    return Outcome("updated", (Change(SUBJECT, district.id, before, after),))


def undo(actor: Actor, changes: Iterable[Change]) -> int:
    """Takes changes back, newest first. Raises Conflict at a district that is in use or was changed since."""
    lock_tree()
    count = 0
    for change in changes:
        district = db.session.get(District, change.subject_id, with_for_update=True)
        if district is None:
            continue
        if any(getattr(district, name) != left for name, left in (change.after or {}).items()):
            raise Conflict("import.changed_since", name=district.name)
        if change.before is None:
            _remove(district)
        else:
            _restore(district, dict(change.before))
        count += 1
    audit.record(actor, "districts.undo_import", SUBJECT, None, districts=count)
    return count


def _plan(context: Context, row: Row) -> _Plan:
    name = refused("name", clean_name, str(row.get("name", "")))
    for key, most in {"code": 40, **_TEXTS}.items():
        if len(str(row.get(key, ""))) > most:
            raise RowRefused(key, Invalid("value.long", most=most))
    parent = _parent(context, row)
    target = _target(context, row, name, parent)
    if target is None:
        if "kind" not in row:
            raise RowRefused("kind", Invalid("districts.no_kind"))
        if parent and parent.depth >= DEEPEST:
            raise RowRefused("parent", Invalid("districts.too_deep", levels=DEEPEST + 1))
        return _Plan(name, None, parent, moves=False)
    moves = "parent" in row and parent is not None and target.parent_id != parent.id
    if moves and parent is not None:
        _check_move(context, target, parent)
    place = parent.id if moves and parent else target.parent_id
    if context.by_place.get((place, name), target.id) != target.id:
        raise RowRefused("name", Invalid("districts.name_taken", name=name))
    plan = _Plan(name, target, parent, moves)
    if target.id in context.touched and _differences(target, row, plan):
        raise RowRefused("code" if "code" in row else "name", Invalid("districts.twice", name=name))
    return plan


def _parent(context: Context, row: Row) -> Known | None:
    text = str(row.get("parent", "")).strip()
    if not text:
        return None
    found: Known | None = refused("parent", context.find, text)
    if found is None:
        raise RowRefused("parent", Invalid("districts.no_parent", name=text))
    if not found.active:
        raise RowRefused("parent", Invalid("districts.parent_closed", name=found.name))
    return found


def _target(context: Context, row: Row, name: str, parent: Known | None) -> Known | None:
    code = str(row.get("code", ""))
    if code and code in context.by_code:
        return context.by_id[context.by_code[code]]
    same_place = context.by_place.get((parent.id if parent else None, name))
    if same_place is None:
        return None
    found = context.by_id[same_place]
    if code and found.code and found.code != code:
        raise RowRefused("code", Invalid("districts.name_taken", name=name))
    return found


def _check_move(context: Context, target: Known, parent: Known) -> None:
    step: int | None = parent.id
    while step is not None:
        if step == target.id:
            raise RowRefused("parent", Invalid("districts.cycle"))
        step = context.by_id[step].parent_id


def _load(context: Context) -> None:
    query = select(*(getattr(District, name) for name in Known._fields)).order_by(District.depth, District.id)
    for row in db.session.execute(query):
        context.add(Known(*row))


def _insert(plan: _Plan, row: Row) -> Known:
    """Two statements for a new district: what `commands.plant` asks the database first, the context knows."""
    new = _virtual(plan, row)
    values = {name: value for name, value in new._asdict().items() if name != "id"}
    connection = db.session.connection()
    done = connection.execute(_INSERT, values | {"created_at": now(), "version": 1})
    (new_id,) = done.inserted_primary_key or (0,)
    path = f"{plan.parent.path if plan.parent else '/'}{new_id}/"
    connection.execute(_SET_PATH, {"this": new_id, "its_path": path})
    return new._replace(id=new_id, path=path)


def _differences(district: Known, row: Row, plan: _Plan) -> dict[str, Any]:
    wanted: dict[str, Any] = {"name": plan.name}
    wanted.update({key: str(row[key]) for key in ("code", "kind", *_TEXTS) if key in row})
    if plan.moves and plan.parent:
        wanted["parent_id"] = plan.parent.id
    return {key: value for key, value in wanted.items() if getattr(district, key) != value}


def _virtual(plan: _Plan, row: Row) -> Known:
    depth = plan.parent.depth + 1 if plan.parent else 0
    parent_id = plan.parent.id if plan.parent else None
    code, kind = str(row.get("code", "")) or None, Kind(row["kind"]).value
    texts = {name: str(row.get(name, "")) for name in _TEXTS}
    return Known(-1, parent_id, plan.name, code, depth, True, kind, path="", **texts)


def _remember(context: Context, plan: _Plan, row: Row) -> None:
    """What later rows may rely on, although nothing was written."""
    if plan.target is None:
        return
    context.add(plan.target._replace(**_differences(plan.target, row, plan)))


def _remove(district: District) -> None:
    name = district.name
    try:
        with db.session.begin_nested():
            db.session.delete(district)
    except IntegrityError:
        raise Conflict("import.in_use", name=name) from None


def _restore(district: District, before: dict[str, Any]) -> None:
    if "parent_id" in before:
        parent_id = before.pop("parent_id")
        transplant(district, db.session.get(District, parent_id) if parent_id else None)
    for name, value in before.items():
        setattr(district, name, value)  # the names that this module wrote into the change
    district.version += 1
    db.session.flush()
