"""Sends a day, a week or spikes of load to the demo service: the same curves and variables as k6.js beside this file.

Each user sends RATE requests a second; the number of users follows the curve. A user that has to wait for its answers
sends less, as people do: the closed model beside k6's open one.
"""

import os
import random
from pathlib import Path

import gevent
from locust import FastHttpUser, LoadTestShape, constant_throughput, task

from curve import HERE, Curve, number

CURVE = Curve.from_environment()
TOKEN = Path(os.environ.get("TOKEN_FILE", HERE / "token")).read_text().strip()
RATE = number("RATE", 1)


class Follow(LoadTestShape):
    """As many users as the curve asks for, looked up every second."""

    def tick(self):
        passed = self.get_run_time()
        if passed >= CURVE.seconds:
            return None
        # All that are missing come at once: the curve says how fast load grows, not the spawn rate.
        return round(CURVE.mean_rate(passed) / RATE), 10_000


class Caller(FastHttpUser):
    host = os.environ.get("TARGET", "http://127.0.0.1:8081")
    wait_time = constant_throughput(RATE)

    def on_start(self):
        # Anywhere in its interval: users who all began with a request would send more than RATE while they come and go.
        gevent.sleep(random.random() / RATE)

    @task
    def workload(self):
        self.client.get("/workload", headers={"Authorization": f"Bearer {TOKEN}"})
