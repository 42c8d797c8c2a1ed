#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Who may do what: org.libvirt.unix.manage and monitor for users who are not root, and with access_drivers = ["polkit"]
# the fine-grained actions, by rules as administrators write them.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

as() { local user=$1; shift; m runuser -u "$user" -- "$@"; }
rules() { m_with_input sh -c 'cat > /etc/polkit-1/rules.d/10-test.rules; sleep 0.5; systemctl restart polkit.service'; }
no_rules() { m sh -c 'rm -f /etc/polkit-1/rules.d/10-test.rules; systemctl restart polkit.service'; }
names() { as "$1" virsh -c "${2-$uri}" list --all --name; }

m sh -c 'useradd -m carol; useradd -m -G libvirt dave; useradd -m erin' >/dev/null 2>&1

# --- who may connect
refused "a user without any right may not manage" "authentication" as carol virsh list
check "... but look, read-only" as carol virsh -r list
refused "... and change nothing then" "read only" \
        m sh -c 'echo "<domain/>" > /tmp/d.xml; runuser -u carol -- virsh -r define /tmp/d.xml'
check "a member of the group libvirt may manage" as dave virsh list
rules <<'RULES'
polkit.addRule(function(action, subject) {
        if (action.id == "org.libvirt.unix.manage" && subject.user == "carol")
                return polkit.Result.YES;
        if (action.id == "org.libvirt.unix.monitor" && subject.user == "erin")
                return polkit.Result.NO;
});
RULES
check "a rule lets a user in" as carol virsh list
check "... through virtproxyd too" as carol virsh -c 'qemu:///system?mode=legacy' list
refused "a rule keeps a user from looking" "authentication" as erin virsh -r list

# --- by systemctl: the rule of vm@.service(8), as it stands there
rule_of_manual() { sed -n '/50-guests.rules/,/^```/{/^```/d;p}' "$here/../../docs/vm@.service.8.scd" | rules; }
check "a guest" define_guest web
check "... and another" define_guest db
refused "systemctl start asks a member of the group for a password" "Interactive authentication required" as dave \
        systemctl --no-ask-password start vm@web
check "the rule of the manual page" rule_of_manual
check "... lets a member start the guest" as dave systemctl --no-ask-password start vm@web
check "... it runs" shows_running web
check "... stop it" as dave systemctl --no-ask-password stop vm@web
check "... it is off" shows_off web shutdown
refused "... start no other" "Interactive authentication required" as dave systemctl --no-ask-password start vm@db
refused "... change no setting" "Interactive authentication required" as dave systemctl --no-ask-password set-property \
        vm@web CPUWeight=20
refused "... and nobody else" "Interactive authentication required" as carol systemctl --no-ask-password start vm@web
check "they are gone" m sh -c 'virsh -q undefine web && virsh -q undefine db'

# --- what each may do
check "three guests" sh -c "$(declare -f guest_xml m_with_input define_guest m);
        here=$here dir=$dir uri=$uri; define_guest mine && define_guest theirs && define_guest other"
m sh -c 'echo "access_drivers = [ \"polkit\" ]" | tee /etc/libvirt/virtqemud.conf > /etc/libvirt/libvirtd.conf;
        systemctl stop virtqemud.service' 2>/dev/null
check "with access_drivers the daemon starts" m virsh list
check "without rules, who may connect may look" contains theirs as dave virsh list --all
check "... at definitions too" as dave virsh dumpxml theirs
refused "... but not at what is secret in them" "access denied" as dave virsh dumpxml --security-info theirs
refused "... and change nothing" "access denied" as dave virsh start theirs
refused "... not even define" "access denied" \
        m sh -c 'virsh dumpxml theirs | sed "s,<name>theirs,<name>new,; /<uuid>/d" > /tmp/new.xml;
        chmod 644 /tmp/new.xml; runuser -u dave -- virsh define /tmp/new.xml'
refused "... and nothing was defined" "failed to get domain" m virsh dominfo new
check "root may do everything" m virsh start theirs

rules <<'RULES'
polkit.addRule(function(action, subject) {
        if (action.id == "org.libvirt.unix.manage")
                return polkit.Result.YES;
        if (action.id.indexOf("org.libvirt.api.domain.") == 0 && subject.user == "dave") {
                if (action.lookup("connect_driver") == "QEMU" && action.lookup("domain_name") == "mine")
                        return polkit.Result.YES;
                return polkit.Result.NO;
        }
        if (action.id == "org.libvirt.api.domain.start" && subject.user == "erin" &&
            action.lookup("domain_uuid") == "UUID")
                return polkit.Result.YES;
        if (action.id == "org.libvirt.api.connect.getattr" && subject.user == "carol")
                return polkit.Result.NO;
});
RULES
m sh -c 'sed -i "s/UUID\"/$(virsh domuuid other | head -1)\"/" /etc/polkit-1/rules.d/10-test.rules;
        systemctl restart polkit.service'
check "a rule by name: only this guest is listed" equals mine names dave
check "... through virtproxyd, which tells who calls" equals mine names dave 'qemu:///system?mode=legacy'
check "... counted" equals "1" as dave sh -c 'virsh list --all --name | grep -c .'
sees_only_mine() { local seen; seen=$(as dave virsh domstats --raw) && grep -q "'mine'" <<<"$seen" &&
        ! grep -qE "'theirs'|'other'" <<<"$seen"; }
check "... and has figures" sees_only_mine
check "... may be started" as dave virsh start mine
check "... and dumped with its secrets" as dave virsh dumpxml --security-info mine
refused "another one may not be seen" "failed to get domain 'theirs'" as dave virsh domstate theirs
refused "... nor by its uuid" "failed to get domain" as dave virsh domstate "$(m virsh domuuid theirs | head -1)"
refused "... nor by way of virtproxyd" "failed to get domain" as dave virsh -c 'qemu:///system?mode=legacy' domstate \
        theirs
forged() { as dave python3 /run/test/forged.py "$1" mine "$(m virsh domuuid theirs | head -1)"; }
check "calls that name one guest and mean another are refused" forged /run/libvirt/virtqemud-sock
check "... behind virtproxyd too" forged /run/libvirt/libvirt-sock
check "a rule by uuid: may be started" as erin virsh start other
refused "... and no more" "access denied" as erin virsh destroy other
refused "who may not even look at the connection does not get one" "access denied" as carol virsh list
check "the guest that nobody was to touch runs on" shows_running theirs

# --- events
watch_events() {
        as dave timeout 15 virsh event --event lifecycle --loop --timeout 8 --timestamp > "$work/events" 2>&1 &
        virsh_listens
        m virsh destroy theirs && m virsh destroy mine && m virsh start mine && m virsh start theirs
        wait $!
        cat "$work/events"
        grep -q "'mine'.*Stopped" "$work/events" && grep -q "'mine'.*Started" "$work/events" &&
                ! grep -q "'theirs'" "$work/events"
}
check "events tell of this guest only" watch_events
events_in_order() { sed -n "s/.*'mine'[^:]*: \([A-Z][a-z]*\).*/\1/p" "$work/events" | grep -xE 'Stopped|Started' |
        uniq | xargs | grep -qx 'Stopped Started'; }
check "... in their order" events_in_order

# --- monolithic
check "libvirtd takes over" m systemctl start libvirtd.service
check "the same rules hold there" equals mine names dave
check "... and for forged calls" forged /run/libvirt/libvirt-sock
m sh -c 'ip link set lo up; echo "auth_tcp = \"none\"" >> /etc/libvirt/libvirtd.conf;
        systemctl stop libvirtd.service libvirtd.socket 2>/dev/null; systemctl start libvirtd-tcp.socket'
refused "a caller from afar has no user that polkit knows" "access denied" m virsh -c qemu+tcp://127.0.0.1/system list
no_rules
check "every action of the rules is one that polkit knows" \
        m sh -c 'pkaction | grep -c "^org.libvirt.api." | grep -qx 105'
finish
