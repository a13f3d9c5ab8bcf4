"""Every page, for everybody: axe finds nothing serious, a phone need not scroll sideways, and each language is whole."""

from collections.abc import Callable
from functools import partial

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import DESK, PHONE, Visit
from tests.browser.language import chinese_left, english_left
from tests.browser.pages import pages
from tests.browser.serving import ROOT, Served

AXE = ROOT / "crm" / "static" / "vendor-test" / "axe.min.js"
SERIOUS = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
  .filter(found => ['serious', 'critical'].includes(found.impact))
  .map(found => `${found.id}: ${found.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(' | ')}`)"""
TABLET = {"width": 768, "height": 1024}
LOGINS = ("organiser", "lead1", "m101", "auditor", "admin")
PEOPLE = pytest.mark.parametrize("login", LOGINS)


def broken(page: Page) -> list[str]:
    """What axe calls serious or critical."""
    # The driver's own call does not pass through the page, whose policy would refuse a foreign script.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    return page.evaluate(SERIOUS)


def too_wide(page: Page) -> list[str]:
    """Whether the page scrolls sideways on a phone or a tablet; leaves the page at the size of the desk."""
    said = []
    for size in (PHONE, TABLET):
        page.set_viewport_size(size)
        width = page.evaluate("document.scrollingElement.scrollWidth")
        if width > size["width"]:
            said.append(f"{width} pixels wide on {size['width']}")
    page.set_viewport_size(DESK)
    return said


def walk(
    page: Page, server: Served, login: str, looks: list[Callable[[Page], list[str]]], *, besides: tuple[str, ...] = ()
) -> list[str]:
    """Opens each page and collects what the looks have to say of it, with the page's name in front.

    Pages that one of the people `besides` may open too are left out.
    """
    said, known = [], {endpoint for one in besides for endpoint, _ in pages(server.home, one)}
    for endpoint, address in pages(server.home, login):
        if endpoint in known:
            continue
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, (endpoint, answer.status)
        said += [f"{endpoint}: {line}" for look in looks for line in look(page)]
    return said


@PEOPLE
def test_no_page_has_a_serious_fault_in_chinese(visit: Visit, server: Served, login: str) -> None:
    english = partial(english_left, home=server.home)
    # Those who work in the field see pages of their own; to the others a page is what it is to the organiser.
    besides = () if login in LOGINS[:3] else LOGINS[:1]
    assert walk(visit(login), server, login, [broken, english, too_wide], besides=besides) == []


@PEOPLE
def test_no_page_has_a_serious_fault_in_english(visit: Visit, server: Served, login: str) -> None:
    chinese = partial(chinese_left, home=server.home)
    besides = LOGINS[: LOGINS.index(login)]  # the words of a page are the same for everybody
    assert walk(visit(login, language="en"), server, login, [broken, chinese, too_wide], besides=besides) == []


def test_the_sign_in_page_is_open_to_everybody(visit: Visit, server: Served) -> None:
    page = visit(None)
    page.goto("/sign-in")
    assert broken(page) + english_left(page, server.home) + too_wide(page) == []


@pytest.mark.parametrize("size", [PHONE, TABLET], ids=["phone", "tablet"])
@pytest.mark.parametrize("address", ["/leads", "/contests/1", "/log", "/today"])
def test_a_wide_table_keeps_the_name_of_its_rows_in_sight(visit: Visit, address: str, size: dict) -> None:
    page = visit("organiser", size=size)
    page.goto(address)
    frames = page.evaluate("""() => [...document.querySelectorAll('.wt-table-wrap')]
      .filter(frame => frame.scrollWidth > frame.clientWidth + 40 && frame.querySelector('tbody th[scope=row]'))
      .map(frame => {
        frame.scrollLeft = frame.scrollWidth;
        const name = frame.querySelector('tbody th[scope=row]').getBoundingClientRect(), edge = frame.getBoundingClientRect();
        return Math.round(name.left - edge.left);
      })""")
    assert all(0 <= left <= 2 for left in frames), frames
    assert frames or address != "/leads" or size is PHONE  # there the rows are cards
