"""The tables of a load test."""

import argparse
import os
from statistics import median


def count(metrics: dict, name: str) -> int:
    return int(metrics.get(name, {}).get("count", 0))


def failures(metrics: dict) -> int:
    """Calls that failed after every replica was tried, streams that broke, iterations that could not be started."""
    return sum(count(metrics, name) for name in ("failed_calls", "failed_streams"))


def failed(rows: list[dict]) -> bool:
    runs = [run for row in rows for run in (row["keda"], row.get("killed", {}), *row["rounds"]["forescale"])]
    return any(failures(run) for run in runs)


def calls(metrics: dict) -> int:
    """Calls of the metric reads, whatever came of them."""
    return count(metrics, "answered_calls") + count(metrics, "failed_calls")


def took(metrics: dict, method: str) -> dict:
    """How long calls of a method took in the metric reads, in milliseconds; each try counts."""
    return metrics[f"grpc_req_duration{{scenario:reads,method:{method}}}"]


def ms(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def three(trend: dict) -> str:
    return " / ".join(ms(trend.get(key, float("nan"))) for key in ("med", "p(99)", "max"))


def mib(size: float) -> str:
    return f"{size / 2**20:.0f}"


def table(head: list[str], lines: list[list[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def read_back(seconds: float, done: int, size: int) -> str:
    return f"{seconds:.1f}" if done >= size else f"{done:,} of {size:,} after {seconds:.0f}"


def starting(rows: list[dict]) -> str:
    head = ["ScaledObjects", "first answer of each, ms (median / p99 / max)", "all have an answer on both replicas, s", "all histories are read back on both, s"]
    return table(
        head,
        [
            [f"{row['size']:,}", three(row["registered"]["first_answer"]), f"{row['answered']:.1f}", read_back(*row["backfilled"], row["size"])]
            for row in rows
        ],
    )


def keda(rows: list[dict], seconds: int) -> str:
    head = [
        "ScaledObjects", "calls/s", "`GetMetrics`, ms (median / p99 / max)", "`IsActive`, ms", "streams, failed", "new ScaledObject's first answer, ms",
        "failed calls", "CPU cores, each replica", "RSS MiB, each", "lag at the end, s",
    ]  # fmt: skip
    lines = []
    for row in rows:
        metrics = row["keda"]
        lines.append(
            [
                f"{row['size']:,}",
                f"{calls(metrics) / seconds:.1f}",
                three(took(metrics, "GetMetrics")),
                three(took(metrics, "IsActive")),
                f"{count(metrics, 'stream_messages')}, {count(metrics, 'failed_streams')}",
                three(metrics["first_answer"]),
                f"{count(metrics, 'failed_calls')} of {calls(metrics):,}",
                " and ".join(f"{cores:.2f}" for cores in row["cores"]),
                " and ".join(mib(rss) for rss in row["rss"]),
                " and ".join(f"{lag:.1f}" for lag in row["lag"]),
            ]
        )
    return table(head, lines)


def compared(rows: list[dict], seconds: int) -> str:
    head = [
        "ScaledObjects", "server", "calls/s", "`GetMetrics`, ms (median / p99 / max)", "`IsActive`, ms", "failed", "not started in time",
        "CPU µs a call", "p99, of no-op",
    ]  # fmt: skip
    lines = []
    for row in rows:
        p99 = {side: median(took(run, "GetMetrics")["p(99)"] for run in runs) for side, runs in row["rounds"].items()}
        for side, name in (("noop", "no-op"), ("forescale", "Forescale")):
            runs = row["rounds"][side]
            trend = lambda method: three({key: median(took(run, method)[key] for run in runs) for key in ("med", "p(99)", "max")})
            lines.append(
                [
                    f"{row['size']:,}",
                    name,
                    f"{median(calls(run) for run in runs) / seconds:.0f}",
                    trend("GetMetrics"),
                    trend("IsActive"),
                    f"{sum(failures(run) for run in runs)} of {sum(calls(run) for run in runs):,}",
                    str(sum(count(run, "dropped_iterations") for run in runs)),
                    f"{median(1e6 * run['cpu_seconds'] / calls(run) for run in runs):.0f}",
                    f"{p99[side] / p99['noop']:.2f}" if p99["noop"] else "–",
                ]
            )
    return table(head, lines)


def killed(rows: list[dict]) -> str:
    head = [
        "ScaledObjects", "calls", "lost in flight", "found their connection gone, went to the other replica", "failed", "`GetMetrics`, ms (median / p99 / max)",
    ]  # fmt: skip
    lines = [
        [
            f"{row['size']:,}",
            f"{calls(run):,}",
            str(count(run, "lost_in_flight")),
            str(count(run, "rerouted")),
            str(failures(run)),
            three(took(run, "GetMetrics")),
        ]
        for row in rows
        if (run := row.get("killed"))
    ]
    return table(head, lines) if lines else ""


def write(rows: list[dict], options: argparse.Namespace) -> str:
    """All of it, in Markdown."""
    busy = os.getloadavg()[2]
    text = [
        f"Two replicas, triggers with `history: {options.hours:g}h`, `step: 60s`, `interval: {options.interval}`; {os.cpu_count()} cores for everything "
        f"(Prometheus, both replicas, k6), load average {busy:.1f} over the last 15 minutes.\n",
        "### Starting\n",
        starting(rows),
        f"### As KEDA does it, {options.seconds} s\n",
        keda(rows, options.seconds),
        f"### {options.rate} metric reads a second, medians of {options.rounds} rounds of {options.seconds // 2} s in turns\n",
        compared(rows, options.seconds // 2),
    ]
    if lost := killed(rows):
        text += [f"### One replica killed in the middle, started again after {options.seconds // 4} s\n", lost]
    return "\n".join(text)
