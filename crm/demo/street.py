"""The days in the field: visits, leads and their stages, tallies, attendance, pledges and daily logs, person by person.

Figures of a person-day are those of domain.md §7: day 1 x0.7, last day x0.9, peaks at 10-12 and 15-17 h, 5 % duplicates, 8 % late
entries; one team with many consults and poor conversion, one small team with the best rate.
"""

import uuid
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from crm.campaigns.rules import CampaignModel
from crm.demo.bank import FIELD_DAYS, PLACES, Bank, Place
from crm.demo.names import GIVEN, NOTES, OBJECTIONS, SHOPS, STREETS, SURNAMES
from crm.districts.rules import Kind
from crm.kernel.actor import Actor
from crm.kernel.clock import at_local
from crm.leads import editing
from crm.leads.commands import ConsentGiven, LeadCard, capture_lead, record_stage
from crm.leads.ledger import Clocks
from crm.leads.rules import ConsentHow, Exit, Stage
from crm.outreach import commands as visits
from crm.outreach import log_commands as logs

HOURS = (9, 10, 10, 10, 11, 11, 11, 13, 14, 15, 15, 15, 16, 16, 16)
DAY_FACTOR = {0: 0.7, FIELD_DAYS - 1: 0.9}
TALKERS, CLOSERS = 1, 3
"""Places in the list of teams: many consults and poor conversion; small with the best rate."""


@dataclass
class Member:
    """What a member has on his list: leads by the stage that they wait behind."""

    login: str
    consulted: list[int] = field(default_factory=list)
    applied: list[int] = field(default_factory=list)


@dataclass
class Street:
    """The whole outreach as it unfolds."""

    bank: Bank
    rng: Random
    until: datetime
    phones: int = 0
    cases: int = 0
    taken: list[tuple[int, str]] = field(default_factory=list)
    accepted: list[tuple[int, datetime, float, float]] = field(default_factory=list)
    fed_back: set[tuple[int, Stage]] = field(default_factory=set)
    left: set[int] = field(default_factory=set)
    people: dict[str, Member] = field(default_factory=dict)

    def sprint_day(self, number: int) -> None:
        """One day of the sprint, inside an open unit of work; what lies after `until` has not happened yet."""
        day = self.bank.first_day + timedelta(days=number)
        for place in range(len(self.bank.teams)):
            self._team_day(place, day, DAY_FACTOR.get(number, 1.0))

    def bank_feeds_back(self, by: datetime) -> None:
        """What the branch had made of the cases by then: 60-75 % approved after two days, of those 60-75 % paid out a day later.

        Told day by day, as the server would hear of it: an evening's report knows the answers of its day.
        """
        organiser = self.bank.actor("organiser", self.bank.today)
        for lead_id, at, yes, out in self.accepted:
            for stage, due, chance in (
                (Stage.APPROVED, at + timedelta(days=2), yes),
                (Stage.DISBURSED, at + timedelta(days=3), max(yes, out)),
            ):
                if due < min(by, self.until) and chance <= 0.68 and (lead_id, stage) not in self.fed_back:
                    self.fed_back.add((lead_id, stage))
                    record_stage(organiser, lead_id, stage, clocks=Clocks.at(due))

    def side_campaigns(self) -> None:
        """A few leads of the smaller campaigns, and some that came by themselves."""
        bank, today = self.bank, self.bank.today
        for model, teams, days, each in (
            (CampaignModel.FESTIVAL, (0, 4), (30, 29, 28), 5),
            (CampaignModel.EVENT, (1, 3), (20, 19), 4),
            (CampaignModel.CROSSOVER, (2, 4), (11, 9, 8), 4),
            (CampaignModel.WECHAT, (0, 1, 5), (18, 14, 10, 8), 3),
            (CampaignModel.INTEREST, (2,), (14, 7), 4),
            (None, (0, 3), (9, 4, 2), 2),
        ):
            campaign_id = bank.campaigns[model] if model else bank.campaigns["walk_in"]
            for place in teams:
                for back in days:
                    self._side_day(campaign_id, place, today - timedelta(days=back), each)

    def _side_day(self, campaign_id: int, place: int, day: date, each: int) -> None:
        for _ in range(each):
            login = self.rng.choice(self.bank.members[place])
            at = self._moment(day)
            lead_id = self._capture(login, place, at, campaign_id)
            if lead_id and self.rng.random() < 0.35 and lead_id not in self.left:
                self._apply(login, lead_id, at + timedelta(hours=1), waits=False)
                if self.rng.random() < 0.55:
                    self._accept(login, lead_id, at + timedelta(hours=3))

    def _team_day(self, place: int, day: date, factor: float) -> None:
        lead = self.bank.actor(self.bank.leads[place], day)
        campaign_id, team_id = self.bank.campaigns[CampaignModel.ROADSHOW], self.bank.teams[place]
        if at_local(day, 8, 40) > self.until:
            return
        present = [login for login in self.bank.members[place] if self._attends(lead, login, place, day)]
        for login in present:
            self._member_day(login, place, day, factor)
        if at_local(day, 17, 20) > self.until:
            return
        for login in present:
            self._tallies(lead, login, place, day)
        late = place == TALKERS and day.toordinal() % 3 == 0
        at = at_local(day, 17, 50 if late else 20)
        logs.save_log(
            lead, campaign_id=campaign_id, team_id=team_id, day=day, at=at,
            highlights=f"走访较顺，{self.rng.choice(STREETS)}一带意愿高。", difficulties=f"客户常问：{self.rng.choice(OBJECTIONS)}。",
            help_needed="请讲师再讲一次价格谈判的三明治法。" if self.rng.random() < 0.4 else "", plan="上午补访未遇店主，下午跟进A类客户。",
        )  # fmt: skip
        logs.submit_log(lead, campaign_id=campaign_id, team_id=team_id, day=day, at=at)

    def _attends(self, lead: Actor, login: str, place: int, day: date) -> bool:
        chance = self.rng.random()
        state, reason = (
            ("leave", "家中有事") if chance < 0.03 else ("late", "堵车") if chance < 0.07 else ("present", "")
        )
        logs.set_attendance(
            lead, self.bank.campaigns[CampaignModel.ROADSHOW], self.bank.teams[place], day, self.bank.users[login], state, reason,
            at=at_local(day, 8, 33),
        )  # fmt: skip
        return state != "leave"

    def _member_day(self, login: str, place: int, day: date, factor: float) -> None:
        where = tuned(PLACES[place], place)
        consults = self._number(where.consults, factor)
        made = []
        for _ in range(consults):
            at = self._moment(day)
            if at < self.until:
                made.append((at, self._capture(login, place, at, self.bank.campaigns[CampaignModel.ROADSHOW])))
        self._advance(login, day, self._number(where.applications, factor), self._number(where.accepted, factor))
        self._visits(login, place, day, made, factor)

    def _visits(
        self, login: str, place: int, day: date, made: list[tuple[datetime, int | None]], factor: float
    ) -> None:
        where = PLACES[place]
        valid = max(len(made), self._number(where.valid, factor))
        contacts = max(valid, self._number(where.contacts, factor))
        outcomes = ["consulted"] * len(made)
        outcomes += self.rng.choices(
            ("consulted", "interested", "customer", "ineligible"), (4, 3, 2, 1), k=valid - len(made)
        )
        outcomes += self.rng.choices(("nobody", "refused"), (3, 2), k=contacts - valid)
        drafts = []
        for number, outcome in enumerate(outcomes):
            at, lead_id = made[number] if number < len(made) else (self._moment(day), None)
            if at < self.until:
                drafts.append(self._draft(login, place, outcome, at, lead_id))
        visits.record_visits(
            self.bank.actor(login, day), campaign_id=self.bank.campaigns[CampaignModel.ROADSHOW], drafts=drafts
        )

    def _draft(self, login: str, place: int, outcome: str, at: datetime, lead_id: int | None) -> visits.VisitDraft:
        others = [other for other in self.bank.members[place] if other != login]
        return visits.VisitDraft(
            uid=self._uid(),
            member_id=self.bank.users[login],
            outcome=outcome,
            clocks=self._clocks(at),
            lead_id=lead_id,
            trade=self.rng.choice(list(SHOPS)),
            approach=self.rng.choices(("cold_visit", "referral", "channel", "strategic"), (70, 15, 10, 5))[0],
            companion_id=self.bank.users[self.rng.choice(others)] if self.rng.random() < 0.1 else None,
        )

    def _capture(self, login: str, place: int, at: datetime, campaign_id: int) -> int | None:
        day = (at + timedelta(hours=8)).date()
        actor = self.bank.actor(login, day)
        card = self._card(place)
        foreign = (
            [phone for other, phone in self.taken[-400:] if other != place]
            if campaign_id == self.bank.campaigns[CampaignModel.ROADSHOW]
            else []
        )
        if foreign and self.rng.random() < 0.05:
            card = replace(card, phone=self.rng.choice(foreign))
        answer = capture_lead(
            actor, campaign_id=campaign_id, team_id=self.bank.teams[place], owner_id=actor.user_id, card=card,
consent=self._consent(),
            clocks=self._clocks(at), uid=self._uid(), source="demo",
        )  # fmt: skip
        if answer.clash_id is not None:
            return None
        if campaign_id == self.bank.campaigns[CampaignModel.ROADSHOW]:
            self.taken.append((place, card.phone))
            self._of(login).consulted.append(answer.lead_id)
        self._aside(actor, answer.lead_id, at)
        return answer.lead_id

    def _consent(self) -> ConsentGiven:
        marketing = ("phone",) if self.rng.random() < 0.6 else ()
        return ConsentGiven(
            enquiry=True, marketing=marketing, financial=self.rng.random() < 0.4, how=ConsentHow.SPOKEN_SMS
        )

    def _aside(self, actor: Actor, lead_id: int, at: datetime) -> None:
        chance = self.rng.random()
        if chance < 0.12:
            editing.add_note(actor, lead_id, self.rng.choice(NOTES), at=at + timedelta(minutes=5))
        elif chance < 0.15:
            code = self.rng.choice((Exit.GAVE_UP, Exit.INELIGIBLE))
            editing.exit_lead(actor, lead_id, code.value, reason="现场了解后", at=at + timedelta(minutes=9))
            self.left.add(lead_id)
            self._of(actor.login).consulted = [one for one in self._of(actor.login).consulted if one != lead_id]

    def _advance(self, login: str, day: date, applications: int, accepted: int) -> None:
        member = self._of(login)
        for _ in range(min(applications, len(member.consulted))):
            at = at_local(day, 15) + timedelta(minutes=self.rng.randrange(110))
            if at < self.until:
                self._apply(login, member.consulted.pop(self.rng.randrange(len(member.consulted))), at)
        for _ in range(min(accepted, len(member.applied))):
            at = at_local(day, 16, 50) + timedelta(minutes=self.rng.randrange(25))
            if at < self.until:
                self._accept(login, member.applied.pop(0), at)

    def _apply(self, login: str, lead_id: int, at: datetime, *, waits: bool = True) -> None:
        record_stage(self.bank.actor(login, self.bank.today), lead_id, Stage.APPLICATION, clocks=self._clocks(at))
        if waits:
            self._of(login).applied.append(lead_id)

    def _accept(self, login: str, lead_id: int, at: datetime) -> None:
        self.cases += 1
        record_stage(
            self.bank.actor(login, self.bank.today), lead_id, Stage.ACCEPTED, clocks=Clocks.at(at),
            case_number=f"JJ{at:%Y%m%d}{self.cases:04d}",
        )  # fmt: skip
        # The bank's answers are drawn with the case, so that a longer sprint does not change an earlier day.
        self.accepted.append((lead_id, at, self.rng.random(), self.rng.random()))
        applied = self._of(login).applied
        if lead_id in applied:
            applied.remove(lead_id)

    def _tallies(self, lead: Actor, login: str, place: int, day: date) -> None:
        for metric, low, high in (("leaflets", 30, 90), ("doors", 12, 40), ("wechat_adds", 2, 12)):
            logs.tally(
                lead, uid=self._uid(), campaign_id=self.bank.campaigns[CampaignModel.ROADSHOW], team_id=self.bank.teams[place],
                member_id=self.bank.users[login], day=day, metric=metric, delta=self.rng.randint(low, high), at=at_local(day, 17, 15),
            )  # fmt: skip

    def _card(self, place: int) -> LeadCard:
        rng = self.rng
        kind = PLACES[place].kind
        trade = (
            "farm_production"
            if kind is Kind.RURAL
            else rng.choice(("catering", "wholesale_retail", "manufacturing", "other_services"))
        )
        name = rng.choice(SURNAMES) + rng.choice(GIVEN)
        intent = rng.choices(("A", "B", "C"), (25, 35, 40))[0]
        self.phones += 1
        return LeadCard(
            name=name,
            # 140: numbers of data cards in machines, not of people.
            phone=f"140{self.phones * 7919 % 10**8:08d}",
            trade=trade,
            shop=f"{name[0]}记{rng.choice(SHOPS[trade].split())}",
            address=f"{rng.choice(STREETS)}{rng.randint(1, 299)}号",
            segment="farm" if kind is Kind.RURAL else rng.choices(("micro", "consumer"), (8, 2))[0],
            approach=rng.choices(("cold_visit", "referral", "channel", "strategic"), (70, 15, 10, 5))[0],
            intent=intent,
            need={"A": "now", "B": "three_months", "C": "none"}[intent],
            amount_wan=Decimal(rng.choice((6, 8, 10, 12) if kind is Kind.RURAL else (20, 25, 30, 40, 50))),
        )

    def _of(self, login: str) -> Member:
        return self.people.setdefault(login, Member(login))

    def _moment(self, day: date) -> datetime:
        return at_local(day, self.rng.choice(HOURS), self.rng.randrange(60)) + timedelta(seconds=self.rng.randrange(60))

    def _clocks(self, at: datetime) -> Clocks:
        if self.rng.random() < 0.08:  # entered late, at home in the evening
            received = datetime.combine(at.date(), time(11), at.tzinfo) + timedelta(minutes=self.rng.randrange(120))
            if at < received < self.until:
                return Clocks(at, received, received)
        return Clocks.at(at)

    def _number(self, span: tuple[float, float], factor: float) -> int:
        value = self.rng.uniform(*span) * factor
        return int(value) + (self.rng.random() < value % 1)

    def _uid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))


def tuned(place: Place, team: int) -> Place:
    """The place's figures as this team turns them into results."""
    talk, apply, accept = {TALKERS: (1.6, 0.8, 0.7), CLOSERS: (0.9, 1.3, 1.5)}.get(team, (1.0, 1.0, 1.0))
    return replace(
        place,
        consults=(place.consults[0] * talk, place.consults[1] * talk),
        applications=(place.applications[0] * apply, place.applications[1] * apply),
        accepted=(place.accepted[0] * accept, place.accepted[1] * accept),
    )
