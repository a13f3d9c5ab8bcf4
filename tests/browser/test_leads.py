"""A lead from the stall to the accepted case; two teams on one customer; and what happens when sending goes wrong."""

import re
import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE, Visit
from tests.browser.serving import Served

SIZES = pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])


def new_number() -> str:
    """A mobile number that nobody in the bank has."""
    return f"139{secrets.randbelow(10**8):08d}"


def fill_lead(page: Page, *, name: str, phone: str, consult: bool = True) -> None:
    """The four required fields, as they are typed at the stall."""
    page.goto("/leads/new")
    page.get_by_label("称呼").fill(name)
    page.get_by_label("手机").fill(phone)
    page.get_by_label("行业").select_option(label="餐饮")
    page.get_by_label("同意为答复本次咨询而保存以上信息").check()
    if consult:
        page.get_by_label("到达阶段").select_option(label="咨询")


def register(page: Page) -> None:
    page.get_by_role("button", name="登记").click()


def found(page: Page, name: str) -> int:
    """How many leads the list finds under a name."""
    page.goto(f"/leads?q={name}")
    return page.locator("tbody th a", has_text=re.compile(".")).count()


@SIZES
@pytest.mark.parametrize("login", ["lead1", "m101"])
def test_a_lead_goes_through_its_stages(visit: Visit, login: str, size: dict) -> None:
    page = visit(login, size=size)
    fill_lead(page, name="浏览器店主", phone=new_number())
    register(page)
    expect(page).to_have_url(re.compile(r"/leads/\d+$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("浏览器店主")
    record(page, "申请")
    case = f"QJ-{secrets.token_hex(4)}"
    record(page, "受理进件", case_number=case)
    stages = page.locator("section", has=page.get_by_role("heading", name="阶段", exact=True))
    expect(stages.get_by_text("未到达")).to_have_count(2)
    story = page.locator(".wt-timeline").inner_text()
    assert case in story, story
    for words in ("咨询", "申请", "受理进件"):
        assert words in story, story


def record(page: Page, stage: str, *, case_number: str | None = None) -> None:
    """Presses the button beside a stage and answers its dialog."""
    page.locator(".wt-steps li", has_text=stage).get_by_role("button", name="记录").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    if case_number:
        dialog.get_by_label("进件编号").fill(case_number)
    dialog.get_by_role("button", name="记录").click()
    expect(dialog).to_have_count(0)


@SIZES
def test_another_team_s_customer_is_named_by_day_only(visit: Visit, size: dict) -> None:
    number = new_number()
    first = visit("m101", size=size)
    fill_lead(first, name="撞单甲", phone=number)
    register(first)
    expect(first).to_have_url(re.compile(r"/leads/\d+$"))
    second = visit("lead2", size=size)
    second.watch.allow("status 409: POST /leads/new")
    fill_lead(second, name="撞单乙", phone=f"+86 {number[:3]} {number[3:7]} {number[7:]}")
    register(second)
    expect(second.locator("main")).to_contain_text(re.compile(r"其他小组.*\d{4}-\d\d-\d\d|\d{4}-\d\d-\d\d.*其他小组"))
    words = second.locator("main").inner_text()
    assert "撞单甲" not in words
    assert "飞虎队" not in words
    assert number[-4:] not in words


def test_what_is_missing_is_said_and_what_was_typed_is_kept(visit: Visit) -> None:
    page = visit("m101")
    page.watch.allow("status 422: POST /leads/new")
    fill_lead(page, name="少一位", phone="1391234")
    register(page)
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("称呼")).to_have_value("少一位")
    expect(page.get_by_label("手机")).to_have_value("1391234")
    expect(page.get_by_label("同意为答复本次咨询而保存以上信息")).to_be_checked()


def test_two_clicks_make_one_lead(visit: Visit) -> None:
    page = visit("lead1")
    name = f"双击{secrets.token_hex(3)}"
    fill_lead(page, name=name, phone=new_number())
    page.get_by_role("button", name="登记").dblclick(no_wait_after=True)
    expect(page).to_have_url(re.compile(r"/leads/\d+$"))
    assert found(page, name) == 1


def test_the_same_form_sent_from_two_windows_makes_one_lead(visit: Visit, server: Served) -> None:
    page = visit("lead1")
    name = f"重发{secrets.token_hex(3)}"
    fill_lead(page, name=name, phone=new_number())
    form = page.locator("form", has=page.get_by_label("称呼"))
    fields = form.evaluate("form => Object.fromEntries(new FormData(form))")
    for _ in range(2):
        answer = page.request.post("/leads/new", form=fields, headers={"Referer": f"{server.url}/leads/new"})
        assert answer.ok, answer.status
    assert found(page, name) == 1


def test_an_expired_token_costs_nothing_that_was_typed(visit: Visit) -> None:
    page = visit("lead1")
    page.watch.allow("status 400: POST /leads/new")
    name = f"久等{secrets.token_hex(3)}"
    fill_lead(page, name=name, phone=new_number())
    page.wait_for_function("name => Object.values(sessionStorage).some(kept => kept.includes(name))", arg=name)
    page.locator("form:has(#phone) input[name=csrf_token]").evaluate("field => { field.value = 'of yesterday'; }")
    register(page)
    expect(page.locator("body[data-error]")).to_have_count(1)
    page.get_by_role("button", name="返回").click()
    expect(page.get_by_label("称呼")).to_have_value(name)
    expect(page.get_by_label("同意为答复本次咨询而保存以上信息")).to_be_checked()
    page.reload()
    expect(page.get_by_label("称呼")).to_have_value(name)
    register(page)
    expect(page).to_have_url(re.compile(r"/leads/\d+$"))
    assert found(page, name) == 1


def test_a_page_that_stood_open_takes_a_new_token_before_it_sends(visit: Visit) -> None:
    page = visit("lead1")
    page.clock.install()
    name = f"午休{secrets.token_hex(3)}"
    fill_lead(page, name=name, phone=new_number())
    page.locator("form:has(#phone) input[name=csrf_token]").evaluate("field => { field.value = 'of this morning'; }")
    page.clock.fast_forward("02:00:00")
    register(page)
    expect(page).to_have_url(re.compile(r"/leads/\d+$"))
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def test_without_a_network_the_page_says_so_and_sends_later(visit: Visit) -> None:
    page = visit("lead1")
    page.watch.allow("ERR_INTERNET_DISCONNECTED", "Failed to fetch")
    name = f"断网{secrets.token_hex(3)}"
    fill_lead(page, name=name, phone=new_number())
    page.context.set_offline(True)
    register(page)
    expect(page.locator("#wt-toasts")).to_contain_text("网络")
    expect(page.get_by_label("称呼")).to_have_value(name)
    page.context.set_offline(False)
    register(page)
    expect(page).to_have_url(re.compile(r"/leads/\d+$"))
    assert found(page, name) == 1


@pytest.mark.parametrize("language", ["zh", "en"])
def test_on_a_phone_the_list_reads_as_cards_with_the_name_first(visit: Visit, language: str) -> None:
    page = visit("organiser", size=PHONE, language=language)
    page.goto("/leads")
    row, width = page.locator("tbody tr").first, PHONE["width"]
    name, tick = row.locator("th"), row.locator("input[type=checkbox]")
    place, box = name.bounding_box(), tick.bounding_box()
    assert place is not None
    assert box is not None
    assert place["width"] > width * 0.7, place
    assert place["x"] + place["width"] / 2 < box["x"], (place, box)
    assert place["y"] <= min(cell.bounding_box()["y"] for cell in row.locator("td:not(.wt-tick):visible").all())
    frame = page.locator(".wt-table-wrap")
    assert frame.evaluate("one => one.scrollWidth <= one.clientWidth")
    tick.check()
    expect(page.locator("[data-check-bar]")).to_be_visible()
    expect(page.get_by_role("link", name="跟进" if language == "zh" else "Follow-up", exact=True)).to_be_visible()
