#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Guests whose screens and serial ports are reached over TCP: their QEMU has no network of the host all the same.
# Clients are handed to it (VNC, SPICE), carried to it (websockets), or come to a socket that was opened for it.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

define() { m_with_input sh -c "cat > /root/$1.xml && virsh -q define /root/$1.xml"; }
with_port() { guest_xml "$1" idle | sed "s|<serial type='pty'/>|$2|"; }
python() { m /usr/bin/python3 -c "$@"; }
spice=$(m sh -c 'qemu-system-x86_64 -spice help 2>&1 | grep -q "no option group" ||
        echo "<graphics type=\"spice\" port=\"5909\" passwd=\"secret\" listen=\"127.0.0.1\"/>"')
[ -n "$spice" ] || echo "# this QEMU has no SPICE: not tried"

# --- screens
guest_xml seen idle "<graphics type='vnc' port='5908' websocket='5708' passwd='secret' listen='localhost'/>$spice" |
        define seen
check "a guest with VNC, websockets and SPICE" m virsh -q start seen
pid=$(qemu_pid seen)
asks_for_password() { python '
import socket, sys
clients = [socket.create_connection(("127.0.0.1", 5908), 10) for _ in range(3)]
for s in clients:
    s.settimeout(20)
    assert s.recv(12) == b"RFB 003.008\n", "no screen"
    s.sendall(b"RFB 003.008\n")
    assert s.recv(2) == b"\x01\x02", "not asked for the password"'; }
check "... VNC's clients see it, three at once, and are asked for the password" asks_for_password
check "... so do browsers" m /usr/bin/python3 /run/test/browser.py 5708 clients=3
greets() { python '
import socket, struct
s = socket.create_connection(("127.0.0.1", 5909), 10)
s.settimeout(20)
s.sendall(struct.pack("<4sIII", b"REDQ", 2, 2, 18) + struct.pack("<IBBIII", 0, 1, 0, 0, 0, 18))
answer = s.recv(20, socket.MSG_WAITALL)
assert answer[:4] == b"REDQ" and answer[16:20] == bytes(4), answer'; }
[ -z "$spice" ] || check "... and clients of SPICE" greets
check "... virsh says where" contains "vnc://localhost:8" m virsh domdisplay --all seen
its_ports() { m sh -c "nsenter -t $pid -n ss -tlnH | awk '{ print \$4 }' | sort | xargs"; }
check "... QEMU listens in a network of its own, for websockets" equals "127.0.0.1:5708 127.0.0.1:5908" its_ports
its_links() { m sh -c "nsenter -t $pid -n ip -o link | grep -cv ' lo:'"; }
check "... in which there is nothing else" equals 0 its_links
proxy=$(m pgrep -f ^/usr/lib/systemd/systemd-socket-proxyd)
check "... what carries websockets there is the guest's user's, filtered, in that network" equals \
        "$(m sh -c "stat -c %u /proc/$pid; readlink /proc/$pid/ns/net; echo 1 2" | xargs)" \
        m sh -c "echo \$(stat -c %u /proc/$proxy) \$(readlink /proc/$proxy/ns/net) \$(awk '
                /^NoNewPrivs:/ { n = \$2 } /^Seccomp:/ { print n, \$2 }' /proc/$proxy/status)"
check "systemd-analyze security rates it 1.5 or better" m systemd-analyze security --no-pager --threshold=15 vm@seen
check "... destroy" m virsh -q destroy seen
check "... nothing listens any more" equals "" m sh -c 'ss -tlnH | grep -E ":(5708|5908|5909) "'
check "... nor carries" not m pgrep -f ^/usr/lib/systemd/systemd-socket-proxyd
check "... it starts again" m virsh -q start seen
check "... with its screen" asks_for_password
check "... what carries websockets is killed" m pkill -KILL -f ^/usr/lib/systemd/systemd-socket-proxyd
check "... the guest runs on, with its screen" asks_for_password
check "... and the journal has it" eventually 10 m sh -c \
        'journalctl -b -q -o cat -u vm@seen | grep -q "not seen by websockets any more"'
check "... destroy" m virsh -q destroy seen

tls() { guest_xml tls idle "<graphics type='spice' port='5920' tlsPort='5921'/>" | define tls; m virsh start tls; }
refused "SPICE with TLS is refused by name" "spice TLS port set in XML configuration" tls

# --- serial ports
with_port bound "<serial type='tcp'><source mode='bind' host='127.0.0.1' service='4101'/></serial>" | define bound
private() { equals yes m systemctl show -P PrivateNetwork "vm@$1"; }
check "a port that clients connect to" m virsh -q start bound
check "... by a QEMU without the host's network" private bound
talks() { python '
import socket, subprocess
s = socket.create_connection(("127.0.0.1", 4101), 10)
s.settimeout(20)
subprocess.run(["virsh", "-q", "reset", "bound"], check=True)
assert s.recv(1), "closed"'; }
check "... has what the guest writes" talks
check "... destroy" m virsh -q destroy bound
with_port wrong "<serial type='tcp'><source mode='bind' host='192.0.2.7' service='4101'/></serial>" | define wrong
refused "one at an address that is not the host's is refused, and named" "192.0.2.7:4101" m virsh start wrong
m_with_input sh -c 'cat > /root/listen.py' <<'PY'
import socket
s = socket.create_server(('127.0.0.1', 4102))
while True:
    c, _ = s.accept()
    c.settimeout(20)
    text = b''
    try:
        while b'\n' not in text and (more := c.recv(100)):
            text += more
    except TimeoutError:
        pass
    open('/run/heard', 'ab').write(text)
PY
m systemd-run -q --unit listen python3 /root/listen.py
check "somebody listens" eventually 10 m sh -c 'ss -tlnH | grep -q :4102'
with_port made "<serial type='tcp'><source mode='connect' host='localhost' service='4102'/></serial>" | define made
check "a port that connects" m virsh -q start made
check "... by a QEMU without the host's network" private made
check "... what the guest writes is heard" eventually 20 m test -s /run/heard
check "... destroy" m virsh -q destroy made
with_port again "<serial type='tcp'><source mode='connect' host='localhost' service='4102'>\
<reconnect enabled='yes' timeout='1'/></source></serial>" | define again
check "one that is connected again when it breaks" m virsh -q start again
check "... has the host's network for that" equals no m systemctl show -P PrivateNetwork vm@again
check "... destroy" m virsh -q destroy again
# heard SECONDS: what came within so long. QEMU connects while the guest runs already: what that said before is lost, so
# it begins anew.
heard() {
        m sh -c ": > /run/heard; virsh -q start again
                for i in \$(seq $1); do sleep 1; grep -q UP /run/heard && break; virsh -q reset again; done
                virsh -q destroy again; cat /run/heard"
}
check "control: what it writes is heard" contains UP heard 30
m sh -c 'mkdir -p /run/systemd/system/vm@again.service.d && printf "[Service]\nIPAddressDeny=localhost\n" \
        > /run/systemd/system/vm@again.service.d/deny.conf && systemctl daemon-reload'
check "... not where a drop-in denies it that address" equals "" heard 4

# --- serial ports with TLS
m sh -c '/run/test/certificates; mkdir -p /etc/pki/libvirt-chardev; cd /tmp/c
        for f in ca:ca-cert server:server-cert client:client-cert; do
                cp ${f%:*}.pem /etc/pki/libvirt-chardev/${f#*:}.pem; done
        for n in server client; do cp $n.key /etc/pki/libvirt-chardev/$n-key.pem; done
        chmod 600 /etc/pki/libvirt-chardev/*-key.pem'
with_port sealed "<serial type='tcp'><source mode='bind' host='localhost' service='4104' tls='yes'/></serial>" |
        define sealed
check "a port that clients connect to with TLS" m virsh -q start sealed
check "... by a QEMU without the host's network" private sealed
m_with_input sh -c 'cat > /root/sealed.py' <<'PY'
import socket, ssl, subprocess, sys
context = ssl.create_default_context(cafile="/tmp/c/ca.pem")
if sys.argv[1] == "known":
    context.load_cert_chain("/tmp/c/client.pem", "/tmp/c/client.key")
with context.wrap_socket(socket.create_connection(("localhost", 4104), 10), server_hostname="localhost") as s:
    s.settimeout(20)
    subprocess.run(["virsh", "-q", "reset", "sealed"], check=True)
    assert s.recv(1), "closed"
PY
check "... who has a certificate has what the guest writes" m python3 /root/sealed.py known
check "... who has none is let go" not m python3 /root/sealed.py stranger
check "... the key is the guest's own copy, and nobody else's" equals 400 \
        m sh -c 'stat -c %a /run/libvirt/qemu/*/chardev-tls-server/server-key.pem'
check "... destroy" m virsh -q destroy sealed
conf() { m sh -c "echo \"$1\" >> /etc/libvirt/qemu.conf; systemctl restart virtqemud"; }
conf 'chardev_tls_x509_verify = 0'
check "where qemu.conf lets anybody in" m virsh -q start sealed
check "... who has none has what the guest writes" m python3 /root/sealed.py stranger
check "... destroy" m virsh -q destroy sealed
conf 'chardev_tls = 1'
m sh -c "virsh dumpxml --inactive sealed > /root/s.xml; sed -i \"s/ tls='yes'//\" /root/s.xml
        virsh -q define /root/s.xml"
check "where qemu.conf wants it, one that does not say" m virsh -q start sealed
check "... says so, live" contains "tls='yes'" m virsh dumpxml sealed
check "... who knows its certificate has what the guest writes" m python3 /root/sealed.py known
check "... destroy" m virsh -q destroy sealed
with_port plain "<serial type='tcp'><source mode='connect' host='localhost' service='4105'/></serial>" | define plain
refused "... one that connects has to say whether" "write tls='yes', or tls='no'" m virsh start plain
m_with_input sh -c 'cat > /root/server.py' <<'PY'
import socket, ssl
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile="/tmp/c/ca.pem")
context.verify_mode = ssl.CERT_REQUIRED
context.load_cert_chain("/tmp/c/server.pem", "/tmp/c/server.key")
listening = socket.create_server(("127.0.0.1", 4105))
while True:
    client, _ = listening.accept()
    client.settimeout(30)
    try:
        with context.wrap_socket(client, server_side=True) as s:
            heard = b""
            while b"P" not in heard and (more := s.recv(100)):
                heard += more
            said = f"{s.getpeercert()['subject']} {heard}"
    except OSError as e:
        said = f"refused: {e}"
    print(said, file=open("/run/sealed-heard", "a"), flush=True)
PY
m systemd-run -q --unit sealed-end python3 /root/server.py
check "a server" eventually 10 m sh -c 'ss -tlnH | grep -q :4105'
port_to() { with_port to "<serial type='tcp'><source mode='connect' host='$1' service='4105' tls='yes'/></serial>"; }
port_to localhost | sed 's/<uuid>.*uuid>//' | define to
check "a port that connects with TLS" m virsh -q start to
check "... has the host's network for that" equals no m systemctl show -P PrivateNetwork vm@to
heard_by() { m sh -c "virsh -q reset to; sleep 1; grep -aq \"$1\" /run/sealed-heard"; }
check "... the server knows its certificate, and hears what the guest writes" \
        eventually 20 heard_by "'commonName', 'client'.*UP"
check "... destroy" m virsh -q destroy to
m sh -c "sed -i s/localhost/127.0.0.1/ /root/to.xml; virsh -q undefine to; virsh -q define /root/to.xml"
check "... where the certificate is not that of the name" m virsh -q start to
check "... QEMU tells it nothing" eventually 20 heard_by "b''$"
finish
