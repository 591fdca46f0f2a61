"""An upstream that can be killed: notes each request in a file before it answers with what was asked.

`noting_upstream.py PORT FILE`, with PORT 0 for a free one, which it prints.
"""

import asyncio
import os
import random
import socket
import sys

from wire import Wire, reply


async def converse(reader, writer, notes):
    wire = Wire(reader, writer)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while request := await wire.head():
            os.write(notes, f"{request.method} {request.target}\n".encode())
            await wire.read(request)
            await asyncio.sleep(random.uniform(0, 0.02))
            await wire.send(reply(f"{request.target} {request.body.decode()}".encode()))
    except (ConnectionError, EOFError):
        pass
    writer.close()


async def main():
    port, file = int(sys.argv[1]), sys.argv[2]
    notes = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def accept(reader, writer):
        return converse(reader, writer, notes)

    server = await asyncio.start_server(accept, "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
