"""The pages of an import, as the people of the cast use them."""

import io
import json
import os
import re
from datetime import timedelta

import pytest
from openpyxl import Workbook
from sqlalchemy import func, select

from crm.intake import commands, files, queries, work
from crm.intake.models import ImportBatch
from crm.intake.tasks import old_uploads
from crm.intake.words import ERRORS
from crm.kernel.clock import now
from crm.kernel.db import db, writing
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.models import Lead
from crm.people.models import User
from crm.people.queries import user_by_login
from crm.sheets.cells import Limits
from tests.intake.sheets import bring_in, counts, csv_bytes, leftovers, line, upload, xlsx_bytes

MISSING = 2**31 - 1


def send(client, content: bytes, *, kind: str = "leads", name: str = "leads.csv", **fields):
    return client.post(
        f"/imports/new/{kind}", data={"file": (io.BytesIO(content), name), **fields}, content_type="multipart/form-data"
    )


def batch() -> ImportBatch:
    db.session.expire_all()
    return db.session.scalars(select(ImportBatch).order_by(ImportBatch.id.desc()).limit(1)).one()


def number_of(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def mapped(client, **fields):
    one = batch()
    letters = {
        f"column-{letter}": field
        for letter, field in zip(
            "ABCDEFGHI",
            ("external_id", "name", "phone", "shop", "trade", "campaign", "team", "consult_on", "source_basis"),
            strict=True,
        )
    }
    return client.post(f"/imports/{one.id}/columns", data={"version": one.version, **letters, **fields})


def confirmed(client, mode: str = "good"):
    one = batch()
    return client.post(f"/imports/{one.id}/confirm", data={"version": one.version, "mode": mode})


def test_olga_brings_a_sheet_in_and_takes_it_back(client_of):
    olga = client_of("olga")
    assert "/columns" in send(olga, csv_bytes([line(1), line(2, 手机="12345")])).headers["Location"]
    page = olga.get(f"/imports/{batch().id}/columns")
    assert "客户1 · 客户2" in page.text
    assert mapped(olga).headers["Location"].endswith(f"/imports/{batch().id}")
    preview = olga.get(f"/imports/{batch().id}").text
    assert "电话号码不正确" in preview
    assert "12345" in preview
    assert number_of(Lead) == 0
    confirmed(olga)
    assert (batch().status, counts(batch())) == ("applied", (2, 1, 0, 0, 1))
    assert "撤销导入" in olga.get(f"/imports/{batch().id}").text
    olga.post(f"/imports/{batch().id}/undo")
    assert batch().status == "undone"
    assert "已撤销" in olga.get("/imports").text


def test_confirming_twice_brings_it_in_once(client_of):
    olga = client_of("olga")
    send(olga, csv_bytes([line(1)]))
    mapped(olga)
    one = batch()
    for _ in range(2):
        assert olga.post(f"/imports/{one.id}/confirm", data={"version": one.version, "mode": "good"}).status_code == 302
    assert number_of(Lead) == 1


def test_the_same_form_sent_twice_is_one_upload(client_of):
    olga, uid = client_of("olga"), "11111111-1111-4111-8111-111111111111"
    first, second = (send(olga, csv_bytes([line(1)]), client_uid=uid) for _ in range(2))
    assert (number_of(ImportBatch), first.headers["Location"]) == (1, second.headers["Location"])


def test_a_stale_mapping_changes_nothing(client_of):
    olga = client_of("olga")
    send(olga, csv_bytes([line(1)]))
    old = batch().version
    mapped(olga)
    answer = mapped(olga, version=old)
    assert answer.status_code == 409
    assert "此期间已有他人修改" in answer.text


@pytest.mark.parametrize(
    ("content", "name"),
    [(b"", "a.csv"), (b"PK\x03\x04 broken", "a.xlsx"), (b"%PDF-1.7", "a.pdf"), (b"\xff\xfe\x00", "a.exe")],
)
def test_what_is_no_sheet_gets_a_sentence(client_of, content, name):
    answer = send(client_of("olga"), content, name=name)
    assert (answer.status_code, number_of(ImportBatch)) == (422, 0)
    assert "is-invalid" in answer.text


def test_no_file_gets_a_sentence(client_of):
    answer = client_of("olga").post("/imports/new/leads", data={})
    assert answer.status_code == 422
    assert "请选择文件" in answer.text


@pytest.mark.parametrize(
    ("name", "kind", "status"),
    [
        ("bob", "leads", 403), ("mona", "leads", 403), ("audrey", "leads", 403), ("adam", "leads", 403), ("tim", "leads", 403),
        ("alice", "roster", 403), ("alice", "leads", 200), ("olga", "districts", 200), ("adam", "roster", 200), ("olga", "pictures", 404),
    ],
)  # fmt: skip
def test_each_role_brings_in_its_own_kinds(client_of, name, kind, status):
    assert client_of(name).get(f"/imports/new/{kind}").status_code == status


@pytest.mark.parametrize("name", ["charlie", "adam", "tim"])
@pytest.mark.parametrize("end", ["", "/columns", "/progress", "/problems.csv"])
def test_a_foreign_import_and_a_missing_one_answer_alike(actor, client_of, name, end):
    one = bring_in(actor("alice"), csv_bytes([line(1)]))
    foreign, missing = (client_of(name).get(f"/imports/{number}{end}") for number in (one.id, MISSING))
    assert foreign.status_code == missing.status_code == 404
    assert abs(len(foreign.data) - len(missing.data)) <= 16  # the number itself stands in the page


def test_markup_in_file_names_headings_and_cells_is_escaped(client_of):
    olga = client_of("olga")
    row = line(1, 姓名="<img src=x>", 手机="12345") | {"<b>x</b>": "<i>y</i>"}
    send(olga, csv_bytes([row]), name="<script>a.csv")
    for page in (
        olga.get(f"/imports/{batch().id}/columns"),
        mapped(olga),
        olga.get(f"/imports/{batch().id}"),
        olga.get("/imports"),
    ):
        for raw in ("<img src=x>", "<b>x</b>", "<i>y</i>", "<script>a"):
            assert raw not in page.text


def test_a_long_cell_is_refused_in_the_readers_language(client_of):
    olga = client_of("olga")
    olga.set_cookie("crm_lang", "en")
    send(olga, csv_bytes([line(1, 姓名="长" * 300)]))
    mapped(olga)
    assert "at most 80 characters" in olga.get(f"/imports/{batch().id}").text


def test_problems_come_as_a_sheet_without_anybodys_phone(client_of):
    olga = client_of("olga")
    send(olga, csv_bytes([line(1, 手机="139000011112222"), line(2, 客户编号="=1+1", 手机="9")]))
    mapped(olga)
    text = olga.get(f"/imports/{batch().id}/problems.csv").data.decode("utf-8-sig")
    assert "139000011112222" not in text
    assert text.count("\r\n") == 3


@pytest.mark.parametrize(
    "phone",
    ["138-0013-80001", "138 0013 8000 1", "+86 138/0013/80001 ", "１３８　００１３　８０００１", "138．0013．80001", "138001380001"],
)  # fmt: skip
def test_no_way_of_writing_a_wrong_phone_shows_it_in_full(client_of, phone):
    """In its own column, and where somebody wrote it into another one."""
    olga = client_of("olga")
    send(
        olga, csv_bytes([line(1, 手机=phone + "9"), line(2, 咨询日期="138-0013-80001"), line(3, 咨询日期="03-04-2026")])
    )
    mapped(olga)
    page, kept = olga.get(f"/imports/{batch().id}"), json.dumps(batch().preview, ensure_ascii=False)
    sheet = olga.get(f"/imports/{batch().id}/problems.csv").data.decode("utf-8-sig")
    for text in (page.text, kept, sheet):
        for raw in (phone, "138-0013-80001"):
            assert raw not in text
        assert "****" in text
        assert "03-04-2026" in text


def test_a_chosen_month_needs_the_right_to_plan(client_of):
    olga = client_of("olga")
    send(olga, csv_bytes([line(1)]))
    page = olga.get(f"/imports/{batch().id}/columns").text
    assert ('value="wechat"' in page, "微信" in page) == (True, True)
    alice = client_of("alice")
    send(alice, csv_bytes([line(1)]))
    page = alice.get(f"/imports/{batch().id}/columns").text
    assert 'name="campaign"' in page
    assert 'name="campaign_month"' not in page


@pytest.mark.parametrize("variant", ["blank", "example", "faulty"])
@pytest.mark.parametrize("kind", ["leads", "roster", "districts"])
def test_templates_can_be_downloaded(client_of, kind, variant):
    answer = client_of("olga").get(f"/imports/template/{kind}?variant={variant}")
    assert (answer.status_code, answer.data[:2]) == (200, b"PK")


def test_every_faulty_template_names_its_mistakes_and_brings_in_nothing_wrong(actor, client_of):
    for kind in ("leads", "roster", "districts"):
        content = client_of("olga").get(f"/imports/template/{kind}?variant=faulty").data
        one = bring_in(actor("olga"), content, kind=kind, name="faulty.xlsx")
        assert one.failed >= 3, (kind, counts(one))
        assert one.rows == one.new + one.updated + one.skipped + one.failed


def test_roster_and_districts_come_in_once_and_go_back(actor, client_of):
    for kind, rows in (("roster", 4), ("districts", 5)):
        content = client_of("olga").get(f"/imports/template/{kind}?variant=example").data
        who = actor("adam")
        first, second = (bring_in(who, content, kind=kind, name="example.xlsx") for _ in range(2))
        assert (counts(first), counts(second)) == ((rows, rows, 0, 0, 0), (rows, 0, 0, rows, 0)), kind
        with unit_of_work():
            commands.undo(who, first.id, at=now())


def test_an_import_whose_process_died_can_be_started_again(actor, client_of):
    one = upload(actor("olga"), csv_bytes([line(1)]))
    with unit_of_work():
        commands.confirm(actor("olga"), one.id, mode="good", at=now())
        commands.claim(one.id, worker=queries.this_process().rpartition("|")[0] + "|0")
    olga = client_of("olga")
    assert "已中断" in olga.get(f"/imports/{one.id}").text
    assert olga.get(f"/imports/{one.id}/progress").headers["HX-Refresh"] == "true"
    confirmed(olga)
    assert batch().status == "applied"


ADMINISTRATOR = [{"登录名": "boss", "姓名": "行长", "角色": "管理员"}]


def test_an_import_works_with_the_rights_of_who_confirms_it(actor, client_of, cast):
    one = upload(actor("adam"), csv_bytes(ADMINISTRATOR), kind="roster")
    client_of("olga").post(f"/imports/{one.id}/confirm", data={"version": one.version, "mode": "good"})
    assert (batch().confirmed_by_id, counts(batch())) == (cast.users["olga"], (1, 0, 0, 0, 1))
    assert user_by_login("boss") is None
    again = upload(actor("olga"), csv_bytes(ADMINISTRATOR), kind="roster")
    client_of("adam").post(f"/imports/{again.id}/confirm", data={"version": again.version, "mode": "good"})
    assert user_by_login("boss") is not None


def test_an_import_of_somebody_who_was_shut_out_is_refused(actor, cast):
    one = upload(actor("adam"), csv_bytes(ADMINISTRATOR), kind="roster")
    with unit_of_work():
        commands.confirm(actor("olga"), one.id, mode="good", at=now())
        db.session.get_one(User, cast.users["olga"]).active = False
    work.run(one.id)
    assert (batch().status, batch().error, user_by_login("boss")) == ("failed", "import.forbidden", None)


def test_progress_is_told_while_the_work_goes_on(actor, client_of):
    one = upload(actor("olga"), xlsx_bytes([line(1)]), name="a.xlsx")
    with unit_of_work():
        commands.confirm(actor("olga"), one.id, mode="good", at=now())
        commands.claim(one.id, worker=queries.this_process())
    files.keep_progress(one.id, files.Progress(done=3000, rows=9000, new=2990, failed=10))
    answer = client_of("olga").get(f"/imports/{one.id}/progress")
    assert ("2,990" in answer.text, "HX-Refresh" in answer.headers) == (True, False)


def test_giving_up_deletes_the_file(actor, client_of, home):
    one = upload(actor("olga"), csv_bytes([line(1)]))
    client_of("olga").post(f"/imports/{one.id}/cancel")
    assert (batch().status, (home / "uploads" / f"{one.stored_name}.upload").exists()) == ("cancelled", False)
    assert client_of("olga").post(f"/imports/{one.id}/cancel").status_code == 409


def test_the_history_asks_a_fixed_number_of_questions(actor, client_of, queries):
    olga = client_of("olga")
    for number in range(3):
        bring_in(actor("olga"), csv_bytes([line(number + 1)]))
    with queries() as few:
        olga.get("/imports")
    for number in range(9):
        bring_in(actor("olga"), csv_bytes([line(number + 20)]))
    with queries() as many:
        olga.get("/imports")
    assert many.count == few.count <= 12


def workbook(**tabs: list[list[str]]) -> bytes:
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in tabs.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def people(*logins: str) -> list[list[str]]:
    return [["登录名", "姓名"], *([login, f"新人{login}"] for login in logins)]


def test_a_tab_of_a_workbook_is_named_and_another_can_be_chosen(client_of):
    olga = client_of("olga")
    content = workbook(说明=[["怎样填写本表"], ["每人一行"]], 一队=people("yi"), 二队=people("er", "san"))
    send(olga, content, kind="roster", name="a.xlsx")
    path = f"/imports/{batch().id}/columns"
    first, second = olga.get(path).text, olga.get(f"{path}?sheet=二队").text
    assert ("工作表 一队" in first, "yi" in first, "二队" in first) == (True, True, True)
    assert ("工作表 二队" in second, "er · san" in second) == (True, True)
    fields = {"column-A": "login", "column-B": "name", "sheet": "二队", "version": batch().version}
    assert olga.post(path, data=fields).status_code == 302
    confirmed(olga)
    assert (batch().sheet, counts(batch())) == ("二队", (2, 2, 0, 0, 0))
    assert (user_by_login("yi"), user_by_login("er") is None) == (None, False)
    assert "工作表 二队" in olga.get(f"/imports/{batch().id}").text
    send(olga, content, kind="roster", name="a.xlsx")
    assert olga.get(f"/imports/{batch().id}/columns?sheet=三队").status_code == 422


def test_where_the_encoding_is_not_certain_a_person_chooses_it(client_of):
    olga, content = client_of("olga"), "login,name\r\nzhengwei,郑伟\r\n".encode("gb18030")
    answer = send(olga, content, kind="roster", name="a.csv")
    assert (answer.status_code, "请选择" in answer.text, number_of(ImportBatch)) == (422, True, 0)
    send(olga, content, kind="roster", name="a.csv", encoding="gb18030")
    one = batch()
    fields = {"column-A": "login", "column-B": "name", "version": one.version}
    olga.post(f"/imports/{one.id}/columns", data=fields)
    confirmed(olga)
    assert user_by_login("zhengwei").name == "郑伟"


def test_a_file_is_looked_at_before_any_unit_of_work(client_of, monkeypatch):
    """A long workbook takes seconds, and there is one writer at a time."""
    olga, inside, look = client_of("olga"), [], commands.reading.look

    def watched(*given):
        inside.append(writing.get())
        return look(*given)

    monkeypatch.setattr(commands.reading, "look", watched)
    send(olga, csv_bytes([line(1)]))
    mapped(olga)
    assert (set(inside), len(inside) >= 3, batch().status) == ({False}, True, "checked")


def test_a_file_that_became_no_import_is_not_kept(client_of, home):
    olga, uid, before = client_of("olga"), "11111111-1111-4111-8111-111111111112", set(leftovers(home))
    send(olga, b"no,such\r\nsheet,at all\r\n")
    assert set(leftovers(home)) == before
    for _ in range(2):
        send(olga, csv_bytes([line(1)]), client_uid=uid)
    assert set(leftovers(home)) - before == {f"{batch().stored_name}.upload"}


def aged(one: ImportBatch, days: float) -> None:
    """As if it had been uploaded that long ago."""
    then = now() - timedelta(days=days)
    with unit_of_work():
        db.session.get_one(ImportBatch, one.id).created_at = then
    for path in files.folder("uploads").glob(f"{one.stored_name}.*"):
        os.utime(path, (then.timestamp(), then.timestamp()))


def night() -> None:
    with unit_of_work():
        old_uploads(now())


def test_at_night_old_uploads_are_given_up_and_what_was_brought_in_keeps_its_remarks(actor, client_of, home):
    olga = client_of("olga")
    send(olga, csv_bytes([line(1), line(2, 手机="9")]))
    mapped(olga)
    confirmed(olga)
    applied, young, old = (
        batch(),
        upload(actor("olga"), csv_bytes([line(3)])),
        upload(actor("olga"), csv_bytes([line(4)])),
    )
    for one, days in ((applied, 30), (young, 5.9), (old, 6.1)):
        aged(one, days)
    stray = files.upload_path("0" * 32)
    stray.write_bytes(b"x")
    os.utime(stray, (0, 0))
    night()
    db.session.expire_all()
    states = [db.session.get_one(ImportBatch, one.id).status for one in (applied, young, old)]
    assert states == ["applied", "uploaded", "cancelled"]
    assert (files.is_there(young.stored_name), files.is_there(old.stored_name), stray.exists()) == (True, False, False)
    text = olga.get(f"/imports/{applied.id}/problems.csv").data.decode("utf-8-sig")
    assert text.count("\r\n") == 2
    assert olga.get(f"/imports/{old.id}/columns").headers["Location"].endswith(f"/imports/{old.id}")
    assert "已放弃" in olga.get(f"/imports/{old.id}").text


def test_at_night_an_upload_whose_file_is_gone_is_given_up(actor):
    one = upload(actor("olga"), csv_bytes([line(1)]))
    files.remove_upload(one.stored_name)
    night()
    assert batch().status == "cancelled"


def test_the_history_counts_no_zeros_for_what_was_not_brought_in(client_of):
    olga = client_of("olga")
    send(olga, csv_bytes([line(1)]))
    row = re.search(r"<tbody>(.*?)</tbody>", olga.get("/imports").text, re.DOTALL)[1]
    assert (row.count("—"), re.findall(r'<td class="wt-n[^"]*">0', row)) == (5, [])


def test_an_upload_can_be_given_up_before_it_is_checked(client_of):
    olga = client_of("olga")
    send(olga, csv_bytes([line(1)]))
    path = f"/imports/{batch().id}"
    assert f'action="{path}/cancel"' in olga.get(f"{path}/columns").text
    olga.post(f"{path}/cancel")
    assert (batch().status, olga.get(path).status_code) == ("cancelled", 200)


def test_page_readme_upload_and_reader_name_one_limit_for_every_kind_of_file(app, client_of):
    megabytes = Limits().file_bytes >> 20
    assert app.extensions["crm.settings"].max_upload == Limits().file_bytes
    for language, words in (("en", f"at most {megabytes} MB"), ("zh", f"不超过 {megabytes} MB")):
        olga = client_of("olga")
        olga.set_cookie("crm_lang", language)
        assert words in olga.get("/imports/new/leads").text
    readme = (app.extensions["crm.settings"].contracts / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"(\d+) MB", readme)) == {str(megabytes)}


def test_what_is_too_slow_or_too_heavy_is_not_called_too_large(app):
    with app.test_request_context():
        said = {code: str(ERRORS[f"sheet.{code}"]) for code in ("too_large", "too_slow", "too_heavy")}
    assert len(set(said.values())) == 3
    assert [code for code, words in said.items() if "20 MB" in words] == ["too_large"]
