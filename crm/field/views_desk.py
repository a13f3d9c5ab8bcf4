"""Desk pages for phones' records: those that were kept aside, and files that phones gave out."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from flask import current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from crm.field import commands, queries, rescuing
from crm.field.forms import RescueForm, SettleForm
from crm.field.models import FieldRecord
from crm.field.policy import FieldPermission
from crm.field.queries import HeldRow
from crm.field.rescuing import Brought
from crm.field.views import blueprint
from crm.field.words import FIELD_NAMES
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day, now
from crm.kernel.db import db
from crm.kernel.errors import DomainError, Invalid
from crm.kernel.installation import zone_name
from crm.kernel.paging import Page
from crm.kernel.unit_of_work import unit_of_work
from crm.kernel.values import mask_phone
from crm.people.models import User
from crm.people.queries import actor_of
from crm.web.forms import answered_once, done_once
from crm.web.guards import requires
from crm.web.identity import the_actor
from crm.web.paging import Paging, requested_page
from crm.web.wording import sentence

Answer = str | tuple[str, int] | Response


@dataclass(frozen=True)
class HeldPage:
    """Records that wait for a decision, or those that were decided."""

    rows: Page[HeldRow]
    paging: Paging
    settled: bool


@dataclass(frozen=True)
class RecordPage:
    """One record, with what came first under its id, field by field."""

    row: HeldRow
    said: list[tuple[str, str, str]]
    receipt_of_first: int | None
    form: SettleForm


@dataclass(frozen=True)
class RescuePage:
    """The form, and what became of the file."""

    form: RescueForm
    brought: dict[str, Any] | None = None

    @property
    def counts(self) -> Counter[str]:
        """How many records ended in each status."""
        return Counter(one["status"] for one in self.brought["results"]) if self.brought else Counter()

    def words(self, one: dict[str, Any]) -> str:
        """Why a record was not taken in."""
        return sentence(DomainError(one["code"], **one["facts"])) if one["code"] else ""


@blueprint.get("/field/held")
@requires(FieldPermission.HELD)
def held() -> str:
    """What came from phones and waits for somebody to look at it?"""
    settled = request.args.get("state") == "settled"
    rows = queries.held_records(the_actor(), settled=settled, page=requested_page())
    return render_template("field/held.html", page=HeldPage(rows, Paging.of(rows), settled))


@blueprint.get("/field/held/<int:record_id>")
@requires(FieldPermission.HELD)
def held_record(record_id: int) -> str:
    """One of them."""
    return render_template("field/held_record.html", page=_record_page(record_id, SettleForm(formdata=None)))


@blueprint.post("/field/held/<int:record_id>/settle")
@requires(FieldPermission.HELD)
def settle(record_id: int) -> Answer:
    """Writes down what was decided."""
    actor, form = the_actor(), SettleForm()
    page = _record_page(record_id, form)
    if form.validate():
        try:
            with unit_of_work():
                done_once(actor, lambda: commands.settle(actor, record_id, how=form.how.data or "", at=now()))
            flash(_("The decision was noted."), "success")
            return redirect(url_for("field.held"))
        except DomainError as error:
            form.refuse(error, "how")
    return render_template("field/held_record.html", page=page), form.status


@blueprint.post("/field/held/<int:record_id>/again")
@requires(FieldPermission.HELD)
def read_again(record_id: int) -> Answer:
    """Tries to read a record again that this program did not know when it came."""
    actor, row = the_actor(), queries.get_held(the_actor(), record_id)
    try:
        with unit_of_work():
            commands.read_again(actor, _author(row), record_id, at=now())
        flash(_("The record was taken in."), "success")
        return redirect(url_for("field.held"))
    except Invalid as error:
        flash(sentence(error), "error")
        return render_template("field/held_record.html", page=_record_page(record_id, SettleForm(formdata=None))), 422


@blueprint.route("/field/rescue", methods=["GET", "POST"])
@requires(FieldPermission.RECORD)
def rescue() -> Answer:
    """A file that a phone gave out."""
    actor, form = the_actor(), RescueForm()
    brought = None
    if form.validate_on_submit():
        try:
            file, grants = rescuing.read_file(form.file.data.read()), current_app.extensions["crm.grants"]
            with unit_of_work():
                brought = answered_once(actor, lambda: _told(rescuing.bring_in(actor, file, grants=grants, at=now())))
        except DomainError as error:
            form.refuse(error, "file")
    return render_template("field/rescue.html", page=RescuePage(form, brought)), form.status


def _told(brought: Brought) -> dict[str, Any]:
    """What became of a file, to be told again when the same form comes twice."""
    results = [
        {"author": author, "status": one.status, "receipt": one.receipt, "code": one.code, "facts": dict(one.facts)}
        for author, one in brought.results
    ]
    return {"results": results, "photos": brought.photos}


def _author(row: HeldRow) -> Actor:
    """Whoever made the record, with the rights of this moment."""
    user = db.session.get_one(User, row.author_id)
    return actor_of(user, on=business_day(now(), zone_name()), grants=current_app.extensions["crm.grants"])


def _record_page(record_id: int, form: SettleForm) -> RecordPage:
    actor = the_actor()
    row = queries.get_held(actor, record_id)
    record, first = queries.held_pair(actor, record_id)
    return RecordPage(row, _side_by_side(record, first), None if first is None else first.id, form)


def _side_by_side(record: FieldRecord, first: FieldRecord | None) -> list[tuple[str, str, str]]:
    """(field, what this record says, what the first one under its id says)."""
    mine, other = _flat(record), {} if first is None else _flat(first)
    return [
        (str(FIELD_NAMES.get(name, name)), mine.get(name, ""), other.get(name, ""))
        for name in dict.fromkeys([*mine, *other])
    ]


def _flat(record: FieldRecord) -> dict[str, str]:
    """A body as lines that a person can compare; the phone is masked."""
    text = commands.open_body(record)
    told = json.loads(text) if text else {}
    lines = {name: str(told.get(name, "")) for name in ("kind", "form", "occurred_at", "recorded_at", "seq")}
    data = told.get("data")
    for name, value in data.items() if isinstance(data, dict) else ():
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
        lines[str(name)[:40]] = mask_phone(shown) if name == "phone" else shown[:300]
    return lines
