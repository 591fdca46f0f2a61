"""Attacks on what all clients share, and what good clients at another address see of them; the figures of nginx are
from the same run."""

import asyncio
import collections
import contextlib
import ctypes
import fcntl
import socket
import statistics
import struct
import sys
import time
from pathlib import Path

from attackers import GOOD, HEADERS, KINDS_OF_HTTP1, PREFACE, RESET, SETTINGS, WINDOW, frame
from hostile_clients import Http2, Origin
from kit import CERTS, RELEASE, Gateway, Process, address, free_port, measured, route
from servers import start_nginx
from wire import Wire, ask, eventually, request

# Another client than those at 127.0.0.1.
ELSEWHERE = "127.0.0.2"


class Peer:
    """A proxy before an origin: its ports for HTTP/2 and HTTP/1.1 by prior knowledge."""

    def __init__(self, process, port, http1=None):
        self.process, self.port, self.http1 = process, port, http1 or port

    @classmethod
    def of(cls, gateway):
        return cls(gateway, gateway.port)


def beside(upstream):
    """nginx as a proxy of the same upstream."""
    plain = free_port()
    process, port = start_nginx(
        f"""listen 127.0.0.1:{plain};
        location /api/ {{
            proxy_pass {upstream}/; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_request_buffering off; proxy_buffering off;
        }}""",
        listen="http2",
        top="worker_rlimit_nofile 8192;",
    )
    return Peer(process, port, plain)


class Good:
    """Clients that ask one thing after the other: what they were answered, and when."""

    def __init__(self, patience=5):
        self.statuses, self.seconds, self.patience = collections.Counter(), [], patience

    async def one(self, port, count, new=False):
        wire = None
        for _ in range(count):
            begun = time.monotonic()
            try:
                wire = wire or await Wire.connect(port, source=ELSEWHERE)
                answer = await asyncio.wait_for(wire.ask("GET", "/api/good"), self.patience)
                status = answer.status if answer else "closed"
            except (OSError, EOFError, asyncio.TimeoutError) as error:
                status = type(error).__name__
            self.statuses[status] += 1
            self.seconds.append(time.monotonic() - begun)
            if wire and (new or status != 200):
                wire.close()
                wire = None
            await asyncio.sleep(0.002)
        if wire:
            wire.close()

    async def some(self, port, clients=4, count=50, new=False):
        await asyncio.gather(*(self.one(port, count, new) for _ in range(clients)))
        return self

    def p99(self):
        return statistics.quantiles(self.seconds, n=100)[98]

    def __str__(self):
        answers = ", ".join(f"{count} × {status}" for status, count in self.statuses.items())
        return f"{answers}, p99 {self.p99() * 1000:.1f} ms"

    @property
    def all_served(self):
        return set(self.statuses) == {200}


def own_network():
    """A network of its own for this process and its children, whose ports are few and kept for a minute after
    their use. False where that may not be had."""
    new_network, flags = 0x4000_0000, 0x8914
    if ctypes.CDLL(None).unshare(new_network):
        return False
    with socket.socket() as control:
        fcntl.ioctl(control, flags, struct.pack("16sH22x", b"lo", 0x41))
    ports = Path("/proc/sys/net/ipv4")
    try:
        (ports / "tcp_tw_reuse").write_text("0")
        (ports / "ip_local_port_range").write_text("30000 32999")
    except OSError:
        # Where a container keeps them from being written.
        return False
    return True


def time_wait(port):
    """Ports that are kept because their side closed a connection to this one first."""
    to = f"0100007F:{port:04X}"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return sum(row[2] == to and row[3] == "06" for row in rows)


async def reset_streams(port, source, how):
    """One connection whose streams are reset while their upstream's connections are being made."""
    with contextlib.suppress(OSError):
        wire = await Wire.connect(port, source=source)
        await wire.send(PREFACE + frame(SETTINGS, 0, 0))
        for batch in range(2):
            streams = range(1 + 200 * batch, 201 + 200 * batch, 2)
            await wire.send(b"".join(frame(HEADERS, 5, stream, GOOD) for stream in streams))
            await asyncio.sleep(0.001)
            await wire.send(b"".join(how(stream) for stream in streams))
        await asyncio.sleep(0.05)
        wire.reset()


async def leave(port, source, _):
    """Clients of HTTP/1.1 that go when they have asked."""
    with contextlib.suppress(OSError):
        wires = [await Wire.connect(port, source=source) for _ in range(50)]
        for wire in wires:
            await wire.send(request("GET", "/api/good"))
        for at, wire in enumerate(wires):
            wire.reset() if at % 2 else wire.close()


RESETS = {
    "rapid reset": (reset_streams, lambda stream: frame(RESET, 0, stream, b"\0\0\0\x08")),
    # RFC 9113 6.9: an increment of 0 is an error of the stream, for which the server resets it.
    "MadeYouReset": (reset_streams, lambda stream: frame(WINDOW, 0, stream, b"\0\0\0\0")),
    "clients that leave": (leave, None),
}


async def attacked_by_resets(peer, attack, how, good=40, patience=5):
    """160 connections of 40 addresses, and then good clients."""
    at_once = asyncio.Semaphore(8)

    async def one(number):
        async with at_once:
            await attack(peer.http1 if attack is leave else peer.port, f"127.0.1.{number % 40 + 1}", how)

    await asyncio.gather(*(one(number) for number in range(160)))
    return await Good(patience).some(peer.http1, clients=good, count=120 // good, new=True)


async def test_resets_take_no_ports_from_good_clients():
    is_apart = own_network()
    for name, (attack, how) in RESETS.items():
        async with Origin() as origin:
            gateway = Gateway(route("/api", address(origin.port)))
            good = await attacked_by_resets(Peer.of(gateway), attack, how)
            kept = time_wait(origin.port)
            measured(f"{name}, gateway", f"{kept} ports kept; {good}")
            gateway.stop()
        assert good.all_served, (name, good)
        assert kept < 300, (name, kept)
    if not is_apart:
        measured("rapid reset", "not in a network of its own, whose ports nginx may use up")
        return
    async with Origin() as origin:
        peer = beside(address(origin.port))
        theirs = await attacked_by_resets(peer, *RESETS["rapid reset"], good=60, patience=2)
        measured("rapid reset, nginx", f"{time_wait(origin.port)} ports kept; {theirs}")


async def test_nor_do_they_where_the_upstream_speaks_tls():
    own_network()
    for protocol in ("", "http2"):
        options = f"ssl_certificate {CERTS}/server.pem; ssl_certificate_key {CERTS}/server.key;"
        _, port = start_nginx(f"{options} location / {{ return 200 good; }}", listen=f"ssl {protocol}")
        keys = {"upstream_tls": {"ca": str(CERTS / "ca.pem")}}
        gateway = Gateway(route("/api", address(port, "https"), **keys))
        for name, (attack, how) in RESETS.items():
            good = await attacked_by_resets(Peer.of(gateway), attack, how, good=20)
            kept = time_wait(port)
            measured(f"{name}, upstream by TLS {protocol}", f"{kept} ports kept; {good}")
            assert good.all_served, (name, good)
            assert kept < 300, (name, kept)
        gateway.stop()


SLOW_POST = b"\x83\x86\x04\x0b/api/upload\x01\x01a"
SLOW_GET = b"\x82\x86\x04\x0c/api/endless\x01\x01a"


class Greedy:
    """Connections of HTTP/2 of one client, each with as many requests as it may have, which go on as slowly as it
    likes: a byte now and then, or nothing of an answer taken."""

    def __init__(self, port, connections=6, streams=200):
        self.port, self.connections, self.streams = port, connections, streams
        self.wires, self.reading = [], []

    async def begin(self, head):
        # No room for an answer's body: SETTINGS_INITIAL_WINDOW_SIZE is 0.
        opening = PREFACE + frame(SETTINGS, 0, 0, b"\0\4\0\0\0\0")
        ends = head == SLOW_GET
        for _ in range(self.connections):
            wire = await Wire.connect(self.port)
            streams = range(1, 1 + 2 * self.streams, 2)
            await wire.send(opening + b"".join(frame(HEADERS, 5 if ends else 4, one, head) for one in streams))
            self.wires.append(wire)
            self.reading.append(asyncio.create_task(wire.ended(within=60)))

    async def a_byte_each(self):
        for wire in self.wires:
            with contextlib.suppress(ConnectionError):
                await wire.send(b"".join(frame(0, 0, one, b"x") for one in range(1, 1 + 2 * self.streams, 2)))

    def end(self):
        for wire, reading in zip(self.wires, self.reading):
            reading.cancel()
            wire.reset()


async def under(peer, head):
    """What good clients get while one client holds all that it may."""
    greedy = Greedy(peer.port)
    await greedy.begin(head)
    # Until all that there is room for is on its way.
    await asyncio.sleep(1.5)
    good = Good()
    for _ in range(2):
        await greedy.a_byte_each() if head == SLOW_POST else None
        await good.some(peer.http1, clients=4, count=15, new=True)
    return greedy, good


async def test_one_client_does_not_take_an_upstream_from_others():
    for name, head, places in (("1,200 slow uploads", SLOW_POST, 1024), ("1,200 slow readers", SLOW_GET, 256)):
        async with Origin() as origin:
            keys = {"limits": {"in_flight": places}}
            gateway = Gateway(route("/api", address(origin.port), **keys))
            greedy, good = await under(Peer.of(gateway), head)
            measured(f"{name}, gateway", f"{good}; {origin.busy} at the upstream, {gateway.memory()} KiB")
            assert good.all_served, (name, good)
            # Its share and no more; and its places are given back when it goes.
            assert origin.busy <= places // 2 + 4, origin.busy
            greedy.end()
            await eventually(lambda: origin.busy == 0, lambda: f"{origin.busy} go on for nobody")
            gateway.stop()
        async with Origin() as origin:
            greedy, theirs = await under(beside(address(origin.port)), head)
            measured(f"{name}, nginx", f"{theirs}; {origin.busy} at the upstream")
            greedy.end()


async def test_time_without_progress_ends_a_client_and_never_a_quiet_upstream():
    async with Origin() as origin:
        keys = {"timeouts": {"client": "1s", "response": "60s"}, "limits": {"in_flight": 64}}
        gateway = Gateway(route("/api", address(origin.port), **keys))
        # Server-sent events and a long poll: it is the upstream that is silent.
        quiet = [await Wire.connect(gateway.port, source=ELSEWHERE) for _ in range(2)]
        await quiet[0].send(request("GET", "/api/events"))
        await quiet[1].send(request("GET", "/api/silent"))
        assert (await quiet[0].head()).status == 200
        for head in (SLOW_POST, SLOW_GET):
            greedy = Greedy(gateway.port, connections=2, streams=16)
            await greedy.begin(head)
            await eventually(lambda: origin.busy > 2, "nothing is held")
            # Its connections stay, and what they held is free.
            await eventually(lambda: origin.busy == 2, lambda: f"{origin.busy} are held", within=15)
            greedy.end()
        for wire in quiet:
            assert not await wire.ended(within=0.5)
            wire.close()


async def flooded(peer, kind, gateway, seconds=1.2):
    """Good clients of a quiet proxy, and while four connections flood it."""

    async def ask_for(seconds):
        good, end = Good(), time.monotonic() + seconds
        while time.monotonic() < end:
            await good.some(peer.http1, clients=4, count=20)
        return good

    quiet = await ask_for(0.6)
    before = gateway.forget_peak() if gateway else 0
    attacker = Process(
        sys.executable, Path(__file__).parent / "attackers.py", kind,
        peer.http1 if kind in KINDS_OF_HTTP1 else peer.port, 4, seconds + 0.3,
        stdout=-1, text=True,
    )
    attacker.child.stdout.readline()
    await asyncio.sleep(0.2)
    attacked = await ask_for(seconds)
    made = (await asyncio.to_thread(attacker.child.stdout.read)).strip()
    grown = gateway.memory("VmHWM") - before if gateway else 0
    return quiet, attacked, made, grown


async def is_served_under(kinds):
    async with Origin() as origin:
        theirs = beside(address(origin.port))
        for kind in kinds:
            gateway = Gateway(route("/api", address(origin.port)))
            quiet, attacked, made, grown = await flooded(Peer.of(gateway), kind, gateway)
            ms = f"p99 quiet {quiet.p99() * 1000:.1f} ms"
            measured(f"{kind}, gateway", f"{ms}; {attacked}; {made} connections, growth {grown} KiB")
            assert attacked.all_served, (kind, attacked)
            # Within three times on a quiet machine, and some more on a busy one; without the bounds 0.5 to 1.4 s.
            limit = 5 * quiet.p99() + 0.35
            assert not RELEASE or attacked.p99() < limit, (kind, quiet.p99(), attacked.p99())
            # At its highest, with some 270 connections whose heads may take 64 KiB decoded, and as much in lists.
            assert grown < 64 * 1024, (kind, grown)
            gateway.stop()
            quiet, attacked, made, _ = await flooded(theirs, kind, None, 0.8)
            measured(f"{kind}, nginx", f"p99 quiet {quiet.p99() * 1000:.1f} ms; {attacked}; {made} connections")


async def test_heads_that_are_costly_to_decode_starve_nobody():
    await is_served_under(["references", "oversized heads", "refused heads", "trailers"])


async def test_long_heads_one_behind_the_other_starve_nobody():
    await is_served_under(["long lists", "long offers", "long paths"])


async def test_control_frames_without_end_starve_nobody():
    await is_served_under(["pings", "settings", "table sizes", "priorities", "unknown frames", "windows"])


async def test_data_that_says_nothing_starves_nobody():
    await is_served_under(["empty data", "padded data", "small data"])
