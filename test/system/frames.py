#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""frames.py FROM TO passes|stopped KIND [KEY=VALUE...]: does a frame get from one network namespace to the other?

Both have a link eth0. The frame is sent, and after it one of a kind of its own that passes everything it meets here (or
"marker=KIND KEY=..." says which does): what has not come when that one has was stopped, however slow the machine is."""

import ctypes
import socket
import struct
import sys

GUEST, PEER, ALL = "52:54:00:00:00:01", "52:54:00:00:00:02", "ff:ff:ff:ff:ff:ff"
libc = ctypes.CDLL(None, use_errno=True)


def packets(namespace):
    with open("/run/netns/" + namespace) as f:
        if libc.setns(f.fileno(), 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind(("eth0", 0))
    s.settimeout(20)
    return s


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ether(a, kind, payload):
    return (mac(a["dst"]) + mac(a["src"]) + struct.pack("!H", kind) + payload).ljust(60, b"\0")


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def udp(a, data=b"data" * 8):  # not padded, since bridges may take that off
    body = struct.pack("!HHHH", int(a.get("sport", 1024)), int(a.get("dport", 1024)), 8 + len(data), 0) + data
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64, 17, 0, socket.inet_aton(a["from"]),
                       socket.inet_aton(a["to"]))
    return ether(a, 0x800, head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body)


def arp(a, kind=0x806):
    return ether(a, kind, struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, int(a.get("op", 1)),
                                      mac(a.get("sha", a["src"])), socket.inet_aton(a["from"]),
                                      mac(a.get("tha", "00:00:00:00:00:00")), socket.inet_aton(a["to"])))


def rarp(a):
    return arp(a, 0x8035)


def dhcp(a):
    server = a.get("type", "5") in "256"
    a.setdefault("sport", "67" if server else "68")
    a.setdefault("dport", "68" if server else "67")
    options = bytes([53, 1, int(a.get("type", "5")), 54, 4]) + socket.inet_aton(a["from"])
    options += bytes([51, 4]) + struct.pack("!I", int(a.get("time", 3600))) + b"\xff"
    data = struct.pack("!BBBBIHH4s4s4s4s16s192xI", 2 if server else 1, 1, 6, 0, 7, 0, 0, b"\0" * 4,
                       socket.inet_aton(a.get("yours", "0.0.0.0")), b"\0" * 4, b"\0" * 4,
                       mac(a.get("client", GUEST)).ljust(16, b"\0"), 0x63825363)
    return udp(a, data + options)


def ipv6(a):
    data = b"data" * 8  # not padded, see udp()
    return ether(a, 0x86dd, struct.pack("!IHBB16s16s", 0x60000000, len(data), 59, 64,
                                        socket.inet_pton(socket.AF_INET6, a["from"]),
                                        socket.inet_pton(socket.AF_INET6, a["to"])) + data)


def udp6(a, data=b"data" * 8):
    source, target = (socket.inet_pton(socket.AF_INET6, a[key]) for key in ("from", "to"))
    length = 8 + len(data)
    head = struct.pack("!HHH", int(a.get("sport", 1024)), int(a.get("dport", 1024)), length)
    total = checksum(source + target + struct.pack("!IxxxB", length, 17) + head + b"\0\0" + data)
    body = head + struct.pack("!H", total) + data
    return ether(a, 0x86dd, struct.pack("!IHBB", 0x60000000, length, 17, 64) + source + target + body)


def vlan(a):
    return ether(a, 0x8100, struct.pack("!HH", int(a.get("id", 5)), 0x88b5))


def other(a):
    return ether(a, int(a.get("kind", "0x88b5"), 16), b"other")


def make(words, outward):
    a = {"src": GUEST if outward else PEER, "dst": PEER if outward else GUEST,
         "from": "10.77.0.2" if outward else "10.77.0.9", "to": "10.77.0.9" if outward else "10.77.0.2"}
    a.update(w.split("=", 1) for w in words[1:])
    return globals()[words[0]](a)


def main():
    source, target, wanted = sys.argv[1:4]
    words, marker = sys.argv[4:], []
    if "marker" in words:
        at = words.index("marker")
        words, marker = words[:at], words[at + 1:]
    outward = source == "guest"
    frame, end = make(words, outward), make(marker or ["arp", "op=2"], outward)
    out, into = packets(source), packets(target)
    out.send(frame)
    out.send(end)
    came = False
    while True:
        seen = into.recv(2000)
        # a tag may have been taken off on the way
        came = came or seen == frame or (words[0] == "vlan" and seen[:12] == frame[:12] and
                                         seen[12:14] in (b"\x81\x00", b"\x88\xb5"))
        if seen == end:
            break
    print("passed" if came else "stopped")
    sys.exit(0 if came == (wanted == "passes") else 1)


main()
