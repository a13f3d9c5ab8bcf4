"""A campaign of 50,000 leads and 150,000 entries, put into the tables raw: 6 days, 8 teams, 24 districts."""

import random
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import insert

from crm.districts.models import District
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.installation import keys
from crm.kernel.unit_of_work import unit_of_work
from crm.kernel.values import grams, search_text
from crm.leads.ledger import add_to_rollups
from crm.leads.ledger_models import LeadStage, StageEntry
from crm.leads.models import Lead, LeadGram
from crm.leads.party import person_key, phone_key, tail_key
from crm.people.models import Team
from tests import cast as casting
from tests.moments import DAY_1

LEADS = 50_000
CELLS = 3_356
STAGES = ("consult", "application", "accepted")
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉"
SHOPS = ("面馆", "五金", "超市", "服装", "建材", "茶行")


def fill() -> casting.Cast:
    """Fills an empty, migrated database; gives the cast that owns it."""
    draw = random.Random(11)
    with unit_of_work():
        cast = casting.put_on_stage()
        at = at_local(DAY_1, 7)
        teams = [*cast.teams.values(), *(_new(Team(name=f"第{number}队", created_at=at)) for number in range(3, 9))]
        districts = [_district(number, at) for number in range(24)]
        places = _places(teams, districts)
        leads, entries, marks, windows = [], [], [], []
        for lead_id in range(1, LEADS + 1):
            day, team, district = places[lead_id % len(places)]
            member = cast.users[draw.choice(("alice", "bob", "charlie", "dora"))]
            moment = at_local(DAY_1 + timedelta(days=day), draw.randrange(9, 17), draw.randrange(60))
            lead = _lead(draw, lead_id, cast.campaigns["roadshow"], team, district, member, moment)
            leads.append(lead)
            windows += [{"gram": gram, "lead_id": lead_id} for gram in grams(lead["search_text"])]
            rows = [_entry(lead_id * 3 + place, lead, stage, moment) for place, stage in enumerate(STAGES)]
            entries += rows
            marks += [_mark(row) for row in rows if _in_a_cell(places, lead_id, row["stage"])]
        for table, rows in ((Lead, leads), (LeadGram, windows), (StageEntry, entries), (LeadStage, marks)):
            _put(table, rows)
        _roll_up(marks)
    with db.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
    return cast


def _new(row: Any) -> int:
    db.session.add(row)
    db.session.flush()
    return int(row.id)


def _district(number: int, at: Any) -> int:
    district = District(name=f"第{number}网格", kind="commercial", depth=0, created_at=at)
    _new(district)
    district.path = f"/{district.id}/"
    return district.id


def _places(teams: list[int], districts: list[int]) -> list[tuple[int, int, int]]:
    return [(day, team, district) for day in range(6) for team in teams for district in districts]


def _in_a_cell(places: list[tuple[int, int, int]], lead_id: int, stage: str) -> bool:
    """The last 100 places never come to an accepted case, which leaves CELLS cells of 3,456."""
    return stage != "accepted" or lead_id % len(places) < len(places) - (len(places) * len(STAGES) - CELLS)


def _lead(
    draw: random.Random, lead_id: int, campaign: int, team: int, district: int, member: int, at: Any
) -> dict[str, Any]:
    name = draw.choice(SURNAMES) + draw.choice(GIVEN) + draw.choice(GIVEN)
    shop, address = f"{name[0]}记{draw.choice(SHOPS)}", f"东大街{lead_id % 500}号"
    phone, uid = f"140{lead_id:08d}", f"bench-{lead_id}"
    return {
        "id": lead_id, "uid": uid, "campaign_id": campaign, "team_id": team, "owner_id": member, "district_id": district,
        "name": name, "shop": shop, "address": address, "search_text": search_text(name, shop, address), "trade": "catering",
        "phone_sealed": keys().seal(phone, place=f"lead.phone:{uid}"), "phone_key": phone_key(campaign, phone),
        "person_key": person_key(phone), "tail_key": tail_key(phone[-4:]), "stage": "accepted", "stage_on": at.date(),
        "details": {}, "created_at": at, "updated_at": at,
    }  # fmt: skip


def _entry(entry_id: int, lead: dict[str, Any], stage: str, at: Any) -> dict[str, Any]:
    return {
        "id": entry_id, "lead_id": lead["id"], "campaign_id": lead["campaign_id"], "district_id": lead["district_id"],
        "team_id": lead["team_id"], "stage": stage, "day": at.date(), "credited_id": lead["owner_id"], "occurred_at": at,
        "recorded_at": at, "received_at": at, "reason": "",
    }  # fmt: skip


def _mark(entry: dict[str, Any]) -> dict[str, Any]:
    kept = ("lead_id", "stage", "campaign_id", "day", "district_id", "team_id", "credited_id")
    return {name: entry[name] for name in kept} | {"entry_id": entry["id"]}


def _put(table: Any, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), 5_000):
        db.session.execute(insert(table), rows[start : start + 5_000])


def _roll_up(marks: Iterable[dict[str, Any]]) -> None:
    teams: Counter[tuple[object, ...]] = Counter()
    members: Counter[tuple[object, ...]] = Counter()
    for one in marks:
        teams[one["campaign_id"], one["day"], one["team_id"], one["district_id"], one["stage"]] += 1
        members[one["campaign_id"], one["day"], one["credited_id"], one["team_id"], one["stage"]] += 1
    assert len(teams) == CELLS, len(teams)
    add_to_rollups(teams, members)
