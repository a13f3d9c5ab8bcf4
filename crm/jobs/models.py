"""Which job ran for which slot: the claim that keeps two schedulers from doing one thing twice."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from crm.kernel.db import BIG, Base, UTCDateTime


class JobRun(Base):
    """One run of one job for one slot; the unique pair is the claim."""

    __tablename__ = "job_run"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    job: Mapped[str] = mapped_column(String(64))
    slot: Mapped[datetime] = mapped_column(UTCDateTime)
    claimed_at: Mapped[datetime] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    result: Mapped[str] = mapped_column(String(300), default="")

    __table_args__ = (Index("uq_job_run_slot", "job", "slot", unique=True),)
