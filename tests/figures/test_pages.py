"""The funnel's pages: everything in the address, nonsense refused with words, each count opens what is behind it."""

import csv
import io
import re
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import insert
from werkzeug.datastructures import MultiDict

from crm.figures.asking import FunnelQuery
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.ledger import Clocks
from crm.leads.ledger_models import FunnelDay
from crm.leads.rules import Stage
from crm.outreach.commands import record_visit
from crm.people.models import Team
from tests import make
from tests.figures.making import visit
from tests.moments import DAY_1, NOON


@pytest.fixture
def day(cast, actor):
    with unit_of_work():
        for name, team, stage in (
            ("bob", "red", Stage.ACCEPTED),
            ("bob", "red", Stage.CONSULT),
            ("dora", "blue", Stage.APPLICATION),
        ):
            make.lead(
                actor(name),
                campaign_id=cast.campaigns["roadshow"],
                team_id=cast.teams[team],
                stage=stage,
                name="钱多多",
            )
        visit(cast)


def text_of(answer):
    return answer.get_data(as_text=True)


def test_the_funnel_shows_counts_rates_with_base_and_dashes(client_of, day):
    page = text_of(client_of("olga").get("/funnel"))
    assert "样本不足" in page
    assert "2/3" in page
    assert ">20.8%–93.9%<" in page  # Wilson's interval stands on the page, for phones and paper too
    assert "合计" in page
    assert "口径" in page
    empty = client_of("olga").get("/funnel?window=yesterday&from=2020-01-01&to=2020-01-02")
    assert empty.status_code == 200
    assert "—" in text_of(empty) or "还没有" in text_of(empty)


@pytest.mark.parametrize("by", ["team", "campaign", "district", "place", "model", "trade", "approach", "member", "day"])
@pytest.mark.parametrize("view", ["period", "cohort"])
def test_every_grouping_has_its_page_its_file_and_its_language(client_of, day, by, view):
    client = client_of("olga")
    assert client.get(f"/funnel?by={by}&view={view}").status_code == 200
    client.set_cookie("crm_lang", "en")
    page = client.get(f"/funnel?by={by}&view={view}&window=week")
    assert page.status_code == 200
    assert "Application rate" in text_of(page)
    assert client.get(f"/funnel.csv?by={by}&view={view}").status_code == 200


@pytest.mark.parametrize(
    "asked",
    [
        "view=coffee", "by=coffee", "window=coffee", "from=yesterday", "to=2026-13-01", "from=2026-11-20&to=2026-11-01", "campaign=abc",
        "campaign=0", "campaign=9223372036854775808", "team=-3", "team=1e9", "district=only:", "within=-1", "within=99999",
        "as_of=never", "as_of=0001-01-01T00:00", "as_of=9999-12-31T23:59:59-14:00", f"trade={'x' * 300}", f"model={'x' * 300}",
        "as_of=9999-12-31T23:59:00Z",
        "from=9999-99-99", "campaign=1&campaign=x", "campaign=２", "from=%E2%80%AE",
    ],
)  # fmt: skip
def test_nonsense_in_the_address_is_refused_with_words(client_of, asked):
    for path in ("/funnel", "/funnel.csv", "/funnel/records"):
        answer = client_of("olga").get(f"{path}?{asked}")
        assert answer.status_code == 422, path
        assert re.search("未进行统计|请写成|之间的天数|个字符|晚于截止", text_of(answer))


def test_the_ends_of_the_calendar_are_days_like_others(client_of, day):
    for asked in (
        "from=0001-01-01&to=9999-12-31",
        "from=0001-01-01&by=day",
        "as_of=9999-12-31T00:00",
        "view=cohort&within=3660&to=9999-12-31",
        "page=-4",
    ):
        for path in ("/funnel", "/funnel.csv", "/funnel/records"):
            assert client_of("olga").get(f"{path}?{asked}").status_code == 200, (path, asked)


def sent_by_the_form(page: str) -> list[tuple[str, str]]:
    """What a browser sends for the filter bar as it stands: every field with its chosen value, empty ones left out."""
    form = re.search(r'<form class="wt-filters".*?</form>', page, re.S)[0]
    found = re.findall(r'<input[^>]* name="([^"]+)" value="([^"]*)"', form)
    for name, options in re.findall(r'<select[^>]* name="([^"]+)">(.*?)</select>', form, re.S):
        found += [(name, value) for value in re.findall(r'<option value="([^"]*)" selected', options)]
    return [(name, value) for name, value in found if value]


@pytest.mark.parametrize("view", ["period", "cohort"])
def test_pressing_filter_keeps_all_that_was_asked(client_of, cast, day, view):
    market, zone_name = cast.districts["market"], "Asia/Shanghai"
    both = "&".join(f"campaign={number}" for number in sorted(cast.campaigns.values()))
    for asked in (
        f"{both}&team={cast.teams['red']}&by=day&window=week",
        f"district=only:{market}&member={cast.users['bob']}&by=place",
        "team=-&district=-&trade=-&approach=-&model=roadshow",
        "within=5&as_of=2026-11-17T10:00:00&from=2026-11-01&to=2026-11-30",
    ):
        page = text_of(client_of("olga").get(f"/funnel?view={view}&{asked}"))
        before, after = (
            FunnelQuery.from_args(MultiDict(pairs), today=DAY_1, zone_name=zone_name)
            for pairs in (parse_qsl(f"view={view}&{asked}"), sent_by_the_form(page))
        )
        assert after == before, asked


@pytest.mark.parametrize("asked", ["team=999", "campaign=999", "district=999", "member=999"])
def test_missing_and_hidden_answer_alike(client_of, cast, day, asked):
    missing = client_of("alice").get(f"/funnel?{asked}")
    assert missing.status_code == 404
    if not asked.startswith(("campaign", "district")):
        key = asked.partition("=")[0]
        number = cast.teams["blue"] if key == "team" else cast.users["dora"]
        hidden = client_of("alice").get(f"/funnel?{key}={number}")
        assert hidden.status_code == 404
        assert re.sub(r'nonce-\S+|content="[^"]*"|value="[^"]*"', "", text_of(hidden)) == re.sub(
            r'nonce-\S+|content="[^"]*"|value="[^"]*"', "", text_of(missing)
        )


def test_alice_reads_red_only(client_of, day):
    page = text_of(client_of("alice").get("/funnel"))
    assert "红队" in page
    assert "蓝队" not in page
    assert "仅限：红队" in page  # what is counted is said: her total is not the bank's
    assert "仅限：红队" in text_of(client_of("alice").get("/funnel.csv"))
    assert "仅限" not in text_of(client_of("olga").get("/funnel"))


def test_who_sees_counts_and_who_sees_records(client_of, day):
    both, counts_only, neither = (200, 200), (200, 403), (403, 403)
    expected = (
        dict.fromkeys(("olga", "alice", "bob", "mona"), both)
        | dict.fromkeys(("tim", "audrey"), counts_only)
        | {"adam": neither, None: (302, 302)}
    )
    for name, (counts, records) in expected.items():
        client = client_of(name)
        assert client.get("/funnel").status_code == counts, name
        assert client.get("/funnel.csv").status_code == counts, name
        assert client.get("/funnel/records").status_code == records, name
    assert "/funnel/records" not in text_of(client_of("tim").get("/funnel"))


def test_a_count_opens_as_many_masked_records(client_of, day):
    client = client_of("olga")
    links = re.findall(
        r'href="(/funnel/records\?[^"]+)"[^>]*>(\d+)<', text_of(client.get("/funnel")).replace("&amp;", "&")
    )
    assert len(links) >= 6
    for link, number in links:
        page = text_of(client.get(link))
        assert f"{number} 条" in page, link
        assert "钱多多" not in page
        assert "钱**" in page


def test_markup_in_names_is_text(client_of, cast, day):
    with unit_of_work():
        db.session.get_one(Team, cast.teams["red"]).name = "<script>alert(1)</script>"
    for path in ("/funnel", f"/funnel?by=member&team={cast.teams['red']}", "/funnel/records"):
        page = text_of(client_of("olga").get(path))
        assert "<script>alert" not in page
        assert "alert(1)" in page


def test_the_file_says_what_the_page_says_and_no_cell_is_a_formula(client_of, cast, day):
    with unit_of_work():
        db.session.get_one(Team, cast.teams["red"]).name = "=1+1"
    answer = client_of("olga").get("/funnel.csv")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    rows = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    assert [row[0] for row in rows] == ["小组", "'=1+1", "蓝队", "合计"]
    assert rows[1][1:6] == ["1", "0", "2", "1", "1"]
    assert rows[-1][3:6] == ["3", "2", "1"]
    assert rows[-1][8] == "样本不足"
    assert "时段" in rows[1][-2]


def test_the_pages_questions_do_not_grow_with_the_records(client_of, cast, day, queries):
    client = client_of("olga")
    client.get("/funnel")
    for path in ("/funnel", "/funnel?by=district", "/funnel?view=cohort&by=day", "/funnel/records"):
        with queries() as few:
            client.get(path)
        with unit_of_work():
            rows = [
                {
                    "campaign_id": cast.campaigns["roadshow"],
                    "day": DAY_1,
                    "team_id": team,
                    "district_id": district,
                    "stage": "consult",
                    "leads": 2,
                }
                for team in cast.teams.values()
                for district in cast.districts.values()
            ]
            db.session.execute(db.delete(FunnelDay).where(FunnelDay.day == DAY_1))
            db.session.execute(insert(FunnelDay), rows)
        with queries() as many:
            client.get(path)
        assert many.count == few.count
        assert many.count <= 24, (path, many.statements)


def test_a_district_that_was_only_visited_has_its_row_and_the_visits_add_up(actor, cast, client_of):
    road = cast.campaigns["roadshow"]
    with unit_of_work():
        record_visit(
            actor("bob"), uid="only", campaign_id=road, member_id=cast.users["bob"], outcome="customer",
            clocks=Clocks.at(NOON), district_id=cast.districts["estate"],
        )  # fmt: skip
    for by in ("place", "district", "team", "member", "day", "campaign", "model", "trade", "approach"):
        page = client_of("olga").get(f"/funnel.csv?by={by}").data.decode("utf-8-sig")
        lines = [line.split(",") for line in page.splitlines()[1:]]
        assert sum(int(line[1]) for line in lines[:-1]) == int(lines[-1][1]) == 1, by
