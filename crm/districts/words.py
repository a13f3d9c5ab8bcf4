"""Sentences and words of the room of districts."""

from typing import Any

from flask_babel import lazy_gettext as _l

ERRORS: dict[str, Any] = {
    "districts.ambiguous": _l(
        "%(name)s stands for %(count)s districts. Give the code or the path, such as East Town/Old Street."
    ),
    "districts.code_taken": _l("The code %(taken)s belongs to another district."),
    "districts.cycle": _l("A district cannot lie below itself or below one of its own parts."),
    "districts.missing": _l("There is no such district."),
    "districts.name": _l("A district's name has 1 to 80 characters and no slash."),
    "districts.name_taken": _l("There is a district called %(name)s at this place already."),
    "districts.no_kind": _l("The kind of a new district is needed: commercial, community, park or rural."),
    "districts.no_parent": _l(
        "There is no district %(name)s. A parent stands higher up in the sheet or exists already."
    ),
    "districts.parent_closed": _l("%(name)s is out of use. Take it into use first."),
    "districts.too_deep": _l("The tree has at most %(levels)s levels."),
    "districts.twice": _l("%(name)s stands in this sheet already, with other values."),
    "import.in_use": _l("%(name)s is in use by now; undoing it would lose later work."),
}

KINDS: dict[str, Any] = {
    "commercial": _l("Shopping area"),
    "community": _l("Community"),
    "park": _l("Industrial park"),
    "rural": _l("Farmland"),
}


def kind_label(code: str) -> Any:
    """The word for a kind of district."""
    return KINDS.get(code, code)


ACTS: dict[str, Any] = {
    "districts.change": _l("District changed"),
    "districts.create": _l("District created"),
    "districts.move": _l("District moved"),
    "districts.set_active": _l("District taken into or out of use"),
    "districts.undo_import": _l("Import of districts undone"),
}

SUBJECTS: dict[str, Any] = {"district": _l("District")}

GLOBALS: dict[str, Any] = {"district_kind_label": kind_label, "district_kinds": KINDS}
