"""Pages of no domain: the way in, the language, help and health."""

from flask import Blueprint, current_app, jsonify, make_response, redirect, render_template, request, url_for
from flask_wtf.csrf import generate_csrf
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from crm.kernel.clock import now
from crm.web.guards import public, signed_in
from crm.web.identity import current_actor, settings
from crm.web.locale import COOKIE, LOCALES
from crm.web.targets import own_path

blueprint = Blueprint("web", __name__)


@blueprint.get("/")
@signed_in
def home() -> Response:
    """Everybody's first page."""
    return redirect(url_for(current_app.extensions["crm.home"]))


@blueprint.post("/language")
@public
def set_language() -> Response:
    """Switches the language, for this browser and for the person."""
    chosen = request.form.get("language", "")
    if chosen not in LOCALES:
        raise BadRequest
    actor = current_actor()
    if actor is not None:
        current_app.extensions["crm.keep_locale"](actor, chosen)
    answer = make_response(redirect(own_path(request.form.get("next"), url_for("web.home"))))
    answer.set_cookie(
        COOKIE, chosen, max_age=31_536_000, httponly=True, samesite="Lax", secure=settings().secure_cookies
    )
    return answer


@blueprint.get("/token")
@signed_in
def fresh_token() -> Response:
    """A fresh CSRF token for a page that was open for long."""
    return jsonify(token=generate_csrf())


@blueprint.get("/help")
@signed_in
def help_page() -> str:
    """Words of the trade, keys and where to find what."""
    return render_template("web/help.html")


@blueprint.get("/healthz")
@public
def health() -> tuple[Response, int]:
    """Whether all is well, for machines; anybody may ask, so nothing more is said."""
    ok = bool(current_app.extensions["crm.health"](settings(), now()))
    return jsonify(ok=ok), 200 if ok else 503
