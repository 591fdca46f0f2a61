"""What is kept longer than the message that it came with: memory, answers, sessions, descriptors."""

import asyncio
import contextlib
import os
import socket
import ssl
import sys
import time

from attackers import HEADERS, PREFACE, SETTINGS, WINDOW, frame
from attacks import Good, beside
from connections import settled
from hostile_clients import Origin
from kit import CERTS, FOLDER, Gateway, Process, address, free_port, measured, route, tls, wait_for_port
from servers import nginx
from wire import Upstream, Wire, eventually, reply, request

LARGE = b"x" * (256 * 1024)


class NewFields:
    """An upstream whose every answer has a field that no other one has, and is large where that is asked for."""

    def __init__(self):
        self.count = 0

    async def reply(self, wire, message):
        self.count += 1
        fields = [("x-new", f"value-{self.count}")]
        if message.target.startswith("/small"):
            fields += [("cache-control", "max-age=600"), ("etag", f'"{self.count}"')]
        await wire.read(message)
        await wire.send(reply(b"small" if message.target.startswith("/small") else LARGE, fields=fields))


async def asks(port, count):
    """A connection of HTTP/2 that has had so many large answers, and lies idle."""
    wire = await Wire.connect(port)
    # As much room as there is, for each stream and for all of them.
    room = frame(SETTINGS, 0, 0, b"\0\4\x7f\xff\xff\xff") + frame(WINDOW, 0, 0, b"\x7f\xff\0\0")
    await wire.send(PREFACE + room)
    head = b"\x82\x86\x04\x0a/api/large\x01\x01a"
    for stream in range(1, 1 + 2 * count, 2):
        await wire.send(frame(HEADERS, 5, stream, head))
        ended = False
        while not ended:
            start = await asyncio.wait_for(wire.reader.readexactly(9), 30)
            kind, flags, of = start[3], start[4], int.from_bytes(start[5:9], "big")
            await wire.reader.readexactly(int.from_bytes(start[:3], "big"))
            assert kind != 7, "GOAWAY"
            ended = of == stream and kind in (0, 1) and flags & 1
    return wire


async def test_an_idle_client_of_http_2_keeps_no_buffers():
    upstream = NewFields()
    async with Upstream(upstream.reply) as origin:
        gateway = Gateway(route("/api", address(origin.port)))
        theirs = beside(address(origin.port))
        (await asks(gateway.port, 20)).close()
        before = await settled(gateway)
        wires = [await asks(gateway.port, 100) for _ in range(8)]
        each = (await settled(gateway) - before) / len(wires)
        measured("an idle client of HTTP/2 after 100 answers of 256 KiB, gateway", f"{each:.0f} KiB")
        for wire in wires:
            wire.close()
        wire = await asks(theirs.port, 20)
        before = await settled(theirs.process)
        wires = [await asks(theirs.port, 100) for _ in range(8)]
        nginx_each = (await settled(theirs.process) - before) / len(wires)
        measured("an idle client of HTTP/2 after 100 answers of 256 KiB, nginx", f"{nginx_each:.0f} KiB")
        for wire in wires:
            wire.close()
        assert each <= 200, f"{each:.0f} KiB"


async def test_a_stored_answer_keeps_no_buffer_of_its_upstream():
    """The bound of a cache is one in bytes: 600 answers of a few bytes are not 600 read buffers."""
    upstream = NewFields()
    async with Upstream(upstream.reply) as origin:
        gateway = Gateway(route("/api", address(origin.port), cache=True))
        wire = await Wire.connect(gateway.port)

        async def answers(numbers):
            for number in numbers:
                # A large one between them, so that each small one is in a large buffer of its own.
                assert len((await wire.ask("GET", "/api/large")).body) == len(LARGE)
                assert (await wire.ask("GET", f"/api/small/{number}")).body == b"small"

        await answers(range(20))
        before = await settled(gateway)
        await answers(range(100, 700))
        grown = await settled(gateway) - before
        asked = upstream.count
        await wire.ask("GET", "/api/small/100")
        assert upstream.count == asked, "it is not stored"
        measured("600 small stored answers", f"{grown} KiB")
        assert grown < 6 * 1024, f"{grown} KiB"


async def test_a_cache_is_bounded_however_much_one_client_asks_for():
    upstream = NewFields()
    async with Upstream(upstream.reply) as origin:
        gateway = Gateway(route("/api", address(origin.port), cache={"size": "1MB", "object": "64KB"}))
        wire = await Wire.connect(gateway.port)
        for number in range(200):
            await wire.ask("GET", f"/api/small/{number}")
        before = await settled(gateway)
        for number in range(3000):
            await wire.ask("GET", f"/api/small/{number}/{'x' * 1000}", [("cookie", f"a={number}")])
        grown = await settled(gateway) - before
        measured("3,000 targets of 1 KB in a cache of 1 MB", f"{grown} KiB")
        assert grown < 6 * 1024, f"{grown} KiB"


def handshake(port, context, session=None):
    """A handshake and an answer, after which there is a ticket; gives the session, and whether it was an old one."""
    with socket.create_connection(("127.0.0.1", port), 10) as end:
        with context.wrap_socket(end, server_hostname="localhost", session=session) as secure:
            secure.sendall(request("GET", "/api/good", [("connection", "close")]))
            while secure.recv(4096):
                pass
            return secure.session, secure.session_reused


async def test_a_session_is_resumed_after_300_other_clients():
    async with Origin() as origin:
        gateway = Gateway(route("/api", address(origin.port)), top=tls())
        for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
            context = ssl.create_default_context(cafile=CERTS / "ca.pem")
            context.minimum_version = context.maximum_version = version

            def clients():
                session, _ = handshake(gateway.port, context)
                for _ in range(300):
                    handshake(gateway.port, context)
                return handshake(gateway.port, context, session)[1]

            assert await asyncio.to_thread(clients), version


SECRET = b"GET /secret.txt HTTP/1.1\r\nHost: a\r\n\r\n"
# Python's own server, as it is, but for the time that one answer takes.
PYTHON = """
import http.server, sys, time
class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        time.sleep(0.05 * self.path.startswith("/secret"))
        super().do_GET()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


async def test_a_body_on_a_get_poisons_no_answer():
    """Python's own server does not read it, and takes it for the next request."""
    site = FOLDER / "poisoned"
    site.mkdir()
    for name in ("page", "secret"):
        (site / f"{name}.txt").write_text(name)
    port = free_port()
    Process(sys.executable, "-c", PYTHON, port, cwd=site)
    wait_for_port(port)
    gateway = Gateway(route("/api", address(port)))
    keepalive = nginx(
        f"location /api/ {{ proxy_pass http://up/; proxy_http_version 1.1; proxy_set_header Connection ''; }}",
        http=f"upstream up {{ server 127.0.0.1:{port}; keepalive 8; }}",
    )
    poisoned = {}
    for name, at in (("gateway", gateway.port), ("nginx", keepalive)):
        poisoned[name] = 0
        for _ in range(40):
            attacker, victim = await Wire.connect(at), await Wire.connect(at)
            plain = request("GET", "/api/page.txt", [("content-length", str(len(SECRET)))])
            await attacker.send(plain + SECRET)
            assert (await attacker.response()).body == b"page"
            answer = await victim.ask("GET", "/api/page.txt")
            poisoned[name] += answer is None or answer.body != b"page"
            attacker.close()
            victim.close()
        measured(f"a body on a GET, {name}", f"{poisoned[name]} of 40 victims")
    assert poisoned["gateway"] == 0


async def never_ends(wire, message):
    """An upstream that never comes to the point."""
    piece = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    if message.target == "/chunk":
        await wire.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        piece = b"0" * 4096
    elif message.target == "/extension":
        await wire.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;")
        piece = b"x" * 4096
    elif message.target == "/trailers":
        await wire.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n")
        piece = b"x-a: 1\r\n" * 100
    while True:
        await wire.send(piece)
        await asyncio.sleep(0.001)


async def test_an_upstream_that_never_comes_to_the_point_is_left():
    async with Upstream(never_ends) as origin:
        timeouts = {"response": "2s", "client": "4s"}
        gateway = Gateway(route("/api", address(origin.port), timeouts=timeouts))
        for target in ("/interim", "/chunk", "/extension", "/trailers"):
            before, begun = gateway.forget_peak(), time.monotonic()
            wire = await Wire.connect(gateway.port)
            await wire.send(request("GET", f"/api{target}"))
            head = await asyncio.wait_for(wire.head(), 20)
            assert head.status == (502 if target == "/interim" else 200) or head.status == 504, head.first
            if head.status == 200:
                assert await wire.ended(within=20), target
            seconds = time.monotonic() - begun
            grown = gateway.memory("VmHWM") - before
            measured(f"an upstream without end, {target}", f"left after {seconds:.1f} s, growth {grown} KiB")
            assert seconds < 15 and grown < 8 * 1024, (target, seconds, grown)
            wire.close()
            await eventually(lambda: not origin.open, f"{target} goes on")


async def test_connections_are_no_more_than_there_are_descriptors():
    async with Origin() as origin:
        few = ("sh", "-c", 'ulimit -n 256; exec "$0" "$@"')
        gateway = Gateway(route("/api", address(origin.port)), before=few)
        # It is written by a thread of its own, to a file whose position the process shares.
        log = lambda: os.pread(gateway.log.fileno(), 1 << 16, 0).decode()
        await eventually(lambda: "server.connections is lowered" in log(), log)
        held = []
        for _ in range(400):
            with contextlib.suppress(OSError):
                held.append(await Wire.connect(gateway.port))
        good = await Good().some(gateway.port, clients=4, count=10, new=True)
        measured("400 idle connections of one client, 256 descriptors", good)
        assert good.all_served, good
        for wire in held:
            wire.close()
