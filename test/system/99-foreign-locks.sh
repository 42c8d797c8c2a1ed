#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# virtlockd and virtlogd under Debian's libvirtd, on two hosts with a shared folder: a guest's lock goes along when it
# migrates, comes back where that fails, and stays where it is while virtlockd is restarted or killed.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
if [ "$(. /etc/os-release; echo "$VERSION_CODENAME")" != bookworm ]; then
        echo "SKIPPED: Debian 12's packages of libvirt are what this knows"
        exit 0
fi
debs=$("$here/fetch-packages" libvirt libvirt-daemon libvirt-daemon-driver-qemu libvirt-daemon-system \
        libvirt-daemon-system-systemd libparted2 libpcap0.8) || exit 1
tree=$work/tree
mkdir -p "$work/shared/locks" "$tree"
for package in "$debs"/*.deb; do dpkg -x "$package" "$tree"; done
# Debian's root has links there; the two daemons are ours
mkdir -p "$tree/usr/lib" && cp -a "$tree/lib/." "$tree/usr/lib" && rm -rf "$tree/lib"
find "$tree" \( -name 'virtlogd*' -o -name 'virtlockd*' \) ! -type d -delete
rm -rf "$tree/etc/libvirt/qemu/networks"
printf '%s\n' 'lock_manager = "lockd"' 'user = "root"' 'group = "root"' 'security_driver = "none"' 'namespaces = []' \
        > "$tree/etc/libvirt/qemu.conf"
second=$work/second
up() {
        "$here/container" up "$1" --owner $$ --install "$build" --tree "$tree" -- --bind-ro="$images:/run/guest" \
                --bind-ro="$here:/run/test" --bind="$work/shared:/shared" ||
                { echo "not ok - $area: a machine boots"; failed=1; finish; }
}
clean_up_both() { "$here/container" down "$second" >/dev/null 2>&1; clean_up; }
trap clean_up_both EXIT
up "$dir"
up "$second"
other() {
        "$here/container" sh "$second" timeout "${LIMIT:-60}" env LIBVIRT_DEFAULT_URI="$uri" TERM=dumb "$@" </dev/null
}
leader() {
        local pid l
        pid=$(cat "$1/nspawn")
        read -r l _ < "/proc/$pid/task/$pid/children" || [ -n "$l" ]
        echo "$l"
}
first_pid=$(leader "$dir") second_pid=$(leader "$second")
ip link add net0 netns "$first_pid" type veth peer name net0 netns "$second_pid"
prepare() {
        "$1" sh -c "hostname $2; printf '10.9.0.1 alpha\n10.9.0.2 beta\n' >> /etc/hosts
                ip addr add $3/24 dev net0; ip link set net0 up
                printf 'host_uuid = \"$4\"\nauth_tcp = \"none\"\n' > /etc/libvirt/libvirtd.conf
                getent passwd libvirt-qemu >/dev/null ||
                        { groupadd -r libvirt-qemu; useradd -r -g libvirt-qemu libvirt-qemu; }
                mkdir -p /var/lib/libvirt/images; cp /run/guest/*.rom /var/lib/libvirt/images
                systemctl stop \$(systemctl list-units --plain --no-legend 'virt*d*' 'libvirtd*' | cut -d' ' -f1)
                systemctl daemon-reload
                systemctl start virtlockd.socket virtlogd.socket libvirtd-tcp.socket libvirtd.socket libvirtd.service"
}
check "Debian's libvirtd" prepare m alpha 10.9.0.1 0a1b2c3d-0000-4000-8000-00000000000a
check "... twice" prepare other beta 10.9.0.2 0a1b2c3d-0000-4000-8000-00000000000b
check "... is libvirt's" contains "libvirt 9" m virsh version --daemon
check "... its lock daemon is ours" contains unitvirtd m systemctl show -P ExecStart virtlockd.service
check "the two reach each other" eventually 10 contains beta m virsh -c qemu+tcp://beta/system hostname
m truncate -s 1M /shared/a.img
# memory that takes its time
m sh -c 'head -c 12M /dev/urandom > /shared/fill'
cat > "$work/shared/g.xml" <<'EOF'
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>g</name><uuid>0a1b2c3d-0000-4000-8000-000000000001</uuid><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type>
    <loader readonly='yes' type='rom'>/var/lib/libvirt/images/idle.rom</loader></os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/><source file='/shared/a.img'/>
      <target dev='vda' bus='virtio'/></disk>
    <serial type='pty'/><memballoon model='none'/>
  </devices>
  <qemu:commandline>
    <qemu:arg value='-device'/><qemu:arg value='loader,file=/shared/fill,addr=0x200000,force-raw=on'/>
    <qemu:arg value='-chardev'/><qemu:arg value='socket,id=watch,path=/run/watch.sock,server=on,wait=off'/>
    <qemu:arg value='-mon'/><qemu:arg value='chardev=watch,mode=control'/>
  </qemu:commandline>
</domain>
EOF
check "a guest of both hosts" m virsh -q define /shared/g.xml
check "... of both" other virsh -q define /shared/g.xml

is_locked() { python3 - "$lock" <<'EOF'
import fcntl, struct, sys
try:
    lock = fcntl.fcntl(open(sys.argv[1], "r+b"), 36, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 1, 0))
except FileNotFoundError:
    sys.exit(1)
sys.exit(struct.unpack("h", lock[:2])[0] == fcntl.F_UNLCK)
EOF
}
state() { "$1" virsh domstate g; }
runs_on() { eventually 20 equals running state "$1"; }
# Where the hosts share a kernel, it is QEMU's own lock that a second start meets first: virtlockd is asked by another.
refused_on() {
        check "$1" not "$2" virsh start g
        check "... as $3 has the lock" contains "is locked by guest 'g' on host '$3'" "$2" sh -c "
                { echo register third 0a1b2c3d-0000-4000-8000-000000000003 3 0; echo '$acquire'; } |
                        python3 /run/test/lockd.py /run/libvirt/virtlockd-sock lock"
}
watch_lock() {
        rm -f "$work/stop"
        python3 "$here/lock-sampler.py" "$work/stop" "$lock" "/proc/$first_pid/root/run/watch.sock" \
                "/proc/$second_pid/root/run/watch.sock" > "$work/sampled" 2>&1 & sampler=$!
        sleep 0.5
}
watched() {
        local r=0
        touch "$work/stop"
        wait "$sampler" || r=1
        cat "$work/sampled"
        echo "#   $(cat "$work/sampled")" >> "$work/samples"
        return $r
}
seen_running_on() { grep -qE "first=[1-9].* second=[1-9]" "$work/sampled" || { cat "$work/sampled"; return 1; }; }
move() { LIMIT=100 "$1" virsh migrate "${@:3}" --unsafe g "qemu+tcp://$2/system"; }
# begins a migration that takes twelve seconds, and waits until the other side has got something
slowly() {
        m virsh -q migrate-setspeed g 1
        LIMIT=100 m virsh migrate "$@" --unsafe g qemu+tcp://beta/system > "$work/migrate" 2>&1 & migration=$!
        eventually 20 sh -c "'$here/container' sh '$dir' virsh domjobinfo g 2>/dev/null | grep -q 'Data processed:'"
}
ended() { wait $migration; r=$?; cat "$work/migrate"; [ $r = "$1" ] || [ "$1" = bad -a $r != 0 ]; }
kill_target() { other sh -c 'kill -KILL $(pgrep -f [g]uest=g,)'; }

for kind in direct indirect; do
        lock=$work/shared/a.img acquire="acquire - /shared/a.img 0"
        if [ $kind = indirect ]; then
                lock=$work/shared/locks/$(printf /shared/a.img | sha256sum | cut -d' ' -f1)
                acquire="acquire /shared/locks ${lock##*/} 2"
                for host in m other; do
                        "$host" sh -c 'echo "file_lockspace_dir = \"/shared/locks\"" > /etc/libvirt/qemu-lockd.conf
                                systemctl restart libvirtd.service'
                done
        fi
        check "$kind: the guest starts" eventually 20 m virsh -q start g
        refused_on "... and not on the other host" other alpha
        watch_lock
        check "... it goes over" move m beta --live
        check "... whoever runs has the lock, at each moment" watched
        check "... it was seen on both" seen_running_on
        check "... and runs there" runs_on other
        refused_on "... the first cannot start it" m beta
        watch_lock
        check "... it comes back, from daemon to daemon" move other alpha --live --p2p
        check "... with its lock" watched
        check "... and runs here" runs_on m
        refused_on "... the other cannot start it" other alpha

        # the processors are stopped all the while, and the lock is free
        watch_lock
        check "$kind: a migration that stops it" slowly
        check "... the lock is let go" eventually 10 not is_locked
        check "... the target is killed" kill_target
        check "... it fails" ended bad
        check "... the guest goes on" runs_on m
        check "... with its lock at each moment" watched
        refused_on "... has it again" other alpha

        watch_lock
        check "$kind: a live one is cancelled" slowly --live
        check "... by its job" m virsh domjobabort g
        check "... it fails" ended bad
        check "... the guest has gone on with its lock" watched
        refused_on "... has it still" other alpha

        watch_lock
        check "$kind: a live one" slowly --live
        check "... virtlockd is killed here" m systemctl kill -s KILL virtlockd.service
        check "... it is restarted there" other systemctl restart virtlockd.service
        check "... it is restarted here" m systemctl restart virtlockd.service
        check "... it succeeds" ended 0
        check "... with the lock at each moment" watched
        check "... and runs there" runs_on other
        refused_on "... the first cannot start it" m beta

        watch_lock
        check "$kind: virtlockd is restarted under the guest" other systemctl restart virtlockd.service
        check "... which runs" runs_on other
        check "... with its lock" watched
        check "... destroy" other virsh -q destroy g
        check "... frees it" eventually 10 not is_locked
done
check "what was let go of is gone" equals "" ls "$work/shared/locks"
check "nobody was killed for a lock" not m sh -c "journalctl -b -o cat -u virtlockd | grep -q 'kept its locks'"
check "... there" not other sh -c "journalctl -b -o cat -u virtlockd | grep -q 'kept its locks'"
check "virtlogd wrote what QEMU said" other grep -q "shutting down" /var/log/libvirt/qemu/g.log
echo "#   samples of the lock and the processors:"
cat "$work/samples"
finish
