"""Where a redirect may lead: only to a path of our own."""

import re
from urllib.parse import urlsplit

from flask import request

_OURS = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


def own_path(target: str | None, default: str) -> str:
    """`target` when it is a plain path on this host, else `default`."""
    return target if target and _OURS.fullmatch(target) else default


def page_before(default: str) -> str:
    """The page of our own from which this request was sent, else `default`."""
    came = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "")
    if came.netloc != request.host:
        return default
    return own_path(f"{came.path}?{came.query}".rstrip("?"), default)
