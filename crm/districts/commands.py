"""What can be done with districts. Nothing here commits."""

from sqlalchemy import func, select, update

from crm.districts.models import District
from crm.districts.queries import below
from crm.districts.rules import DEEPEST, Kind, clean_name
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.db import db
from crm.kernel.errors import Invalid, NotFound
from crm.kernel.locking import held, one_at_a_time

_TREE = 7303


def lock_tree() -> None:
    """Whoever changes the shape of the tree does it alone: two moves of which each is right can make a circle together."""
    one_at_a_time(_TREE)


def create_district(
    actor: Actor,
    *,
    name: str,
    kind: Kind,
    parent_id: int | None = None,
    code: str = "",
    address: str = "",
    note: str = "",
) -> District:
    """A new district below `parent_id`, or at the top."""
    lock_tree()
    parent = _live_parent(parent_id)
    district = plant(name=name, kind=kind, parent=parent, code=code, address=address, note=note)
    audit.record(
        actor, "districts.create", "district", district.id, name=district.name, kind=kind.value, parent=parent_id
    )
    return district


def change_district(
    actor: Actor,
    district_id: int,
    *,
    version: int,
    name: str,
    kind: Kind,
    code: str = "",
    address: str = "",
    note: str = "",
) -> District:
    """Changes a district's card; its place in the tree stays."""
    district = _district(district_id, version)
    name = clean_name(name)
    check_free(name, parent_id=district.parent_id, code=code or None, but=district.id)
    before = {"name": district.name, "kind": district.kind, "code": district.code, "address": district.address}
    district.name, district.kind, district.code = name, kind.value, code or None
    district.address, district.note = address, note
    district.version += 1
    audit.record(actor, "districts.change", "district", district.id, before=before, name=name, kind=kind.value)
    return district


def move_district(actor: Actor, district_id: int, *, version: int, parent_id: int | None) -> District:
    """Puts a district with everything below it under another parent, or at the top. Its id and its records stay."""
    lock_tree()
    district = _district(district_id, version)
    before = district.parent_id
    if before != parent_id:
        transplant(district, _live_parent(parent_id))
        audit.record(actor, "districts.move", "district", district.id, before=before, parent=parent_id)
    return district


def set_active(actor: Actor, district_id: int, *, version: int, active: bool) -> int:
    """Closes a district with everything below it, or opens it again; returns how many districts that were."""
    lock_tree()
    district = _district(district_id, version)
    if active:
        _live_parent(district.parent_id)
    inside = below(district_id)
    rows = db.session.execute(
        update(District)
        .where(District.id.in_(select(District.id).where(inside)), District.active.is_(not active))
        .values(active=active, version=District.version + 1)
        .execution_options(synchronize_session=False)
    )
    db.session.refresh(district)
    count = int(getattr(rows, "rowcount", 0))
    audit.record(actor, "districts.set_active", "district", district_id, active=active, districts=count)
    return count


def plant(*, name: str, kind: Kind, parent: District | None, code: str, address: str, note: str) -> District:
    """Writes a new node; the caller has the tree's lock.

    Not audited: the command around it is, and an import keeps its own record of every row.
    """
    name = clean_name(name)
    check_free(name, parent_id=parent.id if parent else None, code=code or None)
    depth = parent.depth + 1 if parent else 0
    if depth > DEEPEST:
        raise Invalid("districts.too_deep", levels=DEEPEST + 1)
    district = District(
        name=name,
        kind=Kind(kind).value,
        parent_id=parent.id if parent else None,
        code=code or None,
        address=address,
        note=note,
        depth=depth,
        created_at=now(),
    )
    db.session.add(district)
    db.session.flush()
    district.path = f"{parent.path if parent else '/'}{district.id}/"
    db.session.flush()
    return district


def transplant(district: District, parent: District | None) -> None:
    """Rewrites the paths and depths of a subtree under its new parent; lock and audit as for `plant`."""
    for node in (district, parent):
        if node is not None:
            db.session.refresh(node, ["path", "depth"])  # what another move wrote before the lock was ours
    if parent is not None and parent.path.startswith(district.path):
        raise Invalid("districts.cycle")
    check_free(district.name, parent_id=parent.id if parent else None, code=None, but=district.id)
    old, new = district.path, f"{parent.path if parent else '/'}{district.id}/"
    shift = (parent.depth + 1 if parent else 0) - district.depth
    inside = select(District.id).where(below(district.id))
    lowest = db.session.scalar(select(func.max(District.depth)).where(below(district.id))) or 0
    if lowest + shift > DEEPEST:
        raise Invalid("districts.too_deep", levels=DEEPEST + 1)
    ids = list(db.session.scalars(inside))
    district.parent_id = parent.id if parent else None
    district.version += 1
    db.session.flush()
    db.session.execute(
        update(District)
        .where(District.path.startswith(old))
        .values(path=new + func.substr(District.path, len(old) + 1), depth=District.depth + shift)
        .execution_options(synchronize_session=False)
    )
    for one in db.session.identity_map.values():
        if isinstance(one, District) and one.id in ids:
            db.session.expire(one, ["path", "depth"])


def check_free(name: str, *, parent_id: int | None, code: str | None, but: int | None = None) -> None:
    """Raises Invalid("districts.name_taken" | "districts.code_taken") when a sibling or any district has it."""
    beside = District.parent_id == parent_id if parent_id is not None else District.parent_id.is_(None)
    if db.session.scalar(select(District.id).where(beside, District.name == name, District.id != (but or 0))):
        raise Invalid("districts.name_taken", name=name)
    if code and db.session.scalar(select(District.id).where(District.code == code, District.id != (but or 0))):
        raise Invalid("districts.code_taken", taken=code)


def _live_parent(parent_id: int | None) -> District | None:
    if parent_id is None:
        return None
    parent = db.session.get(District, parent_id, populate_existing=True)
    if parent is None:
        raise NotFound("districts.missing")
    if not parent.active:
        raise Invalid("districts.parent_closed", name=parent.name)
    return parent


def _district(district_id: int, version: int) -> District:
    district = held(select(District).where(District.id == district_id), version=version)
    if district is None:
        raise NotFound("districts.missing")
    return district
