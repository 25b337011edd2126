"""A curve of load, `seconds,value` lines under a head line, as it is played: which rate belongs to which moment."""

import math
import os
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

HERE = Path(__file__).parent


@dataclass
class Curve:
    """Rows of a file, and how they are played; the variables are those of the README."""

    rows: list[tuple[float, float]]
    begin: float
    length: float
    speed: float
    peak: float
    highest: float

    @classmethod
    def from_environment(cls) -> "Curve":
        rows = read(Path(os.environ.get("CURVE", HERE / "curves/daily.csv")))
        begin, span = number("BEGIN", 0), rows[-1][0]
        curve = cls(
            rows,
            begin,
            min(number("LENGTH", span), span - begin),
            number("SPEED", 1),
            number("PEAK", 100),
            max(value for _, value in rows),
        )
        if min(curve.length, curve.speed, curve.peak) <= 0:
            raise ValueError(f"LENGTH, SPEED and PEAK must be above 0, and BEGIN before the curve's end at {span:g} s")
        return curve

    @property
    def seconds(self) -> float:
        """How long playing it takes."""
        return self.length / self.speed

    def rate(self, passed: float) -> float:
        """Requests a second, `passed` seconds after the start; on a straight line between two rows."""
        at = self.begin + min(passed * self.speed, self.length)
        right = min(max(bisect_right(self.rows, (at, math.inf)), 1), len(self.rows) - 1)
        (start, low), (end, high) = self.rows[right - 1], self.rows[right]
        value = low + (high - low) * min(1.0, max(0.0, (at - start) / (end - start)))
        return self.peak * value / self.highest

    @cached_property
    def asked(self) -> tuple[float, list[float]]:
        """The step of the list in seconds, and how many requests the curve has asked for by each of its moments."""
        steps = min(200_000, max(1, math.ceil(self.seconds / 0.05)))
        step = self.seconds / steps
        return step, list(accumulate((step * self.rate((at + 0.5) * step) for at in range(steps)), initial=0.0))

    def by(self, passed: float) -> float:
        """Requests that the curve has asked for, `passed` seconds after the start."""
        step, asked = self.asked
        at = min(max(passed / step, 0.0), len(asked) - 1.0)
        left = min(int(at), len(asked) - 2)
        return asked[left] + (asked[left + 1] - asked[left]) * (at - left)

    def due(self, requests: float) -> float:
        """The moment by which the curve has asked for so many; long after its end when it never does."""
        step, asked = self.asked
        right = bisect_right(asked, requests)
        if right >= len(asked):
            return self.seconds + 3600
        return step * (right - 1 + (requests - asked[right - 1]) / (asked[right] - asked[right - 1]))


def number(name: str, default: float) -> float:
    """A number of at least 0 from the environment."""
    text = os.environ.get(name, str(default))
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} is `{text}`: a number of at least 0 is needed")
    return value


def read(file: Path) -> list[tuple[float, float]]:
    """Rows of a file, seconds counted from the first one: of this folder's curves and of what `forescale collect` writes."""
    rows = []
    for line in file.read_text().splitlines():
        try:
            at, value = (float(word) for word in line.split(",")[:2])
        except ValueError:
            continue
        if math.isfinite(at) and math.isfinite(value) and value >= 0:
            rows.append((at, value))
    if len(rows) < 2 or max(value for _, value in rows) <= 0:
        raise ValueError(f"`{file}` needs at least two lines `seconds,value`, and a value above 0")
    return [(at - rows[0][0], value) for at, value in rows]
