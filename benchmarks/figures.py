"""A figure: what we take or do beside the raw limit of the same work, measured in turns."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

Work = Callable[[], int]  # does one piece of work and says how many changes it was
Caller = Callable[[], tuple[Work, Callable[[], None]]]  # makes (work, close) in the caller's own thread

ROUNDS = 5
SECONDS = 1.5  # of one measurement


class Figure(NamedTuple):
    """Medians of ours and of the raw limit, in `unit`, and each round's ratio of ours to raw."""

    name: str
    goal: str
    better: str  # "higher" or "lower": which ratio is good
    unit: str
    ours: Sequence[float]
    raw: Sequence[float]

    def told(self) -> dict[str, Any]:
        """As the results file has it; `spread` is the lowest and the highest ratio of a round."""
        ratios = [mine / theirs for mine, theirs in zip(self.ours, self.raw, strict=True)]
        return {
            "name": self.name,
            "ratio": round(statistics.median(ratios), 2),
            "goal": float(self.goal),
            "better": self.better,
            "ours": round(statistics.median(self.ours), 6 if self.unit == "seconds" else 0),
            "raw": round(statistics.median(self.raw), 6 if self.unit == "seconds" else 0),
            "spread": [round(min(ratios), 2), round(max(ratios), 2)],
            "unit": self.unit,
        }


def rate(callers: int, prepare: Caller) -> float:
    """Changes a second of all callers together, a thread and a connection each."""
    done = [0] * callers
    start = threading.Barrier(callers + 1)
    stop = threading.Event()

    def run(place: int) -> None:
        work, close = prepare()
        try:
            work()  # the first one opens the connection and prepares statements
            start.wait()
            while not stop.is_set():
                done[place] += work()
        except BaseException:
            start.abort()  # nobody waits for a caller that failed
            raise
        finally:
            close()

    workers = [threading.Thread(target=run, args=(place,)) for place in range(callers)]
    for worker in workers:
        worker.start()
    start.wait()
    began = time.perf_counter()
    time.sleep(SECONDS)
    stop.set()
    for worker in workers:
        worker.join()
    return sum(done) / (time.perf_counter() - began)
