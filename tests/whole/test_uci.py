"""The contacts of a real bank, brought in on the pages by an organiser, and taken back."""

import csv

import pytest
from sqlalchemy import func, select

from crm.intake.models import ImportBatch
from crm.kernel.db import db
from crm.leads import ledger
from crm.leads.ledger_models import FunnelDay
from crm.leads.models import Lead

pytestmark = pytest.mark.slow
FIELDS = {
    "row": "external_id",
    "contact_date": "consult_on",
    "job": "trade",
    "contact": "approach",
    "y": "accepted",
    "campaign": "-",
}


def test_the_pages_bring_in_45211_leads_once_and_take_them_back(client_of, shared):
    olga, path = client_of("olga"), shared / "data" / "uci_bank" / "contacts_dated_derived.csv"
    batch = bring_in(olga, path)
    assert (batch.status, batch.rows, batch.new, batch.failed) == ("applied", 45_211, 45_211, 0)
    assert stages() == {"consult": 45_211, "application": 5_289, "accepted": 5_289}
    assert db.session.scalar(select(func.count()).where(Lead.historical, Lead.phone_sealed.is_(None))) == 45_211
    assert ledger.differences() == []
    again = bring_in(olga, path)
    assert (again.rows, again.new, again.skipped) == (45_211, 0, 45_211)
    olga.post(f"/imports/{again.id}/undo")
    olga.post(f"/imports/{batch.id}/undo")
    assert (stages(), ledger.differences()) == ({}, [])


def bring_in(client, path) -> ImportBatch:
    """Upload, columns, check, confirmation, as the buttons do it."""
    with path.open(encoding="utf-8") as lines:
        headings = next(csv.reader(lines))
    with path.open("rb") as file:
        sent = client.post("/imports/new/leads", data={"file": (file, path.name)}, content_type="multipart/form-data")
    sent.request.environ["wsgi.input"].close()  # the test client's own copy of a large upload
    batch = latest()
    columns = {f"column-{chr(65 + place)}": FIELDS.get(heading, "") for place, heading in enumerate(headings)}
    answer = client.post(
        f"/imports/{batch.id}/columns",
        data={"version": batch.version, "campaign_month": "UCI", "campaign_model": "wechat", **columns},
    )
    assert answer.status_code == 302, answer.text
    batch = latest()
    client.post(f"/imports/{batch.id}/confirm", data={"version": batch.version, "mode": "all"})
    return latest()


def latest() -> ImportBatch:
    db.session.expire_all()
    return db.session.scalars(select(ImportBatch).order_by(ImportBatch.id.desc()).limit(1)).one()


def stages() -> dict[str, int]:
    query = select(FunnelDay.stage, func.sum(FunnelDay.leads)).group_by(FunnelDay.stage)
    return {stage: leads for stage, leads in db.session.execute(query) if leads}
