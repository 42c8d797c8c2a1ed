#!/bin/sh
# test-module.sh UNITVIRTD DRIVER: the daemon finds the module of that driver and everything that it needs.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export UNITVIRT_ETC="$folder/etc" UNITVIRT_RUN="$folder/run" UNITVIRT_LIB="$folder/lib"
[ -e "$UNITVIRT_MODULES/libunitvirt-driver-$2.so" ]
# shellcheck disable=SC2016
timeout 60 "$1" --name "virt$2d" --drivers "$2" --timeout 1 --listen "$folder"
