#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Guests whose disks are given by their paths, and the pools that these lie in: what comes before what, whatever is
# defined first, and which of the two outlives the other.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
disk='' options=()
truncate -s 100M "$work/disk"
if disk=$(losetup -f --show "$work/disk" 2>/dev/null); then
        trap 'losetup -d "$disk"; clean_up' EXIT
        options+=(--bind="$disk" --property="DeviceAllow=$disk rw")
fi
machine_up "${options[@]}"

image_guest() { # NAME PATH [MORE]
        define_guest "$1" idle "<disk type='file' device='disk'><driver type='raw'/><source file='$2'/>
                <target dev='vda' bus='virtio'/></disk>${3-}"
}
says() { local w=$1; shift; "$@" 2>&1 | grep -qF -- "$w"; }
named() { m systemctl show -P "$2" "vm@$1.service" | tr ' ' '\n' | grep -qxF "$3"; }     # GUEST PROPERTY UNIT
follows() { named "$1" Wants "vm-pool@$2.service" && named "$1" After "vm-pool@$2.service"; }
stands_alone() { ! m systemctl show -p Wants,After,Requires "vm@$1.service" | grep -q vm-pool@; }
requires_no_pool() { ! m systemctl show -P Requires "vm@$1.service" | grep -q vm-pool@; }
pool_is() { equals "$2" m systemctl show -P ActiveState "vm-pool@$1.service"; }
starts_with_pool() { m virsh -q start "$1" && is_running "$1" && pool_is "$2" active; }
ends() { m virsh -q destroy "$1"; }
m sh -c 'mkdir -p /srv/p /srv/q /srv/moved /srv/t "/srv/a & b"
        for f in p/first q/second moved/third t/fourth "a & b/fifth"; do truncate -s 1M "/srv/$f.img"; done'

# --- whatever is defined first ---
m virsh -q pool-define-as p dir --target /srv/p
check "a guest with an image in a pool's folder is defined" image_guest first /srv/p/first.img
check "... it wants the pool's unit, and starts after it" follows first p
check "... which it does not require" requires_no_pool first
check "its start starts the pool" starts_with_pool first p
check "... systemctl stop of the pool leaves the guest running" m systemctl stop vm-pool@p.service
check "...... as it was" is_running first
check "... the end of the one that runs" ends first

check "a guest that is there before its pool" image_guest second /srv//q/second.img
check "... has nothing to come after" stands_alone second
m virsh -q start second
check "... its pool is defined while it runs" m virsh -q pool-define-as q dir --target /srv/q
check "... the guest follows" eventually 10 follows second q
m virsh -q destroy second
check "... and another guest does not" follows first p
check "the pool is moved" m sh -c 'virsh pool-dumpxml q | sed s,/srv/q,/srv/moved, > /tmp/q.xml
        virsh -q pool-define /tmp/q.xml'
check "... the guest is on its own again" eventually 10 stands_alone second
check "... one that lies where it is now follows" image_guest third /srv/moved/third.img
check "...... after it" follows third q
check "the pool is undefined" m virsh -q pool-undefine q
check "... nobody follows any more" eventually 10 stands_alone third
check "... and the guest starts" m virsh -q start third
check "... and ends" ends third
pool="<pool type='dir'><name>odd</name><target><path>/srv/a &amp; b</path></target></pool>"
m sh -c "echo \"$pool\" >/tmp/o.xml"
check "a pool whose folder a document writes otherwise" m virsh -q pool-define /tmp/o.xml
check "... and a guest in it" image_guest fifth '/srv/a &amp; b/fifth.img'
check "... is found" follows fifth odd
m virsh -q pool-undefine odd
check "... and again at the pool's end" eventually 10 stands_alone fifth

# --- pools that do not come up, or are gone ---
m sh -c 'mkdir -p /run/systemd/system/vm-pool@p.service.d
        printf "[Service]\nExecStartPre=/bin/false\n" > /run/systemd/system/vm-pool@p.service.d/fail.conf
        systemctl daemon-reload'
check "where the pool cannot be started, the guest starts" m virsh -q start first
check "... and the pool has failed" pool_is p failed
check "... its end" ends first
# ... and while it has not come up yet
m sh -c 'printf "[Service]\nExecStartPre=/bin/sleep 300\n" > /run/systemd/system/vm-pool@p.service.d/fail.conf
        systemctl daemon-reload; systemctl reset-failed'
m sh -c '{ virsh start first; echo "status $?"; } > /tmp/first 2>&1 &
        until systemctl list-jobs | grep -q "vm@first.service.*waiting"; do sleep 0.1; done'
check "a guest that waits for its pool is called off" m virsh -q destroy first
check "... whoever started it is told" eventually 5 says 'status 1' m cat /tmp/first
check "... another guest starts meanwhile" m virsh -q start third
check "... and ends" ends third
m sh -c 'systemctl stop vm-pool@p
        rm -r /run/systemd/system/vm-pool@p.service.d; systemctl daemon-reload; systemctl reset-failed'
check "a pool for now" m virsh -q pool-create-as t dir --target /srv/t
check "... is none that a guest follows" image_guest fourth /srv/t/fourth.img
check "...... for it cannot be started" stands_alone fourth
check "... it goes" m virsh -q pool-destroy t
check "... and the guest starts" m virsh -q start fourth
check "... and ends" ends fourth

# --- a file system ---
if [ "$disk" ]; then
        m virsh -q pool-define-as f fs --source-dev "$disk" --source-format ext4 --target /srv/f
        m virsh -q pool-build f --overwrite
        check "a guest on a pool that is a file system" image_guest sixth /srv/f/sixth.img
        check "... follows the pool" follows sixth f
        check "... and requires its mount" named sixth Requires srv-f.mount
        m sh -c 'virsh -q pool-start f && truncate -s 1M /srv/f/sixth.img && virsh -q pool-destroy f'
        check "... which its start brings, with the pool" starts_with_pool sixth f
        check "... the guest and its pool end" m sh -c 'virsh -q destroy sixth && virsh -q pool-destroy f'
else
        echo "# no loop device: a pool that is a file system"
fi

# --- at boot, by the generator ---
m sh -c 'mkdir -p /etc/libvirt/storage && virsh -q autostart first && virsh -q pool-autostart p --disable; sync'
check "the machine boots again" machine_reboot
check "... the guest that starts at boot runs" eventually 60 is_running first
check "... its pool, which does not, was started for it" pool_is p active
earlier() { m sh -c '[ "$(systemctl show -P ActiveEnterTimestampMonotonic vm-pool@p)" -le \
        "$(systemctl show -P ExecMainStartTimestampMonotonic vm@first)" ]'; }
check "... and before it" earlier
check "... explain says so" says vm-pool@p.service m unitvirt explain first
finish
