#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The commands' way into a machine under QEMU, and QEMU's monitor.

    channel.py serve                     in the machine: runs what comes through its ports command.N
    channel.py run DIR COMMAND...        outside: through one of the sockets DIR/command.N, with input, output, status
    channel.py monitor SOCKET COMMAND [JSON]     a command of QMP; prints what is returned

A message is a line "MARK KIND BASE64". MARK is different for each command, so that neither side takes for its own what
is left of a command whose other side has gone. A port serves one command at a time: there are several.
"""

import base64
import fcntl
import glob
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time

CHUNK = 48 * 1024
GONE = 125


def message(mark, kind, data=b''):
    return b'%s %s %s\n' % (mark, kind, base64.b64encode(data))


class Lines:
    """Splits what arrives; a line that is none of ours is skipped."""

    def __init__(self):
        self.rest = b''

    def feed(self, data):
        *lines, self.rest = (self.rest + data).split(b'\n')
        for line in lines:
            try:
                mark, kind, data = line.split(b' ')
                yield mark, kind, base64.b64decode(data, validate=True)
            except ValueError:
                continue


# --- in the machine ---

def write_all(fd, data):
    while data:
        try:
            data = data[os.write(fd, data):]
        except BlockingIOError:
            select.select([], [fd], [])


class Command:
    """A process, with what comes from it sent until it ends. What its children write later is nobody's."""

    def __init__(self, mark, argv, port):
        self.mark, self.port = mark, port
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        cwd='/', start_new_session=True)
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        outputs = {self.process.stdout.fileno(): b'out', self.process.stderr.fileno(): b'err'}
        end = os.pidfd_open(self.process.pid)
        for fd in outputs:
            os.set_blocking(fd, False)
        ended = False
        while not ended:
            ready = select.select([end, *outputs], [], [])[0]
            ended = end in ready
            for fd in list(outputs):
                if ended or fd in ready:
                    self.drain(fd, outputs)
        os.close(end)
        self.send(b'end', str(self.process.wait()).encode())

    def drain(self, fd, outputs):
        while True:
            try:
                data = os.read(fd, CHUNK)
            except BlockingIOError:
                return
            if not data:
                del outputs[fd]
                return
            self.send(outputs[fd], data)

    def send(self, kind, data):
        with self.port.lock:
            write_all(self.port.fd, message(self.mark, kind, data))

    def input(self, data):
        try:
            if data:
                self.process.stdin.write(data)
                self.process.stdin.flush()
            else:
                self.process.stdin.close()
        except (OSError, ValueError):
            pass    # it does not listen

    def abandon(self):
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass


class Port:
    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.lock = threading.Lock()
        self.command = None

    def serve(self):
        lines = Lines()
        while True:
            select.select([self.fd], [], [])
            try:
                data = os.read(self.fd, CHUNK)
            except BlockingIOError:
                continue
            if not data:    # nobody is there
                time.sleep(0.05)
                continue
            for mark, kind, content in lines.feed(data):
                self.take(mark, kind, content)

    def take(self, mark, kind, content):
        if kind == b'run':
            if self.command:
                self.command.abandon()
            try:
                self.command = Command(mark, json.loads(content), self)
            except OSError as error:
                self.command = None
                words = (str(error) + '\n').encode()
                with self.lock:
                    write_all(self.fd, message(mark, b'err', words) + message(mark, b'end', b'127'))
        elif kind == b'in' and self.command and self.command.mark == mark:
            self.command.input(content)
        elif kind == b'gone' and self.command and self.command.mark == mark:
            self.command.abandon()


def serve():
    ports = []
    while not ports:
        for name in glob.glob('/sys/class/virtio-ports/*/name'):
            with open(name, encoding='ascii') as file:
                if file.read().startswith('command.'):
                    ports.append('/dev/' + name.split('/')[-2])
        time.sleep(0.1)
    threads = [threading.Thread(target=Port(path).serve) for path in ports]
    for thread in threads:
        thread.start()


# --- outside ---

def free_port(folder):
    """A socket that nobody uses, and what holds it; waits where all are in use."""
    while True:
        for path in glob.glob(glob.escape(folder) + '/command.*.lock'):
            lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return path.removesuffix('.lock'), lock
            except BlockingIOError:
                os.close(lock)
        time.sleep(0.1)


def connect(path):
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
    except OSError as error:
        sys.exit(f'the machine has ended: {error}')
    return connection


def exchange(connection, mark):
    lines = Lines()
    sources = [connection, 0]
    while True:
        for source in select.select(sources, [], [])[0]:
            if source == 0:
                data = os.read(0, CHUNK)
                connection.sendall(message(mark, b'in', data))
                if not data:
                    sources.remove(0)
                continue
            data = connection.recv(CHUNK)
            if not data:
                print('the machine has ended', file=sys.stderr)
                return GONE
            for of, kind, content in lines.feed(data):
                if of != mark:
                    continue
                if kind == b'end':
                    status = int(content)
                    return status if status >= 0 else 128 - status
                write_all({b'out': 1, b'err': 2}[kind], content)


def run(folder, argv):
    def leave(*_):
        raise SystemExit(130)

    path, _lock = free_port(folder)
    mark = b'%016x' % random.getrandbits(64)
    connection = connect(path)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, leave)
    # an empty line ends what somebody left unfinished
    connection.sendall(b'\n' + message(mark, b'run', json.dumps(argv).encode()))
    try:
        return exchange(connection, mark)
    except BrokenPipeError:     # as the shell has it
        connection.sendall(message(mark, b'gone'))
        return 128 + signal.SIGPIPE
    except BaseException:
        connection.sendall(message(mark, b'gone'))
        raise


def monitor(path, command, arguments='{}'):
    connection = connect(path)
    stream = connection.makefile('rw')
    answer = json.loads(stream.readline())
    for request in ({'execute': 'qmp_capabilities'}, {'execute': command, 'arguments': json.loads(arguments)}):
        stream.write(json.dumps(request) + '\n')
        stream.flush()
        answer = {}
        while 'return' not in answer and 'error' not in answer:     # events come between
            answer = json.loads(stream.readline())
    if 'error' in answer:
        print(answer['error']['desc'], file=sys.stderr)
        return 1
    print(answer['return'] if isinstance(answer['return'], str) else json.dumps(answer['return']))
    return 0


if __name__ == '__main__':
    match sys.argv[1:]:
        case ['serve']:
            serve()
        case ['run', folder, *argv] if argv:
            sys.exit(run(folder, argv))
        case ['monitor', path, command, *rest]:
            sys.exit(monitor(path, command, *rest))
        case _:
            sys.exit(__doc__)
