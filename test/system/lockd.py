#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client of virtlockd and virtlogd, which libvirt-python does not speak to: one call a line on standard input, one
answer a line on standard output ("ok", "ok VALUES", or "error CODE MESSAGE").

lockd.py SOCKET lock|log

  register NAME UUID ID PID       PID 0: this process
  restrict | new PATH | space PATH
  create PATH NAME | delete PATH NAME | acquire PATH NAME [FLAGS] | release PATH NAME   PATH "-": the default lockspace
  open DRIVER NAME UUID PATH FLAGS       a descriptor comes back, and is written to by "write TEXT", closed by "close"
  position PATH | read PATH INODE OFFSET MAX | append DRIVER NAME UUID PATH TEXT FLAGS
  raw PROCEDURE HEX               any bytes as arguments
  sleep SECONDS
"""

import array
import os
import socket
import struct
import sys
import time
import uuid

PROGRAMS = {"lock": 0x0EA7BEEF, "log": 0x87539319}


def text(s):
    data = s.encode()
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)


class Peer:
    def __init__(self, path, program):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.program = PROGRAMS[program]
        self.serial = 0
        self.fd = -1

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise EOFError("the daemon closed the connection")
            data += more
        return data

    def call(self, procedure, body):
        self.serial += 1
        self.socket.sendall(struct.pack(">IIIiIII", 28 + len(body), self.program, 1, procedure, 0, self.serial, 0) +
                            body)
        size, _, _, _, kind, serial, status = struct.unpack(">IIIiIII", self.exactly(28))
        data = self.exactly(size - 28)
        assert serial == self.serial, (serial, self.serial)
        if status == 1:
            code, _, there = struct.unpack(">iiI", data[:12])
            length = struct.unpack(">I", data[12:16])[0] if there else 0
            return f"error {code} {data[16:16 + length].decode()}", b""
        if kind == 5:
            n = struct.unpack(">I", data[:4])[0]
            data = data[4:]
            for _ in range(n):
                _, more, _, _ = self.socket.recvmsg(1, socket.CMSG_SPACE(4))
                self.fd = array.array("i", more[0][2])[0]
        return None, data

    def lock(self, words):
        name, args = words[0], ["" if w == "-" else w for w in words[1:]]
        flags = struct.pack(">I", int(args[2]) if len(args) > 2 else 0)
        if name == "register":
            pid = int(args[3]) or os.getpid()
            return 1, uuid.UUID(args[1]).bytes + text(args[0]) + struct.pack(">III", int(args[2]), pid, 0)
        if name == "restrict":
            return 2, struct.pack(">I", 0)
        if name == "new":
            return 3, text(args[0]) + struct.pack(">I", 0)
        if name == "space":
            return 8, text(args[0])
        number = {"create": 4, "delete": 5, "acquire": 6, "release": 7}[name]
        return number, text(args[0]) + text(args[1]) + flags

    def log(self, words):
        name, args = words[0], words[1:]
        if name == "open":
            who = text(args[0]) + uuid.UUID(args[2]).bytes + text(args[1])
            return 1, who + text(args[3]) + struct.pack(">I", int(args[4]))
        if name == "position":
            return 2, text(args[0]) + struct.pack(">I", 0)
        if name == "read":
            return 3, text(args[0]) + struct.pack(">QQQI", int(args[1]), int(args[2]), int(args[3]), 0)
        who = text(args[0]) + uuid.UUID(args[2]).bytes + text(args[1])
        return 4, who + text(args[3]) + text(args[4].replace("\\n", "\n")) + struct.pack(">I", int(args[5]))

    def values(self, name, data):
        if name in ("open", "position"):
            return " %d %d" % struct.unpack(">QQ", data)
        if name == "read":
            n = struct.unpack(">I", data[:4])[0]
            return " " + repr(data[4:4 + n].decode(errors="replace"))
        if name == "append":
            return " %d" % struct.unpack(">i", data)
        return ""

    def line(self, words, program):
        if words[0] == "sleep":
            time.sleep(float(words[1]))
            return "ok"
        if words[0] == "write":
            os.write(self.fd, " ".join(words[1:]).replace("\\n", "\n").encode())
            return "ok"
        if words[0] == "exit":      # with the connection open
            os._exit(0)
        if words[0] == "close":
            os.close(self.fd)
            return "ok"
        if words[0] == "raw":
            error, _ = self.call(int(words[1]), bytes.fromhex(words[2] if len(words) > 2 else ""))
            return error or "ok"
        number, body = getattr(self, program)(words)
        error, data = self.call(number, body)
        return error or "ok" + self.values(words[0], data)


def main():
    peer = Peer(sys.argv[1], sys.argv[2])
    for line in sys.stdin:
        if line.split():
            print(peer.line(line.split(), sys.argv[2]), flush=True)


main()
