"""Load test of the scaler: k6 against two replicas of Forescale on a real Prometheus, beside a server that does nothing.

    run.py --forescale FILE --noop FILE --tools DIR [--sizes 1,1000,10000] [--out FILE]

Called by scripts/loadtest-scaler.sh, which builds what it needs. Writes tables in Markdown; exits with 1 when a call failed
that should not have.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import report
from processes import HERE, Forescale, Noop, Process, Prometheus, clean


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--forescale", type=Path, required=True, help="the program under test")
    parser.add_argument("--noop", type=Path, required=True, help="the built benchmark `getmetrics`, which serves nothing with --serve-noop")
    parser.add_argument("--tools", type=Path, required=True, help="folder of k6, prometheus and promtool")
    parser.add_argument("--sizes", default="1,1000,10000", help="numbers of ScaledObjects")
    parser.add_argument("--kill-at", type=int, default=1000, help="the size at which a replica is killed in the middle")
    parser.add_argument("--hours", type=float, default=24, help="history in Prometheus, and of each trigger")
    parser.add_argument("--interval", default="15s", help="`interval` of each trigger")
    parser.add_argument("--seconds", type=int, default=60, help="length of one run")
    parser.add_argument("--rate", type=int, default=500, help="metric reads a second, two calls each, in the comparison")
    parser.add_argument("--rounds", type=int, default=3, help="rounds against each server in the comparison")
    parser.add_argument("--patience", type=float, default=1800, help="seconds that histories may take to be read back; then it goes on without")
    parser.add_argument("--out", type=Path, help="where the tables go; stdout when not given")
    return parser.parse_args()


class Test:
    """What all sizes share."""

    def __init__(self, options: argparse.Namespace, work: Path):
        self.options, self.work, self.running = options, work, []

    def k6(self, replicas: list, size: int, phase: str, seconds: int, **more: object) -> dict:
        """One run of k6; its summary. A crossed threshold shows in the numbers."""
        summary = self.work / "summary.json"
        summary.unlink(missing_ok=True)
        environment = {
            "FORESCALE": ",".join(replica.grpc for replica in replicas),
            "WORKLOADS": size,
            "PHASE": phase,
            "DURATION": f"{seconds}s",
            "QUERY": 'load{app="{index}"}',
            "HISTORY": f"{self.options.hours:g}h",
            "INTERVAL": self.options.interval,
            **more,
        }
        command = [self.options.tools / "k6", "run", "--quiet", "--no-color", f"--summary-export={summary}", HERE / "k6.js"]
        with (self.work / "k6.log").open("ab") as log:
            done = subprocess.run(
                command, env=os.environ | {key: str(value) for key, value in environment.items()}, stdout=log, stderr=log
            )
        if done.returncode not in (0, 99) or not summary.exists():
            tail = (self.work / "k6.log").read_text()[-3000:]
            sys.exit(f"error: k6 ended with {done.returncode}\n{tail}")
        return json.loads(summary.read_text())["metrics"]

    def start(self, process: Process) -> Process:
        self.running.append(process)
        return process

    def end(self, *processes: Process) -> None:
        for process in processes:
            process.end()
            self.running.remove(process)


def backfill(replicas: list, size: int, begun: float, patience: float) -> tuple[float, int]:
    """Seconds since `begun` until every replica has read back every history, and the fewest that one has: fewer than all when patience has ended."""
    while (done := min(replica.backfilled() for replica in replicas)) < size and time.monotonic() - begun < patience:
        time.sleep(1 if size <= 1000 else 3)
    return time.monotonic() - begun, done


def one_size(test: Test, prometheus: Prometheus, noops: list, size: int) -> dict:
    """Everything that is measured with `size` ScaledObjects."""
    options = test.options
    replicas = [
        test.start(Forescale(f"forescale-{size}-{letter}", options.forescale, prometheus.url, test.work)) for letter in "ab"
    ]
    say(f"{size} ScaledObjects: registering on two replicas")
    begun = time.monotonic()
    registered = test.k6(replicas, size, "register", 1)
    answered = time.monotonic() - begun
    say(f"{size}: all have an answer after {answered:.1f} s, waiting for the back-fill")
    row = {
        "size": size,
        "registered": registered,
        "answered": answered,
        "backfilled": backfill(replicas, size, begun, options.patience),
    }
    took, done = row["backfilled"]
    say(f"{size}: {done} histories are there after {took:.1f} s; {options.seconds} s as KEDA does it")
    before = [replica.usage() for replica in replicas]
    test_begun = time.monotonic()
    row["keda"] = test.k6(replicas, size, "keda", options.seconds)
    seconds = time.monotonic() - test_begun
    after = [replica.usage() for replica in replicas]
    row["cores"] = [(b.cpu - a.cpu) / seconds for a, b in zip(before, after)]
    row["rss"] = [usage.rss for usage in after]
    row["lag"] = [replica.metric("forescale_loop_lag_seconds") for replica in replicas]

    say(f"{size}: {options.rounds} rounds of {options.seconds // 2} s at {options.rate} reads/s against Forescale and the no-op server, in turns")
    rounds = {"forescale": [], "noop": []}
    for index in range(options.rounds):
        order = ["forescale", "noop"] if index % 2 == 0 else ["noop", "forescale"]
        for side in order:
            servers = replicas if side == "forescale" else noops
            cpu = [server.usage().cpu for server in servers]
            summary = test.k6(servers, size, "reads", options.seconds // 2, RATE=options.rate)
            summary["cpu_seconds"] = sum(server.usage().cpu for server in servers) - sum(cpu)
            rounds[side].append(summary)
    row["rounds"] = rounds

    if size == options.kill_at:
        row["killed"] = kill(test, replicas, size)
    test.end(*replicas)
    return row


def kill(test: Test, replicas: list, size: int) -> dict:
    """Kills a replica in the middle of a run and starts it again after a quarter of it."""
    seconds, victim = test.options.seconds, replicas[1]

    def strike() -> None:
        time.sleep(seconds / 2)
        victim.end(signal.SIGKILL)
        time.sleep(seconds / 4)
        victim.start()

    say(f"{size}: killing a replica in the middle of {seconds} s")
    thread = threading.Thread(target=strike)
    thread.start()
    summary = test.k6(replicas, size, "reads", seconds, RATE=test.options.rate)
    thread.join()
    return summary


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> int:
    options = arguments()
    sizes = [int(size) for size in options.sizes.split(",")]
    work = Path(tempfile.mkdtemp(prefix="forescale-loadtest-"))
    test = Test(options, work)
    try:
        say(f"writing {options.hours:g} h of history of {max(sizes)} series into a Prometheus")
        prometheus = test.start(Prometheus(max(sizes), options.hours, options.tools, work))
        prometheus.scraped()
        noops = [test.start(Noop(f"noop-{letter}", options.noop, work)) for letter in "ab"]
        rows = []
        for size in sizes:
            rows.append(one_size(test, prometheus, noops, size))
            if options.out:
                # After each size: what was measured is not lost when a later one can't be.
                options.out.write_text(report.write(rows, options))
        if not options.out:
            print(report.write(rows, options))
        return 1 if report.failed(rows) else 0
    finally:
        for process in reversed(test.running):
            process.end()
        clean(work)


if __name__ == "__main__":
    sys.exit(main())
