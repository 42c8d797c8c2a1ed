#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What the host is said to be able to do: each value that domcapabilities offers makes a definition that is accepted;
# models of processors, what they have in common, and whether the host can do what a CPU asks for.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
m_with_input sh -c 'cat > /root/offered.py && chmod +x /root/offered.py' < "$here/offered.py"

# Older schemas of libvirt's do not know all of it.
knows() { m grep -q "$1" /usr/share/libvirt/schemas/domaincaps.rng; }
{
        knows panic || echo '/<crypto/,/<\/crypto>/d; /<interface/,/<\/interface>/d; /<panic/,/<\/panic>/d'
        knows async || echo '/<async-teardown/d; /<ps2/d'
        knows canonical || echo "s/ canonical='[^']*'//; /<blockers/,/<\\/blockers>/d"
        m grep -q 'name="limit"' /usr/share/libvirt/schemas/cputypes.rng || echo '/<maxphysaddr/d'
        knows 'name="launchSecurity"' || echo '/<launchSecurity/d'
} | m_with_input sh -c 'cat > /root/old.sed'
valid() { m sh -c "virsh domcapabilities $1 | sed -f /root/old.sed > /root/caps.xml &&
        virt-xml-validate /root/caps.xml domaincaps"; }
types=qemu
m virsh capabilities | grep -q "type='kvm'" && types='qemu kvm'
for type in $types; do
        for machine in q35 pc; do
                check "$type on $machine: what is offered is accepted" m /root/offered.py "$machine" "$type"
                check "... and is as libvirt's schema has it" valid "--machine $machine --virttype $type"
        done
done
check "IDE is for boards that have it" not contains "<value>ide</value>" m virsh domcapabilities --machine q35
check "... which the other has" contains "<value>ide</value>" m virsh domcapabilities --machine pc

# --- processors ---
check "cpu-models x86_64" contains EPYC-Rome m virsh cpu-models x86_64
check "... those of QEMU" contains qemu64 m virsh cpu-models x86_64
refused "cpu-models of what is not there" "architecture 'aarch64' are not supported" m virsh cpu-models aarch64
check "QEMU was asked once" m sh -c 'ls /run/libvirt/qemu/cpus-*'
check "... by a unit that has ended" m sh -c '! systemctl is-active vm-cpu@tcg'
cpu() { m_with_input sh -c 'cat > /root/cpu.xml'; }
echo "<cpu><arch>x86_64</arch><model>pentium3</model></cpu>" | cpu
check "cpu-compare with less than the host" contains "superset of CPU described in" m virsh cpu-compare /root/cpu.xml
echo "<cpu match='exact'><model>pentium</model><feature policy='require' name='3dnowext'/></cpu>" | cpu
check "... with more" contains "incompatible with host CPU" m virsh cpu-compare /root/cpu.xml
refused "... and why" "missing features: 3dnowext" m virsh cpu-compare /root/cpu.xml --error
echo "<cpu match='exact'><model>pentium</model><vendor>Cyrix</vendor></cpu>" | cpu
refused "... of another vendor" "does not match required CPU vendor Cyrix" m virsh cpu-compare /root/cpu.xml --error
echo "<cpu match='exact'><model>nonsense</model></cpu>" | cpu
refused "... of nobody's" "Unknown CPU model nonsense" m virsh cpu-compare /root/cpu.xml
echo "<cpu match='exact'><model>qemu64</model></cpu>" | cpu
check "hypervisor-cpu-compare" contains "superset of CPU described in" \
        m virsh hypervisor-cpu-compare /root/cpu.xml --virttype qemu
echo "<cpu><arch>x86_64</arch><model>Haswell</model><vendor>Intel</vendor><feature name='lahf_lm'/></cpu>
        <cpu><arch>x86_64</arch><model>Westmere</model><vendor>Intel</vendor></cpu>" | cpu
check "cpu-baseline" contains "<model fallback='forbid'>Westmere</model>" m virsh cpu-baseline /root/cpu.xml
check "... has its vendor" contains "<vendor>Intel</vendor>" m virsh cpu-baseline /root/cpu.xml
check "... not what one alone has" not contains "avx2" m virsh cpu-baseline /root/cpu.xml
check "... with all features, if asked for" contains "<feature policy='require' name='sse4.2'/>" \
        m virsh cpu-baseline /root/cpu.xml --features
check "hypervisor-cpu-baseline" contains "<cpu mode='custom' match='exact'>" \
        m virsh hypervisor-cpu-baseline /root/cpu.xml --virttype qemu
echo "<cpu mode='host-model'><arch>x86_64</arch><model>Westmere</model></cpu>" | cpu
refused "cpu-baseline of what a guest wants" "Attribute mode is only allowed for guest CPU" \
        m virsh cpu-baseline /root/cpu.xml
echo "<cpu><arch>x86_64</arch><model>Haswell</model><vendor>Intel</vendor></cpu>
        <cpu><arch>x86_64</arch><model>EPYC</model><vendor>AMD</vendor></cpu>" | cpu
refused "cpu-baseline of two vendors" "CPU vendors do not match" m virsh cpu-baseline /root/cpu.xml

# --- the host's own ---
matches() {
        local wanted=$1 seen; shift
        seen=$("$@" 2>&1)
        grep -q -- "$wanted" <<<"$seen" || { echo "$seen"; return 1; }
}
host_cpu() { m sh -c "virsh capabilities | sed -n '/<host>/,/<topology>/p' | sed -n '/<cpu>/,/<.cpu>/p'"; }
check "capabilities name a model of the host's processor" contains "<model>" host_cpu
check "... and who made which" matches "<signature family='[0-9]*' model='[0-9]*' stepping='[0-9]*'/>" host_cpu
check "... and sizes of pages" contains "<pages unit='KiB' size='4'/>" host_cpu
host_cpu | cpu
check "... which is what cpu-compare finds" contains "identical to" m virsh cpu-compare /root/cpu.xml
check "cells have memory and pages" contains "<pages unit='KiB' size='4'>" m virsh capabilities
check "... and CPUs" matches "<cpu id='0' socket_id" m virsh capabilities
echo "<domain type='qemu'><name>like</name><memory unit='MiB'>32</memory><os><type>hvm</type></os>
        <cpu mode='host-model'><feature policy='disable' name='smep'/><feature policy='optional' name='avx512f'/></cpu>
        </domain>" | m_with_input sh -c 'cat > /root/like.xml'
m virsh -q define /root/like.xml
offered() { m sh -c "virsh domcapabilities --virttype qemu | sed -n \"/name='host-model'/,/<.mode>/p\""; }
model=$(offered | sed -n 's|.*<model[^>]*>\(.*\)</model>|\1|p')
check "domcapabilities have a host's model" test "$model"
m virsh -q start like
live() { m sh -c "virsh dumpxml like | sed -n '/<cpu /,/<.cpu>/p'"; }
check "a guest with it has that model" contains "<model fallback='forbid'>$model</model>" live
check "... fixed for its run" matches "<cpu mode='custom' match='exact' check='full'>" live
check "... with what the definition says" contains "<feature policy='disable' name='smep'/>" live
check "... what the host lacks switched off" contains "<feature policy='disable' name='avx512f'/>" live
arguments() { m sh -c 'tr "\0" " " < /proc/$(pidof qemu-system-x86_64)/cmdline'; }
check "... and in QEMU's arguments" contains "-cpu $model," arguments
check "the definition stays" contains "<cpu mode='host-model'" m virsh dumpxml like --inactive
check "... and tells what it would be, if asked" contains "<model fallback='forbid'>$model</model>" \
        m virsh dumpxml like --inactive --update-cpu
check "domxml-to-native knows it" contains "-cpu $model," m virsh domxml-to-native qemu-argv /root/like.xml
m virsh -q destroy like
m sh -c 'rm -f /run/libvirt/qemu/cpus-*'
check "without a daemon that has asked" m systemctl start vm@like
check "... the start asks" contains "<model fallback='forbid'>$model</model>" live
m virsh -q destroy like
m sh -c 'virsh -q undefine like; rm /root/like.xml'

finish
