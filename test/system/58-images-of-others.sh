#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Images that root may not read: on a file system that does not trust root (NFS with root_squash; here one by FUSE that
# decides the same, squash.py), and in a user's own FUSE mount. They are opened as their owner, each layer, and keep
# owner and mode; where that is no way either, the message says who refuses.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
[ -c /dev/fuse ] || { echo "# no /dev/fuse here: not tried"; finish; }
machine_up

disk() {
        echo "<disk type='file' device='disk'><driver name='qemu' type='${2-qcow2}'/><source file='$1'/>
        <target dev='vda' bus='virtio'/></disk>"
}
define() { # NAME IMAGE [FORMAT]
        local uuid; uuid=$(python3 -c 'import sys, uuid; print(uuid.uuid5(uuid.NAMESPACE_DNS, sys.argv[1]))' "$1")
        guest_xml "$1" idle "$(disk "$2" ${3+"$3"})" | sed "s|</name>|</name><uuid>$uuid</uuid>|" |
                m_with_input sh -c "cat > /root/$1.xml && virsh -q define /root/$1.xml"
}
# io NAME COMMAND ANSWER: on the guest's disk, as the guest would; what comes of it QEMU prints
io() {
        local seen; seen=$(m virsh qemu-monitor-command "$1" --hmp \
                "qemu-io -d /machine/peripheral/virtio-disk0/virtio-backend \"$2\"")
        eventually 10 printed "$1" "$3" || { echo "$seen"; m journalctl -b -q -n 5 -u "vm@$1"; return 1; }
        not printed "$1" "verification failed"
}
printed() {
        m sh -c "journalctl -b -q -o cat _SYSTEMD_INVOCATION_ID=\$(systemctl show -P InvocationID vm@$1)" |
                grep -qF -- "$2"
}
opened() { m grep -qx "open $1 $2 $(m id -u "$3")" /run/squash.log; }
owners() { m sh -c 'cd /srv/nfs && find . -name "*.*" -type f -printf "%U:%m %P\n" | sort'; }

check "two users, and images of theirs that nobody else may read" m sh -c '
        useradd -m u && useradd -m v && chmod 755 /home/u
        for folder in open closed closed/deep shared; do mkdir -p /srv/nfs/$folder; done; cd /srv/nfs
        for folder in open closed/deep shared; do
                qemu-img create -q -f raw $folder/base.raw 1M
                qemu-io -f raw -c "write -P 0x42 0 4096" $folder/base.raw
                (cd $folder && qemu-img create -q -f qcow2 -b base.raw -F raw mid.qcow2 &&
                        qemu-img create -q -f qcow2 -b mid.qcow2 -F qcow2 top.qcow2)
        done
        chown -R u: /srv/nfs && find . -type f -exec chmod 600 {} + && chmod 711 . open && chmod 700 closed
        chown v: shared/base.raw && chmod 755 shared && qemu-img create -q -f raw open/plain.raw 1M &&
        chown u: open/plain.raw && chmod 600 open/plain.raw && cp open/plain.raw open/nobodys.raw &&
        chown v: open/nobodys.raw && chmod 000 open/nobodys.raw'
before=$(owners)
m systemd-run -q --unit squash -p StandardError=file:/run/squash.log \
        sh -c 'mkdir -p /mnt/x && exec /run/test/squash.py /srv/nfs /mnt/x'
check "a server that does not trust root" eventually 10 m mountpoint -q /mnt/x
check "control: root may read none" not m cat /mnt/x/open/base.raw
check "control: nor pass a folder of u's" not m stat /mnt/x/closed/deep/base.raw
check "control: u may" m setpriv --reuid u --regid u --clear-groups head -c 1 /mnt/x/closed/deep/base.raw

# chain FOLDER BASE-OWNER: a guest with top.qcow2 there
chain() {
        check "$1: a chain of three" define squashed "/mnt/x/$1/top.qcow2"
        m sh -c ': > /run/squash.log'
        check "... starts" m virsh -q start squashed
        check "... the image is open to write, as its owner" opened "$1/top.qcow2" w u
        check "... the layer below to read" opened "$1/mid.qcow2" r u
        check "... and the one below that" opened "$1/base.raw" r "$2"
        check "... the guest reads what the last layer has" io squashed "read -P 0x42 0 512" "read 512/512"
        check "... and writes" io squashed "write -P 0x77 512 512" "wrote 512/512"
        check "... destroy" m virsh -q destroy squashed
        check "... which is in the image" m qemu-io -r -f qcow2 -c "read -P 0x77 512 512" "/srv/nfs/$1/top.qcow2"
        check "... it starts once more, by what was accepted" m virsh -q start squashed
        check "... destroy" m virsh -q destroy squashed
        m virsh -q undefine squashed
}
chain open u
chain closed/deep u
chain shared v
check "a raw one" define plain /mnt/x/open/plain.raw raw
check "... starts" m virsh -q start plain
check "... is written to" io plain "write -P 0x55 0 512" "wrote 512/512"
check "... another disk of it is plugged in" m sh -c "qemu-img create -q -f raw /srv/nfs/open/more.raw 1M
        chown u: /srv/nfs/open/more.raw && chmod 600 /srv/nfs/open/more.raw
        virsh -q attach-disk plain /mnt/x/open/more.raw vdb --driver qemu --subdriver raw"
check "... destroy" m virsh -q destroy plain
m rm /srv/nfs/open/more.raw
check "one that another guest writes to is no base by the word of a header" m sh -c \
        'cd /srv/nfs/open && qemu-img create -q -f qcow2 -b plain.raw -F raw thief.qcow2 && chown u: thief.qcow2'
check "... defined" define thief /mnt/x/open/thief.qcow2
refused "... which names whose it is" "is written to by the guest 'plain'" m virsh start thief
m sh -c 'virsh -q undefine thief; rm /srv/nfs/open/thief.qcow2'
check "no owner and no mode has changed" equals "$before" owners

# --- pools there
pool() { m virsh -q "pool-define-as $1 dir --target $2; pool-start $1"; }
end_pool() { m virsh -q "pool-destroy $1; pool-undefine $1"; }
m sh -c 'cd /srv/nfs && chmod 755 . open && chmod 644 open/top.qcow2 open/mid.qcow2'
check "a pool in such a folder starts" pool squashed /mnt/x/open
volumes() { m sh -c "virsh -q vol-list squashed | awk '{ print \$1 }' | sort | tr '\n' ';'"; }
check "... it has what its owner may read" equals 'base.raw;mid.qcow2;plain.raw;top.qcow2;' volumes
check "... names what it leaves out" m sh -c \
        "journalctl -b -q -o cat -t vm-pool | grep -q \"squashed: skipping 'nobodys.raw': Permission denied\""
check "a guest on a volume of it" m_with_input sh -c 'cat > /root/v.xml && virsh -q define /root/v.xml' < <(
        guest_xml squashed idle "<disk type='volume' device='disk'><driver name='qemu' type='qcow2'/>
                <source pool='squashed' volume='top.qcow2'/><target dev='vda' bus='virtio'/></disk>")
m sh -c ': > /run/squash.log'
check "... starts" m virsh -q start squashed
check "... the volume is open to write, as its owner" opened open/top.qcow2 w u
check "... and the last layer, which only its owner may read" opened open/base.raw r u
check "... which the guest reads" io squashed "read -P 0x42 0 512" "read 512/512"
check "... destroy" m virsh -q destroy squashed
m virsh -q undefine squashed
# only its owner may use the folder now, and does what root may not
m chmod 700 /srv/nfs/open
is_us() { equals "u:u $2" m stat -c '%U:%G %s' "/srv/nfs/open/$1"; }
check "a refresh of a folder that is its owner's alone" m virsh -q pool-refresh squashed
check "... finds the same" equals 'base.raw;mid.qcow2;plain.raw;top.qcow2;' volumes
check "... a volume is made there" m virsh -q vol-create-as squashed new 1M
check "... its owner's" is_us new 1048576
check "... a qcow2 image" m sh -c 'virsh -q vol-create-as squashed new.qcow2 1M --format qcow2 &&
        qemu-img info /srv/nfs/open/new.qcow2 | grep -q "virtual size: 1 MiB" &&
        virsh vol-info new.qcow2 --pool squashed --bytes | grep -q "Capacity: *1048576 " &&
        [ "$(stat -c %U /srv/nfs/open/new.qcow2)" = u ]'
check "... resized" m virsh -q vol-resize new 2M --pool squashed
check "..." is_us new 2097152
check "... filled" m sh -c 'head -c 2M /dev/urandom > /tmp/data &&
        virsh -q vol-upload new /tmp/data --pool squashed && cmp /tmp/data /srv/nfs/open/new'
check "... read" m sh -c 'virsh -q vol-download new /tmp/back --pool squashed && cmp /tmp/data /tmp/back'
check "..." is_us new 2097152
check "... copied" m sh -c 'virsh -q vol-clone new copy --pool squashed && cmp /tmp/data /srv/nfs/open/copy'
check "... wiped" m sh -c 'virsh -q vol-wipe copy --pool squashed && head -c 2M /dev/zero | cmp - /srv/nfs/open/copy'
check "... known" equals 'base.raw;copy;mid.qcow2;new;new.qcow2;plain.raw;top.qcow2;' volumes
check "... deleted" m sh -c 'for v in new copy new.qcow2; do virsh -q vol-delete $v --pool squashed || exit 1; done'
check "... known" equals 'base.raw;mid.qcow2;plain.raw;top.qcow2;' volumes
check "... nothing is left" m sh -c '! ls -A /srv/nfs/open | grep part &&
        [ -z "$(grep -lrs ^verb= /run/libvirt/storage/jobs)" ]'
m chown root: /srv/nfs/open
refused "a refresh of a folder that refuses by now names it" "'/mnt/x/open' (owner root, mode 0700) refuses" \
        m virsh pool-refresh squashed
check "... it has what was known" m sh -c 'virsh -q vol-list squashed | grep -q top.qcow2'
end_pool squashed
refused "a start names it too" "'/mnt/x/open' (owner root, mode 0700) refuses" pool squashed /mnt/x/open
m virsh -q pool-undefine squashed
m sh -c 'cd /srv/nfs && chown u: open && chmod 711 . open && chmod 600 open/top.qcow2 open/mid.qcow2'

# --- a server that trusts root, and knows no capabilities
m systemd-run -q --unit trusting sh -c 'mkdir -p /srv/roots /mnt/t && cd /srv/roots &&
        truncate -s 1M a theirs && chmod 600 a theirs && chown v: theirs && chmod 755 . &&
        exec /run/test/squash.py /srv/roots /mnt/t root'
check "a server that trusts root" eventually 10 m mountpoint -q /mnt/t
check "control: the right to read all helps nobody there" m sh -c '
        reads() { setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps +dac_read_search \
                --ambient-caps +dac_read_search head -c 1 "$1"; }
        reads /srv/roots/a && ! reads /mnt/t/a'
check "a pool there starts" pool roots /mnt/t
check "... and has what is root's alone, and others'" equals "a theirs" \
        m sh -c "virsh -q vol-list roots | awk '{ print \$1 }' | sort | xargs"
check "... a refresh by its unit has both, too" m sh -c 'systemctl reload vm-pool@roots &&
        [ "$(virsh -q vol-list roots | wc -l)" = 2 ]'
end_pool roots
m sh -c 'umount /mnt/t; systemctl stop trusting'

# --- where its owner may not, either
check "one that its owner may not read" define shut /mnt/x/open/nobodys.raw raw
refused "... the message names it, its owner and mode" "'/mnt/x/open/nobodys.raw' (owner v, mode 0000)" \
        m virsh start shut
check "a folder that refuses on the way" m sh -c \
        'chown v: /srv/nfs/closed/deep && chmod 700 /srv/nfs/closed/deep && chown u: /srv/nfs/closed'
check "... defined" define shut /mnt/x/closed/deep/base.raw raw
refused "... the message names the first one" "'/mnt/x/closed' (owner u, mode 0700) refuses" m virsh start shut

# --- a user's own mount: QEMU, which is another user, could not use what is open
m systemd-run -q --unit own \
        sh -c 'install -d -o u -m 755 /home/u/mnt && exec /run/test/squash.py /srv/nfs /home/u/mnt u'
check "a user's own mount" eventually 10 m grep -q /home/u/mnt /proc/self/mountinfo
check "... u sees it" m setpriv --reuid u --regid u --clear-groups stat /home/u/mnt/open/plain.raw
check "... an image there" define own /home/u/mnt/open/plain.raw raw
refused "... is refused, and the mount is named" "'/home/u/mnt' (a FUSE mount of user " m virsh start own
refused "... by a pool there too" "'/home/u/mnt' (a FUSE mount of user " pool own /home/u/mnt/open
m sh -c 'umount /home/u/mnt'

# --- a server that does not answer any more: whoever asks for a file waits, and cannot be killed
check "a guest with a disk there" m virsh -q start plain
check "... how much it takes up is known" \
        equals 3 m sh -c 'virsh domstats plain | grep -cE "block.0.(allocation|capacity|physical)=[0-9]"'
check "... also while it does not run" \
        m sh -c 'chmod 644 /srv/nfs/shared/top.qcow2; virsh -q define /root/squashed.xml &&
                virsh domblkinfo squashed vda | grep -q "Capacity: *1048576"'
m sh -c 'touch /run/squash-hangs; sleep 2'
check "its server does not answer" \
        m sh -c 'stat /mnt/x/open/plain.raw < /dev/null > /dev/null 2>&1 & sleep 1; kill -0 $!'
check "... figures of the guest come all the same" \
        m sh -c 'timeout 25 virsh domstats plain > /tmp/stats; grep -q block.0.path= /tmp/stats'
served() {
        m sh -c 'virsh domblkinfo squashed vda > /tmp/said 2>&1 & sleep 0.5; a=$(date +%s%N); timeout 10 virsh -q list
                b=$(date +%s%N); wait; echo "$(((b - a) / 1000000)) ms"; [ $(((b - a) / 1000000)) -lt 1500 ]'
}
check "... nobody else waits" served
check "... one whose image nobody knows is told that" \
        m sh -c 'grep -q "cannot stat file .*/mnt/x/shared/top.qcow2" /tmp/said'
check "... and the next one at once" m sh -c '! timeout 2 virsh domblkinfo squashed vda 2>/tmp/said &&
        grep -q "cannot stat file" /tmp/said'
check "... the daemon waits for nobody" not m sh -c 'ps -eo stat,args | grep "^D.*[u]nitvirtd"'
m systemctl kill -s KILL squash
check "the guest ends with its server" m virsh -q destroy plain
m umount -l /mnt/x
finish
