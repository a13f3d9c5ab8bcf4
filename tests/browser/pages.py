"""Every page that can be looked at: each address of the app, with records of the demo for those that show one."""

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

from flask import Flask

from crm import create_app
from crm.kernel.actor import Role
from crm.kernel.crypto import Keys
from crm.settings import Settings
from crm.web.guards import PUBLIC, SIGNED_IN, permission_of
from crm.wiring import GRANTS

NO_PAGES = frozenset({
    "static", "web.health", "web.fresh_token", "web.home", "figures.funnel_csv", "reports.download", "intake.problems",
    "intake.progress", "intake.columns", "intake.show", "intake.template", "districts.branch", "contest.standings",
    "contest.projected", "field.bundle", "field.held_record", "field.lost_phone",
    "field.home", "field.manifest", "field.photo", "field.photo_state", "field.session", "field.shell",
    "field.start", "field.team_json", "field.team_workbook", "field.worker", "people.welcome", "people.sign_in", "leads.merge",
    "enquiries.picture", "enquiries.take_out", "enquiries.thanks",
})  # fmt: skip
"""Files, fragments of pages, answers for programs; pages of a record that the demo does not have; the page before all others."""

QUESTIONS = {
    "figures.records": "?window=all&stage=application",
    "contest.score": "?team=1",
    "figures.funnel": "?window=all",
}
OWN = frozenset({"field.phones_page"})
"""Pages about a person, which only some may open of others."""
TEAM = "(SELECT id FROM team WHERE name = '飞虎队')"
SPRINT = "(SELECT id FROM campaign WHERE code = 'DEMO-ROADSHOW')"
RECORDS = {
    "campaign_id": f"SELECT {SPRINT}",
    "session_id": f"SELECT id FROM campaign_session WHERE campaign_id = {SPRINT}",
    "clash_id": f"SELECT id FROM clash WHERE team_id = {TEAM} OR held_team_id = {TEAM} ORDER BY id DESC",
    "contest_id": "SELECT id FROM contest",
    "district_id": "SELECT id FROM district ORDER BY id DESC",
    "lead_id": f"SELECT lead_id FROM stage_entry WHERE stage = 'accepted' AND team_id = {TEAM}",
    "meeting_id": f"SELECT id FROM meeting WHERE campaign_id = {SPRINT} AND kind = 'evening' AND team_id = {TEAM}",
    "report_id": f"SELECT id FROM stored_report WHERE team_id = {TEAM} ORDER BY id DESC",
    "team_id": f"SELECT {TEAM}",
    "user_id": "SELECT id FROM user_account WHERE login = 'm101'",
    "visit_id": "SELECT max(visit.id) FROM visit JOIN user_account one ON one.id = visit.member_id WHERE one.login = 'm101'",
    "code_id": f"SELECT id FROM poster_code WHERE campaign_id = {SPRINT} AND session_id IS NOT NULL",
    "text_id": "SELECT id FROM poster_text WHERE state = 'draft'",
    "token": "SELECT token FROM poster_code WHERE session_id IS NOT NULL",
    "lang": "SELECT 'zh'",
    "day": f"SELECT max(day) FROM daily_log WHERE campaign_id = {SPRINT}",
}
ROLE_OF = {
    "organiser": Role.ORGANISER,
    "lead1": Role.TEAM_LEAD,
    "m101": Role.MEMBER,
    "manager": Role.MANAGER,
    "auditor": Role.AUDITOR,
    "admin": Role.ADMIN,
}


@cache
def _app(home: Path) -> Flask:
    """An app that is asked for its addresses only; its database is never opened."""
    keys = Keys(b"c" * 32, b"d" * 32, b"i" * 32)
    return create_app(Settings(home=home, database_url="sqlite://", keys=keys, bank="清江农商银行", testing=True))


def pages(home: Path, login: str) -> list[tuple[str, str]]:
    """Endpoint and address of each page that a person of the demo may open."""
    app = _app(home)
    allowed = GRANTS[ROLE_OF[login]] | {PUBLIC, SIGNED_IN}
    with closing(sqlite3.connect(home / "demo" / "crm.db")) as base:
        values = {name: base.execute(question).fetchone()[0] for name, question in RECORDS.items()}
        (own,) = base.execute("SELECT id FROM user_account WHERE login = ?", [login]).fetchone()
    # An administrator brings people in and no customers.
    values["kind"] = "leads" if "intake.leads" in allowed else "roster"
    found = []
    for rule in app.url_map.iter_rules():
        if (
            "GET" in (rule.methods or ())
            and rule.endpoint not in NO_PAGES
            and permission_of(app, rule.endpoint) in allowed
        ):
            known = values | {"user_id": own} if rule.endpoint in OWN else values
            address = app.url_map.bind("localhost").build(rule.endpoint, {name: known[name] for name in rule.arguments})
            found.append((rule.endpoint, address + QUESTIONS.get(rule.endpoint, "")))
    return sorted(found)
