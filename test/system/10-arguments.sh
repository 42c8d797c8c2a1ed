#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Each golden case's arguments, given to the real QEMU of this machine: it has to come up with them, stopped, and
# answer.

build=${1:?usage: ${0##*/} BUILD}
exec "$(dirname "$(realpath "$0")")/args-accepted" "$build/tool/unitvirt"
