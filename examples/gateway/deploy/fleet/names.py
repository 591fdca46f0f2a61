"""A name server with one name, and all of its addresses in each answer.

    names.py ADDRESS NAME ADDRESS...
"""

import socket
import struct
import sys

own, name, *addresses = sys.argv[1:]
known = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((own, 53))
print("listening", flush=True)
while True:
    query, client = server.recvfrom(4096)
    end = query.index(b"\0", 12) + 1
    question, kind = query[12 : end + 4], struct.unpack("!H", query[end : end + 2])[0]
    found = question[:-4].lower() == known
    records = addresses if found and kind == 1 else []
    # RFC 1035 4.1: an authoritative answer, or NXDOMAIN.
    flags = 0x8500 if found else 0x8503
    answer = query[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + question
    for address in records:
        answer += struct.pack("!HHHIH", 0xC00C, 1, 1, 1, 4) + socket.inet_aton(address)
    server.sendto(answer, client)
