#!/usr/bin/env python3
"""Three gateways behind HAProxy, under load: restarted, reloaded, scaled, killed and cut off. Needs root.

    sudo ./run.py --gateway target/release/same-origin-gateway            about two minutes; writes ../FLEET.md, fleet.svg
    sudo ./run.py --gateway target/debug/same-origin-gateway --short      a part of it, and only says what is wrong
"""

import argparse
import collections
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lab import Lab, missing
from report import write_report
from verdicts import verdicts

HERE = Path(__file__).parent
CHROMIUM = shutil.which("chromium")
HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"
BALANCER, NAMES, CLIENTS = "10.77.0.2", "10.77.0.3", "10.77.0.4"
UPSTREAMS = ("10.77.0.21", "10.77.0.22")
REPLICAS = [f"g{number}" for number in range(1, 6)]
# HAProxy asks /readyz each 500 ms, and believes the second no.
NOTICED = 0.5 * 2 + 0.5
DELAY = 2


def until(condition, what, within=15):
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {within} s"
        time.sleep(0.05)


class Fleet:
    def __init__(self, lab, gateway, folder):
        self.lab, self.gateway, self.folder = lab, gateway, folder
        self.running, self.proxy_protocol, self.version = {}, True, 0
        self.events = []

    def event(self, kind, label):
        self.events.append((time.monotonic(), kind, label))

    # The gateways.

    def config(self, name):
        address = self.lab.hosts[name]
        proxied = f'proxy_protocol = ["{BALANCER}/32"]\n' if self.proxy_protocol else ""
        return f"""\
listen = "{address}:8080"
drain = {{ delay = "{DELAY}s", timeout = "10s" }}
{proxied}
[admin]
listen = "{address}:9090"

[cors]
allow_origins = ["https://app.example", "https://*.partner.example"]
allow_credentials = true
allow_methods = ["PUT"]
allow_headers = ["content-type"]

[[routes]]
prefix = "/api"
upstream = "http://api.fleet:3000/api"
dns = {{ servers = ["{NAMES}:53"], min_ttl = "1s" }}
set_response_headers = {{ x-replica = "{name}", x-version = "{self.version}" }}
"""

    def write(self, name):
        path = self.folder / f"{name}.toml"
        # All at once, so that nobody reads a half.
        path.with_suffix(".new").write_text(self.config(name))
        path.with_suffix(".new").rename(path)
        return path

    def speaks_proxy_protocol(self):
        checked = subprocess.run([self.gateway, "--config", self.write("g1"), "--check"], capture_output=True)
        return checked.returncode == 0

    def start(self, *names):
        for name in names:
            log = open(self.folder / f"{name}.log", "a")
            args = (self.gateway, "--config", self.write(name))
            self.running[name] = self.lab.start(name, *args, stdout=log, stderr=log)
        for name in names:
            until(lambda: self.is_up(name), f"{name} is up")

    def stop(self, *names):
        """As a roll-out does; gives the seconds that each took."""
        began = time.monotonic()
        for name in names:
            self.running[name].send_signal(signal.SIGTERM)
        for name in names:
            status = self.running.pop(name).wait(DELAY + 15)
            assert status == 0, f"{name} exited with {status}"
        return time.monotonic() - began

    # The balancer.

    def start_balancer(self):
        control = self.folder / "haproxy.sock"
        proxied = "send-proxy-v2" if self.proxy_protocol else ""
        servers = "\n".join(
            f"    server {name} {self.lab.hosts[name]}:8080 {proxied} check port 9090" for name in REPLICAS
        )
        path = self.folder / "haproxy.cfg"
        path.write_text(f"""\
global
    stats socket {control} mode 600 level admin
    maxconn 4096
defaults
    mode tcp
    timeout connect 500ms
    timeout client 1h
    timeout server 1h
    retries 3
    option redispatch 1
listen app
    bind {BALANCER}:80
    balance leastconn
    option httpchk GET /readyz
    http-check expect status 200
    default-server inter 500ms fastinter 500ms downinter 500ms fall 2 rise 1
{servers}
""")
        self.control = control
        log = open(self.folder / "haproxy.log", "a")
        self.lab.start("balancer", HAPROXY, "-db", "-f", path, stdout=log, stderr=log)
        until(control.exists, "HAProxy starts")

    def is_up(self, name):
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self.control))
            control.sendall(b"show stat\n")
            text = b"".join(iter(lambda: control.recv(65536), b"")).decode()
        header, *rows = text.removeprefix("# ").splitlines()
        columns = header.split(",")
        for row in rows:
            fields = dict(zip(columns, row.split(",")))
            if fields.get("svname") == name:
                return fields["status"].startswith("UP")
        return False

    # What is done to it.

    def roll(self, number):
        self.event("roll", f"rolling restart {number}")
        for name in REPLICAS[:3]:
            took = self.stop(name)
            assert took >= DELAY, f"{name} took no connection for {took} s"
            self.start(name)

    def reload(self, number):
        self.event("reload", f"reload {number}")
        self.version += 1
        for name in self.running:
            self.write(name)
            self.running[name].send_signal(signal.SIGHUP)
        time.sleep(1.5)

    def scale(self):
        self.event("scale", "3 → 5")
        self.start("g4", "g5")
        time.sleep(3)
        self.event("scale", "5 → 2")
        self.stop("g3", "g4", "g5")
        time.sleep(3)
        self.event("scale", "2 → 3")
        self.start("g3")
        time.sleep(2)

    def kill(self):
        self.event("kill", "SIGKILL g1")
        self.running.pop("g1").kill()
        time.sleep(NOTICED + 2)
        self.start("g1")

    def cut(self):
        self.event("cut", "partition g2")
        self.lab.partition("g2", True)
        # Longer than a client's patience.
        time.sleep(NOTICED + 6)
        self.event("joined", "g2 is back")
        self.lab.partition("g2", False)
        until(lambda: self.is_up("g2"), "g2 is up again")
        time.sleep(1)


def judge(fleet, outcomes, posts, same):
    """All that is not as it has to be."""
    wrong = []
    when = {kind: at for at, kind, _ in fleet.events}
    failures = [one for one in outcomes if one["error"]]
    # From the event until the check has noticed, and until those who wait for an answer have lost patience.
    allowed = [("g1", when["kill"], when["kill"] + NOTICED), ("g2", when["cut"], when["joined"])]
    for one in failures:
        at_it = any(
            # A connection that has had no answer yet is one that was being made to that replica.
            one["at"] in (name, None) and one["done"] >= begin and one["sent"] <= end
            for name, begin, end in allowed
        )
        if not at_it:
            wrong.append(f"failed without cause: {one}")
    counts = collections.Counter(posts)
    wrong += [f"POST {name} arrived {count} times" for name, count in counts.items() if count > 1]
    answered = {one["id"] for one in outcomes if one["kind"] == "POST" and not one["error"]}
    wrong += [f"POST {name} was answered and did not arrive" for name in answered - counts.keys()]
    reference = same[0][1]
    wrong += [f"{name} gives other CORS verdicts: {got}" for name, got in same if got != reference]
    return failures, wrong


def run(options, lab, folder):
    fleet = Fleet(lab, options.gateway, folder)
    for name, number in [("balancer", 2), ("names", 3), ("clients", 4), ("up1", 21), ("up2", 22)]:
        lab.add(name, number)
    for number, name in enumerate(REPLICAS, 11):
        lab.add(name, number)
    fleet.proxy_protocol = fleet.speaks_proxy_protocol()
    notes = folder / "posts"
    python = {"stdout": subprocess.PIPE, "text": True}
    for name, address in zip(("up1", "up2"), UPSTREAMS):
        args = (address, 3000, notes, f"http://{CLIENTS}:9000/")
        lab.start(name, sys.executable, HERE / "upstream.py", *args, **python).stdout.readline()
    lab.start("names", sys.executable, HERE / "names.py", NAMES, "api.fleet", *UPSTREAMS, **python).stdout.readline()
    fleet.start_balancer()
    fleet.start(*REPLICAS[:3])

    same = [(name, verdicts(lab, name)) for name in REPLICAS[:3]]
    target = (BALANCER, 80, options.clients, options.websockets, options.period)
    written = open(folder / "outcomes", "w")
    load = lab.start("clients", sys.executable, HERE / "load.py", *target, stdout=written)
    began = time.monotonic()
    seen = open(folder / "page", "w")
    page = None
    if CHROMIUM and not options.short:
        args = (CHROMIUM, f"http://{BALANCER}/api/page", CLIENTS)
        page = lab.start("clients", sys.executable, HERE / "browser.py", *args, stdout=seen)
    time.sleep(3)
    rolls, reloads = (1, 1) if options.short else (5, 3)
    for number in range(1, rolls + 1):
        fleet.roll(number)
    for number in range(1, reloads + 1):
        fleet.reload(number)
    if not options.short:
        fleet.scale()
    fleet.kill()
    fleet.cut()
    assert load.poll() is None, "the clients have ended"
    same += [(name, verdicts(lab, name)) for name in sorted(fleet.running)]
    load.send_signal(signal.SIGTERM)
    load.wait(15)
    if page:
        page.send_signal(signal.SIGTERM)
        page.wait(15)
    lines = (folder / "outcomes").read_text() + (folder / "page").read_text()
    outcomes = [json.loads(line) for line in lines.splitlines()]
    assert not page or sum(one["kind"] == "page" for one in outcomes) > 100, "the page did not fetch"
    assert len(outcomes) > options.clients, "too few requests to tell anything"
    failures, wrong = judge(fleet, outcomes, notes.read_text().split(), same)
    return fleet, began, outcomes, failures, wrong


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--gateway", required=True, type=Path)
    options.add_argument("--short", action="store_true")
    options.add_argument("--clients", type=int, default=200)
    options.add_argument("--websockets", type=int, default=20)
    options.add_argument("--period", type=float, default=0.5, help="seconds between two requests of a client")
    options = options.parse_args()
    options.gateway = options.gateway.resolve()
    if reason := missing() or (None if os.path.exists(HAPROXY) else "haproxy is not installed"):
        print(f"ignored: {reason}")
        return 0
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        lab = Lab()
        try:
            fleet, began, outcomes, failures, wrong = run(options, lab, Path(folder))
        except BaseException:
            for log in Path(folder).glob("*.log"):
                print(f"== {log.name}\n{log.read_text()[-3000:]}", file=sys.stderr)
            raise
        finally:
            lab.close()
    if not options.short and not wrong:
        write_report(HERE.parent, fleet, began, outcomes, failures, options)
    print(f"{len(outcomes)} requests and echoes, {len(failures)} failed at what was killed or cut off")
    for at, _, label in fleet.events if wrong else ():
        print(f"{at:.3f} {label}", file=sys.stderr)
    for line in wrong[:20]:
        print(line, file=sys.stderr)
    if len(wrong) > 20:
        print(f"and {len(wrong) - 20} more", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
