"""The door to the figures: every number that a screen, a report, a bulletin or a workbook shows is asked for here."""

from crm.figures.asking import GROUPS, VIEWS, WINDOWS, FunnelQuery
from crm.figures.definitions import DEFINITIONS_VERSION, FIGURES, NOTES, Figure, figure
from crm.figures.field_work import VisitCounts, Visits, visit_matrix, visits
from crm.figures.funnels import Funnel, FunnelRow, Matrix, campaign_named, daily, funnel, funnel_as_of, matrix, settled
from crm.figures.labels import Named, code_label, rate_words
from crm.figures.records import Record, records_behind
from crm.figures.rules import FUNNEL_STAGES, MINIMUM_BASE, NO_VALUE, FunnelCounts, Rate
from crm.figures.targets import METRICS, Completion, completion

__all__ = [
    "DEFINITIONS_VERSION", "FIGURES", "FUNNEL_STAGES", "GROUPS", "METRICS", "MINIMUM_BASE", "NOTES", "NO_VALUE", "VIEWS", "WINDOWS",
    "Completion", "Figure", "Funnel", "FunnelCounts", "FunnelQuery", "FunnelRow", "Matrix", "Named", "Rate", "Record", "VisitCounts",
    "Visits", "campaign_named", "code_label", "completion", "daily", "figure", "funnel", "funnel_as_of", "matrix", "rate_words",
    "records_behind", "settled", "visit_matrix", "visits",
]  # fmt: skip
