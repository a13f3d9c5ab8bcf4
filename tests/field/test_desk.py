"""What was kept aside is looked at by somebody, and a file that a phone gave out is taken in at the desk."""

import json
from io import BytesIO

import pytest

from crm.field import rules
from crm.field.models import FieldRecord
from crm.kernel.audit import AuditEntry
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.models import Lead
from crm.outreach.models import Visit
from crm.people.models import User
from tests.field.phone import b64
from tests.field.test_photos import picture, sealed


def rows(model):
    db.session.rollback()
    return list(db.session.scalars(db.select(model).order_by(model.id)))


def rescue(client, told):
    content = told if isinstance(told, bytes) else json.dumps(told).encode()
    return client.post("/field/rescue", data={"file": (BytesIO(content), "phone.waituo")})


def file_of(phone, *, photos=()):
    return {
        "waituo": "rescue-1",
        "device": phone.device,
        "exported_at": phone.clock().isoformat(),
        "records": [one.sent() for one in phone.queue],
        "photos": [{"sha256": address, "bytes": b64(content)} for address, content in photos],
    }


def test_a_file_is_taken_in_for_its_author_and_not_twice(phone_of, client_of, cast):
    phone = phone_of("bob")
    address, content = sealed(phone, picture())
    phone.visit(attachments=[address])
    phone.lead("13800138000")
    told = file_of(phone, photos=[(address, content)])
    page = rescue(client_of("olga"), told)
    assert page.status_code == 200
    assert "已接收 2" in page.text
    assert "照片 1" in page.text
    assert rescue(client_of("olga"), told).status_code == 200
    assert [visit.member_id for visit in rows(Visit)] == [lead.owner_id for lead in rows(Lead)] == [cast.users["bob"]]
    assert {row.sent_by_id for row in rows(FieldRecord)} == {cast.users["olga"]}
    assert [row.action for row in rows(AuditEntry)].count("field.rescue") == 2
    assert [one["status"] for one in phone.send(phone.queue)[1]] == ["accepted", "accepted"]


def test_records_of_a_closed_account_are_not_lost(phone_of, client_of, cast):
    phone = phone_of("bob")
    phone.visit()
    told = file_of(phone)
    with unit_of_work():
        db.session.get_one(User, cast.users["bob"]).active = False
    assert "已接收 1" in rescue(client_of("olga"), told).text
    assert rows(Visit)[0].member_id == cast.users["bob"]


def test_a_member_brings_in_the_own_file_and_nobody_elses(phone_of, client_of):
    phone = phone_of("bob")
    phone.visit()
    told = file_of(phone)
    assert "他人的记录 1" in rescue(client_of("alice"), told).text
    assert rows(Visit) == []
    assert "已接收 1" in rescue(client_of("bob"), told).text


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"PK\x03\x04", b'{"waituo":"rescue-1"}', b"[" * 5000, b"\xff\xfe"]
)
def test_any_other_file_is_refused_in_words(client_of, content):
    answer = rescue(client_of("olga"), content)
    assert answer.status_code == 422
    assert "不是手机页面导出的文件" in answer.text


def test_both_records_of_one_number_stand_side_by_side_until_somebody_decides(phone_of, client_of):
    phone = phone_of("bob")
    first = phone.lead("13800138000", name="王五")
    phone.send([first])
    phone.send([phone.lead("13900139000", name="赵六", uid=first.uid)])
    olga = client_of("olga")
    held = rows(FieldRecord)[1]
    assert f"/field/held/{held.id}" in olga.get("/field/held").text
    page = olga.get(f"/field/held/{held.id}").text
    for shown in ("王五", "赵六", "139****9000"):
        assert shown in page
    assert "13900139000" not in page
    assert olga.post(f"/field/held/{held.id}/settle", data={"how": ""}).status_code == 422
    assert olga.post(f"/field/held/{held.id}/settle", data={"how": "是另一位客户，已重新登记"}).status_code == 302
    assert f"/field/held/{held.id}" not in olga.get("/field/held").text
    assert "已重新登记" in olga.get("/field/held?state=settled").text


def test_a_form_of_the_future_is_read_once_it_is_known(phone_of, client_of, monkeypatch):
    phone = phone_of("bob")
    phone.visit(body={"form": 2})
    phone.send()
    olga, held = client_of("olga"), rows(FieldRecord)[0]
    assert olga.post(f"/field/held/{held.id}/again").status_code == 422
    monkeypatch.setattr(rules, "FORM_VERSIONS", {**rules.FORM_VERSIONS, "visit": 2})
    assert olga.post(f"/field/held/{held.id}/again").status_code == 302
    assert len(rows(Visit)) == 1
    assert phone.send([phone.queue[0]])[1][0]["status"] == "accepted"


def test_only_organisers_of_the_house_see_what_waits(client_of):
    for name, status in (("olga", 200), ("tim", 403), ("alice", 403), ("bob", 403), ("mona", 403), ("adam", 403)):
        assert client_of(name).get("/field/held").status_code == status
