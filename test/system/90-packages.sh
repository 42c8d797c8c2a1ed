#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The Debian packages: built, free of errors for lintian, installed by apt on a machine without Unitvirt. The smallest
# set runs guests; the whole one is ready for clients without another command, survives a reboot and an upgrade, and
# goes without taking definitions along. At night only, for building takes minutes.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
if ! only_at_night; then echo "ok - $area: left for the night"; exit 0; fi
export LIMIT=180
# where the packages are, if somebody has built them already
packages=${PACKAGES:-$work/packages}

build_packages() {
        mkdir -p "$packages/source"
        (cd "$here/../.." && tar --exclude='./build*' --exclude=./.git -cf - .) | tar -C "$packages/source" -xf - &&
                cd "$packages/source" && DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" dpkg-buildpackage -b -us -uc
}
has_no_errors() { not grep '^E:' <(lintian --allow-root "$packages"/unitvirt_*.changes 2>&1); }
install() { local p; m sh -c "cd /run/packages &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        $(for p; do printf './%s_*.deb ' "$p"; done)"; }
remove() { m sh -c "DEBIAN_FRONTEND=noninteractive apt-get purge -y 'unitvirt-*'"; }
listening() { m systemctl list-units --plain --no-legend --state=active '*virt*.socket'; }
all_drivers=$(printf 'unitvirt-daemon-driver-%s ' network storage nodedev nwfilter secret interface)

[ -n "${PACKAGES-}" ] || check "the packages build" build_packages
[ $failed = 0 ] || finish
check "lintian finds no errors" has_no_errors

bare=yes
bus=$("$here/bus-packages")
machine_up --bind-ro="$packages:/run/packages" --bind-ro="${bus:?}:/run/bus"
check "the smallest set is installed" install unitvirt-daemon unitvirt-daemon-driver-qemu
check "... virtqemud listens" contains virtqemud.socket listening
check "... and nothing else does" not contains virtproxyd listening
check "... define" define_guest a
check "... a guest runs" m systemctl start vm@a
check "... for all" shows_running a
refused "it is not removed while guests run" "guests are running" remove
check "... the guest still runs" shows_running a

check "everything is installed" install unitvirt-daemon unitvirt-daemon-driver-qemu unitvirt-daemon-log \
        unitvirt-daemon-lock \
        unitvirt-daemon-proxy unitvirt-daemon-system unitvirt-tools $all_drivers
check "... the guest still runs" shows_running a
check "... clients without a URI are served" contains running m env -u LIBVIRT_DEFAULT_URI virsh list
for daemon in qemu network storage nodedev nwfilter secret interface log lock; do
        check "... virt${daemon}d listens" contains "virt${daemon}d.socket" listening
done
check "... libvirtd does not" not contains libvirtd listening
check "unitvirt status shows no conflict" not contains Conflict m unitvirt status
check "what virt-manager and python need is not in the way" \
        m sh -c 'dpkg -s libvirt-clients python3-libvirt | grep -c "ok installed" | grep -qx 2; apt-get check'
check "libvirt-dbus finds what it depends on in our packages" \
        m sh -c 'cd /run/bus && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ./*.deb'
check "... and lists the guest" contains /org/libvirt/QEMU/domain/ m busctl call org.libvirt /org/libvirt/QEMU \
        org.libvirt.Connect ListDomains u 0
check "autostart" m virsh -q autostart a
check "the machine reboots" machine_reboot
check "... the guest is up" shows_running a
check "... and virsh is served" contains running m virsh list

again() { m sh -c 'cd /run/packages && for p in *.deb; do case $p in *dbgsym* | *driver-xen*) ;; *) echo "./$p";;
        esac; done | DEBIAN_FRONTEND=noninteractive xargs apt-get install -y --reinstall'; }
folder() { m stat -c %i /run/libvirt/qemu/vm-a; }
inode=$(folder)
check "an upgrade" again
check "... leaves the guest's folder where it was" equals "$inode" folder
check "... leaves the guest running" shows_running a
check "... and virsh served" contains running m virsh list
check "stop" m virsh -q destroy a
check "everything is purged" remove
check "... no unit of ours is left" equals "" \
        m sh -c "ls -d /lib/systemd/system/virt*d* /lib/systemd/system/libvirtd* \
        /lib/systemd/system/vm@* /lib/systemd/system/vm-* 2>/dev/null; true"
check "... nothing listens" equals "" listening
check "... the definition is still there" m test -e /etc/libvirt/qemu/a.xml
check "no unit has failed" equals "" m systemctl --failed --plain --no-legend
finish
