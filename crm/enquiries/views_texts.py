"""The library of approved texts: who wrote which version, who approved it, and what may be printed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from crm.enquiries import commands, policy, queries
from crm.enquiries.forms import PosterTextForm
from crm.enquiries.models import PosterText
from crm.enquiries.policy import EnquiryPermission
from crm.enquiries.rules import TextState
from crm.enquiries.views import blueprint
from crm.kernel.clock import now
from crm.kernel.errors import DomainError
from crm.kernel.unit_of_work import unit_of_work
from crm.people.queries import user_names
from crm.web.forms import done_once, int_or, once
from crm.web.guards import requires
from crm.web.identity import the_actor

Answer = str | tuple[str, int] | Response


@dataclass(frozen=True)
class TextRow:
    """One version with its people and what the reader may do with it."""

    text: PosterText
    author: str
    approver: str
    may_approve: bool
    may_change: bool
    may_retire: bool


@dataclass(frozen=True)
class TextsPage:
    """All versions, newest first."""

    rows: tuple[TextRow, ...]
    may_write: bool


@dataclass(frozen=True)
class TextPage:
    """The form of a draft; `text` is None for a new one."""

    form: PosterTextForm
    text: PosterText | None


@blueprint.get("/enquiries/texts")
@requires(EnquiryPermission.TEXTS)
def texts() -> str:
    """What may a poster say?"""
    actor, names = the_actor(), user_names()
    may_write = actor.may(EnquiryPermission.WRITE)
    rows = tuple(
        TextRow(
            one,
            names.get(one.author_id or 0, ""),
            names.get(one.approver_id or 0, ""),
            one.state == TextState.DRAFT and policy.may_approve(actor, one.author_id),
            one.state == TextState.DRAFT and may_write,
            one.state != TextState.RETIRED and (may_write or actor.may(EnquiryPermission.APPROVE)),
        )
        for one in queries.list_texts(actor)
    )
    return render_template("enquiries/texts.html", page=TextsPage(rows, may_write))


@blueprint.route("/enquiries/texts/new", methods=["GET", "POST"])
@requires(EnquiryPermission.WRITE)
def new_text() -> Answer:
    """A further draft; it begins as the newest approved text reads."""
    newest = next(iter(queries.approved_texts()), None)
    form = PosterTextForm(obj=newest) if newest else PosterTextForm()
    form.version.data = ""
    if form.validate_on_submit():
        try:
            with unit_of_work():
                actor = the_actor()
                once(actor, lambda: commands.write_text(actor, **_words(form), at=now()).id)
            flash(_("The draft is saved. A second person has to approve it before it can be printed."), "success")
            return redirect(url_for("enquiries.texts"))
        except DomainError as error:
            form.refuse(error)
    return render_template("enquiries/text_edit.html", page=TextPage(form, None)), form.status


@blueprint.route("/enquiries/texts/<int:text_id>/edit", methods=["GET", "POST"])
@requires(EnquiryPermission.WRITE)
def edit_text(text_id: int) -> Answer:
    """Changes a draft."""
    text = queries.get_text(the_actor(), text_id)
    form = PosterTextForm(obj=text)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                actor, version, words = the_actor(), form.seen_version, _words(form)
                done_once(actor, lambda: commands.change_text(actor, text_id, version=version, **words))
            flash(_("The draft is saved. A second person has to approve it before it can be printed."), "success")
            return redirect(url_for("enquiries.texts"))
        except DomainError as error:
            form.refuse(error)
    return render_template("enquiries/text_edit.html", page=TextPage(form, text)), form.status


@blueprint.post("/enquiries/texts/<int:text_id>/approve")
@requires(EnquiryPermission.APPROVE)
def approve_text(text_id: int) -> Response:
    """The second person's yes, to the version that was read."""
    return _step(commands.approve_text, text_id, _("The text is approved: posters are printed with it."))


@blueprint.post("/enquiries/texts/<int:text_id>/retire")
@requires(EnquiryPermission.TEXTS)
def retire_text(text_id: int) -> Response:
    """Out of use."""
    return _step(commands.retire_text, text_id, _("The text is retired: no poster is printed with it any more."))


def _step(act: Callable[..., None], text_id: int, words: str) -> Response:
    at: datetime = now()
    with unit_of_work():
        act(the_actor(), text_id, version=int_or(request.form.get("version"), -1), at=at)
    flash(words, "success")
    return redirect(url_for("enquiries.texts"))


def _words(form: PosterTextForm) -> dict[str, str]:
    return {name: form[name].data or "" for name in ("headline", "body", "legal_line")}
