"""Where a redirect may lead: only to a path of our own."""

import re

_OURS = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


def own_path(target: str | None, default: str) -> str:
    """`target` when it is a plain path on this host, else `default`."""
    return target if target and _OURS.fullmatch(target) else default
