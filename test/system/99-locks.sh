#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Locks on images and leases: two hosts with a shared folder, on which one guest runs once; virtlockd for other clients.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
mkdir "$work/shared"
machine_up --bind="$work/shared:/shared"
second=$work/second
"$here/container" up "$second" --owner $$ --install "$build" \
        -- --bind-ro="$images:/run/guest" --bind-ro="$here:/run/test" \
        --bind="$work/shared:/shared" || { echo "not ok - $area: the second machine boots"; failed=1; finish; }
clean_up_both() { "$here/container" down "$second" >/dev/null 2>&1; clean_up; }
trap clean_up_both EXIT
other() { "$here/container" sh "$second" timeout "${LIMIT:-60}" env LIBVIRT_DEFAULT_URI="$uri" TERM=dumb "$@"; }
on_other() { other "$@" </dev/null; }
m hostname alpha
on_other hostname beta
on_other sh -c 'mkdir -p /var/lib/libvirt/images &&
        cp /run/guest/vmlinuz /run/guest/*.img /run/guest/*.rom /var/lib/libvirt/images'
both() { m "$@" && on_other "$@"; }
define_on() { "$1" sh -c 'cat > /root/x.xml && virsh -q define /root/x.xml'; }
disk() { echo "<disk type='file' device='disk'><driver name='qemu' type='raw'/>
        <source file='$1'/><target dev='vda' bus='virtio'/>${2-}</disk>"; }
# one guest on two hosts: guest NAME DEVICES
guest() { guest_xml "$1" idle "$2" > "$work/guest.xml"; define_on m_with_input < "$work/guest.xml" &&
        define_on other < "$work/guest.xml"; }
conf() { both sh -c "printf '$1' > /etc/libvirt/qemu.conf"; }
lockd_conf() { both sh -c "printf '$1' > /etc/libvirt/qemu-lockd.conf"; }
gone() { eventually 20 equals "shut off" "$1" virsh domstate "$2"; }
m truncate -s 1M /shared/a.img /shared/b.img

# --- direct locks
check "a guest of two hosts" guest web "$(disk /shared/a.img)"
check "lock_manager = lockd" conf 'lock_manager = "lockd"\n'
check "it starts on the first" m virsh -q start web
refused "... and not on the second, which names the holder" \
        "resource busy: /etc/libvirt/qemu/web.xml:" on_other virsh start web
check "... guest and host" contains "Lockspace resource '/shared/a.img' is locked by guest 'web' on host 'alpha'" \
        on_other sh -c 'virsh start web 2>&1; true'
check "... in the unit's status too" contains "is locked by guest" on_other systemctl show -P StatusText vm@web
check "... and by systemctl" contains "is locked by guest 'web' on host 'alpha'" \
        on_other sh -c 'systemctl reset-failed vm@web; systemctl start vm@web; journalctl -b -o cat -u vm@web'
check "virtlockd has no part in it" equals inactive m systemctl is-active virtlockd.service
check "no lock in QEMU's hands" m sh -c 'p=$(systemctl show -P MainPID vm@web);
        for q in $(cat /proc/$p/task/$p/children); do
        grep -l "OFDLCK.*WRITE" /proc/$q/fdinfo/* 2>/dev/null | while read -r f; do
        ! grep "OFDLCK.* 0 0$" "$f" || exit 1; done; done'
check "the first one ends: by itself, whatever happens" m sh -c 'systemctl kill -s KILL --kill-whom=all vm@web'
check "... and the second takes over" eventually 20 on_other virsh -q start web
refused "now the first is refused" "on host 'beta'" m sh -c 'systemctl reset-failed vm@web; virsh start web'
check "destroy" on_other virsh -q destroy web
check "... is enough" eventually 20 m virsh -q start web
m virsh -q destroy web

# --- a disk that is plugged in
m truncate -s 1M /shared/plugged.img
check "a guest without a disk" guest bare ""
check "... of the other host, with one" guest holder "$(disk /shared/plugged.img)"
# of USB: that one can be taken from a guest that knows nothing of it
disk /shared/plugged.img | sed "s#dev='vda' bus='virtio'#dev='sda' bus='usb'#" |
        m_with_input sh -c 'cat > /root/disk.xml'
m virsh -q start bare
check "a disk is plugged in" m virsh -q attach-device bare /root/disk.xml
refused "... with its lock" "is locked by guest 'bare' on host 'alpha'" on_other virsh start holder
check "... and out again: the lock is free" m virsh -q detach-disk bare sda
free_again() { on_other sh -c 'systemctl reset-failed vm@holder; virsh -q start holder'; }
check "... for the other host" eventually 40 free_again
refused "... which has it now" "is locked by guest 'holder' on host 'beta'" m virsh attach-device bare /root/disk.xml
check "... and the guest has no disk" equals "" m virsh -q domblklist bare
on_other virsh -q destroy holder
m virsh -q destroy bare

# --- a disk from the start that goes, and a medium that is changed
m truncate -s 1M /shared/early.img
m truncate -s 1440K /shared/one.img /shared/two.img
usb_disk() { disk "$1" | sed "s#dev='vda' bus='virtio'#dev='sda' bus='usb'#"; }
floppy() { echo "<disk type='file' device='floppy'><driver name='qemu' type='raw'/>
        <source file='$1'/><target dev='fda' bus='fdc'/></disk>"; }
taken_over() { on_other sh -c "systemctl reset-failed vm@$1; virsh -q start $1"; }
check "a guest with a disk and a floppy" guest early "$(usb_disk /shared/early.img)$(floppy /shared/one.img)"
check "... and three that wait for one of them" guest of-disk "$(disk /shared/early.img)"
guest of-one "$(disk /shared/one.img)"; guest of-two "$(disk /shared/two.img)"
check "... starts" m virsh -q start early
refused "... its disk is locked" "is locked by guest 'early' on host 'alpha'" on_other virsh start of-disk
check "... and is detached" m virsh -q detach-disk early sda --live
check "... which gives its lock back" eventually 20 taken_over of-disk
refused "... but not that of the floppy" "is locked by guest 'early' on host 'alpha'" on_other virsh start of-one
check "... which is changed" m virsh -q change-media early fda /shared/two.img --update --live
check "... the lock of the old one is given back" eventually 20 taken_over of-one
refused "... that of the new one is there" "is locked by guest 'early' on host 'alpha'" on_other virsh start of-two
check "... until it is out" m virsh -q change-media early fda --eject --live
check "... and then not" eventually 20 taken_over of-two
m virsh -q destroy early
on_other sh -c 'for g in of-disk of-one of-two; do virsh -q destroy $g; done'
check "on_lockfailure has nothing to be about" \
        m_with_input sh -c 'cat > /etc/libvirt/qemu/lockfail.xml' < <(guest_xml lockfail idle \
        "$(disk /shared/early.img)" | sed 's#<devices>#<on_lockfailure>poweroff</on_lockfailure>&#')
check "... it starts" eventually 20 m virsh -q start lockfail
check "... and is told so" contains "<on_lockfailure> has no effect" m journalctl -b -o cat -u vm@lockfail
m virsh -q destroy lockfail

# --- who may be together
check "a shareable disk" guest one "$(disk /shared/b.img '<shareable/>')"
check "... of another guest" guest two "$(disk /shared/b.img '<shareable/>')"
check "... of one that wants it alone" guest alone "$(disk /shared/b.img)"
check "... the first" m virsh -q start one
check "... the second, on the other host" on_other virsh -q start two
refused "... not the one that wants it alone" "is locked by" m virsh start alone
both sh -c 'virsh -q destroy one; virsh -q destroy two; true' >/dev/null 2>&1
check "... which has it later" eventually 20 m virsh -q start alone
refused "... for itself" "by guest 'alone' on host 'alpha'" on_other virsh start one
m virsh -q destroy alone
check "a disk that is only read" guest reader "$(disk /shared/b.img '<readonly/>')"
check "... has no lock" m virsh -q start reader
check "... on two hosts" on_other virsh -q start reader
both virsh -q destroy reader

# --- indirect ones
check "file_lockspace_dir" lockd_conf 'file_lockspace_dir = "/shared/locks"\n'
refused "the folder has to be there: it may be what is not mounted" \
        "cannot open the lock '/shared/locks/" m virsh start web
m mkdir /shared/locks
check "... it starts" m virsh -q start web
check "... its lock has libvirt's name" m test -e /shared/locks/"$(printf /shared/a.img | sha256sum | cut -d' ' -f1)"
check "... the image has none" m flock -n /shared/a.img python3 -c '
import fcntl, struct
f = open("/shared/a.img", "r+b")
fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 1, 0))'
refused "... the second host is told" "the lock of '/shared/a.img': Lockspace resource '/shared/locks/" \
        on_other virsh start web
check "... by whom" contains "is locked by guest 'web' on host 'alpha'" on_other systemctl show -P StatusText vm@web
m virsh -q destroy web
check "scsi_ and lvm_lockspace_dir are for other disks" lockd_conf \
        'scsi_lockspace_dir = "/shared/none"\nlvm_lockspace_dir = "/shared/none"\n'
check "... a file has its lock on itself" m virsh -q start web
refused "... as before" "Lockspace resource '/shared/a.img' is locked" on_other virsh start web
m virsh -q destroy web
check "a relative folder" lockd_conf 'file_lockspace_dir = "locks"\n'
refused "... is refused" "qemu-lockd.conf: 'locks' is not absolute" m virsh start web
check "a broken file" lockd_conf 'file_lockspace_dir = \n'
refused "... is refused" "qemu-lockd.conf:1" m virsh start web

# --- leases
lease="<lease><lockspace>cluster</lockspace><key>web</key><target path='/shared/leases'/></lease>"
check "leases alone" lockd_conf 'auto_disk_leases = 0\n'
refused "a disk needs one" "no leases specified" m virsh start web
check "a guest with a lease" guest leased "$(disk /shared/a.img)$lease"
check "... is kept" contains "<target path='/shared/leases'/>" m virsh dumpxml leased
refused "... which has to be there" "cannot open the lock '/shared/leases/web'" m virsh start leased
m sh -c 'mkdir /shared/leases; touch /shared/leases/web'
check "... it starts" m virsh -q start leased
refused "... once" "Lockspace resource '/shared/leases/web' is locked" on_other virsh start leased
check "... and its file is as it was" equals 0 m stat -c %s /shared/leases/web
m virsh -q destroy leased

# --- leases that come and go
m touch /shared/leases/late
late="<lease><lockspace>cluster</lockspace><key>late</key><target path='/shared/leases'/></lease>"
m_with_input sh -c 'cat > /root/lease.xml' <<<"$late"
check "a guest without a lease" guest plain ""
check "... and one with it, of the other host" guest waiting "$late"
check "... starts" m virsh -q start plain
check "a lease comes" m virsh -q attach-device plain /root/lease.xml --live
check "... the live definition has it" contains "<key>late</key>" m virsh dumpxml plain
check "... nothing is pending" not m test -e /run/libvirt/qemu/plain.pending
refused "... it is locked" "Lockspace resource '/shared/leases/late' is locked" on_other virsh start waiting
check "... not in QEMU's hands" m sh -c "! ls -l /proc/$(qemu_pid plain)/fd | grep -q leases"
refused "... once" "Lease late in lockspace cluster already exists" m virsh attach-device plain /root/lease.xml --live
check "... outlasts the daemon" m systemctl restart virtqemud
refused "... as a lock" "is locked" on_other sh -c 'systemctl reset-failed vm@waiting; virsh start waiting'
check "... and goes" m virsh -q detach-device plain /root/lease.xml --live
check "... from the definition" not contains "<key>late</key>" m virsh dumpxml plain
check "... and its lock" eventually 20 on_other sh -c 'systemctl reset-failed vm@waiting; virsh -q start waiting'
refused "... another one has it now" "Lockspace resource '/shared/leases/late' is locked" \
        m virsh attach-device plain /root/lease.xml --live
check "... and the guest has none" not contains "<key>late</key>" m virsh dumpxml plain
on_other virsh -q destroy waiting
m virsh -q destroy plain
check "a lease from the start" m virsh -q start leased
m_with_input sh -c 'cat > /root/web-lease.xml' <<<"$lease"
check "... goes while the guest runs" m virsh -q detach-device leased /root/web-lease.xml --live
check "... and another host's guest takes it" on_other sh -c "printf '%s' \"$lease\" > /root/web-lease.xml;
        virsh -q start plain && virsh -q attach-device plain /root/web-lease.xml --live"
on_other virsh -q destroy plain
m virsh -q destroy leased
check "a lease with an offset" guest offset \
        "$(disk /shared/a.img)$(sed "s#'/shared/leases'#& offset='512'#" <<<"$lease")"
refused "... is for sanlock" "Offset must be zero" m virsh start offset
conf ''
check "without a lock manager nothing is locked" m virsh -q start leased
check "... as the journal tells" contains "<lease> has no effect" m journalctl -b -o cat -u vm@leased
m virsh -q destroy leased
check "sanlock" conf 'lock_manager = "sanlock"\n'
refused "... is refused by name" "sanlock" m virsh start web
conf ''

# --- virtlockd, for others
u=0a1b2c3d-0000-4000-8000-000000000001
lockd() { m_with_input python3 /run/test/lockd.py /run/libvirt/virtlockd-sock lock; }
check "register, acquire, release" equals "$(printf 'ok\nok\nok\nok')" lockd <<EOF
register web $u 1 0
acquire - /shared/a.img 0
release - /shared/a.img
restrict
EOF
check "what is refused" equals "error 29 operation forbidden: lock owner details have not been registered
ok
error 29 operation forbidden: lock owner details have already been registered
error 55 Requested operation is not valid: Lockspace for path /shared/space does not exist
error 55 Requested operation is not valid: the default lockspace already exists
error 87 resource busy: Lockspace resource '/shared/a.img' is not locked
error 38 cannot open '/shared/none.img' for writing: No such file or directory
ok
error 29 operation forbidden: lock manager connection has been restricted
error 29 operation forbidden: lock manager connection has been restricted" lockd <<EOF
acquire - /shared/a.img 0
register web $u 1 0
register web $u 1 0
acquire /shared/space res 2
new -
release - /shared/a.img
acquire - /shared/none.img 0
restrict
acquire - /shared/a.img 0
register web $u 1 0
EOF
check "a lockspace" equals "$(printf 'ok\nok\nok\nok\nok\nok\nok')" lockd <<EOF
register web $u 1 0
new /shared/space
create /shared/space kept
acquire /shared/space kept 0
acquire /shared/space temporary 2
release /shared/space temporary
release /shared/space kept
EOF
check "... may be made by who has not said for whom: libvirtd does so" contains "already exists" lockd <<EOF
space /shared/space
EOF
check "... what is temporary is gone" equals kept m ls /shared/space
check "... it is a lockspace still" equals "$(printf 'ok\nok')" lockd <<EOF
register web $u 1 0
delete /shared/space kept
EOF
check "... and empty" equals "" m ls /shared/space
check "unknown flags, procedures and bytes" contains "unsupported flags" lockd <<EOF
register web $u 1 0
acquire - /shared/a.img 64
EOF
check "... a broken call" contains "error 39" lockd <<EOF
raw 6 ffffffff
EOF
check "... an unknown one" contains "unknown procedure: 9" lockd <<EOF
raw 9
EOF
check "an owner that closes its connection with a lock is killed" contains Killed m sh -c "
        { echo register web $u 1 0; echo acquire - /shared/a.img 0; } | python3 -c '
import runpy, sys, time
sys.argv = [\"lockd.py\", \"/run/libvirt/virtlockd-sock\", \"lock\"]
runpy.run_path(\"/run/test/lockd.py\")
time.sleep(30)'; true"
check "... which is told" contains "kept its locks: killed" m journalctl -b -o cat -u virtlockd
told() { m sh -c 'journalctl -b -o cat -u virtlockd | grep -c "kept its locks"'; }
check "one that ends is not" equals "$(printf 'ok\nok')" lockd <<EOF
register web $u 1 0
acquire - /shared/a.img 0
exit
EOF
check "... since it is over" equals 1 told
check "... and its lock is free" equals "$(printf 'ok\nok\nok')" lockd <<EOF
register web $u 1 1
acquire - /shared/a.img 0
release - /shared/a.img
EOF

# --- virtlockd is replaced while others have locks
# a client whose calls come one by one
m_with_input sh -c 'cat > /root/client.sh' <<EOF
mkfifo /root/calls; exec 3<>/root/calls
python3 /run/test/lockd.py /run/libvirt/virtlockd-sock lock < /root/calls > /root/answers 2>&1
EOF
client_says() { m sh -c 'n=$(wc -l < /root/answers); echo "$0" > /root/calls
        for _ in $(seq 100); do [ "$(wc -l < /root/answers)" -le "$n" ] || break; sleep 0.1; done;
        tail -n 1 /root/answers' "$1"; }
locker() { m systemctl show -P "$1" virtlockd.service; }
# the third one: $1 wanted, of any lock on the file $2
lock_is() { [ "$(m python3 -c 'import fcntl, struct, sys
lock = fcntl.fcntl(open(sys.argv[1], "r+b"), 36, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 1, 0))
print("free" if struct.unpack("h", lock[:2])[0] == fcntl.F_UNLCK else "held")' "$2")" = "$1" ]; }
m systemd-run -q --unit=keeper sh /root/client.sh
eventually 10 m test -p /root/calls
check "a client registers" equals ok client_says "register keeper $u 1 0"
check "... makes a lockspace" equals ok client_says "new /shared/kept"
check "... and locks an image" equals ok client_says "acquire - /shared/a.img 0"
check "... and something in the lockspace" equals ok client_says "acquire /shared/kept here 2"
pid_before=$(locker MainPID)
check "virtlockd is restarted" m systemctl restart virtlockd.service
check "... by another process" [ "$pid_before" != "$(locker MainPID)" ]
check "... the client lives" equals active m systemctl is-active keeper.service
check "... one lock is held" lock_is held /shared/a.img
check "... and the other" lock_is held /shared/kept/here
check "... another client is refused" contains "is locked by guest 'keeper'" lockd <<EOF
register other $u 2 0
acquire - /shared/a.img 0
EOF
check "... the client knows its rights" contains "already been registered" client_says "register keeper $u 1 0"
check "... and its lockspace" contains "already exists" client_says "new /shared/kept"
check "... it gives one back" equals ok client_says "release - /shared/a.img"
check "... which is free, at once" lock_is free /shared/a.img
check "... and takes it again" equals ok client_says "acquire - /shared/a.img 0"
for i in 1 2 3; do
        m sh -c 'systemctl kill -s KILL virtlockd.service'
        check "killed ($i): the lock is held" lock_is held /shared/a.img
        check "... there is another one" eventually 10 m sh -c 'systemctl is-active -q virtlockd.service &&
                [ "$(systemctl show -P MainPID virtlockd.service)" != 0 ]'
        check "... the client is answered" equals ok client_says "release - /shared/a.img"
        check "... it is free" lock_is free /shared/a.img
        check "... and held again" equals ok client_says "acquire - /shared/a.img 0"
done
check "what is with systemd is what there is" equals 3 locker NFileDescriptorStore
m sh -c 'systemctl stop virtlockd.socket 2>/dev/null; systemctl start virtlockd.socket virtlockd.service'
check "a stop for good is the end of those who keep locks" eventually 10 equals failed \
        m systemctl is-failed keeper.service
check "... and of the locks" lock_is free /shared/a.img
m sh -c 'systemctl reset-failed keeper.service; rm -f /root/calls /root/answers;
        systemd-run -q --unit=keeper sh /root/client.sh'
eventually 10 m test -p /root/calls
client_says "register keeper $u 1 0" >/dev/null
check "lockspaces outlast each end" equals ok client_says "acquire /shared/kept here 2"
client_says "acquire - /shared/a.img 0" >/dev/null
m sh -c 'mkdir -p /run/systemd/system/virtlockd.service.d;
        printf "[Service]\nExecStartPre=sleep 3\n" > /run/systemd/system/virtlockd.service.d/slow.conf
        systemctl daemon-reload; systemctl restart --no-block virtlockd.service;
        sleep 1; systemctl kill -s KILL keeper.service'
check "an owner that ends meanwhile" eventually 20 lock_is free /shared/a.img
check "... leaves nothing" eventually 5 equals 0 locker NFileDescriptorStore
check "... and no file that was there for its lock" not m test -e /shared/kept/here
m sh -c 'rm -r /run/systemd/system/virtlockd.service.d; systemctl daemon-reload;
        systemctl reset-failed virtlockd.service keeper.service; true'

both sh -c "printf 'lock_manager = \"lockd\"\n' > /etc/libvirt/qemu.conf; rm -f /etc/libvirt/qemu-lockd.conf"
m systemd-run -q --unit=foreign sh -c "{ echo register foreign $u 1 0;
        echo acquire - /shared/a.img 0; sleep 30; echo release - /shared/a.img; } |
        python3 /run/test/lockd.py /run/libvirt/virtlockd-sock lock > /root/lockd.out 2>&1"
check "a lock of virtlockd keeps a guest of the other host away: taken" \
        eventually 10 m sh -c '[ "$(cat /root/lockd.out)" = "$(printf "ok\nok")" ]'
refused "... and seen" "is locked by guest 'foreign' on host 'alpha'" on_other virsh start web
check "... until it is released" eventually 40 on_other virsh -q start web
refused "a guest's lock keeps virtlockd's client away" "is locked by guest 'web' on host 'beta'" sh -c "$(cat <<EOF
printf 'register web $u 1 0\nacquire - /shared/a.img 0\n' |
        "$here/container" sh "$dir" python3 /run/test/lockd.py /run/libvirt/virtlockd-sock lock |
        tee /dev/stderr | grep -q 'ok.*ok'
EOF
)"
check "virtlockd logs nothing bad" equals "" m journalctl -b -p err -o cat -u virtlockd
check "systemd-analyze security: 2.0 or better" m systemd-analyze security --no-pager --threshold=20 virtlockd.service
finish
