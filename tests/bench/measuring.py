"""How a bench measures: CPU seconds of this process and its children, ours and the floor by turns, medians of both.

CPU and not the clock on the wall, because machines are shared; the ratio to a floor taken in the same run, because machines differ.
"""

import resource
import time
from collections.abc import Callable
from statistics import median


def cpu() -> float:
    """CPU seconds that this process and its finished children have used."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def compare(
    name: str, ours: Callable[[], object], floor: Callable[[], object], *, runs: int, times: int = 1, goal: str = ""
) -> None:
    """Prints one line. Each run does its work `times` times over. Both are done once before, so that
    caches are warm, unless there is one run only.
    """
    if runs > 1:
        ours(), floor()
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for work, seen in zip((ours, floor), found, strict=True):
            begun = cpu()
            for _ in range(times):
                work()
            seen.append((cpu() - begun) / times * 1000)
    mine, least = median(found[0]), median(found[1])
    ratio = f"{mine / least:6.1f}" if least else "     -"
    print(f"{name:<52}{mine:10.2f} ms  floor {least:9.2f} ms  ratio {ratio}  {goal:<9} {runs} runs x {times}")
