"""WebSockets: the `websockets` library on both sides, and HTTP/2 clients (RFC 8441) by `h2`."""

import asyncio
import contextlib
import os
import ssl

import h2.config
import h2.connection
import h2.events
import h2.settings
import websockets
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from kit import CERTS, Gateway, address, measured, route, tls

MIB = 1 << 20


async def serve(connection):
    """Echoes; closes with a code on command; names what it was asked for."""
    with contextlib.suppress(websockets.ConnectionClosed):
        async for message in connection:
            if isinstance(message, str) and message.startswith("close "):
                await connection.close(int(message[6:]), "as you wish")
            elif message == "where":
                request = connection.request
                await connection.send(f"{request.path} {request.headers['x-forwarded-proto']}")
            else:
                await connection.send(message)


def upstream(**options):
    options = {"max_size": None, "subprotocols": ["chat.v2", "chat.v1"], **options}
    return websockets.serve(serve, "127.0.0.1", 0, **options)


def port_of(server):
    return server.sockets[0].getsockname()[1]


def connect(gateway, path="/ws/room?a=%2F", **options):
    """A client that trusts the authority of the tests."""
    if gateway.origin.startswith("https"):
        context = ssl.create_default_context(cafile=str(CERTS / "ca.pem"))
        options = {"ssl": context, "server_hostname": "localhost", **options}
    url = f"ws{gateway.origin.removeprefix('http')}{path}"
    options = {"subprotocols": ["chat.v1"], **options}
    return websockets.connect(url, max_size=None, proxy=None, **options)


# needs: venv
async def test_echo_over_plain_text_and_tls():
    async with upstream() as server:
        config = route("/ws", address(port_of(server)) + "/base")
        for top, scheme in (("", "http"), (tls(), "https")):
            gateway = Gateway(config, top=top)
            async with connect(gateway) as client:
                assert client.subprotocol == "chat.v1"
                await client.send("where")
                assert await client.recv() == f"/base/room?a=%2F {scheme}"
                for message in ("", "caf\u00e9", b"", b"\0\xff", "x" * 70_000, os.urandom(9 * MIB)):
                    await client.send(message)
                    assert await client.recv() == message
                await (await client.ping())


# needs: venv
async def test_close_codes_pass_both_ways():
    async with upstream() as server:
        gateway = Gateway(route("/ws", address(port_of(server))))
        for code in (1000, 1001, 1008, 3000, 4999):
            async with connect(gateway) as client:
                await client.send(f"close {code}")
                with contextlib.suppress(websockets.ConnectionClosed):
                    await client.recv()
                assert (client.close_code, client.close_reason) == (code, "as you wish")
            async with connect(gateway) as client:
                await client.close(code, "bye")
                assert client.close_code == code
        # Killed without a close: the client learns that, and does not wait.
        async with connect(gateway) as client:
            [connection] = server.connections
            connection.transport.abort()
            with contextlib.suppress(websockets.ConnectionClosed):
                await asyncio.wait_for(client.recv(), 5)
            assert client.close_code == 1006


# needs: venv
async def test_hundreds_at_once_each_with_its_own():
    async with upstream() as server:
        gateway = Gateway(route("/ws", address(port_of(server))))
        before = gateway.descriptors()

        async def talk(number):
            async with connect(gateway) as client:
                for turn in range(10):
                    await client.send(f"{number} {turn}")
                    assert await client.recv() == f"{number} {turn}"

        await asyncio.gather(*(talk(number) for number in range(200)))
        async with asyncio.timeout(5):
            while gateway.descriptors() > before + 2:
                await asyncio.sleep(0.02)


# needs: venv
async def test_a_refusal_is_the_upstreams():
    def refuse(connection, request):
        return connection.respond(403, "not you\n")

    async with upstream(process_request=refuse) as server:
        gateway = Gateway(route("/ws", address(port_of(server))))
        try:
            async with connect(gateway):
                raise AssertionError("opened")
        except websockets.InvalidStatus as refused:
            assert (refused.response.status_code, refused.response.body) == (403, b"not you\n")


class Http2:
    """A connection of HTTP/2 by prior knowledge, one stream of it a WebSocket."""

    def __init__(self):
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.messages, self.stream, self.head, self.reset = StreamReader(), None, None, False

    async def open(self, gateway, path, extra=(("sec-websocket-protocol", "chat.v2"),)):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        self.http.initiate_connection()
        await self.flush()
        code = h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL
        while self.http.remote_settings.get(code) != 1:
            await self.turn()
        self.stream = self.http.get_next_available_stream_id()
        pseudo = {"method": "CONNECT", "protocol": "websocket", "scheme": "http"}
        pseudo |= {"path": path, "authority": "app.example"}
        fields = [(f":{name}", value) for name, value in pseudo.items()]
        self.http.send_headers(self.stream, [*fields, ("sec-websocket-version", "13"), *extra])
        await self.flush()
        while self.head is None and not self.reset:
            await self.turn()
        return self

    async def flush(self):
        self.writer.write(self.http.data_to_send())
        await self.writer.drain()

    async def turn(self):
        data = await asyncio.wait_for(self.reader.read(1 << 18), 10)
        assert data, "the connection ended"
        for event in self.http.receive_data(data):
            match event:
                case h2.events.ResponseReceived():
                    self.head = dict(event.headers)
                case h2.events.DataReceived():
                    self.messages.feed_data(event.data)
                    self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                case h2.events.StreamEnded():
                    self.messages.feed_eof()
                case h2.events.StreamReset():
                    self.reset = True
        await self.flush()

    async def send(self, opcode, data):
        bytes_ = Frame(opcode, data).serialize(mask=True)
        while bytes_:
            room = min(self.http.local_flow_control_window(self.stream), 16_384)
            if room == 0:
                await self.turn()
                continue
            self.http.send_data(self.stream, bytes_[:room])
            bytes_ = bytes_[room:]
            await self.flush()

    async def receive(self):
        """The next whole message."""
        message = b""
        while True:
            frame = await self.parse()
            message += frame.data
            if frame.fin:
                return frame.opcode, message

    async def parse(self):
        parsing = Frame.parse(self.messages.read_exact, mask=False)
        try:
            while True:
                next(parsing)
                await self.turn()
        except StopIteration as done:
            return done.value


# needs: venv
async def test_a_websocket_by_http_2_goes_on_by_http_11():
    async with upstream() as server:
        gateway = Gateway(route("/ws", address(port_of(server)) + "/base"))
        client = await Http2().open(gateway, "/ws/room?a=%2F")
        assert client.head[":status"] == "200"
        assert client.head["sec-websocket-protocol"] == "chat.v2"
        assert "sec-websocket-accept" not in client.head
        await client.send(Opcode.TEXT, b"where")
        assert await client.receive() == (Opcode.TEXT, b"/base/room?a=%2F http")
        large = os.urandom(MIB)
        await client.send(Opcode.BINARY, large)
        assert await client.receive() == (Opcode.BINARY, large)
        await client.send(Opcode.CLOSE, (4000).to_bytes(2, "big"))
        opcode, data = await client.receive()
        assert (opcode, data[:2]) == (Opcode.CLOSE, (4000).to_bytes(2, "big"))
        # The connection is not the tunnel: its stream ends, the next request goes on.
        while not client.messages.eof and not client.reset:
            await client.turn()
        client.stream = None
        again = await Http2().open(gateway, "/ws/again")
        assert again.head[":status"] == "200"


# needs: venv
async def test_a_reset_stream_ends_its_websocket_alone():
    async with upstream() as server:
        gateway = Gateway(route("/ws", address(port_of(server))))
        client = await Http2().open(gateway, "/ws/a")
        assert len(server.connections) == 1
        client.http.reset_stream(client.stream, 8)
        await client.flush()
        async with asyncio.timeout(5):
            while server.connections:
                await asyncio.sleep(0.02)


# needs: venv
async def test_http_2_refusals():
    def refuse(connection, request):
        return connection.respond(403, "not you\n")

    async with upstream(process_request=refuse) as server:
        gateway = Gateway(route("/ws", address(port_of(server))))
        client = await Http2().open(gateway, "/ws/a")
        assert client.head[":status"] == "403"


# needs: venv
async def test_throughput_of_a_tunnel():
    """Not a promise, a figure: 64 MiB there and back."""
    async with upstream() as server:
        gateway = Gateway(route("/ws", address(port_of(server))))
        before = gateway.forget_peak()
        async with connect(gateway, compression=None) as client:
            block = os.urandom(4 * MIB)
            start = asyncio.get_running_loop().time()
            for _ in range(16):
                await client.send(block)
                assert await client.recv() == block
            spent = asyncio.get_running_loop().time() - start
        grown = gateway.memory("VmHWM") - before
        measured("WebSocket, 64 MiB there and back", f"{spent:.1f} s, growth {grown} KiB")
        assert grown < 8 * 1024, f"{grown} KiB"
