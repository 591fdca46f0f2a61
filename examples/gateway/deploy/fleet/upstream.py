"""An upstream: answers each request with its own path, echoes WebSockets, and notes the POSTs that arrive.

    upstream.py ADDRESS PORT NOTES COLLECTOR
"""

import asyncio
import json
import sys
from pathlib import Path

from wire import accept, frame, read_body, read_frame, read_head


async def serve(reader, writer):
    try:
        while head := await read_head(reader):
            method, path, _ = head.first
            if head.get("upgrade") == "websocket":
                return await echo(reader, writer, head)
            body = await read_body(reader, head)
            if method == "POST":
                NOTES.write(body.decode() + "\n")
                NOTES.flush()
            answer, kind = f"{method} {path}".encode(), b"text/plain"
            if path == "/api/page":
                answer, kind = PAGE, b"text/html"
            fields = b"Content-Type: %b\r\nContent-Length: %d" % (kind, len(answer))
            writer.write(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (fields, answer))
            await writer.drain()
    except (OSError, EOFError):
        pass
    finally:
        writer.close()


async def echo(reader, writer, head):
    fields = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept(head.get('sec-websocket-key'))}"
    writer.write(f"HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n\r\n".encode())
    while True:
        opcode, payload = await read_frame(reader)
        writer.write(frame(opcode, payload, masked=False))
        await writer.drain()
        if opcode == 8:
            return


async def main():
    server = await asyncio.start_server(serve, sys.argv[1], int(sys.argv[2]), backlog=1024)
    print("listening", flush=True)
    await server.serve_forever()


NOTES = open(sys.argv[3], "a")
PAGE = Path(__file__).with_name("page.html").read_text().replace("COLLECTOR", json.dumps(sys.argv[4])).encode()
asyncio.run(main())
