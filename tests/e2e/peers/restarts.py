"""What a client notices of upstreams that die and come back, and of a gateway that stops."""

import asyncio
import collections
import itertools
import random
import time

from kit import FOLDER, Gateway, address, measured, route, script
from wire import Upstream, Wire, ask, chunk, eventually, request

HONEST = (502, 504)


class Killable:
    """An upstream in a process of its own, always at the same port."""

    def __init__(self, number=0):
        self.notes = FOLDER / f"notes-{number}"
        self.process, self.port = script("noting_upstream.py", 0, self.notes)

    async def restart(self):
        self.process.kill()
        self.process, _ = await asyncio.to_thread(script, "noting_upstream.py", self.port, self.notes)

    def seen(self):
        return self.notes.read_text().splitlines() if self.notes.exists() else []


class Client:
    """One of many: its connection to the gateway is kept as long as that keeps it."""

    def __init__(self, gateway):
        self.gateway, self.wire = gateway, None

    async def ask(self, method, target, body=b""):
        # A gateway that answers every request has no reason to close a connection before one.
        if self.wire is None:
            self.wire = await Wire.connect(self.gateway.port)
        answer = await self.wire.ask(method, target, body=body)
        assert answer is not None, f"no answer to {method} {target}"
        if answer.get("connection") == "close":
            self.wire = None
        return answer


async def load(gateway, count, at_once=32, posts=0.5, pause=0.0, each=lambda number: None):
    """`count` requests, each with its own number; gives `(when, number, method, status)` of each."""
    numbers, outcomes = iter(range(count)), []

    async def work():
        client = Client(gateway)
        for number in numbers:
            each(number)
            method = "POST" if random.random() < posts else "GET"
            body = b"body %d" % number if method == "POST" else b""
            answer = await client.ask(method, f"/api/{number}", body)
            outcomes.append((time.monotonic(), number, method, answer.status))
            if answer.status == 200:
                assert answer.body == b"/%d %b" % (number, body), f"{number}: {answer.body}"
            else:
                assert answer.status in HONEST, f"{number}: {answer.status}"
                assert "error=" in answer.get("proxy-status", ""), answer.fields
                await asyncio.sleep(pause)

    await asyncio.gather(*(work() for _ in range(at_once)))
    return outcomes


async def test_an_upstream_is_killed_and_restarted_ten_times():
    upstream = Killable()
    gateway = Gateway(route("/api", address(upstream.port)))
    turns = {number: asyncio.Event() for number in range(90, 1000, 90)}

    async def kill():
        for turn in list(turns.values())[:10]:
            await turn.wait()
            await upstream.restart()

    killing = asyncio.create_task(kill())
    outcomes = await load(
        gateway, 1000, pause=0.1, each=lambda n: turns[n].set() if n in turns else None
    )
    await asyncio.wait_for(killing, 20)
    statuses = collections.Counter(status for *_, status in outcomes)
    measured("ten restarts, 1,000 requests", dict(statuses))
    assert len(outcomes) == 1000
    # Without a failure nothing was shown, without a success nothing held. How many there are of each
    # depends on how fast the machine starts an upstream again.
    assert statuses[200] and any(statuses[status] for status in HONEST), statuses
    posts = [line for line in upstream.seen() if line.startswith("POST")]
    assert len(posts) == len(set(posts)), "a POST came twice"
    seen = set(upstream.seen())
    for _, number, method, status in outcomes:
        assert status != 200 or f"{method} /{number}" in seen
    # The pool has recovered.
    after = await load(gateway, 100, at_once=4)
    assert all(status == 200 for *_, status in after)


async def test_one_of_three_upstreams_is_killed():
    upstreams = [Killable(number) for number in range(3)]
    addresses = [address(one.port) for one in upstreams]
    gateway = Gateway(route("/api", addresses))
    killed = []

    def each(number):
        if number == 1500:
            upstreams[1].process.kill()
            killed.append(time.monotonic())

    outcomes = await load(gateway, 5000, posts=0.3, each=each)
    shares = [len(one.seen()) for one in upstreams]
    failed = [when - killed[0] for when, *_, status in outcomes if status != 200]
    later = [when for when, *_ in outcomes if when > killed[0]]
    measured(
        "one of three killed",
        f"{len(failed)} of {len(later)} later requests failed, the last "
        f"{max(failed, default=0):.3f} s after; shares {shares}",
    )
    assert min(shares) > 100, shares
    assert len(failed) <= len(later) / 100, failed
    # What failed was under way; nothing fails after the first failures.
    assert all(after < 1 for after in failed), failed
    # And it is used again when it is back.
    before = len(upstreams[1].seen())
    await upstreams[1].restart()
    for _ in range(100):
        outcomes = await load(gateway, 100, posts=0)
        assert all(status == 200 for *_, status in outcomes)
        if len(upstreams[1].seen()) > before + 10:
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError("never tried again")


async def test_all_upstreams_gone_is_an_answer_at_once():
    upstreams = [Killable(number) for number in range(3)]
    gateway = Gateway(route("/api", [address(one.port) for one in upstreams]))
    assert all(status == 200 for *_, status in await load(gateway, 50))
    for one in upstreams:
        one.process.kill()
    start = time.monotonic()
    outcomes = await load(gateway, 300)
    assert all(status == 502 for *_, status in outcomes)
    assert time.monotonic() - start < 5


class Tunnel:
    """An open tunnel of no particular protocol."""

    @classmethod
    async def open(cls, gateway):
        self = cls()
        self.wire = await Wire.connect(gateway.port)
        offer = [("connection", "upgrade"), ("upgrade", "shout/1")]
        await self.wire.send(request("GET", "/api/tunnel", offer))
        head = await self.wire.head()
        assert head.status == 101, head.first
        return self

    async def echo(self, text):
        await self.wire.send(text)
        assert await asyncio.wait_for(self.wire.reader.readexactly(len(text)), 5) == text


async def upstream_of_a_drain(wire, message):
    if message.get("upgrade"):
        switch = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: shout/1\r\n\r\n"
        await wire.send(switch)
        while data := await wire.reader.read(1000):
            await wire.send(data)
        return False
    await wire.read(message)
    await asyncio.sleep(random.uniform(0.05, 0.3))
    # A body that takes its time, so that a stop comes in the middle of some.
    await wire.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(4):
        await wire.send(chunk(message.target.encode()))
        await asyncio.sleep(0.05)
    await wire.send(b"0\r\n\r\n")


async def drain_under_load(top, connect):
    """SIGTERM amid requests and tunnels; gives how many requests ended how, and the seconds it took."""
    async with Upstream(upstream_of_a_drain) as upstream:
        gateway = Gateway(route("/api", address(upstream.port)), top=f"drain = '3s'\n{top}")
        tunnels = [await Tunnel.open(gateway) for _ in range(20)] if not top else []
        ends, stopped = collections.Counter(), asyncio.Event()
        numbers = itertools.count()

        async def work():
            ask = await connect(gateway)
            while True:
                number = next(numbers)
                end = await ask(f"/api/{number}")
                if end != "whole":
                    # Not taken is not lost: its client may ask again, elsewhere.
                    seen = [one for one in upstream.seen if one.target == f"/{number}"]
                    end = "lost" if seen or end == "cut" else "not taken"
                ends[end] += 1
                if end != "whole" or (stopped.is_set() and ask.closing()):
                    return

        working = asyncio.gather(*(work() for _ in range(32)))
        await eventually(lambda: ends["whole"] > 100, "no load")
        gateway.child.terminate()
        stopped.set()
        start = time.monotonic()
        await asyncio.sleep(0.2)
        for tunnel in tunnels:
            await tunnel.echo(b"still there")
        await asyncio.wait_for(working, 10)
        status = await asyncio.to_thread(gateway.child.wait, 10)
        spent = time.monotonic() - start
        assert status == 0, status
        for tunnel in tunnels:
            assert await tunnel.wire.ended()
        return ends, spent


async def http1(gateway):
    wire = await Wire.connect(gateway.port)
    last = []

    async def ask(target):
        try:
            await wire.send(request("GET", target))
            last[:] = [await asyncio.wait_for(wire.response(), 10)]
        except ConnectionError:
            return "closed"
        except EOFError:
            return "cut"
        if last[0] is None:
            return "closed"
        assert last[0].body == target.removeprefix("/api").encode() * 4
        return "whole"

    ask.closing = lambda: last[0].get("connection") == "close"
    return ask


async def test_a_drain_under_load_loses_no_request():
    ends, spent = await drain_under_load("", http1)
    measured("drain with tunnels open", f"{dict(ends)}, {spent:.1f} s")
    assert ends["lost"] == 0, ends
    # The tunnels are cut at the end of the drain time, which is 3 s.
    assert spent < 5, spent


async def test_a_drain_without_tunnels_ends_with_its_last_request():
    async with Upstream(upstream_of_a_drain) as upstream:
        gateway = Gateway(route("/api", address(upstream.port)), top="drain = '60s'")
        idle = [await Wire.connect(gateway.port) for _ in range(50)]
        answers = await asyncio.gather(*(wire.ask("GET", "/api/x") for wire in idle[:25]))
        assert all(answer.status == 200 for answer in answers)
        asking = [asyncio.create_task(ask(gateway.port, "GET", f"/api/{n}")) for n in range(50)]
        await eventually(lambda: len(upstream.seen) == 75, "not under way")
        start = time.monotonic()
        status = await asyncio.to_thread(gateway.stop)
        spent = time.monotonic() - start
        measured("drain of 50 requests, 50 idle connections", f"{spent:.2f} s")
        assert (status, spent < 5) == (0, True), spent
        answers = await asyncio.gather(*asking)
        assert all(answer.status == 200 for answer in answers)
