"""Photos come in parts, go on where they stopped, and lose all that a camera or a stranger put into them."""

import hashlib
from io import BytesIO

import pytest
from PIL import Image

from crm.field import photos
from crm.field.models import FieldPhoto
from crm.kernel.db import db
from tests.field.phone import Phone, seal_file

PART = 256 * 1024


def picture(size=(900, 700), *, exif=True, kind="JPEG") -> bytes:
    image = Image.effect_noise(size, 80).convert("RGB")
    facts = Image.Exif()
    if exif:
        facts[0x0112] = 6  # lies on its side
        facts.get_ifd(0x8825)[2] = (30.0, 12.0, 1.0)
        facts[0x010F] = "CANARY-CAMERA"
    target = BytesIO()
    image.save(target, kind, exif=facts)
    return target.getvalue()


def sealed(phone: Phone, content: bytes) -> tuple[str, bytes]:
    found = seal_file(phone.session["key"], content, f"waituo|photo|{phone.session['user']['id']}")
    return hashlib.sha256(found).hexdigest(), found


def put(phone: Phone, address: str, content: bytes, offset: int, total: int | None = None):
    part = content[offset : offset + PART]
    return phone.ask("PUT", f"/m/api/photos/{address}?offset={offset}&total={total or len(content)}", data=part)


def whole(phone: Phone, address: str, content: bytes):
    for offset in range(0, len(content), PART):
        status, told = put(phone, address, content, offset)
        assert status == 200
    return told


def test_a_photo_of_a_visit_arrives_whole_upright_and_without_the_cameras_facts(phone_of, app, home):
    phone = phone_of("bob")
    address, content = sealed(phone, picture())
    assert len(content) > PART
    made = phone.visit(attachments=[address])
    assert phone.send()[1][0]["missing"] == [address]
    assert whole(phone, address, content) == {"received": len(content), "complete": True, "state": "whole"}
    assert phone.send([made])[1][0]["missing"] == []
    photo = db.session.scalar(db.select(FieldPhoto))
    jpeg = photos.open_photo(photo)
    with Image.open(BytesIO(jpeg)) as stored:
        assert (stored.format, stored.size) == ("JPEG", (700, 900))
        assert dict(stored.getexif()) == {}
        assert stored.getexif().get_ifd(0x8825) == {}
    assert photo.visit_id is not None
    on_disk = [path.read_bytes() for path in (home / "photos").rglob(f"{address}*") if path.is_file()]
    assert len(on_disk) == 1
    assert b"JFIF" not in on_disk[0]


def test_an_upload_goes_on_where_it_stopped_and_repeats_harmlessly(phone_of):
    phone = phone_of("bob")
    address, content = sealed(phone, picture())
    assert phone.ask("GET", f"/m/api/photos/{address}")[1]["state"] == "unknown"
    put(phone, address, content, 0)
    status, told = put(phone, address, content, 0)
    assert (status, told["received"]) == (409, PART)
    assert put(phone, address, content, PART + 1)[0] == 409
    assert phone.ask("GET", f"/m/api/photos/{address}")[1]["received"] == PART
    for offset in range(PART, len(content), PART):
        status, told = put(phone, address, content, offset)
    assert told["complete"]
    assert put(phone, address, content, 0)[1] == told


def test_a_part_that_the_disk_lost_is_asked_for_again(phone_of, home):
    phone = phone_of("bob")
    address, content = sealed(phone, picture())
    put(phone, address, content, 0)
    (home / "photos" / "parts" / address).write_bytes(content[:1000])
    assert phone.ask("GET", f"/m/api/photos/{address}")[1]["received"] == 1000
    assert put(phone, address, content, PART)[0] == 409
    for offset in range(1000, len(content), PART):
        told = put(phone, address, content, offset)[1]
    assert told["state"] == "whole"


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_other_kinds_of_pictures_become_jpegs(phone_of, kind):
    phone = phone_of("bob")
    address, content = sealed(phone, picture((40, 30), kind=kind))
    assert whole(phone, address, content)["state"] == "whole"


def bomb() -> bytes:
    target = BytesIO()
    Image.new("1", (20_000, 20_000)).save(target, "PNG")
    return target.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"<html>", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a" + bytes(100), picture()[:5000], bomb()],
    ids=["html", "svg", "gif", "half", "bomb"],
)
def test_what_is_no_picture_is_refused_and_leaves_nothing(phone_of, home, content):
    phone = phone_of("bob")
    address, sent = sealed(phone, content)
    assert whole(phone, address, sent)["state"] == "refused"
    assert list((home / "photos").rglob(f"*{address}*")) == []


def test_content_of_another_address_or_sealed_for_somebody_else_is_refused(phone_of):
    phone, other = phone_of("bob"), phone_of("alice")
    _, content = sealed(phone, picture((40, 30)))
    assert whole(phone, "0" * 64, content)["state"] == "refused"
    address, content = sealed(other, picture((40, 30)))
    assert whole(phone, address, content)["state"] == "refused"


def test_somebody_elses_photo_is_as_good_as_missing(phone_of):
    phone, other = phone_of("bob"), phone_of("alice")
    address, content = sealed(phone, picture())
    put(phone, address, content, 0)
    assert other.ask("GET", f"/m/api/photos/{address}")[1]["state"] == "unknown"
    assert put(other, address, content, PART)[0] == 404


def test_sizes_are_bounded(phone_of, monkeypatch):
    phone = phone_of("bob")
    address = "a" * 64
    for offset, total, part in (
        (0, 7 * 1024 * 1024, b"x"),
        (-1, 10, b"x"),
        (0, 10, b""),
        (9, 10, b"xx"),
        (0, 10**30, b"x"),
    ):
        path = f"/m/api/photos/{address}?offset={offset}&total={total}"
        assert phone.ask("PUT", path, data=part)[0] == 422
    assert phone.ask("PUT", f"/m/api/photos/{address}?offset=0&total=900000", data=bytes(PART + 1))[0] == 422
    assert phone.ask("PUT", "/m/api/photos/short?offset=0&total=1", data=b"x")[0] == 400
    monkeypatch.setattr(photos, "MOST_A_DAY", 1)
    assert phone.ask("PUT", f"/m/api/photos/{address}?offset=0&total=10", data=b"x")[0] == 200
    assert phone.ask("PUT", f"/m/api/photos/{'b' * 64}?offset=0&total=10", data=b"x")[0] == 429
