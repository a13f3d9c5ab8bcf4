"""Desk pages of this room: codes and their posters, the own code, what came in. Texts and the public page have files of their own."""

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response as Redirect

from crm.campaigns.queries import campaign_for_day, open_campaigns
from crm.enquiries import commands, drawing, policy, queries, taking
from crm.enquiries.models import PosterText
from crm.enquiries.policy import EnquiryPermission
from crm.enquiries.queries import Code, Mine, Received, Targets
from crm.kernel.clock import business_day, now
from crm.kernel.paging import Page
from crm.kernel.unit_of_work import unit_of_work
from crm.kernel.values import clean_text
from crm.web.forms import id_or_none, query_id
from crm.web.guards import requires
from crm.web.identity import settings, the_actor
from crm.web.paging import Paging, requested_page

blueprint = Blueprint("enquiries", __name__)


@dataclass(frozen=True)
class ListPage:
    """The codes of one campaign; `targets` is None while there is no campaign at all."""

    targets: Targets | None
    choices: list[tuple[int, str]]
    q: str
    has_own: bool
    waiting: int
    may_receive: bool
    may_write: bool
    approved: bool


@dataclass(frozen=True)
class PosterPage:
    """One code as it is printed; `text` is None while no text is approved."""

    code: Code
    address: str
    drawn: Markup
    texts: tuple[PosterText, ...]
    text: PosterText | None
    bank: str
    named: bool
    may_revoke: bool
    may_write: bool


@dataclass(frozen=True)
class MinePage:
    """The own code of each campaign that runs, large enough to be scanned from a phone."""

    rows: tuple[tuple[Mine, str, Markup | None], ...]


@dataclass(frozen=True)
class ReceivedPage:
    """What came in, or what was held back."""

    rows: tuple[Received, ...]
    paging: Paging
    waiting: int
    lane: str
    choices: list[tuple[int, str]]
    campaign_id: int | None


@blueprint.get("/enquiries/codes")
@requires(EnquiryPermission.CODES)
def listing() -> str:
    """Which codes has this campaign, and which may be made?"""
    actor, at = the_actor(), now()
    campaigns, q = open_campaigns(actor), clean_text(request.args.get("q"))[:60]
    campaign_id = query_id("campaign")
    if campaign_id is None:
        usual = campaign_for_day(actor, business_day(at, settings().zone))
        campaign_id = usual.id if usual else next((one.id for one in campaigns), None)
    page = ListPage(
        targets=queries.targets(actor, campaign_id, at=at, wanted=q) if campaign_id is not None else None,
        choices=[(one.id, one.name) for one in campaigns],
        q=q,
        has_own=bool(actor.team_ids),
        waiting=queries.waiting_enquiries(actor),
        may_receive=actor.may(EnquiryPermission.RECEIVED),
        may_write=actor.may(EnquiryPermission.WRITE),
        approved=bool(queries.approved_texts()),
    )
    return render_template("enquiries/listing.html", page=page)


@blueprint.post("/enquiries/codes")
@requires(EnquiryPermission.CODES)
def make_code() -> Redirect:
    """The living code of a campaign, session or member; made when there is none."""
    form = request.form
    with unit_of_work():
        code = commands.make_code(
            the_actor(),
            campaign_id=id_or_none(form.get("campaign")) or -1,
            session_id=id_or_none(form.get("session")),
            member_id=id_or_none(form.get("member")),
            at=now(),
        )
        made = code.id
    if form.get("next") == "mine":
        return redirect(url_for("enquiries.mine"))
    flash(_("The code is there. Print its poster, or show it on a phone."), "success")
    return redirect(url_for("enquiries.poster", code_id=made))


@blueprint.post("/enquiries/codes/<int:code_id>/revoke")
@requires(EnquiryPermission.CODES)
def revoke_code(code_id: int) -> Redirect:
    """Ends a code for good."""
    code = queries.get_code(the_actor(), code_id, now())
    with unit_of_work():
        commands.revoke_code(the_actor(), code_id, at=now())
    flash(_("The code is revoked. Whoever scans it reads that it takes nothing any more."), "success")
    return redirect(url_for("enquiries.listing", campaign=code.campaign_id))


@blueprint.get("/enquiries/codes/<int:code_id>")
@requires(EnquiryPermission.CODES)
def poster(code_id: int) -> str:
    """The poster on A4, with an approved text."""
    actor = the_actor()
    code, texts = queries.get_code(actor, code_id, now()), queries.approved_texts()
    chosen = query_id("text")
    address = _address(code)
    page = PosterPage(
        code=code,
        address=address,
        drawn=_drawn(address),
        texts=texts,
        text=next((one for one in texts if one.id == chosen), texts[0] if texts else None),
        bank=settings().bank,
        named=settings().named,
        may_revoke=code.revoked_at is None and _may_revoke(code),
        may_write=actor.may(EnquiryPermission.TEXTS),
    )
    return render_template("enquiries/poster.html", page=page)


@blueprint.get("/enquiries/codes/<int:code_id>/<any(svg, png):format>")
@requires(EnquiryPermission.CODES)
def picture(code_id: int, format: str) -> Response:
    """The code alone, as a file."""
    address = _address(queries.get_code(the_actor(), code_id, now()))
    content = drawing.svg(address) if format == "svg" else drawing.png(address)
    answer = Response(content, mimetype="image/svg+xml" if format == "svg" else "image/png")
    answer.headers["Content-Disposition"] = f'attachment; filename="qr-{code_id}.{format}"'
    return answer


@blueprint.get("/enquiries/mine")
@requires(EnquiryPermission.OWN)
def mine() -> str:
    """The own code, to be shown to a customer."""
    rows = tuple(
        (one, address, _drawn(address) if address else None)
        for one in queries.mine(the_actor(), now())
        for address in [_address(one.code) if one.code else ""]
    )
    return render_template("enquiries/mine.html", page=MinePage(rows))


@blueprint.get("/enquiries")
@requires(EnquiryPermission.RECEIVED)
def received() -> str:
    """What came in by the public page."""
    actor = the_actor()
    lane = "held" if request.args.get("lane") == "held" else "all"
    campaign_id = query_id("campaign")
    rows: Page[Received] = queries.received(
        actor, waiting=lane == "held", campaign_id=campaign_id, page=requested_page()
    )
    page = ReceivedPage(
        tuple(rows.items),
        Paging.of(rows),
        queries.waiting_enquiries(actor),
        lane,
        [(one.id, one.name) for one in open_campaigns(actor, closed_too=True)],
        campaign_id,
    )
    return render_template("enquiries/received.html", page=page)


@blueprint.post("/enquiries/<int:enquiry_id>/release")
@requires(EnquiryPermission.RECEIVED)
def release(enquiry_id: int) -> Redirect:
    """Lets in what was held back."""
    with unit_of_work():
        lead_id = taking.release(the_actor(), enquiry_id, at=now())
    flash(_("The enquiry is let in."), "success")
    return redirect(url_for("leads.detail", lead_id=lead_id))


@blueprint.post("/enquiries/<int:enquiry_id>/drop")
@requires(EnquiryPermission.RECEIVED)
def drop(enquiry_id: int) -> Redirect:
    """Throws away what was held back."""
    with unit_of_work():
        taking.drop(the_actor(), enquiry_id, at=now())
    flash(_("The enquiry is dropped, and what was written in it is gone."), "success")
    return redirect(url_for("enquiries.received", lane="held"))


def _address(code: Code) -> str:
    """As the code's picture holds it: with the host under which this page was asked for."""
    return url_for("enquiries.ask", token=code.token, _external=True)


def _drawn(address: str) -> Markup:
    return Markup(drawing.svg_inline(address))  # noqa: S704 - drawn here, from an address of our own


def _may_revoke(code: Code) -> bool:
    teams = frozenset[int]()
    if code.member_id is not None:
        today: datetime = now()
        teams = queries.teams_of_member(code.member_id, code.campaign_id, business_day(today, settings().zone))
    return policy.may_make(the_actor(), code.member_id, teams)


from crm.enquiries import views_public, views_texts  # noqa: E402, F401 - further pages of this blueprint
