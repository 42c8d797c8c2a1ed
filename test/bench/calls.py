#!/usr/bin/python3 -B
# SPDX-License-Identifier: LGPL-2.1-or-later
"""calls.py URI: what rpcbench does not do, by libvirt-python on one connection: networks, pools, volumes, devices.

One line in, "VERB WORD...", one line out: "wall=US cpu=US" of the call or calls alone, and what else the verb says.
What has to be made or taken away for a call is not in its time."""

import os
import sys
import time

import libvirt

CHUNK = 1 << 20


class Stopwatch:
    """Wall and processor time of this client, of what runs under `with`; again and again if it is used so."""

    def __init__(self):
        self.wall = self.cpu = 0

    def __enter__(self):
        self.begin = time.monotonic(), time.process_time()
        return self

    def __exit__(self, *args):
        self.wall += time.monotonic() - self.begin[0]
        self.cpu += time.process_time() - self.begin[1]


def network_xml(name, number, dhcp):
    address = f"10.{100 + number // 250}.{number % 250}"
    ranges = f"<dhcp><range start='{address}.2' end='{address}.99'/></dhcp>" if dhcp else ""
    return (f"<network><name>{name}</name><forward mode='nat'/><bridge name='benchbr{number}'/>"
            f"<ip address='{address}.1' prefix='24'>{ranges}</ip></network>")


class Calls:
    def __init__(self, uri):
        self.connection = libvirt.open(uri)

    # --- networks ---

    def net_define(self, count):
        with Stopwatch() as watch:
            for i in range(int(count)):
                self.connection.networkDefineXML(network_xml(f"bench{i}", i, i == 0))
        return watch

    def net_undefine(self, count):
        with Stopwatch() as watch:
            for i in range(int(count)):
                self.connection.networkLookupByName(f"bench{i}").undefine()
        return watch

    def net_start(self, name):
        network = self.connection.networkLookupByName(name)
        with Stopwatch() as watch:
            network.create()
        return watch

    def net_destroy(self, name):
        network = self.connection.networkLookupByName(name)
        with Stopwatch() as watch:
            network.destroy()
        return watch

    def net_list(self, expected):
        with Stopwatch() as watch:
            names = [n.name() for n in self.connection.listAllNetworks()]
        if len(names) < int(expected):
            raise RuntimeError(f"{len(names)} networks are listed")
        return watch

    # --- storage ---

    def pool_define(self, name, folder):
        with Stopwatch() as watch:
            self.connection.storagePoolDefineXML(
                f"<pool type='dir'><name>{name}</name><target><path>{folder}</path></target></pool>")
        return watch

    def pool_start(self, name):
        pool = self.connection.storagePoolLookupByName(name)
        with Stopwatch() as watch:
            pool.create()
        return watch

    def pool_refresh(self, name):
        pool = self.connection.storagePoolLookupByName(name)
        with Stopwatch() as watch:
            pool.refresh()
        return watch

    def pool_stop(self, name):
        pool = self.connection.storagePoolLookupByName(name)
        with Stopwatch() as watch:
            pool.destroy()
        return watch

    def pool_end(self, name):
        pool = self.connection.storagePoolLookupByName(name)
        with Stopwatch() as watch:
            pool.destroy()
            pool.undefine()
        return watch

    def vol_list(self, pool, expected):
        pool = self.connection.storagePoolLookupByName(pool)
        with Stopwatch() as watch:
            found = [v.name() for v in pool.listAllVolumes()]
        if len(found) != int(expected):
            raise RuntimeError(f"{len(found)} volumes are listed")
        return watch

    @staticmethod
    def volume_xml(name, mebibytes):
        return (f"<volume><name>{name}</name><capacity unit='MiB'>{mebibytes}</capacity>"
                "<allocation>0</allocation><target><format type='raw'/></target></volume>")

    def vol_create(self, pool, name):
        pool = self.connection.storagePoolLookupByName(pool)
        with Stopwatch() as watch:
            pool.createXML(self.volume_xml(name, 1))
        return watch

    def vol_delete(self, pool, name):
        volume = self.connection.storagePoolLookupByName(pool).storageVolLookupByName(name)
        with Stopwatch() as watch:
            volume.delete()
        return watch

    def vol_create_row(self, pool, count):
        """So many, one call straight after the other."""
        pool = self.connection.storagePoolLookupByName(pool)
        texts = [self.volume_xml(f"row{i}", 1) for i in range(int(count))]
        with Stopwatch() as watch:
            for text in texts:
                pool.createXML(text)
        return watch

    def vol_delete_row(self, pool, count):
        pool = self.connection.storagePoolLookupByName(pool)
        volumes = [pool.storageVolLookupByName(f"row{i}") for i in range(int(count))]
        with Stopwatch() as watch:
            for volume in volumes:
                volume.delete()
        return watch

    def vol_clone(self, pool, name, mebibytes):
        pool = self.connection.storagePoolLookupByName(pool)
        with Stopwatch() as watch:
            volume = pool.createXMLFrom(self.volume_xml("clone", mebibytes), pool.storageVolLookupByName(name))
        volume.delete()
        return watch

    def vol_upload(self, pool, name, path):
        """A file of the machine into a new volume of its size."""
        pool = self.connection.storagePoolLookupByName(pool)
        size = os.path.getsize(path)
        volume = pool.createXML(self.volume_xml(name, size >> 20))
        with Stopwatch() as watch, open(path, "rb") as source:
            stream = self.connection.newStream()
            volume.upload(stream, 0, size)
            stream.sendAll(lambda s, n, f: f.read(min(n, CHUNK)), source)
            stream.finish()
        return watch

    def vol_download(self, pool, name):
        volume = self.connection.storagePoolLookupByName(pool).storageVolLookupByName(name)
        with Stopwatch() as watch, open("/dev/null", "wb") as sink:
            stream = self.connection.newStream()
            volume.download(stream, 0, 0)
            stream.recvAll(lambda s, data, f: f.write(data), sink)
            stream.finish()
        volume.delete()
        return watch

    # --- guests ---

    def define(self, path):
        text = open(path).read()
        with Stopwatch() as watch:
            self.connection.defineXML(text)
        return watch

    def undefine(self, name):
        domain = self.connection.lookupByName(name)
        with Stopwatch() as watch:
            domain.undefine()
        return watch

    def start(self, name):
        domain = self.connection.lookupByName(name)
        with Stopwatch() as watch:
            domain.create()
        return watch

    def destroy(self, name):
        domain = self.connection.lookupByName(name)
        with Stopwatch() as watch:
            domain.destroy()
        return watch

    def attach(self, name, path):
        return self.device(name, path, libvirt.virDomain.attachDeviceFlags)

    def update(self, name, path):
        return self.device(name, path, libvirt.virDomain.updateDeviceFlags)

    def detach(self, name, path):
        """Until the device has gone, which is after the call."""
        domain = self.connection.lookupByName(name)
        text = open(path).read()
        alias = "ua-bench"
        with Stopwatch() as watch:
            domain.detachDeviceFlags(text, libvirt.VIR_DOMAIN_AFFECT_LIVE)
            end = time.monotonic() + 10
            while alias in domain.XMLDesc():
                if time.monotonic() > end:
                    raise RuntimeError("the device does not go")
                time.sleep(0.001)
        return watch

    def device(self, name, path, call):
        domain = self.connection.lookupByName(name)
        text = open(path).read()
        with Stopwatch() as watch:
            call(domain, text, libvirt.VIR_DOMAIN_AFFECT_LIVE)
        return watch

    def domstats(self, expected):
        with Stopwatch() as watch:
            found = self.connection.getAllDomainStats()
        if len(found) < int(expected):
            raise RuntimeError(f"statistics of {len(found)} guests")
        return watch

    # --- node devices ---

    @staticmethod
    def expect(devices, expected):
        if len(devices) < int(expected):
            raise RuntimeError(f"{len(devices)} devices are listed")

    def nodedev(self, expected=1):
        with Stopwatch() as watch:
            devices = self.connection.listAllDevices()
            for device in devices:
                device.XMLDesc()
        self.expect(devices, expected)
        watch.extra = f" devices={len(devices)}"
        return watch

    def nodedev_list(self, expected):
        with Stopwatch() as watch:
            devices = self.connection.listAllDevices()
        self.expect(devices, expected)
        return watch

    def first_list(self, uri, expected):
        """On a connection of its own, which is part of it. libvirt answers before it has seen all."""
        with Stopwatch() as watch:
            connection = libvirt.open(uri)
            for _ in range(2000):
                devices = connection.listAllDevices()
                if len(devices) >= int(expected):
                    break
                time.sleep(0.005)
        self.expect(devices, expected)
        return watch

    # --- filters ---

    def filter_define(self, port):
        text = ("<filter name='bench-in' chain='root'><uuid>00000000-0000-4000-8000-00000000f17e</uuid>"
                "<filterref filter='no-mac-spoofing'/><filterref filter='no-ip-spoofing'/>"
                f"<rule action='drop' direction='in'><tcp dstportstart='{port}'/></rule></filter>")
        with Stopwatch() as watch:
            self.connection.nwfilterDefineXML(text)
        return watch

    def filter_undefine(self):
        found = self.connection.nwfilterLookupByName("bench-in")
        with Stopwatch() as watch:
            found.undefine()
        return watch

    def bind(self, path):
        text = open(path).read()
        with Stopwatch() as watch:
            self.connection.nwfilterBindingCreateXML(text)
        return watch

    def unbind_all(self):
        with Stopwatch() as watch:
            for binding in self.connection.listAllNWFilterBindings():
                binding.delete()
        return watch


def main():
    libvirt.registerErrorHandler(lambda context, error: None, None)
    calls = Calls(sys.argv[1])
    for line in sys.stdin:
        verb, *words = line.split()
        try:
            watch = getattr(calls, verb)(*words)
            print(f"wall={watch.wall * 1e6:.0f} cpu={watch.cpu * 1e6:.0f}{getattr(watch, 'extra', '')}", flush=True)
        except (libvirt.libvirtError, OSError, RuntimeError, AttributeError, TypeError) as e:
            print(f"error {verb}: {e}".replace("\n", " "), flush=True)


main()
