#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""connections.py FROM TO COUNT ADDRESS: so many TCP connections from one network namespace to ADDRESS in the other, all
open at once; each carries a line there and back. Both have a link eth0 with addresses."""

import ctypes
import os
import resource
import socket
import sys
import time

PORT = 7000
PORTS = 16       # of the server, so that no client runs out of its own
libc = ctypes.CDLL(None, use_errno=True)


def enter(namespace):
    with open("/run/netns/" + namespace) as f:
        if libc.setns(f.fileno(), 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def serve(namespace, address, count, ready):
    enter(namespace)
    listeners = [socket.create_server((address, PORT + i), backlog=4096) for i in range(PORTS)]
    os.write(ready, b"\n")
    for i in range(count):
        connection, _ = listeners[i % PORTS].accept()
        connection.sendall(connection.recv(64))
        connections.append(connection)
    for connection in connections:
        if connection.recv(1):
            raise SystemExit("more came than was sent")


connections = []


def main():
    source, target, count, address = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, count + 100))
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        serve(target, address, count, write)
        os._exit(0)
    os.read(read, 1)
    enter(source)
    begin = time.monotonic()
    for i in range(count):
        connection = socket.create_connection((address, PORT + i % PORTS), timeout=20)
        line = b"%08d" % i
        connection.sendall(line)
        if connection.recv(64) != line:
            raise SystemExit("connection %d: something else came back" % i)
        connections.append(connection)
    print("%d connections at once, %.1f s" % (len(connections), time.monotonic() - begin))
    for connection in connections:
        connection.close()
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


main()
