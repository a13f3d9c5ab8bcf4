"""Tables on the terminal."""

from crm.kernel.terminal import print_table


def test_figures_stand_under_their_heading_and_wide_characters_count_twice(capsys):
    print_table([
        {"team": "飞虎队", "day": "2026-11-23", "points": "2,610.9", "rate": "样本不足"},
        {"team": "红队", "day": "—", "points": "977", "rate": "21.3%"},
        {"team": "TOTAL", "day": "", "points": "-3", "rate": "—"},
    ])  # fmt: skip
    assert capsys.readouterr().out.splitlines() == [
        "team    day          points      rate",
        "飞虎队  2026-11-23  2,610.9  样本不足",
        "红队    —               977     21.3%",
        "TOTAL                    -3         —",
    ]
