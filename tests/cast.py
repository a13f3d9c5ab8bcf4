"""The standing cast. Alice leads the Red team with Bob; Charlie leads Blue with Dora: outside for Alice. Olga organises, Tim is a
hired trainer, Mona manages, Audrey audits, Adam administers. Eve left the Red team on DAY_1 and belongs to none."""

from dataclasses import dataclass, field

from crm.campaigns.models import Campaign, CampaignDistrict, CampaignTeam
from crm.campaigns.rules import VALID_OUTCOMES
from crm.districts.models import District
from crm.founding import lay_foundation
from crm.kernel.actor import SYSTEM, Role
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.people import commands as people
from tests.moments import DAY_1, DAY_2, DAY_6

PASSWORD = "correct horse 外拓"


@dataclass
class Cast:
    """Ids by name, the same in every test."""

    users: dict[str, int] = field(default_factory=dict)
    teams: dict[str, int] = field(default_factory=dict)
    districts: dict[str, int] = field(default_factory=dict)
    campaigns: dict[str, int] = field(default_factory=dict)


_PEOPLE = (
    ("adam", "亚当", Role.ADMIN, False),
    ("alice", "爱丽", Role.TEAM_LEAD, False),
    ("audrey", "奥黛", Role.AUDITOR, False),
    ("bob", "鲍勃", Role.MEMBER, False),
    ("charlie", "查理", Role.TEAM_LEAD, False),
    ("dora", "朵拉", Role.MEMBER, False),
    ("eve", "伊芙", Role.MEMBER, False),
    ("mona", "莫娜", Role.MANAGER, False),
    ("olga", "欧佳", Role.ORGANISER, False),
    ("tim", "铁木", Role.ORGANISER, True),
)
ROLE_OF = {name: role for name, _, role, _ in _PEOPLE}


def put_on_stage() -> Cast:
    """Writes the cast into an empty, migrated database, inside an open unit of work."""
    cast = Cast()
    at = at_local(DAY_1, 7)
    lay_foundation(bank="测试农商银行", today=DAY_1, at=at)
    for login, name, role, external in _PEOPLE:
        cast.users[login] = people.create_user(
            SYSTEM, login=login, name=name, role=role, external=external, password=PASSWORD
        ).id
    for name in ("red", "blue"):
        cast.teams[name] = people.create_team(SYSTEM, name={"red": "红队", "blue": "蓝队"}[name]).id
    for login, team, is_lead in (
        ("alice", "red", True),
        ("bob", "red", False),
        ("charlie", "blue", True),
        ("dora", "blue", False),
    ):
        people.join_team(SYSTEM, user_id=cast.users[login], team_id=cast.teams[team], on=DAY_1, is_lead=is_lead)
    people.join_team(SYSTEM, user_id=cast.users["eve"], team_id=cast.teams["red"], on=DAY_1)
    people.leave_team(SYSTEM, user_id=cast.users["eve"], on=DAY_2)
    _places(cast, at)
    return cast


def _places(cast: Cast, at: object) -> None:
    for key, name, kind, parent in (
        ("town", "城关镇", "community", None),
        ("market", "东大街商区", "commercial", "town"),
        ("estate", "幸福社区", "community", "town"),
        ("village", "柳树村", "rural", None),
    ):
        above = db.session.get(District, cast.districts[parent]) if parent else None
        district = District(
            name=name,
            kind=kind,
            parent_id=above.id if above else None,
            depth=above.depth + 1 if above else 0,
            created_at=at,
        )
        db.session.add(district)
        db.session.flush()
        district.path = f"{above.path if above else '/'}{district.id}/"
        cast.districts[key] = district.id
    campaign = Campaign(
        code="C-ROAD", name="东大街路演", model="roadshow", status="running", starts_on=DAY_1, ends_on=DAY_6,
        valid_outcomes=list(VALID_OUTCOMES), valid_rule="与店主谈及具体产品", created_by_id=cast.users["olga"], created_at=at,
    )  # fmt: skip
    db.session.add(campaign)
    db.session.flush()
    cast.campaigns["roadshow"] = campaign.id
    cast.campaigns["walk_in"] = db.session.scalar(db.select(Campaign.id).where(Campaign.walk_in))
    for district in ("market", "village"):
        db.session.add(CampaignDistrict(campaign_id=campaign.id, district_id=cast.districts[district]))
    for team, district in (("red", "market"), ("blue", "village")):
        db.session.add(
            CampaignTeam(campaign_id=campaign.id, team_id=cast.teams[team], district_id=cast.districts[district])
        )
    db.session.flush()
