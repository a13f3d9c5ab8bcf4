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


def test_teams_are_listed_and_added(crm):
    assert crm("teams", "add", "绿队")[0] == 0
    assert [team["name"] for team in crm("teams", "list")[1]] == ["红队", "蓝队", "绿队"]


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
