"""HTTP/1.1 and WebSockets, as little of them as the two ends of the trial need."""

import base64
import hashlib
import os
import struct


class Head:
    def __init__(self, text):
        first, *lines = text.decode("latin-1").split("\r\n")
        self.first = first.split(" ", 2)
        self.fields = {}
        for line in lines:
            name, _, value = line.partition(":")
            self.fields[name.lower()] = value.strip()

    def get(self, name):
        return self.fields.get(name, "")


async def read_head(reader):
    """None at a clean end."""
    try:
        text = await reader.readuntil(b"\r\n\r\n")
    except EOFError as error:
        if getattr(error, "partial", b""):
            raise
        return None
    return Head(text[:-4])


async def read_body(reader, head):
    if head.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        return body
    return await reader.readexactly(int(head.get("content-length") or 0))


def accept(key):
    """RFC 6455 4.2.2"""
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return base64.b64encode(digest).decode()


def frame(opcode, payload, masked):
    """A frame of less than 126 bytes."""
    head = bytes([0x80 | opcode, len(payload) | (0x80 if masked else 0)])
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


async def read_frame(reader):
    """Opcode and payload."""
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack("!H", await reader.readexactly(2))
    mask = await reader.readexactly(4) if second & 0x80 else None
    payload = await reader.readexactly(size)
    if mask:
        payload = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
    return first & 0x0F, payload
