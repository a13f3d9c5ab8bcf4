"""An import batch, and what it changed, so that it can be undone exactly."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from crm.kernel.db import BIG, Base, UTCDateTime


class ImportBatch(Base):
    """One uploaded sheet (`sheet`: a workbook's tab) and what became of it. rows = new + updated + skipped + failed, always.

    `mapping` says which heading means which field ("-" leaves it out), `preset` which value holds for every row. `worker` is
    the process that applies it (host, process id, its start), so that a killed one is noticed. The file is kept until then.
    It works with the rights of `confirmed_by_id`, who need not be `actor_id`, who uploaded it (None: the terminal).
    """

    __tablename__ = "import_batch"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    file_name: Mapped[str] = mapped_column(String(200))
    file_sha256: Mapped[str] = mapped_column(String(64), index=True)
    stored_name: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(12), default="uploaded")
    encoding: Mapped[str] = mapped_column(String(16), default="")
    sheet: Mapped[str] = mapped_column(String(64), default="")
    mapping: Mapped[dict[str, Any]] = mapped_column(JSON)
    preset: Mapped[dict[str, Any]] = mapped_column(JSON)
    mode: Mapped[str] = mapped_column(String(8), default="good")
    preview: Mapped[dict[str, Any]] = mapped_column(JSON)
    rows: Mapped[int] = mapped_column(default=0)
    new: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(64), default="")
    error_facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    worker: Mapped[str] = mapped_column(String(120), default="")
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"), index=True)
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    applied_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        CheckConstraint(
            "status IN ('uploaded','checked','applying','applied','failed','cancelled','undone')", name="status"
        ),
        CheckConstraint(
            "status NOT IN ('applied','undone') OR rows = new + updated + skipped + failed", name="rows_add_up"
        ),
    )


class ImportChange(Base):
    """How one existing row looked before the batch changed it, or that the batch made it (`before` is None).

    `after` is how the batch left it, where the room compares: what somebody changed since is not overwritten.
    """

    __tablename__ = "import_change"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("import_batch.id"), index=True)
    subject: Mapped[str] = mapped_column(String(24))
    subject_id: Mapped[int] = mapped_column(BIG)
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON)
