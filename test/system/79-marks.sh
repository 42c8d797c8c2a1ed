#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What clients look at in a guest that runs, and mark there: how far an image is written, what its disks and its memory
# hold, what comes by its channels, groups of disks that are limited together.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
images=/var/lib/libvirt/images
py() { m_with_input /usr/bin/python3 - "$@"; }
m sh -c "cd $images && for n in one two; do truncate -s 16M \$n.raw; done
        printf 'a mark of its own' | dd of=one.raw bs=1 seek=1000 conv=notrunc status=none
        qemu-img create -q -f qcow2 -b $images/two.raw -F raw over.qcow2"
raw() {
        echo "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='$images/$1.raw'/>
        <target dev='$2' bus='virtio'/></disk>"
}
check "define" define_guest deep linux "$(raw one vdb)$(raw two vdc)
        <channel type='unix'><target type='virtio' name='org.example.port'/></channel>
        <channel type='pty'><target type='virtio' name='org.example.pty'/></channel>"
uuid=$(m virsh domuuid deep)

# --- schedinfo, of a guest that is off
sched() { m virsh schedinfo "$@" | awk '/^(cpu_shares|vcpu_period|global_quota)/ { print $1, $3 }'; }
nothing=$(printf 'cpu_shares 0\nvcpu_period 0\nglobal_quota 0')
kernel=$(printf 'cpu_shares 100\nvcpu_period 100000\nglobal_quota 17592186044415')
check "what nobody has said is 0" equals "$nothing" sched deep
check "start" m virsh -q start deep
check "... and the kernel's own of one that runs" equals "$kernel" sched deep
check "... its definition has 0 still" equals "$nothing" sched deep --config
journal() { m sh -c "journalctl -b -o cat --no-pager VM_NAME=deep $* | tr -d '\r'"; }
at_prompt() { journal | grep -qa 'deep login:'; }
check "... at its login prompt" eventually 150 at_prompt

# --- what a disk holds
peek() { py "$@" <<'PY'
import libvirt, sys
libvirt.registerErrorHandler(lambda *a: None, None)
d = libvirt.open("qemu:///system").lookupByName("deep")
kind, where, offset, size = sys.argv[1], sys.argv[2], int(sys.argv[3], 0), int(sys.argv[4], 0)
try:
    seen = d.blockPeek(where, offset, size, 0) if kind == "block" else d.memoryPeek(offset, size, int(where))
except libvirt.libvirtError as e:
    sys.exit("%d: %s" % (e.get_error_code(), e))
print(seen.decode("latin-1") if len(seen) < 100 else len(seen))
PY
}
check "blockPeek" equals "a mark of its own" peek block vdb 1000 17
check "... by its path, to the end" equals 4194304 peek block $images/one.raw 0xc00000 0x400000
refused "... not beyond" "8: invalid argument: '$images/one.raw' starting from 16777210 has only 6 bytes available" \
        peek block vdb 16777210 10
refused "... of another format" \
        "84: Operation not supported: peeking is only supported for disk with 'raw' format not 'qcow2'" \
        peek block vda 0 10
refused "... of no disk" "8: invalid argument: invalid disk or path 'vdz'" peek block vdz 0 10

# --- what the memory holds: the date of the BIOS; the kernel's text, where the processor and where the bus has it
check "memoryPeek" equals "06/23/99" peek memory 2 0xffff5 8
check "... much of it" equals 65536 peek memory 2 0x100000 65536
dumped() { peek "$@" | od -c; }
physical=$(dumped memory 2 0x1000000 64)
check "... by the processor's addresses" equals "$(sed 's/[[:space:]]*$//' <<<"$physical")" \
        dumped memory 1 0xffffffff81000000 64
refused "... one or the other" \
        "8: invalid argument: flags parameter must be VIR_MEMORY_VIRTUAL or VIR_MEMORY_PHYSICAL" peek memory 0 0 8
check "... and no descriptor is left" m sh -c "! ls -l /proc/$(qemu_pid deep)/fd | grep -q memory-peek"

# --- a channel
check "openChannel, both ways" py <<'PY'
import libvirt, subprocess, time
libvirt.registerErrorHandler(lambda *a: None, None)
c = libvirt.open("qemu:///system")
d = c.lookupByName("deep")
def refused(code, words, name, flags=0):
    try:
        d.openChannel(name, c.newStream(0), flags)
    except libvirt.libvirtError as e:
        assert e.get_error_code() == code and words in str(e), e
        return
    raise SystemExit("accepted: %s" % name)
refused(1, "cannot find channel none", "none")
refused(1, "channel org.example.pty is not using a UNIX socket", "org.example.pty")
first = c.newStream(0)
d.openChannel("org.example.port", first, 0)
refused(9, "Active channel session exists for this domain", "channel0")
stream = c.newStream(0)
d.openChannel(None, stream, libvirt.VIR_DOMAIN_CHANNEL_FORCE)
try:
    first.recv(10)
    raise SystemExit("the first one has it still")
except libvirt.libvirtError as e:
    assert "another client has taken this channel over" in str(e), e
console = c.newStream(0)
d.openConsole(None, console, 0)
def typed(line):
    console.send(line.encode() + b"\n")
    time.sleep(2)
for line in ("", "root", "p=/dev/$(basename /sys/class/virtio-ports/vport*p1)", "read -r x <$p; echo \"to $x\" >$p"):
    typed(line)
stream.send(b"whom\n")
seen = b""
while b"\n" not in seen:
    seen += stream.recv(100)
assert seen.strip() == b"to whom", seen
console.finish()
stream.finish()
PY

# --- how far an image is written
listen() {
        m_with_input sh -c 'cat > /root/marks.py
                systemd-run -q --unit=marks /usr/bin/python3 -u /root/marks.py' <<'PY'
import libvirt
libvirt.virEventRegisterDefaultImpl()
c = libvirt.open("qemu:///system")
def told(c, d, dev, path, threshold, excess, opaque):
    print("mark", d.name(), dev, path, threshold, excess > 0, flush=True)
c.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_BLOCK_THRESHOLD, told, None)
print("listening", flush=True)
while True:
    libvirt.virEventRunDefaultImpl()
PY
}
told() { m journalctl -b -o cat --no-pager -u marks | grep -qxF -- "$1"; }
check "somebody listens" listen
check "... to marks" eventually 20 told listening
write() { console_says deep "dd if=/dev/zero of=/dev/$1 bs=1M count=$2 conv=fsync" >/dev/null; }
number() { m sh -c "virsh dumpxml deep | grep -o \"$1.raw' index='[0-9]*\" | grep -o '[0-9]*$'"; }
figure() { m sh -c "virsh domstats --block deep | sed -n 's/^ *block.[0-9]*.threshold=//p' | xargs"; }
check "domstats: no mark" equals "" figure
check "domblkthreshold" m virsh -q domblkthreshold deep vdb 2M
check "... domstats has it" equals 2097152 figure
check "... of the disk that it is of" \
        m sh -c 'virsh domstats --block deep | grep -A99 "name=vdb" | sed "1d; /[.]name=/,\$d" | grep -q threshold='
check "... the guest stays below it" write vdb 1
check "... nothing is told" not told "mark deep vdb $images/one.raw 2097152 True"
check "... and goes beyond" write vdb 3
check "... which is told" eventually 20 told "mark deep vdb $images/one.raw 2097152 True"
check "... the mark has gone" equals "" figure
check "... with the image's number too" told "mark deep vdb[$(number one)] $images/one.raw 2097152 True"
check "... of a number" m virsh -q domblkthreshold deep "vdc[$(number two)]" 1M
check "... beyond it" write vdc 2
check "... it is told of that number" eventually 20 told "mark deep vdc[$(number two)] $images/two.raw 1048576 True"
check "... alone" not told "mark deep vdc $images/two.raw 1048576 True"
refused "of no disk" "failed to find disk 'vdz'" m virsh domblkthreshold deep vdz 1M
refused "of no image" "failed to find disk 'vdb' with index '99'" m virsh domblkthreshold deep 'vdb[99]' 1M
m virsh -q domblkthreshold deep vdb 8M
m systemctl restart virtqemud
check "a later daemon knows marks, too" equals 8388608 figure

# --- limits that disks have together
limit() { m sh -c "virsh blkdeviotune deep $1 | awk '\$1 == \"$2\" { print \$3 }'"; }
check "blkdeviotune: a group" m virsh -q blkdeviotune deep vdb --group-name pair --total-iops-sec 900 --live
check "... is shown" equals pair limit vdb group_name
check "... a disk joins it" m virsh -q blkdeviotune deep vdc --group-name pair --live
check "... and has its limits" equals 900 limit vdc total_iops_sec
check "... which are changed for both" m virsh -q blkdeviotune deep vdc --total-iops-sec 700 --live
check "... for the first" equals 700 limit vdb total_iops_sec
of_qemu() { m sh -c "virsh qemu-monitor-command deep '{\"execute\":\"query-block\"}' | python3 -c '
import json, sys
for b in json.load(sys.stdin)[\"return\"]:
    if \"/$1/\" in b.get(\"qdev\", \"\"):
        print(b[\"inserted\"][\"group\"], b[\"inserted\"][\"iops\"])'"; }
check "... QEMU has it so" equals "pair 700" of_qemu virtio-disk1
check "... of both" equals "pair 700" of_qemu virtio-disk2

group() { m /usr/bin/python3 /run/test/throttle-group.py /run/libvirt/virtqemud-sock deep "$uuid" "$@"; }
limits() {
        m virsh qemu-monitor-command deep \
                '{"execute": "qom-get", "arguments": {"path": "/objects/throttle-'"$1"'", "property": "limits"}}'
}
check "a throttle group, live and for the next start" group 3 set slow total_iops_sec=400 total_iops_sec_max=800
check "... QEMU has it" contains '"iops-total":400' limits slow
check "... both definitions" equals 2 \
        m sh -c '(virsh dumpxml deep; virsh dumpxml --inactive deep) | grep -c "<group_name>slow</group_name>"'
check "... another limit" group 1 set slow read_bytes_sec=1048576
check "... is QEMU's" contains '"bps-read":1048576' limits slow
check "... beside the first" contains '"iops-total":400' limits slow
check "... of the live definition alone" equals 1 \
        m sh -c '(virsh dumpxml deep; virsh dumpxml --inactive deep) | grep -c "<read_bytes_sec>1048576<"'
refused "total and a part at once" "total and read/write of bytes_sec cannot be set at the same time" \
        group 1 set slow total_bytes_sec=1 read_bytes_sec=1
m_with_input sh -c 'cat > /root/three.xml' <<XML
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$images/over.qcow2'/>
<target dev='vdd' bus='virtio'/>
<throttlefilters><throttlefilter group='slow'/></throttlefilters></disk>
XML
m virsh -q detach-disk deep vdc --live
check "a disk comes that it limits" eventually 20 m virsh -q attach-device deep /root/three.xml --live
refused "... it cannot go" "throttle group 'slow' is still being used by disk vdd" group 1 del slow
check "... the disk goes" m virsh -q detach-disk deep vdd --live
check "... and the group" eventually 20 group 1 del slow
check "... QEMU has it no more" contains DeviceNotFound limits slow
check "... the next start has it" contains "<group_name>slow</group_name>" m virsh dumpxml --inactive deep
check "... until it goes there, too" group 2 del slow
check "... and nothing is left" not contains throttlegroup m virsh dumpxml --inactive deep

# --- the same by virsh, which has commands for it from 11.2 on
by_virsh() {
        local all='--size-iops-sec 4096'
        for what in bytes iops; do
                all+=" --total-$what-sec 40960000 --total-$what-sec-max 81920000 --total-$what-sec-max-length 5"
        done
        # shellcheck disable=SC2086
        check "domthrottlegroupset, with every option of a total" \
                m virsh -q domthrottlegroupset deep all $all --live --config
        check "... QEMU has them" contains '"bps-total-max-length":5' limits all
        for inactive in '' --inactive; do
                # shellcheck disable=SC2086
                check "domthrottlegroupinfo $inactive" equals "81920000 4096" \
                        m sh -c "virsh domthrottlegroupinfo deep all $inactive | tr -d ' ' |
                        awk -F: '/^total_iops_sec_max:|^size_iops_sec:/ { print \$2 }' | xargs"
                # shellcheck disable=SC2086
                check "domthrottlegrouplist $inactive" contains " all" m virsh domthrottlegrouplist deep $inactive
        done
        check "domthrottlegroupset --current" \
                m virsh -q domthrottlegroupset deep parts --read-bytes-sec 1MiB --write-iops-sec 50
        check "... is of the guest that runs" contains '"bps-read":1048576' limits parts
        check "... alone" not contains parts m virsh dumpxml --inactive deep
        check "attach-disk --throttle-groups" m virsh -q attach-disk deep $images/over.qcow2 vdd --driver qemu \
                --subdriver qcow2 --targetbus virtio --throttle-groups all,parts --live
        check "... has both" equals "all parts" \
                m sh -c "virsh dumpxml deep | sed -n \"s/.*<throttlefilter group='\\(.*\\)'.*/\1/p\" | xargs"
        refused "domthrottlegroupdel of one that is used" "still being used by disk vdd" \
                m virsh domthrottlegroupdel deep parts
        check "... the disk goes" m virsh -q detach-disk deep vdd --live
        check "... and the group" eventually 20 m virsh -q domthrottlegroupdel deep parts
        check "... the other one, from both" m virsh -q domthrottlegroupdel deep all --live --config
        check "... none is left" not contains throttlegroup m sh -c 'virsh dumpxml deep; virsh dumpxml --inactive deep'
}
if m virsh help domthrottlegroupset >/dev/null 2>&1; then
        by_virsh
else
        echo "# $area: this virsh has no commands for throttle groups"
fi
# --- the host's disk fills while the guest writes
m_with_input sh -c 'cat > /root/full.py
        systemd-run -q --unit=full /usr/bin/python3 -u /root/full.py' <<'PY'
import libvirt
libvirt.virEventRegisterDefaultImpl()
c = libvirt.open("qemu:///system")
def error(c, d, path, alias, action, reason, opaque):
    print("error", d.name(), path, alias, action, reason, flush=True)
def life(c, d, event, detail, opaque):
    print("life", d.name(), event, detail, flush=True)
c.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, error, None)
c.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, life, None)
print("listening", flush=True)
while True:
    libvirt.virEventRunDefaultImpl()
PY
full() { m journalctl -b -o cat --no-pager -u full | grep -qxF -- "$1"; }
m sh -c 'mkdir -p /srv/full && mount -t tmpfs -o size=3M full /srv/full && truncate -s 16M /srv/full/disk.raw'
small() { m_with_input virsh -q attach-device deep /dev/stdin <<'XML'
<disk type='file' device='disk'><driver name='qemu' type='raw' error_policy='stop'/>
        <source file='/srv/full/disk.raw'/><target dev='vdf' bus='virtio'/></disk>
XML
}
alias_of() { m virsh dumpxml deep | awk -F"'" '/full.disk.raw/ { it = 1 } it && /<alias/ { print $2; exit }'; }
check "somebody listens to errors" eventually 20 full listening
check "a disk on a file system of 3 MiB" small
alias=$(alias_of)
# the guest counts its disks as they come
write '$(ls /sys/block | grep ^vd | tail -n 1)' 8
check "the guest writes 8 and is paused for it" \
        eventually 30 contains "paused (I/O error)" m virsh domstate deep --reason
check "... which is told, with the disk and why" \
        eventually 10 full "error deep /srv/full/disk.raw $alias 1 enospc"
check "... and that it is suspended, by an error" eventually 10 full "life deep 3 2"
check "... domblkerror names it" contains "vdf: no space" m virsh domblkerror deep
check "... as systemctl status does" contains "paused" m systemctl show -P StatusText vm@deep
refused "... as long as there is no room" "paused (I/O error)" \
        m sh -c 'virsh -q resume deep; sleep 2; virsh domstate deep --reason; exit 1'
m mount -o remount,size=32M /srv/full
check "with room" m virsh -q resume deep
check "... it goes on, and has written all" eventually 20 m sh -c \
        'virsh domstate deep | grep -qx running && [ "$(($(stat -c %b /srv/full/disk.raw) * 512))" -ge 8388608 ]'
m sh -c 'virsh -q detach-disk deep vdf; sleep 1; umount -l /srv/full'
check "destroy" m virsh -q destroy deep

finish
