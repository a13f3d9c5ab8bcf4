"""The only room that knows spreadsheet libraries: one door in (reader, contracts, records), one door out (writer, templates)."""
