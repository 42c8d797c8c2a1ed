#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Devices that need more than QEMU: TPMs and folders with helpers in units of their own, threads on their CPUs, memory in files.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

shared="<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"
folder() { printf "<filesystem type='mount'><driver type='virtiofs'/><source dir='%s'/><target dir='%s'/></filesystem>" "$1" "$2"; }
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
check "QEMU knows the TPM" contains tpm-tpm0 qmp tpm query-tpm
check "the state is where libvirt keeps it" m sh -c 'test -s /var/lib/libvirt/swtpm/*/tpm2/tpm2-00.permall'
check "destroy" m virsh -q destroy tpm
check "the helper goes with the guest" eventually 15 equals inactive helper_state vm-swtpm@tpm.service
before=$(m sh -c 'ls -i /var/lib/libvirt/swtpm/*/tpm2/tpm2-00.permall')
check "start again" m virsh -q start tpm
check "... with the same state" contains "${before##*/swtpm}" m sh -c 'ls -i /var/lib/libvirt/swtpm/*/tpm2/tpm2-00.permall'
check "destroy" m virsh -q destroy tpm

check "a state folder that cannot be made" m sh -c 'mv /var/lib/libvirt/swtpm /var/lib/libvirt/kept && mkdir /var/lib/libvirt/swtpm && mount -t tmpfs -o ro none /var/lib/libvirt/swtpm'
refused "... is named when the start fails" "/var/lib/libvirt/swtpm" m virsh start tpm
check "... and nothing runs" equals "shut off" sh -c "\"$here/container\" sh \"$dir\" virsh -c qemu:///system domstate tpm | head -1"
check "with the folder back" m sh -c 'umount /var/lib/libvirt/swtpm && rmdir /var/lib/libvirt/swtpm && mv /var/lib/libvirt/kept /var/lib/libvirt/swtpm && systemctl reset-failed'
check "... it starts" m virsh -q start tpm
check "destroy" m virsh -q destroy tpm
check "domcapabilities tell that one can be emulated" contains "<value>emulator</value>" m virsh domcapabilities
check "undefine --keep-tpm" m virsh -q undefine --keep-tpm tpm
check "... keeps its state" m sh -c 'test -s /var/lib/libvirt/swtpm/*/tpm2/tpm2-00.permall'
check "defined again" define tpm "$tpm" "$uuid"
check "undefine" m virsh -q undefine tpm
check "... takes it away" m sh -c 'test -z "$(ls /var/lib/libvirt/swtpm)"'

# --- a TPM whose state is encrypted ---
key=5a1d3f38-4b1d-4f3e-8b87-5f4a3b0c9d11
m_with_input sh -c 'cat > /root/key.xml && virsh -q secret-define /root/key.xml' <<XML
<secret ephemeral='no' private='yes'><uuid>$key</uuid><usage type='vtpm'><name>locked</name></usage></secret>
XML
passphrase() { m sh -c "printf '$1' > /root/key && virsh -q secret-set-value $key --file /root/key --plain && rm /root/key"; }
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
refused "with another passphrase it does not start" "Failed to start domain" m virsh start locked
passphrase 'open sesame'
check "with the first it does" m virsh -q start locked
check "destroy" m virsh -q destroy locked
check "undefine" m sh -c "virsh -q undefine locked && virsh -q secret-undefine $key"

# --- folders ---
check "folders to share" m sh -c 'mkdir -p /srv/share /srv/nine && echo hello > /srv/share/word'
refused "virtiofs without shared memory says what to add" "memfd" define private "$(folder /srv/share share)"
check "define with a folder" define fs "$(folder /srv/share share)" "$shared"
check "... starts" m virsh -q start fs
check "... runs" shows_running fs
check "its helper is a unit of its own" equals active helper_state vm-virtiofsd@fs-fs0.service
check "... which sees the folder and no other" not m sh -c 'ls /proc/$(systemctl show -P MainPID vm-virtiofsd@fs-fs0.service)/root/srv/nine'
check "destroy" m virsh -q destroy fs
check "the helper goes with the guest" eventually 15 equals inactive helper_state vm-virtiofsd@fs-fs0.service
check "without its folder" m sh -c 'mv /srv/share /srv/away'
refused "... it does not start, and the folder is named" "/srv/share" m virsh start fs
check "define with a folder by 9p" define nine "<filesystem type='mount' accessmode='mapped'><source dir='/srv/nine'/><target dir='nine'/></filesystem>"
check "... starts" m virsh -q start nine
check "... runs" shows_running nine
check "destroy" m virsh -q destroy nine

# --- threads ---
pins="<vcpu>2</vcpu><cputune><vcpupin vcpu='0' cpuset='0'/><vcpupin vcpu='1' cpuset='1'/><emulatorpin cpuset='1'/><vcpusched vcpus='0' scheduler='batch'/></cputune>"
affinity() { m sh -c "for t in /proc/$1/task/*; do grep -q '$2' \$t/comm && taskset -pc \${t##*/}; done"; }
check "define with pins" sh -c true
pinned() { guest_xml pins | sed "s|<vcpu[^/]*/vcpu>||; s|<os>|$pins<os>|" | m_with_input sh -c 'cat > /root/pins.xml && virsh -q define /root/pins.xml'; }
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
check "huge pages that are not there" define huge "" "<memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages></memoryBacking>"
refused "... are refused with how many are wanted" "huge pages of 2048 KiB" m virsh start huge

# --- devices of the host ---
check "define with a USB device that is not there" define usb "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1234'/><product id='0x5678'/></source></hostdev>"
refused "... start names it" "1234:5678" m virsh start usb

# --- a USB device that is unplugged and comes back (made up, with a QEMU that takes what it gets)
usb_is() {      # BUS DEVICE
        m sh -c "d=/srv/sys/bus/usb/devices/$1-1; mkdir -p \$d /dev/bus/usb/00$1 && echo $1 > \$d/busnum && echo $2 > \$d/devnum &&
                echo 1234 > \$d/idVendor && echo 5678 > \$d/idProduct && touch /dev/bus/usb/00$1/00$2"
}
usb_goes() { m sh -c 'rm -r /srv/sys/bus/usb/devices/* /dev/bus/usb/*'; }
usb_at() { m virsh dumpxml back | grep -qF "<address bus='$1' device='$2'/>"; }
m sh -c 'mkdir -p /usr/local/lib/fq /srv/sys/bus/usb/devices; cp /run/test/fake-qemu.d/usb.py /usr/local/lib/fq/
        cp /run/test/fake-qemu /usr/local/bin/fq-usb; chmod -R go+rX /usr/local/lib/fq /usr/local/bin/fq-usb
        for unit in vm@back vm-plug vm-usb@; do
                mkdir -p /etc/systemd/system/$unit.service.d
                printf "[Service]\nEnvironment=UNITVIRT_SYS=/srv/sys\n" > /etc/systemd/system/$unit.service.d/test.conf
        done; systemctl daemon-reload'
check "define a guest with a USB device that may be missing" define back "<controller type='usb' model='qemu-xhci'/>
        <hostdev mode='subsystem' type='usb'><source startupPolicy='optional'><vendor id='0x1234'/><product id='0x5678'/></source></hostdev>"
m sh -c "virsh -q dumpxml back --inactive | sed 's,<emulator>.*</emulator>,<emulator>/usr/local/bin/fq-usb</emulator>,' > /root/back.xml && virsh -q define /root/back.xml"
check "... starts without it" m virsh -q start back
check "... udev starts what gives it, for such a device only" m test -e /run/libvirt/usb/1234:5678
usb_is 1 5
check "... it comes" m systemctl start vm-usb@1234:5678
check "... and is the guest's" usb_at 1 5
check "... QEMU has it" contains "device_add hostdev0 /dev/fdset/" m journalctl -q -b -o cat -u vm@back
check "... nothing is done while it has" m systemctl start vm-usb@1234:5678
check "... it was given once" equals 1 m sh -c 'journalctl -q -b -o cat -u vm@back | grep -c device_add'
usb_goes
usb_is 2 7
check "... it comes back in another place" m systemctl start vm-usb@1234:5678
check "... and is the guest's again" usb_at 2 7
check "... in place of the one that is gone" equals "device_add device_del device_add" \
        m sh -c "journalctl -q -b -o cat -u vm@back | grep -o 'device_...' | xargs"
check "... the persistent definition is as it was" m sh -c "! virsh dumpxml back --inactive | grep -q \"device='7'\""
usb_is 1 9
refused "two of them are one too many" "Multiple USB devices" m sh -c 'systemctl start vm-usb@1234:5678 || journalctl -q -b -o cat -u vm-usb@1234:5678 && false'
m virsh -q destroy back
check "without such a guest nothing is started any more" m sh -c \
        'rm -r /srv/sys/bus/usb/devices/2-1; systemctl start vm-usb@1234:5678 && [ ! -e /run/libvirt/usb/1234:5678 ]'
check "one that may be missing" define maybe "<hostdev mode='subsystem' type='usb'><source startupPolicy='optional'><vendor id='0x1234'/><product id='0x5678'/></source></hostdev>"
check "... starts" m virsh -q start maybe
check "... and is missing" contains "missing='yes'" m virsh dumpxml maybe
check "destroy" m virsh -q destroy maybe
check "define with a PCI device that is not there" define pci "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x00ff' bus='0x06' slot='0x12' function='0x5'/></source></hostdev>"
refused "... start names it" "00ff:06:12.5" m virsh start pci
check "... and its unit could lock all memory" equals infinity m systemctl show -P LimitMEMLOCK vm@pci.service

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
check "a card on one of the host's that is not there" define direct "$(card direct "<source dev='nothere0' mode='bridge'/>")"
refused "... is refused with its name" "nothere0" m virsh start direct
check "a switch that is not there" define switch "$(card vhostuser "<source type='unix' path='/run/switch.sock' mode='client'/>")" "$shared"
refused "... is refused with its socket" "/run/switch.sock" m virsh start switch

passt="<interface type='user'><portForward proto='tcp'><range start='2222' to='22'/></portForward><model type='virtio'/><backend type='passt'/></interface>"
check "a way out, which passt looks for" m sh -c 'ip link add up0 type veth peer name up1 && ip link set up0 up && ip link set up1 up && ip addr add 192.0.2.2/24 dev up0 && ip route add default via 192.0.2.1'
check "a card with passt" define passt "$passt"
check "... starts" m virsh -q start passt
check "... runs" shows_running passt
check "its helper is a unit of its own" equals active helper_state vm-passt@passt-net0.service
check "... which listens for the guest" eventually 10 contains :2222 m ss -ltn

late="<interface type='user'><mac address='52:54:00:77:77:77'/><portForward proto='tcp'><range start='2233' to='22'/></portForward><model type='usb-net'/><backend type='passt'/></interface>"
late_xml() { m_with_input sh -c 'cat > /root/late.xml' <<<"$late"; }
late_units() { m sh -c "systemctl list-units --plain --no-legend 'vm-passt@passt-late*' | awk '{ print \$1, \$3 }' | sed 's/late[0-9a-f]*/late/'"; }
late_files() { m sh -c 'ls -d /run/systemd/system/vm-passt@passt-late*'; }
check "another one is plugged in while it runs" eval 'late_xml && m virsh -q attach-device passt /root/late.xml --live'
check "... its passt is a unit, too" equals "vm-passt@passt-late.service active" late_units
check "... which listens" eventually 10 contains :2233 m ss -ltn
check "... QEMU is connected to it" contains "hostnet1: index=0,type=socket,socket: fd=" m virsh qemu-monitor-command passt --hmp info network
check "... it goes" m virsh -q detach-device passt /root/late.xml --live
check "... with its passt" eventually 10 equals "" late_units
check "... and its settings" not late_files
check "... the first one goes on" contains :2222 m ss -ltn
check "... and it comes again" m virsh -q attach-device passt /root/late.xml --live
check "... which ends with the guest, too" equals "vm-passt@passt-late.service active" late_units
late=$(sed 's/2233/2222/; s/77:77:77/77:77:78/' <<<"$late")
check "one whose port is taken" late_xml
refused "... is refused with what passt says" "helper failed: Failed to bind" m virsh attach-device passt /root/late.xml --live
check "... the guest has no such card" not contains 52:54:00:77:77:78 m virsh dumpxml passt
check "... its passt is gone" eventually 10 equals "vm-passt@passt-late.service active" late_units
check "... and its settings" equals 1 m sh -c 'ls -d /run/systemd/system/vm-passt@passt-late* | wc -l'
check "a guest whose port is taken" define taken "$passt"
refused "... does not start" "helper failed: Failed to bind" m virsh start taken
check "destroy" m virsh -q destroy passt
check "... no settings are left" eventually 15 not late_files
check "... and no unit" eventually 15 equals "" late_units
check "the helper goes with the guest" eventually 15 equals inactive helper_state vm-passt@passt-net0.service

finish
