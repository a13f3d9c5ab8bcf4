"""Sentences and words of the room of reports."""

from typing import Any

from flask_babel import lazy_gettext as _l

ERRORS: dict[str, Any] = {
    "reports.file_changed": _l(
        "The file on the disk is not the one that was made. It is not given out; make the workbook again."
    ),
    "reports.file_gone": _l("The file is not kept any more. Make the workbook again."),
    "reports.no_export": _l("You may not take workbooks out of the house."),
    "reports.no_file": _l("There is no such file, or somebody else made it."),
    "reports.no_log": _l("You may not see what others took out of the house."),
}

KINDS: dict[str, Any] = {"team_day": _l("Team's day"), "workbook": _l("Management workbook")}

ACTS: dict[str, Any] = {
    "reports.export": _l("Workbook made for download"),
}

SUBJECTS: dict[str, Any] = {"export": _l("Workbook")}

GLOBALS: dict[str, Any] = {"export_kind_label": lambda code: KINDS.get(code, code)}
