"""Sentences and words of imports: for what may be wrong with a sheet, a cell or a row."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm.intake.importers import contract_of
from crm.kernel.errors import DomainError
from crm.web.locale import language
from crm.web.wording import sentence

ERRORS: dict[str, Any] = {
    "sheet.bomb": _l("This file unpacks to far more than a sheet holds. It was not opened."),
    "sheet.cell_too_long": _l("A cell of this file is too long to be read. Shorten it and upload the file again."),
    "sheet.column_ambiguous": _l("Two columns are called %(column)s. Name the one that is meant by its letter."),
    "sheet.empty": _l("This file has no rows. Nothing was brought in."),
    "sheet.encoding": _l("The characters of this file cannot be read. Save it as CSV UTF-8 or as XLSX."),
    "sheet.encoding_unsure": _l(
        "It is not certain in which encoding this file is written. Choose it: a list saved by Excel or WPS in Chinese is GBK."
    ),
    "sheet.encrypted": _l("This file has a password. Take the password off and upload it again."),
    "sheet.field_twice": _l("Two columns were chosen for one field (%(field)s). A field takes one column."),
    "sheet.formula": _l("This sheet holds formulas in its headings. Copy it and paste values only."),
    "sheet.gap": _l("There are hundreds of blank rows inside this sheet. Delete them and upload it again."),
    "sheet.macro": _l("Files with macros are not taken. Save it as XLSX or CSV."),
    "sheet.no_header": _l(
        "No row of headings was found. The first rows must hold headings such as those of the template."
    ),
    "sheet.no_such_column": _l("The sheet has no column called %(column)s."),
    "sheet.no_such_field": _l("There is no field called %(field)s."),
    "sheet.no_such_sheet": _l("The workbook has no visible sheet called %(name)s."),
    "sheet.too_large": _l("This file is too large to be read: at most 20 MB. Divide it into smaller ones."),
    "sheet.too_heavy": _l(
        "This file needs too much memory to be read. Copy its rows into a new workbook, values only."
    ),
    "sheet.too_slow": _l("Reading this file takes too long. Divide it into smaller ones, or save it as CSV."),
    "sheet.too_many_columns": _l("This sheet has more than 120 columns."),
    "sheet.too_many_rows": _l("This sheet has more than 200,000 rows. Divide it into smaller ones."),
    "sheet.unreadable": _l(
        "This file is damaged or no sheet at all. Open it in Excel or WPS, save it as XLSX and upload it again."
    ),
    "sheet.wrong_kind": _l("This is no CSV or XLSX file. Save the sheet as XLSX or CSV and upload that."),
    "value.bool": _l("Yes or no is expected, not %(value)s."),
    "value.code": _l("%(value)s is none of the words that are known here: %(accepted)s."),
    "value.date": _l("%(value)s is no date. Write 2026-11-23."),
    "value.date_ambiguous": _l("%(value)s means two different days. Write 2026-11-23."),
    "value.error": _l("The cell holds an error of the spreadsheet."),
    "value.formula": _l("The cell holds a formula. Copy it and paste the value only."),
    "value.int": _l("%(value)s is no whole number."),
    "value.long": _l("This is too long: at most %(most)s characters."),
    "value.missing": _l("This must be filled in."),
    "value.number": _l("%(value)s is no number."),
    "value.rounded": _l(
        "This number has more digits than a spreadsheet keeps; the last ones are lost. Format the column as text."
    ),
    "import.ambiguous_columns": _l("Two columns could be the same field (%(fields)s). Choose one."),
    "import.amount": _l("An amount lies between 0 and 10,000,000 ten thousand yuan."),
    "import.broken": _l("The import broke off. Nothing was written; it can be started again."),
    "import.campaign_ambiguous": _l("Several campaigns are called so. Give the code."),
    "import.changed_since": _l(
        "%(name)s was changed after this import; undoing it would lose that. Nothing was undone."
    ),
    "import.claimed": _l("Already registered by another team, on %(day)s."),
    "import.district_ambiguous": _l(
        "Several districts are called so. Give the code or the path, such as East/Old Street."
    ),
    "import.file_gone": _l("The uploaded file is no longer kept. Upload it again."),
    "import.forbidden": _l("Your role does not bring in sheets of this kind."),
    "import.has_errors": _l("%(failed)s rows have errors. All or nothing was asked for, so nothing was written."),
    "import.kind": _l("There is no such kind of sheet."),
    "import.later_work": _l(
        "Later work stands on what this import brought in (lead %(lead)s, for one). Nothing was changed."
    ),
    "import.missing": _l("There is no such import, or it is not yours to see."),
    "import.missing_columns": _l("The sheet lacks columns that are needed: %(fields)s. Say which column is meant."),
    "import.mode": _l("Choose whether to take the good rows, or all rows or nothing."),
    "import.month_right": _l("Only an organiser makes a campaign for each month."),
    "import.no_contact": _l("This person must not be contacted and was left out."),
    "import.no_file": _l("Choose a file."),
    "import.no_officer": _l("There is no officer with this login or name."),
    "import.no_team": _l("There is no team of this name."),
    "import.no_stage_right": _l("You may not record stages of this customer; the row was left out."),
    "import.officer_ambiguous": _l("Several officers have this name. Give the login."),
    "import.state": _l("This import has moved on in the meantime. Look at its newest state."),
    "import.twice": _l("The same customer stands higher up in this file."),
    "import.two_leads": _l(
        "The phone belongs to one lead and the number to another. Look at both and merge them first."
    ),
}

KINDS: dict[str, Any] = {"leads": _l("Leads"), "roster": _l("Roster of people"), "districts": _l("Districts")}
STATES: dict[str, tuple[Any, str, str]] = {
    "uploaded": (_l("To be checked"), "plain", "file-import"),
    "checked": (_l("Checked, to be confirmed"), "info", "eye"),
    "applying": (_l("Running"), "info", "refresh"),
    "applied": (_l("Brought in"), "good", "check"),
    "failed": (_l("Not brought in"), "bad", "alert-triangle"),
    "stopped": (_l("Broke off, nothing written"), "bad", "alert-triangle"),
    "cancelled": (_l("Given up"), "plain", "x"),
    "undone": (_l("Undone"), "plain", "arrow-back-up"),
}
OUTCOMES: dict[str, Any] = {
    "new": _l("New"),
    "updated": _l("Filled in"),
    "skipped": _l("Skipped"),
    "failed": _l("Failed"),
}


def kind_label(code: str) -> str:
    """The word for a kind of sheet."""
    return str(KINDS.get(code, code))


def state_badge(code: str) -> tuple[Any, str, str]:
    """Word, tone and symbol of a batch's state."""
    return STATES.get(code, (code, "plain", "dots"))


def outcome_label(code: str) -> str:
    """The word for what became of a row."""
    return str(OUTCOMES.get(code, code))


def field_label(kind: str, key: str) -> str:
    """A field as its template calls it; in English by its first Latin heading."""
    if not key:
        return ""
    column = contract_of(kind).column(key)
    if language() == "zh":
        return column.headings[0] if column.headings else column.help_zh
    latin = [heading for heading in column.headings if heading.isascii()]
    return latin[0][:1].upper() + latin[0][1:] if latin else column.help_en


def field_choices(kind: str) -> list[tuple[str, str]]:
    """The fields that a column may become, in the contract's order."""
    return [(column.key, field_label(kind, column.key)) for column in contract_of(kind).columns if column.headings]


def problem_sentence(problem: Mapping[str, Any]) -> str:
    """The sentence of a kept problem, in the reader's language."""
    if problem["code"] == "value.missing" and problem["facts"].get("any_of"):
        return _("A customer number or a phone must be filled in.")
    facts = dict(problem["facts"])
    if "fields" in facts:
        facts["fields"] = ", ".join(facts["fields"]) if isinstance(facts["fields"], list) else facts["fields"]
    return sentence(DomainError(problem["code"], **facts))


ACTS: dict[str, Any] = {
    "intake.apply": _l("Import written"),
    "intake.cancel": _l("Import given up"),
    "intake.confirm": _l("Import confirmed"),
    "intake.undo": _l("Import undone"),
    "intake.upload": _l("File uploaded for import"),
}

SUBJECTS: dict[str, Any] = {"import_batch": _l("Import")}

GLOBALS: dict[str, Any] = {
    "import_field_label": field_label,
    "import_kind_label": kind_label,
    "import_outcomes": OUTCOMES,
    "import_problem": problem_sentence,
    "import_state": state_badge,
}
