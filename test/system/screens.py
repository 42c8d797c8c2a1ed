#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Looks at a guest's screen as virt-viewer does, by the libraries that it has for VNC and SPICE.

    screens.py vnc HOST PORT login=KIND[+KIND] [password=P] [user=U] [certificate=NAME]
    screens.py spice HOST PORT|- [tls=PORT] [password=P] [user=U] [ca=FILE] [subject=TEXT]

Prints what came of it: for VNC "initialized" with the kind of login, for SPICE each channel that was opened and whether
it is encrypted. Exits 1 where the screen was not seen. VNC has the certificates of gtk-vnc's folders: the authority of
/etc/pki/CA, and of ~/.pki/NAME those of the client, where NAME is given."""

import sys

import gi
gi.require_version("GVnc", "1.0")
gi.require_version("SpiceClientGLib", "2.0")
from gi.repository import GLib, GObject, GVnc, SpiceClientGLib as Spice

VNC_KINDS = {1: "none", 2: "password", 16: "tight", 18: "tls", 19: "vencrypt", 20: "sasl", 260: "x509-none",
             261: "x509-password", 263: "x509-sasl", 264: "tls-sasl"}


class Vnc:
    def __init__(self, loop, host, port, wishes):
        self.loop, self.wishes, self.seen, self.kind, self.said = loop, wishes, False, [], []
        self.connection = c = GVnc.Connection()
        for signal in ("auth-choose-type", "auth-choose-subtype", "auth-credential", "auth-failure", "auth-unsupported",
                       "error", "initialized", "disconnected"):
            c.connect("vnc-" + signal, getattr(self, signal.replace("-", "_")))
        c.open_host(host, port)

    # What is offered cannot be read by Python; the library refuses what is not.
    def choose(self, take):
        wanted = int(self.wishes["login"].split("+")[len(self.kind)])
        self.kind.append(VNC_KINDS[wanted])
        take(wanted)

    def auth_choose_type(self, connection, offered):
        self.choose(connection.set_auth_type)

    def auth_choose_subtype(self, connection, kind, offered):
        self.choose(connection.set_auth_subtype)

    def auth_credential(self, connection, wanted):
        known = {0: "password", 1: "user", 2: "certificate"}
        for i in range(wanted.n_values):
            kind = wanted.get_nth(i)
            value = self.wishes.get(known[int(kind)], "nobody" if int(kind) == 2 else None)
            if value is None:
                self.said.append(f"asked for the {known[int(kind)]}")
                return self.loop.quit()
            connection.set_credential(int(kind), value)

    def auth_failure(self, connection, text):
        self.said.append(f"refused: {text}")

    def auth_unsupported(self, connection, kind):
        self.said.append(f"unsupported: {kind}")

    def error(self, connection, text):
        self.said.append(text)

    def initialized(self, connection):
        self.seen = True
        self.said.append("initialized by " + " ".join(self.kind))
        self.loop.quit()

    def disconnected(self, connection):
        self.loop.quit()


class SpiceScreen:
    def __init__(self, loop, host, port, wishes):
        self.loop, self.said, self.open = loop, [], {}
        self.session = s = Spice.Session()
        s.set_property("host", host)
        for name, value in (("port", None if port == "-" else port), ("tls-port", wishes.get("tls")),
                            ("password", wishes.get("password")), ("username", wishes.get("user")),
                            ("ca-file", wishes.get("ca")), ("cert-subject", wishes.get("subject"))):
            if value is not None:
                s.set_property(name, value)
        # their own connect() hides that of GObject
        GObject.GObject.connect(s, "channel-new", self.channel_new)
        if not s.connect():
            self.said.append("no session")
        GLib.timeout_add(1500, self.settled)

    @property
    def seen(self):
        return "display" in self.open

    def channel_new(self, session, channel):
        GObject.GObject.connect(channel, "channel-event", self.event)
        if type(channel) in (Spice.DisplayChannel, Spice.InputsChannel):
            channel.connect()

    def event(self, channel, event):
        name = Spice.Channel.type_to_string(channel.get_property("channel-type"))
        if event == Spice.ChannelEvent.OPENED:
            self.open[name] = channel.get_property("socket") is not None
        elif event != Spice.ChannelEvent.CLOSED:
            error = channel.get_error()
            self.said.append(f"{name}: {event.value_nick}{': ' + error.message if error else ''}")
            self.loop.quit()

    def settled(self):
        if self.seen:
            self.loop.quit()
        return True


def main():
    kind, host, port = sys.argv[1:4]
    wishes = dict(word.split("=", 1) for word in sys.argv[4:])
    loop = GLib.MainLoop()
    screen = {"vnc": Vnc, "spice": SpiceScreen}[kind](loop, host, port, wishes)
    GLib.timeout_add_seconds(20, lambda: screen.said.append("too late") or loop.quit())
    loop.run()
    if kind == "spice":
        screen.said += sorted(screen.open)
    print("\n".join(screen.said))
    return 0 if screen.seen else 1


if __name__ == "__main__":
    sys.exit(main())
