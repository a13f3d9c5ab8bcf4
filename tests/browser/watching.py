"""What must not happen on any page: script errors, refusals of the content policy, failed and foreign requests."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Response

# Chromium says so of each answer above 399; the answers themselves are judged by their status.
_STATUS_LINE = re.compile(r"Failed to load resource: the server responded with a status of \d+")


class Watch:
    """Collects the troubles of all pages of a context. `allow` names those that a test brings about on purpose."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.seen: list[str] = []
        self.allowed: list[str] = []
        self.host = urlsplit(url).netloc
        context.on("console", self._console)
        context.on("weberror", lambda error: self.seen.append(f"script: {error.error}"))
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("response", self._response)

    def allow(self, *parts: str) -> None:
        """Troubles that contain one of these are expected from now on."""
        self.allowed += parts

    @property
    def troubles(self) -> list[str]:
        """What was seen and not expected."""
        return [line for line in self.seen if not any(part in line for part in self.allowed)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _STATUS_LINE.match(message.text):
            self.seen.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.netloc != self.host:
            self.seen.append(f"foreign: {request.url}")

    def _failed(self, request: Request) -> None:
        # A download and a page that is left behind end their requests so.
        if "ERR_ABORTED" not in (request.failure or ""):
            self.seen.append(f"failed: {request.failure} {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.seen.append(f"status {response.status}: {response.request.method} {urlsplit(response.url).path}")
