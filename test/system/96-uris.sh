#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Every form of URI, at the modular daemons, through virtproxyd, and at libvirtd: no URI, local, +unix with a socket,
# +tcp, +tls, and +ssh by a real sshd with virt-ssh-helper and with netcat.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

m_with_input bash -s <<'SETUP' > "$work/setup" 2>&1 || { cat "$work/setup"; echo "not ok - $area: setting up"; \
        failed=1; finish; }
set -e
ip link set lo up
# --- TLS
/run/test/certificates
# --- TCP
for daemon in libvirtd virtproxyd; do echo 'auth_tcp = "none"' > /etc/libvirt/$daemon.conf; done
# --- ssh
mkdir -p /root/.ssh /run/sshd && chmod 700 /root/.ssh
rm -f /root/.ssh/id_test /tmp/hostkey
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_test
ssh-keygen -q -t ed25519 -N '' -f /tmp/hostkey
cp /root/.ssh/id_test.pub /root/.ssh/authorized_keys
useradd -m -G libvirt -p '*' gail
mkdir -p ~gail/.ssh && cp /root/.ssh/id_test.pub ~gail/.ssh/authorized_keys &&
        chown -R gail: ~gail && chmod 700 ~gail ~gail/.ssh
printf '%s\n' 'Port 22' 'ListenAddress 127.0.0.1' 'HostKey /tmp/hostkey' 'PermitRootLogin yes' \
        'PasswordAuthentication no' 'UsePAM no' 'StrictModes no' > /tmp/sshd_config
systemd-run -q --unit=test-sshd /usr/sbin/sshd -D -e -f /tmp/sshd_config
SETUP
ssh='keyfile=/root/.ssh/id_test&no_verify=1&no_tty=1'

lists() { contains g1 m virsh -c "$1" list --all --name; }
# forms DAEMON SOCKET: all that reach it
forms() {
        local daemon=$1 socket=$2
        check "$daemon: qemu+unix:///system?socket=$socket" lists "qemu+unix:///system?socket=/run/libvirt/$socket"
        check "$daemon: ... read-only" m virsh -r -c "qemu+unix:///system?socket=/run/libvirt/$socket-ro" list
        check "$daemon: qemu+ssh with virt-ssh-helper" lists "qemu+ssh://root@localhost/system?$ssh&proxy=native"
        check "$daemon: qemu+ssh with netcat" lists \
                "qemu+ssh://root@localhost/system?$ssh&proxy=netcat&socket=/run/libvirt/$socket"
        check "$daemon: qemu+ssh, whichever is there" lists "qemu+ssh://root@localhost/system?$ssh"
        check "$daemon: qemu+ssh of a user of the group libvirt" lists "qemu+ssh://gail@localhost/system?$ssh"
}
remote_forms() {
        local daemon=$1
        check "$daemon: listens on TCP and TLS" \
                m sh -c "systemctl stop $daemon.service 2>/dev/null;
                systemctl start $daemon-tcp.socket $daemon-tls.socket"
        check "$daemon: qemu+tcp://localhost/system" lists qemu+tcp://localhost/system
        check "$daemon: ... with a port" lists qemu+tcp://127.0.0.1:16509/system
        check "$daemon: qemu+tls://localhost/system" lists 'qemu+tls://localhost/system?pkipath=/tmp/c/pki'
        check "$daemon: qemu://localhost/system, which is TLS" lists 'qemu://localhost/system?pkipath=/tmp/c/pki'
        check "$daemon: remote+tcp, which asks for whatever is there" contains "QEMU" \
                m virsh -c 'remote+tcp://localhost' version
        check "$daemon: ?name= asks for another one" lists 'remote+tcp://localhost/?name=qemu:///system'
        refused "$daemon: a driver that is not there" "xen" m virsh -c xen+tcp://localhost/system list
        refused "$daemon: a path that there is not" "unexpected" m virsh -c qemu+tcp://localhost/nowhere list
        check "$daemon: qemu+ext, by a command of one's own" lists "qemu+ext:///system?command=/tmp/helper"
}
m sh -c 'printf "#!/bin/sh\nexec virt-ssh-helper qemu:///system\n" > /tmp/helper; chmod +x /tmp/helper'

check "a guest" define_guest g1
# --- modular, and virtproxyd
check "no URI at all" contains qemu:///system m env -u LIBVIRT_DEFAULT_URI virsh uri
xen_was_not_started() { [ -z "$(m systemctl show -P ActiveEnterTimestamp virtxend.service)" ] && \
        [ -z "$(m sh -c 'journalctl -q -b -u virtxend.service')" ]; }
check "... and Xen's daemon was not asked" xen_was_not_started
check "qemu:///system" lists qemu:///system
check "... at its own daemon" lists 'qemu:///system?mode=direct'
check "... through virtproxyd" lists 'qemu:///system?mode=legacy'
forms virtqemud virtqemud-sock
forms virtproxyd libvirt-sock
remote_forms virtproxyd
# --- monolithic
check "libvirtd takes over" \
        m sh -c \
        'systemctl stop virtproxyd-tcp.socket virtproxyd-tls.socket virtproxyd.socket virtproxyd.service 2>/dev/null;
        systemctl start libvirtd.socket'
check "no URI at all" contains qemu:///system m env -u LIBVIRT_DEFAULT_URI virsh uri
check "qemu:///system" lists qemu:///system
forms libvirtd libvirt-sock
remote_forms libvirtd
check "qemu:///session has no daemon of the system's to talk to" \
        m sh -c 'LIBVIRT_AUTOSTART=0 runuser -u nobody -- virsh -c qemu:///session list; [ $? = 1 ]'
finish
