# Uses up what is there.
import itertools
def fill(path):
    size = 0
    try:
        with open(path + '/fill', 'wb', buffering=0) as f:
            while size < 1 << 30:
                size += f.write(bytes(1 << 20))
    except OSError as e:
        tell('filled', path, size >> 20, 'MiB:', e.strerror)
        return
    tell('filled', path, 'with', size >> 20, 'MiB')
def many(what, function):
    kept = []
    try:
        while len(kept) < 20000:
            kept.append(function())
    except OSError as e:
        tell('got', len(kept), what + ':', e.strerror)
    for fd in kept:
        os.close(fd)
def stream():
    s = socket.socket(socket.AF_UNIX)
    s.connect('/run/systemd/journal/stdout')
    return s.detach()
number = itertools.count()
def main():
    wait_until_running()
    many('files', lambda: os.open('%s/%d' % (q.dir, next(number)), os.O_WRONLY | os.O_CREAT, 0o600))
    many('attributes', lambda: os.setxattr(q.dir, 'user.%d' % next(number), bytes(1024)) or os.dup(0))
    for path in (q.dir, '/dev/shm', '/tmp', '/var/tmp'):
        fill(path)
    many('terminals', lambda: os.open('/dev/ptmx', os.O_RDWR | os.O_NOCTTY))
    many('streams', stream)
    many('descriptors', lambda: os.dup(0))
    attempt('see other control groups', lambda: os.listdir('/sys/fs/cgroup/machine.slice'))
    tell('done')
q.main = main
