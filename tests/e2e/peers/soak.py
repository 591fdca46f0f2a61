"""Mixed load for as long as `SOAK` says, in seconds (10 by default): neither memory nor descriptors grow.

By hand, ten minutes: `SOAK=600 cargo test --release -p e2e --test peers -- --nocapture soak`.
"""

import asyncio
import collections
import contextlib
import os
import socket
import statistics

from hostile_clients import Http2, Origin, sip
from kit import Gateway, address, measured, route, tls
from restarts import Killable
from wire import Wire, ask, eventually, request

SECONDS = int(os.environ.get("SOAK", 10))
UPLOAD = os.urandom(300_000)
# The allocator gives back at once what is free, and not some time later: what grows is in use.
EXACT = ("env", "MIMALLOC_PURGE_DELAY=0")


async def gets(port, count):
    wire = await Wire.connect(port)
    for _ in range(20):
        answer = await wire.ask("GET", "/api/good", [("cookie", "a=b; c=d")])
        assert (answer.status, answer.body) == (200, b"good")
        count["GET"] += 1
    wire.close()


async def uploads(port, count):
    wire = await Wire.connect(port)
    for _ in range(5):
        assert (await wire.ask("POST", "/api/upload", body=UPLOAD)).status == 200
        count["upload"] += 1
    wire.close()


async def downloads(port, count):
    wire = await Wire.connect(port)
    await wire.send(request("GET", "/api/blob"))
    answer = await asyncio.wait_for(wire.response(), 30)
    assert len(answer.body) == 1 << 20, len(answer.body)
    count["download"] += 1
    wire.close()


async def by_tls(port, count):
    for _ in range(3):
        answer = await ask(port, "GET", "/api/good", tls=True)
        assert answer.status == 200, answer.status
        count["TLS"] += 1


async def by_http_2(gateway, count):
    wire = await Http2.open(gateway)
    for turn in range(20):
        stream = wire.ask("/api/good", "POST", b"hello") if turn % 2 else wire.ask("/api/good")
        left = wire.ask("/api/slow")
        await wire.flush()
        assert await wire.answer(stream) == (200, b"good")
        wire.http.reset_stream(left, 8)
        count["HTTP/2"] += 1
    wire.close()


async def tunnels(port, count):
    wire = await Wire.connect(port)
    await wire.send(request("GET", "/api/tunnel", [("connection", "upgrade"), ("upgrade", "a/1")]))
    assert (await wire.head()).status == 101
    for _ in range(20):
        await wire.send(b"x" * 2000)
        await asyncio.wait_for(wire.reader.readexactly(2000), 30)
    count["tunnel"] += 1
    (wire.reset if count["tunnel"] % 2 else wire.close)()


async def aborts(port, count):
    for size in range(1, 200, 13):
        await sip(port, request("GET", "/api/slow"), size, "reset" if size % 2 else "close")
        count["abort"] += 1
    wire = await Wire.connect(port)
    await wire.send(request("POST", "/api/upload", body=UPLOAD)[:70_000])
    wire.reset()


async def errors(port, count):
    for target, status in (("/dead/x", 502), ("/api/../x", 400), ("/nowhere", 404)):
        answer = await ask(port, "GET", target)
        assert answer.status == status, (target, answer.status)
        count["error"] += 1


async def restarted(port, count):
    """An upstream that is killed now and then."""
    wire = await Wire.connect(port)
    for turn in range(20):
        answer = await wire.ask("POST" if turn % 2 else "GET", "/dying/x", body=b"x" * (turn % 2))
        assert answer.status in (200, 502, 504), answer.status
        count[f"restarted {answer.status}"] += 1
        if answer.get("connection") == "close":
            return
    wire.close()


async def sample(gateways, samples):
    while True:
        await asyncio.sleep(SECONDS / 60)
        samples.append([(one.memory(), one.descriptors()) for one in gateways])


async def test_mixed_load_grows_nothing():
    dying = Killable()
    # Taken, but nobody listens there.
    dead = socket.socket()
    dead.bind(("127.0.0.1", 0))
    async with Origin() as origin:
        routes = route("/api", address(origin.port))
        routes += route("/dead", address(dead.getsockname()[1]))
        routes += route("/dying", address(dying.port))
        plain = Gateway(routes, before=EXACT)
        secure = Gateway(routes, top=tls(), before=EXACT)
        count, samples = collections.Counter(), []
        over = asyncio.Event()

        async def again(work, target, pause):
            while not over.is_set():
                await work(target, count)
                await asyncio.sleep(pause)

        async def kill():
            while not over.is_set():
                await asyncio.sleep(2)
                await dying.restart()

        idle = [await Wire.connect(plain.port) for _ in range(20)]
        works = [gets, gets, uploads, downloads, tunnels, aborts, errors, restarted]
        load = [again(work, plain.port, 0.05) for work in works]
        load += [again(by_http_2, plain, 0.05), again(by_tls, secure.port, 0.05), kill()]
        tasks = [asyncio.create_task(one) for one in load]
        sampling = asyncio.create_task(sample([plain, secure], samples))
        done, _ = await asyncio.wait(tasks, timeout=SECONDS, return_when=asyncio.FIRST_EXCEPTION)
        over.set()
        await asyncio.gather(*tasks)
        assert not done
        sampling.cancel()
        measured("load", dict(count))
        for at, name in enumerate(("plain", "TLS")):
            series = [one[at] for one in samples]
            measured(f"{name}, (KiB, descriptors) each {SECONDS / 60:.1f} s", series)
            tenth = len(series) // 10
            # The first tenth is the warming up: pools, allocator, tables.
            early, late = series[tenth : 3 * tenth], series[-2 * tenth :]
            for what, slack in ((0, 3 * 1024), (1, 40)):
                first = statistics.median(one[what] for one in early)
                last = statistics.median(one[what] for one in late)
                assert last <= first * 1.1 + slack, (name, first, last)
        for wire in idle:
            wire.close()
        await eventually(lambda: origin.busy == 0, lambda: f"{origin.busy} answers for nobody")
        most = len(origin.open) + 60
        await eventually(lambda: plain.descriptors() < most, lambda: f"{plain.descriptors()} descriptors")
        with contextlib.suppress(ConnectionError):
            assert plain.stop() == 0
