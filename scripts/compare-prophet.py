#!/usr/bin/env python3
"""The native Prophet beside the package from PyPI, trace by trace.

    python3 -m venv venv && venv/bin/pip install prophet
    cargo build --profile quick --example prophet_fit
    venv/bin/python scripts/compare-prophet.py FOLDER [NAME ...] [--mode multiplicative] [--json FILE]

FOLDER holds `NAME.csv.gz` or `NAME.csv` with lines `unix seconds,value`. Both fit everything but the last day and
forecast that day. Both sets of numbers are put into one formula of the log posterior, the one below. One
process fits at a time, on one thread.

The package's optimiser (L-BFGS) often stops short of the maximum, for the Laplace prior has a kink where it is highest.
So it is also started at the native optimum: what it finds from there, and how far its forecast then is from the
native one, are the columns `from ours`. The time is that of its usual start.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from prophet import Prophet

DAY = 86_400


def design(seconds, seasons):
    """Sines and cosines of each season, as the package orders them."""
    columns = []
    for period, order in seasons:
        angle = 2 * np.pi * np.asarray(seconds, dtype=float) / period
        for i in range(1, order + 1):
            columns += [np.sin(i * angle), np.cos(i * angle)]
    return np.column_stack(columns) if columns else np.zeros((len(seconds), 0))


def curve(numbers, t, x, multiplicative):
    """Trend and seasons in the scaled unit."""
    trend = numbers["k"] * t + numbers["m"]
    for place, change in zip(numbers["changepoints"], numbers["delta"]):
        trend = trend + change * np.maximum(t - place, 0)
    season = x @ np.asarray(numbers["beta"]) if x.shape[1] else 0
    return trend * (1 + season) if multiplicative else trend + season


def log_posterior(numbers, t, x, y, model, multiplicative):
    """The package's Stan model, without constants."""
    sigma = numbers["sigma"]
    residual = y - curve(numbers, t, x, multiplicative)
    return -(
        0.5 * residual @ residual / sigma**2
        + len(y) * np.log(sigma)
        + 0.5 * (numbers["k"] ** 2 + numbers["m"] ** 2) / 25
        + np.abs(numbers["delta"]).sum() / model.changepoint_prior_scale
        + 0.5 * np.square(numbers["beta"]).sum() / model.seasonality_prior_scale**2
        + 0.5 * sigma**2 / 0.25
    )


def upstream(known, mode, start=None):
    """The package's fit and the seconds it took."""
    model = Prophet(seasonality_mode=mode, uncertainty_samples=0)
    frame = pd.DataFrame({"ds": pd.to_datetime(known.t, unit="s"), "y": known.y})
    began = time.perf_counter()
    model.fit(frame, **({"init": start} if start else {}))
    took = time.perf_counter() - began
    flat = {name: np.ravel(value) for name, value in model.params.items()}
    numbers = {
        "k": float(flat["k"][0]),
        "m": float(flat["m"][0]),
        "delta": flat["delta"],
        "beta": flat["beta"],
        "sigma": float(flat["sigma_obs"][0]),
        "changepoints": model.changepoints_t,
    }
    return model, numbers, took


def compare(path, mode, program):
    data = pd.read_csv(path, header=0, names=["t", "y"])
    end = data.t.iloc[-1]
    known = data[data.t <= end - DAY]
    multiplicative = mode == "multiplicative"
    model, stan, seconds = upstream(known, mode)
    answer = subprocess.run(
        [program, str(path), "--mode", mode, "--hold-out", str(DAY)],
        check=True, capture_output=True, text=True,
    )
    ours = json.loads(answer.stdout)
    seasons = ours["seasons"]
    names = {365.25 * DAY: "yearly", 7 * DAY: "weekly", DAY: "daily"}
    chosen = [names[period] for period, _ in seasons]
    assert chosen == list(model.seasonalities), (chosen, list(model.seasonalities))
    assert np.allclose(ours["changepoints"], model.changepoints_t), "other changepoints"
    start, span = known.t.iloc[0], known.t.iloc[-1] - known.t.iloc[0]
    unit = np.abs(known.y).max()
    t = ((data.t - start) / span).to_numpy()
    x = design(data.t, seasons)
    n = len(known)
    y = (known.y / unit).to_numpy()
    # The package's own forecast is held against the formula, so that the formula is known to be its model.
    check = model.predict(pd.DataFrame({"ds": pd.to_datetime(data.t, unit="s")})).yhat.to_numpy()
    theirs = unit * curve(stan, t, x, multiplicative)
    assert np.allclose(check, theirs, atol=1e-6 * unit), "the formula is not the package's model"
    own = np.asarray(ours["curve"])

    def height(numbers):
        return log_posterior(numbers, t[:n], x[:n], y, model, multiplicative)

    start = {name: np.asarray(ours[name]) for name in ["k", "m", "delta", "beta"]}
    _, again, _ = upstream(known, mode, start | {"sigma_obs": ours["sigma"]})
    nearer = unit * curve(again, t, x, multiplicative)
    size = np.abs(known.y).mean()
    actual = data.y.to_numpy()[n:]
    return {
        "trace": path.name.split(".")[0],
        "mode": mode,
        "samples": n,
        "log_posterior": height(ours),
        "log_posterior_upstream": height(stan),
        "log_posterior_from_ours": height(again),
        "in_sample_percent": 100 * np.abs(own[:n] - theirs[:n]).mean() / size,
        "ahead_percent": 100 * np.abs(own[n:] - theirs[n:]).mean() / size,
        "in_sample_percent_from_ours": 100 * np.abs(own[:n] - nearer[:n]).mean() / size,
        "ahead_percent_from_ours": 100 * np.abs(own[n:] - nearer[n:]).mean() / size,
        "mae_ahead_percent": 100 * np.abs(own[n:] - actual).mean() / size,
        "mae_ahead_percent_upstream": 100 * np.abs(theirs[n:] - actual).mean() / size,
        "ms": ours["fit_ms"],
        "ms_upstream": 1e3 * seconds,
    }


HEAD = [
    "trace", "samples", "log posterior", "above upstream", "in sample %", "day ahead %",
    "above, from ours", "in sample %", "day ahead %", "MAE ahead %, ours / upstream",
    "ms", "upstream ms", "times",
]


def line(row):
    height = row["log_posterior"]
    cells = [
        row["trace"],
        f"{row['samples']:,}",
        f"{height:,.2f}",
        f"{height - row['log_posterior_upstream']:+.2f}",
        f"{row['in_sample_percent']:.2f}",
        f"{row['ahead_percent']:.2f}",
        f"{height - row['log_posterior_from_ours']:+.2f}",
        f"{row['in_sample_percent_from_ours']:.2f}",
        f"{row['ahead_percent_from_ours']:.2f}",
        f"{row['mae_ahead_percent']:.1f} / {row['mae_ahead_percent_upstream']:.1f}",
        f"{row['ms']:.2f}",
        f"{row['ms_upstream']:,.0f}",
        f"{row['ms_upstream'] / row['ms']:,.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--mode", choices=["additive", "multiplicative"], default="additive")
    parser.add_argument("--program", default="target/quick/examples/prophet_fit")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    for name in ["prophet", "cmdstanpy"]:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    paths = sorted(p for p in options.folder.iterdir() if ".csv" in p.suffixes)
    paths = [p for p in paths if not options.names or p.name.split(".")[0] in options.names]
    if not paths:
        sys.exit(f"no trace in `{options.folder}`")
    print(f"| {' | '.join(HEAD)} |")
    print(f"|{'---|' * len(HEAD)}")
    rows = []
    for path in paths:
        rows.append(compare(path, options.mode, options.program))
        print(line(rows[-1]), flush=True)
    worst = min(r["log_posterior"] - r["log_posterior_upstream"] for r in rows)
    ratios = [r["ms_upstream"] / r["ms"] for r in rows]
    print(f"\nleast gain in log posterior {worst:+.3f}; times faster: least {min(ratios):,.0f}, "
          f"geometric mean {np.exp(np.mean(np.log(ratios))):,.0f}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
