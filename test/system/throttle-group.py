#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""throttle-group.py SOCKET GUEST UUID FLAGS set GROUP [NAME=NUMBER...] | del GROUP: virDomainSetThrottleGroup and
virDomainDelThrottleGroup, which clients before libvirt 11.2 have no word for. Says how it was refused, and fails."""

import socket
import struct
import sys
import uuid

OPEN, SET, DEL = 1, 451, 452
ULLONG = 4
serial = 0


def string(text):
    data = text.encode()
    return struct.pack(">I", len(data)) + data + b"\0" * (-len(data) % 4)


def receive(s, n):
    data = b""
    while len(data) < n:
        piece = s.recv(n - len(data))
        if not piece:
            sys.exit("the connection has ended")
        data += piece
    return data


def call(s, procedure, body):
    global serial
    serial += 1
    s.sendall(struct.pack(">IIIiIII", 28 + len(body), 0x20008086, 1, procedure, 0, serial, 0) + body)
    length, *_, status = struct.unpack(">IIIiIII", receive(s, 28))
    body = receive(s, length - 28)
    if status:
        code, _, has_message = struct.unpack(">iiI", body[:12])
        size = struct.unpack(">I", body[12:16])[0] if has_message else 0
        sys.exit(f"{code}: {body[16:16 + size].decode()}")


path, name, guest, flags, verb, group, *limits = sys.argv[1:]
s = socket.socket(socket.AF_UNIX)
s.connect(path)
s.settimeout(20)
call(s, OPEN, struct.pack(">I", 1) + string("qemu:///system") + struct.pack(">I", 0))
body = string(name) + uuid.UUID(guest).bytes + struct.pack(">i", -1)
if verb == "set":
    params = b"".join(string(field) + struct.pack(">iQ", ULLONG, int(value))
                      for field, value in (limit.split("=") for limit in limits))
    call(s, SET, body + string(group) + struct.pack(">I", len(limits)) + params + struct.pack(">I", int(flags)))
else:
    call(s, DEL, body + struct.pack(">I", 1) + string(group) + struct.pack(">I", int(flags)))
