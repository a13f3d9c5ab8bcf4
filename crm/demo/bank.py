"""The bank before the first day: people, teams, districts, eight campaigns of the eight models, and one PK."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

from crm.campaigns import commands as campaigns
from crm.campaigns import plan_commands as plans
from crm.campaigns.rules import CampaignModel, Status
from crm.contest import commands as contests
from crm.demo.names import SLOGANS, STAFF, TEAMS
from crm.districts.commands import create_district
from crm.districts.rules import Kind
from crm.kernel.actor import SYSTEM, Actor, Role
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.people import commands as people
from crm.people.models import User
from crm.people.passwords import hash_password
from crm.people.queries import actor_of
from crm.wiring import GRANTS

PASSWORD = "Waituo-demo-2026"  # noqa: S105 - the demo's, shown on its sign-in page; a real installation has none
SIZES = (7, 6, 6, 5, 8, 5)
SPRINT, PK = "DEMO-ROADSHOW", "DEMO-PK"
"""Codes of the sprint and its contest."""
FIELD_DAYS = 6
"""The sprint: six whole days that end yesterday; today is its last day, with training and awards."""


@dataclass(frozen=True)
class Place:
    """A team's district and how many its members meet there: ranges per person-day of domain.md §7."""

    name: str
    kind: Kind
    contacts: tuple[int, int]
    valid: tuple[int, int]
    consults: tuple[float, float]
    applications: tuple[float, float]
    accepted: tuple[float, float]


PLACES = (
    Place("东大街商区", Kind.COMMERCIAL, (25, 35), (15, 20), (6, 9), (1.2, 1.8), (0.7, 1.1)),
    Place("幸福里社区", Kind.COMMUNITY, (20, 30), (8, 12), (3, 5), (0.4, 0.8), (0.2, 0.5)),
    Place("高新产业园", Kind.PARK, (6, 10), (4, 7), (2, 4), (0.5, 0.9), (0.3, 0.5)),
    Place("柳溪农区", Kind.RURAL, (12, 18), (9, 14), (4, 7), (0.8, 1.4), (0.5, 0.9)),
    Place("北市场商区", Kind.COMMERCIAL, (25, 35), (15, 20), (6, 9), (1.2, 1.8), (0.7, 1.1)),
    Place("桃花坪农区", Kind.RURAL, (12, 18), (9, 14), (4, 7), (0.8, 1.4), (0.5, 0.9)),
)


@dataclass
class Bank:
    """What was made, by name or place in the list."""

    today: date
    users: dict[str, int] = field(default_factory=dict)
    teams: list[int] = field(default_factory=list)
    leads: list[str] = field(default_factory=list)
    members: list[list[str]] = field(default_factory=list)
    districts: dict[str, int] = field(default_factory=dict)
    campaigns: dict[str, int] = field(default_factory=dict)
    contest_id: int = 0
    actors: dict[tuple[str, date], Actor] = field(default_factory=dict)

    @property
    def first_day(self) -> date:
        """The first field day of the sprint."""
        return self.today - timedelta(days=FIELD_DAYS)

    def actor(self, login: str, on: date) -> Actor:
        """That person with the rights of that day; asked thousands of times, looked up once."""
        known = self.actors.get((login, on))
        if known is None:
            user = db.session.get_one(User, self.users[login])
            known = self.actors[login, on] = actor_of(user, on=on, grants=GRANTS)
        return known


def found_bank(today: date, rng: Random) -> Bank:
    """Makes the bank inside an open unit of work."""
    bank = Bank(today)
    _people(bank)
    _districts(bank)
    _campaigns(bank, rng)
    _contest(bank)
    return bank


def _people(bank: Bank) -> None:
    since = bank.today - timedelta(days=60)
    for login, name, role, external in (
        ("admin", "系统管理员", Role.ADMIN, False),
        ("organiser", "顾明远", Role.ORGANISER, False),
        ("trainer", "张老师（外聘）", Role.ORGANISER, True),
        ("manager", "陈行长", Role.MANAGER, False),
        ("auditor", "合规 宋岩", Role.AUDITOR, False),
    ):
        _user(bank, login, name, role, external)
    names = iter(STAFF)
    for place, (team_name, size) in enumerate(zip(TEAMS, SIZES, strict=True)):
        team = people.create_team(SYSTEM, name=team_name, slogan=SLOGANS[place])
        bank.teams.append(team.id)
        logins = [f"lead{place + 1}", *(f"m{place + 1}{number:02d}" for number in range(1, size))]
        for login in logins:
            leads = login == logins[0]
            _user(bank, login, next(names), Role.TEAM_LEAD if leads else Role.MEMBER, False)
            people.join_team(SYSTEM, user_id=bank.users[login], team_id=team.id, on=since, is_lead=leads)
        bank.leads.append(logins[0])
        bank.members.append(logins)


def _user(bank: Bank, login: str, name: str, role: Role, external: bool) -> None:
    user = people.create_user(SYSTEM, login=login, name=name, role=role, external=external)
    if bank.users:
        # One demo password: hashing it once instead of forty times saves most of the set-up's time.
        user.password_hash = db.session.get_one(User, next(iter(bank.users.values()))).password_hash
    else:
        user.password_hash = hash_password(PASSWORD)
    bank.users[login] = user.id


def _districts(bank: Bank) -> None:
    county = create_district(SYSTEM, name="清江县", kind=Kind.COMMUNITY, code="QJ")
    towns = {
        "城关镇": ("东大街商区", "北市场商区", "幸福里社区"),
        "柳溪镇": ("柳溪农区", "高新产业园"),
        "桃花乡": ("桃花坪农区",),
    }
    kinds = {place.name: place.kind for place in PLACES}
    for number, (town_name, below) in enumerate(towns.items(), 1):
        town = create_district(SYSTEM, name=town_name, kind=Kind.COMMUNITY, parent_id=county.id, code=f"QJ{number:02d}")
        for place, name in enumerate(below, 1):
            made = create_district(
                SYSTEM, name=name, kind=kinds[name], parent_id=town.id, code=f"QJ{number:02d}{place:02d}"
            )
            bank.districts[name] = made.id


PLANNED = (
    (
        CampaignModel.ROADSHOW,
        "六天大会战·街面路演",
        -FIELD_DAYS,
        0,
        Status.RUNNING,
        range(6),
        "六天内咨询一千户、申请二百户、进件一百二十户",
    ),
    (
        CampaignModel.FESTIVAL,
        "重阳节敬老商圈行",
        -30,
        -27,
        Status.CLOSED,
        (0, 4),
        "与餐饮、家电、婚庆商户联合，节日满减加信贷咨询",
    ),
    (
        CampaignModel.EVENT,
        "防灾减灾公益宣传",
        -20,
        -18,
        Status.CLOSED,
        (1, 3),
        "与应急管理局联合，进社区讲防灾，建立信任",
    ),
    (
        CampaignModel.CROSSOVER,
        "家装分期联合行动",
        -12,
        15,
        Status.RUNNING,
        (2, 4),
        "与三家建材商场合作分期，商户与业主双线获客",
    ),
    (
        CampaignModel.WECHAT,
        "客户经理微信拓客月",
        -20,
        10,
        Status.RUNNING,
        (0, 1, 5),
        "只计有效回复，不计单纯加好友",
    ),
    (CampaignModel.INTEREST, "羽毛球俱乐部双周赛", -15, 30, Status.RUNNING, (2,), "园区企业主固定场次，增进往来"),
    (CampaignModel.SALON, "小微企业主私享沙龙", 3, 5, Status.APPROVED, (2, 4), "邀约十二位A、B类客户，两次确认"),
    (
        CampaignModel.LECTURE,
        "人社局创业培训嵌入讲座",
        12,
        12,
        Status.DRAFT,
        (3, 5),
        "与人社局合办，课程嵌入信贷一小时",
    ),
)
"""The campaigns: model, name, first and last day counted from today, status, places of the teams in the list of teams, goal."""


def _campaigns(bank: Bank, rng: Random) -> None:
    day = bank.today
    for model, name, starts, ends, status, teams, goal in PLANNED:
        bank.campaigns[model] = _campaign(
            bank, model, name, day + timedelta(days=starts), day + timedelta(days=ends), status, teams, goal, rng
        )


def _campaign(
    bank: Bank,
    model: CampaignModel,
    name: str,
    first: date,
    last: date,
    status: Status,
    teams: range | tuple[int, ...],
    goal: str,
    rng: Random,
) -> int:
    organiser, manager = bank.actor("organiser", bank.today), bank.actor("manager", bank.today)
    at = at_local(first - timedelta(days=10), 10)
    made = campaigns.create_campaign(
        organiser, name=name, model=model, starts_on=first, ends_on=last, at=at, code=f"DEMO-{model.upper()}", goal=goal,
        valid_rule="与店主或户主当面谈及具体产品，时间不少于两分钟",
    )  # fmt: skip
    plans.set_teams(organiser, made.id, {bank.teams[place]: bank.districts[PLACES[place].name] for place in teams})
    for place in teams:
        plans.add_district(organiser, made.id, bank.districts[PLACES[place].name])
    plans.add_session(
        organiser, made.id, name="第一场", starts_at=at_local(first, 9, 30), ends_at=at_local(first, 11, 30),
        place=PLACES[teams[0]].name, district_id=bank.districts[PLACES[teams[0]].name],
    )  # fmt: skip
    _targets(bank, organiser, made.id, teams, days=FIELD_DAYS if model is CampaignModel.ROADSHOW else 2)
    planned = rng.randrange(8, 40) * 100_00
    plans.set_budget(organiser, made.id, [
        plans.BudgetItem("物料与展架", planned, planned * 9 // 10 if status is Status.CLOSED else None),
        plans.BudgetItem("礼品", planned * 2, planned * 2 if status is Status.CLOSED else None),
        plans.BudgetItem("场地与交通", planned // 2, None),
    ])  # fmt: skip
    if status is not Status.DRAFT:
        campaigns.set_status(manager, made.id, Status.APPROVED)
    if status in (Status.RUNNING, Status.CLOSED):
        campaigns.set_status(organiser, made.id, Status.RUNNING)
    return made.id


def _targets(bank: Bank, organiser: Actor, campaign_id: int, teams: range | tuple[int, ...], *, days: int) -> None:
    values: dict[tuple[int | None, str], int | None] = {}
    totals: dict[str, int] = {}
    for place in teams:
        person_days = SIZES[place] * days
        for metric, (low, high) in (
            ("visits", PLACES[place].valid),
            ("consults", PLACES[place].consults),
            ("applications", PLACES[place].applications),
            ("accepted", PLACES[place].accepted),
        ):
            value = round(person_days * (low + high) / 2)
            values[bank.teams[place], metric] = value
            totals[metric] = totals.get(metric, 0) + value
    plans.set_targets(organiser, campaign_id, values | {(None, metric): value for metric, value in totals.items()})


def _contest(bank: Bank) -> None:
    organiser = bank.actor("organiser", bank.today)
    made = contests.create_contest(
        organiser, code=PK, name="六天大会战 PK", campaign_ids=[bank.campaigns[CampaignModel.ROADSHOW]], team_ids=bank.teams,
        starts_on=bank.first_day, ends_on=bank.today,
    )  # fmt: skip
    bank.contest_id = contests.start_contest(
        organiser, made.id, version=made.version, at=at_local(bank.first_day, 8)
    ).id


def close_past(bank: Bank, at: datetime) -> None:
    """Campaigns whose dates have passed are closed once their leads are in."""
    organiser = bank.actor("organiser", bank.today)
    for model in (CampaignModel.FESTIVAL, CampaignModel.EVENT):
        campaigns.set_status(organiser, bank.campaigns[model], Status.CLOSED)
