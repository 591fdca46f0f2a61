"""Places that one client holds for as long as it likes: connections, handshakes, heads, tunnels, open files."""

import asyncio
import contextlib
import time

from attackers import HEADERS, PREFACE, SETTINGS, frame
from attacks import ELSEWHERE, Good, Greedy
from hostile_clients import Origin
from kit import FOLDER, Gateway, address, free_port, measured, route, tls
from wire import Wire, eventually, request

# So few connections that all are soon taken.
FEW = "[server]\nconnections = 32\nhead_timeout = '5s'\n"
HELLO = bytes.fromhex("16030100c8010000c40303")


async def hold(port, start, count=64):
    """So many connections that have sent the start of something; those that are refused are gone."""
    wires = []
    for _ in range(count):
        with contextlib.suppress(OSError):
            wire = await Wire.connect(port)
            await wire.send(start)
            wires.append(wire)
    return wires


async def test_one_client_takes_neither_connections_nor_handshakes_from_others():
    async with Origin() as origin:
        routes = route("/api", address(origin.port))
        plain, secure = Gateway(routes, top=FEW), Gateway(routes, top=f"{tls()}\n{FEW}")
        starts = {
            "nothing": b"",
            "half of a head": b"GET /api/good HTTP/1.1\r\nhost: a\r\nx-a: ",
            "a preface": PREFACE + frame(SETTINGS, 0, 0),
            "half of a head of HTTP/2": PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, 0, 1, b"\x82"),
            "half of a request's body": b"POST /api/upload HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nx",
        }
        for name, start in starts.items():
            held = await hold(plain.port, start)
            good = await Good().some(plain.port, clients=4, count=10, new=True)
            measured(f"connections of one client that sent {name}", good)
            assert good.all_served, (name, good)
            for wire in held:
                wire.close()
        held = await hold(secure.port, HELLO)
        begun = time.monotonic()
        for _ in range(10):
            wire = await Wire.connect(secure.port, tls=True, source=ELSEWHERE)
            assert (await wire.ask("GET", "/api/good")).status == 200
            wire.close()
        measured("half-open handshakes of one client", f"10 of 10 in {time.monotonic() - begun:.2f} s")
        # And they are ended.
        begun = time.monotonic()
        assert await held[0].ended(within=20)
        for wire in held:
            wire.close()


async def test_a_head_that_comes_byte_by_byte_is_not_waited_for():
    async with Origin() as origin:
        gateway = Gateway(route("/api", address(origin.port)), top="[server]\nhead_timeout = '1s'\n")
        slow = b"GET /api/good HTTP/1.1\r\nhost: a\r\n" + b"x-a: 1\r\n" * 10
        for start, rest in ((b"", slow), (PREFACE + frame(SETTINGS, 0, 0), b"\0\0\1\1\0\0\0\0\1\x82" + b"\0" * 40)):
            wire = await Wire.connect(gateway.port)
            await wire.send(start)
            begun = time.monotonic()
            ending = asyncio.create_task(wire.ended(within=20))
            for byte in rest:
                if ending.done():
                    break
                with contextlib.suppress(ConnectionError):
                    await wire.send(bytes([byte]))
                await asyncio.sleep(0.1)
            assert await ending
            assert time.monotonic() - begun < 5, "a byte now and then keeps it open"


def offer(target="/api/tunnel"):
    return request("GET", target, [("connection", "upgrade"), ("upgrade", "a/1")])


async def test_one_client_does_not_take_all_tunnels():
    async with Origin() as origin:
        gateway = Gateway(route("/api", address(origin.port), limits={"tunnels": 20}))
        open_ones, refused = [], []
        for _ in range(20):
            wire = await Wire.connect(gateway.port)
            await wire.send(offer())
            status = (await wire.head()).status
            (open_ones if status == 101 else refused).append(wire)
            assert status in (101, 429), status
        assert len(open_ones) == 10, len(open_ones)
        good = await Wire.connect(gateway.port, source=ELSEWHERE)
        await good.send(offer())
        assert (await good.head()).status == 101
        # A place is given back with its tunnel.
        open_ones.pop().close()

        async def another():
            wire = await Wire.connect(gateway.port)
            await wire.send(offer())
            return (await wire.head()).status

        for _ in range(100):
            if (status := await another()) == 101:
                break
            await asyncio.sleep(0.02)
        assert status == 101, status


async def test_open_files_are_no_more_than_there_are_descriptors():
    """Streams of HTTP/2 whose clients read nothing: each has a file open."""
    site = FOLDER / "large"
    site.mkdir()
    (site / "large.bin").write_bytes(bytes(4 << 20))
    (site / "small.txt").write_text("good")
    async with Origin() as origin:
        routes = route("/api", address(origin.port)) + f"[[routes]]\nprefix = '/'\ndir = '{site}'\n"
        gateway = Gateway(routes, before=("sh", "-c", 'ulimit -n 512; exec "$0" "$@"'))
        greedy = Greedy(gateway.port, connections=6, streams=200)
        await greedy.begin(b"\x82\x86\x04\x0a/large.bin\x01\x01a")
        await asyncio.sleep(1)
        held = gateway.descriptors()
        good = await Good().some(gateway.port, clients=4, count=10, new=True)
        measured("1,200 files that one client does not read, 512 descriptors", f"{held} taken; {good}")
        assert good.all_served, good
        wire = await Wire.connect(gateway.port, source=ELSEWHERE)
        assert (await wire.ask("GET", "/small.txt")).body == b"good"
        wire.close()
        greedy.end()
        await eventually(lambda: gateway.descriptors() < 64, lambda: f"{gateway.descriptors()} descriptors")


async def test_the_admin_listener_takes_nothing_from_the_others():
    async with Origin() as origin:
        port = free_port()
        gateway = Gateway(route("/api", address(origin.port)), top=f"[admin]\nlisten = '127.0.0.1:{port}'\n")
        held = await hold(port, b"GET /livez HTTP/1.1\r\n", count=200)
        assert gateway.descriptors() < 100, gateway.descriptors()
        good = await Good().some(gateway.port, clients=2, count=10, new=True)
        assert good.all_served, good
        wire = await Wire.connect(port, source=ELSEWHERE)
        # On loopback it answers to names of loopback alone.
        await wire.send(request("GET", "/readyz", host="localhost"))
        assert (await wire.response("GET")).status == 200
        for one in [*held, wire]:
            one.close()
