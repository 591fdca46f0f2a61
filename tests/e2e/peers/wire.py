"""HTTP/1.1 as bytes: a client and an upstream that do what a test tells them and nothing else."""

import asyncio
import contextlib
import socket
import ssl

PATIENCE = 30


class Message:
    """A request or a response: its first line in three parts, its fields, and the body once read."""

    def __init__(self, head):
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        self.first = (first.split(" ", 2) + ["", ""])[:3]
        self.fields = [(n.lower(), v.strip()) for n, _, v in (line.partition(":") for line in lines)]
        self.body = b""

    @property
    def method(self):
        return self.first[0]

    @property
    def target(self):
        return self.first[1]

    @property
    def status(self):
        return int(self.first[1])

    def all(self, name):
        return [value for found, value in self.fields if found == name]

    def get(self, name, default=None):
        return (self.all(name) or [default])[0]


class Wire:
    """A connection with the readers of HTTP/1.1 on it."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port, tls=False, receive_buffer=None, source=None):
        """`source` is the address of another client, on loopback."""
        end = socket.socket()
        if source:
            end.bind((source, 0))
        if receive_buffer:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        end.setblocking(False)
        await asyncio.get_running_loop().sock_connect(end, ("127.0.0.1", port))
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        options = {}
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            options = {"ssl": context, "server_hostname": "localhost"}
        return cls(*await asyncio.open_connection(sock=end, limit=receive_buffer or 1 << 18, **options))

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def head(self):
        """The next head, or None at the end of the connection before any byte of it."""
        try:
            return Message(await self.reader.readuntil(b"\r\n\r\n"))
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise EOFError(f"cut within a head: {error.partial[-80:]}") from None
            return None

    async def pieces(self, message, bodiless=False):
        """The body as it comes. A body that is cut is an EOFError."""
        if bodiless:
            return
        if "chunked" in message.get("transfer-encoding", ""):
            while size := int((await self.line()).split(b";")[0], 16):
                while size:
                    piece = await self.some(size)
                    size -= len(piece)
                    yield piece
                await self.line()
            while await self.line() != b"\r\n":
                pass
        elif length := message.get("content-length"):
            left = int(length)
            while left:
                piece = await self.some(left)
                left -= len(piece)
                yield piece
        elif not message.first[0].startswith("HTTP/"):
            return
        else:
            while piece := await self.reader.read(1 << 18):
                yield piece

    async def some(self, most):
        piece = await self.reader.read(min(most, 1 << 18))
        if not piece:
            raise EOFError("cut within a body")
        return piece

    async def line(self):
        line = await self.reader.readline()
        if not line.endswith(b"\n"):
            raise EOFError("cut within a body")
        return line

    async def read(self, message, bodiless=False):
        message.body = b"".join([piece async for piece in self.pieces(message, bodiless)])
        return message

    async def response(self, method="GET"):
        """The next final response, whole, or None."""
        while (message := await self.head()) and 100 <= message.status < 200 and message.status != 101:
            pass
        if message is None:
            return None
        bodiless = method == "HEAD" or message.status in (101, 204, 304)
        return await self.read(message, bodiless)

    async def ask(self, method, target, fields=(), body=b""):
        await self.send(request(method, target, fields, body))
        return await asyncio.wait_for(self.response(method), PATIENCE)

    async def ended(self, within=PATIENCE):
        """Whether the other side ends the connection in time; what still comes is dropped."""

        async def drop():
            with contextlib.suppress(ConnectionError):
                while await self.reader.read(1 << 18):
                    pass

        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(drop(), within)
            return True
        return False

    def close(self):
        with contextlib.suppress(Exception):
            self.writer.close()

    def reset(self):
        """Ends with RST instead of FIN."""
        with contextlib.suppress(Exception):
            end = self.writer.get_extra_info("socket")
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.writer.transport.abort()


def request(method, target, fields=(), body=b"", host="app.example"):
    lines = [f"{method} {target} HTTP/1.1", f"host: {host}", *(f"{n}: {v}" for n, v in fields)]
    if body or method in ("POST", "PUT"):
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def reply(body=b"ok", status="200 OK", fields=()):
    lines = [f"HTTP/1.1 {status}", *(f"{n}: {v}" for n, v in fields), f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


async def ask(port, method, target, fields=(), body=b"", tls=False):
    """One request on a connection of its own."""
    wire = await Wire.connect(port, tls)
    try:
        return await wire.ask(method, target, fields, body)
    finally:
        wire.close()


class Upstream:
    """Gives each request, body unread, to `answer(wire, request)`, until that returns False."""

    def __init__(self, answer, context=None):
        self.answer, self.context = answer, context
        self.seen, self.open = [], set()
        self.server, self.port = None, None

    async def __aenter__(self):
        self.server = await asyncio.start_server(
            self._converse, "127.0.0.1", 0, limit=1 << 18, ssl=self.context, backlog=1024
        )
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for wire in list(self.open):
            wire.reset()

    async def _converse(self, reader, writer):
        wire = Wire(reader, writer)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open.add(wire)
        try:
            while message := await wire.head():
                self.seen.append(message)
                if await self.answer(wire, message) is False:
                    break
        except (ConnectionError, EOFError, asyncio.CancelledError):
            pass
        finally:
            self.open.discard(wire)
            wire.close()


async def read_and_reply(wire, message):
    """The least that an upstream does."""
    await wire.read(message)
    await wire.send(reply())


async def eventually(condition, otherwise, within=PATIENCE):
    """Waits for a condition while everything else goes on."""
    end = asyncio.get_running_loop().time() + within
    while not condition():
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(otherwise() if callable(otherwise) else otherwise)
        await asyncio.sleep(0.02)
