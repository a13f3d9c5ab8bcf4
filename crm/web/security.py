"""Headers on every answer, limits on every request."""

import logging

from flask import Flask, Response, current_app, request
from werkzeug.middleware.proxy_fix import ProxyFix

from crm.settings import Settings

log = logging.getLogger("crm")
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)


def install(app: Flask, settings: Settings) -> None:
    """Cookies, limits, proxies and headers."""
    app.config.update(
        SECRET_KEY=settings.keys.cookie,
        MAX_CONTENT_LENGTH=settings.max_upload + 64 * 1024,
        MAX_FORM_MEMORY_SIZE=2_000_000,
        MAX_FORM_PARTS=5_000,
        SESSION_COOKIE_NAME="crm_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        TRUSTED_HOSTS=list(settings.trusted_hosts) or None,
        # A token lives as long as a session may: a form left open over lunch still works.
        WTF_CSRF_TIME_LIMIT=12 * 3600,
    )
    if settings.proxies:
        hops = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    else:
        app.before_request(_warn_of_a_proxy)
    app.after_request(_headers)


def _warn_of_a_proxy() -> None:
    """Behind a proxy that the installation was not told of everybody has one address: said once a process."""
    if "X-Forwarded-For" in request.headers and not current_app.extensions.get("crm.proxy_seen"):
        current_app.extensions["crm.proxy_seen"] = True
        log.warning(
            "X-Forwarded-For came although CRM_PROXIES=0: behind a proxy all sign-ins share its address; set CRM_PROXIES"
        )


def _headers(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(self)"
    if request.endpoint != "static" and not response.cache_control.private:
        # Pages and files hold personal data: no shared or disk cache keeps them. A file that is sent says "no-cache" by itself,
        # which lets it lie on the disk; only a view that says "private", for what holds no customer, has its way.
        response.headers["Cache-Control"] = "no-store"
    return response
