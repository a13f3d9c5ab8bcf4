"""The page behind a QR code: no account, no cookie, no script. It answers the same whoever's phone is typed."""

from dataclasses import dataclass
from datetime import datetime

from flask import Request, redirect, render_template, request, session, url_for
from flask_babel import force_locale
from werkzeug.wrappers import Response

from crm.enquiries import queries
from crm.enquiries.forms import EnquiryForm
from crm.enquiries.queries import Code
from crm.enquiries.rules import BODY_LIMIT, STAFF_WINDOW, Closed, receipt
from crm.enquiries.stamps import Stamp, new_stamp, read_stamp
from crm.enquiries.taking import Asked, Sender, receive, withdraw
from crm.enquiries.views import blueprint
from crm.kernel.clock import now
from crm.kernel.errors import Conflict, DomainError, Invalid, TooMany
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.models import NoticeVersion
from crm.leads.queries import notice_in_force
from crm.web.guards import public
from crm.web.identity import current_actor, settings
from crm.web.locale import LOCALES, language

PUBLIC = frozenset({"enquiries.ask", "enquiries.thanks", "enquiries.take_out"})
Answer = tuple[str, int] | Response


@dataclass(frozen=True)
class AskPage:
    """The form with the notice that it is sent under."""

    code: Code
    form: EnquiryForm
    notice: NoticeVersion | None


@dataclass(frozen=True)
class ReceiptPage:
    """What the sender may know: that it came, when, and since when the consent is withdrawn. Nothing of a person."""

    token: str
    receipt: str
    received_at: datetime
    withdrawn_at: datetime | None


@blueprint.url_value_preprocessor
def _small_bodies(endpoint: str | None, _values: object) -> None:
    """Before anything reads the body: four fields need no more."""
    if endpoint in PUBLIC:
        request.max_content_length = BODY_LIMIT


@blueprint.record_once
def _without_cookies(state: object) -> None:
    """These forms carry a stamp (see `stamps`), or an address that is a secret itself."""
    app = state.app  # type: ignore[attr-defined]
    for view in (ask, take_out):
        app.extensions["csrf"].exempt(view)


@blueprint.route("/q/<token>", methods=["GET", "POST"])
@public
def ask(token: str) -> Answer:
    """The notice, four fields, and the consent."""
    at = now()
    code = queries.code_of_token(token, at)
    with force_locale(LOCALES[_language()]):
        if code.closed is not None:
            return _shown("closed", code, 409 if code.closed is Closed.NOT_YET else 410)
        form = EnquiryForm()
        notice = notice_in_force()
        stamp = read_stamp(form.stamp.data or "", code.id, at)
        if request.method == "POST":
            answer = _received(code, form, stamp, at)
            if answer is not None:
                return answer
        form.stamp.data = stamp.text if stamp else new_stamp(code.id, at)
        _renew_notice(form, notice)
        return _shown("ask", AskPage(code, form, notice), form.status)


def _received(code: Code, form: EnquiryForm, stamp: Stamp | None, at: datetime) -> Answer | None:
    """The way on to the receipt; None when something has to be put right first."""
    if not form.validate():
        return None
    if stamp is None:
        form.refuse(Invalid("enquiry.old_form"))
        return None
    try:
        with unit_of_work():
            mine = receive(code.token, _asked(form), _sender(form, stamp, request, at), at=at)
    except TooMany:
        return _shown("limit", code, TooMany.status)
    except (Invalid, Conflict) as error:
        form.refuse(error, _field(error))
        return None
    return redirect(url_for("enquiries.thanks", token=mine, lang=_language()), 303)


@blueprint.get("/e/<token>")
@public
def thanks(token: str) -> Answer:
    """The receipt, and the way to withdraw."""
    return _receipt(token)


@blueprint.route("/e/<token>/withdraw", methods=["GET", "POST"])
@public
def take_out(token: str) -> Answer:
    """Asks once; then nobody contacts the person from that moment on."""
    if request.method == "POST":
        with unit_of_work():
            withdraw(token, at=now())
        return redirect(url_for("enquiries.thanks", token=token, lang=_language()), 303)
    return _receipt(token, "withdraw")


def _receipt(token: str, template: str = "thanks") -> Answer:
    enquiry = queries.enquiry_of_token(token)
    page = ReceiptPage(token, receipt(token), enquiry.received_at, enquiry.withdrawn_at)
    with force_locale(LOCALES[_language()]):
        return _shown(template if page.withdrawn_at is None else "thanks", page, 200)


def _asked(form: EnquiryForm) -> Asked:
    return Asked(
        name=form.name.data or "",
        phone=form.phone.data or "",
        trade=form.trade.data,
        need=form.need.data or "",
        marketing=form.marketing,
        notice_hash=form.notice.data or "",
    )


def _sender(form: EnquiryForm, stamp: Stamp, sent: Request, at: datetime) -> Sender:
    address = sent.remote_addr or ""
    ours = current_actor() is not None or "_user_id" in session
    return Sender(
        stamp=stamp.text,
        opened_at=stamp.opened_at,
        honeypot=form.website.data or "",
        address=address,
        staff=ours or queries.signed_in_lately(address, at - STAFF_WINDOW),
    )


def _renew_notice(form: EnquiryForm, notice: NoticeVersion | None) -> None:
    """A consent is to the words that were shown: when they have changed, its box is open again."""
    fresh = notice.text_hash if notice else ""
    if form.notice.data != fresh:
        form.enquiry.data = False
    form.notice.data = fresh


def _field(error: DomainError) -> str | None:
    return {"phone.invalid": "phone", "lead.identity": "name", "enquiry.stale_notice": "enquiry"}.get(error.code)


def _language() -> str:
    """What the address says, because there may be no cookie; else what the browser was told before."""
    asked = request.args.get("lang", "")
    return asked if asked in LOCALES else language()


def _shown(template: str, page: object, status: int) -> Answer:
    # The person reads the bank's name; which product the bank works with is nothing to them.
    return (
        render_template(f"enquiries/{template}.html", page=page, locale=_language(), product=settings().bank),
        status,
    )
