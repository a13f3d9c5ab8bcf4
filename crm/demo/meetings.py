"""The demo's meetings and evening reports."""

from random import Random

from crm.demo.bank import Bank


def hold_meetings(bank: Bank, number: int, rng: Random) -> None:
    """The morning and evening meetings of field day `number`, with pledges and the stored evening report."""
