#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""hostile_tls.py KIND [ARGUMENT]: peers of the TLS listener at localhost that mean harm, or are broken. Status 0: what
was to be seen was seen; nocert must fail."""

import socket
import ssl
import sys
import time

LIMIT = 14  # seconds: the server gives a handshake ten
kind, *rest = sys.argv[1:]


def connect():
    s = socket.create_connection(("127.0.0.1", 16514))
    s.settimeout(LIMIT)
    return s


def ends(s):
    """Whether the server ends the connection in time, whatever it says before."""
    begin = time.monotonic()
    try:
        while s.recv(4096):
            pass
    except ConnectionResetError:
        pass
    except socket.timeout:
        return False
    return True


def context(low, high, cert="client"):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.load_verify_locations("/tmp/c/good.pem")
    if cert:
        c.load_cert_chain(f"/tmp/c/{cert}.pem", f"/tmp/c/{cert}.key")
    c.set_ciphers("DEFAULT:@SECLEVEL=0")
    c.minimum_version, c.maximum_version = low, high
    return c


def versions(text):
    v = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2,
         "1.3": ssl.TLSVersion.TLSv1_3}[text]
    return v, v


def hello():
    """The bytes of a first message that is well."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    o = context(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3).wrap_bio(incoming, outgoing,
                                                                         server_hostname="localhost")
    try:
        o.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def plain():
    s = connect()
    s.sendall(b"\0\0\0\x1c\x20\0\x80\x86" + b"\0" * 20)
    assert ends(s), "plain text is not ended"


def old(version):
    import warnings
    warnings.simplefilter("ignore")
    try:
        with context(*versions(version)).wrap_socket(connect(), server_hostname="localhost"):
            sys.exit(f"TLS {version} is spoken")
    except (ssl.SSLError, ConnectionResetError) as e:
        print(e)


def good(version):
    with context(*versions(version)).wrap_socket(connect(), server_hostname="localhost") as s:
        assert s.recv(1) == b"\1", "not let in"


def nocert():
    with context(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3, cert=None).wrap_socket(
            connect(), server_hostname="localhost") as s:
        if s.recv(1) != b"\1":
            sys.exit("not let in")


def slow():
    s = connect()
    begin = time.monotonic()
    s.settimeout(0.3)
    for byte in hello() * 100:
        try:
            s.sendall(bytes([byte]))
            if not s.recv(100):
                break
        except socket.timeout:
            pass
        except (BrokenPipeError, ConnectionResetError):
            break
        assert time.monotonic() - begin < LIMIT, "a slow handshake goes on"
    print(f"ended after {time.monotonic() - begin:.1f} s")


def half(n):
    begin = time.monotonic()
    text = hello()
    all_of_them = [connect() for _ in range(int(n))]
    for i, s in enumerate(all_of_them):
        s.sendall(text[:len(text) * (i % 3) // 3])  # nothing, a third, two thirds
    for s in all_of_them:
        s.settimeout(2 * LIMIT)
        assert ends(s), "half a handshake is not ended"
    print(f"all {n} ended after {time.monotonic() - begin:.1f} s")


{"plain": plain, "old": old, "good": good, "nocert": nocert, "slow": slow, "half": half}[kind](*rest)
