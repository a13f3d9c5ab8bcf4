"""Settings are read once, and a wrong one is refused with the remedy."""

import pytest

from crm.kernel.crypto import new_keys, save_keys
from crm.settings import Settings, SettingsError, demo_home


@pytest.fixture
def env(tmp_path):
    save_keys(new_keys(), tmp_path / "keys.json")
    return {"CRM_HOME": str(tmp_path)}


def test_thirty_idle_minutes_unless_the_bank_says_otherwise(env):
    assert Settings.from_env(env).idle_minutes == 30
    assert Settings.from_env({**env, "CRM_IDLE_MINUTES": "60"}).idle_minutes == 60


@pytest.mark.parametrize("minutes", ["0", "4", "721", "half an hour"])
def test_other_idle_times_are_refused(env, minutes):
    with pytest.raises(SettingsError, match="CRM_IDLE_MINUTES"):
        Settings.from_env({**env, "CRM_IDLE_MINUTES": minutes})


def test_whoever_asks_the_folder_above_the_demo_is_told_where_the_demo_is(tmp_path):
    env = {"CRM_HOME": str(tmp_path)}
    with pytest.raises(SettingsError) as bare:
        Settings.from_env(env)
    assert "crm init" in str(bare.value)
    assert "demo" not in str(bare.value)
    demo_home(env).mkdir()
    save_keys(new_keys(), demo_home(env) / "keys.json")
    with pytest.raises(SettingsError, match=f"CRM_HOME={tmp_path}/demo"):
        Settings.from_env(env)
