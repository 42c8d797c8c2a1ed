#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Uses virt-manager's own windows as a person does, by what it tells assistive programs of them.

    98-virt-manager.py STEP...

Each step begins where the one before it has left the windows."""

import sys
import time
import warnings

import gi
gi.require_version("Atspi", "2.0")
from gi.repository import Atspi

warnings.simplefilter("ignore", DeprecationWarning)
GUEST = "linux2022"


def application():
    """None where it is not there, or does not answer just now."""
    desktop = Atspi.get_desktop(0)
    for i in range(desktop.get_child_count()):
        found = desktop.get_child_at_index(i)
        if found and "virt-manager" in (found.get_name() or ""):
            return found
    return None


def walk(node):
    if node:
        yield node
        for i in range(node.get_child_count()):
            yield from walk(node.get_child_at_index(i))


def showing(node):
    return node.get_state_set().contains(Atspi.StateType.SHOWING)


def find(name, role, inside=None, limit=30):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        for node in walk(inside or application()):
            if showing(node) and node.get_role_name() == role and name in (node.get_name() or ""):
                return node
        time.sleep(0.3)
    alerts = [label.get_name() for node in walk(application()) if node.get_role_name() == "alert" and showing(node)
              for label in walk(node) if label.get_role_name() == "label"]
    raise SystemExit(f"there is no {role} '{name}'; virt-manager says: {alerts}")


def press(name, role="push button", inside=None):
    find(name, role, inside).get_action_iface().do_action(0)
    time.sleep(1)


def click(node):
    at = node.get_component_iface().get_extents(Atspi.CoordType.SCREEN)
    Atspi.generate_mouse_event(at.x + min(at.width // 2, 60), at.y + at.height // 2, "b1c")
    time.sleep(1)


def write(name, text, inside):
    find(name, "text", inside).get_editable_text_iface().set_text_contents(text)
    time.sleep(1)


def connected():
    find("QEMU/KVM", "table cell")


def create():
    """The assistant: an image that is chosen from its pool, on the usual network."""
    press("New")
    window = find("New VM", "frame")
    press("Import", "radio button", window)
    press("Forward", inside=window)
    press("install-import-browse", inside=window)
    browser = find("vmm-storage-browser", "frame")
    click(find("a.qcow2", "table cell", browser))
    press("Choose Volume", inside=browser)
    write("oslist-entry", "generic", window)
    click(find("Generic Linux 2022", "table cell"))
    press("Forward", inside=window)
    press("Forward", inside=window)
    press("Finish", inside=window)
    find(f"{GUEST} on", "frame")


def console():
    """Its screen: the viewer has a picture."""
    find("", "drawing area", find(f"{GUEST} on", "frame"))


def pause():
    press("Pause", "toggle button", find(f"{GUEST} on", "frame"))


def add(kind):
    """Add Hardware, as the window proposes it."""
    window = find(f"{GUEST} on", "frame")
    press("Details", "radio button", window)
    press("add-hardware", inside=window)
    window = find("Add New Virtual Hardware", "frame")
    click(find(kind, "table cell", window))
    press("Finish", inside=window)
    for _ in range(30):
        if not showing(window):
            return
        time.sleep(0.5)
    raise SystemExit(f"{kind} was not added")


def details():
    """What is in the list of the guest's hardware now."""
    rows = [node.get_name() for node in walk(find(f"{GUEST} on", "frame"))
            if node.get_role_name() == "table cell" and node.get_name()]
    for word in ("VirtIO Disk 1", "VirtIO Disk 2", "NIC", "RNG"):
        assert [row for row in rows if row.startswith(word)], (word, rows)


def off():
    window = find(f"{GUEST} on", "frame")
    click(find("Menu", "toggle button", window))
    click(find("Force Off", "menu item"))
    press("Yes", inside=find("vmm dialog", "alert"))


def delete():
    """The guest, with its storage, as the window proposes it."""
    window = find(f"{GUEST} on", "frame")
    click(find("Virtual Machine", "menu", window))
    click(find("Delete", "menu item", window))
    window = find("Delete", "frame")
    assert find("Delete associated", "check box", window).get_state_set().contains(Atspi.StateType.CHECKED)
    for disk in ("vda", "vdb"):
        find(disk, "table cell", window)
    # by the mouse: an action would not be over before the question is answered
    click(find("Delete", "push button", window))
    press("Yes", inside=find("vmm dialog", "alert"))
    for _ in range(60):
        if not [node for node in walk(application()) if f"{GUEST} on" in (node.get_name() or "") and showing(node)]:
            return
        time.sleep(0.5)
    raise SystemExit("the guest's window is still there")


STEPS = {step.__name__: step for step in (connected, create, console, pause, details, off, delete)}
for word in sys.argv[1:]:
    if word.startswith("add="):
        add(word[4:])
    else:
        STEPS[word]()
