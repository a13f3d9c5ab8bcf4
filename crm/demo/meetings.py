"""The demo's meetings: mornings with pledges and drill, evenings with cases, to-dos and the stored report."""

from datetime import date, timedelta
from random import Random

from crm.campaigns.rules import CampaignModel
from crm.demo.bank import PLACES, Bank
from crm.demo.names import OBJECTIONS
from crm.kernel.clock import at_local
from crm.kernel.unit_of_work import unit_of_work
from crm.meetings.commands import add_case_card, add_todo, close_meeting, lock_logs, open_meeting, save_minutes
from crm.meetings.pledging import lock_pledges, set_pledges
from crm.meetings.reports import Standings
from crm.meetings.storing import store_evening_report

_LOCKED = (18, 5)
"""When the evening meetings lock the logs of the day."""


def hold_meetings(bank: Bank, number: int, rng: Random) -> None:
    """The meetings of field day `number`, and its stored evening reports of every team and of the whole campaign."""
    day = bank.first_day + timedelta(days=number)
    campaign_id = bank.campaigns[CampaignModel.ROADSHOW]
    with unit_of_work():
        for place in range(len(bank.teams)):
            _morning(bank, campaign_id, place, day, rng)
            _evening(bank, campaign_id, place, day, rng)
    as_of, at = at_local(day, 17, 30), at_local(day, 18, 31)
    standings = Standings(day, as_of)
    with unit_of_work():
        for team_id in (*bank.teams, None):
            organiser = bank.actor("organiser", day)
            store_evening_report(
                organiser,
                campaign_id=campaign_id,
                team_id=team_id,
                day=day,
                as_of=as_of,
                at=at,
                words_as_of=at,
                standings=standings,
            )


def _morning(bank: Bank, campaign_id: int, place: int, day: date, rng: Random) -> None:
    lead, team_id = bank.actor(bank.leads[place], day), bank.teams[place]
    at = at_local(day, 8, 40)
    meeting = open_meeting(
        lead, campaign_id=campaign_id, team_id=team_id, day=day, kind="morning", at=at_local(day, 8, 30)
    )
    for login in bank.members[place]:
        where = PLACES[place]
        values = {
            "visits": rng.randint(*where.valid),
            "consults": max(1, round(rng.uniform(*where.consults))),
            "applications": max(1, round(rng.uniform(*where.applications))),
            "accepted": round(rng.uniform(*where.accepted)),
        }
        set_pledges(
            lead, campaign_id=campaign_id, team_id=team_id, member_id=bank.users[login], day=day, values=values, at=at
        )
    lock_pledges(lead, meeting.id, at=at)
    save_minutes(lead, meeting.id, key="drill", text=f"异议演练：{rng.choice(OBJECTIONS)}", version=0, at=at)
    save_minutes(lead, meeting.id, key="notices", text="只发放已审批的宣传单，不承诺利率与额度。", version=0, at=at)
    close_meeting(lead, meeting.id, at=at_local(day, 9))


def _evening(bank: Bank, campaign_id: int, place: int, day: date, rng: Random) -> None:
    lead, team_id = bank.actor(bank.leads[place], day), bank.teams[place]
    at = at_local(day, *_LOCKED)
    meeting = open_meeting(
        lead, campaign_id=campaign_id, team_id=team_id, day=day, kind="evening", at=at_local(day, 17, 30)
    )
    lock_logs(lead, meeting.id, at=at)
    objection = rng.choice(OBJECTIONS)
    add_case_card(
        lead, meeting.id, member_id=bank.users[rng.choice(bank.members[place])], segment="micro",
        opening="先夸店里的陈列，再问旺季备货。", objection=objection, result="客户当场留了联系方式，约定次日带资料。", at=at,
    )  # fmt: skip
    save_minutes(
        lead, meeting.id, key="summary", text=f"今天最常见的异议：{objection}。明早专项演练。", version=0, at=at
    )
    add_todo(
        lead, meeting.id, text="回访今日A类客户，确认资料清单", owner_id=bank.users[rng.choice(bank.members[place])],
        due_on=day + timedelta(days=1), at=at,
    )  # fmt: skip
    close_meeting(lead, meeting.id, at=at_local(day, 18, 30))
