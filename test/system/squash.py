#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""squash SOURCE TARGET [USER]: the files of SOURCE at TARGET, by FUSE, as NFS with root_squash shows them.

Who may pass a folder or open a file is decided here, by owner and mode, and root is nobody; what is open is open. With
USER it is that user's own mount, which FUSE lets nobody else touch. With USER root it is as NFS with no_root_squash:
root may all, by its number alone, and nobody has more from a capability.

Each open is a line on stderr: "open PATH r UID". While there is a file /run/squash-hangs, requests are taken and never
answered: who waits for one cannot be killed.
"""
import ctypes
import errno
import os
import pwd
import stat
import struct
import sys

LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE = 1, 2, 3, 4, 14, 15, 16, 17, 18
FSYNC, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, DESTROY, BATCH_FORGET = 20, 25, 26, 27, 28, 29, 38, 42
UNLINK, RENAME, FSYNCDIR, CREATE, FALLOCATE, RENAME2 = 10, 12, 30, 35, 43, 45
RENAME_NOREPLACE = 1
NOBODY = 65534
SET_MODE, SET_UID, SET_GID, SET_SIZE = 1, 2, 4, 8

source, target = (os.path.realpath(p) for p in sys.argv[1:3])
trusting = sys.argv[3:] == ['root']
owner = pwd.getpwnam(sys.argv[3]).pw_uid if len(sys.argv) > 3 else 0
nodes, numbers = {1: source}, {source: 1}
libc = ctypes.CDLL(None, use_errno=True)
channel = os.open('/dev/fuse', os.O_RDWR)
options = 'fd=%d,rootmode=40000,user_id=%d,group_id=%d%s' % (channel, owner, owner, '' if owner else ',allow_other')
if libc.mount(b'squash', target.encode(), b'fuse', 6, options.encode()) < 0:
    sys.exit('cannot mount: ' + os.strerror(ctypes.get_errno()))


def demand(st, uid, gid, bits):
    """EACCES unless this user may: bits are those of others, 4, 2, 1."""
    if uid == 0 and trusting:
        return
    uid, gid = (NOBODY, NOBODY) if uid == 0 else (uid, gid)
    shift = 6 if uid == st.st_uid else 3 if gid == st.st_gid else 0
    if (st.st_mode >> shift) & bits != bits:
        raise PermissionError(errno.EACCES, 'no')


def attributes(st):
    return struct.pack('=6Q10I', st.st_ino, st.st_size, st.st_blocks, int(st.st_atime), int(st.st_mtime),
                       int(st.st_ctime), 0, 0, 0, st.st_mode, st.st_nlink, st.st_uid, st.st_gid, 0, 4096, 0)


def in_folder(node, name, uid, gid, bits):
    folder = nodes[node]
    demand(os.stat(folder), uid, gid, bits)
    return os.path.join(folder, os.fsdecode(name))


def lookup(node, body, uid, gid):
    return entry_of(in_folder(node, body.rstrip(b'\0'), uid, gid, 1))


def entry_of(path):
    st = os.lstat(path)
    number = numbers.setdefault(path, len(numbers) + 1)
    nodes[number] = path
    return struct.pack('=4Q2I', number, 1, 0, 0, 0, 0) + attributes(st)


def getattr_(node, body, uid, gid):
    return struct.pack('=Q2I', 0, 0, 0) + attributes(os.lstat(nodes[node]))


def setattr_(node, body, uid, gid):
    valid, _, _, size = struct.unpack_from('=2I2Q', body)
    mode, _, new_uid, new_gid = struct.unpack_from('=4I', body, 68)
    st = os.lstat(nodes[node])
    if valid & 7 and uid != st.st_uid or valid & SET_UID and new_uid != st.st_uid or \
            valid & SET_GID and new_gid != st.st_gid:
        raise PermissionError(errno.EPERM, 'no')
    if valid & SET_MODE:
        os.chmod(nodes[node], mode & 0o7777)
    if valid & SET_SIZE:
        os.truncate(nodes[node], size)
    return getattr_(node, body, uid, gid)


def create(node, body, uid, gid):
    flags, mode, _, _ = struct.unpack_from('=4I', body)
    path = in_folder(node, body[16:].rstrip(b'\0'), uid, gid, 3)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | flags & os.O_EXCL, mode & 0o777)
    os.fchown(fd, uid, gid)
    return entry_of(path) + struct.pack('=Q2I', fd, 0, 0)


def unlink(node, body, uid, gid):
    os.unlink(in_folder(node, body.rstrip(b'\0'), uid, gid, 3))
    return b''


def rename(node, body, uid, gid):
    return rename2(node, body[:8] + bytes(8) + body[8:], uid, gid)


def rename2(node, body, uid, gid):
    folder, flags, _ = struct.unpack_from('=Q2I', body)
    old, new = body[16:].rstrip(b'\0').split(b'\0')
    old, new = in_folder(node, old, uid, gid, 3), in_folder(folder, new, uid, gid, 3)
    if flags & RENAME_NOREPLACE and os.path.lexists(new):
        raise FileExistsError(errno.EEXIST, 'there')
    os.rename(old, new)
    number = numbers.pop(old, None)
    if number:
        numbers[new], nodes[number] = number, new
    return b''


def allocate(node, body, uid, gid):
    fd, offset, length, mode = struct.unpack_from('=3QI', body)
    if mode:
        raise OSError(errno.EOPNOTSUPP, 'no')
    os.posix_fallocate(fd, offset, length)
    return b''


def open_(node, body, uid, gid):
    flags = struct.unpack_from('=I', body)[0] & os.O_ACCMODE
    path, st = nodes[node], os.stat(nodes[node])
    demand(st, uid, gid, {os.O_RDONLY: 4, os.O_WRONLY: 2, os.O_RDWR: 6}[flags])
    if stat.S_ISDIR(st.st_mode):
        return struct.pack('=Q2I', 0, 0, 0)
    print('open', os.path.relpath(path, source), 'r' if flags == os.O_RDONLY else 'w', uid, file=sys.stderr, flush=True)
    return struct.pack('=Q2I', os.open(path, flags), 0, 0)


def read(node, body, uid, gid):
    fd, offset, size = struct.unpack_from('=2QI', body)
    return os.pread(fd, size, offset)


def readdir(node, body, uid, gid):
    _, offset, size = struct.unpack_from('=2QI', body)
    answer = b''
    for i, name in enumerate(sorted(os.listdir(nodes[node]))[offset:], offset + 1):
        entry = struct.pack('=2Q2I', 1, i, len(os.fsencode(name)), 0) + os.fsencode(name)
        entry += b'\0' * (-len(entry) % 8)
        if len(answer) + len(entry) > size:
            break
        answer += entry
    return answer


def write(node, body, uid, gid):
    fd, offset, size = struct.unpack_from('=2QI', body)
    return struct.pack('=2I', os.pwrite(fd, body[40:40 + size], offset), 0)


def fsync(node, body, uid, gid):
    os.fsync(struct.unpack_from('=Q', body)[0])
    return b''


def release(node, body, uid, gid):
    os.close(struct.unpack_from('=Q', body)[0])
    return b''


def begin(node, body, uid, gid):
    readahead = struct.unpack_from('=3I', body)[2]
    return struct.pack('=4I2H2I2HI7I', 7, 31, readahead, 0, 12, 9, 1 << 17, 1, 32, 0, 0, *[0] * 7)


def nothing(node, body, uid, gid):
    return b''


def statfs(node, body, uid, gid):
    s = os.statvfs(source)
    return struct.pack('=5Q4I6I', s.f_blocks, s.f_bfree, s.f_bavail, s.f_files, s.f_ffree, s.f_bsize, 255, s.f_frsize,
                       0, *[0] * 6)


calls = {LOOKUP: lookup, GETATTR: getattr_, SETATTR: setattr_, OPEN: open_, READ: read, WRITE: write, STATFS: statfs,
         RELEASE: release, FSYNC: fsync, FLUSH: nothing, INIT: begin, OPENDIR: open_, READDIR: readdir,
         RELEASEDIR: nothing, UNLINK: unlink, FSYNCDIR: nothing, CREATE: create, FALLOCATE: allocate, RENAME: rename,
         RENAME2: rename2}
while True:
    try:
        request = os.read(channel, (1 << 17) + 4096)
    except OSError as e:
        if e.errno == errno.ENODEV:  # unmounted
            sys.exit(0)
        continue
    _, code, unique, node, uid, gid = struct.unpack_from('=2I2Q2I', request)
    if code in (FORGET, BATCH_FORGET):
        continue
    if os.path.exists('/run/squash-hangs'):
        continue
    error, answer = 0, b''
    try:
        if code in calls:
            answer = calls[code](node, request[40:], uid, gid)
        elif code != DESTROY:
            error = errno.ENOSYS
    except OSError as e:
        error = e.errno
    os.write(channel, struct.pack('=IiQ', 16 + len(answer), -error, unique) + answer)
