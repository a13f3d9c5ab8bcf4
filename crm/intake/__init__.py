"""Sheets coming in: upload, mapping, preview, confirmation, result and undo of a batch, whatever its rows mean."""
