#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""hostile.py SOCKET KIND: a client that means harm, or is broken. Frames are those of libvirt's protocol: a 32 bit
length that counts itself, then program, version, procedure, type, serial and status. Exit status 0: what was to be seen
was seen."""

import os
import random
import socket
import struct
import sys
import time

PROGRAM, VERSION, CALL, OPEN, LIST_ALL = 0x20008086, 1, 0, 1, 273
path, kind = sys.argv[1:3]


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.settimeout(20)
    return s


def frame(procedure, body=b"", serial=1, program=PROGRAM, version=VERSION, kind=CALL, length=None):
    head = struct.pack(">IIIiII", program, version, procedure, kind, serial, 0)
    size = 4 + len(head) + len(body) if length is None else length
    return struct.pack(">I", size) + head + body


def is_dropped(s):
    """The server has closed the connection; what it may have answered before is read."""
    try:
        while s.recv(65536):
            pass
        return True
    except ConnectionError:
        return True
    except socket.timeout:
        return False


def expect(condition, what):
    if not condition:
        sys.exit(f"{kind}: {what}")


def send(s, data):
    try:
        s.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass


def oversized():
    for length in (0xFFFFFFFF, 0x7FFFFFFF, 33554433 + 4, 0, 1, 27):
        s = connect()
        send(s, frame(OPEN, length=length))
        expect(is_dropped(s), f"a frame of length {length} was not refused")


def garbage():
    rng = random.Random(1)
    for _ in range(200):
        s = connect()
        send(s, rng.randbytes(rng.randrange(1, 400)))
        s.shutdown(socket.SHUT_WR)
        expect(is_dropped(s), "garbage was not refused")


def answer_or_end(s):
    """Whatever comes first: an answer, the end of the connection, or a moment of silence."""
    s.settimeout(1)
    try:
        return s.recv(65536)
    except (socket.timeout, ConnectionError):
        return b""


def wrong_numbers():
    """Well-formed frames with a program, version, type or procedure that there is not. A call wants an answer."""
    for change in ({"program": 0x12345678}, {"version": 7}, {"procedure": 100000}):
        s = connect()
        arguments = {"procedure": OPEN, **change}
        send(s, frame(**arguments))
        answer = answer_or_end(s)
        expect(len(answer) < 28 or answer[24:28] == b"\0\0\0\1", f"{change} was answered as if it were well")
        s.close()
    for number in (1, 2, 3, 9, -1):
        s = connect()
        send(s, frame(OPEN, kind=number))
        answer_or_end(s)
        s.close()


def broken_bodies():
    """Arguments that end too early, or claim strings and arrays which are longer than the frame."""
    for body in (b"", b"\0\0\0\1", b"\0\0\0\1\xff\xff\xff\xff", b"\0\0\0\1\0\0\0\5abc", b"\xff" * 64):
        for procedure in (OPEN, 23, LIST_ALL, 350, 366):
            s = connect()
            send(s, frame(procedure, body))
            answer_or_end(s)
            s.close()


def truncated():
    for cut in range(1, 28):
        s = connect()
        send(s, frame(OPEN)[:cut])
        s.close()


def slow():
    """One byte at a time, and still a client."""
    s = connect()
    body = struct.pack(">I", 1) + struct.pack(">I", 14) + b"qemu:///system\0\0" + struct.pack(">I", 0)
    for byte in frame(OPEN, body):
        s.sendall(bytes([byte]))
        time.sleep(0.02)
    answer = s.recv(28)
    expect(len(answer) == 28 and answer[24:28] == b"\0\0\0\0", "the slow client was not served")


def never_reads():
    """Asks without end and reads nothing: at some point the server stops taking its calls."""
    s = connect()
    body = struct.pack(">I", 1) + struct.pack(">I", 14) + b"qemu:///system\0\0" + struct.pack(">I", 0)
    s.sendall(frame(OPEN, body))
    s.recv(28)
    s.settimeout(3)
    sent = 0
    try:
        for serial in range(2, 400000):
            s.sendall(frame(60, serial=serial))     # connect_get_lib_version... any cheap call
            sent += 28
    except socket.timeout:
        print(f"the server took {sent} bytes, then waited")
        time.sleep(float(os.environ.get("HOLD", "5")))
        return
    except (BrokenPipeError, ConnectionResetError):
        print(f"the server ended the connection after {sent} bytes")
        return
    sys.exit("never_reads: the server took everything: its answers wait in its memory")


def many_idle():
    clients = [connect() for _ in range(200)]
    time.sleep(float(os.environ.get("HOLD", "3")))
    del clients


{f.__name__: f for f in (oversized, garbage, wrong_numbers, broken_bodies, truncated, slow, never_reads,
                         many_idle)}[kind]()
