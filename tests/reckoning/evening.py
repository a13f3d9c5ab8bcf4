"""The evening report, figure by figure, as its body should be; words that people wrote are left out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from tests.reckoning.boards import Contest, Place, board, rules_on
from tests.reckoning.raw import Raw, by, on_roster
from tests.reckoning.sums import MINIMUM, RATES, Asked, Figures, percent, period, rounded, total

Body = dict[str, Any]
PLEDGED = {"visits": "valid", "consults": "consult", "applications": "application", "accepted": "accepted"}
TARGETS = {**PLEDGED, "approved": "approved", "disbursed": "disbursed"}
WORDS = ("minutes", "cases", "todos")


def without_words(body: Mapping[str, Any]) -> Body:
    """The report's body with all its numbers and states, without what was written by hand and without version marks."""
    left_out = (*WORDS, "schema_version", "definitions_version")
    plain: Body = {key: value for key, value in body.items() if key not in left_out}
    logs = [{key: value for key, value in team["log"].items() if key != "words"} for team in body["teams"]]
    plain["teams"] = [{**team, "log": log} for team, log in zip(body["teams"], logs, strict=True)]
    return plain


class Evening:
    """One campaign's evening as the server knew it at a moment."""

    def __init__(
        self, raw: Raw, campaign_id: int, team_id: int | None, day: date, as_of: datetime, words_as_of: datetime
    ) -> None:
        self.raw, self.day, self.as_of, self.words_as_of = raw, day, as_of, words_as_of
        self.campaign, self.team_id = raw.one("campaign", campaign_id), team_id
        mine = frozenset({campaign_id})
        chosen = (lambda one: True) if team_id is None else (lambda one: _team_of(one) == team_id)
        today = Asked(day, day, mine, chosen, as_of)
        so_far = Asked(self.campaign.starts_on, day, mine, chosen, as_of)
        self.today, self.so_far = (period(raw, asked, _team_of) for asked in (today, so_far))
        self.members = period(raw, today, lambda one: (_team_of(one), _member_of(one)))
        self.pledges = self._pledges()

    def body(self) -> Body:
        """All of it."""
        names = self.raw.names("team")
        today, so_far = total(self.today.values()), total(self.so_far.values())
        return {
            "kind": "evening",
            "campaign": {key: getattr(self.campaign, key) for key in ("id", "code", "name", "model")},
            "team": None if self.team_id is None else {"id": self.team_id, "name": names[self.team_id]},
            "day": self.day.isoformat(),
            "as_of": self.as_of.astimezone(UTC).isoformat(),
            "zone": "Asia/Shanghai",
            "funnel": {"day": _counts(today), "cumulative": _counts(so_far)},
            "visits": {"day": _visits(today), "cumulative": _visits(so_far)},
            "targets": self._targets(None, so_far) if self.team_id is None else [],
            "teams": [self._team(row) for row in self._teams()],
            "standings": self._standings(),
        }

    def _teams(self) -> list[Any]:
        rows = [row for row in self.raw["campaign_team"] if row.campaign_id == self.campaign.id]
        return sorted((row for row in rows if self.team_id in (None, row.team_id)), key=lambda row: row.team_id)

    def _team(self, row: Any) -> Body:
        team = row.team_id
        today, so_far = self.today.get(team, Figures()), self.so_far.get(team, Figures())
        return {
            "id": team,
            "name": self.raw.names("team")[team],
            "district": self.raw.names("district").get(row.district_id),
            "visits": _visits(today),
            "visits_cumulative": _visits(so_far),
            "day": _counts(today),
            "cumulative": _counts(so_far),
            "pledges": _kept(self._promised(team), today),
            "targets": self._targets(team, so_far),
            "attendance": self._roll(team),
            "log": self._log(team),
            "members": self._people(team),
        }

    def _people(self, team: int) -> list[Body]:
        active = {row.id for row in self.raw["user_account"] if row.active}
        here = (on_roster(self.raw, team, self.day) & active) | {
            who for at, who, _ in self.pledges if at == team and who
        }
        here |= {member for at, member in self.members if at == team and member}
        names = self.raw.names("user_account")
        rows = []
        for member in sorted(here):
            done = self.members.get((team, member), Figures())
            own = {metric: value for (at, who, metric), value in self.pledges.items() if (at, who) == (team, member)}
            rows.append(
                {"id": member, "name": names[member], "visits": _visits(done), "day": _stages(done), "pledges": _kept(own, done)}
            )  # fmt: skip
        return rows

    def _pledges(self) -> dict[tuple[int, int | None, str], int]:
        rows = [
            row for row in self.raw["pledge"]
            if (row.campaign_id, row.day) == (self.campaign.id, self.day) and by(row.recorded_at, self.as_of)
            and self.team_id in (None, row.team_id)
        ]  # fmt: skip
        return {
            (row.team_id, row.member_id, row.metric): row.value for row in sorted(rows, key=lambda one: one.revision)
        }

    def _promised(self, team: int) -> dict[str, int]:
        """The team's own word, or else its members' together."""
        found: dict[str, int] = {}
        for (at, who, metric), value in self.pledges.items():
            if at == team and who is not None:
                found[metric] = found.get(metric, 0) + value
        return found | {
            metric: value for (at, who, metric), value in self.pledges.items() if at == team and who is None
        }

    def _targets(self, team: int | None, done: Figures) -> list[Body]:
        wanted = (self.campaign.id, team)
        rows = {row.metric: row.value for row in self.raw["target"] if (row.campaign_id, row.team_id) == wanted}
        return [
            {"metric": metric, "target": rows[metric], "done": getattr(done, count)}
            for metric, count in TARGETS.items()
            if metric in rows
        ]

    def _roll(self, team: int) -> list[Body]:
        names, newest = self.raw.names("user_account"), {}
        for row in sorted(self.raw["attendance"], key=lambda one: (one.received_at, one.id)):
            if (row.campaign_id, row.day) == (self.campaign.id, self.day) and by(row.received_at, self.as_of):
                newest[row.member_id] = row
        return [
            {"id": member, "name": names[member], "state": row.state, "reason": row.reason}
            for member, row in sorted(newest.items())
            if row.team_id == team
        ]

    def _log(self, team: int) -> Body:
        wanted = (self.campaign.id, team, self.day)
        found = [row for row in self.raw["daily_log"] if (row.campaign_id, row.team_id, row.day) == wanted]
        sent = [row for row in found if row.submitted_at is not None and by(row.submitted_at, self.words_as_of)]
        locked = [row for row in found if row.locked_at is not None and by(row.locked_at, self.words_as_of)]
        status = ("late" if sent[0].late else "submitted") if sent else "missing"
        return {
            "status": status,
            "submitted_at": sent[0].submitted_at.astimezone(UTC).isoformat() if sent else None,
            "locked_at": locked[0].locked_at.astimezone(UTC).isoformat() if locked else None,
        }

    def _standings(self) -> list[Body]:
        found = []
        mine = {row.contest_id for row in self.raw["contest_campaign"] if row.campaign_id == self.campaign.id}
        for one in sorted(self.raw["contest"], key=lambda row: row.id):
            begun = one.started_at is not None and by(one.started_at, self.as_of)
            if one.id in mine and begun and one.starts_on <= self.day <= one.ends_on:
                found.append(self._contest(one))
        return found

    def _contest(self, one: Any) -> Body:
        contest = Contest.of(self.raw, one.id, self.as_of)
        rules = rules_on(contest, self.day, self.as_of)
        number = next(row.number for _since, row in reversed(contest.versions) if row.rules is rules)
        names = self.raw.names("team")
        boards = {
            span: [_place(row, names, rules["minimum_bases"]) for row in self._board(one.id, cumulative=cumulative)]
            for span, cumulative in (("daily", False), ("cumulative", True))
        }
        about = {"id": one.id, "code": one.code, "name": one.name}
        return {"contest": about, "rule_version": number, "basis": rules["basis"], **boards}

    def _board(self, contest_id: int, *, cumulative: bool) -> list[Place]:
        key = (contest_id, self.day, cumulative, self.as_of)
        if key not in self.raw.boards:  # the reports of all teams show the same
            self.raw.boards[key] = board(self.raw, contest_id, self.day, cumulative=cumulative, as_of=self.as_of)
        return self.raw.boards[key]


def _team_of(one: Any) -> int:
    return (one.team if hasattr(one, "team") else one.team_id) or 0


def _member_of(one: Any) -> int:
    return (one.member if hasattr(one, "member") else one.member_id) or 0


def _stages(one: Figures) -> Body:
    return {name: getattr(one, name) for name in ("consult", "application", "accepted", "approved", "disbursed")}


def _rates(one: Any, minimum: Mapping[str, int]) -> Body:
    return {
        name: {
            "k": getattr(one, top), "n": getattr(one, base), "percent": percent(getattr(one, top), getattr(one, base)),
            "enough": getattr(one, base) >= max(1, minimum.get(base, 0)),
        }
        for name, top, base in RATES
    }  # fmt: skip


def _counts(one: Figures) -> Body:
    return {**_stages(one), **_rates(one, MINIMUM)}


def _visits(one: Figures) -> Body:
    return {"valid": one.valid, "touched": one.touched}


def _kept(promised: Mapping[str, int], done: Figures) -> list[Body]:
    return [
        {"metric": metric, "pledged": promised[metric], "done": getattr(done, count)}
        for metric, count in PLEDGED.items()
        if metric in promised
    ]


def _place(one: Place, names: Mapping[int, str], minimum: Mapping[str, int]) -> Body:
    counts = Figures(**{name: one.counts[name] for name in ("consult", "application", "accepted")})
    rates = _rates(counts, minimum)
    rates.pop("overall_rate")
    return {
        "rank": one.rank,
        "rank_before": one.before,
        "team_id": one.party,
        "team": names[one.party],
        "points": one.told_points,
        "score": rounded(one.score),
        "gap": None if one.gap is None else rounded(one.gap),
        "person_days": one.person_days,
        "visits": one.counts["visit"],
        "consult": counts.consult,
        "application": counts.application,
        "accepted": counts.accepted,
        **rates,
    }
