"""Every page, for everybody: axe finds nothing serious, a phone need not scroll sideways, and each language is whole."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import DESK, PHONE, Visit
from tests.browser.pages import pages
from tests.browser.serving import ROOT, Served

AXE = ROOT / "crm" / "static" / "vendor-test" / "axe.min.js"
SERIOUS = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
  .filter(found => ['serious', 'critical'].includes(found.impact))
  .map(found => `${found.id}: ${found.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(' | ')}`)"""
SENTENCES = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  while (walker.nextNode()) {
    const at = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    if (text && !at.closest('script, style, code, [lang], textarea') && at.checkVisibility()) found.push(text);
  }
  for (const at of document.querySelectorAll('[placeholder], [aria-label], [title]'))
    for (const name of ['placeholder', 'aria-label', 'title']) if (at.getAttribute(name)) found.push(at.getAttribute(name));
  return found;
}"""
ENGLISH = re.compile(r"[A-Za-z]{2,}(?:[ ,'’-]+[A-Za-z]{2,}){2,}")
PEOPLE = pytest.mark.parametrize("login", ["organiser", "lead1", "m101", "auditor", "admin"])


def broken(page: Page) -> list[str]:
    """What axe calls serious or critical."""
    # The driver's own call does not pass through the page, whose policy would refuse a foreign script.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    return page.evaluate(SERIOUS)


def too_wide(page: Page) -> list[str]:
    """Whether the page scrolls sideways on a phone; leaves the page at the size of the desk."""
    page.set_viewport_size(PHONE)
    width = page.evaluate("document.scrollingElement.scrollWidth")
    page.set_viewport_size(DESK)
    return [f"{width} pixels wide"] if width > PHONE["width"] else []


def english(page: Page) -> list[str]:
    """English sentences on a Chinese page."""
    return [f"English: {text[:120]}" for text in page.evaluate(SENTENCES) if ENGLISH.search(text)]


def walk(page: Page, server: Served, login: str, looks: list[Callable[[Page], list[str]]]) -> list[str]:
    """Opens each page and collects what the looks have to say of it, with the page's name in front."""
    said = []
    for endpoint, address in pages(server.home, login):
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, (endpoint, answer.status)
        said += [f"{endpoint}: {line}" for look in looks for line in look(page)]
    return said


@PEOPLE
def test_no_page_has_a_serious_fault_in_chinese(visit: Visit, server: Served, login: str) -> None:
    assert walk(visit(login), server, login, [broken, english, too_wide]) == []


def test_no_page_has_a_serious_fault_in_english(visit: Visit, server: Served) -> None:
    assert walk(visit("organiser", language="en"), server, "organiser", [broken, too_wide]) == []


def test_the_sign_in_page_is_open_to_everybody(visit: Visit) -> None:
    page = visit(None)
    page.goto("/sign-in")
    assert broken(page) + english(page) + too_wide(page) == []
