#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""limits.py SOCKET N: N clients are served at once, the next one waits until one of them goes.
limits.py SOCKET anonymous N: of more than N clients that have not logged in, the oldest is dropped.
limits.py SOCKET logins N: N clients that come at once are all served.
limits.py SOCKET requests N: no more than N calls of one client are in work.
limits.py SOCKET keepalive INTERVAL COUNT: a client that asked for it and does not answer is dropped in time.
limits.py SOCKET silence SECONDS: one that never asked hears nothing for so long, and is served afterwards."""

import socket
import struct
import sys
import time

path, *rest = sys.argv[1:]
ADMIN = "admin" in path
PROGRAM = 0x06900690 if ADMIN else 0x20008086


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    return s


def send(s, procedure, body=b"", serial=0, program=PROGRAM, kind=0):
    s.sendall(struct.pack(">IIIiIII", 28 + len(body), program, 1, procedure, kind, serial, 0) + body)


def packet(s, timeout):
    """(procedure, program, status), None at the end, False where nothing comes in time."""
    s.settimeout(timeout)
    try:
        data = b""
        while len(data) < 28 or len(data) < struct.unpack(">I", data[:4])[0]:
            piece = s.recv(28 - len(data) if len(data) < 28 else struct.unpack(">I", data[:4])[0] - len(data))
            if not piece:
                return None
            data += piece
    except socket.timeout:
        return False
    except ConnectionResetError:
        return None
    return struct.unpack(">i", data[12:16])[0], struct.unpack(">I", data[4:8])[0], struct.unpack(">I", data[24:28])[0]


def is_served(s, timeout):
    send(s, 1, struct.pack(">I", 0) if ADMIN else struct.pack(">II", 0, 0))
    return bool(packet(s, timeout))


def expect(condition, what):
    if not condition:
        sys.exit(what)


def clients(n):
    taken = [connect() for _ in range(n)]
    for i, s in enumerate(taken):
        expect(is_served(s, 5), f"client {i + 1} of {n} is not served")
    more = connect()
    expect(not is_served(more, 1), f"client {n + 1} is served")
    taken.pop().close()
    expect(packet(more, 5), "a client that waited is not served when there is room")


def anonymous(n):
    waiting = [connect()]
    time.sleep(0.2)
    for _ in range(n):
        waiting.append(connect())
    expect(packet(waiting[0], 5) is None, "the oldest stays")
    for s in waiting[1:]:
        send(s, 66)
        expect(packet(s, 5), "a younger one is not served")


def logins(n):
    taken = [connect() for _ in range(n)]
    for s in taken:
        send(s, 66)
    for i, s in enumerate(taken):
        expect(packet(s, 20), f"client {i + 1} of {n} is not served")


def requests(n):
    """Many calls at once are all answered, in any order, and never more than n together are in work: which nobody
    outside can see, but that no call is lost or refused. In one piece: a daemon that is quicker than its client never
    has two of them."""
    s = connect()
    expect(is_served(s, 5), "not served")
    s.sendall(b"".join(struct.pack(">IIIiIII", 28, PROGRAM, 1, 59, 0, serial, 0) for serial in range(1, 200)))
    answers = [packet(s, 10) for _ in range(1, 200)]
    expect(all(a and a[0] == 59 and a[2] == 0 for a in answers), "a call was lost")


def keepalive(interval, count):
    s = connect()
    expect(is_served(s, 5), "not served")
    send(s, 60, struct.pack(">i", 10), serial=1)
    begin, pings = time.monotonic(), 0
    while (p := packet(s, 20)) is not None:
        expect(p is not False, "no ping, and no end")
        pings += p[1] == 0x6b656570
    took = time.monotonic() - begin
    expect(pings == count, f"{pings} pings")
    expect(interval * count <= took <= interval * (count + 3) + 3, f"dropped after {took:.1f} s")
    print(f"dropped after {pings} pings, {took:.1f} s")


def silence(seconds):
    s = connect()
    expect(is_served(s, 5), "not served")
    heard = packet(s, seconds)
    expect(heard is False, f"a packet that nobody asked for, or the end: {heard}")
    send(s, 59, serial=1)
    answer = packet(s, 5)
    expect(answer and answer[0] == 59, "not served any more")


if rest[0] == "silence":
    silence(int(rest[1]))
elif rest[0] == "anonymous":
    anonymous(int(rest[1]))
elif rest[0] == "logins":
    logins(int(rest[1]))
elif rest[0] == "requests":
    requests(int(rest[1]))
elif rest[0] == "keepalive":
    keepalive(int(rest[1]), int(rest[2]))
else:
    clients(int(rest[0]))
