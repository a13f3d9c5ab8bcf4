"""What the phone pages ask the server for, in JSON: who is signed in, what to show offline, and the queue that is sent."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import jsonify, request
from flask_wtf.csrf import generate_csrf
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from crm.field import commands, phones, photos, queries, rules, sealing
from crm.field.commands import Result, Sent
from crm.field.models import FieldPhoto
from crm.field.policy import FieldPermission
from crm.field.views import blueprint
from crm.field.words import FIELD_NAMES
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.errors import Conflict, DomainError, Invalid
from crm.kernel.installation import keys
from crm.kernel.submissions import content_hash
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.contact import reveal_phone
from crm.people.queries import team_names
from crm.web.forms import int_or, query_id
from crm.web.guards import for_programs, public, requires
from crm.web.identity import settings, the_actor
from crm.web.wording import sentence

MOST_BODY = 1_000_000
"""Bytes of one batch."""
TRIES = 3
"""Of a batch that met another one in the database at an unlucky moment."""
_MET_ANOTHER = frozenset({"40001", "40P01"})
"""PostgreSQL's serialization failure and deadlock: nothing was kept, and the same may be tried at once."""


@blueprint.get("/m/api/session")
@requires(FieldPermission.RECORD)
@for_programs
def session() -> Response:
    """Who is signed in, a fresh token, the server's clock, and the key to seal with."""
    actor, at = the_actor(), now()
    device = request.args.get("device", "")
    last_seq, wipe = 0, False
    if rules.is_uid(device):
        with unit_of_work():
            last_seq = commands.note_device(actor, device, at=at)
            wipe = phones.must_clear(device, actor.user_id or 0, at=at)
    team_id, names = queries.team_of(actor), team_names()
    to = sealing.recipient(keys())
    return jsonify(
        user={"id": actor.user_id, "name": actor.name, "role": actor.role.value},
        team=None if team_id is None else {"id": team_id, "name": names.get(team_id, "")},
        lead_of=sorted(actor.lead_of),
        csrf=generate_csrf(),
        now=at.isoformat(),
        zone=settings().zone,
        key={"id": to.id, "public": sealing.packed(to.public)},
        device={"last_seq": last_seq},
        wipe=wipe,
        notice=queries.notice(),
        bank=settings().bank,
    )


@blueprint.get("/m/api/phone")
@public
@for_programs
def lost_phone() -> Response:
    """Whether what a person left on this phone has to go. A phone asks when its session has ended; strangers hear no."""
    device, user_id, wipe = request.args.get("device", ""), query_id("user"), False
    if rules.is_uid(device) and user_id is not None:
        with unit_of_work():
            wipe = phones.must_clear(device, user_id, at=now())
    return jsonify(wipe=wipe)


@blueprint.get("/m/api/bundle")
@requires(FieldPermission.RECORD)
@for_programs
def bundle() -> Response:
    """What the phone shows while it has no network."""
    told = queries.bundle(the_actor(), at=now())
    answer = jsonify(told)
    # The moment of asking is no news.
    answer.set_etag(content_hash({name: value for name, value in told.items() if name != "as_of"})[:32])
    return answer.make_conditional(request)


@blueprint.post("/m/api/sync")
@requires(FieldPermission.RECORD)
@for_programs
def sync() -> tuple[Response, int]:
    """Takes a batch of records in; an answer for each."""
    told = _body()
    at = now()
    records = [_sent(one) for one in _list(told, "records")]
    device, skew = _device(told), _skew(told, at)
    results = _in_turn(the_actor(), records, device, skew, at)
    alone = len(results) == 1 and results[0].status == "conflict"
    answer = jsonify(
        nonce=str(told.get("nonce", ""))[:64], server_now=at.isoformat(), results=[_shown(one) for one in results]
    )
    return answer, Conflict.status if alone else 200


@blueprint.post("/m/api/open")
@requires(FieldPermission.RECORD)
@for_programs
def open_own() -> Response:
    """Gives the readable copies of what the person sealed back to that person: after a sign-out the phone has none."""
    actor, to = the_actor(), sealing.recipient(keys())
    items = []
    for one in _list(_body(), "items")[: rules.MOST_RECORDS]:
        if not isinstance(one, dict) or one.get("user") != actor.user_id or not rules.is_uid(one.get("uuid")):
            continue
        try:
            about = sealing.about_record(one["uuid"], actor.user_id or 0)
            body = sealing.open_envelope(to, _mapping(one.get("envelope")), about=about)
        except Invalid:
            continue
        items.append({"uuid": one["uuid"], "body": body})
    return jsonify(items=items)


@blueprint.get("/m/api/photos/<content_hash>")
@requires(FieldPermission.RECORD)
@for_programs
def photo_state(content_hash: str) -> Response:
    """How much of a photo is here."""
    return _photo(photos.find(the_actor(), _hash(content_hash)))


@blueprint.put("/m/api/photos/<content_hash>")
@requires(FieldPermission.RECORD)
@for_programs
def photo_part(content_hash: str) -> tuple[Response, int]:
    """Takes the next part of a photo."""
    wanted = _hash(content_hash)
    if (request.content_length or 0) > photos.MOST_PART:
        raise Invalid("photo.size", most=photos.MOST_BYTES // 1024 // 1024)
    offset, total = (int_or(request.args.get(name), -1) for name in ("offset", "total"))
    content, actor = request.get_data(cache=False), the_actor()
    try:
        with unit_of_work():
            photo = photos.take_part(actor, wanted, content, offset=offset, total=total, at=now())
    except Conflict as error:
        return jsonify(error=error.code, message=sentence(error), **error.facts), error.status
    return _photo(photo), 200


@blueprint.post("/m/api/leads/<int:lead_id>/phone")
@requires("leads.reveal")
@for_programs
def phone_of_lead(lead_id: int) -> Response:
    """The full phone, to call it; the look is written down."""
    with unit_of_work():
        phone = reveal_phone(the_actor(), lead_id, reason=str(_body().get("reason", "")), at=now())
    return jsonify(phone=phone)


def _in_turn(actor: Actor, records: list[Sent], device: str, skew: timedelta, at: datetime) -> list[Result]:
    """The batch in one unit of work; on PostgreSQL tried again when it ran into another one."""
    for attempt in range(TRIES):
        try:
            with unit_of_work():
                return commands.take_in(actor, records, device=device, skew=skew, at=at)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in _MET_ANOTHER or attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _shown(one: Result) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "uuid": one.uid,
        "sha256": one.content_hash,
        "status": one.status,
        "receipt": one.receipt,
        "code": one.code,
        "message": sentence(DomainError(one.code, **one.facts)) if one.code else "",
        "lead": one.lead_id,
        "missing": list(one.missing),
    }
    wrong = one.facts.get("fields")
    if isinstance(wrong, dict):
        shown["fields"] = {name: sentence(DomainError(code)) for name, code in wrong.items()}
        shown["message"] = "；".join(f"{FIELD_NAMES.get(name, name)}: {text}" for name, text in shown["fields"].items())
    return shown


def _photo(photo: FieldPhoto | None) -> Response:
    if photo is None:
        return jsonify(received=0, complete=False, state="unknown")
    return jsonify(received=photos.standing(photo), complete=photo.state != "parts", state=photo.state)


def _body() -> Mapping[str, Any]:
    """The JSON of the request. Raises Invalid for what is none or too much."""
    if (request.content_length or 0) > MOST_BODY:
        raise _TooLarge("field.too_large")
    try:
        told = json.loads(request.get_data(cache=False))
    except (ValueError, RecursionError):
        raise Invalid("field.json") from None
    return _mapping(told)


class _TooLarge(Invalid):
    """A batch that has to be sent in parts."""

    status = 413


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Invalid("field.json")
    return value


def _list(told: Mapping[str, Any], name: str) -> list[Any]:
    value = told.get(name)
    if not isinstance(value, list):
        raise Invalid("field.json")
    return value


def _sent(one: Any) -> Sent:
    one = _mapping(one)
    user = one.get("user")
    envelope = one.get("envelope")
    return Sent(
        uid=str(one.get("uuid", "")),
        content_hash=str(one.get("sha256", "")),
        user_id=user if isinstance(user, int) and not isinstance(user, bool) else 0,
        envelope=envelope if isinstance(envelope, dict) else {},
    )


def _device(told: Mapping[str, Any]) -> str:
    device = told.get("device")
    if not rules.is_uid(device):
        raise Invalid("field.json")
    return str(device)


def _skew(told: Mapping[str, Any], at: datetime) -> timedelta:
    """The server's clock minus the phone's, as the phone's own word has it."""
    try:
        client = datetime.fromisoformat(str(told.get("client_now")))
        return timedelta(0) if client.tzinfo is None else at - client.astimezone(UTC)
    except (ValueError, OverflowError):
        return timedelta(0)


def _hash(text: str) -> str:
    if not rules.is_hash(text):
        raise BadRequest
    return text
