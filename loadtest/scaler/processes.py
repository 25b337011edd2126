"""The programs of a load test: started on free ports, watched through /proc, ended with the test."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

HERE = Path(__file__).parent
TICK = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Usage:
    """What a process has used so far, and what it holds."""

    cpu: float
    rss: int


class Process:
    """A program that runs until it is ended; its output goes to a file."""

    def __init__(self, name: str, command: list[str], work: Path, **environment: str):
        self.log = work / f"{name}.log"
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | environment
            )

    def usage(self) -> Usage:
        stat = Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        pages = int(Path(f"/proc/{self.child.pid}/statm").read_text().split()[1])
        return Usage((int(stat[11]) + int(stat[12])) / TICK, pages * os.sysconf("SC_PAGE_SIZE"))

    def wait_for(self, url: str, patience: float = 120) -> None:
        """Waits until `url` answers."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if self.child.poll() is not None:
                break
            try:
                urlopen(url, timeout=5).read()
                return
            except OSError:
                time.sleep(0.1)
        sys.exit(f"error: nobody answers at {url}\n{self.log.read_text()[-2000:]}")

    def end(self, how: int = signal.SIGTERM) -> None:
        if self.child.poll() is None:
            self.child.send_signal(how)
            try:
                self.child.wait(30)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


class Forescale(Process):
    """A replica of `forescale serve`, started again on the same addresses and data."""

    def __init__(self, name: str, program: Path, prometheus: str, work: Path):
        self.grpc, self.http = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.command = [
            str(program), "serve", "--prometheus", prometheus, "--grpc-addr", self.grpc, "--http-addr", self.http,
            "--data-dir", str(work / name), "--log", "warn", "--log-format", "text",
        ]  # fmt: skip
        self.name, self.work = name, work
        self.start()

    def start(self) -> None:
        # As in the image.
        super().__init__(self.name, self.command, self.work, MALLOC_ARENA_MAX="2")
        self.wait_for(f"http://{self.http}/readyz")

    def backfilled(self) -> int:
        """Workloads whose history has been read back."""
        text = urlopen(f"http://{self.http}/api/v1/workloads?limit=20000", timeout=60).read()
        return sum(workload["health"]["backfilled"] for workload in json.loads(text)["workloads"])

    def metric(self, name: str) -> float:
        for line in urlopen(f"http://{self.http}/metrics", timeout=60).read().decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        return float("nan")


class Noop(Process):
    """The server that does nothing, of `benches/getmetrics`."""

    def __init__(self, name: str, program: Path, work: Path):
        self.grpc = f"127.0.0.1:{free_port()}"
        super().__init__(name, [str(program), "--serve-noop", self.grpc], work)
        host, port = self.grpc.split(":")
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex((host, int(port))) == 0:
                    return
            time.sleep(0.1)
        sys.exit(f"error: the no-op server does not listen\n{self.log.read_text()}")


class Prometheus(Process):
    """A real Prometheus that holds the past of `apps` series and scrapes their present."""

    def __init__(self, apps: int, hours: float, tools: Path, work: Path):
        exporter, self.addr = free_port(), f"127.0.0.1:{free_port()}"
        data, past = work / "prometheus", work / "past.txt"
        with past.open("wb") as file:
            subprocess.run([sys.executable, HERE / "series.py", "history", str(apps), str(hours)], stdout=file, check=True)
        subprocess.run(
            [tools / "promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=48h", past, data],
            stdout=subprocess.DEVNULL,
            check=True,
        )
        past.unlink()
        config = work / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 15s, scrape_timeout: 10s}\n"
            f'scrape_configs: [{{job_name: load, static_configs: [{{targets: ["127.0.0.1:{exporter}"], labels: {{instance: load}}}}]}}]\n'
        )
        self.exporter = Process("exporter", [sys.executable, str(HERE / "series.py"), "serve", str(apps), str(exporter)], work)
        super().__init__(
            "prometheus",
            [
                str(tools / "prometheus"), f"--config.file={config}", f"--storage.tsdb.path={data}",
                "--storage.tsdb.retention.time=30d", f"--web.listen-address={self.addr}", "--query.max-concurrency=40",
            ],  # fmt: skip
            work,
        )
        self.url = f"http://{self.addr}"
        self.wait_for(f"{self.url}/-/ready")

    def scraped(self, patience: float = 120) -> None:
        """Waits until the present has been scraped."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            text = urlopen(f"{self.url}/api/v1/query?query=count(load)%20and%20on()%20(up%3D%3D1)", timeout=10).read()
            if json.loads(text)["data"]["result"]:
                return
            time.sleep(1)
        sys.exit("error: Prometheus does not scrape the exporter")

    def end(self, how: int = signal.SIGTERM) -> None:
        super().end(how)
        self.exporter.end()


def clean(work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
