"""Sends a day, a week or spikes of load to the demo service: the same curves and variables as k6.js beside this file.

USERS people take turns: each knows when the curve has asked for its next request, and sends it then, or as soon as its last one
was answered. So a service that is too slow gets less than the curve asks for, as it does from people: the closed model
beside k6's open one. For one process of Locust: each worker of several would send all of it.
"""

import os
import time
from itertools import count
from pathlib import Path

from locust import FastHttpUser, LoadTestShape, events, task

from curve import HERE, Curve, number

CURVE = Curve.from_environment()
TOKEN = Path(os.environ.get("TOKEN_FILE", HERE / "token")).read_text().strip()
USERS = max(1, round(number("USERS", 50)))
SEATS = count()
begun = time.monotonic()


@events.test_start.add_listener
def begin(**_):
    global begun
    begun = time.monotonic()


class Play(LoadTestShape):
    """All users until the curve ends."""

    def tick(self):
        return (USERS, USERS) if self.get_run_time() < CURVE.seconds else None


class Caller(FastHttpUser):
    host = os.environ.get("TARGET", "http://127.0.0.1:8081")

    def on_start(self):
        self.turn = next(SEATS) % USERS
        time.sleep(self.wait_time())

    def wait_time(self):
        """Seconds until this user's next request is due."""
        due = CURVE.due(self.turn + 0.5)
        self.turn += USERS
        return max(0.0, begun + due - time.monotonic())

    @task
    def workload(self):
        self.client.get("/workload", headers={"Authorization": f"Bearer {TOKEN}"})
