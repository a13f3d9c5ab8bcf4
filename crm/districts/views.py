"""Desk pages of districts: the tree, one district, and what changes it."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from crm.districts import commands, queries
from crm.districts.forms import DistrictForm, MoveForm
from crm.districts.models import District
from crm.districts.policy import DistrictPermission
from crm.districts.queries import Node
from crm.districts.rules import Kind
from crm.districts.words import KINDS
from crm.kernel.errors import DomainError, NotFound
from crm.kernel.paging import Page
from crm.kernel.unit_of_work import unit_of_work
from crm.kernel.values import clean_text
from crm.web.forms import done_once, int_or, once, query_id
from crm.web.guards import requires
from crm.web.identity import the_actor
from crm.web.paging import Paging, requested_page

blueprint = Blueprint("districts", __name__)
Answer = str | tuple[str, int] | Response


@dataclass(frozen=True)
class TreePage:
    """The tree, or what a search in it found."""

    nodes: Page[Node]
    paging: Paging
    counts: dict[str, int]
    q: str
    kind: str
    searching: bool
    may_edit: bool


@dataclass(frozen=True)
class OnePage:
    """One district with what lies below it."""

    district: District
    above: list[tuple[int, str]]
    children: Page[Node]
    paging: Paging
    inside: int
    may_edit: bool


@dataclass(frozen=True)
class FormPage:
    """A form about a district; `district` is None for a new one, `above` its parents with itself."""

    form: DistrictForm | MoveForm
    district: District | None
    above: list[tuple[int, str]]
    cancel_url: str


@blueprint.get("/districts")
@requires(DistrictPermission.VIEW)
def index() -> str:
    """The tree; with a search text or a kind, a flat list of what fits."""
    actor, text = the_actor(), clean_text(request.args.get("q"))[:60]
    kind = request.args.get("kind", "")
    kind = kind if kind in KINDS else ""
    searching = bool(text or kind)
    if searching:
        nodes = queries.find_districts(actor, text=text, kind=kind, page=requested_page())
    else:
        nodes = queries.children(actor, None, page=requested_page())
    may_edit = actor.may(DistrictPermission.EDIT)
    page = TreePage(nodes, Paging.of(nodes), queries.count_by_kind(), text, kind, searching, may_edit)
    return render_template("districts/index.html", page=page)


@blueprint.get("/districts/<int:district_id>/branch")
@requires(DistrictPermission.VIEW)
def branch(district_id: int) -> str:
    """The piece of the tree directly below one district, fetched when it is opened."""
    queries.get_district(the_actor(), district_id)
    return render_template(
        "districts/_branch.html", parent_id=district_id, nodes=queries.children(the_actor(), district_id)
    )


@blueprint.get("/districts/<int:district_id>")
@requires(DistrictPermission.VIEW)
def show(district_id: int) -> str:
    """One district."""
    actor = the_actor()
    district = queries.get_district(actor, district_id)
    children = queries.children(actor, district_id, page=requested_page(), per_page=50)
    page = OnePage(
        district,
        queries.ancestors(district),
        children,
        Paging.of(children),
        len(queries.subtree_ids(district_id)) - 1,
        actor.may(DistrictPermission.EDIT),
    )
    return render_template("districts/show.html", page=page)


@blueprint.route("/districts/new", methods=["GET", "POST"])
@requires(DistrictPermission.EDIT)
def new() -> Answer:
    """A new district, at the top or below ?parent=."""
    parent_id = query_id("parent")
    parent = queries.get_district(the_actor(), parent_id) if parent_id is not None else None
    form = DistrictForm(kind=parent.kind if parent else "commercial")
    if form.validate_on_submit():
        try:
            with unit_of_work():
                actor, card = the_actor(), _card(form)
                made = once(actor, lambda: commands.create_district(actor, parent_id=parent_id, **card).id)
            flash(_("%(name)s was created.", name=form.name.data), "success")
            return redirect(url_for("districts.show", district_id=made))
        except DomainError as error:
            form.refuse(error, _field(error))
    above = [*queries.ancestors(parent), (parent.id, parent.name)] if parent else []
    back = url_for("districts.show", district_id=parent.id) if parent else url_for("districts.index")
    return _render("districts/edit.html", FormPage(form, None, above, back))


@blueprint.route("/districts/<int:district_id>/edit", methods=["GET", "POST"])
@requires(DistrictPermission.EDIT)
def edit(district_id: int) -> Answer:
    """A district's card."""
    district = queries.get_district(the_actor(), district_id)
    form = DistrictForm(obj=district)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                actor, card = the_actor(), _card(form)
                version = form.seen_version
                done_once(actor, lambda: commands.change_district(actor, district_id, version=version, **card))
            flash(_("Saved."), "success")
            return redirect(url_for("districts.show", district_id=district_id))
        except DomainError as error:
            form.refuse(error, _field(error))
    return _render("districts/edit.html", _form_page(form, district_id))


@blueprint.route("/districts/<int:district_id>/move", methods=["GET", "POST"])
@requires(DistrictPermission.EDIT)
def move(district_id: int) -> Answer:
    """Puts a district under another parent."""
    district = queries.get_district(the_actor(), district_id)
    above = queries.ancestors(district)
    form = MoveForm(version=district.version, parent=queries.DIVIDER.join(name for _id, name in above))
    if form.validate_on_submit():
        try:
            parent_id = _place(form.parent.data or "")
            with unit_of_work():
                actor, version = the_actor(), form.seen_version
                done_once(
                    actor, lambda: commands.move_district(actor, district_id, version=version, parent_id=parent_id)
                )
            flash(_("Moved, with everything below it."), "success")
            return redirect(url_for("districts.show", district_id=district_id))
        except DomainError as error:
            form.refuse(error, None if error.code == "form.stale" else "parent")
    return _render("districts/move.html", _form_page(form, district_id))


@blueprint.post("/districts/<int:district_id>/active")
@requires(DistrictPermission.EDIT)
def set_active(district_id: int) -> Response:
    """Closes or opens a district with everything below it."""
    active = request.form.get("active") == "1"
    version = int_or(request.form.get("version"), -1)
    with unit_of_work():
        count = commands.set_active(the_actor(), district_id, version=version, active=active)
    if active:
        flash(ngettext("%(num)s district is in use again.", "%(num)s districts are in use again.", count), "success")
    else:
        flash(
            ngettext("%(num)s district was taken out of use.", "%(num)s districts were taken out of use.", count),
            "success",
        )
    return redirect(url_for("districts.show", district_id=district_id))


def _card(form: DistrictForm) -> dict[str, Any]:
    return {
        "name": form.name.data,
        "kind": Kind(form.kind.data),
        "code": form.code.data,
        "address": form.address.data,
        "note": form.note.data,
    }


def _field(error: DomainError) -> str | None:
    return {"districts.name": "name", "districts.name_taken": "name", "districts.code_taken": "code"}.get(error.code)


def _place(text: str) -> int | None:
    if not text:
        return None
    found = queries.find_place(text)
    if found is None:
        raise NotFound("districts.missing")
    return found.id


def _form_page(form: DistrictForm | MoveForm, district_id: int) -> FormPage:
    district = queries.get_district(the_actor(), district_id)
    above = [*queries.ancestors(district), (district.id, district.name)]
    return FormPage(form, district, above, url_for("districts.show", district_id=district_id))


def _render(template: str, page: FormPage) -> Answer:
    return render_template(template, page=page), page.form.status
