"""Runs a load generator and tells how closely it has followed its curve, as the service itself has counted.

    CURVE=… SPEED=1440 PEAK=60 TARGET=http://127.0.0.1:8081 python3 follows.py NAME COMMAND…

Reads `http_requests_total` of the service five times a second while COMMAND runs, and compares the requests of every two seconds
with the curve: the correlation, and all requests over all that the curve asks for. Prints a row of a table; exits with 1 when the
correlation is below 0.95 or the level is off by more than a tenth.
"""

import math
import os
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from urllib.request import urlopen

from curve import Curve

CORRELATION = 0.95
LEVEL = 0.1
PAUSE = 0.2
WINDOW = 2
TARGET = os.environ.get("TARGET", "http://127.0.0.1:8081")


def counted() -> dict[str, float]:
    """Requests to /workload so far, by code."""
    by_code = {}
    for line in urlopen(f"{TARGET}/metrics", timeout=10).read().decode().splitlines():
        if line.startswith('http_requests_total{path="/workload"'):
            code = line.split('code="')[1].split('"')[0]
            by_code[code] = float(line.rsplit(" ", 1)[1])
    return by_code


def watch(command: list[str]) -> tuple[list[tuple[float, float]], dict[str, float]]:
    """Moments and requests since the command was started, until it ends; and the requests by code."""
    before = counted()
    # A file takes whatever is said; a pipe that nobody reads stops the generator once it is full.
    with tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, text=True)
        seen = []
        while True:
            seen.append((time.monotonic(), sum(counted().values()) - sum(before.values())))
            if child.poll() is not None:
                break
            time.sleep(PAUSE)
        errors.seek(0)
        said = errors.read()
    # Locust ends with 1 when a request has failed, k6 with 99 when a threshold is crossed; 503 is the service's right.
    if child.returncode not in (0, 1, 99):
        sys.exit(f"error: `{' '.join(command)}` ended with {child.returncode}\n{said}")
    by_code = {code: number - before.get(code, 0) for code, number in counted().items()}
    return seen, by_code


def by(seen: list[tuple[float, float]], moment: float) -> float:
    """Requests counted by a moment, on a straight line between two looks."""
    right = min(max(bisect_right(seen, (moment, math.inf)), 1), len(seen) - 1)
    (since, before), (until, after) = seen[right - 1], seen[right]
    return before + (after - before) * min(1.0, max(0.0, (moment - since) / (until - since)))


def correlation(pairs: list[tuple[float, float]]) -> float:
    """Pearson's."""
    mean = [sum(side) / len(pairs) for side in zip(*pairs)]
    moved = [[value - m for value in side] for side, m in zip(zip(*pairs), mean)]
    both = sum(a * b for a, b in zip(*moved))
    spread = math.prod(math.sqrt(sum(value * value for value in side)) for side in moved)
    return both / spread if spread else math.nan


def main() -> int:
    name, *command = sys.argv[1:]
    curve = Curve.from_environment()
    seen, by_code = watch(command)
    # The generator takes a while to start: its time begins between the last look without a request and the first with one.
    first = next((i for i, (_, requests) in enumerate(seen) if requests > 0), None)
    if first is None:
        sys.exit("error: the service has counted no request")
    start = (seen[max(first - 1, 0)][0] + seen[first][0]) / 2
    pairs = [
        (
            curve.by(second + WINDOW) - curve.by(second),
            by(seen, start + second + WINDOW) - by(seen, start + second),
        )
        for second in range(0, int(curve.seconds) - WINDOW + 1, WINDOW)
        if start + second + WINDOW <= seen[-1][0]
    ]
    wanted = curve.by(curve.seconds)
    level = seen[-1][1] / wanted
    alike = correlation(pairs)
    codes = ", ".join(f"{int(number)} × {code}" for code, number in sorted(by_code.items()) if number)
    print(f"| {name} | {int(seen[-1][1])} | {wanted:.0f} | {level:.3f} | {alike:.3f} | {codes} |", flush=True)
    return 0 if alike >= CORRELATION and abs(level - 1) <= LEVEL and "401" not in codes else 1


if __name__ == "__main__":
    sys.exit(main())
