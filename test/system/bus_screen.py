#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Looks at a guest's screen by the bus that it is on, as QEMU's own clients do.

    bus_screen.py ADDRESS

Prints the guest's name, who owns org.qemu, and the size of the first picture that comes; exits 1 where none comes. Then
types a key."""

import socket
import sys

import gi
from gi.repository import Gio, GLib

gi.require_version("Gio", "2.0")

LISTENER = """<node><interface name='org.qemu.Display1.Listener'>
  <method name='Scanout'><arg type='u' direction='in'/><arg type='u' direction='in'/><arg type='u' direction='in'/>
    <arg type='u' direction='in'/><arg type='ay' direction='in'/></method>
  <method name='Update'><arg type='i' direction='in'/><arg type='i' direction='in'/><arg type='i' direction='in'/>
    <arg type='i' direction='in'/><arg type='u' direction='in'/><arg type='u' direction='in'/>
    <arg type='ay' direction='in'/></method>
  <method name='Disable'/>
  <method name='MouseSet'><arg type='i' direction='in'/><arg type='i' direction='in'/><arg type='i' direction='in'/>
    </method>
  <method name='CursorDefine'><arg type='i' direction='in'/><arg type='i' direction='in'/><arg type='i' direction='in'/>
    <arg type='i' direction='in'/><arg type='ay' direction='in'/></method>
</interface></node>"""

loop = GLib.MainLoop()
seen = []


def called(connection, sender, path, interface, method, arguments, invocation):
    if method == "Scanout" and not seen:
        width, height, _, _, data = arguments.unpack()
        seen.append(f"picture {width}x{height}, {'empty' if len(data) == 0 else 'with content'}")
        loop.quit()
    invocation.return_value(None)


def call(bus, path, interface, method, arguments=None, fds=None):
    answer, _ = bus.call_with_unix_fd_list_sync("org.qemu", path, interface, method, arguments, None, 0, 10000, fds,
                                                None)
    return answer.unpack()


def listen(bus):
    ours, theirs = socket.socketpair()
    fds = Gio.UnixFDList.new()
    number = fds.append(theirs.fileno())
    call(bus, "/org/qemu/Display1/Console_0", "org.qemu.Display1.Console", "RegisterListener",
         GLib.Variant("(h)", (number,)), fds)
    theirs.close()
    stream = Gio.Socket.new_from_fd(ours.detach()).connection_factory_create_connection()
    flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.DELAY_MESSAGE_PROCESSING
    peer = Gio.DBusConnection.new_sync(stream, None, flags, None, None)
    interface = Gio.DBusNodeInfo.new_for_xml(LISTENER).interfaces[0]
    peer.register_object("/org/qemu/Display1/Listener", interface, called, None, None)
    peer.start_message_processing()
    return peer


flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
bus = Gio.DBusConnection.new_for_address_sync(sys.argv[1], flags, None, None)
print("name", call(bus, "/org/qemu/Display1/VM", "org.freedesktop.DBus.Properties", "Get",
                   GLib.Variant("(ss)", ("org.qemu.Display1.VM", "Name")))[0])
peer = listen(bus)
GLib.timeout_add_seconds(20, loop.quit)
loop.run()
print(*seen)
for way in "Press", "Release":
    call(bus, "/org/qemu/Display1/Console_0", "org.qemu.Display1.Keyboard", way, GLib.Variant("(u)", (28,)))
print("typed")
sys.exit(not seen)
