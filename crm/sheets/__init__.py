"""The only room that knows spreadsheet libraries: one door in (reader, contracts, records), one out (writer)."""
