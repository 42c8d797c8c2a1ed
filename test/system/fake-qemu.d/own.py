# Everything that would make it vm-run, or keep vm-run from its work.
import ctypes
import fcntl
import resource
import signal
libc = ctypes.CDLL(None, use_errno=True)
def call(*numbers):
    if libc.syscall(*numbers) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def owner():
    a, b = socket.socketpair()
    fcntl.fcntl(a, fcntl.F_SETOWN, os.getppid())
def readv():
    buffer = ctypes.create_string_buffer(8)
    local = (ctypes.c_void_p * 2)(ctypes.cast(buffer, ctypes.c_void_p), 8)
    call(310, os.getppid(), local, 1, local, 1, 0)
def main():
    wait_until_running()
    run = os.getppid()
    attempt('signal itself', lambda: os.kill(os.getpid(), 0))
    attempt('open memory of vm-run', lambda: os.open('/proc/%d/mem' % run, os.O_RDWR))
    attempt('see where vm-run waits', lambda: open('/proc/%d/syscall' % run).read())
    attempt('read by process_vm_readv', readv)
    attempt('compare with vm-run', lambda: call(312, run, os.getpid(), 0, 0, 0))
    attempt('list descriptors of vm-run', lambda: os.listdir('/proc/%d/fd' % run))
    attempt('stop vm-run', lambda: os.kill(run, signal.SIGSTOP))
    attempt('stop its group', lambda: os.kill(0, 0))
    attempt('signal everybody', lambda: os.kill(-1, 0))
    attempt('signal vm-run by a pidfd', lambda: signal.pidfd_send_signal(os.pidfd_open(run), 0))
    attempt('have the kernel signal vm-run', owner)
    attempt('limit vm-run', lambda: resource.prlimit(run, resource.RLIMIT_CPU))
    attempt('make a ring of io_uring', lambda: call(425, 8, ctypes.create_string_buffer(256)))
    attempt('raise the size of cores', lambda: resource.setrlimit(resource.RLIMIT_CORE, (1 << 40, 1 << 40)))
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    attempt('speak to the service manager',
            lambda: s.sendto(b'STATUS=forged\nWATCHDOG=1\nEXTEND_TIMEOUT_USEC=90000000', '/run/systemd/notify'))
    tell('done')
q.main = main
