#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# rpcgen.sh -h|-c|-f NAME.x OUTPUT: the header or the XDR functions of an interface description, or where the word of
# flags
# is in each struct of arguments.
#
# rpcgen writes for Sun's RPC; ours needs its types and XDR functions only. So the header includes
# nothing but rpc/codec.h (which the .x file asks for), and counted things go through our own functions, which
# look at a count before they take memory for it.
set -eu

mode=$1 name=$(basename "$2" .x) output=$(realpath "$3")
cd "$(dirname "$2")"
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT

case $mode in
-h)
        rpcgen -h "$name.x" >"$tmp"
        { echo '#pragma GCC system_header'; sed -e '/#include <rpc\/rpc.h>/d' "$tmp"; } >"$output"
        ;;
-c)
        rpcgen -c -i 0 "$name.x" >"$tmp"
        sed -e "s|#include \"$name.h\"|#include \"rpc/$name.h\"|" \
            -e 's/xdr_\(array\|bytes\|string\) (/rpc_xdr_\1 (/' "$tmp" >"$output"
        ;;
-f)
        { echo '#pragma once'
          awk '$1 == "struct" && $3 == "{" { name = $2; at = "RPC_NO_FLAGS" }
               $NF == "flags;" && $1 == "unsigned" {
                       at = "offsetof(" name ", flags)" ($2 == "hyper" ? " | RPC_FLAGS_WIDE" : "")
               }
               /^};/ && name ~ /_args$/ { print "#define RPC_FLAGS_AT_" name " (" at ")" }' "$name.x"; } >"$output"
        ;;
esac
