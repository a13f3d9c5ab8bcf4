"""Where the outreach happens: a tree of districts (外拓区域)."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.kernel.db import Base, UTCDateTime

# Ranges of paths must compare by byte on every database; on PostgreSQL the locale would skip the slashes.
_PATH = String(200).with_variant(String(200, collation="C"), "postgresql")


class District(Base):
    """A node of the tree. `path` is "/1/5/" for node 5 below node 1, so that a parent's filter is one prefix."""

    __tablename__ = "district"

    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("district.id"), index=True)
    code: Mapped[str | None] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(16))
    path: Mapped[str] = mapped_column(_PATH, default="", index=True)
    depth: Mapped[int] = mapped_column(default=0)
    address: Mapped[str] = mapped_column(String(200), default="")
    note: Mapped[str] = mapped_column(String(500), default="")
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        CheckConstraint("kind IN ('commercial','community','park','rural')", name="kind"),
        Index("uq_district_sibling_name", "parent_id", "name", unique=True),
        Index(
            "uq_district_top_name",
            "name",
            unique=True,
            sqlite_where=text("parent_id IS NULL"),
            postgresql_where=text("parent_id IS NULL"),
        ),
    )
