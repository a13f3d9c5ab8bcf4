"""Role x route over the whole app: every route declares who may call it, and keeps to it.

The table is the app's own list of addresses, so no route can be missing; an address with an argument that SAMPLES does not know
fails the test. A foreign record and one that does not exist must answer alike.
"""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule

from crm.enquiries.commands import make_code
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.meetings.commands import add_case_card, add_todo
from crm.meetings.storing import store_evening_report
from crm.people.commands import create_team
from crm.people.inbox import unread
from crm.web.guards import PUBLIC, SIGNED_IN, permission_of
from crm.wiring import GRANTS
from tests import make
from tests.cast import ROLE_OF
from tests.intake import sheets
from tests.meetings import setting
from tests.moments import BELL, DAY_2, NOON
from tests.whole.crawling import fingerprint

PEOPLE = (None, "adam", "alice", "audrey", "bob", "mona", "olga", "tim")
MISSING = 2**31 - 1
TELLS_OF_REFUSALS = frozenset({"audit_entry"})
WORDS = {
    "day": DAY_2.isoformat(),
    "kind": "evening",
    "lang": "zh",
    "content_hash": "0" * 64,
    "token": "no-such-token",
    "filename": "css/waituo.css",
    "room": "leads",
    "format": "svg",
}
"""Arguments that are words, with a value that leads somewhere."""


def rules(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Every route and method, HEAD and OPTIONS aside."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method


def address(app: Flask, rule: Rule, ids: dict[str, int], default: int = MISSING) -> str:
    """The route's address with an id for each number and a word for each word."""
    values: dict[str, object] = {}
    for name in rule.arguments:
        converter = rule._converters[name]
        values[name] = ids.get(name, default) if type(converter).__name__ == "IdConverter" else WORDS[name]
    with app.test_request_context():
        return app.url_map.bind("localhost").build(rule.endpoint, values)


def test_every_route_declares_a_permission_that_somebody_holds(app):
    held = frozenset().union(*GRANTS.values()) | {PUBLIC, SIGNED_IN}
    undeclared = [rule.endpoint for rule, _ in rules(app) if permission_of(app, rule.endpoint) not in held]
    assert undeclared == []


def test_every_word_in_an_address_is_in_the_table(app):
    unknown = {
        name
        for rule, _ in rules(app)
        for name in rule.arguments
        if type(rule._converters[name]).__name__ != "IdConverter" and name not in WORDS
    }
    assert unknown == set()


def test_an_undeclared_route_answers_nobody(app, client_of, monkeypatch):
    def bare() -> str:
        return "open"

    monkeypatch.setitem(app.view_functions, "web.health", bare)
    assert client_of("olga").get("/healthz").status_code == 403


@pytest.mark.parametrize("name", PEOPLE)
def test_no_route_answers_the_wrong_role_and_none_breaks(app, cast, client_of, stage, name):
    allowed = GRANTS[ROLE_OF[name]] if name else frozenset()
    if name == "tim":
        allowed = frozenset(one for one in allowed if not one.startswith("leads."))
    wrong = []
    for rule, method in rules(app):
        needed = permission_of(app, rule.endpoint)
        answer = client_of(name).open(address(app, rule, {}), method=method)
        if method != "GET" and answer.status_code < 400:
            stage[2]()
        wrong += _complaint(rule, method, name, needed, allowed, answer)
    assert wrong == []


def _complaint(rule, method, name, needed, allowed, answer) -> list[str]:
    where = f"{method} {rule.rule} as {name}: {answer.status_code}"
    if answer.status_code >= 500:
        return [where]
    if needed == PUBLIC:
        return []
    if name is None:
        to_sign_in = answer.status_code == 302 and "/sign-in" in answer.headers["Location"]
        return [] if to_sign_in or answer.status_code == 401 else [where]
    may = needed == SIGNED_IN or needed in allowed
    if not may:
        return [] if answer.status_code == 403 else [where]
    return [where] if answer.status_code == 401 else []


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_a_foreign_record_and_a_missing_one_answer_alike(app, cast, client_of, actor, name):
    ids, client, wrong = _foreign_records(cast, actor), client_of(name), []
    own = {"campaign_id": cast.campaigns["roadshow"]}
    before = fingerprint(aside=TELLS_OF_REFUSALS)
    for rule, method in rules(app):
        if not rule.arguments & ids.keys():
            continue
        foreign, missing = (_told(client, address(app, rule, known), method) for known in (own | ids, own))
        if foreign != missing:
            wrong.append(f"{method} {rule.rule} as {name}: foreign {foreign[0]}, missing {missing[0]}")
    assert wrong == []
    assert fingerprint(aside=TELLS_OF_REFUSALS) == before


def _told(client, where: str, method: str) -> tuple[int, str]:
    """What is answered, without the address, which the switch of languages repeats, and without tokens."""
    answer = client.open(where, method=method)
    return answer.status_code, re.sub(r'(?:content|value)="[\w.-]{60,}"', "", answer.text.replace(where, ""))


def _foreign_records(cast, actor) -> dict[str, int]:
    """The blue team's lead, people, QR code, visit, meeting with a to-do, a case and its report; and what others brought in or out."""
    place = {"campaign_id": cast.campaigns["roadshow"], "team_id": cast.teams["blue"]}
    with unit_of_work():
        lead = make.lead(actor("dora"), **place).lead_id
    visit = setting.visit(actor, cast, "dora").id
    meeting = setting.meeting(actor, cast, team="blue", kind="evening")
    with unit_of_work():
        todo = add_todo(actor("olga"), meeting, text="联系客户", owner_id=cast.users["dora"], at=NOON).id
        case = add_case_card(actor("olga"), meeting, member_id=cast.users["dora"], opening="您好", at=NOON).id
        report = store_evening_report(actor("olga"), **place, day=DAY_2, as_of=BELL, at=BELL).id
        photo = make.photo(visit, cast.users["dora"]).id
    with unit_of_work():
        green = create_team(actor("olga"), name="绿队").id
        there = {"campaign_id": cast.campaigns["walk_in"], "phone": "13900007777"}
        make.lead(actor("dora"), team_id=place["team_id"], **there)
        clash = make.lead(actor("olga"), team_id=green, **there).clash_id
    message = unread(actor("dora")).newest[0].id
    batch = sheets.upload(actor("olga"), sheets.csv_bytes([sheets.line(1)])).id
    with unit_of_work():
        code = make_code(
            actor("dora"), campaign_id=place["campaign_id"], session_id=None, member_id=cast.users["dora"], at=NOON
        ).id
    return {
        "lead_id": lead, "user_id": cast.users["dora"], "team_id": place["team_id"], "visit_id": visit, "meeting_id": meeting,
        "todo_id": todo, "case_id": case, "report_id": report, "batch_id": batch, "photo_id": photo,
        "clash_id": clash, "code_id": code, "message_id": message,
    }  # fmt: skip


@pytest.mark.parametrize("raw", ["9223372036854775808", "2147483648", "-1", "1.5", "x", "%00", "1%27"])
def test_numbers_that_no_row_can_have_are_not_found(app, client_of, raw):
    client = client_of("olga")
    wrong = []
    for rule, method in rules(app):
        here = address(app, rule, {})
        path = here.replace(str(MISSING), raw)
        status = client.open(path, method=method).status_code if path != here else 404
        if status != 404 and (status >= 500 or raw.isdigit()):
            wrong.append(f"{method} {path}: {status}")
    assert wrong == []


def test_every_answer_carries_the_security_headers(app, client_of):
    for path in ("/", "/sign-in", "/nowhere", "/healthz", "/static/css/waituo.css"):
        answer = client_of(None).get(path)
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"], path
        assert "unsafe" not in answer.headers["Content-Security-Policy"], path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
    db.session.rollback()
