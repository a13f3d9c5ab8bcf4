"""Named moments. The cast's campaign runs from DAY_1 to DAY_6; the clock of the tests stands at NOON of DAY_2."""

from datetime import date, datetime, timedelta

from crm.kernel.clock import at_local

DAY_1 = date(2026, 11, 16)
DAY_2 = DAY_1 + timedelta(days=1)
DAY_3 = DAY_1 + timedelta(days=2)
DAY_6 = DAY_1 + timedelta(days=5)
NOON: datetime = at_local(DAY_2, 12)
MORNING: datetime = at_local(DAY_2, 8, 30)
BELL: datetime = at_local(DAY_2, 17, 30)
YESTERDAY_NOON: datetime = at_local(DAY_1, 12)
