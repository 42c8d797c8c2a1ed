#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Coming from libvirt: a machine with Debian's libvirt, and guests, a network, a pool, a secret, autostart links, NVRAM
# and a snapshot made with its own virsh. What cannot run here is listed before anything changes; apt exchanges the
# packages; all files are as they were, and the guests that can run start. At night only.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
if ! only_at_night; then echo "ok - $area: left for the night"; exit 0; fi
export LIMIT=240
packages=${PACKAGES:-$work/packages}
theirs=${LIBVIRT_PACKAGES:-/var/tmp/unitvirt-libvirt-packages}

build_packages() {
        mkdir -p "$packages/source"
        (cd "$here/../.." && tar --exclude='./build*' --exclude=./.git -cf - .) | tar -C "$packages/source" -xf - &&
                cd "$packages/source" && DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" dpkg-buildpackage -b -us -uc
}
fetch_libvirt() {
        mkdir -p "$theirs/partial"
        apt-get install -y --download-only --no-install-recommends -o Dir::Cache::archives="$theirs" \
                libvirt-daemon-system libvirt-daemon-config-network dnsmasq-base
}
apt_in() { local folder=$1; shift;
        m sh -c "cd $folder && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $*"; }
in_file() { m_with_input sh -c "cat > $1"; }
everything() { m sh -c 'cd / && find etc/libvirt/qemu etc/libvirt/storage etc/libvirt/secrets etc/libvirt/nwfilter \
        var/lib/libvirt/qemu/nvram var/lib/libvirt/qemu/snapshot ! -type d ! -name "*.base64" \
        -exec sh -c "for f; do echo \$f \$(readlink \$f) \$(sha256sum < \$f); done" - {} + | sort'; }
sorted() { m virsh "$@" | sort; }
kept() { diff "$work/before" <(everything); }

[ -n "${PACKAGES-}" ] || check "the packages build" build_packages
check "libvirt's packages are fetched" fetch_libvirt

bare=yes
machine_up --bind-ro="$packages:/run/packages" --bind-ro="$theirs:/run/theirs"
check "libvirt is installed" apt_in /run/theirs "./*.deb"
check "... and serves" eventually 20 m virsh version
[ $failed = 0 ] || finish

guest_xml plain | in_file /root/plain.xml
guest_xml linux linux "<interface type='user'/>" | in_file /root/linux.xml
guest_xml lan idle "<interface type='network'><source network='default'/></interface>" | in_file /root/lan.xml
guest_xml uefi | sed "s|</os>|<nvram>/var/lib/libvirt/qemu/nvram/uefi_VARS.fd</nvram></os>|" | in_file /root/uefi.xml
echo "<pool type='dir'><name>images</name><target><path>/var/lib/libvirt/images</path></target></pool>" |
        in_file /root/pool.xml
echo "<secret ephemeral='no' private='no'><uuid>0a1b2c3d-0000-4000-8000-00000000000a</uuid>
<usage type='volume'><volume>/x</volume></usage></secret>" | in_file /root/secret.xml
check "NVRAM" m sh -c 'mkdir -p /var/lib/libvirt/qemu/nvram;
        head -c 4096 /dev/urandom > /var/lib/libvirt/qemu/nvram/uefi_VARS.fd'
for guest in plain linux lan; do check "define $guest" m virsh -q define "/root/$guest.xml"; done
for guest in plain lan; do check "autostart of $guest" m virsh -q autostart $guest; done
check "a pool" m virsh -q pool-define /root/pool.xml
check "a secret" m virsh -q secret-define /root/secret.xml
check "... with a value" m virsh -q secret-set-value 0a1b2c3d-0000-4000-8000-00000000000a c2VjcmV0
check "a snapshot" m virsh -q snapshot-create-as linux before
# "yes" to autostart would hide who takes it over
check "the network is not for the boot" m virsh -q net-autostart --disable default
check "a network is there" contains default m virsh net-list --all --name
everything > "$work/before"
check "there is something to keep" [ "$(wc -l < "$work/before")" -gt 8 ]

check "unitvirt-tools can be installed beside libvirt" apt_in /run/packages "./unitvirt-tools_*.deb"
m unitvirt verify --all > "$work/verify" 2>&1; rc=$?
check "verify --all says that not everything runs" [ $rc = 1 ]
lists() { grep -E "$1" "$work/verify" || { cat "$work/verify"; false; }; }
check "... but not networks, pools and their guests, which do" \
        not grep -E 'lan\.xml|default\.xml|images\.xml' "$work/verify"
check "... the snapshot" lists '^/var/lib/libvirt/qemu/snapshot/linux/before\.xml:[0-9]+: snapshot'
check "... and not the guests that run" not lists '/qemu/(plain|linux)\.xml'

check "apt exchanges the packages" apt_in /run/packages "\$(ls ./unitvirt-*.deb | grep -v -e dbgsym -e xen)"
check "... libvirt's daemons are gone" \
        not m sh -c "dpkg-query -W -f '\${Package} \${Status}\n' 'libvirt-daemon*' |
        grep -v config | grep 'ok installed'"
check "... all files are as they were" kept
check "... libvirtd is enabled as before" contains enabled m systemctl is-enabled libvirtd.socket
check "... unitvirt status shows no conflict" not contains Conflict m unitvirt status
check "... no guest was started" equals "" m virsh list --name
check "the secret is there" contains 0a1b2c3d-0000-4000-8000-00000000000a m virsh secret-list
check "... with its value" equals c2VjcmV0 m virsh -q secret-get-value 0a1b2c3d-0000-4000-8000-00000000000a
check "... which is sealed with the host's key" eventually 30 m test ! -e \
        /etc/libvirt/secrets/0a1b2c3d-0000-4000-8000-00000000000a.base64
check "... and still given back" equals c2VjcmV0 m virsh -q secret-get-value 0a1b2c3d-0000-4000-8000-00000000000a
check "virsh lists the guests" equals "$(printf 'lan\nlinux\nplain\n')" sorted list --all --name
check "... with their autostart" equals "$(printf 'lan\nplain\n')" sorted list --all --autostart --name
check "one starts" m virsh -q start plain
check "... and runs" shows_running plain
check "one with a disk starts" m systemctl start vm@linux
check "... and runs" shows_running linux
check "one on a network starts" m systemctl start vm@lan
check "... and the network, as it was" m sh -c "virsh -q net-list | grep -q '^ default *active *no'"
check "the machine reboots" machine_reboot
check "... what was to start at boot runs" shows_running plain
check "... what was not does not" equals "shut off" m sh -c 'virsh domstate linux'
check "... virsh is served by libvirtd" contains active m systemctl is-active libvirtd.socket
# Which guests start at boot is systemd's to know by now.
definitions_kept() { diff <(grep -v /autostart/ "$work/before") <(everything | grep -v /autostart/); }
check "all definitions are as they were" definitions_kept
check "... and who starts at boot" equals "$(printf 'lan\nplain\n')" sorted list --all --autostart --name
finish
