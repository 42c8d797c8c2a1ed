#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""exercise.py URI: calls whatever libvirt-python can call without arguments on a connection, on a stopped and on a
running guest, so that a daemon's memory is measured after its code has been used. Prints how many calls there were."""

import sys

import libvirt

# What would end the guest, block, or is not a call.
SKIPPED = ("destroy", "destroyFlags", "undefine", "undefineFlags", "shutdown", "shutdownFlags", "reboot", "reset",
           "suspend", "resume", "create", "createWithFlags", "createWithFiles", "free", "close", "managedSave",
           "connect", "migrateMaxDowntime", "coreDump", "PMWakeup", "injectNMI", "ref", "c_pointer",
           "restoreAlignedMemory", "abortJob", "interfaceChangeBegin", "interfaceChangeCommit",
           "interfaceChangeRollback")
XML = """<domain type='qemu'><name>exercised</name><memory unit='MiB'>64</memory><os><type arch='x86_64'>hvm</type></os>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices></domain>"""


def exercise(thing):
    done = refused = 0
    for name in dir(thing):
        method = getattr(thing, name, None)
        if name.startswith("_") or name in SKIPPED or not callable(method) or "allback" in name or "egister" in name:
            continue
        try:
            method()
            done += 1
        except libvirt.libvirtError:
            refused += 1
        except Exception:
            # it wants arguments: flags are the likeliest
            try:
                method(0)
                done += 1
            except libvirt.libvirtError:
                refused += 1
            except Exception:
                pass
    return done, refused


libvirt.registerErrorHandler(lambda context, error: None, None)
connection = libvirt.open(sys.argv[1])
domain = connection.defineXML(XML)
results = [exercise(connection), exercise(domain)]
domain.create()
results.append(exercise(domain))
domain.suspend()
domain.resume()
connection.getAllDomainStats()
domain.destroy()
domain.undefine()
print("done", sum(r[0] for r in results), "refused", sum(r[1] for r in results))
