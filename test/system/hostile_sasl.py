#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""hostile_sasl.py HOST PORT: logins that no client of libvirt's would try. None may succeed, and each must come to
an end."""

import socket
import struct
import sys

PROGRAM, VERSION, CALL, REPLY, OK = 0x20008086, 1, 0, 1, 0
OPEN, AUTH_LIST, INIT, START, STEP = 1, 66, 67, 68, 69


class Peer:
    doing = ""

    def __init__(self):
        self.s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
        self.s.settimeout(20)
        self.serial = 0

    def send(self, procedure, body=b""):
        self.serial += 1
        head = struct.pack(">IIIiIII", 28 + len(body), PROGRAM, VERSION, procedure, CALL, self.serial, 0)
        try:
            self.s.sendall(head + body)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def receive(self, n):
        data = b""
        while len(data) < n:
            try:
                piece = self.s.recv(n - len(data))
            except ConnectionResetError:
                return None
            except socket.timeout:
                sys.exit(f"{self.doing}: neither an answer nor the end")
            if not piece:
                return None
            data += piece
        return data

    def answer(self):
        """(status, body), or None at the end of the connection."""
        head = self.receive(28)
        if head is None:
            return None
        length, _, _, _, kind, _, status = struct.unpack(">IIIiIII", head)
        expect(kind == REPLY and 28 <= length < 1 << 20, f"an odd answer: {head!r}")
        return status, self.receive(length - 28)

    def call(self, procedure, body=b""):
        self.send(procedure, body)
        return self.answer()


def expect(condition, what):
    if not condition:
        sys.exit(what)


def string(s):
    return struct.pack(">I", len(s)) + s + b"\0" * (-len(s) % 4)


def chars(data, nil=0, count=None):
    return struct.pack(">iI", nil, len(data) if count is None else count) + b"".join(struct.pack(">i", b) for b in data)


def refused(what, answer, ends=True, peer=None):
    Peer.doing = what
    expect(answer is None or answer[0] != OK, f"{what} was taken")
    if ends and peer and answer is not None:
        expect(peer.answer() is None, f"{what}: the connection goes on")


def begun():
    p = Peer()
    status, body = p.call(INIT)
    expect(status == OK, "the login cannot begin")
    return p, body[4:4 + struct.unpack(">I", body[:4])[0]].decode().split(",")


p = Peer()
refused("opening before the login", p.call(OPEN, struct.pack(">I", 0) + struct.pack(">I", 0)), ends=False)
for procedure, body in ((STEP, chars(b"x")), (START, string(b"PLAIN") + chars(b"\0alice\0secret"))):
    p = Peer()
    refused(f"call {procedure} before the beginning", p.call(procedure, body), ends=False)

p, mechanisms = begun()
print("offered:", mechanisms)
expect("PLAIN" not in mechanisms and "ANONYMOUS" not in mechanisms, "passwords in the clear on TCP")
refused("a second beginning", p.call(INIT), ends=False)

for mech in (b"PLAIN", b"ANONYMOUS", b"EXTERNAL", b"", b"DIGEST-MD5,SCRAM-SHA-256", b"x" * 4096, b"DIGEST-MD5\0",
             b"%s%n"):
    p, _ = begun()
    refused(f"mechanism {mech[:30]!r}", p.call(START, string(mech) + chars(b"\0alice\0secret")), ends=b"\0" not in mech,
            peer=p)

p, _ = begun()
refused("a step before the start", p.call(STEP, chars(b"x")), peer=p)

for data in (b"", b"garbage", b"\0" * 1000, b'username="alice",realm="' + b"x" * 60000, b"n,,n=,r=\xff\xff",
             bytes(range(256)) * 16):
    for mech in mechanisms:
        p, _ = begun()
        first = p.call(START, string(mech.encode()) + chars(data, nil=not data))
        if first is not None and first[0] == OK:
            expect(first[1][:4] == b"\0\0\0\0", "a login without a password is complete")
            second = p.call(STEP, chars(data))
            if second is not None and second[0] == OK:
                expect(second[1][:4] == b"\0\0\0\0", "a login with garbage is complete")
                refused("garbage, again", p.call(STEP, chars(data)), ends=False)
        if first is not None and first[0] == OK and p.s.fileno() >= 0:
            p.s.close()

p, _ = begun()
refused("more data than a step may have", p.call(START, string(mechanisms[0].encode()) + chars(b"x" * 65537)),
        ends=False)
p, _ = begun()
refused("data that is not there", p.call(START, string(mechanisms[0].encode()) + chars(b"abc", count=60000)),
        ends=False)
p, _ = begun()
p.send(START, string(mechanisms[0].encode()) + chars(b"", nil=1))
p.send(OPEN, struct.pack(">II", 0, 0))
p.answer()
refused("a call behind a login that is not complete", p.answer(), ends=False)
