"""A bank with one of everything, every address of the app that leads somewhere in it, and the forms on a page."""

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html.parser import HTMLParser
from uuid import UUID

from flask import Flask
from sqlalchemy import text
from werkzeug.datastructures import MultiDict

from crm.campaigns.plan_commands import add_session
from crm.contest.adjusting import adjust
from crm.enquiries import commands as enquiries
from crm.enquiries.queries import enquiry_of_token
from crm.enquiries.taking import Asked, Sender, receive
from crm.field.commands import note_device
from crm.field.phones import report_lost
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.queries import notice_in_force
from crm.leads.rules import Stage
from crm.meetings.commands import add_case_card, add_todo
from crm.meetings.storing import store_evening_report
from tests import make
from tests.field.setting import kept_aside
from tests.intake import sheets
from tests.meetings import setting
from tests.moments import BELL, DAY_2, NOON

WORDS = {
    "day": (DAY_2.isoformat(),),
    "kind": ("leads", "roster", "districts"),
    "lang": ("zh", "en"),
    "content_hash": ("0" * 64,),
    "token": ("no-such-token",),
    "filename": ("css/waituo.css",),
    "format": ("svg", "png"),
}
"""Arguments of addresses that are words."""
PHONE = "7d1f4c52-7a0b-4a55-8f0c-2f6f0c1f9b11"
"""The id of a phone that two members use; one of them has reported it lost."""
Rows = dict[str, Counter[tuple[object, ...]]]
"""The rows of each table."""
WRITTEN = ("text", "textarea", "number", "tel", "email", "date", "file")
"""Kinds of fields that a person writes into."""


def one_of_everything(cast, actor, *, phone: str = "13900009999", name: str = "张三丰") -> dict[str, list[int]]:
    """Writes the records by the product's own commands; gives their ids by the arguments of the addresses."""
    olga, bob = actor("olga"), actor("bob")
    place = {"campaign_id": cast.campaigns["roadshow"], "team_id": cast.teams["red"]}
    with unit_of_work():
        lead = make.lead(bob, **place, phone=phone, name=name, shop="红红饭店", intent="A", stage=Stage.APPLICATION)
        again = make.lead(bob, **place, stage=None, note="再来")
        foreign = make.lead(
            actor("dora"), campaign_id=place["campaign_id"], team_id=cast.teams["blue"], stage=Stage.CONSULT
        )
        # The other team claims the customer too, under a name of its own.
        clash = make.lead(actor("dora"), campaign_id=place["campaign_id"], team_id=cast.teams["blue"], phone=phone)
        session = add_session(
            olga, place["campaign_id"], name="摆摊", starts_at=NOON, ends_at=NOON + timedelta(hours=2)
        )
        session_id = session.id
    contest = setting.pk(actor, cast)
    visit = setting.visit(actor, cast, "bob").id
    setting.visit(actor, cast, "dora")
    morning = setting.meeting(actor, cast, kind="morning")
    evening = setting.meeting(actor, cast, kind="evening")
    with unit_of_work():
        fine = adjust(
            olga, contest, team_id=cast.teams["red"], member_id=None, day=DAY_2, kind="late_report", points=-2,
            reason="迟交", at=NOON,
        )  # fmt: skip
        todo = add_todo(olga, evening, text="联系客户", owner_id=cast.users["bob"], at=NOON)
        case = add_case_card(olga, evening, member_id=cast.users["bob"], opening="您好", at=NOON)
        report = store_evening_report(olga, **place, day=DAY_2, as_of=BELL, at=BELL)
        aside = kept_aside(actor, cast)
        for name in ("bob", "dora"):
            note_device(actor(name), PHONE, at=NOON)
        report_lost(olga, cast.users["dora"], PHONE, at=NOON)
        ids = {
            "record_id": aside, "todo_id": [todo.id], "case_id": [case.id], "report_id": [report.id], "adjustment_id": [fine.id],
            "clash_id": [clash.clash_id],
        }  # fmt: skip
    fresh, done = _batches(actor)
    return ids | _by_code(cast, actor) | {
        "lead_id": [lead.lead_id, again.lead_id, foreign.lead_id],
        "campaign_id": list(cast.campaigns.values()),
        "team_id": list(cast.teams.values()),
        "user_id": [cast.users["bob"], cast.users["dora"]],
        "district_id": [cast.districts["market"], cast.districts["town"]],
        "contest_id": [contest], "meeting_id": [morning, evening], "session_id": [session_id],
        "visit_id": [visit], "batch_id": [fresh, done], "export_id": [1], "number": [1], "photo_id": [1],
    }  # fmt: skip


def _by_code(cast, actor) -> dict[str, list[int]]:
    """A member's code, a further text for posters, and an enquiry that was held back because a program filled it in."""
    olga = actor("olga")
    with unit_of_work():
        code = enquiries.make_code(
            olga, campaign_id=cast.campaigns["roadshow"], session_id=None, member_id=cast.users["bob"], at=NOON
        )
        text = enquiries.write_text(olga, headline="先问问我们", body="扫码留言", legal_line="贷款须经审批", at=NOON)
        asked = Asked("扫码客户", "13900007777", "catering", "", (), notice_in_force().text_hash)
        token = receive(code.token, asked, Sender("stamp", NOON, "http://spam", "", False), at=NOON)
        held_back = enquiry_of_token(token).id
        return {"code_id": [code.id], "text_id": [text.id], "enquiry_id": [held_back]}


def _batches(actor) -> tuple[int, int]:
    """One import that waits for its confirmation, and one that is done."""
    fresh = sheets.upload(actor("olga"), sheets.csv_bytes([sheets.line(1), sheets.line(2, 手机="12")])).id
    done = sheets.bring_in(actor("olga"), sheets.csv_bytes([sheets.line(3)])).id
    return fresh, done


def addresses(app: Flask, ids: dict[str, list[int]]) -> list[str]:
    """Every address that can be opened, with each of the ids that are known for it."""
    found: list[str] = []
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        for rule in app.url_map.iter_rules():
            if "GET" in (rule.methods or ()) and rule.endpoint != "static":
                found += [adapter.build(rule.endpoint, values) for values in _values(sorted(rule.arguments), ids)]
    team, contest = ids["team_id"][0], ids["contest_id"][0]
    found += [
        f"/contests/{contest}/score?team={team}",
        f"/log?campaign={ids['campaign_id'][0]}&team={team}&day={DAY_2}",
        "/funnel?by=member",
        "/leads?q=9999",
        "/funnel/records?stage=consult",
        "/leads/new?campaign=1",
        "/enquiries?lane=held",
    ]
    return found


def _values(names: list[str], ids: dict[str, list[int]]) -> Iterator[dict[str, object]]:
    if not names:
        yield {}
        return
    known = WORDS.get(names[0]) or ids[names[0]]
    for value in known:
        for rest in _values(names[1:], ids):
            yield {names[0]: value, **rest}


@dataclass
class Form:
    """A form of the page at `page`. `fields`: (name, kind, value); `ticked`: boxes and radios that are; `required`: names;

    `unchosen`: selects in which nothing is, with the option that a browser shows then; `sendable`: it has a button to be sent with.
    """

    method: str
    action: str
    page: str = ""
    fields: list[tuple[str, str, str]] = field(default_factory=list)
    ticked: set[tuple[str, str]] = field(default_factory=set)
    required: set[str] = field(default_factory=set)
    unchosen: dict[str, str] = field(default_factory=dict)
    sendable: bool = False

    @property
    def names(self) -> list[str]:
        """Names of the fields, each once."""
        return list(dict.fromkeys(name for name, _, _ in self.fields))

    def kind(self, name: str) -> str:
        """The kind of a field: an input's type, select or textarea."""
        return next(kind for one, kind, _ in self.fields if one == name)

    def filled(self, number: int) -> MultiDict[str, object]:
        """What a browser would send once its person has written something that no other `number` writes.

        What is required is filled in, what was there stays, and the first field that is no choice is written anew.
        """
        values: MultiDict[str, object] = MultiDict()
        for name, kind, value in self._sent():
            values.add(
                name, value or (_plausible(name, kind, number) if name in self.required or kind == "file" else "")
            )
        for name, kind, _ in self.fields:
            if kind in WRITTEN:
                values.setlist(name, [_plausible(name, kind, number)])
                break
        if "client_uid" in values:
            values.setlist("client_uid", [str(UUID(int=number))])
        return values

    def _sent(self) -> Iterator[tuple[str, str, str]]:
        """Fields without unticked boxes and without further buttons; of radios the ticked one, or the first."""
        seen: set[str] = set()
        for name, kind, value in self.fields:
            ticked = (name, value) in self.ticked
            if kind == "radio" and not ticked and any(one == name for one, _ in self.ticked):
                continue
            if kind == "checkbox" and not ticked and name not in self.required:
                continue
            if kind in ("radio", "button") and name in seen:
                continue
            seen.add(name)
            yield name, kind, value if name in self.required else self.unchosen.get(name, value)

    def data(self) -> MultiDict[str, object]:
        """What it holds, with something plausible where it is blank."""
        values: MultiDict[str, object] = MultiDict()
        for name, kind, value in self.fields:
            values.add(name, value or _plausible(name, kind))
        return values


def _plausible(name: str, kind: str, number: int = 0) -> object:
    if kind == "file":
        return (io.BytesIO(sheets.csv_bytes([sheets.line(7 + number)])), "leads.csv")
    if kind in ("hidden", "select", "checkbox", "radio", "button"):
        return ""
    by_kind = {"date": DAY_2.isoformat(), "number": str(number or 1), "tel": "13700000000", "time": "09:00"}
    by_kind |= {"datetime-local": f"{at_local(DAY_2, 9):%Y-%m-%dT%H:%M}", "password": "correct horse 外拓"}
    return "13700000000" if "phone" in name else by_kind.get(kind, f"字{number or ''}")


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.page = page
        self.forms: list[Form] = []
        self.by_id: dict[str, Form] = {}
        self.open: Form | None = None
        self.area: tuple[Form, str] | None = None
        self.select: tuple[Form, str, list[str], list[str]] | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.open = Form(given.get("method", "get").lower(), given.get("action") or self.page, self.page)
            self.forms.append(self.open)
            self.by_id[given.get("id", "")] = self.open
            return
        if tag == "option" and self.select is not None:
            self.select[2].append(given.get("value", ""))
            if "selected" in given:
                self.select[3].append(given.get("value", ""))
            return
        form = self.by_id.get(given["form"]) if "form" in given else self.open
        if form is not None and given.get("type", "submit" if tag == "button" else "") == "submit":
            form.sendable = True
        if form is not None and given.get("formaction"):
            self.forms.append(
                replace(form, action=given["formaction"])
            )  # shares its fields: a button that leads elsewhere
        if form is not None and given.get("name"):
            self._field(tag, given, form)

    def _field(self, tag: str, given: dict[str, str], form: Form) -> None:
        name, kind = given["name"], given.get("type", "text")
        if kind == "text" and given.get("inputmode") in ("numeric", "decimal"):
            kind = "number"
        if tag == "textarea":
            self.area = (form, name)
            form.fields.append((name, "textarea", ""))
        elif tag == "select":
            self.select = (form, name, [], [])
        elif tag == "input" and kind not in ("submit", "button"):
            form.fields.append((name, kind, given.get("value", "on" if kind in ("checkbox", "radio") else "")))
        elif tag == "button" and given.get("value"):
            form.fields.append((name, "button", given["value"]))
        if "checked" in given:
            form.ticked.add((name, given.get("value", "on")))
        if "required" in given:
            form.required.add(name)

    def handle_data(self, data: str) -> None:
        if self.area is not None and data.strip():
            form, name = self.area
            form.fields[-1] = (name, "textarea", data.strip("\n"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = None
        elif tag == "textarea":
            self.area = None
        elif tag == "select" and self.select is not None:
            form, name, offered, chosen = self.select
            if not chosen:
                form.unchosen[name] = next(iter(offered), "")
            for value in chosen or [next((one for one in offered if one), "")]:
                form.fields.append((name, "select", value))
            self.select = None


def forms_of(page: str, address: str) -> list[Form]:
    """The forms of a page; an action that is not named is the page's own address."""
    reader = _Reader(address)
    reader.feed(page)
    return reader.forms


def fingerprint(*, aside: frozenset[str] = frozenset()) -> dict[str, tuple[int, int]]:
    """Per table: how many rows, and the sum of their versions."""
    parts = [
        f"SELECT '{table.name}', count(*), {'coalesce(sum(version), 0)' if 'version' in table.c else '0'} FROM {table.name}"
        for table in db.metadata.sorted_tables
        if table.name not in aside
    ]
    db.session.rollback()
    with db.engine.connect() as connection:
        return {name: (rows, versions) for name, rows, versions in connection.execute(text(" UNION ALL ".join(parts)))}


def contents(*, aside: frozenset[str] = frozenset()) -> Rows:
    """Per table: its rows as they stand."""
    db.session.rollback()
    with db.engine.connect() as connection:
        return {
            table.name: Counter(tuple(map(repr, row)) for row in connection.execute(table.select()))
            for table in db.metadata.sorted_tables
            if table.name not in aside
        }
