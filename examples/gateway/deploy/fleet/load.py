"""The clients: keep-alive connections with GET and POST, and WebSockets, until SIGTERM. Each outcome is a line of JSON.

    load.py ADDRESS PORT CLIENTS WEBSOCKETS PERIOD

A client never sends a request twice. It closes a connection when an answer says so, or when a request failed.
"""

import asyncio
import base64
import json
import os
import random
import signal
import sys
import time

from wire import accept, frame, read_body, read_frame, read_head

HOST = "Host: app.example"
PATIENCE = 4


class Outcomes:
    def __init__(self):
        self.lines = []

    def note(self, **outcome):
        self.lines.append(outcome)

    def write(self):
        for line in self.lines:
            print(json.dumps(line))


async def client(number, target, period, outcomes, stopping):
    connection, at, count = None, None, 0
    await asyncio.sleep(random.uniform(0, period))
    while not stopping.is_set():
        name = f"{number}-{count}"
        method = "POST" if random.random() < 0.3 else "GET"
        body = name if method == "POST" else ""
        sent, error = time.monotonic(), None
        try:
            async with asyncio.timeout(PATIENCE):
                if connection is None:
                    connection = await asyncio.open_connection(*target)
                reader, writer = connection
                text = f"{method} /api/{name} HTTP/1.1\r\n{HOST}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
                writer.write(text.encode())
                head = await read_head(reader)
                if head is None:
                    raise EOFError("closed before an answer")
                answer = await read_body(reader, head)
                at = head.get("x-replica") or at
                if head.first[1] != "200":
                    error = f"{head.first[1]} {head.get('proxy-status')}"
                elif answer != f"{method} /api/{name}".encode():
                    error = f"the answer to another request: {answer}"
        except (OSError, EOFError, TimeoutError) as failure:
            error = f"{type(failure).__name__} {failure}".strip()
            head = None
        outcomes.note(kind=method, id=name, sent=sent, done=time.monotonic(), at=at, error=error)
        count += 1
        if error or head.get("connection").lower() == "close":
            if connection:
                connection[1].close()
            connection, at = None, None
        await asyncio.sleep(period * random.uniform(0.5, 1.5))


async def socket(number, target, outcomes, stopping):
    """A WebSocket that says something and waits for its echo; when it is closed with 1001 it opens another."""
    while not stopping.is_set():
        at, began = None, time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await asyncio.open_connection(*target)
                key = base64.b64encode(os.urandom(16)).decode()
                fields = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}"
                writer.write(f"GET /api/live HTTP/1.1\r\n{HOST}\r\n{fields}\r\n\r\n".encode())
                head = await read_head(reader)
                if head is None or head.get("sec-websocket-accept") != accept(key):
                    raise EOFError(f"no WebSocket: {head and head.first}")
                at = head.get("x-replica")
            said = 0
            while not stopping.is_set():
                text = f"{number}-{said}".encode()
                async with asyncio.timeout(PATIENCE):
                    writer.write(frame(1, text, masked=True))
                    opcode, payload = await read_frame(reader)
                if opcode == 8:
                    writer.write(frame(8, payload, masked=True))
                    code = int.from_bytes(payload[:2])
                    error = None if code == 1001 else f"closed with {code}"
                    outcomes.note(kind="moved", sent=began, done=time.monotonic(), at=at, error=error)
                    break
                if payload != text:
                    raise EOFError(f"the echo of something else: {payload}")
                outcomes.note(kind="echo", sent=time.monotonic(), done=time.monotonic(), at=at, error=None)
                said += 1
                await asyncio.sleep(0.5)
            writer.close()
        except (OSError, EOFError, TimeoutError) as failure:
            error = f"{type(failure).__name__} {failure}".strip()
            outcomes.note(kind="cut", sent=began, done=time.monotonic(), at=at, error=error)
            await asyncio.sleep(0.2)


async def main():
    host, port, clients, sockets, period = sys.argv[1:]
    target, outcomes, stopping = (host, int(port)), Outcomes(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    tasks = [client(n, target, float(period), outcomes, stopping) for n in range(int(clients))]
    tasks += [socket(n, target, outcomes, stopping) for n in range(int(sockets))]
    await asyncio.gather(*tasks)
    outcomes.write()


asyncio.run(main())
