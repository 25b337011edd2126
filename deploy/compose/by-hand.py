#!/usr/bin/env python3
"""Runs compose.yaml without a container engine: each service as a process of this machine in namespaces of its own.

    by-hand.py --programs DIR[:DIR…] --compose-spec FILE [--seconds N] [--check]

For machines that have Linux and root, but no engine; it proves the file and the settings, not the images. The model comes from the
Compose project's own loader (`compose-spec`, see scripts/compose-by-hand.sh). Each service gets what it would get in a container,
as far as it matters here: a root of its own (an overlay on this machine's), its bind mounts, volumes and secrets at their
paths, its command and environment, a network address, and the names of the others in /etc/hosts. In the place of an image stands
the program of the same name; a service whose program is not there is left out, and said to be.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

HERE = Path(__file__).resolve().parent
# Image (without its tag) to program: what the image's entrypoint runs.
PROGRAMS = {
    "forescale": "forescale",
    "forescale-demo-service": "demo-service",
    "prom/prometheus": "prometheus",
    "grafana/grafana": "grafana",
    "grafana/k6": "k6",
    "locustio/locust": "locust",
}


def run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True)


class Service:
    """One service of the model."""

    def __init__(self, name: str, model: dict, number: int, programs: list[Path]):
        self.name, self.model, self.address = name, model, f"10.99.0.{number + 10}"
        wanted = PROGRAMS[model["image"].split(":")[0]]
        self.program = next((folder / wanted for folder in programs if (folder / wanted).is_file()), None)
        self.child: subprocess.Popen | None = None

    @property
    def names(self) -> list[str]:
        aliases = (self.model.get("networks", {}).get("default") or {}).get("aliases") or []
        return [self.name, *aliases]

    def start(self, work: Path, volumes: Path, secrets: dict, hosts: str) -> None:
        """Starts it in a network namespace on the bridge, in a mount namespace with its own root."""
        space, end = f"byhand-{self.name}", f"v{self.address.rsplit('.', 1)[1]}"
        run("ip", "netns", "add", space)
        run("ip", "link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", space)
        run("ip", "link", "set", end, "master", "byhand0", "up")
        for words in (["addr", "add", f"{self.address}/24", "dev", "eth0"], ["link", "set", "eth0", "up"], ["link", "set", "lo", "up"]):
            run("ip", "-n", space, *words)
        folder = work / self.name
        folder.mkdir()
        (folder / "hosts").write_text(hosts)
        script = folder / "start.sh"
        script.write_text(self.script(folder, volumes, secrets))
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **(self.model.get("environment") or {})}
        log = (work / f"{self.name}.log").open("ab")
        self.child = subprocess.Popen(
            ["ip", "netns", "exec", space, "unshare", "--mount", "sh", script], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )

    def script(self, folder: Path, volumes: Path, secrets: dict) -> str:
        """Lays out the root and becomes the program."""
        root = folder / "root"
        lines = [
            "set -e",
            "mount --make-rprivate /",
            f"mkdir -p {folder}/layer && mount -t tmpfs layer {folder}/layer",
            f"mkdir {folder}/layer/upper {folder}/layer/work {root}",
            f"mount -t overlay overlay -o lowerdir=/,upperdir={folder}/layer/upper,workdir={folder}/layer/work {root}",
            *(f"mount --rbind /{name} {root}/{name}" for name in ("proc", "dev", "sys")),
            f"cp {folder}/hosts {root}/etc/hosts",
        ]
        mounts = [
            (Path(mount["source"]) if mount["type"] == "bind" else volumes / mount["source"], mount["target"], mount.get("read_only", False))
            for mount in self.model.get("volumes") or []
        ]
        mounts += [(Path(secrets[s["source"]]["file"]), f"/run/secrets/{s['source']}", True) for s in self.model.get("secrets") or []]
        for source, target, read_only in sorted(mounts, key=lambda mount: mount[1]):
            if source.parent == volumes:
                source.mkdir(parents=True, exist_ok=True)
            place = f"{root}{target}"
            lines.append(f"mkdir -p {place}" if source.is_dir() else f"mkdir -p $(dirname {place}) && touch {place}")
            lines.append(f"mount --bind {source} {place}")
            if read_only:
                lines.append(f"mount -o remount,bind,ro {place}")
        command = " ".join(f"'{word}'" for word in [str(self.program), *(self.model.get("command") or [])])
        return "\n".join([*lines, f"exec chroot {root} {command}", ""])


class Checks:
    """What must be true of the running whole, asked from where the ports are published: the bridge."""

    def __init__(self, services: dict[str, Service], work: Path):
        self.services, self.work, self.failed = services, work, False

    def get(self, service: str, port: int, path: str) -> str:
        return urlopen(f"http://{self.services[service].address}:{port}{path}", timeout=10).read().decode()

    def query(self, promql: str) -> list[dict]:
        return json.loads(self.get("prometheus", 9090, f"/api/v1/query?query={quote(promql)}"))["data"]["result"]

    def eventually(self, what: str, probe, patience: float) -> None:
        until, why = time.monotonic() + patience, "it is not so"
        while time.monotonic() < until:
            try:
                if found := probe():
                    print(f"ok: {what}: {found}", flush=True)
                    return
            except (OSError, ValueError, LookupError, TypeError, StopIteration) as error:
                why = repr(error)
            time.sleep(2)
        self.failed = True
        print(f"FAILED: {what}: {why}", flush=True)

    def all(self, patience: float) -> None:
        targets = lambda: json.loads(self.get("prometheus", 9090, "/api/v1/targets"))["data"]["activeTargets"]
        up = lambda: (seen := targets()) and all(t["health"] == "up" for t in seen) and ", ".join(t["labels"]["instance"] for t in seen)
        self.eventually("Prometheus scrapes all targets", up, patience)
        rules = lambda: json.loads(self.get("prometheus", 9090, "/api/v1/rules"))["data"]["groups"]
        if any((HERE / "../../dashboard/rules").glob("*.rules.yaml")):
            healthy = lambda: (groups := rules()) and all(r["health"] == "ok" for g in groups for r in g["rules"]) and f"{len(groups)} groups"
            self.eventually("Prometheus evaluates the rules", healthy, patience)
        rate = 'sum(rate(http_requests_total{job="demo-service",path="/workload",code="200"}[1m]))'
        self.eventually("the load reaches the demo service with its token", lambda: (r := self.query(rate)) and float(r[0]["value"][1]) > 1 and f"{float(r[0]['value'][1]):.1f} requests/s", patience)
        for replica in ("forescale-a", "forescale-b"):
            told = lambda: next(w["plan"]["replicas"] for w in json.loads(self.get(replica, 8080, "/api/v1/workloads"))["workloads"] if w["health"]["backfilled"])
            self.eventually(f"{replica} plans for demo/demo-service", lambda: f"{told()} replicas", patience)
        lines = lambda: [line for line in (self.work / "keda.log").read_text().splitlines() if "replicas," in line]
        self.eventually("the client in the place of KEDA is answered", lambda: lines() and lines()[-1].split('msg="')[-1].split('"')[0], patience)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True, help="folders with the programs")
    parser.add_argument("--compose-spec", required=True, help="the Compose project's loader")
    parser.add_argument("--check", action="store_true", help="check that everything works together, then end; otherwise run until Ctrl-C")
    parser.add_argument("--patience", type=float, default=180, help="seconds that each check waits")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("error: namespaces and overlays need root")
    if "BY_HAND_INSIDE" not in os.environ:
        # A network of our own: nothing of this machine's is touched, no port is taken, and all of it goes with the process.
        inside = {**os.environ, "BY_HAND_INSIDE": "1"}
        return subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", sys.executable, *sys.argv], env=inside).returncode

    loaded = subprocess.run([options.compose_spec, "--format", "json", str(HERE / "compose.yaml")], cwd=HERE, capture_output=True, text=True)
    if loaded.returncode != 0:
        sys.exit(f"error: compose.yaml is not valid\n{loaded.stderr}{loaded.stdout}")
    model = json.loads(loaded.stdout)
    programs = [Path(folder).resolve() for folder in options.programs.split(":")]
    services = {name: Service(name, model["services"][name], number, programs) for number, name in enumerate(sorted(model["services"]))}
    hosts = "127.0.0.1 localhost\n" + "".join(f"{s.address} {' '.join(s.names)}\n" for s in services.values())
    work = Path(tempfile.mkdtemp(prefix="forescale-compose-"))
    run("mount", "-t", "tmpfs", "netns", "/run")
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "byhand0", "type", "bridge")
    run("ip", "addr", "add", "10.99.0.1/24", "dev", "byhand0")
    run("ip", "link", "set", "byhand0", "up")
    try:
        for service in services.values():
            if service.model.get("profiles"):
                print(f"left out: {service.name} (profile {service.model['profiles'][0]})")
            elif service.program is None:
                print(f"left out: {service.name} ({service.model['image']}): no such program here")
            else:
                service.start(work, work / "volumes", model.get("secrets") or {}, hosts)
                print(f"started: {service.name} at {service.address}: {service.program.name} {' '.join(service.model.get('command') or [])}", flush=True)
        if not options.check:
            print(f"logs are in {work}; Ctrl-C ends")
            while True:
                time.sleep(3600)
        checks = Checks(services, work)
        checks.all(options.patience)
        for service in services.values():
            if service.child and service.child.poll() is not None:
                checks.failed = True
                print(f"FAILED: {service.name} has ended with {service.child.returncode}")
        if checks.failed:
            for log in sorted(work.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text()[-1500:]}")
        return int(checks.failed)
    except KeyboardInterrupt:
        return 0
    finally:
        for service in services.values():
            if service.child and service.child.poll() is None:
                service.child.terminate()
        time.sleep(1)
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
