# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What quickstart and check have in common: steps with progress, packages, and whether KVM works. Sourced; the
# caller sets $log to a file that takes what the steps print.

packages_to_build=(gcc meson ninja-build pkgconf git python3 libblkid-dev libfdisk-dev libiscsi-dev libxml2-dev
                   libsystemd-dev libtirpc-dev rpcsvc-proto libjansson-dev libgnutls28-dev libsasl2-dev libacl1-dev
                   libcap-ng-dev libnl-3-dev libnftables-dev scdoc)
packages_to_run=(systemd systemd-sysv systemd-container dbus polkitd util-linux iproute2 procps qemu-system-x86
                 qemu-utils libvirt-clients busybox-static kmod cpio e2fsprogs xz-utils binutils bsdutils dnsmasq-base
                 mdevctl)
# SPICE, which most definitions of virt-manager have; it is in QEMU's other packages on Debian 12
grep -q '^VERSION_ID="12"' /etc/os-release || packages_to_run+=(qemu-system-modules-spice)
packages_to_test=(libcmocka-dev python3-libvirt virtinst ovmf libxml2-utils socat shellcheck gnutls-bin openssl
                  sasl2-bin libsasl2-modules libsasl2-modules-gssapi-mit krb5-kdc krb5-admin-server krb5-user
                  openssh-server openssh-client netcat-openbsd nftables iptables libnss-libvirt swtpm swtpm-tools passt
                  scrub udev qemu-block-extra qemu-guest-agent openvswitch-switch firewalld network-manager tgt nbdkit
                  python3-gi gir1.2-gtk-vnc-2.0 gir1.2-spiceclientglib-2.0)
# On Debian 12 it is in one of QEMU's packages.
grep -q '^VERSION_ID="12"' /etc/os-release || packages_to_test+=(virtiofsd)
# Servers among them run in the tests' own machines. On this one a package that is new may neither start nor enable
# them.
servers_to_test=(ssh.service krb5-kdc.service krb5-admin-server.service saslauthd.service
                 openvswitch-switch.service ovs-record-hostname.service uuidd.socket uuidd.service
                 firewalld.service NetworkManager.service NetworkManager-wait-online.service tgt.service)
packages_to_bench=(libvirt-dev python3-libvirt)
packages_for_night=(mmdebstrap build-essential debhelper dpkg-dev lintian
                    virt-manager gir1.2-spiceclientgtk-3.0 gir1.2-atspi-2.0 xvfb openbox
                    at-spi2-core)
# Where units go, which debian/control asks for; on Debian 12 it is in systemd itself.
grep -q '^VERSION_ID="12"' /etc/os-release || packages_for_night+=(systemd-dev)

if [ -t 2 ]; then tty=yes; else tty=''; fi
say() { echo "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }

# step WHAT COMMAND...: runs it with its output in $log, shows that something goes on, and the time it took. The end
# of the output is shown where it fails.
step() {
        local what=$1 pid start=$SECONDS from rc=0 line; shift
        from=$(wc -l < "$log")
        "$@" </dev/null >>"$log" 2>&1 &
        pid=$!
        while kill -0 $pid 2>/dev/null; do
                if [ "$tty" ]; then
                        line=$(tail -c 300 "$log" | tr '\r' '\n' | tail -n 1 | tr -cd '[:print:]' | cut -c1-50)
                        printf '\r\e[K==> %s (%d s) %s' "$what" $((SECONDS - start)) "$line" >&2
                elif [ $(((SECONDS - start) % 30)) = 29 ]; then
                        say "    $what: $((SECONDS - start)) s"
                        sleep 1
                fi
                sleep 0.2
        done
        wait $pid || rc=$?
        if [ "$tty" ]; then printf '\r\e[K' >&2; fi
        if [ $rc = 0 ]; then say "==> $what: $((SECONDS - start)) s"; return 0; fi
        say "==> $what: failed"
        tail -n +$((from + 1)) "$log" | tail -n 30 >&2
        return $rc
}

missing_packages() {
        local package
        for package in "$@"; do
                [ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" = 'install ok installed' ] || echo "$package"
        done
}

# Installs what is missing. The package lists are brought up to date only when they are needed and do not do.
install_packages() {
        local missing
        command -v apt-get >/dev/null || die "this needs Debian 12 or 13 (there is no apt-get here)"
        mapfile -t missing < <(missing_packages "$@")
        [ ${#missing[@]} = 0 ] && return 0
        [ "$(id -u)" = 0 ] || die "these packages are missing; install them, or run this as root: ${missing[*]}"
        step "installing ${#missing[@]} packages" apt_install "${missing[@]}"
}
apt_install() {
        local unit new=() rc=0
        for unit in "${servers_to_test[@]}"; do [ -e "/usr/lib/systemd/system/$unit" ] || new+=("$unit"); done
        export DEBIAN_FRONTEND=noninteractive
        apt-get install -y --no-install-recommends "$@" ||
                { apt-get update && apt-get install -y --no-install-recommends "$@"; } || rc=$?
        for unit in "${new[@]}"; do
                [ -e "/usr/lib/systemd/system/$unit" ] || continue
                systemctl disable "$unit" || true
                systemctl stop "$unit" 2>/dev/null || true
        done
        return $rc
}

# Whether a real kernel gets as far as its first process under KVM. /dev/kvm proves nothing: on some virtual machines it
# is there and a stock kernel hangs.
kvm_works() {
        local guest=$1 serial pid i rc=1
        [ -w /dev/kvm ] || return 1
        serial=$(mktemp)
        qemu-system-x86_64 -accel kvm -cpu host -m 256 -machine q35 -display none -nodefaults -no-user-config \
                -kernel "$guest/vmlinuz" -initrd "$guest/initrd.img" -append 'console=ttyS0 root=none' \
                -serial "file:$serial" </dev/null >/dev/null 2>&1 & pid=$!
        for i in $(seq 80); do
                if grep -q 'Run /init' "$serial"; then rc=0; break; fi
                kill -0 $pid 2>/dev/null || break
                sleep 0.1
        done
        kill -KILL $pid 2>/dev/null
        wait $pid 2>/dev/null
        rm -f "$serial"
        return $rc
}
