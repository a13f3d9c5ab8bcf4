"""A phone in Python: it seals, queues and sends as the pages do, written from the protocol and not from the server's code."""

import base64
import hashlib
import json
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Ask = Callable[..., tuple[int, dict[str, Any]]]
"""ask(method, path, json=..., data=..., csrf=...) -> status and JSON."""


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _sealed(key: dict[str, str], content: bytes, about: str) -> tuple[bytes, bytes, bytes]:
    server = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(key["public"]))
    own = ec.generate_private_key(ec.SECP256R1())
    point = own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    aes = HKDF(SHA256(), 32, salt=point, info=b"waituo-seal-1|" + key["id"].encode()).derive(
        own.exchange(ec.ECDH(), server)
    )
    nonce = os.urandom(12)
    return point, nonce, AESGCM(aes).encrypt(nonce, content, about.encode())


def seal(key: dict[str, str], text: str, about: str) -> dict[str, Any]:
    """An envelope for the server."""
    point, nonce, sealed = _sealed(key, text.encode(), about)
    return {"v": 1, "key": key["id"], "epk": b64(point), "iv": b64(nonce), "ct": b64(sealed)}


def seal_file(key: dict[str, str], content: bytes, about: str) -> bytes:
    """A sealed file."""
    return b"".join(_sealed(key, content, about))


@dataclass
class Record:
    """A sealed record in the queue."""

    uid: str
    body: str
    kind: str
    user: int
    envelope: dict[str, Any]
    receipt: str = ""
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body.encode()).hexdigest()

    def sent(self) -> dict[str, Any]:
        return {"uuid": self.uid, "sha256": self.sha256, "user": self.user, "envelope": self.envelope}


class Phone:
    """One person's phone. `ask` talks to the server; `clock` is the phone's own, wrong or right."""

    def __init__(self, ask: Ask, clock: Callable[[], datetime], *, device: str | None = None) -> None:
        self.ask = ask
        self.clock = clock
        self.device = device or str(uuid.uuid4())
        self.queue: list[Record] = []
        self.seq = 0
        self.session: dict[str, Any] = {}
        self.campaign = 0

    def connect(self) -> dict[str, Any]:
        """Fetches the session, as before each flush."""
        status, self.session = self.ask("GET", f"/m/api/session?device={self.device}")
        assert status == 200, (status, self.session)
        return self.session

    def record(self, kind: str, *, at: datetime | None = None, uid: str | None = None, **more: Any) -> Record:
        """Seals a record into the queue; what `body` names is set otherwise."""
        body = more.pop("body", {})
        attachments = more.pop("attachments", [])
        supersedes = more.pop("supersedes", None)
        self.seq += 1
        moment = (at or self.clock()).isoformat(timespec="milliseconds")
        told = {
            "uuid": uid or str(uuid.uuid4()), "kind": kind, "form": 1, "user": self.session["user"]["id"],
            "team": None, "campaign": self.campaign, "device": self.device, "seq": self.seq, "occurred_at": moment,
            "recorded_at": moment, "tz": "Asia/Shanghai", "offset": None, "data": more, "attachments": attachments,
            "supersedes": supersedes,
        } | body  # fmt: skip
        text = json.dumps(told, ensure_ascii=False)
        about = f"waituo|{told['uuid']}|{told['user']}"
        found = Record(told["uuid"], text, kind, told["user"], seal(self.session["key"], text, about))
        self.queue.append(found)
        return found

    def visit(self, outcome: str = "consulted", **more: Any) -> Record:
        return self.record("visit", outcome=outcome, **more)

    def lead(self, phone: str, **more: Any) -> Record:
        consent = {"enquiry": True, "marketing": [], "financial": False, "how": "spoken_sms"}
        values = {"name": "张三", "phone": phone, "trade": "catering", "stage": "consult", "consent": consent}
        return self.record("lead", **(values | more))

    @property
    def waiting(self) -> list[Record]:
        return [one for one in self.queue if not one.receipt]

    def parcel(self, batch: list[Record]) -> dict[str, Any]:
        """The JSON that carries a batch, with a nonce of its own."""
        return {
            "device": self.device, "nonce": b64(os.urandom(9)), "client_now": self.clock().isoformat(),
            "records": [one.sent() for one in batch],
        }  # fmt: skip

    def send(self, records: list[Record] | None = None) -> tuple[int, list[dict[str, Any]]]:
        """Sends a batch and keeps the receipts."""
        batch = self.waiting[:50] if records is None else records
        sent = self.parcel(batch)
        status, told = self.ask("POST", "/m/api/sync", json=sent, csrf=self.session.get("csrf", ""))
        if not isinstance(told, dict) or told.get("nonce") != sent["nonce"]:
            return status, []
        by_key = {(one.uid, one.sha256): one for one in batch}
        for result in told["results"]:
            one = by_key.get((result["uuid"], result["sha256"]))
            if one is not None:
                one.result = result
                one.receipt = result["receipt"] or one.receipt
        return status, told["results"]


def skewed(clock: Callable[[], datetime], by: timedelta) -> Callable[[], datetime]:
    """A clock that goes wrong by so much."""
    return lambda: clock() + by
