"""Sends a day, a week or spikes of load to the demo service: the same curves and variables as k6.js beside this file.

Each user sends RATE requests a second; the number of users follows the curve. A user that has to wait for its answers
sends less, as people do: the closed model beside k6's open one.
"""

import math
import os
from bisect import bisect_right
from pathlib import Path

from locust import FastHttpUser, LoadTestShape, constant_throughput, task

HERE = Path(__file__).parent


def number(name: str, default: float) -> float:
    value = float(os.environ.get(name, default))
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} is `{value}`: a number of at least 0 is needed")
    return value


def read(file: Path) -> list[tuple[float, float]]:
    """Rows of the curve, seconds counted from the first one."""
    rows = []
    for line in file.read_text().splitlines():
        try:
            at, value = (float(word) for word in line.split(",")[:2])
        except ValueError:
            continue
        if math.isfinite(at) and math.isfinite(value) and value >= 0:
            rows.append((at, value))
    if len(rows) < 2:
        raise ValueError(f"`{file}` needs at least two lines `seconds,value`")
    return [(at - rows[0][0], value) for at, value in rows]


ROWS = read(Path(os.environ.get("CURVE", HERE / "curves/daily.csv")))
TOKEN = Path(os.environ.get("TOKEN_FILE", HERE / "token")).read_text().strip()
BEGIN = number("BEGIN", 0)
LENGTH = min(number("LENGTH", ROWS[-1][0]), ROWS[-1][0] - BEGIN)
SPEED = number("SPEED", 1)
PEAK = number("PEAK", 100)
RATE = number("RATE", 1)
HIGHEST = max(value for _, value in ROWS)


def wanted(passed: float) -> float:
    """Requests a second, `passed` seconds after the start; on a straight line between two rows."""
    at = BEGIN + passed * SPEED
    right = min(max(bisect_right(ROWS, (at, math.inf)), 1), len(ROWS) - 1)
    (start, a), (end, b) = ROWS[right - 1], ROWS[right]
    share = min(1.0, max(0.0, (at - start) / (end - start)))
    return PEAK * (a + (b - a) * share) / HIGHEST


class Curve(LoadTestShape):
    """As many users as the curve asks for, looked up every second."""

    def tick(self):
        passed = self.get_run_time()
        if passed * SPEED >= LENGTH:
            return None
        users = round(wanted(passed) / RATE)
        # All that are missing come at once: the curve says how fast load grows, not the spawn rate.
        return users, 10_000


class Caller(FastHttpUser):
    host = os.environ.get("TARGET", "http://127.0.0.1:8081")
    wait_time = constant_throughput(RATE)

    @task
    def workload(self):
        self.client.get("/workload", headers={"Authorization": f"Bearer {TOKEN}"})
