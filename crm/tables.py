"""Every table of the house, so that whoever needs the whole schema imports one name."""

from crm.campaigns import models as campaigns
from crm.contest import models as contest
from crm.districts import models as districts
from crm.enquiries import models as enquiries
from crm.field import models as field
from crm.intake import models as intake
from crm.jobs import models as jobs
from crm.kernel import audit, submissions
from crm.kernel.db import Base
from crm.leads import ledger_models as ledger
from crm.leads import models as leads
from crm.meetings import models as meetings
from crm.outreach import models as outreach
from crm.people import inbox_models as inbox
from crm.people import models as people
from crm.reports import models as reports

ROOMS = (
    audit,
    submissions,
    people,
    inbox,
    districts,
    campaigns,
    leads,
    ledger,
    outreach,
    enquiries,
    contest,
    meetings,
    reports,
    field,
    intake,
    jobs,
)
METADATA = Base.metadata
