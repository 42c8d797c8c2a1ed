#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What somebody puts where root will open, write, give away or delete something: a QEMU that was taken over into its
# own folder, a user into a folder of his that is a pool, an image into its header.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
landlock() {
        m /usr/bin/python3 -c 'import ctypes, sys
version = ctypes.CDLL(None).syscall(444, None, 0, 1)
sys.exit(version < int(sys.argv[1]))' "$1"
}

# --- a QEMU, in its own folder
check "a QEMU that plants links" m sh -c '
        mkdir -p /usr/local/lib/fq /srv/roots && chmod 700 /srv/roots
        echo secret > /srv/secret && chmod 600 /srv/secret
        cp /run/test/fake-qemu.d/plant.py /usr/local/lib/fq/ && chmod 644 /usr/local/lib/fq/*
        cp /run/test/fake-qemu /usr/local/bin/fq-plant && chmod 755 /usr/local/bin/fq-plant'
m systemd-run -q --unit abstract /usr/bin/python3 -c 'import socket, time
s = socket.socket(socket.AF_UNIX); s.bind("\0host"); s.listen(5); time.sleep(3600)'
# arguments of its own: a folder of its own that is not sealed
echo "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
        <name>plant</name><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='q35'>hvm</type></os>
        <devices><emulator>/usr/local/bin/fq-plant</emulator><interface type='user'><model type='virtio'/></interface>
        <controller type='pci' index='4' model='pcie-root-port'/>
        <controller type='pci' index='5' model='pcie-root-port'/>
        <memballoon model='none'/></devices>
        <qemu:commandline><qemu:arg value='-no-hpet'/></qemu:commandline></domain>" |
        m_with_input sh -c 'cat > /root/plant.xml'
check "... as a guest that has the host's network" m virsh -q define /root/plant.xml
check "... starts" m virsh -q start plant
said() { m sh -c "journalctl -b -o cat -q -u vm@plant | grep -qF -- 'fq: $1'"; }
check "... plants them" eventually 60 said done
if landlock 6; then
        check "... and cannot talk to an abstract socket of the host's" said "cannot talk to an abstract socket"
else
        echo "# the kernel's Landlock knows no abstract sockets: not tried"
fi
check "certificates for NBD" m sh -c '
        mkdir -p /etc/pki/qemu && echo ca > /etc/pki/qemu/ca-cert.pem && echo key > /etc/pki/qemu/client-key.pem
        chmod 600 /etc/pki/qemu/client-key.pem; mkdir -p /etc/libvirt
        echo "default_tls_x509_cert_dir = \"/etc/pki/qemu\"" >> /etc/libvirt/qemu.conf; systemctl restart virtqemud'
echo "<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='nbd' name='x' tls='yes'>
        <host name='localhost' port='10810'/></source><target dev='vda' bus='virtio'/></disk>" |
        m_with_input sh -c 'cat > /root/nbd.xml'
refused "a disk with certificates is refused where its folder is a link" "nbd-tls" \
        m virsh attach-device plant /root/nbd.xml --live
check "... which leads to a folder that stays root's" equals "root 700" m stat -c '%U %a' /srv/roots
check "... and empty" equals "" m ls -A /srv/roots
check "destroy it" m virsh -q destroy plant
check "what stays is root's" equals "root 600" m stat -c '%U %a' /srv/secret

# --- a user, in a pool that is his folder
check "a user's folder as a pool" m sh -c '
        useradd -m eve && mkdir -p /home/eve/pool /srv/etc && chown eve: /home/eve/pool && chmod 711 /home/eve
        printf "0123456789" > /srv/etc/v.img; cp /srv/etc/v.img /srv/etc/kept
        printf "0123456789" > /home/eve/pool/v.img && chown eve: /home/eve/pool/v.img
        printf "0123456789" > /home/eve/pool/q.img && qemu-img create -q -f qcow2 /home/eve/pool/q.qcow2 1M
        virsh -q pool-define-as eve dir --target /home/eve/pool && virsh -q pool-start eve'
as_eve() { m setpriv --reuid eve --regid eve --clear-groups sh -c "cd /home/eve && $1"; }
unharmed() {
        equals "root:root 644 10 0123456789" m sh -c 'stat -c "%U:%G %a %s $(cat /srv/etc/v.img)" /srv/etc/v.img'
}
vol() { m virsh -q "vol-$1" --pool eve "${@:2}"; }
check "control: a volume of hers is wiped" vol wipe q.img
check "she has a link in a volume's place, to root's file" \
        as_eve 'mv pool/v.img away && ln -s /srv/etc/v.img pool/v.img'
m sh -c 'echo 9876543210 > /root/new; : > /root/got'
# The worker sees a link and leaves it to a unit of its own, which may do more.
check "... wipe it not" not vol wipe v.img
check "... wipe it not with patterns" not vol wipe v.img --algorithm random
check "... upload over it not" not vol upload v.img /root/new
check "... nor into it" not vol upload v.img /root/new --offset 2 --length 3
check "... resize it not" not vol resize v.img 1M
check "... download it not" not vol download v.img /root/got
check "... nor a byte of it" equals "" m cat /root/got
check "... clone it not" not vol clone v.img copy.img
check "... it is root's as it was" unharmed
m virsh -q pool-refresh eve
check "... it is no volume any more" not vol info v.img
check "a link of root's is one" m sh -c 'rm /home/eve/pool/v.img; ln -s /srv/etc/kept /home/eve/pool/r.img
        virsh -q pool-refresh eve'
check "... and is written to" vol wipe r.img
check "... where it leads to" not m grep -q 0 /srv/etc/kept
check "a link to what is hers is one" as_eve 'cp away mine && ln -s ../mine pool/m.img'
m virsh -q pool-refresh eve
check "... and is written to" vol wipe m.img
check "she has a link in the pool's place" as_eve 'cp away pool/v.img'
m virsh -q pool-refresh eve
# the worker that has seen the folder ends
check "... nobody is at work" eventually 30 not m systemctl -q is-active 'vm-volume-worker@eve'
check "... put there" m sh -c 'mv /home/eve/pool /home/eve/pool2 && ln -s /srv/etc /home/eve/pool &&
        chown -h eve: /home/eve/pool'
for round in "first" "once more"; do
        check "... $round: delete nothing there" not vol delete v.img
        check "... $round: wipe nothing there" not vol wipe v.img
        check "... $round: upload nothing there" not vol upload v.img /root/new
        check "... $round: create nothing there" not m virsh -q vol-create-as eve new.img 4096
        check "... $round: clone nothing from there" not vol clone v.img new2.img
        check "... $round: it is root's as it was" unharmed
done
check "... nothing is new there" equals "kept v.img" m sh -c 'echo $(ls -A /srv/etc)'
check "the folder is there again" m sh -c 'rm /home/eve/pool && mv /home/eve/pool2 /home/eve/pool'
check "... and has its volumes" eventually 20 vol delete v.img
check "... of which one is made" m virsh -q vol-create-as eve new.img 4096

# --- an image, in its header
# In qemu-img's place, one that says whether it may read what it was not to.
check "a program in qemu-img's place" m sh -c 'cat > /usr/local/bin/qemu-img <<"END"
#!/bin/sh
if cat /srv/secret /etc/hostname >/dev/null 2>&1; then echo "it reads what it likes" >&2; exit 9; fi
exec /usr/bin/qemu-img "$@"
END
chmod 755 /usr/local/bin/qemu-img; echo > /etc/hostname'
if landlock 1; then
        check "qemu-img has nothing but the images: a clone" vol clone q.qcow2 copy.qcow2
        check "... a volume that is made" m virsh -q vol-create-as eve made.qcow2 1M --format qcow2 \
                --backing-vol copy.qcow2 --backing-vol-format qcow2
        check "... a clone of that, whole" vol clone made.qcow2 copy2.qcow2
        check "... a larger one" vol resize made.qcow2 2M
        check "... which has its layer" contains copy.qcow2 m virsh vol-dumpxml --pool eve made.qcow2
else
        echo "# the kernel has no Landlock: not tried"
fi
finish
