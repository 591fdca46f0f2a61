"""The report of a run: a page, and a graph of requests and failures over time."""

import collections
import subprocess

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 960, 360, 50, 90, 40
COLOURS = {"roll": "#8aa", "reload": "#a8a", "scale": "#aa8", "kill": "#c66", "cut": "#c66", "joined": "#6a6"}


def per_second(outcomes, began, wanted):
    counts = collections.Counter(int(one["done"] - began) for one in outcomes if wanted(one))
    return [counts.get(second, 0) for second in range(max(counts, default=0) + 1)]


def graph(fleet, began, outcomes):
    good = per_second(outcomes, began, lambda one: not one["error"])
    bad = per_second(outcomes, began, lambda one: one["error"])
    good = good[:-3]  # the clients end one by one
    seconds, top = len(good), max([*good, 1])
    wide, high = WIDTH - LEFT - 60, HEIGHT - BOTTOM - TOP
    x = lambda second: LEFT + wide * second / seconds
    y = lambda count: TOP + high * (1 - count / top)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for at, kind, label in fleet.events:
        place = x(at - began)
        lines.append(f'<line x1="{place:.1f}" x2="{place:.1f}" y1="{TOP}" y2="{TOP + high}" stroke="{COLOURS[kind]}"/>')
        lines.append(f'<text x="{place:.1f}" y="{TOP - 4}" transform="rotate(-50 {place:.1f} {TOP - 4})" fill="#444">{label}</text>')
    points = " ".join(f"{x(second):.1f},{y(count):.1f}" for second, count in enumerate(good))
    lines.append(f'<polyline points="{points}" fill="none" stroke="#28c" stroke-width="1.5"/>')
    for second, count in enumerate(bad):
        if count:
            lines.append(f'<rect x="{x(second):.1f}" y="{y(count):.1f}" width="5" height="{TOP + high - y(count):.1f}" fill="#c00"/>')
    for count in (0, top // 2, top):
        lines.append(f'<text x="{LEFT - 6}" y="{y(count) + 4:.1f}" text-anchor="end">{count}</text>')
    for second in range(0, seconds, 10):
        lines.append(f'<text x="{x(second):.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{second}</text>')
    lines.append(f'<text x="{LEFT}" y="{HEIGHT - 8}">answers and echoes a second (blue), failures (red), over seconds</text></svg>')
    return "\n".join(lines) + "\n"


def phases(fleet, outcomes, end):
    """For each event the requests until the next one, and what failed."""
    times = [*[at for at, *_ in fleet.events], end]
    for (at, _, label), until in zip(fleet.events, times[1:]):
        within = [one for one in outcomes if at <= one["done"] < until]
        failed = collections.Counter(
            f"{one['kind']} at {one['at'] or 'a new connection'}" for one in within if one["error"]
        )
        moved = sum(one["kind"] in ("moved", "page moved") for one in within)
        slowest = max((one["done"] - one["sent"] for one in within if one["kind"] in ("GET", "POST") and not one["error"]), default=0)
        yield label, until - at, len(within), moved, slowest, failed


def write_report(folder, fleet, began, outcomes, failures, options):
    (folder / "fleet" / "fleet.svg").write_text(graph(fleet, began, outcomes))
    haproxy = subprocess.run(["haproxy", "-v"], capture_output=True, text=True).stdout.split(" ")[2].split("-")[0]
    end = max(one["done"] for one in outcomes) + 1
    rows = "\n".join(
        f"| {label} | {took:.1f} s | {count} | {moved} | {slowest * 1000:.0f} ms | "
        + (", ".join(f"{n} × {what}" for what, n in sorted(failed.items())) or "none") + " |"
        for label, took, count, moved, slowest, failed in phases(fleet, outcomes, end)
    )
    pages = sum(one["kind"] == "page" for one in outcomes)
    posts = sum(one["kind"] == "POST" for one in outcomes)
    way = "with PROXY protocol v2" if fleet.proxy_protocol else "without the PROXY protocol, which this gateway does not have"
    (folder / "FLEET.md").write_text(f"""\
# A fleet on one machine

Written by `fleet/run.py`. Three gateways, each in a network namespace of its own, behind HAProxy {haproxy} as a TCP
balancer ({way}; `leastconn`; checks of `/readyz` each 500 ms, two for a no); two upstreams
by one name of DNS; {options.clients} keep-alive clients and {options.websockets} WebSockets; a page in Chromium with {pages} fetches and a WebSocket.
Clients never send a request twice: what fails is counted.

![requests and failures over time](fleet/fleet.svg)

| | lasted | answers and echoes | WebSockets that moved | slowest answer | failed |
|---|---|---|---|---|---|
{rows}

- {len(outcomes)} requests and echoes, {len(failures)} failed; all of them at the replica that was killed or cut off.
- {posts} POSTs: none arrived twice, and each that was answered arrived.
- Every replica gives the same CORS verdicts, before and after.
- WebSockets of a gateway that stops are closed with 1001 (Going Away), between two messages, and open elsewhere.

```sh
cargo build --release -p same-origin-gateway
sudo examples/gateway/deploy/fleet/run.py --gateway target/release/same-origin-gateway
```
""")
