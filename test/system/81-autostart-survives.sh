#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What starts with the host goes on doing so, whatever happens to a rename or an undefine: the daemon is killed in the
# middle of it, the disk is full, the file system is read-only.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
rounds=12; only_at_night && rounds=100

uuid=5a1c0000-0000-4000-8000-000000000003
guest_xml left | sed "s|</name>|</name><uuid>$uuid</uuid>|" |
        m_with_input sh -c 'cat > /root/left.xml && virsh -q define /root/left.xml && virsh -q autostart left'
check "... starts with the host" m systemctl -q is-enabled vm@left
m sh -c 'for unit in virtqemud.service virtqemud.socket; do mkdir -p /etc/systemd/system/$unit.d
        printf "[Unit]\nStartLimitIntervalSec=0\n" > /etc/systemd/system/$unit.d/t.conf; done
        printf "[Socket]\nTriggerLimitIntervalSec=0\n" >> /etc/systemd/system/virtqemud.socket.d/t.conf
        systemctl daemon-reload'

# The guest by its uuid has one of two names, and that one starts with the host; each file is whole.
m_with_input sh -c 'cat > /root/rounds.py' <<'PY'
import glob, os, random, subprocess, sys, time, xml.etree.ElementTree as tree
rounds, uuid = int(sys.argv[1]), sys.argv[2]
random.seed(int(sys.argv[3]))


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=60)


def name():
    end = time.time() + 30
    while time.time() < end:
        seen = run('virsh', 'domname', uuid)
        if seen.returncode == 0 and seen.stdout.strip():
            return seen.stdout.strip()
        time.sleep(0.2)
    sys.exit('the guest is gone: ' + seen.stderr)


renamed = 0
for n in range(rounds):
    before = name()
    call = subprocess.Popen(('virsh', 'domrename', before, 'right' if before == 'left' else 'left'),
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(random.random() * 0.12)
    run('systemctl', 'kill', '-s', 'KILL', '--kill-who=main', 'virtqemud')
    call.wait(60)
    after = name()
    renamed += after != before
    if run('systemctl', 'is-enabled', 'vm@%s' % after).stdout.strip() != 'enabled':
        sys.exit('round %d: %s does not start with the host any more' % (n, after))
    if 'Autostart:      enable' not in run('virsh', 'dominfo', after).stdout:
        sys.exit('round %d: virsh says that %s does not' % (n, after))
    for path in glob.glob('/etc/libvirt/qemu/*.xml'):
        tree.parse(path)
strange = [f for f in os.listdir('/etc/libvirt/qemu') if f not in ('left.xml', 'right.xml') and os.path.isfile(
    '/etc/libvirt/qemu/' + f)]
if strange:
    sys.exit('left over: %s' % strange)
print('# %d of %d renames were carried out' % (renamed, rounds))
PY
LIMIT=500 check "after $rounds kills in the middle of renames it does, under whichever name" m /usr/bin/python3 \
        /root/rounds.py $rounds $uuid "${SEED:-$RANDOM}"
grep '^#' "$work/seen"
name=$(m virsh domname $uuid)
m sh -c "cd /etc/libvirt/qemu && for f in left.xml right.xml; do [ \$f = $name.xml ] || rm -f \$f; done"
other=right; [ "$name" = left ] || other=left
m systemctl -q disable "vm@$other" 2>/dev/null

# --- a disk that is full, and one that is read-only
check "definitions on a small file system" m sh -c 'cp -a /etc/libvirt /run/copy &&
        mount -t tmpfs -o size=128k small /etc/libvirt &&
        cp -a /run/copy/. /etc/libvirt/ && systemctl restart virtqemud && virsh list'
check "... the guest is there, and starts with the host" contains "Autostart:      enable" m virsh dominfo "$name"
fill() { m sh -c 'cat /dev/zero > /etc/libvirt/qemu/zeroes 2>/dev/null; test -s /etc/libvirt/qemu/zeroes'; }
check "... is full" fill
refused "a rename fails" "No space left on device" m virsh domrename "$name" "$other"
check "... the guest still starts with the host" contains "Autostart:      enable" m virsh dominfo "$name"
check "... for systemd too" m systemctl -q is-enabled "vm@$name"
check "... the other name does not" not m systemctl -q is-enabled "vm@$other"
check "... nothing half is there" not m test -e "/etc/libvirt/qemu/$other.xml"
m rm /etc/libvirt/qemu/zeroes
check "... is read-only" m mount -o remount,ro /etc/libvirt
refused "an undefine fails" "Read-only file system" m virsh undefine "$name"
check "... the guest still starts with the host" contains "Autostart:      enable" m virsh dominfo "$name"
check "... for systemd too" m systemctl -q is-enabled "vm@$name"
refused "a rename fails" "Read-only file system" m virsh domrename "$name" "$other"
check "... it still does" m systemctl -q is-enabled "vm@$name"
check "... can be written to again" m mount -o remount,rw /etc/libvirt
check "a rename takes it along" m virsh -q domrename "$name" "$other"
check "... the new name starts with the host" m systemctl -q is-enabled "vm@$other"
check "... the old one does not" not m systemctl -q is-enabled "vm@$name"
check "undefined" m virsh -q undefine "$other"
check "... nothing starts with the host any more" not m systemctl -q is-enabled "vm@$other"
finish
