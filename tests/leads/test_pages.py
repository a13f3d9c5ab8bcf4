"""Pages of leads: who may open them, what they show of phones and names, and what a refusal leaves behind."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from crm.campaigns.models import Campaign
from crm.campaigns.plan_commands import add_session, cancel_session
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.models import Clash, Consent, Lead, LeadEvent, PhoneReveal
from crm.leads.rules import Stage
from tests import make
from tests.moments import DAY_2, NOON

PHONE = "13800138000"


@pytest.fixture
def lead(cast, actor):
    """A lead of Bob's in the Red team."""
    with unit_of_work():
        return make.lead(
            actor("bob"),
            campaign_id=cast.campaigns["roadshow"],
            team_id=cast.teams["red"],
            phone=PHONE,
            shop="张记面馆",
        ).lead_id


def filled(cast, who="bob", **changes):
    """A new lead's form as a browser sends it."""
    values = {
        "name": "王五", "phone": "139 0000 1111", "trade": "catering", "enquiry": "y", "how": "spoken_sms",
        "campaign_id": cast.campaigns["roadshow"], "session_id": "", "district_id": "", "owner": cast.users[who],
        "stage": "consult", "client_uid": "5c9e0d0e-0000-4000-8000-000000000001",
    }  # fmt: skip
    return {key: value for key, value in (values | changes).items() if value is not None}


@pytest.mark.parametrize(
    "path",
    [
        "/leads",
        "/leads/new",
        "/leads/follow-ups",
        "/leads?q=zs&sort=-name&page=1&district=99",
        "/leads?campaign=abc&from=x",
    ],
)
def test_the_desk_opens_its_pages(client_of, lead, path):
    assert client_of("alice").get(path).status_code == 200


def test_an_address_past_the_end_of_the_list_leads_to_its_last_page(client_of, lead):
    alice = client_of("alice")
    assert alice.get("/leads?sort=name&page=7").location == "/leads?sort=name"
    assert alice.get("/leads?q=nobody&page=7").location == "/leads?q=nobody"
    assert "还没有线索" not in alice.get("/leads?page=7", follow_redirects=True).text
    olga = client_of("olga")
    for path in ("/campaigns", "/districts", "/clashes"):
        assert olga.get(f"{path}?page=7").location == path


def plain(page):
    """A page without its token and numbers, which differ each time."""
    return re.sub(r"\d+", "", re.sub(r'content="[^"]*"|name="csrf_token" value="[^"]*"', "", page))


@pytest.mark.parametrize("page", ["", "/edit", "/merge"])
def test_another_teams_lead_answers_like_a_missing_one(client_of, lead, page):
    hidden, missing = client_of("charlie").get(f"/leads/{lead}{page}"), client_of("charlie").get(f"/leads/999999{page}")
    assert hidden.status_code == missing.status_code == 404
    assert plain(hidden.text) == plain(missing.text)


ACTS = (
    "stage",
    "void",
    "intent",
    "follow-up",
    "note",
    "assign",
    "exit",
    "reopen",
    "no-contact",
    "withdraw",
    "reveal",
    "merge",
    "merge/undo",
    "edit",
)


@pytest.mark.parametrize("act", ACTS)
def test_nothing_can_be_done_to_another_teams_lead(client_of, lead, act):
    before = db.session.scalar(select(Lead.version).where(Lead.id == lead))
    for lead_id in (lead, 999_999):
        assert (
            client_of("charlie")
            .post(f"/leads/{lead_id}/{act}", data={"reason": "check", "text": "x", "stage": "consult"})
            .status_code
            == 404
        )
    assert db.session.scalar(select(Lead.version).where(Lead.id == lead)) == before
    assert client_of("charlie").post(f"/leads/{2**63}/{act}").status_code in (404, 405)


@pytest.mark.parametrize("name", ["audrey", "adam", "tim"])
def test_auditors_administrators_and_hired_trainers_see_no_customers(client_of, lead, name):
    for path in ("/leads", f"/leads/{lead}", "/leads/follow-ups", "/clashes", "/leads/new"):
        assert client_of(name).get(path).status_code == 403


def test_only_organisers_open_the_clashes(client_of):
    assert [client_of(name).get("/clashes").status_code for name in ("alice", "bob", "mona", "olga")] == [
        403,
        403,
        403,
        200,
    ]


@pytest.mark.parametrize("name", ["alice", "bob", "mona", "olga"])
def test_no_page_shows_a_full_phone(client_of, lead, name):
    for path in (
        "/leads",
        "/leads?q=8000",
        f"/leads/{lead}",
        "/leads/follow-ups",
        f"/leads/{lead}/edit",
        f"/leads/{lead}/merge",
    ):
        text = client_of(name).get(path).text
        assert PHONE not in text
        assert "138 0013 8000" not in text


def test_managers_read_masked_names(client_of, lead):
    text = client_of("mona").get(f"/leads/{lead}").text + client_of("mona").get("/leads").text
    assert "张三" not in text
    assert "张*" in text


def test_a_new_lead_is_registered_with_its_consent(client_of, cast):
    answer = client_of("bob").post("/leads/new", data=filled(cast, marketing=["sms"]))
    assert answer.status_code == 302
    lead = db.session.scalar(select(Lead))
    consent = db.session.scalar(select(Consent))
    assert (lead.name, lead.owner_id, lead.stage) == ("王五", cast.users["bob"], "consult")
    assert (consent.enquiry, consent.marketing, consent.financial) == (True, ["sms"], False)


def test_no_box_is_ticked_beforehand(client_of):
    text = client_of("bob").get("/leads/new").text
    assert "checked" not in text
    assert "本次的贷款咨询" in text


def test_a_form_says_why_a_box_is_needed(client_of, cast):
    data = filled(cast)
    del data["enquiry"]
    answer = client_of("bob").post("/leads/new", data=data)
    assert answer.status_code == 422
    assert answer.text.count("没有这项同意，不得保存任何信息。") == 2  # in the summary and at the box


def test_a_double_submit_makes_one_lead(client_of, cast):
    client = client_of("bob")
    first, second = (client.post("/leads/new", data=filled(cast)) for _ in range(2))
    assert first.location == second.location
    assert client.post("/leads/new", data=filled(cast, name="赵六")).status_code == 409
    assert len(list(db.session.scalars(select(Lead.id)))) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"enquiry": None}, "同意"),
        ({"phone": "12345"}, "手机号"),
        ({"name": "长" * 300}, "80"),
        ({"trade": "piracy"}, None),
        ({"campaign_id": 2**63}, None),
        ({"owner": "1"}, None),
        ({"amount_wan": "1e400"}, None),
        ({"stage": "accepted", "case_number": ""}, "进件编号"),
        ({"turnover": "under_50"}, "财务"),
        ({"happened": "2031-01-01T10:00"}, "时间不能晚于现在"),
    ],
)
def test_a_refused_form_keeps_what_was_typed_and_changes_nothing(client_of, cast, changes, said):
    answer = client_of("bob").post("/leads/new", data=filled(cast, **changes))
    assert answer.status_code == 422
    assert "139 0000 1111" in answer.text or "phone" in changes
    assert said is None or said in answer.text
    assert db.session.scalar(select(Lead.id)) is None


def test_who_records_for_others_says_for_whom(client_of, cast):
    """The first officer of the list gets no credit by oversight."""
    olga = client_of("olga")
    assert re.search(r'<select[^>]*name="owner"[^>]*><option value="">', olga.get("/leads/new").text)
    answer = olga.post("/leads/new", data=filled(cast, owner=""))
    assert (answer.status_code, "请选择业绩归属的客户经理" in answer.text) == (422, True)
    assert olga.post("/leads/new", data=filled(cast)).status_code == 302


def test_a_refused_stage_opens_its_dialog_again_as_it_was_typed(client_of, lead):
    typed = {"stage": "accepted", "case_number": "QJ-7", "happened": "2020-01-01T10:00"}
    page = client_of("bob").post(f"/leads/{lead}/stage", data=typed).text
    dialog = page[page.index('id="stage-accepted"') :].partition("</dialog>")[0]
    assert all(word in dialog for word in ("data-open", "QJ-7", "2020-01-01T10:00", "活动首日"))
    assert page.count("data-open") == 1


IDENTITY = "110105 19491231 002X"


@pytest.mark.parametrize("field", ["name", "shop", "address", "licence_number", "note", "purpose"])
def test_no_id_number_is_kept_in_any_field(client_of, cast, lead, field):
    client = client_of("bob")
    answer = client.post("/leads/new", data=filled(cast, **{field: IDENTITY.replace(" ", "")}))
    assert (answer.status_code, "身份证号" in answer.text) == (422, True)
    card = {"version": "1", "name": "张三", "trade": "catering", field: IDENTITY.replace(" ", "")}
    assert client.post(f"/leads/{lead}/edit", data=card).status_code == 422
    for act, data in (
        ("note", {"text": IDENTITY}),
        ("follow-up", {"text": IDENTITY}),
        ("exit", {"code": "gave_up", "reason": IDENTITY}),
    ):
        assert client.post(f"/leads/{lead}/{act}", data=data).status_code == 422
    assert len(list(db.session.scalars(select(Lead.id)))) == 1


def test_an_amount_is_shown_as_it_was_typed(client_of, cast):
    client = client_of("bob")
    for typed, shown in (("12.55", "12.55"), ("40", "40.0"), ("1200.5", "1,200.5")):
        made = client.post(
            "/leads/new", data=filled(cast, phone=make.phone(), amount_wan=typed, client_uid=f"amount {typed}")
        )
        assert f'<span class="wt-n">{shown}<small>' in client.get(made.location).text


def test_at_a_stall_the_session_under_way_is_chosen(client_of, actor, cast):
    with unit_of_work():
        stall = add_session(
            actor("olga"),
            cast.campaigns["roadshow"],
            name="早市摊位",
            starts_at=NOON - timedelta(hours=1),
            ends_at=NOON + timedelta(hours=1),
        ).id
    assert f'<option selected value="{stall}">' in client_of("bob").get("/leads/new").text
    with unit_of_work():
        cancel_session(actor("olga"), stall)
    assert "早市摊位" not in client_of("bob").get("/leads/new").text


def test_the_own_teams_customer_is_answered_with_a_link(client_of, cast, lead):
    answer = client_of("alice").post("/leads/new", data=filled(cast, "alice", phone="+86-13800138000"))
    assert answer.status_code == 422
    assert f"/leads/{lead}" in answer.text


def test_another_teams_customer_is_answered_with_the_day_alone(client_of, cast, lead):
    answer = client_of("dora").post("/leads/new", data=filled(cast, "dora", phone="１３８００１３８０００"))
    assert answer.status_code == 409
    assert "2026-11-17" in answer.text
    assert not {"张三", "张记面馆", "红队", "鲍勃", f"/leads/{lead}"} & {
        word for word in ("张三", "张记面馆", "红队", "鲍勃", f"/leads/{lead}") if word in answer.text
    }
    assert len(list(db.session.scalars(select(Clash.id)))) == 1
    referee = client_of("olga").get("/clashes").text
    assert "张三" in referee
    assert "王五" in referee
    assert referee.count("138****8000") == 2  # both sides in one spelling, whatever was typed


MARKUP = "<script>alert(1)</script>"


def test_markup_in_every_text_field_is_shown_as_text(client_of, cast):
    typed = dict.fromkeys(("name", "shop", "address", "note", "lender", "purpose", "term", "call_time"), MARKUP)
    answer = client_of("bob").post("/leads/new", data=filled(cast, **typed, financial="y", case_number=MARKUP))
    lead_id = int(answer.location.rpartition("/")[2])
    client = client_of("alice")
    client.post(f"/leads/{lead_id}/note", data={"text": MARKUP})
    client.post(f"/leads/{lead_id}/exit", data={"code": "gave_up", "reason": MARKUP})
    for path in (
        f"/leads/{lead_id}",
        "/leads",
        f"/leads/{lead_id}/edit",
        f"/leads/{lead_id}/merge",
        f"/leads?q={MARKUP}",
    ):
        assert MARKUP not in client.get(path).text


def test_a_stale_card_is_refused_and_nothing_overwritten(client_of, lead):
    client = client_of("alice")
    card = {"name": "张三丰", "trade": "catering", "version": "1"}
    assert client.post(f"/leads/{lead}/edit", data=card).status_code == 302
    again = client.post(f"/leads/{lead}/edit", data=card | {"name": "李四"})
    assert again.status_code == 409
    assert "李四" in again.text
    assert db.session.scalar(select(Lead.name)) == "张三丰"


def test_a_lead_goes_through_its_stages_on_its_page(client_of, cast, lead):
    client = client_of("alice")
    assert client.post(f"/leads/{lead}/stage", data={"stage": "accepted"}).status_code == 422
    assert client.post(f"/leads/{lead}/stage", data={"stage": "accepted", "case_number": "A-7"}).status_code == 302
    assert client.post(f"/leads/{lead}/stage", data={"stage": "accepted", "case_number": "A-7"}).status_code == 409
    page = client.get(f"/leads/{lead}").text
    assert "A-7" in page
    entry = re.search(r'name="entry_id" value="(\d+)"', page).group(1)
    assert client.post(f"/leads/{lead}/void", data={"entry_id": entry, "reason": ""}).status_code == 422
    assert client.post(f"/leads/{lead}/void", data={"entry_id": entry, "reason": "录错"}).status_code == 302
    assert "录错" in client.get(f"/leads/{lead}").text
    assert client_of("bob").post(f"/leads/{lead}/void", data={"entry_id": entry, "reason": "x"}).status_code == 403


def test_the_full_phone_is_shown_once_with_a_reason(client_of, lead):
    answer = client_of("bob").post(f"/leads/{lead}/reveal", data={"reason": "follow_up"})
    assert "138 0013 8000" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert client_of("bob").post(f"/leads/{lead}/reveal", data={"reason": "curious"}).status_code == 422
    assert len(list(db.session.scalars(select(PhoneReveal.id)))) == 1


def test_notes_follow_ups_intent_and_exit_are_kept_on_the_page(client_of, lead):
    client = client_of("bob")
    day = (DAY_2 + timedelta(days=2)).isoformat()
    for act, data in (
        ("note", {"text": "老板周三在店"}),
        ("intent", {"intent": "A"}),
        ("follow-up", {"on": day, "text": "已致电"}),
        ("exit", {"code": "gave_up", "reason": "暂不需要"}),
        ("reopen", {"reason": "又来了"}),
    ):
        assert client.post(f"/leads/{lead}/{act}", data=data).status_code == 302, act
    page = client.get(f"/leads/{lead}").text
    assert all(word in page for word in ("老板周三在店", "已致电", "暂不需要", "又来了", day))
    assert client.post(f"/leads/{lead}/note", data={"text": " "}).status_code == 422
    assert client.post(f"/leads/{lead}/follow-up", data={"on": "2020-01-01", "text": "写了很多"}).status_code == 422
    assert {event.kind for event in db.session.scalars(select(LeadEvent))} >= {
        "created",
        "note",
        "follow_up",
        "exit",
        "reopened",
    }


def test_a_list_page_asks_the_database_a_fixed_number_of_questions(client_of, cast, actor, queries):
    client = client_of("alice")

    def asked(path):
        client.get(path)
        with queries() as seen:
            assert client.get(path).status_code == 200
        return seen.count

    few = {path: asked(path) for path in ("/leads", "/leads/follow-ups")}
    with unit_of_work():
        for _ in range(60):
            make.lead(
                actor("bob"),
                campaign_id=cast.campaigns["roadshow"],
                team_id=cast.teams["red"],
                intent="A",
                stage=Stage.APPLICATION,
            )
    assert {path: asked(path) for path in few} == few
    assert max(few.values()) <= 20


def test_ticked_leads_are_assigned_together_or_not_at_all(client_of, cast, actor, lead):
    with unit_of_work():
        other = make.lead(actor("alice"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"]).lead_id
        foreign = make.lead(actor("dora"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["blue"]).lead_id
    client = client_of("alice")
    answer = client.post(
        "/leads/assign", data={"ids": [lead, other], "to": cast.users["alice"], "query": "stage=consult"}
    )
    assert answer.location == "/leads?stage=consult"
    assert set(db.session.scalars(select(Lead.owner_id).where(Lead.team_id == cast.teams["red"]))) == {
        cast.users["alice"]
    }
    assert client.post("/leads/assign", data={"ids": [lead, foreign], "to": cast.users["bob"]}).status_code == 404
    assert client_of("bob").post("/leads/assign", data={"ids": [lead], "to": cast.users["bob"]}).status_code == 403
    assert set(db.session.scalars(select(Lead.owner_id).where(Lead.team_id == cast.teams["red"]))) == {
        cast.users["alice"]
    }


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_are_made_in_both_languages(client_of, lead, language):
    client = client_of("olga")
    client.set_cookie("crm_lang", language)
    for path in ("/leads", f"/leads/{lead}", "/leads/new", "/leads/follow-ups", "/clashes"):
        assert client.get(path).status_code == 200


def test_a_changed_card_that_is_sent_twice_is_one_claim(client_of, cast, actor, lead):
    with unit_of_work():
        make.lead(
            actor("dora"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["blue"], phone="13722223333"
        )
    form = {"name": "张三", "phone": "13722223333", "trade": "catering", "version": "1"}
    assert [client_of("bob").post(f"/leads/{lead}/edit", data=form).status_code for _ in range(2)] == [409, 409]
    assert len(list(db.session.scalars(select(Clash.id)))) == 1


def test_the_holders_team_reads_that_another_team_claims_the_customer_not_who(client_of, cast, actor, lead):
    with unit_of_work():
        make.lead(actor("dora"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["blue"], phone=PHONE)
    page = client_of("bob").get(f"/leads/{lead}").text
    assert "另一小组" in page
    assert "朵拉" not in page


def test_a_filter_names_no_campaign_that_is_hidden(client_of, cast, app):
    with unit_of_work():
        hidden = Campaign(
            code="SECRET", name="保密活动", model="salon", status="running", starts_on=DAY_2, ends_on=DAY_2,
            valid_outcomes=["consulted"], valid_rule="", created_at=NOON,
        )  # fmt: skip
        db.session.add(hidden)
        db.session.flush()
        hidden_id = hidden.id
    assert "保密活动" not in client_of("bob").get(f"/leads?campaign={hidden_id}").text
    assert "东大街路演" in client_of("bob").get(f"/leads?campaign={cast.campaigns['roadshow']}").text
