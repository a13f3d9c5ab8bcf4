"""Questions about the tree of districts. They hold no personal data: every signed-in person may see all of them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import aliased

from crm.districts.models import District
from crm.districts.rules import split_path
from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import Invalid, NotFound
from crm.kernel.paging import PER_PAGE, Page

DIVIDER = " / "


@dataclass(frozen=True)
class Node:
    """One district in a list or tree; `children` counts the ones directly below, `place` names the ones above."""

    id: int
    parent_id: int | None
    code: str | None
    name: str
    kind: str
    depth: int
    address: str
    active: bool
    children: int
    place: str = ""


def get_district(actor: Actor, district_id: int) -> District:
    """One district; raises NotFound."""
    district = db.session.get(District, district_id)
    if district is None:
        raise NotFound("districts.missing")
    return district


def below(district_id: int) -> ColumnElement[bool]:
    """The districts of that subtree, itself among them, as a condition on District; none when it does not exist.

    A range of paths, so that the index serves it: what begins with "/1/5/" lies between "/1/5/" and "/1/50",
    because 0 is the character after the slash.
    """
    top = aliased(District)
    first = select(top.path).where(top.id == district_id).scalar_subquery()
    after = (
        select(func.substr(top.path, 1, func.length(top.path) - 1) + "0").where(top.id == district_id).scalar_subquery()
    )
    return and_(District.path >= first, District.path < after)


def within(column: Any, district_id: int) -> ColumnElement[bool]:
    """`column` (a foreign key to a district) lies in that subtree: what a filter by a parent means everywhere."""
    condition: ColumnElement[bool] = column.in_(select(District.id).where(below(district_id)))
    return condition


def subtree_ids(district_id: int) -> frozenset[int]:
    """Ids of the district and everything below it; empty when it does not exist."""
    return frozenset(db.session.scalars(select(District.id).where(below(district_id))))


def lineage(ids: Collection[int]) -> frozenset[int]:
    """These districts and all that lie above them."""
    paths = db.session.scalars(select(District.path).where(District.id.in_(ids))) if ids else ()
    return frozenset(int(step) for path in paths for step in path.split("/") if step)


def names() -> dict[int, str]:
    """Names of all districts by id."""
    return dict(db.session.execute(select(District.id, District.name)).all())


def full_names(ids: Iterable[int]) -> dict[int, str]:
    """ "城关镇 / 东大街商区" by id, for these districts."""
    rows = db.session.execute(select(District.id, District.path).where(District.id.in_(set(ids)))).all()
    needed = {int(step) for row in rows for step in row.path.split("/") if step}
    known = dict(
        db.session.execute(select(District.id, District.name).where(District.id.in_(needed))).all() if needed else []
    )
    return {row.id: DIVIDER.join(known[int(step)] for step in row.path.split("/") if step) for row in rows}


def district_options(actor: Actor, *, most: int = 1000, chosen: int | None = None) -> list[tuple[int, str]]:
    """(id, full name) of active districts by name, for selects; at most `most`, the upper levels first.

    `chosen` stays in the list even when it is inactive or beyond the limit.
    """
    query = select(District.id, District.path, District.name).where(or_(District.active, District.id == chosen))
    nearest = District.id != chosen if chosen is not None else District.depth
    rows = db.session.execute(query.order_by(nearest, District.depth, District.id).limit(most)).all()
    known = {row.id: row.name for row in rows}
    missing = {int(step) for row in rows for step in row.path.split("/") if step} - known.keys()
    if missing:
        known.update(db.session.execute(select(District.id, District.name).where(District.id.in_(missing))).all())
    labels = [(row.id, DIVIDER.join(known[int(step)] for step in row.path.split("/") if step)) for row in rows]
    return sorted(labels, key=lambda one: one[1])


def children(actor: Actor, parent_id: int | None, *, page: int = 1, per_page: int = 200) -> Page[Node]:
    """The districts directly below a parent (or at the top), by name."""
    query = _nodes().where(District.parent_id == parent_id if parent_id is not None else District.parent_id.is_(None))
    return _paged(query.order_by(District.active.desc(), District.name, District.id), page, per_page)


def find_districts(actor: Actor, *, text: str = "", kind: str = "", page: int = 1) -> Page[Node]:
    """Districts by a piece of their name, code or address, of one kind or all; each with the place that it lies in."""
    query = _nodes()
    if text:
        columns = (District.name, District.code, District.address)
        query = query.where(or_(*(column.contains(text, autoescape=True) for column in columns)))
    if kind:
        query = query.where(District.kind == kind)
    found = _paged(query.order_by(District.depth, District.name, District.id), page, PER_PAGE)
    places = full_names(node.parent_id for node in found.items if node.parent_id is not None)
    items = [Node(**{**vars(node), "place": places.get(node.parent_id or 0, "")}) for node in found.items]
    return Page(items, found.page, found.total, found.per_page)


def ancestors(district: District) -> list[tuple[int, str]]:
    """(id, name) of the districts above, the top first."""
    steps = [int(step) for step in district.path.split("/") if step][:-1]
    known = dict(db.session.execute(select(District.id, District.name).where(District.id.in_(steps))).all())
    return [(step, known[step]) for step in steps]


def count_by_kind() -> dict[str, int]:
    """How many active districts there are of each kind."""
    query = select(District.kind, func.count()).where(District.active).group_by(District.kind)
    return dict(db.session.execute(query).all())


def find_place(text: str) -> District | None:
    """The district that a person means by a code, a name that occurs once, or a path (城东/老街).

    None when there is none; raises Invalid("districts.ambiguous") when a name stands for several.
    """
    district = db.session.scalar(select(District).where(District.code == text.strip()))
    steps = split_path(text)
    if district is not None or not steps:
        return district
    found = list(db.session.scalars(select(District).where(District.name == steps[-1])))
    if len(steps) > 1:
        wanted = DIVIDER.join(steps)
        places = full_names(one.id for one in found)
        exact = [one for one in found if places[one.id] == wanted]
        found = exact or [one for one in found if places[one.id].endswith(DIVIDER + wanted)]
    if len(found) > 1:
        raise Invalid("districts.ambiguous", name=text.strip(), count=len(found))
    return found[0] if found else None


def _nodes() -> Select[Any]:
    child = aliased(District)
    below_it = select(func.count()).where(child.parent_id == District.id).correlate(District).scalar_subquery()
    return select(
        District.id, District.parent_id, District.code, District.name, District.kind,
        District.depth, District.address, District.active, below_it.label("children"),
    )  # fmt: skip


def _paged(query: Select[Any], page: int, per_page: int) -> Page[Node]:
    total = db.session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    rows = db.session.execute(query.limit(per_page).offset((page - 1) * per_page)).all()
    return Page([Node(*row) for row in rows], page, total, per_page)
