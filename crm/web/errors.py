"""One door for everything that goes wrong: a clear page, a JSON body or an htmx fragment, and never a traceback."""

import logging
import secrets
from collections.abc import Iterator

from flask import Flask, current_app, g, jsonify, render_template, request
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import IntegrityError, OperationalError
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.wrappers import Response

from crm.kernel.errors import DomainError, traced
from crm.web.wording import sentence

log = logging.getLogger("crm")
_TAKEN_OR_GONE = frozenset(
    {"23503", "23505", "SQLITE_CONSTRAINT_FOREIGNKEY", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE"}
)
"""What PostgreSQL and SQLite call a key that is taken already, and a record that is named but not there."""
_PAGES = frozenset({400, 401, 403, 404, 405, 409, 410, 413, 422, 429, 500, 503, 507})


def install(app: Flask) -> None:
    """Registers the handlers."""
    app.register_error_handler(DomainError, _domain)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(OperationalError, _database)
    app.register_error_handler(IntegrityError, _clash)
    app.register_error_handler(Exception, _unexpected)


def wants_json() -> bool:
    """Whether the caller is a program: it says so, or the address is there for programs only."""
    if getattr(current_app.view_functions.get(request.endpoint or ""), "for_programs", False):
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json"], default="text/html")
    return request.is_json or best == "application/json"


def _domain(error: DomainError) -> tuple[Response | str, int]:
    return _answer(error.status, sentence(error), error.code)


def _csrf(error: CSRFError) -> tuple[Response | str, int]:
    return _answer(400, None, "csrf")


def _http(error: HTTPException) -> tuple[Response | str, int] | Response:
    if isinstance(error, SecurityError):
        # A host that is not ours: no address of ours can be made for it, so no page either.
        return Response("400\n", 400, mimetype="text/plain")
    if error.response is not None or error.code is None or error.code < 400:
        return error.get_response()
    return _answer(error.code, None, f"http.{error.code}")


def _database(error: OperationalError) -> tuple[Response | str, int]:
    number = _log(error)
    full = any("disk is full" in str(one) for one in _behind(error))
    return _answer(507 if full else 503, None, "database.full" if full else "database.unavailable", number)


def _behind(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it: SQLite undoes everything on a full disk, so that going back to a savepoint fails as well,
    and that failure is what arrives here."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__context__


def _clash(error: IntegrityError) -> tuple[Response | str, int]:
    """Two at once: both checked, one wrote. A column left empty or out of its range is a fault of ours and stays one."""
    name = str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", ""))
    if name not in _TAKEN_OR_GONE:
        return _unexpected(error)
    words = gettext(
        "Somebody else saved the same at this moment. Nothing of yours was kept: look at what is there now."
    )
    return _answer(409, words, "database.clash", _log(error))


def _unexpected(error: Exception) -> tuple[Response | str, int]:
    return _answer(500, None, "unexpected", _log(error))


def _log(error: Exception) -> str:
    number = secrets.token_hex(4)
    g.setdefault("actor", None)  # the page of an error must not ask a broken database who is reading
    log.error("%s %s %s: %s", number, request.method, request.endpoint, traced(error))
    return number


def _answer(status: int, message: str | None, code: str, number: str = "") -> tuple[Response | str, int]:
    template = f"errors/{status}.html" if status in _PAGES else "errors/400.html"
    if wants_json():
        return jsonify(error=code, message=message or _title(template), number=number), status
    return render_template(template, reason=message, reason_code=code, request_id=number, status=status), status


def _title(name: str) -> str:
    """What a page of errors is called, in the reader's language: a program's user reads the same words."""
    template = current_app.jinja_env.get_template(name)
    return "".join(template.blocks["title"](template.new_context()))
