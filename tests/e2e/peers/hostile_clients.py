"""Clients that vanish, flood, or never read: each ends, and whoever asks beside them is served."""

import asyncio
import contextlib

import h2.config
import h2.connection
import h2.errors
import h2.settings

from kit import Gateway, address, measured, route
from wire import Upstream, Wire, chunk, eventually, reply, request

BLOCK = chunk(b"x" * 65_536)
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class Origin(Upstream):
    """Answers `/good`; without end `/endless`; slowly `/slow`; `/silent` never; and reads nothing of
    `/deaf` until it is to hear. Counts what is under way."""

    def __init__(self):
        super().__init__(self.reply)
        self.busy = self.most = 0
        self.hear = asyncio.Event()

    async def reply(self, wire, message):
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            match message.target:
                case "/silent":
                    await wire.ended(within=60)
                    return False
                case "/deaf":
                    await self.hear.wait()
                    return False
                case "/endless":
                    await wire.send(CHUNKED)
                    while True:
                        await wire.send(BLOCK)
                case "/slow":
                    await wire.send(CHUNKED)
                    while True:
                        await wire.send(chunk(b"slow"))
                        await asyncio.sleep(0.01)
                case "/tunnel":
                    switch = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: a/1\r\n\r\n"
                    await wire.send(switch)
                    while data := await wire.reader.read(1000):
                        await wire.send(data)
                    return False
                case "/events":
                    await wire.send(CHUNKED)
                    await wire.ended(within=600)
                    return False
                case "/blob":
                    await wire.send(reply(bytes(1 << 20)))
                case _:
                    await wire.read(message)
                    await wire.send(reply(b"good"))
        finally:
            self.busy -= 1


@contextlib.asynccontextmanager
async def beside(top="", **keys):
    """A gateway, its upstream, and a client that is served all the time and once more at the end, when
    nothing is left of the others."""
    async with Origin() as origin:
        gateway = Gateway(route("/api", address(origin.port), **keys), top=top)
        stop, served = asyncio.Event(), 0

        async def behave():
            nonlocal served
            wire = await Wire.connect(gateway.port)
            while not stop.is_set():
                answer = await wire.ask("GET", "/api/good")
                assert (answer.status, answer.body) == (200, b"good")
                served += 1
                await asyncio.sleep(0.01)

        behaving = asyncio.create_task(behave())
        await eventually(lambda: served > 5 or behaving.done(), "nobody is served")
        yield gateway, origin
        before = served
        await eventually(lambda: served > before + 5 or behaving.done(), "nobody is served any more")
        stop.set()
        await behaving
        await eventually(lambda: origin.busy == 0, lambda: f"{origin.busy} answers go on for nobody")
        # What is left is the listener and the like, the client's connection, and the upstream's idle ones.
        spare = len(origin.open) + 20
        await eventually(
            lambda: gateway.descriptors() <= spare, lambda: f"{gateway.descriptors()} descriptors"
        )


async def drip(port, data, end):
    """Sends `data`, and goes as `end` says."""
    wire = await Wire.connect(port)
    await wire.send(data)
    # That it is seen before the end is.
    await asyncio.sleep(0)
    getattr(wire, end)()


async def sip(port, data, size, end):
    """Sends `data`, reads `size` bytes, and goes as `end` says."""
    wire = await Wire.connect(port)
    await wire.send(data)
    await asyncio.wait_for(wire.reader.readexactly(size), 30)
    getattr(wire, end)()


async def each(calls, at_once=16):
    """Runs them all, some at once."""
    calls = iter(calls)

    async def work():
        for call in calls:
            await call

    await asyncio.gather(*(work() for _ in range(at_once)))


async def test_clients_vanish_at_every_byte_of_a_request():
    fields = [("transfer-encoding", "chunked")]
    chunked = request("PUT", "/api/slow", fields).replace(b"content-length: 0\r\n", b"")
    for whole in (
        request("POST", "/api/slow", body=b"0123456789"),
        chunked + chunk(b"0123456789") + b"0\r\n\r\n",
        request("GET", "/api/silent"),
    ):
        async with beside() as (gateway, _):
            for end in ("close", "reset"):
                await each(drip(gateway.port, whole[:size], end) for size in range(len(whole) + 1))


async def test_clients_vanish_at_every_byte_of_a_response():
    async with beside() as (gateway, origin):
        for end in ("close", "reset"):
            ask = request("GET", "/api/slow")
            await each(sip(gateway.port, ask, size, end) for size in range(200))
        assert origin.most > 1


class Http2(Wire):
    """A client of HTTP/2 by prior knowledge that reads only when told to."""

    @classmethod
    async def open(cls, gateway, window=65_535, source=None):
        self = await cls.connect(gateway.port, source=source)
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.http.local_settings = h2.settings.Settings(
            client=True, initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window}
        )
        self.http.initiate_connection()
        return self

    def ask(self, target, method="GET", body=b"", more=False):
        """Puts a request into what is to be sent. `more` of its body may follow."""
        stream = self.http.get_next_available_stream_id()
        pseudo = {"method": method, "scheme": "http", "path": target, "authority": "app.example"}
        fields = [(f":{name}", value) for name, value in pseudo.items()]
        self.http.send_headers(stream, fields, end_stream=not body and not more)
        if body:
            self.http.send_data(stream, body, end_stream=True)
        return stream

    async def flush(self):
        await self.send(self.http.data_to_send())

    async def answer(self, stream):
        """Its status and its body. None if it is reset."""
        status, body = None, b""
        while data := await asyncio.wait_for(self.reader.read(1 << 18), 30):
            for event in self.http.receive_data(data):
                if getattr(event, "stream_id", None) != stream:
                    continue
                match event:
                    case h2.events.ResponseReceived():
                        status = int(dict(event.headers)[":status"])
                    case h2.events.DataReceived():
                        body += event.data
                        self.http.acknowledge_received_data(event.flow_controlled_length, stream)
                    case h2.events.StreamReset():
                        return None
                    case h2.events.StreamEnded():
                        return status, body
            await self.flush()
        return None


async def test_clients_of_http_2_vanish_at_every_byte():
    async with beside() as (gateway, origin):
        wire = await Http2.open(gateway)
        for method, body in (("GET", b""), ("POST", b"0123456789")):
            wire.ask("/api/slow", method, body)
        whole = wire.http.data_to_send()
        wire.close()
        for end in ("close", "reset"):
            await each(drip(gateway.port, whole[:size], end) for size in range(len(whole) + 1))
            await each(sip(gateway.port, whole, size, end) for size in range(200))
        assert origin.most > 2


async def test_a_flood_of_resets_ends_its_connection():
    """CVE-2023-44487."""
    async with beside() as (gateway, origin):
        before = gateway.forget_peak()
        ended = 0
        for _ in range(5):
            wire = await Http2.open(gateway)
            with contextlib.suppress(ConnectionError):
                for _ in range(200):
                    for _ in range(100):
                        wire.http.reset_stream(wire.ask("/api/silent"), h2.errors.ErrorCodes.CANCEL)
                    await wire.flush()
            ended += await wire.ended(within=30)
        grown = gateway.memory("VmHWM") - before
        measured("100,000 resets", f"{ended} of 5 connections ended, growth {grown} KiB")
        assert ended == 5
        assert grown < 32 * 1024, f"{grown} KiB"
        # Hardly any of them got through.
        assert origin.most < 500, origin.most


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


async def test_a_field_section_without_end_ends_its_connection():
    """CONTINUATION without END_HEADERS (VU#421644)."""
    async with beside() as (gateway, _):
        before = gateway.forget_peak()
        for payload in (b"\x40\x01a\x01b" * 3000, b"\x10" + b"\x01a" + b"\x7f\x81\x7f" + b"b" * 16_000, b""):
            wire = await Http2.open(gateway)
            await wire.flush()
            with contextlib.suppress(ConnectionError):
                await wire.send(frame(1, 0, 1, b"\x82\x84\x86\x41\x01a"))
                # 64 MiB, or as many frames.
                for _ in range(4000):
                    await wire.send(frame(9, 0, 1, payload[:16_384]))
            assert await wire.ended(within=60), payload[:8]
        grown = gateway.memory("VmHWM") - before
        measured("endless CONTINUATION", f"growth {grown} KiB")
        assert grown < 16 * 1024, f"{grown} KiB"


async def settled(gateway):
    """The memory, once it does not grow any more."""
    before, now = 0, gateway.memory()
    while now > before:
        before = now
        await asyncio.sleep(0.3)
        now = gateway.memory()
    return now


async def test_who_never_reads_is_cheap():
    async with beside() as (gateway, origin):
        before = gateway.memory()
        wires = [await Wire.connect(gateway.port, receive_buffer=4096) for _ in range(100)]
        for wire in wires:
            wire.reader._transport.pause_reading()
            await wire.send(request("GET", "/api/endless"))
        await eventually(lambda: origin.busy >= 100, "not under way")
        each_one = (await settled(gateway) - before) / len(wires)
        measured("a client of HTTP/1.1 that never reads", f"{each_one:.0f} KiB")
        for wire in wires:
            wire.reset()
    assert each_one < 600, f"{each_one:.0f} KiB"


async def test_who_never_gives_room_is_cheap():
    async with beside() as (gateway, origin):
        before = gateway.memory()
        wires = [await Http2.open(gateway, window=0) for _ in range(2)]
        for wire in wires:
            for _ in range(100):
                wire.ask("/api/endless")
            await wire.flush()
        await eventually(lambda: origin.busy >= 200, "not under way")
        each_one = (await settled(gateway) - before) / 200
        measured("a stream of HTTP/2 without a window", f"{each_one:.0f} KiB")
        for wire in wires:
            wire.reset()
    assert each_one < 600, f"{each_one:.0f} KiB"


async def test_uploads_that_are_not_taken_leave_room_for_another():
    async with beside() as (gateway, origin):
        wire = await Http2.open(gateway)
        for _ in range(3):
            stuck = wire.ask("/api/deaf", "POST", more=True)
            # As much as there is room for, until there is no more.
            quiet = False
            while not quiet:
                while room := min(wire.http.local_flow_control_window(stuck), 16_384):
                    wire.http.send_data(stuck, b"x" * room)
                    await wire.flush()
                try:
                    data = await asyncio.wait_for(wire.reader.read(1 << 18), 0.5)
                except asyncio.TimeoutError:
                    quiet = True
                else:
                    assert data, "the connection ended"
                    wire.http.receive_data(data)
                    await wire.flush()
        assert origin.busy >= 3
        stream = wire.ask("/api/good", "POST", b"hello")
        await wire.flush()
        assert await wire.answer(stream) == (200, b"good")
        wire.reset()
        origin.hear.set()


async def test_tunnels_are_left():
    async with beside() as (gateway, origin):
        for end in ("close", "reset"):
            wires = []
            for _ in range(50):
                wire = await Wire.connect(gateway.port)
                await wire.send(request("GET", "/api/tunnel", [("connection", "upgrade"), ("upgrade", "a/1")]))
                assert (await wire.head()).status == 101
                wires.append(wire)
            assert origin.busy >= 50
            for wire in wires:
                await wire.send(b"x" * 100)
                getattr(wire, end)()
            await eventually(lambda: origin.busy < 2, "tunnels to nobody")
