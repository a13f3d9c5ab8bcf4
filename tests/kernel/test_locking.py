"""Of many who save the same version at the same time one wins, in every room; the others hear that it has moved on."""

from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm.campaigns import commands as campaigns
from crm.contest import commands as contest
from crm.districts import commands as districts
from crm.districts.rules import Kind
from crm.intake import commands as intake
from crm.kernel.actor import SYSTEM, Actor, Role
from crm.kernel.audit import AuditEntry
from crm.kernel.db import db
from crm.kernel.errors import DomainError
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import editing
from crm.leads.commands import LeadCard
from crm.outreach import log_commands
from crm.people import commands as people
from crm.people.models import Membership, SignInBucket, Team, User
from tests import make
from tests.intake.sheets import csv_bytes, line, upload
from tests.moments import DAY_1, DAY_3, DAY_6, NOON

AT_ONCE = 6
FIELD = {"name": "新名", "starts_on": DAY_1, "ends_on": DAY_6}


def all_at_once(app, act: Callable[[int], object], *, people: int = AT_ONCE) -> list[str]:
    """What became of each, sorted: "saved" or the code of the refusal. All have begun before the first one goes on."""
    ready, heard = Barrier(people, timeout=30), []

    def one(number: int) -> None:
        with app.app_context():
            db.session.execute(select(Team.id))
            ready.wait()
            try:
                with unit_of_work():
                    act(number)
                heard.append("saved")
            except DomainError as error:
                heard.append(error.code)
            finally:
                db.session.remove()

    threads = [Thread(target=one, args=(number,)) for number in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(heard)


def _person(cast, _olga: Actor, number: int) -> None:
    facts = {"role": Role.MEMBER, "external": False, "email": "", "active": True}
    people.change_user(SYSTEM, cast.users["bob"], version=1, name=f"鲍勃{number}", **facts)


def _team(cast, _olga: Actor, number: int) -> None:
    people.change_team(SYSTEM, cast.teams["red"], version=1, name=f"红队{number}", slogan="", active=True)


def _district(cast, _olga: Actor, number: int) -> None:
    districts.change_district(SYSTEM, cast.districts["market"], version=1, name=f"商区{number}", kind=Kind.COMMERCIAL)


def _campaign(cast, olga: Actor, number: int) -> None:
    campaigns.change_campaign(olga, cast.campaigns["roadshow"], version=1, goal=str(number), model="roadshow", **FIELD)


def _log(cast, _olga: Actor, number: int) -> None:
    place = {"campaign_id": cast.campaigns["roadshow"], "team_id": cast.teams["red"]}
    log_commands.save_log(SYSTEM, **place, day=DAY_1, at=NOON, version=1, plan=str(number))


@pytest.mark.parametrize("edit", [_person, _team, _district, _campaign, _log])
def test_of_six_who_save_the_same_version_one_wins(app, cast, actor, edit):
    olga = actor("olga")
    heard = all_at_once(app, lambda number: edit(cast, olga, number))
    assert heard == ["form.stale"] * (AT_ONCE - 1) + ["saved"]


def test_of_six_who_edit_a_lead_one_wins(app, cast, actor):
    with unit_of_work():
        place = {"campaign_id": cast.campaigns["roadshow"], "team_id": cast.teams["red"]}
        lead = make.lead(actor("bob"), **place).lead_id

    def edit(number: int) -> None:
        card = LeadCard(name=f"张三{number}", phone="", trade="catering")
        editing.edit_lead(SYSTEM, lead, version=1, card=card, at=NOON)

    assert all_at_once(app, edit) == ["form.stale"] * (AT_ONCE - 1) + ["saved"]


def test_of_six_who_change_a_contest_one_wins(app, cast):
    field = {"campaign_ids": [cast.campaigns["roadshow"]], "team_ids": [cast.teams["red"]]}
    with unit_of_work():
        made = contest.create_contest(SYSTEM, code="PK-1", **field, **FIELD).id
    heard = all_at_once(app, lambda number: contest.change_contest(SYSTEM, made, version=1, **field, **FIELD))
    assert heard == ["form.stale"] * (AT_ONCE - 1) + ["saved"]


def test_of_six_who_confirm_an_import_one_releases_it(app, actor):
    olga, batch = actor("olga"), upload(actor("olga"), csv_bytes([line(1)]))
    mapped = batch.id, batch.version
    heard = all_at_once(app, lambda _: intake.confirm(olga, mapped[0], mode="good", at=NOON, version=mapped[1]))
    assert heard == ["saved"] * AT_ONCE
    told = select(func.count()).select_from(AuditEntry).where(AuditEntry.action == "intake.confirm")
    assert db.session.scalar(told) == 1


def _post(app, client_of, path: str, data: dict[str, str], who: str | None) -> list[int]:
    """The same form from six browsers at once; the statuses, sorted."""
    clients = [client_of(who) for _ in range(AT_ONCE)]
    ready, seen = Barrier(AT_ONCE, timeout=30), []

    def one(client: FlaskClient) -> None:
        ready.wait()
        with app.app_context():
            seen.append(client.post(path, data=data).status_code)

    threads = [Thread(target=one, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()  # what was read before is an older picture
    return sorted(seen)


def test_a_form_that_arrives_six_times_at_once_is_one_team(app, client_of):
    seen = _post(app, client_of, "/teams/new", {"name": "新队", "client_uid": "a-form-of-mine"}, "adam")
    assert seen == [302] * AT_ONCE
    assert db.session.scalar(select(func.count()).select_from(Team).where(Team.name == "新队")) == 1


def test_six_who_take_the_same_name_at_once_hear_that_it_is_taken(app, client_of):
    assert set(_post(app, client_of, "/teams/new", {"name": "新队"}, "adam")[1:]) <= {409, 422}
    person = {"login": "fritz", "name": "弗里茨", "role": "member"}
    assert set(_post(app, client_of, "/people/new", person, "adam")[1:]) <= {409, 422}
    assert db.session.scalar(select(func.count()).select_from(User).where(User.login == "fritz")) == 1


def test_a_person_who_is_put_into_a_team_six_times_at_once_is_in_it_once(app, client_of, cast):
    entry = {"user_id": str(cast.users["eve"]), "on": DAY_3.isoformat()}
    seen = _post(app, client_of, f"/teams/{cast.teams['blue']}/join", entry, "adam")
    assert set(seen) <= {302, 409}
    wanted = Membership.user_id == cast.users["eve"], Membership.valid_to.is_(None)
    assert db.session.scalar(select(func.count()).select_from(Membership).where(*wanted)) == 1


@pytest.mark.parametrize("login", ["bob", "nobody"])
def test_of_failures_at_once_each_counts(app, login):
    def fail(_number: int) -> None:
        assert (
            people.sign_in(login=login, checked=people.Checked(False, None, None), address="10.0.0.9", at=NOON) is None
        )

    assert all_at_once(app, fail, people=4) == ["saved"] * 4
    counts = dict(db.session.execute(select(SignInBucket.address, SignInBucket.failures)).all())
    assert counts.pop("10.0.0.9") == 4
    of_bob = db.session.scalar(select(User.failed_sign_ins).where(User.login == "bob"))
    assert (of_bob, list(counts.values())) == ((4, []) if login == "bob" else (0, [4]))
