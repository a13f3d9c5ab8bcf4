"""The management workbook, cell by cell, as it should be: domain.md §8 over one campaign in the eyes of somebody who sees all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Any

from tests.reckoning.boards import FIELD, Contest, Place, board, rules_on
from tests.reckoning.evening import TARGETS
from tests.reckoning.raw import STAGES, Raw, days
from tests.reckoning.sums import DASH, MINIMUM, RATES, SMALL, Asked, Figures, keys, period, rounded, total

Cells = list[Any]
TITLES = {
    "consult": "咨询数", "application": "申请数", "accepted": "受理进件数", "approved": "审批通过数", "disbursed": "放款数",
    "overall_rate": "综合转化率", "valid": "有效走访", "touched": "涉及走访",
}  # fmt: skip
MOST_WIDE = 8


class Book:
    """What a workbook of one campaign holds on a day."""

    def __init__(self, raw: Raw, campaign_id: int, at: datetime, today: date) -> None:
        self.raw, self.at = raw, at
        self.campaign = raw.one("campaign", campaign_id)
        self.last = max(min(today, self.campaign.ends_on), self.campaign.starts_on)
        self.asked = Asked(self.campaign.starts_on, self.campaign.ends_on, frozenset({campaign_id}))
        self.by_day = period(raw, self.asked, keys(raw, "day"))
        self.total = total(self.by_day.values())

    def sheets(self, contest_id: int) -> dict[str, list[Cells]]:
        """The rows of each sheet with figures, totals among them."""
        return {
            "总览": self.overview(),
            "团队PK": self.board(contest_id, "team"),
            "个人排行": self.board(contest_id, "member"),
            "每日战况": self.daily(),
            "区域网格": self.districts(),
        }

    def overview(self) -> list[Cells]:
        """One line for each figure."""
        here, before = (self._on(day) for day in (self.last, self.last - timedelta(days=1)))
        bases = dict(zip(STAGES[1:], STAGES, strict=False))
        rows: list[Cells] = []
        for code in (*STAGES, "overall_rate", "valid", "touched"):
            if code == "overall_rate":
                base: int | None = self.total.consult
                cells = [self.total.accepted, base, _rate(self.total.accepted, base, 10), None, None, None]
            else:
                count, base = getattr(self.total, code), getattr(self.total, bases[code]) if code in bases else None
                share = None if base is None else _rate(count, base, MINIMUM.get(bases[code], 0))
                now, then = getattr(here, code), getattr(before, code)
                cells = [count, base, share, now, then, now - then]
            rows.append([TITLES[code], *cells, *self._goal(code)])
        return rows

    def _on(self, day: date) -> Figures:
        return self.by_day.get(day.isoformat(), Figures())

    def _goal(self, code: str) -> Cells:
        """Target, reached, completion: the campaign's own target, or else the teams' together."""
        metric = next((metric for metric, count in TARGETS.items() if count == code), None)
        rows = [row for row in self.raw["target"] if (row.campaign_id, row.metric) == (self.campaign.id, metric)]
        if not rows:
            return [None, None, None]
        by_team = period(self.raw, self.asked, keys(self.raw, "team"))
        whole = [row for row in rows if row.team_id is None]
        done = sum(getattr(by_team.get(str(row.team_id), Figures()), code) for row in rows)
        target, done = (whole[0].value, getattr(self.total, code)) if whole else (sum(row.value for row in rows), done)
        return [target, done, _rate(done, target, 0)]

    def board(self, contest_id: int, per: str) -> list[Cells]:
        """The places of the contest through the last day, and their totals."""
        contest = self.raw.one("contest", contest_id)
        day = min(self.last, contest.ends_on)
        places = board(self.raw, contest_id, day, cumulative=True, per=per, at=self.at)
        rules = _rules(self.raw, contest_id, day, self.at)
        teams, people = self.raw.names("team"), self.raw.names("user_account")
        who = {
            one.party: [teams[one.team]] if per == "team" else [people[one.party], teams[one.team]] for one in places
        }
        rows = [_place(one, who[one.party], rules) for one in places]
        sums = [sum(one.counts[name] for one in places) for name in ("visit", "intent", *FIELD)]
        points = float(rounded(sum((one.points for one in places), Fraction(0)), 2))
        blanks = [None] * (3 if per == "team" else 4)
        last = ["合计", *blanks, points, sum(one.person_days for one in places), None, *sums, *_rates(*sums[2:], rules)]
        return [*rows, last]

    def daily(self) -> list[Cells]:
        """A line for each day, all teams and then each."""
        rows = sorted(date.fromisoformat(day) for day in self.by_day)
        teams = {mark.team for mark in self.raw.marks() if self.asked.holds(mark)}
        in_order = sorted(teams, key=lambda one: (one == 0, one))  # those without a team come last
        by_team = {team: period(self.raw, self._chosen(team), keys(self.raw, "day")) for team in in_order}
        stages = FIELD if len(by_team) <= MOST_WIDE else FIELD[-1:]
        found = []
        for day in days(rows[0], rows[-1]):
            key = day.isoformat()
            own = [getattr(counts.get(key, Figures()), stage) for counts in by_team.values() for stage in stages]
            found.append([datetime.combine(day, time.min), *_day_cells(self._on(day)), *own])
        sums = [getattr(total(counts.values()), stage) for counts in by_team.values() for stage in stages]
        return [*found, ["合计", *_day_cells(self.total), *sums]]

    def _chosen(self, team: int) -> Asked:
        of_team = keys(self.raw, "team")
        return Asked(
            self.asked.first, self.asked.last, self.asked.campaigns, lambda one: of_team(one) == str(team or "-")
        )

    def districts(self) -> list[Cells]:
        """Each district as it was recorded, with a subtotal for each one at the top of the tree: what the funnel says of it."""
        names = self.raw.names("district")
        by_place = dict(period(self.raw, self.asked, keys(self.raw, "place")))
        walked = {above for key in by_place if key != "-" for above in self.raw.ancestors(int(key))}
        for row in self.raw["campaign_district"]:  # where the plan sends somebody and nobody has been yet
            if row.campaign_id == self.campaign.id and row.district_id not in walked:
                by_place[str(row.district_id)] = Figures()
        by_top: dict[tuple[int, ...], tuple[list[str], Figures]] = {}
        for key, figures in by_place.items():
            steps = tuple(self.raw.ancestors(int(key))) if key != "-" else (2**31,)
            by_top[steps] = ([names[one] for one in steps] if key != "-" else ["未分区域"], figures)
        found: list[Cells] = []
        for top in sorted({steps[0] for steps in by_top}):
            group = [by_top[steps] for steps in sorted(by_top) if steps[0] == top]
            area = group[0][0][0]
            found += [[area, " / ".join(path[1:]) or area, *_grid_cells(figures)] for path, figures in group]
            found.append([f"{area} 小计", None, *_grid_cells(total(figures for _path, figures in group))])
        return [*found, ["合计", None, *_grid_cells(self.total)]]


def _rules(raw: Raw, contest_id: int, day: date, at: datetime) -> dict[str, int]:
    minimum: dict[str, int] = rules_on(Contest.of(raw, contest_id, None), day, at)["minimum_bases"]
    return minimum


def _rate(part: int, base: int, minimum: int) -> float | str:
    if not base:
        return DASH
    return SMALL if base < minimum else float(Fraction(part, base))


def _rates(consult: int, application: int, accepted: int, minimum: dict[str, int]) -> Cells:
    counts = {"consult": consult, "application": application, "accepted": accepted}
    return [_rate(counts[top], counts[base], minimum.get(base, 0)) for _name, top, base in RATES]


def _place(one: Place, who: Sequence[str], minimum: dict[str, int]) -> Cells:
    climbed = None if one.before is None else one.before - one.rank
    gap = None if one.gap is None else float(rounded(one.gap))
    counts = [one.counts[name] for name in ("visit", "intent", *FIELD)]
    scored = [float(rounded(one.score)), float(rounded(one.points, 2)), one.person_days, gap]
    return [one.rank, *who, climbed, *scored, *counts, *_rates(*counts[2:], minimum)]


def _day_cells(one: Figures) -> Cells:
    return [one.valid, one.touched, *one.stages[:3], *_rates(*one.stages[:3], MINIMUM)[:2]]


def _grid_cells(one: Figures) -> Cells:
    return [one.valid, one.touched, *one.stages, *_rates(*one.stages[:3], MINIMUM)]
