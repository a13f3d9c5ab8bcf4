"""A customer at a stall: scans, reads, fills in, withdraws; and the poster that was scanned, on paper."""

import re
import secrets
import sqlite3
from contextlib import closing

import pytest
import segno
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Visit
from tests.browser.serving import Served
from tests.browser.test_every_page import broken

WORDS = {
    "zh": ("称呼", "手机", "行业", "餐饮", "我同意银行为答复本次咨询保存以上信息", "提交", "谢谢", "撤回我的同意", "立即撤回", "已于"),
    "en": (
        "Form of address", "Mobile", "Trade", "Catering", "I agree that the bank keeps these facts", "Send", "Thank you",
        "Withdraw my consent", "Withdraw now", "is withdrawn since",
    ),
}  # fmt: skip


def code_of(server: Served, where: str) -> tuple[int, str]:
    """Id and token of a code of the demo's sprint."""
    with closing(sqlite3.connect(server.home / "demo" / "crm.db")) as base:
        return base.execute(f"SELECT id, token FROM poster_code WHERE {where} ORDER BY id").fetchone()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_customer_asks_and_withdraws_without_an_account(visit: Visit, server: Served, language: str) -> None:
    name, phone, trade, choice, consent, send, thanks, withdraw, now, done = WORDS[language]
    page = visit(None, size=PHONE)
    page.goto(f"/q/{code_of(server, 'member_id IS NULL')[1]}?lang={language}")
    began = page.evaluate("performance.now()")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]
    assert page.locator("input:checked").count() == 0
    page.get_by_label(name).fill("浏览器顾客")
    page.get_by_label(phone).fill(f"139{secrets.randbelow(10**8):08d}")
    page.get_by_label(trade).select_option(label=choice)
    page.get_by_label(re.compile(consent)).check()
    assert fine(page) == []
    page.wait_for_function("began => performance.now() - began > 3200", arg=began)
    page.get_by_role("button", name=send).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(thanks)
    assert page.context.cookies() == []
    assert fine(page) == []
    page.get_by_role("link", name=withdraw).click()
    page.get_by_role("button", name=now).click()
    expect(page.locator(".wt-note[role=status]")).to_contain_text(done)
    assert "浏览器顾客" not in page.content()


def fine(page: Page) -> list[str]:
    """What axe says, and what a thumb would miss."""
    small = page.evaluate("""() => [...document.querySelectorAll('main a.btn, main button, main input[type=text], main select')]
      .filter(at => at.checkVisibility() && !at.closest('[aria-hidden]') && at.getBoundingClientRect().height < 43.5)
      .map(at => at.outerHTML.slice(0, 80))""")
    return [*broken(page), *small]


def test_the_poster_is_one_sheet_of_paper_with_the_code_of_its_address(visit: Visit, server: Served) -> None:
    code_id, token = code_of(server, "session_id IS NOT NULL")
    page = visit("organiser")
    page.goto(f"/enquiries/codes/{code_id}")
    address = f"{server.url}/q/{token}"
    expect(page.locator(".eq-poster-url")).to_have_text(address)
    drawn = page.locator("svg.eq-code path[stroke]").get_attribute("d")
    wanted = segno.make(address, error="q", micro=False, boost_error=False).svg_inline(border=4, omitsize=True)
    assert f'd="{drawn}"' in wanted
    paper = page.pdf(format="A4", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1
