"""Desk pages of a person's phones: which there are, and what to do when one is lost."""

from dataclasses import dataclass

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from crm.field import phones
from crm.field.phones import PhoneRow
from crm.field.policy import FieldPermission
from crm.field.views import blueprint
from crm.kernel.clock import now
from crm.kernel.unit_of_work import unit_of_work
from crm.people.models import User
from crm.people.queries import get_user
from crm.web.guards import requires
from crm.web.identity import the_actor


@dataclass(frozen=True)
class PhonesPage:
    """The phones of one person; `own` when it is the reader."""

    person: User
    own: bool
    rows: tuple[PhoneRow, ...]


@blueprint.get("/field/phones/<int:user_id>")
@requires(FieldPermission.PHONES)
def phones_page(user_id: int) -> str:
    """The phones with which a person has signed in to the phone pages."""
    actor = the_actor()
    rows = phones.phones_of(actor, user_id)
    return render_template(
        "field/phones.html", page=PhonesPage(get_user(actor, user_id), user_id == actor.user_id, rows)
    )


@blueprint.post("/field/phones/<int:user_id>/lost")
@requires(FieldPermission.PHONES)
def report_lost(user_id: int) -> Response:
    """Reports a phone lost. Who reports their own is signed out with all others."""
    with unit_of_work():
        phones.report_lost(the_actor(), user_id, request.form.get("device", ""), at=now())
    flash(
        _("The phone is told to clear itself at its next contact. All sessions of this person have ended."), "success"
    )
    return redirect(url_for("field.phones_page", user_id=user_id))


@blueprint.post("/field/phones/<int:user_id>/found")
@requires(FieldPermission.PHONES)
def report_found(user_id: int) -> Response:
    """Lets a phone be used again."""
    with unit_of_work():
        phones.report_found(the_actor(), user_id, request.form.get("device", ""))
    flash(_("The phone may be used again."), "success")
    return redirect(url_for("field.phones_page", user_id=user_id))
