"""The reader's own messages."""

from dataclasses import dataclass

from flask import current_app, redirect, render_template, request, url_for
from werkzeug.routing import BuildError
from werkzeug.wrappers import Response

from crm.kernel.clock import now
from crm.kernel.unit_of_work import unit_of_work
from crm.people import inbox
from crm.people.inbox import Message
from crm.people.views import blueprint
from crm.web.forms import id_or_none
from crm.web.guards import PUBLIC, SIGNED_IN, permission_of, signed_in
from crm.web.identity import the_actor
from crm.web.paging import Paging, requested_page
from crm.web.wording import message


@dataclass(frozen=True)
class MessageRow:
    """A message in the reader's language; `opens` tells whether it leads to a page."""

    id: int
    words: str
    when: object
    unread: bool
    opens: bool


@dataclass(frozen=True)
class MessagesPage:
    """A page of messages; `newest` is the last one that the reader can have seen."""

    rows: list[MessageRow]
    paging: Paging
    unread_only: bool
    newest: int
    any_unread: bool


@blueprint.get("/messages")
@signed_in
def messages() -> str:
    """What the reader was told, the newest first."""
    only = request.args.get("show") == "unread"
    found = inbox.list_messages(the_actor(), unread_only=only, page=requested_page())
    rows = [
        MessageRow(one.id, message(one.code, one.facts), one.created_at, one.read_at is None, _address(one) is not None)
        for one in found.items
    ]
    newest = max((row.id for row in rows), default=0)
    page = MessagesPage(rows, Paging.of(found), only, newest, any(row.unread for row in rows))
    return render_template("people/messages.html", page=page)


@blueprint.post("/messages/<int:message_id>/read")
@signed_in
def read_message(message_id: int) -> Response:
    """Marks one message as read and leads to what it is about."""
    with unit_of_work():
        one = inbox.mark_read(the_actor(), message_id, at=now())
    wanted = _address(one) if request.form.get("open") else None
    return redirect(wanted or url_for("people.messages"))


@blueprint.post("/messages/read")
@signed_in
def read_messages() -> Response:
    """Marks all messages as read that the reader can have seen."""
    with unit_of_work():
        inbox.mark_all_read(the_actor(), upto=id_or_none(request.form.get("upto")) or 0, at=now())
    return redirect(url_for("people.messages"))


def _address(one: Message) -> str | None:
    """Where a message leads to; None when it leads nowhere, or to a page that the reader may not open any more."""
    needed = permission_of(current_app._get_current_object(), one.endpoint)  # type: ignore[attr-defined]
    if needed is None or not (needed in (PUBLIC, SIGNED_IN) or the_actor().may(needed)):
        return None
    try:
        return url_for(one.endpoint, **one.args)
    except BuildError:
        return None
