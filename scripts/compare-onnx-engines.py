#!/usr/bin/env python3
"""The shipped networks in Forescale's two engines beside Python's onnxruntime, in one run, one thread each.

    python3 -m venv venv && venv/bin/pip install onnxruntime==1.32.0 numpy
    scripts/fetch-onnxruntime.sh
    venv/bin/python scripts/compare-onnx-engines.py [--rounds 3] [--cargo="--profile quick"]

Forescale's times are those of its whole seam (window, calendar, inference, levels, checks), Python's of `session.run`
on arrays that lie ready. Rounds alternate between the two, and the table holds medians over rounds.
"""

import argparse
import re
import statistics
import subprocess
import time
from pathlib import Path

import numpy
import onnxruntime

ROOT = Path(__file__).resolve().parent.parent
NETWORKS = ["mlp", "gru", "lstm"]
BATCHES = [1, 256]
UNITS = {"ns": 1e-6, "µs": 1e-3, "us": 1e-3, "ms": 1.0, "s": 1e3}


def session_of(network):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = str(ROOT / "models" / f"{network}.onnx")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def in_python(seconds=2.0):
    """Milliseconds of a run by (network, batch)."""
    times = {}
    random = numpy.random.default_rng(1)
    for network in NETWORKS:
        session = session_of(network)
        for batch in BATCHES:
            feed = {
                each.name: random.standard_normal([batch, *each.shape[1:]], dtype=numpy.float32)
                for each in session.get_inputs()
            }
            session.run(None, feed)
            runs, begin = [], time.perf_counter()
            while time.perf_counter() - begin < seconds:
                start = time.perf_counter()
                session.run(None, feed)
                runs.append(time.perf_counter() - start)
            times[network, batch] = 1e3 * statistics.median(runs)
    return times


def in_forescale(cargo):
    """Milliseconds of a forecast by (network, engine, batch), from the bench's own lines."""
    command = ["cargo", "bench", "--bench", "onnx", *cargo, "--", "--noplot"]
    run = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    line = re.compile(r"(\w+)/([\w-]+)/b(\d+)\s+time:\s+\[\S+ \S+ (\S+) (\S+) ")
    found = {
        (network, engine, int(batch)): float(value) * UNITS[unit]
        for network, engine, batch, value, unit in line.findall(run.stdout)
    }
    if not found:
        raise SystemExit(f"the bench printed no times:\n{run.stdout[-2000:]}")
    return found


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--cargo", default="", help="further arguments of cargo, such as `--profile quick`")
    given = arguments.parse_args()
    rounds = given.rounds
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(in_python())
        ours.append(in_forescale(given.cargo.split()))
    engines = sorted({engine for _, engine, _ in ours[0]})
    print("| network | batch | " + " | ".join(f"{e}, ms" for e in engines) + " | Python, ms | one of 256 against one alone, best engine |")
    print("|---|---|" + "---|" * (len(engines) + 2))
    for network in NETWORKS:
        median = {}
        for batch in BATCHES:
            cells = []
            for engine in engines:
                each = statistics.median(one[network, engine, batch] for one in ours)
                median.setdefault(engine, {})[batch] = each
                cells.append(f"{each:.3f}")
            python = statistics.median(one[network, batch] for one in theirs)
            last = ""
            if batch == BATCHES[-1]:
                best = min(median.values(), key=lambda own: own[batch])
                last = f"{best[batch] / batch / best[BATCHES[0]]:.2f}"
            print(f"| {network} | {batch} | " + " | ".join(cells) + f" | {python:.3f} | {last} |")


if __name__ == "__main__":
    main()
