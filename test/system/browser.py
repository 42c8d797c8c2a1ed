#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Looks at a guest's screen as a browser does: VNC in websockets.

    browser.py PORT [ca=FILE] [clients=N]

Fails unless each of N clients (1) at localhost, all connected at once, is greeted. With ca= by wss."""

import socket
import ssl
import sys

REQUEST = (b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Protocol: binary\r\n\r\n")


def client(port, ca):
    s = socket.create_connection(("localhost", port), 10)
    if ca:
        s = ssl.create_default_context(cafile=ca).wrap_socket(s, server_hostname="localhost")
    s.settimeout(20)
    s.sendall(REQUEST)
    seen = b""
    while b"RFB 003.008\n" not in seen:
        more = s.recv(4096)
        assert more, seen
        seen += more
    assert seen.startswith(b"HTTP/1.1 101 "), seen
    return s


wishes = dict(w.split("=", 1) for w in sys.argv[2:])
kept = [client(int(sys.argv[1]), wishes.get("ca")) for _ in range(int(wishes.get("clients", 1)))]
