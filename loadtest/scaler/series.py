"""Load of many workloads for Prometheus: `load{app="0"}`, `load{app="1"}` and so on, each with a daily shape and noise.

    series.py history APPS HOURS     the past as OpenMetrics text, a sample a minute, for `promtool tsdb create-blocks-from`
    series.py serve APPS PORT        the present, at /metrics of 127.0.0.1:PORT

The past and the present are the same function of time.
"""

import math
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DAY = 86_400
LABELS = 'instance="load",job="load"'


def value(app: int, at: float) -> float:
    """Requests a second of `app` at `at`; never 0."""
    base = 60 + app % 97
    daily = math.sin(math.tau * (at / DAY + app % 24 / 24))
    # Noise by a cheap hash, new every minute and the same whenever it is asked for.
    state = (int(at) // 60 * 0x9E3779B97F4A7C15 ^ app * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    state = (state ^ state >> 29) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    noise = (state >> 40) / (1 << 24) - 0.5
    return base * (1 + 0.4 * daily) * (1 + 0.1 * noise)


def history(apps: int, hours: float) -> None:
    until = int(time.time()) // 60 * 60
    print("# TYPE load gauge")
    for app in range(apps):
        moments = range(until - round(hours * 3600), until, 60)
        sys.stdout.write("".join(f'load{{app="{app}",{LABELS}}} {value(app, at):.2f} {at}\n' for at in moments))
    print("# EOF")


class Exporter(BaseHTTPRequestHandler):
    apps = 0

    def do_GET(self) -> None:
        now = time.time()
        text = "# TYPE load gauge\n" + "".join(f'load{{app="{app}"}} {value(app, now):.2f}\n' for app in range(self.apps))
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_) -> None:
        """Nobody reads it."""


def main() -> None:
    match sys.argv[1:]:
        case ["history", apps, hours]:
            history(int(apps), float(hours))
        case ["serve", apps, port]:
            Exporter.apps = int(apps)
            ThreadingHTTPServer(("127.0.0.1", int(port)), Exporter).serve_forever()
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
