"""Static files with their version in the address, so that they may be cached for a year."""

import gzip
import hashlib
import mimetypes
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from flask import Flask, Response, current_app, request, send_file, url_for
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join

from crm.web.guards import public

OWN_TEXT = frozenset({".css", ".js"})


def install(app: Flask) -> None:
    """Takes over `static`: compressed twins are sent to those who accept them."""
    app.add_url_rule("/static/<path:filename>", endpoint="static", view_func=_static)


def asset(name: str) -> str:
    """The versioned address of a static file."""
    return _address(current_app.root_path, request.script_root, name)


@lru_cache(maxsize=512)
def _address(root: str, _mounted_at: str, name: str) -> str:
    """A page asks for some thirty, nearly all of them icons of one file: built once for each place that the app is mounted at."""
    return url_for("static", filename=name, v=_version(str(Path(root) / "static" / name)))


@lru_cache(maxsize=512)
def _version(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:10]
    except OSError:
        return "0"


@public
def _static(filename: str) -> Response:
    path = safe_join(str(Path(current_app.root_path) / "static"), filename)
    if path is None or "node_modules" in filename or not Path(path).is_file():
        raise NotFound
    response = _compressed(Path(path)) or _sent(Path(path), Path(path).name)
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if "v" in request.args else "no-cache"
    response.headers["Vary"] = "Accept-Encoding"
    return response


def _compressed(path: Path) -> Response | None:
    for coding, suffix in (("br", ".br"), ("gzip", ".gz")):
        twin = path.with_name(path.name + suffix)
        if request.accept_encodings[coding] and twin.is_file():
            response = _sent(twin, path.name)
            response.headers["Content-Encoding"] = coding
            return response
    if path.suffix in OWN_TEXT and request.accept_encodings["gzip"]:
        response = _answer(_squeezed(str(path)), path.name, f"{_version(str(path))}-gzip")
        response.headers["Content-Encoding"] = "gzip"
        return response
    return None


@lru_cache(maxsize=64)
def _squeezed(path: str) -> bytes:
    """Our own files are not built and have no twin beside them; they are compressed once in each process."""
    return gzip.compress(Path(path).read_bytes(), mtime=0)


def _sent(path: Path, name: str) -> Response:
    """The file from memory: all of ours are small, and no handle stays open for a client that reads slowly."""
    return _answer(path.read_bytes(), name, _version(str(path)))


def _answer(content: bytes, name: str, etag: str) -> Response:
    mime = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return send_file(BytesIO(content), mimetype=mime, etag=etag, conditional=True)
