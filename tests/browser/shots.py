"""`python -m tests.browser.shots` takes the pictures of the documentation; `--all DIR` every page, in both languages, for looking at."""

import argparse
import os
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.pages import pages
from tests.browser.serving import ROOT, Served, chromium, serving

PICTURES = ROOT / "crm" / "docs" / "pictures"
SHOWN = {"today": "/today", "funnel": "/funnel?window=all", "pk": "/contests/1"}
SIZES = ((360, 640), (768, 1024), (1440, 900))
MOST = 250_000
"""Bytes that a picture of the documentation may have."""


def main() -> None:
    """Takes the pictures over a demo bank of its own, or over the one kept in CRM_BROWSER_HOME."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", type=Path, metavar="DIR", help="take every page into this folder instead")
    parser.add_argument("--as", dest="login", default="organiser", help="who looks (organiser)")
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(os.environ.get("CRM_BROWSER_HOME") or folder)) as served,
        sync_playwright() as driver,
        chromium(driver) as browser,
    ):
        if chosen.all:
            take_all(browser, served, chosen.login, chosen.all)
        else:
            take_shown(browser, served, chosen.login)


def take_shown(browser: Browser, served: Served, login: str) -> None:
    """The three pictures, in Chinese."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page = _page(browser, served, login, (1440, 900), "zh")
    for name, address in SHOWN.items():
        path = PICTURES / f"{name}.png"
        _take(page, address, path, whole=False)
        assert path.stat().st_size < MOST, (path, path.stat().st_size)


def take_all(browser: Browser, served: Served, login: str, folder: Path) -> None:
    """Every page that the person may open: `<language>-<width>-<endpoint>.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    for language in ("zh", "en"):
        for size in SIZES:
            page = _page(browser, served, login, size, language)
            for endpoint, address in pages(served.home, login):
                _take(page, address, folder / f"{language}-{size[0]}-{endpoint}.png", whole=True)
            page.context.close()


def _page(browser: Browser, served: Served, login: str, size: tuple[int, int], language: str) -> Page:
    context = browser.new_context(
        base_url=served.url, viewport={"width": size[0], "height": size[1]}, locale="zh-CN", timezone_id="Asia/Shanghai"
    )
    context.add_cookies([{"name": "crm_lang", "value": language, "url": served.url}])
    page = context.new_page()
    served.sign_in(page, login)
    return page


def _take(page: Page, address: str, path: Path, *, whole: bool) -> None:
    # Charts that grow into place would be caught half drawn.
    page.emulate_media(reduced_motion="reduce")
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.evaluate("() => Promise.all(document.getAnimations().map(one => one.finished.catch(() => null)))")
    page.screenshot(path=path, full_page=whole, animations="disabled")


if __name__ == "__main__":
    main()
