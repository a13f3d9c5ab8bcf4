"""Commands of the terminal for people, teams and the audit."""

import json

import pytest
from click.testing import CliRunner

from crm.cli import _attach
from crm.kernel import terminal
from crm.people import console
from crm.people.queries import user_by_login


@pytest.fixture
def crm(app, monkeypatch):
    """crm("people", "list") -> (exit code, parsed JSON)."""
    monkeypatch.setattr(terminal, "application", lambda: app)
    runner = CliRunner()

    def run(group: str, command: str, *arguments: str):
        found = next(one for one in console.GROUPS[group] if one.name == command)
        result = runner.invoke(found, [*arguments, "--json"])
        return result.exit_code, json.loads(result.output) if result.output.startswith(("{", "[")) else result

    return run


def test_people_are_listed_added_moved_and_shut_out(crm, cast):
    code, rows = crm("people", "list")
    assert code == 0
    assert [row["login"] for row in rows] == list(cast.users)
    code, made = crm("people", "add", "fred", "弗雷", "--role", "team_lead", "--team", "红队", "--phone", "13800138000")
    assert code == 0
    assert made["path"].startswith("/welcome/")
    assert crm("people", "leave", "fred", "--from", "2026-11-18")[0] == 0
    assert crm("people", "join", "fred", "蓝队", "--from", "2026-11-18", "--lead")[0] == 0
    assert crm("people", "token", "fred")[1]["path"] != made["path"]
    assert crm("people", "deactivate", "fred")[1]["active"] is False
    assert user_by_login("fred").active is False
    assert crm("people", "deactivate", "fred", "--undo")[1]["active"] is True


def test_rights_and_cards_are_changed_and_what_is_not_named_stays(crm, cast):
    assert crm("people", "change", "olga", "--external", "--email", "olga@bank.example")[1]["external"] is True
    assert crm("people", "change", "eve", "--role", "auditor", "--name", "伊芙二")[1]["role"] == "auditor"
    olga, eve = user_by_login("olga"), user_by_login("eve")
    assert (olga.role, olga.external, olga.email, olga.session_version) == ("organiser", True, "olga@bank.example", 2)
    assert (eve.name, eve.role) == ("伊芙二", "auditor")
    refused = crm("people", "change", "adam", "--role", "member")
    assert refused[0] == 1
    assert user_by_login("adam").role == "admin"
    assert crm("people", "deactivate", "adam")[0] == 1


def test_a_persons_teams_are_told(crm, cast):
    assert crm("people", "leave", "bob", "--from", "2026-11-18")[0] == 0
    told = [{"team": "红队", "lead": False, "from": "2026-11-16", "to": "2026-11-17"}]
    assert crm("people", "show", "bob") == (0, told)


def test_a_lock_is_lifted(crm, client_of):
    for _ in range(5):
        client_of(None).post("/sign-in", data={"login": "bob", "password": "wrong wrong 1"})
    assert user_by_login("bob").locked_until is not None
    assert crm("people", "unlock", "bob")[0] == 0
    assert user_by_login("bob").locked_until is None


def test_teams_are_listed_added_renamed_and_closed(crm):
    assert crm("teams", "add", "绿队")[0] == 0
    assert [team["name"] for team in crm("teams", "list")[1]] == ["红队", "蓝队", "绿队"]
    code, changed = crm("teams", "change", "绿队", "--name", "青队", "--close")
    assert (code, changed["name"], changed["active"]) == (0, "青队", False)
    assert crm("people", "join", "bob", "青队")[0] == 1
    assert crm("teams", "change", "青队", "--open")[1]["active"] is True


def test_the_audit_is_verified(crm):
    code, chain = crm("audit", "verify")
    assert (code, chain["broken"]) == (0, [])
    assert chain["entries"] > 10


def test_a_refusal_changes_nothing(crm, cast):
    assert crm("people", "token", "nobody")[0] == 1
    assert crm("people", "join", "bob", "没有的组")[0] == 1
    assert crm("people", "add", "bob", "鲍勃二世")[0] == 1


def test_the_rooms_commands_fit_the_command_line(app):
    _attach(console)
