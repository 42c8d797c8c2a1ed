#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Images that a client has opened (virsh dom-fd-associate, libvirt-python's fdAssociate): the guest uses what is open,
# and nobody needs to reach the file by its name.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
says() { local w=$1; shift; "$@" 2>&1 | grep -qF -- "$w"; }
m sh -c 'mkdir /srv/o; cd /srv/o
        for n in top base raw late; do truncate -s 4M $n; printf "disk=$n;" | dd of=$n conv=notrunc status=none; done
        qemu-img convert -f raw -O qcow2 base base.qcow2 && qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 top.qcow2
        chmod 600 /srv/o/*'
disk() {
        echo "<disk type='file' device='disk'><driver name='qemu' type='$2'/>
                <source file='/nowhere/$3' fdgroup='$3'/>${4-}
                <target dev='$1' bus='virtio'/>${5-}</disk>"
}
base="<backingStore type='file'><format type='qcow2'/><source file='/nowhere/base' fdgroup='base'/><backingStore/>
        </backingStore>"
check "a guest with such disks is defined" define_guest open linux \
        "$(disk vdb raw raw)$(disk vdc qcow2 top "$base")"
check "... and says so" contains "<source file='/nowhere/raw' fdgroup='raw'" m virsh dumpxml open --inactive
refused "nobody has opened them" "file descriptor group 'raw' was not associated with the domain" m virsh start open
refused "... systemctl neither" "Job for vm@open.service failed" m systemctl start vm@open
check "... as the journal says" says "file descriptor group 'raw' was not associated with the domain" \
        m journalctl -q -b -u vm@open --no-pager

# One connection keeps them and starts the guest. Files are out of reach by then.
m_with_input sh -c 'cat > /root/open.py' <<'PY'
import os, sys, time
import libvirt

c = libvirt.open("qemu:///system")
d = c.lookupByName("open")
R, W = os.O_RDONLY, os.O_RDWR
files = {"raw": [W], "top": [R, W], "base": [R], "late": [W]}
if sys.argv[1:] == ["readonly"]:
    files["raw"] = [R]
opened = {n: [os.open(f"/srv/o/{n}" + (".qcow2" if n in ("top", "base") else ""), f) for f in flags]
          for n, flags in files.items()}
for name, fds in opened.items():
    d.FDAssociate(name, fds, libvirt.VIR_DOMAIN_FD_ASSOCIATE_SECLABEL_WRITABLE)
    for fd in fds:
        os.close(fd)
try:
    d.FDAssociate("none", [], 0)
    print("nothing was taken")
except libvirt.libvirtError as e:
    print("nothing:", e)
os.rename("/srv/o", "/srv/away")
try:
    d.create()
    print("started", flush=True)
    if sys.argv[1:] == ["wait"]:
        time.sleep(3)
        d.attachDevice(open("/root/late.xml").read())
        print("attached", flush=True)
finally:
    os.rename("/srv/away", "/srv/o")
PY
refused "one that may not be written to" "cannot open '/nowhere/raw' for writing" m python3 /root/open.py readonly
disk vdd raw late '' "<address type='pci' slot='0x1d'/>" | m_with_input sh -c 'cat > /root/late.xml'
m python3 /root/open.py wait > "$work/python" 2>&1
check "libvirt-python opens them, and starts the guest" grep -q '^started' "$work/python"
check "... and plugs in another one" grep -q '^attached' "$work/python"
check "... no descriptors are no group" grep -q '^nothing:' "$work/python"
check "the client has gone, and the guest runs" shows_running open
check "... no socket is left" not m test -e /run/libvirt/qemu/open.groups
eventually 90 says 'login:' m journalctl -q -b -u vm@open --no-pager
# Which of them is vdb is the guest's kernel's to decide.
# shellcheck disable=SC2016
console_says open 'for d in b c d; do s=$(head -c 10 /dev/vd$d | tr -d "\000"); echo "$s"
        case $s in disk=raw*) n=new=raw;; disk=base*) n=new=top;; *) continue;; esac
        printf $n | dd of=/dev/vd$d conv=fsync 2> /dev/null; done' > "$work/disks"
for n in raw base late; do check "the guest reads $n" grep -qF "disk=$n" "$work/disks"; done
check "... writes to the file" eventually 20 equals "new=raw" m head -c 7 /srv/o/raw
check "... and to the upper image" eventually 20 m grep -aq new=top /srv/o/top.qcow2
check "the guest ends" m virsh -q destroy open
check "... which has written to that one alone" equals "new=top disk=bas" m sh -c 'cd /srv/o &&
        qemu-img convert -f qcow2 -O raw top.qcow2 out && echo "$(head -c 7 out) $(head -c 8 base)"'
refused "what was open went with the client" "file descriptor group 'raw' was not associated" m virsh start open

check "a chain that is not named" define_guest chain linux "$(disk vdb qcow2 top)"
m_with_input sh -c 'cat > /root/chain.py' <<'PY'
import os
import libvirt

d = libvirt.open("qemu:///system").lookupByName("chain")
d.FDAssociate("top", [os.open("/srv/o/top.qcow2", os.O_RDWR)], 0)
d.create()
PY
refused "... is refused, with what backs it" "the image is backed by 'base.qcow2'" m python3 /root/chain.py
check "virsh has a command for it" m sh -c 'exec 7<>/srv/o/raw 8<>/srv/o/top.qcow2 9</srv/o/base.qcow2; virsh -q "
        dom-fd-associate open --name raw --pass-fds 7; dom-fd-associate open --name top --pass-fds 8;
        dom-fd-associate open --name base --pass-fds 9; start open"'
check "... the guest runs" shows_running open

# --- host devices by an iommufd that is open ---
# without such a device here, the step behind it is what fails
guest_xml given idle "<hostdev mode='subsystem' type='pci' managed='no'><source>
        <address domain='0x0' bus='0xfe' slot='0x1f' function='0x7'/></source></hostdev>" |
        sed "s|<os>|<iommufd enabled='yes' fdgroup='iommu'/><os>|" |
        m_with_input sh -c 'cat > /root/given.xml && virsh -q define /root/given.xml'
check "a guest has its devices of the host by an iommufd of a client" contains \
        "<iommufd enabled='yes' fdgroup='iommu'/>" m virsh dumpxml given
refused "... does not start without it" "file descriptor group 'iommu' was not associated with the domain" \
        m virsh start given
refused "... and with it asks for the device" "0000:fe:1f.7" m sh -c 'exec 7<>/dev/null; virsh -q "
        dom-fd-associate given --name iommu --pass-fds 7; start given"'
finish
