"""One visit at the desk: where it was noted, its photos, and who may see them."""

import pytest

from crm.field.models import VisitPosition
from crm.kernel.db import db
from crm.kernel.installation import keys
from crm.kernel.unit_of_work import unit_of_work
from tests import make
from tests.meetings import setting
from tests.moments import DAY_2, NOON

JPEG = b"\xff\xd8\xff\xe0 not much of a picture \xff\xd9"


@pytest.fixture
def visit_id(cast, actor):
    """A visit of Bob's."""
    return setting.visit(actor, cast, "bob").id


def placed(visit_id: int, *, weak: bool = False) -> None:
    with unit_of_work():
        db.session.add(
            VisitPosition(visit_id=visit_id, latitude=31.2, longitude=121.47, accuracy_m=80, weak=weak, taken_at=NOON)
        )


@pytest.fixture
def photo_id(cast, visit_id, home):
    """A photo of that visit, sealed on the disk."""
    with unit_of_work():
        photo = make.photo(visit_id, cast.users["bob"])
    path = home / "photos" / photo.content_hash[:2] / f"{photo.content_hash}.jpg.sealed"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(keys().seal_bytes(JPEG, place=f"photo:{photo.content_hash}"))
    return photo.id


def test_a_visit_shows_its_place_coarse_and_says_when_it_is_weak(visit_id, client_of):
    alice = client_of("alice")
    assert "未记录位置" in alice.get(f"/field/visits/{visit_id}").text
    placed(visit_id, weak=True)
    page = alice.get(f"/field/visits/{visit_id}").text
    assert "31.200°N 121.470°E" in page
    assert "信号弱" in page


@pytest.mark.parametrize(
    ("who", "status"),
    [("bob", 200), ("alice", 200), ("olga", 200), ("charlie", 404), ("dora", 404), ("tim", 403), ("mona", 403),
     ("audrey", 403), ("adam", 403), (None, 302)],
)  # fmt: skip
def test_the_member_the_lead_and_organisers_open_a_visit_and_its_photo(visit_id, photo_id, client_of, who, status):
    assert client_of(who).get(f"/field/visits/{visit_id}").status_code == status
    assert client_of(who).get(f"/field/photos/{photo_id}").status_code == status


def test_a_colleague_of_the_team_does_not_open_another_member_s_visit(cast, actor, photo_id, client_of):
    other = setting.visit(actor, cast, "alice").id
    with unit_of_work():
        theirs = make.photo(other, cast.users["alice"]).id
    assert client_of("bob").get(f"/field/visits/{other}").status_code == 404
    assert client_of("bob").get(f"/field/photos/{theirs}").status_code == 404


def test_a_photo_is_a_picture_that_no_cache_keeps(photo_id, client_of):
    answer = client_of("bob").get(f"/field/photos/{photo_id}")
    assert (answer.data, answer.mimetype) == (JPEG, "image/jpeg")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_photo_whose_file_is_gone_is_as_good_as_missing(cast, visit_id, client_of):
    with unit_of_work():
        lost = make.photo(visit_id, cast.users["bob"]).id
    bob = client_of("bob")
    assert bob.get(f"/field/photos/{lost}").status_code == bob.get("/field/photos/999999").status_code == 404


def test_what_has_not_arrived_whole_is_announced_and_not_shown(cast, visit_id, photo_id, client_of):
    with unit_of_work():
        parts = make.photo(visit_id, cast.users["bob"], state="parts").id
        refused = make.photo(visit_id, cast.users["bob"], state="refused").id
        nobodys = make.photo(None, cast.users["bob"]).id
    bob = client_of("bob")
    page = bob.get(f"/field/visits/{visit_id}").text
    assert f"/field/photos/{photo_id}" in page
    assert "还有 1 张照片" in page
    for hidden in (parts, refused, nobodys):
        assert f"/field/photos/{hidden}" not in page
        assert bob.get(f"/field/photos/{hidden}").status_code == 404


def test_the_team_s_day_and_the_list_of_visits_lead_to_the_visit(cast, visit_id, photo_id, client_of):
    keys = f"campaign={cast.campaigns['roadshow']}&team={cast.teams['red']}&day={DAY_2}"
    there = f'href="/field/visits/{visit_id}"'
    assert there in client_of("alice").get(f"/field/team?{keys}").text
    assert there not in client_of("mona").get(f"/field/team?{keys}").text
    listed = f"/log/{cast.campaigns['roadshow']}/{cast.teams['red']}/{DAY_2}/visits"
    assert there in client_of("bob").get(listed).text
    assert there not in client_of("mona").get(listed).text
