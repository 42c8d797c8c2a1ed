#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Every command of virt-admin, with its effect; the log's filters and outputs, from the file and at run time; and that
# the limits of the daemons' files hold.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

admin() { m virt-admin -c virtqemud:///system "$@"; }
configured() {
        local line
        for line in "$@"; do echo "$line"; done | m_with_input sh -c "cat > /etc/libvirt/virtqemud.conf"
        m systemctl -q stop virtqemud.service 2>/dev/null
}
# shows FIELD VALUE COMMAND...: virt-admin's "FIELD : VALUE"
shows() {
        local field=$1 value=$2; shift 2
        "$@" > "$work/shown" || return 1
        cat "$work/shown"
        grep -qE "^$field *: $value *\$" "$work/shown"
}
# A client that stays, and its number.
client_stays() {
        m sh -c '(echo version; sleep 60) | virsh -c qemu:///system >/dev/null 2>&1 & echo $! > /tmp/client'
        virsh_listens
}
client_id() { admin client-list virtqemud | awk '/unix/ { print $1; exit }'; }
client_is_gone() { m sh -c \
        'for i in $(seq 50); do ss -xp | grep -q "virtqemud-sock .*pid=" || exit 0; sleep 0.1; done; exit 1'; }

# --- what there is
m virsh list > /dev/null
check "uri" contains virtqemud:///system admin uri
check "version" contains "Using library" admin version
servers() { admin server-list | awk 'NR > 2 && NF { print $2 }' | xargs; }
check "server-list (srv-list)" equals "virtqemud admin" servers
refused "a server that there is not" "no server with matching name 'other'" admin server-clients-info other

# --- clients
client_stays
check "client-list (srv-clients-list)" sh -c "[ -n '$(client_id)' ]"
check "client-info: read-write" shows readonly no admin client-info virtqemud "$(client_id)"
check "... and the user" shows unix_user_name root admin client-info virtqemud "$(client_id)"
check "... and the process" shows unix_process_id '[0-9]+' admin client-info virtqemud "$(client_id)"
id=$(client_id)
check "client-disconnect" admin client-disconnect virtqemud "$id"
refused "... and it is gone" "no client with matching id '$id'" admin client-info virtqemud "$id"
refused "a client that there is not cannot be ended" "no client with matching id" admin client-disconnect virtqemud \
        99999

# --- limits at run time
check "server-clients-info" shows nclients_max 5000 admin server-clients-info virtqemud
check "server-clients-set" admin server-clients-set virtqemud --max-clients 3 --max-unauth-clients 2
check "... is seen" shows nclients_max 3 admin server-clients-info virtqemud
check "... both" shows nclients_unauth_max 2 admin server-clients-info virtqemud
refused "... and must make sense" "limit of clients" admin server-clients-set virtqemud --max-clients 1
limit_holds() { LIMIT=60 m python3 /run/test/limits.py "$@"; }
check "max_clients holds: a fourth one waits until there is room" limit_holds /run/libvirt/virtqemud-sock 3
check "... and is served then" admin server-clients-set virtqemud --max-clients 100
check "..." m virsh list
check "server-threadpool-info" shows minWorkers 0 admin server-threadpool-info virtqemud
check "server-threadpool-set: calls in work at once" admin server-threadpool-set virtqemud --max-workers 1
check "... is seen" shows maxWorkers 1 admin server-threadpool-info virtqemud
check "... and one after the other is served" \
        m sh -c 'for i in 1 2 3 4; do virsh list > /dev/null & p="$p $!"; done; for i in $p; do wait $i || exit 1; done'
refused "... and there are no threads to keep" "no threads that wait" admin server-threadpool-set virtqemud \
        --min-workers 3

# --- the log
log_says() { m sh -c "journalctl --sync; journalctl -q -o cat -u virtqemud.service | grep -q '$1'"; }
check "daemon-log-outputs: the journal unless set" contains 3:journald admin daemon-log-outputs
check "daemon-log-filters: none" admin daemon-log-filters
check "daemon-log-filters --filters" admin daemon-log-filters --filters "1:remote 4:util"
check "... is seen" contains "1:remote 4:util" admin daemon-log-filters
check "daemon-log-outputs --outputs" admin daemon-log-outputs --outputs "1:file:/var/log/libvirt/test.log 1:journald"
check "... is seen" contains "1:file:/var/log/libvirt/test.log" admin daemon-log-outputs
m python3 /run/test/hostile.py /run/libvirt/virtqemud-sock oversized
file_says() { eventually 5 m grep -q 'debug : remote.client : client [0-9]*: closed' /var/log/libvirt/test.log; }
check "... and what the filter lets through is in the file" file_says
check "... and in the journal, with its source" \
        m sh -c 'journalctl --sync; journalctl -q -b LIBVIRT_SOURCE=remote.client | grep -q closed'
refused "a filter with a wrong level changes nothing" "from 1 to 4" admin daemon-log-filters --filters "7:remote"
check "..." contains "1:remote 4:util" admin daemon-log-filters
refused "an output of an unknown kind is refused" "an output is one of" admin daemon-log-outputs --outputs "1:nowhere"
refused "a file that cannot be written is refused" "/proc/x" admin daemon-log-outputs --outputs "1:file:/proc/x"
check "no filters again" admin daemon-log-filters --filters ""
check "no outputs again" admin daemon-log-outputs --outputs ""
check "..." contains 3:journald admin daemon-log-outputs

configured 'log_filters = "1:remote"' 'log_outputs = "1:syslog:mydaemon 1:stderr"'
m virsh list > /dev/null
check "filters of the file" contains "1:remote" admin daemon-log-filters
m python3 /run/test/hostile.py /run/libvirt/virtqemud-sock oversized
check "outputs of the file: syslog under the name" eventually 5 \
        m sh -c 'journalctl --sync; journalctl -q -b -t mydaemon | grep -q "closed"'
check "... and stderr, which is the journal" log_says 'closed'
configured '# a comment' 'log_filters = "1:qemu 9:rpc"'
refused "a wrong filter in the file ends the start" "failed" m systemctl start virtqemud.service
check "... and is told with file and line" log_says 'virtqemud.conf:2: log_filters: each begins with a level'
m systemctl reset-failed
configured '' '' 'log_outputs = "1:file"'
refused "a wrong output as well" "failed" m systemctl start virtqemud.service
check "..." log_says 'virtqemud.conf:3: log_outputs: this output needs a name or a path'
m systemctl reset-failed

# --- limits of the file
configured 'max_clients = 4' 'max_client_requests = 2' 'admin_max_clients = 2' \
        'keepalive_interval = 1' 'keepalive_count = 2' 'auth_unix_rw = "polkit"'
m virsh list > /dev/null
check "max_clients of the file holds" limit_holds /run/libvirt/virtqemud-sock 4
check "admin_max_clients holds" limit_holds /run/libvirt/virtqemud-admin-sock 2
check "max_client_requests: of many more calls at once none is lost" m python3 /run/test/limits.py \
        /run/libvirt/virtqemud-sock requests 2
told() { m sh -c "journalctl -b -q -o cat -u virtqemud |
        grep -c 'more of them wait: the limit is max_client_requests'"; }
check "... which the journal tells once" equals 1 told
check "keepalive: who does not answer is dropped after interval * count" \
        m python3 /run/test/limits.py /run/libvirt/virtqemud-sock keepalive 1 2
check "... and who never asked for it hears nothing and stays" \
        m python3 /run/test/limits.py /run/libvirt/virtqemud-sock silence 6
m sh -c 'useradd -m frank' > /dev/null 2>&1
as_frank() { m runuser -u frank -- python3 /run/test/limits.py /run/libvirt/virtqemud-sock "$@"; }
configured 'auth_unix_rw = "polkit"'
check "forty logins of one user at once are all served" as_frank logins 40
configured 'max_anonymous_clients = 2' 'auth_unix_rw = "polkit"'
check "max_anonymous_clients holds: of sixteen times as many of one user the oldest goes" as_frank anonymous 32
check "... and others are served meanwhile" m virsh list

# --- what costs something, and is asked by everybody
# Made anew each time, one took 0.8 ms of processor time where one that is kept took 0.02.
cheap() {
        m sh -c 'used() { systemctl show -P CPUUsageNSec virtqemud; }
                virsh -r capabilities > /dev/null; before=$(used)
                for i in $(seq 300); do echo capabilities; done | virsh -r > /root/capabilities
                each=$((($(used) - before) / 300000)); echo "$each us each"
                [ $(grep -c "<capabilities>" /root/capabilities) = 300 ] && [ $each -lt 300 ]'
}
check "capabilities are not made anew for each who asks" cheap

# --- memory
limit_of() { m systemctl show -P "$1" virtqemud.service; }
check "its memory has a limit" equals "1073741824 2147483648" sh -c "echo $(limit_of MemoryHigh) $(limit_of MemoryMax)"

# --- its end
check "daemon-timeout" admin daemon-timeout --timeout 1
inactive() { [ "$(m systemctl is-active virtqemud.service)" = inactive ]; }
check "... ends an idle daemon" eventually 15 inactive
check "... which comes back when needed" m virsh list
finish
