#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Devices and firmware that definitions can name, each in a guest that runs: what QEMU and the guest's kernel see of
# them, and the calls that are about them.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
images=/var/lib/libvirt/images
py() { m_with_input /usr/bin/python3 - "$@"; }
define() { m_with_input sh -c "cat > /root/x.xml && virsh -q define /root/x.xml"; }
said() { m sh -c "journalctl -b -o cat --no-pager VM_NAME=$1 | grep -aE 'guest: '"; }
# Where it said nothing at all, the end of its console says why.
saw() { said "$1" | grep -aqE -- "$2" || { said "$1" | grep . || m journalctl -b -o cat --no-pager -n 14 VM_NAME="$1";
        return 1; }; }

# Firmware in flash: OVMF with a copy of its variables.
uefi() {
        cat <<XML
<domain type='qemu'>
  <name>uefi</name>
  <memory unit='MiB'>128</memory>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>
    <nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'/>
  </os>
  <features><acpi/></features>
  <devices><serial type='pty'/><memballoon model='none'/></devices>
</domain>
XML
}
nvram=/var/lib/libvirt/qemu/nvram/uefi_VARS.fd
define_uefi() { uefi | define; }
has_its_own_variables() { m sh -c \
        "cmp -s $nvram /usr/share/OVMF/OVMF_VARS_4M.fd
        [ \$? = 1 ] && [ \$(stat -c %s $nvram) = \$(stat -c %s /usr/share/OVMF/OVMF_VARS_4M.fd) ]"; }
if m test -e /usr/share/OVMF/OVMF_CODE_4M.fd; then
        check "define of a guest with UEFI" define_uefi
        check "... names its variables" contains "$nvram" m virsh dumpxml uefi
        check "... there is no file yet" not m test -e "$nvram"
        check "start" m virsh -q start uefi
        check "... it runs" shows_running uefi
        check "... the file was made of the template" m test -s "$nvram"
        check "... the firmware writes into it" eventually 60 has_its_own_variables
        check "... it is not readable for others" m sh -c "[ \$(stat -c %a $nvram) = 600 ]"
        check "destroy" m virsh -q destroy uefi
        sum=$(m sha256sum "$nvram")
        check "the file is kept" [ -n "$sum" ]
        check "undefine without a word about it is refused" not m virsh -q undefine uefi
        check "undefine --keep-nvram" m virsh -q undefine --keep-nvram uefi
        check "... keeps it" m test -s "$nvram"
        check "define again, start" sh -c true
        check "... define" define_uefi
        check "... start" m virsh -q start uefi
        check "... destroy" m virsh -q destroy uefi
        check "undefine --nvram" m virsh -q undefine --nvram uefi
        check "... removes it" not m test -e "$nvram"

        # The same, with the image left to be chosen: by define, and by the start of a file that was written by hand.
        chosen() { uefi | sed -e "/<loader/d; /<nvram/d; s/<os>/<os firmware='efi'>/; s/>uefi</>$1</"; }
        define_chosen() { chosen chosen | define; }
        put_chosen() { chosen byfile | m_with_input sh -c 'cat > /etc/libvirt/qemu/byfile.xml' &&
                m systemctl daemon-reload; }
        check "domcapabilities: efi may be asked for" contains "<value>efi</value>" \
                m virsh domcapabilities --machine q35
        check "... and secure boot" contains "<value>/usr/share/OVMF/OVMF_CODE_4M.ms.fd</value>" \
                m virsh domcapabilities --machine q35
        check "define of a guest that leaves its firmware to be chosen" define_chosen
        check "... the choice is in the definition" \
                contains "type='pflash' format='raw'>/usr/share/OVMF/OVMF_CODE_4M.ms.fd</loader>" m virsh dumpxml chosen
        check "... start" m virsh -q start chosen
        check "... it runs" shows_running chosen
        check "... destroy" m virsh -q destroy chosen
        check "a file that leaves it to be chosen" put_chosen
        check "... start" m systemctl start vm@byfile
        check "... the choice is in the live definition" contains "/usr/share/OVMF/OVMF_CODE_4M.ms.fd</loader>" \
                m virsh dumpxml byfile
        check "... the file is as it was" m sh -c '! grep -q loader /etc/libvirt/qemu/byfile.xml'
        check "... destroy" m virsh -q destroy byfile
else
        echo "SKIPPED: UEFI: ovmf is not installed"
fi

# A guest of 32 bits has a QEMU of its own.
define_i686() { guest_i686 | define; }
guest_i686() { echo "<domain type='qemu'><name>old32</name><memory unit='MiB'>64</memory>
        <os><type arch='i686'>hvm</type></os><devices><memballoon model='none'/></devices></domain>"; }
runs_qemu() { m sh -c "readlink /proc/\$(pgrep -P \$(systemctl show -P MainPID vm@old32))/exe"; }
if m test -x /usr/bin/qemu-system-i386; then
        check "capabilities: guests of 32 bits" contains "<arch name='i686'>" m virsh capabilities
        check "domcapabilities for them" contains "<path>/usr/bin/qemu-system-i386</path>" \
                m virsh domcapabilities --arch i686
        check "define of one" define_i686
        check "... start" m virsh -q start old32
        check "... it runs" shows_running old32
        check "... by the program for it" contains qemu-system-i386 runs_qemu
        check "... destroy" m virsh -q destroy old32
else
        echo "SKIPPED: a guest of 32 bits: qemu-system-i386 is not installed"
fi

# Disks on each bus, and everything else that the guest's kernel can tell of.
m sh -c "cd $images && cp /run/guest/disk.qcow2 many.qcow2 &&
        for n in scsi sata usb cdrom other; do
                truncate -s 4M \$n.raw; printf 'this-is-%s------' \$n | dd of=\$n.raw conv=notrunc status=none
        done
        qemu-img create -q -f qcow2 extra.qcow2 8M"
loop=$(m sh -c "truncate -s 4M $images/loop.raw &&
        printf 'this-is-loop------' | dd of=$images/loop.raw conv=notrunc status=none &&
        losetup -f --show $images/loop.raw" 2>/dev/null)
trap '[ -z "$loop" ] || m losetup -d "$loop"; clean_up' EXIT
m sh -c 'ip link add br-test type bridge && ip link set br-test up'

many() {
        cat <<XML
<domain type='qemu'>
  <name>many</name>
  <memory unit='MiB'>256</memory>
  <currentMemory unit='MiB'>224</currentMemory>
  <vcpu>2</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>$images/vmlinuz</kernel><initrd>$images/initrd.img</initrd>
    <cmdline>console=ttyS0 root=/dev/vda hostname=many quiet report $kernel_words maxcpus=1</cmdline>
  </os>
  <features><acpi/></features>
  <pm><suspend-to-mem enabled='yes'/><suspend-to-disk enabled='no'/></pm>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$images/many.qcow2'/>
      <target dev='vda' bus='virtio'/><serial>first</serial></disk>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$images/extra.qcow2'/>
      <target dev='vdb' bus='virtio'/><iotune><total_iops_sec>10001</total_iops_sec>
      <total_iops_sec_max>20001</total_iops_sec_max><total_iops_sec_max_length>3</total_iops_sec_max_length>
      <group_name>ours</group_name></iotune></disk>
    ${loop:+<disk type='block' device='disk'><driver name='qemu' type='raw'/><source dev='$loop'/>
      <target dev='vdc' bus='virtio'/></disk>}
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='$images/scsi.raw'/>
      <target dev='sda' bus='scsi'/><iotune><read_bytes_sec>10000002</read_bytes_sec>
      <read_iops_sec>10005</read_iops_sec><size_iops_sec>4096</size_iops_sec></iotune></disk>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='$images/sata.raw'/>
      <target dev='sdb' bus='sata'/><iotune><write_iops_sec>10003</write_iops_sec></iotune></disk>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='$images/usb.raw'/>
      <target dev='sdc' bus='usb'/><iotune><total_bytes_sec>10000004</total_bytes_sec></iotune></disk>
    <disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='$images/cdrom.raw'/>
      <target dev='sdd' bus='sata'/></disk>
    <controller type='scsi' index='0' model='virtio-scsi'/>
    <controller type='usb' index='0' model='qemu-xhci'/>
    <controller type='virtio-serial' index='0'/>
    <interface type='bridge'><source bridge='br-test'/><mac address='52:54:00:00:00:07'/>
      <model type='virtio'/></interface>
    <interface type='user'><model type='e1000e'/></interface>
    <serial type='pty'/>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <channel type='unix'><source mode='bind' path='/run/libvirt/qemu/many.extra'/>
      <target type='virtio' name='org.example.extra'/></channel>
    <input type='tablet' bus='usb'/>
    <input type='keyboard' bus='virtio'/>
    <graphics type='vnc' port='-1' autoport='yes'/>
    <sound model='ich9'/>
    <video><model type='virtio'/></video>
    <watchdog model='i6300esb' action='reset'/>
    <memballoon model='virtio'><stats period='1'/></memballoon>
    <rng model='virtio'><rate bytes='4096' period='1000'/><backend model='random'>/dev/urandom</backend></rng>
    <panic model='pvpanic'/>
  </devices>
</domain>
XML
}
define_many() { many | define; }
check "define of a guest with devices of all kinds" define_many
check "start" m virsh -q start many
check "... it runs" shows_running many
check "... its kernel reports" eventually 150 saw many 'end of report'
check "virtio disk: size and serial number" saw many 'disk vda sectors 98304 readonly 0 serial first'
check "second virtio disk, qcow2" saw many 'disk vdb sectors 16384 readonly 0'
if [ -n "$loop" ]; then check "block device" saw many 'start this-is-loop';
        else echo "SKIPPED: a block device: no loop device here"; fi
check "SCSI disk: what is on it" saw many 'disk sd. sectors 8192 readonly 0 .*start this-is-scsi'
# Debian's cloud kernel has no drivers for these: QEMU tells of them.
for disk in sdb sdc sdd; do check "SATA disk, USB disk, CD drive: $disk" contains "$disk rd_req" \
        m virsh domblkstat many $disk; done
limits() { m virsh qemu-monitor-command many '{"execute":"query-block"}'; }
for limit in '"iops":10001' '"iops_max":20001' '"iops_max_length":3' '"group":"ours"' '"bps_rd":10000002' \
        '"iops_size":4096' '"iops_wr":10003' '"bps":10000004'; do
        check "limits of disks: $limit" contains "$limit" limits
done
check "CD drive: read only" contains "<readonly/>" m virsh dumpxml many
check "bridge interface with its address" saw many 'net eth. mac 52:54:00:00:00:07'
check "agent's channel" saw many 'port org.qemu.guest_agent.0'
check "... has a socket where the definition wants it" m test -S /run/libvirt/qemu/many.extra
check "another channel" saw many 'port org.example.extra'
check "random numbers" saw many 'random 8'
check "sound card" saw many 'pci .* 0x8086 0x293e 0x0403'
check "USB controller" saw many 'pci .* 0x1b36 0x000d 0x0c03'
check "watchdog" saw many 'pci .* 0x8086 0x25ab'
check "graphics adapter" saw many 'pci .* 0x1af4 0x1050'
# The kernel found its devices with one of them: QEMU 10 without KVM may lose track of its memory map, and abort, while
# one processor moves the windows of devices and the other one looks through them.
second='echo 1 > /sys/devices/system/cpu/cpu1/online; grep -c ^processor /proc/cpuinfo | sed s/^/processors:/'
check "at its login prompt" eventually 60 \
        m sh -c "journalctl -b -o cat --no-pager VM_NAME=many | grep -qa 'many login:'"
check "two processors" contains processors:2 console_says many "$second"

ask_agent() {
        py many <<'PY'
import libvirt, socket, sys, xml.etree.ElementTree as et
d = libvirt.open('qemu:///system').lookupByName(sys.argv[1])
for c in et.fromstring(d.XMLDesc()).iter('channel'):
    if c.find('target').get('name') == 'org.qemu.guest_agent.0':
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(20)
        s.connect(c.find('source').get('path'))
        s.sendall(b'{"execute": "guest-sync", "arguments": {"id": 4711}}\n')
        answer = s.recv(1000)
        assert b'4711' in answer, answer
        sys.exit(0)
sys.exit('no channel')
PY
}
check "the agent answers on its socket" eventually 20 ask_agent
check "the tap is in the bridge" m sh -c 'ls /sys/class/net/br-test/brif | grep -q vnet'
tap=$(m virsh -q domiflist many | awk '$2 == "bridge" { print $1 }')
check "domiflist names it" [ -n "$tap" ]
# A real machine's /sys is one file system, of one network namespace; nspawn's is a folder with parts of it in it.
real_sys() {
        m sh -c 'mkdir /run/sysfs && mount -t sysfs -o ro sysfs /run/sysfs &&
                mount --rbind /sys/fs/cgroup /run/sysfs/fs/cgroup &&
                mount --rbind /run/sysfs /sys && [ "$(stat -f -c %T /sys)" = sysfs ]'
}
check "control: /sys as on a real machine" real_sys
check "... and the tap in it" m test -d "/sys/class/net/$tap/statistics"
check "... for a new daemon" m systemctl restart virtqemud.service
check "domifstat" contains "rx_bytes" m virsh domifstat many "$tap"
check "domblklist" contains "$images/scsi.raw" m virsh domblklist many
check "domblkstat counts reads" \
        m sh -c "[ \$(virsh domblkstat many vda | awk '\$2 == \"rd_bytes\" { print \$3 }') -gt 1000000 ]"
check "domblkstat of the SCSI disk" contains "rd_req" m virsh domblkstat many sda
check "domblkinfo" contains "Capacity:       8388608" m virsh domblkinfo many vdb

balloon_is() { m virsh dommemstat many | grep -qx "actual $1"; }
check "balloon: the current memory of the definition" eventually 20 balloon_is 229376
has_statistics() { m virsh dommemstat many | grep -qE '^(unused|available) [1-9]'; }
check "dommemstat: statistics of the guest" eventually 20 has_statistics
period() { m virsh dumpxml ${1-} many | sed -n "s|.*<stats period='\(.*\)'/>.*|\1|p"; }
asked_every() {
        m virsh qemu-monitor-command many --hmp 'qom-get /machine/peripheral/balloon0 guest-stats-polling-interval' |
                tr -d '\r' | grep .
}
check "... which come as the definition's period says" equals 1 asked_every
check "dommemstat --period" m virsh -q dommemstat many --period 2 --live
check "... is QEMU's now" equals 2 asked_every
updated() { m virsh dommemstat many | sed -n 's/^last_update //p'; }
before=$(updated)
newer() { [ "$(updated)" -gt "$((before + 1))" ]; }
check "... the guest reports anew" eventually 20 newer
check "... and in the live definition" equals 2 period
check "... alone" equals 1 period --inactive
check "... --config" m virsh -q dommemstat many --period 0 --config
check "... 0 is none" equals "" period --inactive
refused "virDomainSetMaxMemory of a guest that runs" "cannot resize the maximum memory on an active domain" \
        m /usr/bin/python3 -c \
        'import libvirt; libvirt.open().lookupByName("many").setMaxMemory(524288)'

check "vncdisplay" contains "127.0.0.1:0" m virsh vncdisplay many
check "domdisplay" contains "vnc://127.0.0.1:0" m virsh domdisplay many
vnc_greets() { m /usr/bin/python3 \
        -c 'import socket
s = socket.create_connection(("127.0.0.1", 5900)); s.settimeout(10); assert s.recv(12).startswith(b"RFB 003.")'; }
check "VNC greets on its port" vnc_greets
check "it runs on" shows_running many

check "destroy" m virsh -q destroy many
check "... the channel's socket is gone" eventually 5 not m test -e /run/libvirt/qemu/many.extra

# qemu.conf: what it says about screens holds where the definition says nothing, and what cannot be had is refused.
qemu_conf() { printf '%s\n' "$@" | m_with_input sh -c 'cat > /etc/libvirt/qemu.conf && systemctl daemon-reload'; }
screen() { m virsh -q undefine screen 2>/dev/null; define_guest screen idle "<graphics type='vnc' $1/>"; }
listens() { m sh -c "ss -Hltn 'sport = :$2' | awk '{ print \$4 }' | grep -qxF '$1:$2'"; }
security_types() { m /usr/bin/python3 \
        -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); s.settimeout(10)
f = s.makefile("rwb"); v = f.readline(); f.write(v); f.flush(); print(*f.read(f.read(1)[0]))' "$1"; }
# Can a client log in? The answer to a challenge is the challenge, encrypted by DES with the password, whose bytes are
# turned round.
logs_in() {
        py "$1" "$2" <<'PY'
import socket, subprocess, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); s.settimeout(10)
f = s.makefile("rwb")
def send(b): f.write(b); f.flush()
send(f.readline()); assert 2 in f.read(f.read(1)[0]); send(bytes([2]))
des = "openssl enc -des-ecb -nopad -provider legacy -provider default -K".split() + [sys.argv[2]]
answer = subprocess.run(des, input=f.read(16), capture_output=True, check=True).stdout
assert len(answer) == 16; send(answer)
result = f.read(4); print("result", result)
sys.exit(0 if result == bytes(4) else 1 if result == bytes([0, 0, 0, 1]) else 2)
PY
}
empty=0000000000000000 x=1e00000000000000
is_kept_out() { logs_in "$@"; [ $? = 1 ]; }
m sh -c 'cp /etc/libvirt/qemu.conf /root/qemu.conf.kept 2>/dev/null'
check "qemu.conf" qemu_conf 'vnc_listen = "0.0.0.0"' 'remote_display_port_min = 5950' 'user = "root"' \
        'vnc_password = "sesame"' 'max_files = 9000'
check "a guest that names no address" screen "port='-1'"
check "... start" m virsh -q start screen
check "... vnc_listen, remote_display_port_min: it listens there" listens 0.0.0.0 5950
check "... and clients are told" contains "vnc://localhost:50" m virsh domdisplay screen
check "... dumpxml" contains "listen='0.0.0.0'" m virsh dumpxml screen
check "... the stored definition is as it was" not contains 0.0.0.0 m virsh dumpxml --inactive screen
check "vnc_password: a password is asked for" equals 2 security_types 5950
check "... that nobody reads in the definition" not contains sesame m virsh dumpxml --security-info screen
check "max_files: a limit of the unit" equals 9000 m systemctl show -P LimitNOFILE vm@screen
check "destroy" m virsh -q destroy screen
check "the definition's own address wins" screen "port='5960' listen='127.0.0.1' passwd='x'"
check "... start" m virsh -q start screen
check "... it listens there" listens 127.0.0.1 5960
check "destroy" m virsh -q destroy screen
check "an empty password" qemu_conf 'vnc_password = ""'
check "... a guest without one" screen "port='5960'"
check "... start" m virsh -q start screen
check "... a password is asked for" equals 2 security_types 5960
check "... and nobody is let in, not with an empty one either" is_kept_out 5960 $empty
check "destroy" m virsh -q destroy screen
check "the same in the definition" screen "port='5960' passwd=''"
check "... start" m virsh -q start screen
check "... nobody is let in" is_kept_out 5960 $empty
check "destroy" m virsh -q destroy screen
check "a password that is good until next year" screen \
        "port='5960' passwd='x' passwdValidTo='$(($(date +%Y) + 1))-01-01T00:00:00'"
check "... start" m virsh -q start screen
check "... lets in who has it" logs_in 5960 $x
check "... and nobody else" is_kept_out 5960 $empty
check "destroy" m virsh -q destroy screen
check "one that was good until last year" screen \
        "port='5960' passwd='x' passwdValidTo='$(($(date +%Y) - 1))-01-01T00:00:00'"
check "... start" m virsh -q start screen
check "... lets nobody in" is_kept_out 5960 $x
check "destroy" m virsh -q destroy screen
refused "a time that is none" "password validity time 'soon'" screen "passwd='x' passwdValidTo='soon'"
check "define again" screen "port='-1'"
check "qemu.conf" qemu_conf '' '' 'user = "root"'
warned() { m sh -c "journalctl -b -o cat -u virtqemud | grep -qF '/etc/libvirt/qemu.conf:3: user: has no effect: '"; }
check "a key without effect" m systemctl restart virtqemud.service
check "... is a warning of the daemon" eventually 10 warned
warnings() { m sh -c "journalctl -b -o cat -u virtqemud | grep -cF '/etc/libvirt/qemu.conf:3: user: has no effect: '"; }
said=$(warnings)
check "... not of each that is started" m sh -c 'systemctl restart virtqemud.service && virsh -q list'
check "... no further one" equals "$said" warnings
check "... but at a reload" m systemctl reload virtqemud.service
check "... one more" eventually 10 equals $((said + 1)) warnings
check "... of a file that did not change" \
        contains "/etc/libvirt/qemu.conf was read again; it is as it was, problems: 1" \
        m journalctl -b -o cat -u virtqemud
check "... and of verify" contains "/etc/libvirt/qemu.conf:3: user: has no effect: each guest has a user of its own" \
        m unitvirt verify /etc/libvirt/qemu.conf
check "vnc_auto_unix_socket" qemu_conf 'vnc_auto_unix_socket = 1'
check "... a guest that names no address" screen "port='-1'"
check "... start" m virsh -q start screen
check "... has a socket" contains "vnc.sock" m virsh domdisplay screen
check "... and no port" not m sh -c "ss -Hltn 'sport >= :5900 and sport <= :5999' | grep ."
check "destroy" m virsh -q destroy screen
check "mac_filter" qemu_conf '# of the host' 'mac_filter = 1'
check "... a guest with a card on a bridge" define_guest bridged idle \
        "<interface type='bridge'><source bridge='br9'/></interface>"
refused "... start of it" "/etc/libvirt/qemu.conf:2: mac_filter: MAC addresses on bridges" m virsh start bridged
check "... its unit says why" contains "qemu.conf:2: mac_filter" m systemctl status -l --no-pager vm@bridged
refused "... verify --all" "/etc/libvirt/qemu.conf:2: mac_filter" m unitvirt verify --all
check "... undefine" m virsh -q undefine bridged
check "... a guest without" define_guest plain
check "... starts" m virsh -q start plain
check "a broken file" qemu_conf 'mac_filter = 0' 'vnc_listen = 0.0.0.0'
refused "... no guest is started" "/etc/libvirt/qemu.conf:2: " m virsh start screen
check "... the one that runs is not touched" shows_running plain
check "... the daemon answers" m virsh -q list
check "destroy" m virsh -q destroy plain
check "no file" m sh -c 'rm /etc/libvirt/qemu.conf
        ! test -e /root/qemu.conf.kept || mv /root/qemu.conf.kept /etc/libvirt/qemu.conf; systemctl daemon-reload'
check "... start" m virsh -q start screen
check "... the limit is that of all" equals 65536 m systemctl show -P LimitNOFILE vm@screen
check "destroy" m virsh -q destroy screen

# SPICE. QEMU has it in modules: Debian 12's in its own packages, Debian 13's in one of their own. And sockets of
# screens.
modules=$(m sh -c 'echo /usr/lib/*-linux-gnu/qemu')
seen_by() { m virsh -q undefine "$1" 2>/dev/null; define_guest "$1" idle "$2"; }
# A client says who it is and is told 0, no error; REDQ is SPICE's, RFB is VNC's.
greets() {
        py "$@" <<'PY'
import socket, struct, sys
kind, at = sys.argv[1:]
s = socket.socket(socket.AF_UNIX) if at.startswith("/") else socket.socket()
s.settimeout(10)
s.connect(at if at.startswith("/") else ("127.0.0.1", int(at)))
if kind == "spice":
    s.sendall(struct.pack("<4sIII", b"REDQ", 2, 2, 18) + struct.pack("<IBBIII", 0, 1, 0, 0, 0, 18))
    answer = s.recv(20, socket.MSG_WAITALL)
    assert answer[:4] == b"REDQ" and answer[16:20] == bytes(4), answer
else:
    assert s.recv(12).startswith(b"RFB 003.")
PY
}
in_folder() { echo "/run/libvirt/qemu/vm-$1/$2.sock"; }
if m test -e "$modules/ui-spice-core.so"; then
        check "SPICE on a port that is chosen" seen_by port "<graphics type='spice' autoport='yes'/>"
        check "... start" m virsh -q start port
        check "... domdisplay" equals spice://127.0.0.1:5900 m virsh domdisplay port
        check "... it greets there" greets spice 5900
        check "... its TLS has no port" not m sh -c "virsh dumpxml port | grep -q tlsPort"
        check "destroy" m virsh -q destroy port
        check "SPICE on a port, with a password" seen_by port "<graphics type='spice' port='5977' passwd='x'/>"
        check "... start" m virsh -q start port
        check "... domdisplay" equals spice://127.0.0.1:5977 m virsh domdisplay port
        check "... it greets there" greets spice 5977
        check "destroy" m virsh -q destroy port
        check "with what its clients bring along" seen_by port \
                "<graphics type='spice' autoport='yes'/><video><model type='qxl'/></video><sound model='ich9'/>
                <channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>
                <redirdev bus='usb' type='spicevmc'/>"
        check "... start" m virsh -q start port
        check "... it runs" shows_running port
        check "... and greets" greets spice 5900
        check "destroy" m virsh -q destroy port
else
        echo "SKIPPED: SPICE: qemu-system-modules-spice is not installed"
fi
for kind in spice vnc; do
        [ $kind = vnc ] || m test -e "$modules/ui-spice-core.so" || continue
        check "$kind on a socket" seen_by socket "<graphics type='$kind'><listen type='socket'/></graphics>"
        check "... start" m virsh -q start socket
        check "... domdisplay" equals "$kind+unix://$(in_folder socket $kind)" m virsh domdisplay socket
        check "... it greets there" greets $kind "$(in_folder socket $kind)"
        check "... the stored definition names no path" not contains .sock m virsh dumpxml --inactive socket
        check "destroy" m virsh -q destroy socket
        check "$kind on a socket at a path of the definition" seen_by socket \
                "<graphics type='$kind'><listen type='socket' socket='/srv/$kind.sock'/></graphics>"
        check "... start" m virsh -q start socket
        check "... domdisplay" equals "$kind+unix:///srv/$kind.sock" m virsh domdisplay socket
        check "... it greets there" greets $kind /srv/$kind.sock
        check "destroy" m virsh -q destroy socket
        check "... nothing is left at the path" eventually 5 not m test -L /srv/$kind.sock
        check "start again" m virsh -q start socket
        check "... it greets there" greets $kind /srv/$kind.sock
        check "another guest that wants the same" seen_by socket2 \
                "<graphics type='$kind'><listen type='socket' socket='/srv/$kind.sock'/></graphics>"
        refused "... is not started" "no socket can be at /srv/$kind.sock: Address already in use" m virsh start socket2
        check "... the first one is as it was" greets $kind /srv/$kind.sock
        check "destroy" m virsh -q destroy socket
done
check "a file at the path" m sh -c 'rm -f /srv/vnc.sock && echo precious > /srv/vnc.sock'
refused "... no start" "no socket can be at /srv/vnc.sock: File exists" m virsh start socket
check "... the file is as it was" equals precious m cat /srv/vnc.sock
# Where the modules are not installed.
m sh -c "mkdir /root/modules && mv $modules/*spice* $modules/*qxl* $modules/hw-display-virtio*-gl.so /root/modules"
missing_module() {
        check "$1 without its module" seen_by missing "$3"
        refused "... the start says what to install" "$2" m virsh start missing
        check "... its unit as well" contains "$2" m systemctl status -l --no-pager vm@missing
}
missing_module SPICE qemu-system-modules-spice "<graphics type='spice' autoport='yes'/>"
missing_module "its socket" qemu-system-modules-spice "<graphics type='spice'><listen type='socket'/></graphics>"
missing_module qxl qemu-system-modules-spice "<graphics type='vnc'/><video><model type='qxl'/></video>"
refused "a channel of SPICE without SPICE" "not supported without spice graphics" seen_by missing \
        "<graphics type='vnc'/><channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>"
missing_module OpenGL qemu-system-modules-opengl \
        "<graphics type='vnc'/><video><model type='virtio'><acceleration accel3d='yes'/></model></video>"
m sh -c "mv /root/modules/* $modules"

# The conventional machine, with IDE, an empty drive and a floppy.
old() {
        cat <<XML
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>old</name>
  <memory unit='MiB'>192</memory>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>$images/vmlinuz</kernel><initrd>$images/initrd.img</initrd>
    <cmdline>console=ttyS0 root=/dev/vda hostname=old quiet report $kernel_words</cmdline>
  </os>
  <features><acpi/><apic/></features>
  <clock offset='timezone' timezone='Asia/Tokyo'/>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$images/many.qcow2'/>
      <target dev='vda' bus='virtio'/></disk>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='$images/other.raw'/>
      <target dev='hda' bus='ide'/></disk>
    <disk type='file' device='cdrom'><driver name='qemu' type='raw'/><target dev='hdc' bus='ide'/></disk>
    <disk type='file' device='floppy'><driver name='qemu' type='raw'/><target dev='fda' bus='fdc'/></disk>
    <controller type='usb' index='0' model='ich9-ehci1'/><controller type='usb' index='0' model='ich9-uhci1'/>
    <controller type='usb' index='0' model='ich9-uhci2'/><controller type='usb' index='0' model='ich9-uhci3'/>
    <interface type='user'><model type='rtl8139'/></interface>
    <serial type='pty'/>
    <console type='pty'><target type='virtio'/></console>
    <parallel type='file'><source path='/root/old.parallel'/></parallel>
    <input type='mouse' bus='usb'/>
    <graphics type='vnc' autoport='yes' passwd='secret'/>
    <sound model='ac97'/>
    <video><model type='vga'/></video>
    <watchdog model='ib700' action='poweroff'/>
    <memballoon model='virtio' autodeflate='on'/>
    <rng model='virtio'><backend model='builtin'/></rng>
    <panic model='isa'/>
  </devices>
  <qemu:commandline><qemu:arg value='-device'/><qemu:arg value='edu,addr=0x1e'/>
    <qemu:env name='ADDED' value='by hand'/></qemu:commandline>
</domain>
XML
}
define_old() { old | define; }
check "define of a guest of the conventional machine" define_old
check "start" m virsh -q start old
check "... its kernel reports" eventually 150 saw old 'end of report'
check "IDE disk" saw old 'disk sd. sectors 8192 .*start this-is-other'
check "a device of qemu:commandline" saw old 'pci .* 0x1234 0x11e8'
environment() { m sh -c "tr '\\0' '\\n' < /proc/\$(pgrep -P \$(systemctl show -P MainPID vm@$1))/environ"; }
check "a variable of qemu:commandline" contains "ADDED=by hand" environment old
check "the clock's zone is QEMU's" contains "TZ=Asia/Tokyo" environment old
check "empty drive" saw old 'disk sr0 sectors'
check "USB 2" saw old 'pci .* 0x8086 0x293a 0x0c03'
check "sound card" saw old 'pci .* 0x8086 0x2415'
check "the password is not in the definition for all" not contains secret m virsh dumpxml old
check "... but in the one that asks for it" contains "passwd='secret'" m virsh dumpxml --security-info old
check "parallel port: the file is there" m test -f /root/old.parallel
check "a name while it runs stays" not m virsh domrename old older
check "shutdown by the power button" m virsh -q shutdown old
check "... it is off" shows_off old shutdown
check "domrename" m virsh -q domrename old older
check "... the new one starts" m virsh -q start older
check "destroy" m virsh -q destroy older

# What happens at the end.
ending() { guest_xml "$1" linux "<panic model='isa'/>" | sed -e "s|</os>|</os>$3|" -e \
        "s|root=/dev/vda|root=/dev/vda end=$2 panic=0|" | define; }
boots() { m sh -c "[ \$(journalctl -b -o cat --no-pager VM_NAME=$1 | grep -ac 'login:') -ge $2 ]"; }
ended() { [ "$(m virsh domstate "$1" --reason | head -1)" = "$2" ]; }
check "on_reboot=destroy" ending e1 reboot '<on_reboot>destroy</on_reboot>'
check "... start" m virsh -q start e1
is_off_now() { [ "$(m virsh domstate "$1")" = "shut off" ]; }
check "... off when the guest reboots" eventually 150 is_off_now e1
check "... for systemd as well" eventually 10 equals inactive unit_state e1
check "... after one boot" not boots e1 2
check "on_crash=preserve" ending e2 panic '<on_crash>preserve</on_crash>'
check "... start" m virsh -q start e2
check "... crashed when the guest panics, and still there" eventually 150 ended e2 "crashed (panicked)"
check "... for systemd as well" equals active unit_state e2
check "... destroy" m virsh -q destroy e2
check "on_crash=restart" ending e3 panic '<on_crash>restart</on_crash>'
check "... start" m virsh -q start e3
check "... boots again after a panic" eventually 200 boots e3 2
check "... destroy" m virsh -q destroy e3
check "on_poweroff=restart" ending e4 poweroff '<on_poweroff>restart</on_poweroff>'
check "... start" m virsh -q start e4
check "... boots again after it switched itself off" eventually 200 boots e4 2
check "... destroy" m virsh -q destroy e4

# Metadata: as the user wrote it, through both ways into the host.
written='<metadata>
	<app:a   xmlns:app = "urn:example:app" b="it'"'"'s"  ><![CDATA[ <x> ]]><!-- kept --></app:a  >
</metadata>'
meta() { guest_xml "$1" | awk -v t="$written" '{ print } /<name>/ { print t }'; }
put_meta() { meta byhand | m_with_input sh -c 'cat > /etc/libvirt/qemu/byhand.xml' && m systemctl daemon-reload; }
define_meta() { meta bydefine | define; }
keeps_metadata() { contains "$written" m virsh dumpxml "$1"; }
check "a file with metadata" put_meta
check "... dumpxml gives its bytes" keeps_metadata byhand
check "define with metadata" define_meta
check "... dumpxml gives its bytes" keeps_metadata bydefine
check "... metadata --set of another" m virsh -q metadata bydefine --uri urn:example:other --key o --set "<b c='1'/>"
check "... is shown" contains "<b c='1'/>" m virsh -q metadata bydefine --uri urn:example:other
check "... and the first one is as it was" contains "$(echo "$written" | sed -n 2p)" m virsh dumpxml bydefine
check "... --remove" m virsh -q metadata bydefine --uri urn:example:other --remove
check "... and everything is as it was" keeps_metadata bydefine

# --- boards without PCI: QEMU's BIOS alone is enough to see that they run
for board in microvm isapc; do
        board_xml() { echo "<domain type='qemu'><name>$board</name><memory unit='MiB'>64</memory>
                <os><type arch='x86_64' machine='$board'>hvm</type></os><devices><serial type='pty'/>
                <memballoon model='none'/></devices></domain>"; }
        defines_board() { board_xml | define; }
        check "a guest on the board $board" defines_board
        check "... starts" m virsh -q start $board
        check "... and runs" shows_running $board
        check "... as QEMU says" contains "running" m virsh qemu-monitor-command --hmp $board 'info status'
        check "... the host's capabilities list it" m sh -c "virsh capabilities | grep -q '>$board</machine>'"
        m sh -c "virsh -q destroy $board; virsh -q undefine $board"
done

# --- traffic by Fibre Channel: no card here, which is said by name ---
guest_xml fibre idle | sed "s|<os>|<resource><fibrechannel appid='web:1'/></resource><os>|" |
        m_with_input sh -c 'cat > /root/fibre.xml && virsh -q define /root/fibre.xml'
check "a guest whose traffic is marked is defined" contains "<fibrechannel appid='web:1'/>" m virsh dumpxml fibre
refused "... and not started where nothing marks any" "/sys/class/fc/fc_udev_device/appid_store" m virsh start fibre

finish
