"""Every form that writes, as each person of the cast finds it in a bank where everything stands in every state."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm.campaigns.commands import create_campaign
from crm.contest import commands as contests
from crm.contest.clashing import decide_clash
from crm.contest.rules import RuleSet
from crm.intake.commands import keep_check
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.editing import exit_lead
from crm.leads.merging import merge
from crm.leads.rules import Exit
from crm.meetings.pledging import set_pledges
from crm.outreach.log_commands import lock_log
from tests import make
from tests.conftest import Reset
from tests.intake import sheets
from tests.moments import DAY_1, DAY_2, DAY_6, NOON
from tests.whole.crawling import Form, Rows, addresses, contents, forms_of, one_of_everything

READERS = ("olga", "alice", "bob", "adam", "mona")
Key = tuple[str, ...]
ASIDE = frozenset({"audit_entry", "submission", "sign_in_attempt", "address_failure"})
"""Tables that may tell that somebody tried."""


@dataclass
class Bank:
    """The forms by where they lead and what they ask for, each as (person, form); and how to come back to the start.

    `good`: of each kind the one that is known to be accepted. `rows`: what the tables hold at the start.
    """

    forms: dict[Key, list[tuple[str, Form]]]
    reset: Reset
    home: Path
    good: dict[Key, tuple[str, Form]] = field(default_factory=dict)
    rows: Rows = field(default_factory=dict)

    def keep(self) -> None:
        """Looks at the rows, and keeps the uploads, which a form may delete."""
        self.rows = contents(aside=ASIDE)
        shutil.copytree(self.home / "uploads", self.home / "uploads-kept")

    def back(self) -> None:
        """Rows and uploads as they were."""
        self.reset()
        shutil.copytree(self.home / "uploads-kept", self.home / "uploads", dirs_exist_ok=True)


@pytest.fixture(scope="session")
def banks() -> list[Bank]:
    """The bank of this process, once it is made: making and reading it takes seconds."""
    return []


@pytest.fixture
def full_bank(app, cast, actor, home, client_of, banks) -> Bank:
    """The bank at its start."""
    if not banks:
        ids = one_of_everything(cast, actor)
        more = further_states(cast, actor, ids)
        made = Bank(forms_found(app, client_of, [*addresses(app, ids), *more]), Reset(app, home, "forms.db"), home)
        made.keep()
        banks.append(made)
    banks[0].back()
    return banks[0]


def further_states(cast, actor, ids: dict[str, list[int]]) -> list[str]:
    """Writes what stands in a state that is not everyday; adds the ids, and answers further addresses."""
    olga, place = actor("olga"), {"campaign_id": cast.campaigns["roadshow"], "team_id": cast.teams["red"]}
    field = {"campaign_ids": [place["campaign_id"]], "team_ids": list(cast.teams.values())}
    plan = {"starts_on": DAY_1, "ends_on": DAY_6}
    with unit_of_work():
        draft = contests.create_contest(olga, code="PK-2", name="下一场", **field, **plan)
        changing = contests.create_contest(olga, code="PK-3", name="改规则", **field, **plan)
        contests.start_contest(olga, changing.id, version=changing.version)
        contests.propose_rules(
            olga, changing.id, version=changing.version, rules=RuleSet(caps={"visit": 7}), in_force_from=NOON, reason="调整",
            at=NOON,
        )  # fmt: skip
        campaign = create_campaign(olga, at=NOON, code="C-NEXT", name="下一季", model="roadshow", **plan)
        kept, lost, gone = (make.lead(actor("bob"), **place).lead_id for _ in range(3))
        merge(olga, keep=kept, lose=lost, reason="同一人", at=NOON)
        exit_lead(olga, gone, Exit.REFUSED, reason="", at=NOON)
        lock_log(olga, **place, day=DAY_1, at=NOON)
        set_pledges(olga, **place, member_id=cast.users["alice"], day=DAY_2, values={"visits": 3}, reason="", at=NOON)
        held = make.lead(
            actor("dora"), campaign_id=place["campaign_id"], team_id=cast.teams["blue"], phone="13900008888"
        )
        lost_clash = make.lead(actor("bob"), **place, phone="13900008888").clash_id
        assert (held.clash_id, lost_clash is None) == (None, False)
        decide_clash(olga, lost_clash, version=1, outcome="holder", reason="先到", at=NOON)
    batch = sheets.upload(olga, sheets.csv_bytes([sheets.line(4)]))
    result = sheets.check(olga, batch)
    with unit_of_work():
        keep_check(olga, batch.id, result, version=batch.version)
    ids["contest_id"] += [draft.id, changing.id]
    ids["campaign_id"].append(campaign.id)
    ids["lead_id"] += [kept, gone]
    ids["batch_id"].append(batch.id)
    ids["clash_id"].append(lost_clash)
    return [f"/log?campaign={place['campaign_id']}&team={place['team_id']}&day={day}" for day in (DAY_1, DAY_2)]


def forms_found(
    app: Flask, client_of: Callable[[str | None], FlaskClient], pages: list[str]
) -> dict[Key, list[tuple[str, Form]]]:
    """The forms that write, by endpoint and fields (ids in their names aside)."""
    found: dict[Key, list[tuple[str, Form]]] = {}
    adapter = app.url_map.bind("localhost")
    for name in READERS:
        client = client_of(name)
        for address in pages:
            answer = client.get(address)
            if answer.mimetype != "text/html":
                continue
            for form in forms_of(answer.text, address):
                if form.method != "post" or not form.sendable:
                    continue
                endpoint, _ = adapter.match(form.action.partition("?")[0], method="POST")
                fields = {"".join("#" if letter.isdigit() else letter for letter in one) for one in form.names}
                found.setdefault((endpoint, *sorted(fields)), []).append((name, form))
    return found
