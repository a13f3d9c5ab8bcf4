"""A page of a longer list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
PER_PAGE = 50


@dataclass(frozen=True)
class Page(Generic[Item]):
    """`items` are rows (page - 1) * per_page and on, out of `total`; pages count from 1."""

    items: Sequence[Item]
    page: int
    total: int
    per_page: int = PER_PAGE

    @property
    def pages(self) -> int:
        """How many pages there are; at least one."""
        return max(1, -(-self.total // self.per_page))
