"""Sealed values belong to their row; indexes need the key; the key file is for its owner alone."""

import errno
import json
import os

import pytest

from crm.kernel.crypto import KeyFileError, Tampered, load_keys, new_keys, save_keys


def test_what_was_sealed_opens_at_its_place_only():
    keys = new_keys()
    sealed = keys.seal("13800138000", place="lead.phone:1")
    assert b"13800138000" not in sealed
    assert keys.open(sealed, place="lead.phone:1") == "13800138000"
    for place, kept in (("lead.phone:2", sealed), ("lead.phone:1", sealed[:-1] + bytes([sealed[-1] ^ 1]))):
        with pytest.raises(Tampered):
            keys.open(kept, place=place)
    with pytest.raises(Tampered):
        new_keys().open(sealed, place="lead.phone:1")


def test_two_seals_of_one_text_differ_and_indexes_meet():
    keys = new_keys()
    assert keys.seal("x", place="p") != keys.seal("x", place="p")
    assert keys.blind("phone", "1") == keys.blind("phone", "1")
    assert len({keys.blind("phone", "1"), keys.blind("tail", "1"), new_keys().blind("phone", "1")}) == 3


def test_the_key_file_is_the_owners_alone_and_never_overwritten(tmp_path):
    path, keys = tmp_path / "keys.json", new_keys()
    save_keys(keys, path)
    assert load_keys(path) == keys
    with pytest.raises(FileExistsError):
        save_keys(keys, path)
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="readable by others"):
        load_keys(path)


def test_a_missing_or_broken_key_file_says_what_to_do(tmp_path):
    with pytest.raises(KeyFileError, match="crm init"):
        load_keys(tmp_path / "none.json")
    path = tmp_path / "keys.json"
    short = dict.fromkeys(("cookie", "data", "index"), "AAAA")
    for body in ("", "{", "[]", "7", '{"cookie": 7}', '{"cookie": "a"}', json.dumps(short)):
        path.write_text(body)
        path.chmod(0o600)
        with pytest.raises(KeyFileError, match="put the copy of it back"):
            load_keys(path)
    path.unlink()
    path.mkdir(mode=0o700)
    with pytest.raises(KeyFileError, match="cannot be read"):
        load_keys(path)


def test_keys_that_could_not_be_written_leave_no_file_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(OSError, match="No space"):
        save_keys(new_keys(), tmp_path / "keys.json")
    assert list(tmp_path.iterdir()) == []
    broken = tmp_path / "keys.json"
    broken.write_text("{}")
    broken.chmod(0o600)
    with pytest.raises(KeyFileError, match="not a key file"):
        load_keys(broken)


def test_keys_do_not_show_in_a_printed_settings(app):
    settings = app.extensions["crm.settings"]
    assert "cccc" not in repr(settings)
