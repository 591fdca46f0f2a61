"""What open connections cost the gateway, on one core: 2,000 that are idle, 200 that are busy.

Figures of a release build:

    cargo test --release -p e2e --test peers -- --nocapture connections

Each is the growth of the gateway's PSS divided by how many there are of what it grew for.
"""

import asyncio
import collections
import resource
import time
from pathlib import Path

from hostile_clients import Http2, Origin
from kit import Gateway, address, measured, route, tls
from wire import Wire, eventually, request

IDLE, BUSY = 2000, 200
TOP = "workers = 1\n[server]\nhead_timeout = '10m'\n"


def pss(gateway):
    """KiB."""
    for line in Path(f"/proc/{gateway.pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise KeyError("Pss")


async def settled(gateway):
    """The memory, once it does not change any more."""
    before, now = None, pss(gateway)
    while now != before:
        before = now
        await asyncio.sleep(0.3)
        now = pss(gateway)
    return now


async def cost(gateway, what, count, make):
    """Makes `count` of them, some at once; gives them, and how much memory each takes."""
    before = await settled(gateway)
    made, numbers = [], iter(range(count))

    async def work():
        for _ in numbers:
            made.append(await make())

    await asyncio.gather(*(work() for _ in range(20)))
    each = (await settled(gateway) - before) / count
    measured(f"{what}, {count} of them", f"{each:.1f} KiB each")
    return made, each


def one_core(top=""):
    """The gateway on a core of its own, with room for all: they are one client, at one address."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return lambda origin: Gateway(
        route("/api", address(origin.port), limits={"client_share": 1.0}),
        top=f"{top}\n{TOP}",
        before=("taskset", "-c", "0"),
    )


async def served(port, secure=False):
    """A connection that has had an answer and is kept."""
    wire = await Wire.connect(port, secure)
    answer = await wire.ask("GET", "/api/good")
    assert answer.status == 200
    return wire


async def test_idle_connections_are_cheap_and_do_not_slow_busy_ones():
    async with Origin() as origin:
        gateway = one_core()(origin)
        # The first requests make what all share.
        warm = [await served(gateway.port) for _ in range(50)]

        async def busy(seconds):
            count, end = collections.Counter(), time.monotonic() + seconds
            spent = gateway.cpu()

            async def work():
                wire = await Wire.connect(gateway.port)
                while time.monotonic() < end:
                    answer = await wire.ask("GET", "/api/good")
                    count[answer.status] += 1
                wire.close()

            await asyncio.gather(*(work() for _ in range(BUSY)))
            assert set(count) == {200}, count
            return (gateway.cpu() - spent) / count[200] * 1e6

        alone = await busy(2)
        idle, each = await cost(
            gateway, "an idle connection of HTTP/1.1", IDLE, lambda: served(gateway.port)
        )
        beside = await busy(2)
        measured(
            f"{BUSY} busy connections",
            f"{alone:.0f} µs of processor time for a request, {beside:.0f} beside {IDLE} idle ones",
        )
        assert each <= 24, f"{each:.1f} KiB"
        for wire in idle + warm:
            answer = await wire.ask("GET", "/api/good")
            assert answer.status == 200
            wire.close()


async def test_idle_connections_by_tls():
    async with Origin() as origin:
        gateway = one_core(tls())(origin)
        warm = [await served(gateway.port, True) for _ in range(20)]
        idle, each = await cost(
            gateway, "an idle connection of HTTP/1.1 and TLS", 100, lambda: served(gateway.port, True)
        )
        assert each <= 64, f"{each:.1f} KiB"
        for wire in warm + idle:
            wire.close()


async def test_idle_connections_of_http_2_and_waiting_streams():
    async with Origin() as origin:
        gateway = one_core()(origin)

        async def connection():
            wire = await Http2.open(gateway)
            stream = wire.ask("/api/good")
            await wire.flush()
            assert await wire.answer(stream) == (200, b"good")
            return wire

        warm = [await connection() for _ in range(20)]
        idle, each = await cost(gateway, "an idle connection of HTTP/2", 400, connection)
        assert each <= 64, f"{each:.1f} KiB"
        wires = iter(idle)
        under_way = origin.busy

        async def streams():
            wire = next(wires)
            for _ in range(50):
                wire.ask("/api/events")
            await wire.flush()

        _, each = await cost(gateway, "50 waiting streams of HTTP/2", 16, streams)
        await eventually(lambda: origin.busy - under_way == 800, lambda: f"{origin.busy} under way")
        measured("a waiting stream of HTTP/2, its upstream's connection included", f"{each / 50:.1f} KiB")
        assert each / 50 <= 64, f"{each / 50:.1f} KiB"
        waiting, each = await cost(
            gateway, "a waiting request of HTTP/1.1, its upstream's connection included", 200,
            lambda: events(gateway.port),
        )
        assert each <= 64, f"{each:.1f} KiB"
        for wire in warm + idle + waiting:
            wire.close()


async def events(port):
    """A client that has the head of an answer and waits for more."""
    wire = await Wire.connect(port)
    await wire.send(request("GET", "/api/events"))
    assert (await asyncio.wait_for(wire.head(), 30)).status == 200
    return wire
