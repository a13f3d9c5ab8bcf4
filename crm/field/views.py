"""The shell of the phone pages: one page per language that holds no personal data, so that a phone may keep it and open it offline."""

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, json, render_template, request, url_for
from flask_babel import force_locale
from flask_babel import gettext as _
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as AnyResponse

from crm.field.phone_words import words
from crm.leads.policy import LeadPermission
from crm.web.assets import asset
from crm.web.guards import public, requires
from crm.web.locale import LOCALES, language

blueprint = Blueprint("field", __name__)

LANGUAGES = tuple(LOCALES)
TABS = (
    ("today", "home"), ("record", "plus"), ("leads", "users"), ("pk", "trophy"), ("meetings", "microphone"),
)  # fmt: skip
ICONS = ((192, "any"), (512, "any"), (192, "maskable"), (512, "maskable"))
_FILES = (
    "css/phone.css",
    "vendor/phone.min.js",
    "vendor/icons.svg",
    "icons/favicon.svg",
    "icons/phone-192.png",
    "icons/phone-512.png",
)


@blueprint.get("/m/")
@public
def home() -> AnyResponse:
    """The phone pages in the reader's language."""
    return redirect(url_for("field.shell", lang=language()))


@blueprint.get("/m/record")
@requires(LeadPermission.RECORD)
def start() -> AnyResponse:
    """From the ordinary pages to what is recorded in the street."""
    return redirect(url_for("field.shell", lang=language()) + "#record")


@blueprint.get("/m/<any(zh, en):lang>/")
@public
def shell(lang: str) -> Response:
    """All screens of the phone; what they show comes from the phone itself."""
    return _squeezed(_shell(current_app.root_path, request.script_root, lang))


@blueprint.get("/m/<any(zh, en):lang>/app.webmanifest")
@public
def manifest(lang: str) -> Response:
    """What the phone shows of the app when it is installed."""
    with force_locale(LOCALES[lang]):
        content = {
            "id": url_for("field.home"),
            "name": str(_("Waituo CRM")),
            "short_name": str(_("Waituo")),
            "description": str(_("Record visits and leads in the street, with or without a network.")),
            "lang": "zh-Hans-CN" if lang == "zh" else "en",
            "start_url": url_for("field.shell", lang=lang),
            "scope": url_for("field.home"),
            "display": "standalone",
            "orientation": "portrait",
            "background_color": "#f2f5f6",
            "theme_color": "#0b3b47",
            "icons": [
                {"src": asset(_icon(size, purpose)), "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
                for size, purpose in ICONS
            ],
            "shortcuts": [
                {"name": words()[f"record.{kind}"], "url": f"{url_for('field.shell', lang=lang)}#{kind}"}
                for kind in ("visit", "lead")
            ],
        }
    return Response(json.dumps(content, ensure_ascii=False), mimetype="application/manifest+json")


@blueprint.get("/m/sw.js")
@public
def worker() -> Response:
    """The program that keeps the shell on the phone; it changes whenever anything of the shell does."""
    root, mounted = current_app.root_path, request.script_root
    kept = [url_for("field.shell", lang=lang) for lang in LANGUAGES]
    kept += [url_for("field.manifest", lang=lang) for lang in LANGUAGES]
    kept += [asset(name) for name in _FILES]
    body = (Path(root) / "static" / "js" / "phone-sw.js").read_text(encoding="utf-8")
    shells = "".join(_shell(root, mounted, lang) for lang in LANGUAGES)
    number = hashlib.sha256(f"{shells}{kept}{body}".encode()).hexdigest()[:12]
    head = f"const VERSION = {json.dumps(number)};\nconst SHELL = {json.dumps(kept)};\n"
    return Response(head + body, mimetype="text/javascript")


def version() -> str:
    """The version of the phone's program, as its pages know it."""
    return asset("vendor/phone.min.js").rpartition("v=")[2]


def _icon(size: int, purpose: str) -> str:
    return f"icons/phone-{size}.png" if purpose == "any" else f"icons/phone-maskable-{size}.png"


@lru_cache(maxsize=8)
def _shell(_root: str, _mounted_at: str, lang: str) -> str:
    """It is the same for everybody, so it is written once in each process."""
    with force_locale(LOCALES[lang]):
        page: dict[str, Any] = {"lang": lang, "words": words(), "tabs": TABS, "version": version()}
        return render_template("field/shell.html", **page)


def _squeezed(text: str) -> Response:
    answer = Response(text, mimetype="text/html")
    if request.accept_encodings["gzip"]:
        answer.data = _gzip(text)
        answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Vary"] = "Accept-Encoding"
    return answer


@lru_cache(maxsize=8)
def _gzip(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


from crm.field import views_api, views_desk, views_phones, views_team  # noqa: E402, F401 - further views of this blueprint
