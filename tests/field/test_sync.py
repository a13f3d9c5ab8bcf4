"""What a phone sends arrives once, with a receipt; what cannot be taken in stays on the phone, and nothing is lost."""

import json
import uuid
from datetime import date, timedelta

import pytest

from crm.field.models import FieldDevice, FieldRecord, VisitPosition
from crm.kernel.clock import now
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.ledger_models import LeadStage, StageEntry
from crm.leads.models import Clash, Consent, Lead
from crm.outreach.log_commands import lock_log
from crm.outreach.models import Tally, Visit
from tests import make
from tests.moments import NOON


def rows(model, *where):
    db.session.rollback()
    return list(db.session.scalars(db.select(model).where(*where).order_by(*model.__table__.primary_key)))


def test_a_visit_arrives_with_its_clocks_and_a_receipt(phone_of, cast):
    phone = phone_of("bob")
    made = phone.visit(
        "refused", trade="catering", approach="cold_visit", note="店里没人", companion=cast.users["alice"]
    )
    status, results = phone.send()
    assert status == 200
    (result,) = results
    assert (result["status"], result["message"], result["missing"]) == ("accepted", "", [])
    (kept,) = rows(FieldRecord)
    assert result["receipt"] == f"20261117-{kept.id:06d}"
    (visit,) = rows(Visit)
    assert (visit.uid, visit.outcome, visit.valid, visit.note) == (made.uid, "refused", False, "店里没人")
    assert (visit.member_id, visit.team_id, visit.companion_id) == (
        cast.users["bob"], cast.teams["red"], cast.users["alice"],
    )  # fmt: skip
    assert visit.occurred_at <= visit.received_at


def test_the_same_record_again_gets_the_same_answer_and_is_not_doubled(phone_of):
    phone = phone_of("bob")
    made = phone.lead("13800138000", shop="老王面馆")
    answers = [phone.send([made]) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert len(rows(Lead)) == len(rows(FieldRecord)) == 1


def test_other_content_under_the_same_id_is_409_and_both_are_kept(phone_of):
    phone = phone_of("bob")
    first = phone.lead("13800138000")
    phone.send([first])
    second = phone.lead("13800138001", uid=first.uid)
    status, (result,) = phone.send([second])
    assert (status, result["status"]) == (409, "conflict")
    assert result["receipt"] != first.receipt
    assert phone.send([second]) == (409, [result])
    assert [row.state for row in rows(FieldRecord)] == ["accepted", "conflict"]
    assert len(rows(Lead)) == 1


def test_a_lead_brings_its_consent_and_its_stage(phone_of, cast):
    phone = phone_of("bob")
    number = phone.session["notice"]["number"]
    made = phone.lead(
        "138 0013 8000",
        intent="A",
        amount_wan="12.5",
        stage="application",
        details={"years": "3", "lender": "农商行"},
        consent={"enquiry": True, "marketing": ["wechat"], "financial": True, "how": "screen", "notice": number},
    )
    (result,) = phone.send()[1]
    assert result["status"] == "accepted"
    (lead,) = rows(Lead)
    assert (lead.uid, lead.id, lead.owner_id, lead.source) == (made.uid, result["lead"], cast.users["bob"], "phone")
    assert (lead.stage, str(lead.amount_wan), lead.details["lender"]) == ("application", "12.50", "农商行")
    assert [row.stage for row in rows(LeadStage)] == ["application", "consult"]
    (consent,) = rows(Consent)
    assert (consent.marketing, consent.financial, consent.how) == (["wechat"], True, "screen")
    assert consent.given_at == rows(StageEntry)[0].occurred_at


def test_a_refused_record_says_what_is_wrong_field_by_field_and_keeps_nothing(phone_of):
    phone = phone_of("bob")
    phone.lead("123", trade="nonsense", name="")
    (result,) = phone.send()[1]
    assert (result["status"], result["receipt"]) == ("rejected", "")
    assert set(result["fields"]) == {"trade", "name"}
    phone.lead("123")
    assert phone.send([phone.queue[-1]])[1][0]["code"] == "phone.invalid"
    assert rows(FieldRecord) == rows(Lead) == []


def test_without_consent_nothing_is_kept(phone_of):
    phone = phone_of("bob")
    phone.lead("13800138000", consent={"enquiry": False})
    phone.lead("13800138001", details={"turnover": "under_50"})
    assert [one["code"] for one in phone.send()[1]] == ["lead.consent_missing", "lead.financial_consent"]
    assert rows(Lead) == []


def test_one_bad_record_does_not_hold_up_the_others(phone_of):
    phone = phone_of("bob")
    phone.visit()
    phone.visit("dancing")
    phone.visit("nobody")
    assert [one["status"] for one in phone.send()[1]] == ["accepted", "rejected", "accepted"]
    assert len(rows(Visit)) == 2


def test_an_edited_record_replaces_the_refused_one_and_what_hangs_on_it_follows(phone_of):
    phone = phone_of("bob")
    wrong = phone.lead("123")
    phone.record("stage", lead=wrong.uid, stage="application")
    first, second = phone.send()[1]
    assert (first["status"], second["code"]) == ("rejected", "field.lead_waits")
    right = phone.lead("13800138000", supersedes=wrong.uid)
    answers = phone.send([right, phone.queue[1]])[1]
    assert [one["status"] for one in answers] == ["accepted", "accepted"]
    assert rows(Lead)[0].stage == "application"


def test_a_customer_of_another_team_becomes_a_claim(phone_of, cast):
    holder, other = phone_of("bob"), phone_of("dora")
    holder.lead("13800138000")
    holder.send()
    other.lead("+86 138-0013-8000")
    (result,) = other.send()[1]
    assert (result["status"], bool(result["receipt"])) == ("contested", True)
    assert "2026-11-17" in result["message"]
    assert [clash.team_id for clash in rows(Clash)] == [cast.teams["blue"]]
    assert other.send([other.queue[0]])[1] == [result]
    assert len(rows(Clash)) == len(rows(Lead)) == 1


def test_the_own_teams_customer_is_refused_with_the_day(phone_of):
    phone = phone_of("bob")
    phone.lead("13800138000")
    phone.lead("13800138000")
    assert [one["code"] for one in phone.send()[1]] == ["", "lead.own_duplicate"]


def test_tallies_add_up_and_undo(phone_of, cast):
    phone = phone_of("bob")
    for delta in (1, 1, 1, -1):
        phone.record("tally", metric="leaflets", delta=delta)
    phone.record("tally", metric="leaflets", delta=-9)
    assert [one["status"] for one in phone.send()[1]] == ["accepted"] * 4 + ["rejected"]
    assert sum(row.delta for row in rows(Tally)) == 2
    assert phone.ask("GET", "/m/api/bundle")[1]["tallies"] == {"leaflets": 2, "doors": 0, "wechat_adds": 0}


def test_a_note_plans_the_next_contact_and_states_the_intent(phone_of):
    phone = phone_of("bob")
    made = phone.lead("13800138000")
    phone.record("note", lead=made.uid, text="下周再谈", follow_up_on="2026-11-20", intent="B")
    assert [one["status"] for one in phone.send()[1]] == ["accepted", "accepted"]
    (lead,) = rows(Lead)
    assert (lead.intent, lead.follow_up_on) == ("B", date(2026, 11, 20))


def test_a_stage_that_a_colleague_recorded_counts_once(phone_of, client_of):
    phone, desk = phone_of("bob"), phone_of("alice")
    made = phone.lead("13800138000")
    phone.send()
    desk.record("stage", lead=made.uid, stage="application")
    desk.send()
    phone.record("stage", lead=made.uid, stage="application")
    (result,) = phone.send()[1]
    assert (result["status"], result["code"]) == ("accepted", "field.stage_known")
    assert len([row for row in rows(StageEntry) if row.stage == "application"]) == 1


def test_an_undone_visit_stays_in_the_list_and_counts_no_more(phone_of):
    phone = phone_of("bob")
    made = phone.visit()
    phone.record("undo", target=made.uid, reason="点错了")
    phone.record("undo", target=made.uid)
    assert [one["status"] for one in phone.send()[1]] == ["accepted"] * 3
    assert rows(Visit)[0].void_reason == "点错了"


def test_nobody_undoes_a_colleagues_visit(phone_of):
    phone, other = phone_of("bob"), phone_of("alice")
    made = phone.visit()
    phone.send()
    other.record("undo", target=made.uid)
    assert other.send()[1][0]["status"] == "rejected"
    assert rows(Visit)[0].voided_at is None


def test_a_position_is_kept_coarse_and_weak_ones_are_marked(phone_of):
    phone = phone_of("bob")
    phone.visit(position={"lat": 30.123456, "lon": 104.987654, "accuracy": 20})
    phone.visit(position={"lat": 30.1, "lon": 104.9, "accuracy": 5000})
    for nonsense in (
        {"lat": 999, "lon": 0, "accuracy": 1},
        {"lat": "x"},
        {"lat": 1e308, "lon": 2, "accuracy": 1},
        None,
    ):
        phone.visit(position=nonsense)
    assert [one["status"] for one in phone.send()[1]] == ["accepted"] * 6
    assert [(row.latitude, row.longitude, row.weak) for row in rows(VisitPosition)] == [
        (30.123, 104.988, False),
        (30.1, 104.9, True),
    ]


@pytest.mark.parametrize("form", [2, 99, "x", None])
def test_an_unknown_form_is_kept_as_it_is_with_a_receipt(phone_of, form):
    phone = phone_of("bob")
    made = phone.visit(body={"form": form})
    (result,) = phone.send()[1]
    assert (result["status"], bool(result["receipt"])) == ("held", True)
    assert phone.send([made])[1] == [result]
    assert rows(Visit) == []


def test_a_record_belongs_to_who_made_it(phone_of):
    phone, other = phone_of("bob"), phone_of("alice")
    made = phone.visit()
    (result,) = other.send([made])[1]
    assert (result["status"], result["receipt"]) == ("foreign", "")
    forged = other.record("visit", outcome="nobody", body={"user": phone.session["user"]["id"]})
    forged.user = other.session["user"]["id"]
    assert other.send([forged])[1][0]["status"] == "rejected"
    assert rows(Visit) == []
    assert phone.send()[1][0]["status"] == "accepted"


def test_what_was_changed_on_its_way_is_refused(phone_of):
    phone = phone_of("bob")
    made = phone.visit()
    ct = made.envelope["ct"]
    made.envelope["ct"] = ("A" if ct[0] != "A" else "B") + ct[1:]
    assert phone.send([made])[1][0]["code"] == "field.envelope"
    made.envelope["ct"] = ct
    made.envelope["key"] = "00000000"
    assert phone.send([made])[1][0]["code"] == "field.other_key"


def test_a_batch_that_is_none_is_refused_and_no_server_error(phone_of):
    phone = phone_of("bob")
    good = {"device": phone.device, "nonce": "n", "client_now": "x", "records": []}
    for bad in ([], "x", {}, good | {"device": "x"}, good | {"records": [1]}, good | {"records": "x"}):
        assert phone.ask("POST", "/m/api/sync", json=bad)[0] == 422
    assert phone.ask("POST", "/m/api/sync", json=good)[1]["results"] == []
    odd = [{"uuid": "x"}, {"uuid": str(uuid.uuid4()), "sha256": "0" * 64, "user": phone.session["user"]["id"]}]
    answers = phone.ask("POST", "/m/api/sync", json=good | {"records": odd})[1]["results"]
    assert [one["code"] for one in answers] == ["field.envelope", "field.envelope"]
    assert phone.ask("POST", "/m/api/sync", json=good | {"records": odd * 26})[0] == 422
    assert phone.ask("POST", "/m/api/sync", data=b"[" * 20_000)[0] == 422
    assert phone.ask("POST", "/m/api/sync", data=b"x" * 1_000_001)[0] == 413


@pytest.mark.parametrize("wrong", [timedelta(days=1), timedelta(days=-1), timedelta(days=3653), timedelta(days=-3653)])
def test_a_wrong_clock_gives_the_same_day_and_is_flagged(phone_of, wrong):
    phone = phone_of("bob", clock=lambda: now() + wrong)
    phone.visit()
    assert phone.send()[1][0]["status"] == "accepted"
    (visit,), (kept,) = rows(Visit), rows(FieldRecord)
    assert (visit.day, kept.flags) == (NOON.date(), ["clock"])
    assert abs(visit.occurred_at - NOON) < timedelta(minutes=1)
    assert abs(kept.occurred_raw - NOON - wrong) < timedelta(minutes=1)


def test_a_clock_that_was_set_right_between_saving_and_sending(phone_of):
    wrong, right = timedelta(days=3653), timedelta(0)
    ahead = [wrong]
    phone = phone_of("bob", clock=lambda: now() + ahead[0])
    phone.visit(body={"offset": -wrong.total_seconds() * 1000})
    phone.visit()
    ahead[0] = right
    assert [one["status"] for one in phone.send()[1]] == ["accepted", "accepted"]
    known, guessed = rows(FieldRecord)
    assert (known.flags, guessed.flags) == (["clock"], ["clock_unknown"])
    assert {visit.day for visit in rows(Visit)} == {NOON.date()}


def test_a_record_of_a_moved_member_counts_for_the_team_of_its_day(phone_of, cast, actor):
    from crm.kernel.actor import SYSTEM
    from crm.people import commands as people

    phone = phone_of("bob")
    yesterday = NOON - timedelta(days=1)
    phone.visit(at=yesterday)
    phone.lead("13800138000", at=yesterday)
    with unit_of_work():
        people.join_team(SYSTEM, user_id=cast.users["bob"], team_id=cast.teams["blue"], on=NOON.date())
    assert [one["status"] for one in phone.send()[1]] == ["accepted", "accepted"]
    assert rows(Visit)[0].team_id == rows(Lead)[0].team_id == cast.teams["red"]


def test_what_comes_after_the_lock_is_taken_in_as_late(phone_of, cast, actor):
    phone = phone_of("bob")
    phone.visit()
    phone.record("tally", metric="doors", delta=1)
    with unit_of_work():
        lock_log(
            actor("alice"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"], day=NOON.date(), at=now()
        )
    assert [one["status"] for one in phone.send()[1]] == ["accepted", "accepted"]


def test_a_campaign_that_was_closed_meanwhile_still_takes_what_was_made_in_it(phone_of, cast):
    from crm.campaigns.models import Campaign

    phone = phone_of("bob")
    phone.visit()
    phone.lead("13800138000")
    with unit_of_work():
        db.session.get_one(Campaign, cast.campaigns["roadshow"]).status = "closed"
    assert [one["status"] for one in phone.send()[1]] == ["accepted", "accepted"]


def test_the_server_knows_how_far_a_phone_has_counted(phone_of):
    phone = phone_of("bob")
    for _ in range(3):
        phone.visit()
    phone.send()
    assert phone.connect()["device"]["last_seq"] == 3
    assert rows(FieldDevice)[0].last_seq == 3
    assert phone_of("alice", device=phone.device).session["device"]["last_seq"] == 0


def test_signed_out_is_401_in_json_and_other_roles_are_403(client_of):
    for path in ("/m/api/session", "/m/api/bundle"):
        answer = client_of(None).get(path)
        assert (answer.status_code, answer.is_json) == (401, True)
    for name in ("mona", "audrey", "adam"):
        assert client_of(name).get("/m/api/session").status_code == 403


def test_own_sealed_records_open_for_their_author_alone(phone_of):
    phone, other = phone_of("bob"), phone_of("alice")
    made = phone.lead("13800138000")
    items = {"items": [made.sent()]}
    assert (
        json.loads(phone.ask("POST", "/m/api/open", json=items)[1]["items"][0]["body"])["data"]["phone"]
        == "13800138000"
    )
    assert other.ask("POST", "/m/api/open", json=items)[1] == {"items": []}
    stolen = {"items": [made.sent() | {"user": other.session["user"]["id"]}]}
    assert other.ask("POST", "/m/api/open", json=stolen)[1] == {"items": []}


def test_the_bundle_holds_masked_phones_and_own_leads_only(phone_of, actor, cast):
    phone = phone_of("bob")
    with unit_of_work():
        for name, team in (("bob", "red"), ("alice", "red"), ("dora", "blue")):
            make.lead(
                actor(name),
                campaign_id=cast.campaigns["roadshow"],
                team_id=cast.teams[team],
                phone=f"1380013800{len(name)}",
            )
    status, told = phone.ask("GET", "/m/api/bundle")
    assert status == 200
    assert [lead["owner"] for lead in told["leads"]] == ["鲍勃"]
    assert told["leads"][0]["phone"] == "138****8003"
    assert told["leads"][0]["may_stage"] == ["application", "accepted"]
    assert {lead["owner"] for lead in phone_of("alice").ask("GET", "/m/api/bundle")[1]["leads"]} == {"鲍勃", "爱丽"}
    assert "13800138003" not in json.dumps(told)


def test_the_bundle_asks_a_bounded_number_of_questions(phone_of, actor, cast, queries):
    phone = phone_of("alice")
    with queries() as few:
        phone.ask("GET", "/m/api/bundle")
    with unit_of_work():
        for _ in range(40):
            make.lead(actor("bob"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"])
    with queries() as many:
        phone.ask("GET", "/m/api/bundle")
    assert many.count == few.count <= 22


def test_an_unchanged_bundle_is_304(client_of):
    client = client_of("bob")
    with_clock = client.get("/m/api/bundle")
    assert with_clock.status_code == 200
    again = client.get("/m/api/bundle", headers={"If-None-Match": with_clock.headers["ETag"]})
    assert again.status_code == 304
