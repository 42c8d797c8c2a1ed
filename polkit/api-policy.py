#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""api-policy.py PROCEDURES.h...: polkit's actions for the permissions that the tables of procedures speak of.

What only looks is allowed unless a rule says otherwise, as nobody gets here who may not connect; what changes anything
is not."""

import re
import sys

OBJECTS = {
    "connect": "the connection to the host", "domain": "a virtual machine",
    "interface": "a network interface of the host", "network": "a virtual network",
    "network_port": "a port of a virtual network", "node_device": "a device of the host",
    "nwfilter": "a network filter", "nwfilter_binding": "the binding of a network filter", "secret": "a secret",
    "storage_pool": "a storage pool", "storage_vol": "a storage volume",
}
permissions = set()
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as f:
        for text in re.findall(r'"([a-z_]+:[^"]*)"', f.read()):
            permissions |= {tuple(rule.split(":")[:2]) for rule in text.split(";")}

print('''<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE policyconfig PUBLIC "-//freedesktop//DTD polkit Policy Configuration 1.0//EN"
 "http://www.freedesktop.org/software/polkit/policyconfig-1.dtd">
<policyconfig>
  <vendor>Unitvirt</vendor>''')
for kind, permission in sorted(permissions):
    looks = permission in ("getattr", "read") or permission.startswith("search_")
    default = "yes" if looks else "no"
    words = permission.replace("_", " ")
    action = f"org.libvirt.api.{kind}.{permission}".replace("_", "-")
    print(f'''  <action id="{action}">
    <description>{words}: {OBJECTS[kind]}</description>
    <message>The permission "{words}" of {OBJECTS[kind]} is needed</message>
    <defaults>
      <allow_any>{default}</allow_any>
      <allow_inactive>{default}</allow_inactive>
      <allow_active>{default}</allow_active>
    </defaults>
  </action>''')
print("</policyconfig>")
