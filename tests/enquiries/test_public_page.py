"""The page behind a code: what it asks, what it answers, and that it tells nobody what the base knows."""

import re
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from crm.campaigns.models import Campaign
from crm.campaigns.plan_commands import add_session
from crm.enquiries import commands, taking
from crm.enquiries.models import Enquiry, PosterCode
from crm.enquiries.rules import LIMITS
from crm.enquiries.stamps import new_stamp
from crm.kernel.audit import AuditEntry
from crm.kernel.clock import now
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.contact import do_not_contact
from crm.leads.models import Clash, Consent, DoNotContact, Lead, LeadEvent, NoticeVersion
from crm.leads.rules import Stage
from crm.people.inbox import unread
from tests import make
from tests.enquiries.scanning import code, enquiries, filled, newest, opened, send
from tests.moments import DAY_2, DAY_6, NOON

KNOWN = "13900001111"


def lead_of(enquiry: Enquiry) -> Lead:
    return db.session.get_one(Lead, enquiry.lead_id)


def events(lead_id: int) -> list[str]:
    return list(db.session.scalars(select(LeadEvent.kind).where(LeadEvent.lead_id == lead_id).order_by(LeadEvent.id)))


def known_lead(actor, cast, who="dora", team="blue", **card) -> int:
    with unit_of_work():
        return make.lead(
            actor(who), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams[team], phone=KNOWN, **card
        ).lead_id


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_shows_the_notice_and_four_fields_and_no_box_is_ticked(nobody, actor, cast, language):
    page = nobody.get(f"/q/{code(actor, cast).token}?lang={language}")
    assert page.status_code == 200
    notice = db.session.scalars(select(NoticeVersion)).one()
    assert all(line in page.text for line in notice.body.splitlines())
    assert ("第 1 版" if language == "zh" else "version 1") in page.text
    assert len(re.findall(r'type="checkbox"', page.text)) == 4
    assert "checked" not in page.text
    assert set(re.findall(r'name="(\w+)"', page.text)) >= {"name", "phone", "trade", "enquiry", "need"}
    assert "financial" not in page.text


def test_the_page_sets_no_cookie_runs_no_script_and_asks_no_third_party(nobody, actor, cast, clock):
    token = code(actor, cast).token
    page = nobody.get(f"/q/{token}")
    sent = send(nobody, token, clock)
    receipt = nobody.get(sent.location)
    for answer in (page, sent, receipt, nobody.get(sent.location.replace("?", "/withdraw?"))):
        assert "Set-Cookie" not in answer.headers
        assert "<script" not in answer.text
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', answer.text)


def test_an_enquiry_becomes_a_lead_of_the_campaign_session_and_member(nobody, actor, cast, clock):
    with unit_of_work():
        session = add_session(
            actor("olga"), cast.campaigns["roadshow"], name="摆摊", starts_at=NOON, ends_at=NOON + timedelta(hours=2)
        ).id
    answer = send(nobody, code(actor, cast, member="bob", session=session).token, clock, need="now", sms_ads="y")
    assert answer.status_code == 303
    enquiry = newest()
    lead = lead_of(enquiry)
    assert (lead.campaign_id, lead.session_id) == (cast.campaigns["roadshow"], session)
    assert (lead.owner_id, lead.team_id, lead.district_id) == (
        cast.users["bob"], cast.teams["red"], cast.districts["market"],
    )  # fmt: skip
    assert (lead.source, lead.stage, lead.need, lead.created_by_id) == ("qr", "", "now", None)
    consent = db.session.scalars(select(Consent).where(Consent.lead_id == lead.id)).one()
    assert (consent.how, consent.taken_by_id, consent.enquiry, consent.marketing, consent.financial) == (
        "qr", None, True, ["sms"], False,
    )  # fmt: skip
    assert consent.notice_id == db.session.scalars(select(NoticeVersion.id)).one()
    assert events(lead.id) == ["created", "enquiry"]


def test_a_campaign_s_code_gives_a_lead_to_nobody_and_an_organiser_hands_it_over(nobody, actor, cast, clock, client_of):
    send(nobody, code(actor, cast).token, clock)
    lead = lead_of(newest())
    assert (lead.owner_id, lead.team_id) == (None, None)
    assert client_of("alice").get(f"/leads/{lead.id}").status_code == 404
    olga = client_of("olga")
    assert olga.get(f"/leads/{lead.id}").status_code == 200
    assert olga.post(f"/leads/{lead.id}/assign", data={"to": cast.users["dora"]}).status_code == 302
    db.session.rollback()
    lead = lead_of(newest())
    assert (lead.owner_id, lead.team_id, lead.district_id) == (
        cast.users["dora"], cast.teams["blue"], cast.districts["village"],
    )  # fmt: skip
    assert client_of("dora").get(f"/leads/{lead.id}").status_code == 200


def test_a_member_who_left_the_team_owns_nothing_more(nobody, actor, cast, clock):
    from crm.kernel.actor import SYSTEM
    from crm.people.commands import leave_team

    token = code(actor, cast, member="bob").token
    with unit_of_work():
        leave_team(SYSTEM, user_id=cast.users["bob"], on=DAY_2)
    send(nobody, token, clock)
    assert (lead_of(newest()).owner_id, lead_of(newest()).team_id) == (None, None)


def test_the_session_that_is_held_at_the_moment_is_noted(nobody, actor, cast, clock):
    with unit_of_work():
        session = add_session(
            actor("olga"), cast.campaigns["roadshow"], name="摆摊", starts_at=NOON, ends_at=NOON + timedelta(hours=2)
        ).id
    send(nobody, code(actor, cast, member="bob").token, clock)
    assert lead_of(newest()).session_id == session


def test_known_and_unknown_phones_get_the_same_bytes(nobody, actor, cast, clock):
    own, other, silent, old = "13900001112", KNOWN, "13900001113", "13900001114"
    place = {"campaign_id": cast.campaigns["roadshow"], "team_id": cast.teams["red"]}
    known_lead(actor, cast)
    with unit_of_work():
        make.lead(actor("bob"), **place, phone=own)
        marked = make.lead(actor("bob"), **place, phone=silent).lead_id
        do_not_contact(actor("bob"), marked, reason="不要打", at=NOON)
        made = make.lead(actor("bob"), **place, phone=old).lead_id
        db.session.get_one(Lead, made).historical = True
    token = code(actor, cast, member="bob").token
    told = set()
    for phone in (make.phone(), own, other, silent, old):
        hidden = opened(nobody, token)
        clock.move_to(now() + timedelta(seconds=20))
        sent = nobody.post(f"/q/{token}", data={**hidden, **filled(phone=phone)})
        mine = newest()
        pages = [sent, nobody.get(sent.location), nobody.get(f"/e/{mine.token}/withdraw")]
        receipt = re.search(r'eq-receipt">(\w+)<', pages[1].text)[1]
        words = [answer.text.replace(mine.token, "TOKEN").replace(receipt, "RECEIPT") for answer in pages]
        words = [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "MOMENT", one) for one in words]
        headers = [[(k, v) for k, v in a.headers if k not in ("Content-Length", "Location")] for a in pages]
        told.add(repr((words, headers, [a.status_code for a in pages], [len(a.data) for a in pages])))
    assert len(told) == 1
    assert [one.outcome for one in enquiries()] == ["new", "again", "clash", "again", "again"]


def test_known_and_unknown_phones_take_a_like_time(nobody, actor, cast, clock, monkeypatch):
    monkeypatch.setattr("crm.enquiries.taking.LIMITS", {})
    monkeypatch.setattr(taking, "_check_limits", lambda *_: None)
    known_lead(actor, cast)
    token = code(actor, cast).token

    def taken(phone: str) -> float:
        hidden = opened(nobody, token)
        clock.shift(timedelta(seconds=20))
        began = time.perf_counter_ns()
        assert nobody.post(f"/q/{token}", data={**hidden, **filled(phone=phone)}).status_code == 303
        return time.perf_counter_ns() - began

    taken(KNOWN)
    pairs = [(taken(KNOWN), taken(make.phone())) for _ in range(9)]
    known, unknown = (sorted(times)[4] for times in zip(*pairs, strict=True))
    assert 1 / 3 < known / unknown < 3, (known, unknown)


def test_a_known_customer_s_lead_keeps_its_owner_and_gets_a_line(nobody, actor, cast, clock):
    lead_id = known_lead(actor, cast)
    send(nobody, code(actor, cast).token, clock, phone=f"+86 {KNOWN}", wechat_ads="y")
    assert (newest().lead_id, newest().outcome) == (lead_id, "again")
    assert db.session.scalars(select(Clash)).all() == []
    lead = db.session.get_one(Lead, lead_id)
    assert (lead.owner_id, lead.team_id) == (cast.users["dora"], cast.teams["blue"])
    assert events(lead_id)[-1] == "asked_again"
    last = db.session.scalars(select(Consent).where(Consent.lead_id == lead_id).order_by(Consent.id.desc())).first()
    assert (last.how, last.marketing) == ("qr", ["wechat"])


def test_a_member_s_code_on_another_team_s_customer_opens_one_clash(nobody, actor, cast, clock, client_of):
    lead_id, token = known_lead(actor, cast), code(actor, cast, member="bob").token
    send(nobody, token, clock, phone=KNOWN, name="李老板")
    send(nobody, token, clock, phone=KNOWN, name="李老板")
    clash = db.session.scalars(select(Clash)).one()
    assert (clash.lead_id, clash.team_id, clash.claimed_by_id) == (lead_id, cast.teams["red"], cast.users["bob"])
    assert db.session.get_one(Lead, lead_id).owner_id == cast.users["dora"]
    assert "李老板" in client_of("olga").get("/clashes").text
    assert "鲍勃" not in client_of("dora").get(f"/leads/{lead_id}").text


def test_who_must_not_be_contacted_stays_so_and_the_organiser_reads_that_they_asked(
    nobody, actor, cast, clock, client_of
):
    lead_id = known_lead(actor, cast)
    with unit_of_work():
        do_not_contact(actor("dora"), lead_id, reason="不要打", at=NOON)
    send(nobody, code(actor, cast).token, clock, phone=KNOWN)
    db.session.rollback()
    lead = db.session.get_one(Lead, lead_id)
    assert lead.no_contact
    assert lead.follow_up_on is None
    assert "仍标记为勿联系" in client_of("olga").get(f"/leads/{lead_id}").text
    assert "勿联系" in client_of("olga").get("/enquiries").text


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("phone", "123"), ("phone", "010-62345678"), ("trade", ""), ("trade", "banking"), ("enquiry", ""),
     ("name", "张 11010519491231002X")],
)  # fmt: skip
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(nobody, actor, cast, clock, field, value):
    token = code(actor, cast).token
    hidden = opened(nobody, token)
    clock.shift(timedelta(seconds=20))
    sent = {**hidden, **filled(name="欧阳老板"), field: value}
    if not value:
        sent.pop(field)
    answer = nobody.post(f"/q/{token}", data=sent)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text or "wt-error" in answer.text
    kept = sent.get("name") if field != "name" else sent["phone"]
    assert kept in answer.text
    assert enquiries() == []
    assert nobody.post(f"/q/{token}", data={**hidden, **filled()}).status_code == 303  # the same form, put right


def test_a_consent_to_an_older_notice_is_none(nobody, actor, cast, clock):
    token = code(actor, cast).token
    hidden = opened(nobody, token)
    clock.shift(timedelta(seconds=20))
    with unit_of_work():
        db.session.add(NoticeVersion(number=2, body="新的告知内容", text_hash="2" * 64, created_at=NOON))
    for notice in (hidden["notice"], "", "f" * 64):
        answer = nobody.post(f"/q/{token}", data={**hidden, **filled(name="欧阳老板"), "notice": notice})
        assert answer.status_code == 422
        assert "新的告知内容" in answer.text
        assert "欧阳老板" in answer.text
        assert "checked" not in answer.text
        assert f'value="{"2" * 64}"' in answer.text
    assert enquiries() == []


@pytest.mark.parametrize("stamp", ["", "x", "other", "old"])
def test_a_form_without_its_own_stamp_is_not_taken(nobody, actor, cast, clock, stamp):
    mine = code(actor, cast)
    hidden = opened(nobody, mine.token)
    clock.shift(timedelta(seconds=20))
    if stamp == "other":
        stamp = new_stamp(code(actor, cast, member="bob").id, now() - timedelta(seconds=20))
    if stamp == "old":
        stamp = new_stamp(mine.id, now() - timedelta(hours=13))
    answer = nobody.post(f"/q/{mine.token}", data={**hidden, **filled(name="欧阳老板"), "stamp": stamp})
    assert answer.status_code == 422
    assert "欧阳老板" in answer.text
    assert enquiries() == []


def test_a_double_tap_is_one_enquiry_and_other_words_under_the_same_stamp_are_refused(nobody, actor, cast, clock):
    token = code(actor, cast).token
    sent = {**opened(nobody, token), **filled()}
    clock.shift(timedelta(seconds=20))
    first, second = (nobody.post(f"/q/{token}", data=sent) for _ in range(2))
    assert first.location == second.location
    assert nobody.post(f"/q/{token}", data={**sent, "name": "另一人"}).status_code == 409
    assert len(enquiries()) == 1


def test_many_at_once_are_one(app, nobody, actor, cast, clock):
    token = code(actor, cast).token
    sent = {**opened(nobody, token), **filled()}
    clock.shift(timedelta(seconds=20))
    answers: list[str] = []

    def tap() -> None:
        with app.app_context():
            answers.append(app.test_client().post(f"/q/{token}", data=sent).headers.get("Location", ""))

    threads = [threading.Thread(target=tap) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(set(answers)) == 1
    assert len(enquiries()) == 1
    assert db.session.scalar(select(db.func.count(Lead.id))) == 1


def test_an_unknown_code_is_not_found_and_an_ended_one_says_so(nobody, actor, cast, clock):
    assert nobody.get("/q/no-such-token").status_code == 404
    mine = code(actor, cast)
    hidden = opened(nobody, mine.token)
    clock.shift(timedelta(seconds=20))
    with unit_of_work():
        commands.revoke_code(actor("olga"), mine.id, at=NOON)
    assert nobody.get(f"/q/{mine.token}").status_code == 410
    refused = nobody.post(f"/q/{mine.token}", data={**hidden, **filled()})
    assert refused.status_code == 410
    assert "停用" in refused.text
    assert enquiries() == []
    fresh = code(actor, cast)
    assert fresh.token != mine.token
    assert nobody.get(f"/q/{fresh.token}").status_code == 200
    clock.move_to(NOON + (DAY_6 - DAY_2) + timedelta(hours=11))
    assert nobody.get(f"/q/{fresh.token}").status_code == 200
    clock.move_to(NOON + (DAY_6 - DAY_2) + timedelta(hours=12, minutes=1))
    assert nobody.get(f"/q/{fresh.token}").status_code == 410


@pytest.mark.parametrize(("status", "expected"), [("closed", 410), ("archived", 410), ("approved", 200)])
def test_a_code_lives_as_long_as_its_campaign(nobody, actor, cast, status, expected):
    token = code(actor, cast).token
    with unit_of_work() as session:
        session.execute(update(Campaign).where(Campaign.id == cast.campaigns["roadshow"]).values(status=status))
    assert nobody.get(f"/q/{token}").status_code == expected


def test_before_the_first_day_it_says_when_to_come_back(nobody, actor, cast):
    token = code(actor, cast).token
    with unit_of_work() as session:
        session.execute(update(Campaign).where(Campaign.id == cast.campaigns["roadshow"]).values(starts_on=DAY_6))
    answer = nobody.get(f"/q/{token}?lang=en")
    assert answer.status_code == 409
    assert str(DAY_6) in answer.text


def test_tokens_cannot_be_guessed(actor, cast):
    tokens = [code(actor, cast, member=name).token for name in ("alice", "bob", "charlie", "dora")]
    assert all(re.fullmatch(r"[\w-]{22}", one) for one in tokens)
    from crm.enquiries.rules import new_token

    many = {new_token() for _ in range(2000)}
    assert len(many) == 2000
    assert all(len({one[place] for one in many}) > 50 for place in range(21))  # no place is fixed


def test_a_body_over_16_kb_is_not_read(nobody, actor, cast, clock):
    token = code(actor, cast).token
    answer = nobody.post(f"/q/{token}", data={**opened(nobody, token), **filled(), "more": "x" * 17_000})
    assert answer.status_code == 413
    assert enquiries() == []


@pytest.mark.parametrize("limit", ["code", "address", "all"])
def test_over_the_limit_nothing_is_kept_and_the_page_is_friendly(nobody, actor, cast, clock, monkeypatch, limit):
    few = {name: ((span, 2 if name == limit else 1000),) for name, ((span, _), *_rest) in LIMITS.items()}
    monkeypatch.setattr(taking, "LIMITS", few)
    tokens = {"code": ["bob"] * 3, "address": ["bob", "alice", "dora"], "all": ["bob", "alice", "dora"]}[limit]
    answers = []
    for place, member in enumerate(tokens):
        address = "203.0.113.7" if limit == "address" else f"203.0.113.{place}"
        answers.append(send(nobody, code(actor, cast, member=member).token, clock, address=address))
    assert [one.status_code for one in answers] == [303, 303, 429]
    assert "一小时后" in answers[2].text
    assert len(enquiries()) == 2
    clock.shift(timedelta(hours=1))
    assert send(nobody, code(actor, cast, member="bob").token, clock).status_code == 303


@pytest.mark.parametrize("how", ["honeypot", "too_fast"])
def test_what_a_program_seems_to_have_sent_waits_and_its_sender_notices_nothing(
    nobody, actor, cast, clock, client_of, how
):
    token = code(actor, cast, member="bob").token
    fields = {"website": "http://spam"} if how == "honeypot" else {}
    sent = send(nobody, token, clock, seconds=2 if how == "too_fast" else 20, name="欧阳老板", phone=KNOWN, **fields)
    assert sent.status_code == 303
    assert "已收到" in nobody.get(sent.location).text
    waiting = newest()
    assert (waiting.state, waiting.suspicion, waiting.lead_id) == ("quarantined", how, None)
    assert "欧阳".encode() not in waiting.body_sealed
    assert db.session.scalars(select(Lead)).all() == []
    olga = client_of("olga")
    assert "/release" in olga.get("/enquiries?lane=held").text
    assert olga.post(f"/enquiries/{waiting.id}/release").status_code == 302
    taken = newest()
    assert (taken.state, taken.body_sealed, taken.outcome) == ("taken", None, "new")
    assert (lead_of(taken).name, lead_of(taken).owner_id) == ("欧阳老板", cast.users["bob"])
    assert olga.post(f"/enquiries/{waiting.id}/release").status_code == 409
    assert olga.post(f"/enquiries/{waiting.id}/drop").status_code == 409


def test_what_was_held_back_can_be_dropped_and_goes_by_itself_after_a_week(nobody, actor, cast, clock, client_of):
    from crm.enquiries.tasks import JOBS
    from crm.jobs.run import catch_up

    token = code(actor, cast).token
    for _ in range(2):
        send(nobody, token, clock, seconds=1)
    first, _ = enquiries()
    assert client_of("olga").post(f"/enquiries/{first.id}/drop").status_code == 302
    clock.shift(timedelta(days=3))
    catch_up(JOBS, now())
    assert [(one.state, one.address_key) for one in enquiries()] == [("dropped", None), ("quarantined", None)]
    clock.shift(timedelta(days=5))
    catch_up(JOBS, now())
    assert [(one.state, one.body_sealed) for one in enquiries()] == [("dropped", None), ("dropped", None)]


@pytest.mark.parametrize("how", ["cookie", "address"])
def test_a_form_from_a_staff_device_is_flagged(nobody, actor, cast, clock, client_of, how):
    from crm.kernel import audit

    token, client, address = code(actor, cast, member="bob").token, nobody, "203.0.113.7"
    if how == "cookie":
        client = client_of("bob")
    else:
        with unit_of_work():
            audit.record(replace(actor("bob"), address=address), "people.sign_in", "user", cast.users["bob"])
    send(client, token, clock, address=address)
    assert newest().staff_device
    assert "来自员工设备" in client_of("olga").get(f"/leads/{newest().lead_id}").text
    if how == "address":
        clock.shift(timedelta(hours=1))
        send(client, token, clock, address=address)
        assert not newest().staff_device


def test_the_receipt_shows_nothing_of_the_person_and_withdraws(nobody, actor, cast, clock):
    sent = send(nobody, code(actor, cast, member="bob").token, clock, phone=KNOWN, name="欧阳老板", sms_ads="y")
    mine = newest()
    for page in (nobody.get(sent.location), nobody.get(f"/e/{mine.token}/withdraw")):
        assert "欧阳" not in page.text
        assert KNOWN[-4:] not in page.text
    assert not lead_of(newest()).no_contact  # looking at the page withdraws nothing
    clock.shift(timedelta(minutes=5))
    first = nobody.post(f"/e/{mine.token}/withdraw")
    assert first.status_code == 303
    clock.shift(timedelta(minutes=5))
    assert nobody.post(f"/e/{mine.token}/withdraw").status_code == 303
    told = nobody.get(first.location).text
    assert "12:05" in told
    assert "12:10" not in told
    db.session.rollback()
    lead = lead_of(newest())
    assert (newest().state, lead.no_contact, lead.follow_up_on) == ("withdrawn", True, None)
    assert db.session.scalar(select(db.func.count()).select_from(DoNotContact)) == 1
    last = db.session.scalars(select(Consent).where(Consent.lead_id == lead.id).order_by(Consent.id.desc())).first()
    assert (last.enquiry, last.marketing) == (False, [])
    assert nobody.get("/e/no-such-token").status_code == 404
    assert nobody.post("/e/no-such-token/withdraw").status_code == 404


def test_whoever_types_a_customer_s_number_cannot_shut_that_customer_off(nobody, actor, cast, clock):
    lead_id = known_lead(actor, cast)
    send(nobody, code(actor, cast).token, clock, phone=KNOWN, sms_ads="y")
    clock.shift(timedelta(minutes=5))
    assert nobody.post(f"/e/{newest().token}/withdraw").status_code == 303
    db.session.rollback()
    lead = db.session.get_one(Lead, lead_id)
    assert (newest().state, lead.no_contact) == ("withdrawn", False)
    held = db.session.scalars(select(Consent).where(Consent.lead_id == lead.id).order_by(Consent.id)).all()
    assert [(one.enquiry, one.marketing) for one in held] == [(True, []), (True, ["sms"]), (True, [])]
    assert events(lead_id)[-1] == "withdrawn"
    assert [one.code for one in unread(actor("dora")).newest] == ["enquiry.withdrawn"]


def test_what_waits_can_be_withdrawn_too(nobody, actor, cast, clock, client_of):
    send(nobody, code(actor, cast).token, clock, seconds=1)
    nobody.post(f"/e/{newest().token}/withdraw")
    assert (newest().state, newest().body_sealed) == ("withdrawn", None)
    assert client_of("olga").post(f"/enquiries/{newest().id}/release").status_code == 409


def test_withdrawing_after_the_desk_did_makes_sure_and_breaks_nothing(nobody, actor, cast, clock):
    send(nobody, code(actor, cast, member="bob").token, clock)
    with unit_of_work():
        do_not_contact(actor("bob"), newest().lead_id, reason="不要打", at=NOON)
    assert nobody.post(f"/e/{newest().token}/withdraw").status_code == 303
    assert newest().state == "withdrawn"


def test_every_step_is_in_the_audit_without_a_name_or_phone(nobody, actor, cast, clock):
    send(nobody, code(actor, cast).token, clock, phone=KNOWN, name="欧阳老板")
    nobody.post(f"/e/{newest().token}/withdraw")
    query = select(AuditEntry).where(AuditEntry.action.startswith("enquiries.")).order_by(AuditEntry.id)
    rows = db.session.scalars(query).all()
    assert [one.action for one in rows] == ["enquiries.make_code", "enquiries.receive", "enquiries.withdraw"]
    assert all(KNOWN not in repr(one.detail) and "欧阳" not in repr(one.detail) for one in rows)


def test_it_scores_nothing_until_a_member_has_talked_to_the_person(nobody, actor, cast, clock):
    from crm.contest.queries import forget_boards, standings_of
    from crm.figures.queries import FunnelQuery, funnel
    from crm.leads.commands import record_stage
    from crm.leads.ledger import Clocks
    from tests.meetings import setting

    contest = setting.pk(actor, cast)
    send(nobody, code(actor, cast, member="bob").token, clock)
    red = cast.teams["red"]

    def counted() -> tuple[int, str]:
        forget_boards()
        total = funnel(actor("olga"), FunnelQuery(campaign_ids=(cast.campaigns["roadshow"],))).total.consult
        board = standings_of(actor("olga"), contest, at=now())
        return total, next(row.score_shown for row in board.rows if row.team_id == red)

    before = counted()
    assert before[0] == 0
    assert float(before[1]) == 0
    clock.shift(timedelta(minutes=5))
    with unit_of_work():
        record_stage(actor("bob"), newest().lead_id, Stage.CONSULT, clocks=Clocks.at(now()))
    after = counted()
    assert after[0] == 1
    assert float(after[1]) > 0


def test_the_list_and_today_tell_of_who_asked_and_was_not_talked_to(nobody, actor, cast, clock, client_of):
    send(nobody, code(actor, cast, member="bob").token, clock, name="欧阳老板")
    send(nobody, code(actor, cast).token, clock)
    for name, number in (("bob", 1), ("alice", 1), ("olga", 2), ("dora", 0)):
        page = client_of(name).get("/today").text
        assert (f"{number} 条新的扫码咨询" in page) is bool(number), name
    listing = client_of("bob").get("/leads?source=qr&stage=none").text
    assert "欧阳老板" in listing
    assert "扫码，未交谈" in listing


def test_a_token_and_a_code_are_one_row(actor, cast):
    assert code(actor, cast).id == code(actor, cast).id
    assert db.session.scalar(select(db.func.count(PosterCode.id))) == 1
