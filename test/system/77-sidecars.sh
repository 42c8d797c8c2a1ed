#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Devices that need more than QEMU: TPMs and folders with helpers in units of their own, threads on their CPUs, memory
# in files.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

shared="<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"
folder() { printf "<filesystem type='mount'><driver type='virtiofs'/>
        <source dir='%s'/><target dir='%s'/></filesystem>" "$1" "$2"; }
uuid="<uuid>5e3fb1e4-2c4b-4d2a-9b1e-0c6a3f0a7e11</uuid>"
# the profile's name is what libvirt writes there for everybody's TPM
tpm="<tpm model='tpm-crb'><backend type='emulator' version='2.0'><profile name='default-v1'/></backend></tpm>"
# guest NAME DEVICES TOP: a guest with more elements
guest() { guest_xml "$1" idle "$2" | sed "s|<os>|${3-}<os>|"; }
define() { guest "$@" | m_with_input sh -c "cat > '/root/$1.xml' && virsh -q define '/root/$1.xml'"; }
qmp() { m virsh -q qemu-monitor-command "$1" "{\"execute\":\"$2\"}"; }
helper_state() { m systemctl show -P ActiveState "$1"; }

# --- a TPM ---
check "define with a TPM" define tpm "$tpm" "$uuid"
check "... starts" m virsh -q start tpm
check "... runs" shows_running tpm
check "its helper is a unit of its own" equals active helper_state vm-swtpm@tpm.service
check "... and runs swtpm" contains swtpm m systemctl status --no-pager vm-swtpm@tpm.service
check "... not as root" not contains " root " m sh -c 'ps -o user= -C swtpm | sed "s/^/ /; s/$/ /"'
check "another guest with a TPM" define beside "$tpm"
check "... starts" m virsh -q start beside
check "... and its TPM is another user's" equals 2 m sh -c 'ps -o uid= -C swtpm | sort -u | wc -l'
m virsh -q destroy beside
check "... it goes with its state" m virsh -q undefine beside
check "QEMU knows the TPM" contains tpm-tpm0 qmp tpm query-tpm
check "the state is where libvirt keeps it" m sh -c 'test -s /var/lib/libvirt/swtpm/*/tpm2/tpm2-00.permall'
check "destroy" m virsh -q destroy tpm
check "the helper goes with the guest" eventually 15 equals inactive helper_state vm-swtpm@tpm.service
before=$(m sh -c 'ls -i /var/lib/libvirt/swtpm/*/tpm2/tpm2-00.permall')
check "start again" m virsh -q start tpm
check "... with the same state" contains "${before##*/swtpm}" \
        m sh -c 'ls -i /var/lib/libvirt/swtpm/*/tpm2/tpm2-00.permall'
check "destroy" m virsh -q destroy tpm

check "a state folder that cannot be made" m sh -c 'mv /var/lib/libvirt/swtpm /var/lib/libvirt/kept &&
        mkdir /var/lib/libvirt/swtpm && mount -t tmpfs -o ro none /var/lib/libvirt/swtpm'
refused "... is named when the start fails" "/var/lib/libvirt/swtpm" m virsh start tpm
check "... and nothing runs" \
        equals "shut off" sh -c "\"$here/container\" sh \"$dir\" virsh -c qemu:///system domstate tpm | head -1"
check "with the folder back" m sh -c 'umount /var/lib/libvirt/swtpm &&
        rmdir /var/lib/libvirt/swtpm && mv /var/lib/libvirt/kept /var/lib/libvirt/swtpm && systemctl reset-failed'
check "... it starts" m virsh -q start tpm
check "destroy" m virsh -q destroy tpm
check "domcapabilities tell that one can be emulated" contains "<value>emulator</value>" m virsh domcapabilities
check "undefine --keep-tpm" m virsh -q undefine --keep-tpm tpm
check "... keeps its state" m sh -c 'test -s /var/lib/libvirt/swtpm/*/tpm2/tpm2-00.permall'
check "defined again" define tpm "$tpm" "$uuid"
check "undefine" m virsh -q undefine tpm
check "... takes it away" m sh -c 'test -z "$(ls /var/lib/libvirt/swtpm)"'

# --- what a helper said is only told where it is the reason ---
check "a TPM beside a disk that is not there" define nodisk "$tpm
        <disk type='file' device='disk'><source file='/srv/none'/><target dev='vda' bus='virtio'/></disk>"
check "... fails for the disk" sh -c "\"$here/container\" sh \"$dir\" virsh -c qemu:///system start nodisk \
        > \"$work/nodisk\" 2>&1; grep -q \"cannot open '/srv/none'\" \"$work/nodisk\""
check "... and says nothing of how the TPM was made" not grep -i "vtpm" "$work/nodisk"
check "undefine" m virsh -q undefine nodisk

# --- a TPM whose state is encrypted ---
key=5a1d3f38-4b1d-4f3e-8b87-5f4a3b0c9d11
m_with_input sh -c 'cat > /root/key.xml && virsh -q secret-define /root/key.xml' <<XML
<secret ephemeral='no' private='yes'><uuid>$key</uuid><usage type='vtpm'><name>locked</name></usage></secret>
XML
passphrase() { m sh -c "printf '$1' > /root/key &&
        virsh -q secret-set-value $key --file /root/key --plain && rm /root/key"; }
check "define with an encrypted TPM" define locked \
        "<tpm model='tpm-crb'><backend type='emulator' version='2.0'><encryption secret='$key'/></backend></tpm>"
refused "... without the passphrase it does not start" "passphrase of the TPM" m virsh start locked
passphrase 'open sesame'
check "... with it it does" m virsh -q start locked
check "... runs" shows_running locked
check "the passphrase is no word of the helper" not contains sesame m sh -c 'tr "\0" " " < /proc/$(pidof swtpm)/cmdline'
check "... nor of its unit" not contains sesame m systemctl show vm-swtpm@locked.service
check "destroy" m virsh -q destroy locked
check "start again" m virsh -q start locked
check "destroy" m virsh -q destroy locked
passphrase 'open barley'
refused "with another passphrase it does not start" "swtpm: " m virsh start locked
passphrase 'open sesame'
check "with the first it does" m virsh -q start locked
check "destroy" m virsh -q destroy locked
check "undefine" m sh -c "virsh -q undefine locked && virsh -q secret-undefine $key"

# --- a TPM whose state is a file that somebody has named ---
check "define with a TPM in a file" define infile \
        "<tpm model='tpm-crb'><backend type='emulator' version='2.0'>
        <source type='file' path='/srv/tpm.state'/></backend></tpm>"
check "... starts" m virsh -q start infile
check "... runs" shows_running infile
check "... its state is there" eventually 5 m test -s /srv/tpm.state
check "destroy" m virsh -q destroy infile
check "start again, with the same state" m virsh -q start infile
check "destroy" m virsh -q destroy infile
check "undefine" m virsh -q undefine infile
check "... leaves the file" m test -s /srv/tpm.state

# --- folders ---
check "folders to share" m sh -c 'mkdir -p /srv/share /srv/nine && echo hello > /srv/share/word'
refused "virtiofs without shared memory says what to add" "memfd" define private "$(folder /srv/share share)"
check "define with a folder" define fs "$(folder /srv/share share)" "$shared"
check "... starts" m virsh -q start fs
check "... runs" shows_running fs
check "its helper is a unit of its own" equals active helper_state vm-virtiofsd@fs-fs0.service
check "... which sees the folder and no other" \
        not m sh -c 'ls /proc/$(systemctl show -P MainPID vm-virtiofsd@fs-fs0.service)/root/srv/nine'
check "destroy" m virsh -q destroy fs
check "the helper goes with the guest" eventually 15 equals inactive helper_state vm-virtiofsd@fs-fs0.service
check "define a guest without a folder" define later "" "$shared"
check "... starts" m virsh -q start later
attach_folder() { folder "$@" |
        m_with_input sh -c 'cat > /root/folder.xml; virsh -q attach-device later /root/folder.xml --live'; }
late_folders() { m sh -c "systemctl list-units --plain --no-legend 'vm-virtiofsd@later-late*' | awk '{ print \$3 }'"; }
refused "a folder that is not there is not plugged in" "/srv/none" attach_folder /srv/none none
check "... nothing of it is left" eventually 10 equals "" late_folders
check "a folder is plugged in" attach_folder /srv/share share
check "... its helper is a unit of its own" equals active late_folders
check "... QEMU has the device" contains '"name":"fs0"' \
        m virsh qemu-monitor-command later '{"execute":"qom-list","arguments":{"path":"/machine/peripheral"}}'
check "... the definition has it" contains "<target dir='share'/>" m virsh dumpxml later
refused "one by 9p is not" "only virtiofs filesystems can be hotplugged" eval \
        'folder /srv/nine nine | sed "s/virtiofs/path/" |
        m_with_input sh -c "cat > /root/nine.xml; virsh attach-device later /root/nine.xml --live"'
check "destroy" m virsh -q destroy later
check "... the helper goes with the guest" eventually 15 equals "" late_folders
check "... and its settings" eventually 10 not m sh -c 'ls -d /run/systemd/system/vm-virtiofsd@later-late*'
check "without its folder" m sh -c 'mv /srv/share /srv/away'
refused "... it does not start, and the folder is named" "/srv/share" m virsh start fs
check "define with a folder by 9p" define nine \
        "<filesystem type='mount' accessmode='mapped'><source dir='/srv/nine'/><target dir='nine'/></filesystem>"
check "... starts" m virsh -q start nine
check "... runs" shows_running nine
check "destroy" m virsh -q destroy nine

# --- threads ---
pins="<vcpu>2</vcpu><cputune><vcpupin vcpu='0' cpuset='0'/><vcpupin vcpu='1' cpuset='1'/>"
pins+="<emulatorpin cpuset='1'/><vcpusched vcpus='0' scheduler='batch'/></cputune>"
affinity() { m sh -c "for t in /proc/$1/task/*; do grep -q '$2' \$t/comm && taskset -pc \${t##*/}; done"; }
check "define with pins" sh -c true
pinned() { guest_xml pins | sed "s|<vcpu[^/]*/vcpu>||; s|<os>|$pins<os>|" |
        m_with_input sh -c 'cat > /root/pins.xml && virsh -q define /root/pins.xml'; }
if [ "$(m nproc)" -ge 2 ]; then
        check "define" pinned
        check "... starts" m virsh -q start pins
        check "... runs" shows_running pins
        pid=$(qemu_pid pins)
        check "the first vCPU runs on its CPU" contains ": 0" affinity "$pid" "CPU 0"
        check "the emulator runs on its CPU" contains ": 1" m sh -c "taskset -pc $pid"
        check "destroy" m virsh -q destroy pins
fi

# --- memory ---
check "memory in a file" define file "" "<memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>"
check "... starts" m virsh -q start file
check "... runs" shows_running file
check "... of the guest's own folder" contains pc.ram m sh -c 'ls /var/lib/libvirt/qemu/ram/file'
check "destroy" m virsh -q destroy file
check "... which is gone afterwards" eventually 10 not m test -e /var/lib/libvirt/qemu/ram/file
check "huge pages that are not there" define huge "" \
        "<memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages></memoryBacking>"
refused "... are refused with how many are wanted" "huge pages of 2048 KiB" m virsh start huge

# --- devices of the host ---
mdev=c2177883-f1bb-47f0-914d-32a22e3a8804
check "define with a USB device that is not there" define usb \
        "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1234'/><product id='0x5678'/></source></hostdev>"
refused "... start names it" "1234:5678" m virsh start usb

# --- a USB device that is unplugged and comes back (made up, with a QEMU that takes what it gets)
usb_is() {      # BUS DEVICE
        m sh -c "d=/srv/sys/bus/usb/devices/$1-1; mkdir -p \$d /dev/bus/usb/00$1 &&
                echo $1 > \$d/busnum && echo $2 > \$d/devnum &&
                echo 1234 > \$d/idVendor && echo 5678 > \$d/idProduct && touch /dev/bus/usb/00$1/00$2"
}
usb_goes() { m sh -c 'rm -r /srv/sys/bus/usb/devices/* /dev/bus/usb/*'; }
usb_at() { m virsh dumpxml back | grep -qF "<address bus='$1' device='$2'/>"; }
m sh -c 'mkdir -p /usr/local/lib/fq /srv/sys/bus/usb/devices; cp /run/test/fake-qemu.d/usb.py /usr/local/lib/fq/
        cp /run/test/fake-qemu /usr/local/bin/fq-usb; chmod -R go+rX /usr/local/lib/fq /usr/local/bin/fq-usb
        for unit in vm@back vm@hot vm@second vm-cleanup@ vm-plug vm-usb@; do
                mkdir -p /etc/systemd/system/$unit.service.d
                printf "[Service]\nEnvironment=UNITVIRT_SYS=/srv/sys\n" > /etc/systemd/system/$unit.service.d/test.conf
        done; systemctl daemon-reload; systemctl stop vm-plug.service'
check "define a guest with a USB device that may be missing" define back "<controller type='usb' model='qemu-xhci'/>
        <hostdev mode='subsystem' type='usb'><source startupPolicy='optional'>
        <vendor id='0x1234'/><product id='0x5678'/></source></hostdev>"
m sh -c "virsh -q dumpxml back --inactive |
        sed 's,<emulator>.*</emulator>,<emulator>/usr/local/bin/fq-usb</emulator>,' > /root/back.xml &&
        virsh -q define /root/back.xml"
check "... starts without it" m virsh -q start back
check "... udev starts what gives it, for such a device only" m test -e /run/libvirt/usb/1234:5678
usb_is 1 5
check "... it comes" m systemctl start vm-usb@1234:5678
check "... and is the guest's" usb_at 1 5
check "... QEMU has it" contains "device_add hostdev0 /dev/fdset/" m journalctl -q -b -o cat -u vm@back
check "... nothing is done while it has" m systemctl start vm-usb@1234:5678
check "another guest with it" define second "<controller type='usb' model='qemu-xhci'/>
        <hostdev mode='subsystem' type='usb'><source><vendor id='0x1234'/><product id='0x5678'/></source></hostdev>"
refused "... does not start" "USB device 001:005 is in use by driver QEMU, domain back" m virsh start second
check "... and has nothing of it" not m test -e /run/libvirt/qemu/second.undo
check "... it was given once" equals 1 m sh -c 'journalctl -q -b -o cat -u vm@back | grep -c device_add'
usb_goes
usb_is 2 7
check "... it comes back in another place" m systemctl start vm-usb@1234:5678
check "... and is the guest's again" usb_at 2 7
check "... in place of the one that is gone" equals "device_add device_del device_add" \
        m sh -c "journalctl -q -b -o cat -u vm@back | grep -o 'device_...' | xargs"
check "... the persistent definition is as it was" m sh -c "! virsh dumpxml back --inactive | grep -q \"device='7'\""
usb_is 1 9
refused "two of them are one too many" "Multiple USB devices" \
        m sh -c 'systemctl start vm-usb@1234:5678 || journalctl -q -b -o cat -u vm-usb@1234:5678 && false'
m virsh -q destroy back
check "without such a guest nothing is started any more" m sh -c \
        'rm -r /srv/sys/bus/usb/devices/2-1; systemctl start vm-usb@1234:5678 && [ ! -e /run/libvirt/usb/1234:5678 ]'
check "one that may be missing" define maybe \
        "<hostdev mode='subsystem' type='usb'><source startupPolicy='optional'>
        <vendor id='0x1234'/><product id='0x5678'/></source></hostdev>"
check "... starts" m virsh -q start maybe
check "... and is missing" contains "missing='yes'" m virsh dumpxml maybe
check "destroy" m virsh -q destroy maybe
check "define with a PCI device that is not there" define pci \
        "<hostdev mode='subsystem' type='pci' managed='yes'><source>
        <address domain='0x00ff' bus='0x06' slot='0x12' function='0x5'/></source></hostdev>"
refused "... start names it" "00ff:06:12.5" m virsh start pci
check "... and its unit could lock all memory" equals infinity m systemctl show -P LimitMEMLOCK vm@pci.service

# --- devices of PCI that come to a guest that runs, and go again (made up, with a kernel that gives them to who is
# asked for)
m_with_input sh -c 'cat > /root/kernel.sh' <<'EOF'
cd /srv/sys/bus/pci; while read -r -N 12 a; do
        d=$(head -n 1 devices/$a/driver_override); ln -sfn ../../bus/pci/drivers/${d:-host} devices/$a/driver
done <> drivers_probe
EOF
m sh -ec 'cp /run/test/fake-qemu.d/vfio.py /usr/local/lib/fq/; cp /run/test/fake-qemu /usr/local/bin/fq-vfio
        cd /srv/sys; mkdir -p bus/pci/devices bus/mdev/devices/'$mdev' devices kernel/iommu_groups/9
        for d in host vfio-pci; do mkdir -p bus/pci/drivers/$d; touch bus/pci/drivers/$d/unbind; done
        mkfifo bus/pci/drivers_probe; ln -s ../../../../kernel/iommu_groups/9 bus/mdev/devices/'$mdev'/iommu_group
        for f in 0 1; do d=devices/0000:09:00.$f; mkdir -p $d kernel/iommu_groups/7/devices
                touch $d/driver_override; echo 0x020000 > $d/class
                ln -s ../../bus/pci/drivers/host $d/driver; ln -s ../../kernel/iommu_groups/7 $d/iommu_group
                ln -s ../../../$d bus/pci/devices/; ln -s ../../../../$d kernel/iommu_groups/7/devices/; done
        chmod -R go+rX /usr/local/lib/fq /usr/local/bin/fq-vfio /srv/sys
        mkdir -p /dev/vfio /etc/systemd/system/virtqemud.service.d
        touch /dev/vfio/vfio /dev/vfio/7 /dev/vfio/9; chmod 600 /dev/vfio/*; chmod 666 /dev/vfio/vfio
        printf "[Service]\nEnvironment=UNITVIRT_SYS=/srv/sys\n" > /etc/systemd/system/virtqemud.service.d/test.conf
        systemctl daemon-reload; systemctl stop virtqemud.service
        systemd-run -q --unit=test-kernel bash /root/kernel.sh'
driver() { m sh -c "basename \$(readlink /srv/sys/devices/0000:09:00.$1/driver)"; }
drivers() { echo "$(driver 0) $(driver 1)"; }
function_xml() { printf "<hostdev mode='subsystem' type='pci' managed='yes'><source>
        <address domain='0' bus='9' slot='0' function='%s'/></source></hostdev>" "$1"; }
mdev_xml() { printf "<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source>
        <address uuid='%s'/></source></hostdev>" $mdev; }
hot() { m_with_input sh -c "cat > /root/hot.xml; virsh -q $1-device hot /root/hot.xml --live"; }
pci() { function_xml "$2" | hot "$1"; }
mediated() { mdev_xml | hot "$1"; }
said() { m journalctl -q -b -o cat -u vm@hot; }
open_to() { m systemctl show -P DeviceAllow vm@hot.service; }
view() { m sh -c 'ls /proc/$(systemctl show -P MainPID vm@hot)/root/dev/vfio'; }
owner() { m stat -c %U "/dev/vfio/$1"; }
lives() { m virsh dumpxml hot; }
check "define a guest without devices of the host" define hot ""
m sh -c "virsh -q dumpxml hot --inactive |
        sed 's,<emulator>.*</emulator>,<emulator>/usr/local/bin/fq-vfio</emulator>,' > /root/hot.xml &&
        virsh -q define /root/hot.xml"
check "... starts" m virsh -q start hot
check "... its QEMU sees none" not view
refused "a function whose neighbour is the host's" \
        "the IOMMU group of 0000:09:00.0 is not viable: the host uses 0000:09:00.1 (driver host) of it" pci attach 0
check "... stays the host's" equals host driver 0
m rm /srv/sys/devices/0000:09:00.1/driver
check "without that it comes" eventually 20 pci attach 0
check "... VFIO has it" equals vfio-pci driver 0
check "... QEMU has opened its group" eventually 10 contains "opened 7" said
# where this machine may raise limits
if m sh -c 'ulimit -H -l unlimited' 2>/dev/null; then
        check "... and may lock its memory" eventually 10 contains "may lock all" said
fi
check "... no other one may be opened" contains "/dev/vfio/7 rw" open_to
check "... of all that are seen" not contains "/dev/vfio/9" open_to
refused "... once more" "device is already in the domain configuration" pci attach 0
second() { function_xml "$1" |
        m_with_input sh -c 'cat > /root/two.xml; virsh -q attach-device second /root/two.xml --config'; }
m virsh -q undefine second
check "define a second guest" define second ""
check "... with the same function" second 0
refused "... it does not start" "PCI device 0000:09:00.0 is in use by driver QEMU, domain hot" m virsh start second
check "... which changes nothing" equals vfio-pci driver 0
check "... nor does its group change hands" not equals root owner 7
m virsh -q undefine second; check "define a third guest" define second ""
check "... with the other function of the group" second 1
refused "... it does not start either" "PCI device 0000:09:00.0 is in use by driver QEMU, domain hot" \
        m virsh start second
m virsh -q undefine second
m ln -s ../../bus/pci/drivers/host /srv/sys/devices/0000:09:00.1/driver
check "its neighbour comes too" eventually 20 pci attach 1
check "the first one goes" pci detach 0
check "... out of the definition" not contains "bus='0x09' slot='0x00' function='0x0'/>" lives
check "... and stays VFIO's, as the guest has the group" equals vfio-pci driver 0
check "the second one goes" pci detach 1
check "... and both are the host's again" eventually 10 equals "host host" drivers
check "... the group is root's" equals root owner 7
check "... nothing may be opened any more" not contains vfio open_to
m rm /srv/sys/devices/0000:09:00.1/driver
check "a mediated device comes" mediated attach
check "... QEMU has opened its group" eventually 10 contains "opened 9" said
check "... it goes" mediated detach
check "... its group is root's" equals root owner 9
nvme() { printf "<disk type='nvme' device='disk'><driver name='qemu' type='raw'/>
        <source type='pci' managed='yes' namespace='1'><address domain='0' bus='9' slot='0' function='0'/></source>
        <target dev='vdn' bus='virtio'/></disk>" | hot "$1"; }
check "an NVMe disk comes, with its controller" eventually 20 nvme attach
check "... which is VFIO's" equals vfio-pci driver 0
check "... QEMU has opened its group" eventually 10 equals 3 \
        m sh -c 'journalctl -q -b -o cat -u vm@hot | grep -c "opened 7"'
check "... which it may" contains "/dev/vfio/7 rw" open_to
check "... the definition has it" contains "namespace='1'" lives
check "... it goes" nvme detach
check "... its controller is the host's again" eventually 10 equals host driver 0
check "... nothing may be opened any more" not contains vfio open_to
check "QEMU is killed with one" eventually 20 pci attach 0
check "... which is VFIO's" equals vfio-pci driver 0
m systemctl kill -s KILL vm@hot.service
check "... and the host's afterwards" eventually 15 equals host driver 0
check "... the group is root's" equals root owner 7
check "... nothing is kept of what it might open" \
        eventually 10 not m test -e "/run/systemd/system.control/vm@hot.service.d/50-DeviceAllow.conf"
check "... the guest is off" eventually 15 equals "shut off" m virsh domstate hot
m systemctl reset-failed vm@hot.service
check "the daemon is killed with one" m virsh -q start hot
check "... that has come" eventually 20 pci attach 0
m sh -c 'systemctl kill -s KILL virtqemud.service; sleep 0.5;
        systemctl reset-failed virtqemud.service; systemctl stop "virtqemud*.socket" virtqemud.service'
check "... QEMU gives it away meanwhile" m /usr/bin/python3 -c 'import socket
s = socket.socket(socket.AF_UNIX); s.connect("/run/libvirt/qemu/vm-hot/qmp.sock"); f = s.makefile("rw"); f.readline()
for c in ("qmp_capabilities\"}", "device_del\", \"arguments\": {\"id\": \"hostdev0\"}}"):
    f.write("{\"execute\": \"" + c + "\n"); f.flush()
    while "return" not in f.readline(): pass'
m systemctl start virtqemud.socket virtqemud-ro.socket virtqemud-admin.socket virtqemud.service
check "... the next one gives it back" eventually 20 equals host driver 0
check "... the definition has it no more" eventually 10 not contains hostdev lives
check "... nothing may be opened any more" eventually 10 not contains vfio open_to
m virsh -q destroy hot
m sh -c 'systemctl stop test-kernel; rm -r /etc/systemd/system/virtqemud.service.d /dev/vfio;
        systemctl daemon-reload; systemctl stop virtqemud.service'

# --- network ---
card() { printf "<interface type='%s'>%s<model type='virtio'/></interface>" "$1" "$2"; }
check "a card on a socket between guests" define hub "$(card server "<source address='127.0.0.1' port='5558'/>")"
check "... starts" m virsh -q start hub
check "... runs" shows_running hub
check "... and one that connects to it" define spoke "$(card client "<source address='127.0.0.1' port='5558'/>")"
check "... starts" m virsh -q start spoke
check "... runs" shows_running spoke
check "destroy" m virsh -q destroy hub
check "destroy" m virsh -q destroy spoke
check "a card on one of the host's that is not there" define direct \
        "$(card direct "<source dev='nothere0' mode='bridge'/>")"
refused "... is refused with its name" "nothere0" m virsh start direct
check "a switch that is not there" define switch \
        "$(card vhostuser "<source type='unix' path='/run/switch.sock' mode='client'/>")" "$shared"
refused "... is refused with its socket" "/run/switch.sock" m virsh start switch

passt="<interface type='user'><portForward proto='tcp'><range start='2222' to='22'/></portForward>
        <model type='virtio'/><backend type='passt'/></interface>"
check "a way out, which passt looks for" m sh -c 'ip link add up0 type veth peer name up1 && ip link set up0 up &&
        ip link set up1 up && ip addr add 192.0.2.2/24 dev up0 && ip route add default via 192.0.2.1'
check "a card with passt" define passt "$passt"
check "... starts" m virsh -q start passt
check "... runs" shows_running passt
check "its helper is a unit of its own" equals active helper_state vm-passt@passt-net0.service
check "... which listens for the guest" eventually 10 contains :2222 m ss -ltn

logged=${passt/type=\'passt\'/type=\'passt\' logFile=\'/var/log/passt-of-guest.log\'}
check "a card whose passt has a log of its own" define logged "${logged/2222/2244}"
check "... starts" m virsh -q start logged
check "... and the log is the helper's" m sh -c 'test -s /var/log/passt-of-guest.log &&
        test "$(stat -c %a /var/log/passt-of-guest.log)" = 600'
check "... which is not root" not equals 0 m stat -c %u /var/log/passt-of-guest.log
check "destroy" m virsh -q destroy logged
check "undefine" m virsh -q undefine logged
check "a log where there is no folder" define logged "$(sed 's|/var/log|/var/nowhere|' <<<"${logged/2222/2244}")"
refused "... is named" "cannot make the log '/var/nowhere/passt-of-guest.log'" m virsh start logged

late="<interface type='user'><mac address='52:54:00:77:77:77'/>
        <portForward proto='tcp'><range start='2233' to='22'/></portForward>
        <model type='usb-net'/><backend type='passt'/></interface>"
late_xml() { m_with_input sh -c 'cat > /root/late.xml' <<<"$late"; }
late_units() { m sh -c "systemctl list-units --plain --no-legend 'vm-passt@passt-late*' |
        awk '{ print \$1, \$3 }' | sed 's/late[0-9a-f]*/late/'"; }
late_files() { m sh -c 'ls -d /run/systemd/system/vm-passt@passt-late*'; }
check "another one is plugged in while it runs" eval 'late_xml && m virsh -q attach-device passt /root/late.xml --live'
check "... its passt is a unit, too" equals "vm-passt@passt-late.service active" late_units
check "... which listens" eventually 10 contains :2233 m ss -ltn
check "... QEMU is connected to it" contains "hostnet1: index=0,type=socket,socket: fd=" \
        m virsh qemu-monitor-command passt --hmp info network
check "... it goes" m virsh -q detach-device passt /root/late.xml --live
check "... with its passt" eventually 10 equals "" late_units
check "... and its settings" not late_files
check "... the first one goes on" contains :2222 m ss -ltn
check "... and it comes again" m virsh -q attach-device passt /root/late.xml --live
check "... which ends with the guest, too" equals "vm-passt@passt-late.service active" late_units
late=$(sed 's/2233/2222/; s/77:77:77/77:77:78/' <<<"$late")
check "one whose port is taken" late_xml
refused "... is refused with what passt says" "failed: Failed to bind" m virsh attach-device passt /root/late.xml --live
check "... the guest has no such card" not contains 52:54:00:77:77:78 m virsh dumpxml passt
check "... its passt is gone" eventually 10 equals "vm-passt@passt-late.service active" late_units
check "... and its settings" equals 1 m sh -c 'ls -d /run/systemd/system/vm-passt@passt-late* | wc -l'
check "a guest whose port is taken" define taken "$passt"
refused "... does not start" "failed: Failed to bind" m virsh start taken
check "destroy" m virsh -q destroy passt
check "... no settings are left" eventually 15 not late_files
check "... and no unit" eventually 15 equals "" late_units
check "the helper goes with the guest" eventually 15 equals inactive helper_state vm-passt@passt-net0.service

# --- persistent reservations: the disks for it are in 49-whole-reservations, here its sandbox
lun="<controller type='scsi' model='virtio-scsi'/><disk type='block' device='lun'><source dev='/dev/null'>
        <reservations managed='yes'/></source><target dev='sda' bus='scsi'/></disk>"
check "define with managed reservations" define reserved "$lun"
# without its guest, which cannot have such a disk here, it would not stay
m sh -c 'd=/run/systemd/system/vm-pr-helper@alone.service.d; mkdir -p $d
        sed -n "/^\[Service\]/,\$p" /run/systemd/generator/vm-pr-helper@reserved.service.d/*.conf > $d/own.conf
        systemctl daemon-reload'
check "its unit starts" m systemctl start vm-pr-helper@alone.service
# who prepares the guest sends it the socket
m_with_input python3 - <<'PY'
import glob, socket
listening = socket.socket(socket.AF_UNIX)
listening.bind("/root/pr.sock")
listening.listen()
helper = socket.socket(socket.AF_UNIX)
helper.connect(*glob.glob("/run/libvirt/helper/*.pr/socket"))
socket.send_fds(helper, [b"x"], [listening.fileno()])
PY
check "the program starts in its sandbox" eventually 10 m pgrep -x qemu-pr-helper
of_helper() { equals "$2" m sh -c "awk '/^($1)/ { print \$2 }' /proc/\$(pgrep -x qemu-pr-helper)/status | xargs"; }
check "... and keeps nothing but what sends such commands" \
        eventually 10 of_helper 'Cap(Eff|Bnd|Amb)' "0000000000020000 0000000000000000 0000000000000000"
check "... not as root" \
        m sh -c 'u=$(awk "/^Uid/ { print \$2 }" "/proc/$(pgrep -x qemu-pr-helper)/status") && [ "$u" -gt 0 ]'
check "... its sandbox" m systemd-analyze security --no-pager --threshold=25 vm-pr-helper@alone.service
check "... ends" m systemctl stop vm-pr-helper@alone.service

# --- a graphics card that a program beside QEMU draws for; Debian's is in packages that bring a desktop's libraries
drawing=$("$here/fetch-packages" gpu qemu-system-gui libvirglrenderer1 libvulkan1 libva2 libva-drm2)
for package in "$drawing"/*.deb; do
        m_with_input sh -c 'cat > /root/p.deb && dpkg -x /root/p.deb /root/gpu' < "$package"; done
m sh -c 'cp /root/gpu/usr/lib/qemu/vhost-user-gpu /usr/lib/qemu/
        cd /root/gpu/usr/lib/x86_64-linux-gnu && cp -a lib*.so.* /usr/lib/x86_64-linux-gnu/'
gpu="<video><driver name='vhostuser'/><model type='virtio'/></video><graphics type='vnc'/>"
# later ones bind their VNC to the first screen, and refuse it for a card that may send DMABUF
[ "$(m qemu-system-x86_64 --version | sed -n 's/.*version \([0-9]*\).*/\1/p')" -lt 9 ] || gpu=${gpu%<graphics*}
define_with_kvm() {
        guest gpu "$gpu" "$shared" | sed "s/type='qemu'/type='kvm'/" |
                m_with_input sh -c 'cat > /root/gpu.xml && virsh -q define /root/gpu.xml'
}
m sh -c 'umount /dev/kvm 2>/dev/null; rm -f /dev/kvm; mknod -m 660 /dev/kvm c 10 232 && chgrp kvm /dev/kvm'
if ! m sh -c ': < /dev/kvm' 2>/dev/null; then
        echo "SKIPPED: QEMU before 8.1 has vhost-user-gpu with KVM alone, and there is none here"
        finish
fi
check "define with vhost-user-gpu" define_with_kvm
check "... starts" m virsh -q start gpu
check "... runs" shows_running gpu
check "its helper is a unit of its own" equals active helper_state vm-gpu@gpu-gpu0.service
check "... and runs vhost-user-gpu" \
        contains "vhost-user-gpu --fd=3" m systemctl status --no-pager vm-gpu@gpu-gpu0.service
check "... not as root" m sh -c 'u=$(ps -o user= -C vhost-user-gpu | sort -u) && [ -n "$u" ] && [ "$u" != root ]'
check "QEMU has its card" contains '"qdev_id":"video0"' qmp gpu query-pci
check "... with a screen" m virsh -q screenshot gpu /root/gpu.screen
check "... which is a picture" m sh -c 'test "$(head -c 4 /root/gpu.screen | tail -c 3)" = PNG'
check "the sandbox" m systemd-analyze security --no-pager --threshold=20 vm-gpu@gpu-gpu0.service
check "destroy" m virsh -q destroy gpu
check "the helper goes with the guest" eventually 15 equals inactive helper_state vm-gpu@gpu-gpu0.service

finish
