"""Workbooks on the pages: made, downloaded by whoever made them, listed for those who watch."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select, update

from crm.contest.adjusting import adjust
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.people.models import User
from crm.reports.models import ExportRecord
from tests.moments import DAY_1, DAY_2, NOON
from tests.reports.filling import fill, workbook


@pytest.fixture
def folder(app) -> Path:
    """Where the installation keeps the files; empty at the start of each test."""
    found = app.extensions["crm.settings"].home / "exports"
    for one in found.glob("*"):
        one.unlink()
    return found


def made(client, cast, **fields) -> int:
    """The id of the workbook that a client makes."""
    answer = client.post("/exports", data={"campaign": str(cast.campaigns["roadshow"]), **fields})
    assert answer.status_code == 302, answer.get_data(as_text=True)
    return db.session.scalar(select(func.max(ExportRecord.id)))


def test_a_workbook_is_made_and_downloaded_under_its_chinese_name(folder, cast, client_of):
    olga = client_of("olga")
    number = made(olga, cast)
    answer = olga.get(f"/exports/{number}/file")
    assert answer.status_code == 200
    name = "%E6%B5%8B%E8%AF%95%E5%86%9C%E5%95%86%E9%93%B6%E8%A1%8C_%E4%B8%9C%E5%A4%A7%E8%A1%97%E8%B7%AF%E6%BC%94_20261117_V1.xlsx"
    assert answer.headers["Content-Disposition"].startswith("attachment; ")
    assert f"filename*=UTF-8''{name}" in answer.headers["Content-Disposition"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "spreadsheetml" in answer.headers["Content-Type"]
    assert load_workbook(io.BytesIO(answer.data)).sheetnames[0] == "总览"
    assert [one.stat().st_mode & 0o777 for one in folder.iterdir()] == [0o600]
    page = olga.get("/exports").get_data(as_text=True)
    assert "测试农商银行_东大街路演_20261117_V1.xlsx" in page


def test_the_campaign_of_the_day_is_chosen_beforehand(folder, cast, client_of):
    page = client_of("olga").get("/exports").get_data(as_text=True)
    assert f'<option selected value="{cast.campaigns["roadshow"]}">' in page


def test_the_next_one_of_the_day_is_the_next_version(folder, cast, client_of):
    for version, name in ((1, "olga"), (2, "mona")):
        number = made(client_of(name), cast)
        assert db.session.get_one(ExportRecord, number).file_name.endswith(f"_20261117_V{version}.xlsx")


def test_an_english_reader_gets_english_headings(folder, cast, client_of):
    olga = client_of("olga")
    olga.set_cookie("crm_lang", "en")
    number = made(olga, cast)
    assert load_workbook(io.BytesIO(olga.get(f"/exports/{number}/file").data)).sheetnames[0] == "Overview"


def test_a_double_submit_makes_one_file(folder, cast, client_of):
    olga = client_of("olga")
    uid = {"client_uid": "0c5d5a0e-0000-4000-8000-000000000001"}
    assert made(olga, cast, **uid) == made(olga, cast, **uid)
    assert len(list(folder.iterdir())) == 1
    other = olga.post("/exports", data={"campaign": "", **uid})
    assert other.status_code == 409
    assert len(list(folder.iterdir())) == 1


def test_what_cannot_be_made_is_said_and_the_form_kept(folder, cast, client_of):
    olga, road = client_of("olga"), str(cast.campaigns["roadshow"])
    reversed_days = {"campaign": road, "from_day": DAY_2.isoformat(), "to_day": DAY_1.isoformat()}
    for fields in (
        reversed_days,
        {"campaign": road, "from_day": "yesterday"},
        {"campaign": road, "from_day": "0001-01-01"},
        {"campaign": "99999999999999999999"},
        {"campaign": "'; DROP TABLE lead"},
    ):
        answer = olga.post("/exports", data=fields)
        assert answer.status_code == 422, fields
        assert 'role="alert"' in answer.get_data(as_text=True)
    assert f'value="{DAY_2.isoformat()}"' in olga.post("/exports", data=reversed_days).get_data(as_text=True)
    assert list(folder.iterdir()) == []
    assert db.session.scalar(select(ExportRecord.id)) is None


def test_somebody_else_s_file_is_like_no_file(folder, cast, client_of):
    number = made(client_of("olga"), cast)
    for name in ("mona", "alice", "tim"):
        foreign, missing = (client_of(name).get(f"/exports/{one}/file") for one in (number, 2**31 - 1))
        assert (foreign.status_code, missing.status_code) == (404, 404)
        assert abs(len(foreign.data) - len(missing.data)) <= 16


def test_a_file_that_was_changed_or_is_gone_is_not_given_out(folder, cast, client_of):
    olga = client_of("olga")
    number = made(olga, cast)
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes() + b"x")
    assert olga.get(f"/exports/{number}/file").status_code == 409
    path.unlink()
    assert olga.get(f"/exports/{number}/file").status_code == 404


def test_files_go_after_their_days_and_their_records_stay(folder, cast, client_of):
    olga = client_of("olga")
    old = made(olga, cast)
    with unit_of_work():
        record = db.session.get_one(ExportRecord, old)
        record.made_at -= timedelta(days=31)
    new = made(olga, cast)
    assert len(list(folder.iterdir())) == 1
    assert olga.get(f"/exports/{old}/file").status_code == 404
    assert olga.get(f"/exports/{new}/file").status_code == 200
    page = olga.get("/exports").get_data(as_text=True)
    assert f"/exports/{new}/file" in page
    assert f"/exports/{old}/file" not in page


@pytest.mark.parametrize(
    ("name", "pages"), [("adam", 0), ("bob", 0), ("alice", 1), ("audrey", 2), ("mona", 3), ("olga", 3)]
)
def test_who_may_make_and_who_may_watch(app, cast, client_of, name, pages):
    may_make, may_watch = pages in (1, 3), pages in (2, 3)
    assert client_of(name).get("/exports").status_code == (200 if may_make else 403)
    assert client_of(name).post("/exports", data={"campaign": ""}).status_code == (302 if may_make else 403)
    assert client_of(name).get("/exports/log").status_code == (200 if may_watch else 403)


def test_the_log_tells_who_took_what_and_finds_it(folder, app, cast, client_of, actor, tmp_path):
    made(client_of("alice"), cast, from_day=DAY_1.isoformat())
    with app.test_request_context():
        workbook(actor("mona"), tmp_path)
    audrey = client_of("audrey")
    page = audrey.get("/exports/log").get_data(as_text=True)
    for words in ("爱丽", "莫娜", "东大街路演", "红队", "2026-11-16"):
        assert words in page
    assert "莫娜" not in audrey.get("/exports/log?person=alice").get_data(as_text=True)
    assert "爱丽" in audrey.get("/exports/log?person=alice").get_data(as_text=True)
    assert "爱丽" not in audrey.get("/exports/log?from=2026-11-18").get_data(as_text=True)
    for nonsense in ("?from=x&to=31.12.", "?page=-99999999999999999999", "?page=-1"):
        assert audrey.get(f"/exports/log{nonsense}").status_code == 200


def test_markup_in_names_is_only_text(folder, app, cast, client_of):
    with unit_of_work():
        db.session.execute(update(User).where(User.id == cast.users["olga"]).values(name="<script>alert(1)</script>"))
    made(client_of("olga"), cast)
    page = client_of("audrey").get("/exports/log").get_data(as_text=True)
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_log_asks_few_questions_however_long_it_is(app, cast, client_of, queries):
    with unit_of_work():
        for number in range(120):
            db.session.add(
                ExportRecord(
                    kind="workbook", file_name=f"{number}.xlsx", filters={"campaign": None}, rows=number, sha256="0" * 64,
                    actor_id=cast.users["olga"], made_at=app.extensions and db.session.get_one(User, cast.users["olga"]).created_at,
                )
            )  # fmt: skip
    with queries() as seen:
        page = client_of("mona").get("/exports/log?page=2").get_data(as_text=True)
    assert page.count(".xlsx") == 50
    assert seen.count <= 8


def test_the_workbook_of_a_lead_keeps_the_other_team_s_words_and_accusations_to_itself(app, cast, actor, tmp_path):
    contest = fill(cast, actor)
    olga, blue = (
        actor("olga"),
        {"team_id": cast.teams["blue"], "member_id": cast.users["dora"], "day": DAY_2, "at": NOON},
    )
    with unit_of_work():
        adjust(olga, contest, kind="case_shared", points=3, reason="分享了朵拉的案例", **blue)
        adjust(olga, contest, kind="complaint", points=-9, reason="客户投诉态度恶劣", **blue)
    said = {}
    for name in ("olga", "alice"):
        with app.test_request_context():
            path = workbook(actor(name), tmp_path, campaign_id=cast.campaigns["roadshow"], name=f"{name}.xlsx")
        said[name] = "".join(str(cell.value) for row in load_workbook(path)["口径说明"] for cell in row)
    for words in ("分享了朵拉的案例", "客户投诉态度恶劣", "-9"):
        assert words in said["olga"]
        assert words not in said["alice"]
