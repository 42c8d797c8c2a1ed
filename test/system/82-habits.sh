#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What administrators do every day, and what others then hear: a reboot is one event, and a guest that has nothing to
# boot does not hold up a stop.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

# --- virsh reboot
check "a guest" define_guest up idle
check "... starts" m virsh -q start up
pid=$(qemu_pid up)
m sh -c 'timeout 60 stdbuf -oL virsh event --all --domain up --loop > /run/events 2>&1 &'
virsh_listens
check "virsh reboot" m virsh -q reboot up
check "... is heard" eventually 20 m grep -q reboot /run/events
sleep 3
check "... and nothing else" equals "event 'reboot' for domain 'up'" m sh -c 'sort -u /run/events'
check "... of the same process" equals "$pid" qemu_pid up
check "... it runs, booted" equals "running (booted)" virsh_state up
check "control: suspend and resume are heard" m sh -c 'virsh -q suspend up && virsh -q resume up'
for event in Suspended Resumed; do check "... $event" eventually 10 m grep -q $event /run/events; done

# --- each change is told once, to whoever listens
m sh -c 'timeout 120 stdbuf -oL virsh event --all --loop > /run/told 2>&1 &'
virsh_listens 2
told() {
        m sh -c "sed -n \"s/^event '\(.*\)' for domain '$1': */\1 /p\" /run/told" | xargs -d '\n' | sed 's/ $//'
}
check "a guest is defined, renamed, undefined" m sh -c "virsh dumpxml --inactive up |
        sed -e '/<uuid>/d' -e 's/>up</>told</' > /root/told.xml && virsh -q define /root/told.xml &&
        virsh -q domrename told told2 && virsh -q undefine told2"
check "... told once, under its first name" eventually 5 equals \
        "lifecycle Defined Added lifecycle Undefined Renamed" told told
check "... and its second" eventually 5 equals "lifecycle Defined Renamed lifecycle Undefined Removed" told told2
check "what is tuned is told" m sh -c 'virsh -q vcpupin up 0 0 --live &&
        virsh -q schedinfo up --set cpu_shares=150 --live'
check "... which pin" eventually 5 m grep -q "cputune.vcpupin0: 0" /run/told
check "... and which share" m grep -q "cputune.cpu_shares: 150" /run/told
check "destroy" m virsh -q destroy up

# --- systemctl stop of what cannot hear
nothing() {
        guest_xml nothing | sed "s|<loader.*</loader>||" |
                m_with_input sh -c 'cat > /root/n.xml && virsh -q define /root/n.xml'
}
ended() { [ "$(unit_state nothing)" = inactive ]; }
check "a guest with nothing to boot" nothing
check "... starts" m virsh -q start nothing
sleep 5
began=$SECONDS
m systemctl --no-block stop vm@nothing
status_text() { m systemctl show -P StatusText vm@nothing; }
check "... its stop says at once that nobody hears the button" eventually 5 contains \
        "the guest does not listen to its power button" status_text
check "... and ends it before its time is up" eventually 60 ended
echo "# it took $((SECONDS - began)) s"
check "... cleanly" equals "success inactive" m sh -c 'echo $(systemctl show -P Result -P ActiveState vm@nothing)'
check "... and virsh says so" equals "shut off (destroyed)" virsh_state nothing

# --- a stop while the guest does something, of one that hears: idle.rom has heard above
check "one that hears" m virsh -q start up
began=$SECONDS
check "... ends at once" m timeout 20 systemctl stop vm@up
check "... by itself" equals "shut off (shutdown)" virsh_state up

# --- a link of libvirt's for autostart, of a guest that has not started since
m sh -c 'mkdir -p /etc/libvirt/qemu/autostart; ln -s /etc/libvirt/qemu/up.xml /etc/libvirt/qemu/autostart/up.xml'
check "a link of libvirt's: virsh autostart" m virsh -q autostart up
check "... makes it systemd's" equals enabled m systemctl is-enabled vm@up
check "... alone, so that systemctl disable" m systemctl -q disable vm@up
check "... is the last word" contains "Autostart:      disable" m virsh dominfo up

# --- a start that systemd does not get through
foreign() {
        local label="<seclabel type='static' model='dac'><label>+64999:+64999</label></seclabel>"
        guest_xml foreign idle | sed "s|</domain>|$label</domain>|" |
                m_with_input sh -c 'cat > /root/f.xml && virsh -q define /root/f.xml'
}
check "a guest of a user that does not exist" foreign
refused "... does not start, and virsh says at which step" "failed at step USER before /usr/lib/unitvirt/vm-run" \
        m virsh start foreign
failed() { m systemctl list-units --failed --no-legend --plain 'vm@*'; }
check "... which is a failed unit" contains "vm@foreign.service" failed
check "undefine" m virsh -q undefine foreign
check "... leaves none" equals "" failed
finish
