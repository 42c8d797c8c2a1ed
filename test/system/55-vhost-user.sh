#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Disks and cards of vhost-user: a server of Debian's, and what is said where there is none.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
says() { local w=$1; shift; "$@" 2>&1 | grep -qF -- "$w"; }
shared="<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"
define() { local name=$1; shift; guest_xml "$name" "$@" | sed "s|<os>|$shared<os>|" |
        m_with_input sh -c "cat > '/root/$name.xml' && virsh -q define '/root/$name.xml'"; }
again="<reconnect enabled='yes' timeout='1'/>"
disk() { echo "<disk type='vhostuser' device='disk'><driver name='qemu' type='raw'/>
        <source type='unix' path='/srv/vu/disk'>${1-}</source><target dev='vdb' bus='virtio'/></disk>"; }
card() { echo "<interface type='vhostuser'><source type='unix' path='/srv/vu/card' mode='$1'>${2-}</source>
        <model type='virtio'/></interface>"; }
# ... and soon, where a start may take 90 seconds
refused_soon() { local what=$1 text=$2 from=$SECONDS; shift 2
        refused "$what" "$text" "$@"; check "... within ten seconds" [ $((SECONDS - from)) -lt 10 ]; }
m sh -c 'mkdir -p /srv/vu; truncate -s 2M /srv/vu/image; printf "disk=served;" |
        dd of=/srv/vu/image conv=notrunc status=none'

for way in '' "$again"; do
        m virsh -q undefine disk 2> /dev/null
        check "a disk${way:+ with reconnect} is defined" define disk linux "$(disk "$way")"
        refused_soon "... without a server its start names the socket" \
                "cannot connect to '/srv/vu/disk': No such file or directory" m virsh start disk
done
m /usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("/srv/vu/disk")'
refused_soon "... and so it does where nobody listens any more" "cannot connect to '/srv/vu/disk': Connection refused" \
        m virsh start disk
check "nothing is left of it" eventually 10 m sh -c '! pgrep qemu-system'
m rm /srv/vu/disk
check "a server of Debian's" m systemd-run -q --unit served -p Type=forking qemu-storage-daemon --daemonize \
        --blockdev driver=file,node-name=f,filename=/srv/vu/image \
        --export type=vhost-user-blk,id=e,node-name=f,addr.type=unix,addr.path=/srv/vu/disk,writable=on
refused_soon "... that is root's alone is named" "'/srv/vu/disk' (owner 0, mode 07" m virsh start disk
m chmod 666 /srv/vu/disk
check "... with it the guest starts" m virsh -q start disk
eventually 90 says 'login:' m journalctl -q -b -u vm@disk --no-pager
console_says disk 'head -c 12 /dev/vdb; echo' > "$work/served"
check "... and reads the disk" grep -qF 'disk=served' "$work/served"
m virsh -q destroy disk

check "a card with reconnect is defined" define card idle "$(card client "$again")"
refused_soon "... without a switch its start names the socket" \
        "cannot connect to '/srv/vu/card': No such file or directory" m virsh start card
check "a card that a switch connects to is defined" define waits idle "$(card server)"
m sh -c 'mkdir -p /run/systemd/system/vm@waits.service.d
        printf "[Service]\nTimeoutStartSec=5s\n" > /run/systemd/system/vm@waits.service.d/soon.conf
        systemctl daemon-reload'
refused "... where none does, its start says for whom it waited" \
        "QEMU waited for somebody to connect to '/srv/vu/card'" m virsh start waits
check "nothing is left of it" eventually 10 m sh -c '! pgrep qemu-system'
finish
