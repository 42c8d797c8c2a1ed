# What a QEMU leaves in its folder for those who come there as root, and whom it may talk to.
def plant(name, target):
    path = os.path.join(q.dir, name)
    if os.path.lexists(path):
        os.rename(path, path + '.old')
    os.symlink(target, path)
def abstract():
    s = socket.socket(socket.AF_UNIX)
    s.connect('\0host')
def main():
    wait_until_running()
    plant('nbd-tls', '/srv/roots')
    plant('error', '/srv/secret')
    tell('planted')
    attempt('talk to an abstract socket of the host', abstract)
    tell('done')
q.main = main
