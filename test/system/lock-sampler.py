#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Looks, as often as it can, at the processors of one guest on two hosts, and at the lock that it is to have.

lock-sampler.py STOP FILE MONITOR MONITOR

FILE has the lock, the monitors are sockets of QMP that come and go. Until the file STOP is there; then one line says
what was seen. A guest whose processors run while nobody has the lock, before and after that was asked, is wrong; so are
two that run, or none that ever does.
"""

import fcntl
import json
import os
import socket
import struct
import sys
import time


def is_held(path):
    """By anybody else: the lock itself is not touched."""
    try:
        with open(path, "r+b") as f:
            lock = fcntl.fcntl(f, 36, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 1, 0))    # F_OFD_GETLK
    except FileNotFoundError:
        return False
    return struct.unpack("h", lock[:2])[0] != fcntl.F_UNLCK


class Monitor:
    def __init__(self, path):
        self.path, self.file, self.socket = path, None, None

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        s.connect(self.path)
        self.socket, self.file = s, s.makefile("rw")
        self.file.readline()
        self.ask("qmp_capabilities")

    def ask(self, command):
        self.file.write(json.dumps({"execute": command}) + "\n")
        self.file.flush()
        while True:
            line = self.file.readline()
            if not line:
                raise OSError("the monitor is gone")
            answer = json.loads(line)
            if "event" not in answer:
                return answer

    def is_running(self):
        try:
            if not self.file:
                self.connect()
            return self.ask("query-status")["return"]["running"]
        except (OSError, ValueError, KeyError):
            if self.socket:
                self.socket.close()
            self.file = self.socket = None
            return False


def main():
    stop, path = sys.argv[1:3]
    monitors = [Monitor(p) for p in sys.argv[3:]]
    seen = {"samples": 0, "held": 0, "first": 0, "second": 0, "neither": 0, "both": 0, "unlocked": 0}
    while not os.path.exists(stop):
        before = is_held(path)
        first, second = (m.is_running() for m in monitors)
        after = is_held(path)
        seen["samples"] += 1
        seen["held"] += after
        seen["first"] += first
        seen["second"] += second
        seen["neither"] += not (first or second)
        seen["both"] += first and second
        seen["unlocked"] += (first or second) and not before and not after
        time.sleep(0.001)
    print(" ".join(f"{k}={v}" for k, v in seen.items()))
    return seen["both"] + seen["unlocked"] > 0 or seen["first"] + seen["second"] == 0


sys.exit(main())
