#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""forged.py SOCKET NAME UUID: calls about the guest UUID under the NAME of another one, by a user who may do all to the
latter. Each must be refused as access denied (88)."""

import socket
import struct
import sys
import uuid

path, name, other = sys.argv[1:4]
s = socket.socket(socket.AF_UNIX)
s.connect(path)
s.settimeout(20)
serial = 0


def call(procedure, body=b""):
    global serial
    serial += 1
    s.sendall(struct.pack(">IIIiIII", 28 + len(body), 0x20008086, 1, procedure, 0, serial, 0) + body)
    head = receive(28)
    length, _, _, _, _, _, status = struct.unpack(">IIIiIII", head)
    return status, receive(length - 28)


def receive(n):
    data = b""
    while len(data) < n:
        piece = s.recv(n - len(data))
        if not piece:
            sys.exit("the connection has ended")
        data += piece
    return data


def string(text):
    data = text.encode()
    return struct.pack(">I", len(data)) + data + b"\0" * (-len(data) % 4)


def expect(condition, what):
    if not condition:
        sys.exit(what)


status, body = call(66)
if struct.unpack(">II", body[:8])[1] == 2:
    expect(call(70)[0] == 0, "polkit refuses the connection")
expect(call(1, struct.pack(">I", 1) + string("qemu:///system") + struct.pack(">I", 0))[0] == 0, "cannot open")
domain = string(name) + uuid.UUID(other).bytes + struct.pack(">i", 1)
flags = struct.pack(">I", 0)
# destroy, shutdown, suspend, undefine, undefine_flags, create, get_xml_desc, get_state, reboot, reset, set_autostart
for procedure, rest in ((12, b""), (33, b""), (34, b""), (35, b""), (231, flags), (9, b""), (14, flags), (212, flags),
                        (27, flags), (245, flags), (29, flags)):
    status, body = call(procedure, domain + rest)
    code = struct.unpack(">i", body[:4])[0] if status else 0
    expect(status == 1 and code in (88, 3), f"procedure {procedure}: status {status}, code {code}")
expect(call(9, domain)[0] == 1, "started")
