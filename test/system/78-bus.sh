#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# org.libvirt on the system bus, as Debian's libvirt-dbus gives it: a client of libvirt's library that subscribes to
# every event, unmodified, with a user of its own that polkit lets in.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
packages=$("$here/bus-packages") || { echo "not ok - $area: the packages are fetched"; exit 1; }
machine_up --bind-ro="$packages:/run/packages"
# libvirt's daemons, which it depends on, are those of the build here
check "libvirt-dbus is installed" m sh -c 'dpkg -i --force-depends /run/packages/*.deb'

connect=/org/libvirt/QEMU
quiet_call() { m busctl --json=short call org.libvirt "$@"; }
host() { quiet_call $connect org.libvirt.Connect "$@"; }
guest() { quiet_call "$object" org.libvirt.Domain "$@"; }
property() { m busctl get-property org.libvirt "$object" org.libvirt.Domain "$@"; }
state() { equals "{\"type\":\"(ii)\",\"data\":[[$1,$2]]}" guest GetState u 0; }
eventually_state() { eventually 20 state "$@" || state "$@"; }
# An event and its detail, of the guest, after all that came before.
has_event() { m grep -qF -- "\"member\":\"DomainEvent\",\"payload\":{\"type\":\"oii\",\"data\":[\"$object\",$1,$2]}" \
        /root/signals; }
event() { eventually 10 has_event "$@" || { m tail -n 5 /root/signals; return 1; }; }

check "it starts at a call, and connects" equals '{"type":"ao","data":[[]]}' host ListDomains u 0
check "... as its own user" equals libvirtdbus m sh -c 'ps -o user= -C libvirt-dbus'
check "... to the host" contains '"data":"unitvirt-test"' m busctl --json=short get-property org.libvirt $connect \
        org.libvirt.Connect Hostname
check "... of our version" contains '"data":12008000' m busctl --json=short get-property org.libvirt $connect \
        org.libvirt.Connect LibVersion
check "... all properties are known" equals "Encrypted Hostname LibVersion Secure Version" \
        m sh -c "busctl --json=short call org.libvirt $connect org.freedesktop.DBus.Properties GetAll s \
                        org.libvirt.Connect |
                grep -oE '\"[A-Z][A-Za-z]+\":' | tr -d '\":' | sort | tr '\\n' ' '"
check "... libvirt's library has the connection for secure" m /usr/bin/python3 \
        -c 'import libvirt; assert libvirt.open("qemu:///system").isSecure() == 1'
m systemd-run -q --unit=listen \
        sh -c 'exec busctl --json=short monitor --match "sender=org.libvirt,type=signal" >> /root/signals'
eventually 10 m sh -c 'journalctl -b -q -t busctl | grep -q Monitoring'

xml=$(guest_xml bus idle)
define() { host DomainDefineXML s "$xml"; }
check "DomainDefineXML" define
object=$(host DomainLookupByName s bus | sed 's/.*\["\(.*\)"\].*/\1/')
check "DomainLookupByName gives the guest" contains "$connect/domain/_" echo "$object"
check "ListDomains lists it" contains "\"$object\"" host ListDomains u 0
check "... virsh as well" contains bus m virsh list --all --name
check "event: defined" event 0 0
check "Name, Active, Persistent, Autostart" equals 's "bus"
b false
b true
b false' property Name Active Persistent Autostart
check "UUID" equals "s \"$(m virsh domuuid bus | head -1)\"" property UUID
check "GetXMLDesc" contains '<name>bus</name>' guest GetXMLDesc u 0
check "state: shut off" state 5 0
check "Autostart is set" m busctl set-property org.libvirt "$object" org.libvirt.Domain Autostart b true
check "... for systemd" equals enabled m systemctl is-enabled vm@bus
check "... and read" equals 'b true' property Autostart

check "Create" guest Create u 0
check "... the guest runs" shows_running bus
check "... state: running, booted" state 1 1
check "... Active, Id" equals 'b true
u 1' property Active Id
check "event: started" event 2 0
check "GetStats" contains '"state.state":{"type":"v","data":{"type":"i","data":1}}' guest GetStats uu 0 0
check "GetXMLDesc of the running one" contains "id='1'" guest GetXMLDesc u 0
m sh -c ': > /root/signals'
check "Suspend" guest Suspend
check "... state: paused, by the user" state 3 1
check "event: suspended" event 3 0
check "Resume" guest Resume
check "event: resumed" event 4 0
refused "what is not supported is said by name" "virDomainManagedSave" m busctl call org.libvirt \
        "$object" org.libvirt.Domain ManagedSave u 0

# The daemon dies under it: it connects again by itself.
m sh -c 'kill -9 $(systemctl show -P MainPID virtqemud)'
check "after the supervisor's end it answers" eventually_state 1 5
m sh -c ': > /root/signals'
check "Shutdown" guest Shutdown u 0
check "... shut off, by shutdown" eventually_state 5 1
check "... for all three" shows_off bus shutdown
check "event: stopped, by shutdown" event 5 0
check "a start by systemctl is an event, too" m systemctl start vm@bus
check "... started" event 2 0
check "Destroy" guest Destroy u 0
check "... shut off (destroyed)" shows_off bus destroyed
check "event: stopped, destroyed" event 5 1
check "Undefine" guest Undefine u 0
check "... nothing is left" equals '{"type":"ao","data":[[]]}' host ListDomains u 0
check "event: undefined" event 1 0

check "users that are not in the group libvirt cannot ask" not m setpriv --reuid 65534 --regid 65534 \
        --clear-groups busctl call org.libvirt $connect org.libvirt.Connect ListDomains u 0
check "... those that are can" m setpriv --reuid 65534 --regid 65534 --groups \
        "$(m getent group libvirt | cut -d: -f3)" busctl call org.libvirt $connect org.libvirt.Connect ListDomains u 0
finish
