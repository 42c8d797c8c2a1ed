/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a guest uses of the desktop of somebody who sits at the host, or of its graphics card: sockets that QEMU
 * connects to, nodes that it draws with. */

#include "base/strings.h"
#include "guest-plan.h"
#include "plan/desktop.h"

char *desktop_x11_socket(const char *display) {
        const char *number = display ?: ":0";

        number = startswith(number, "unix:") ? number + strlen("unix") : number;
        if (*number != ':' || number[1] < '0' || number[1] > '9')
                return NULL;
        return text_format("/tmp/.X11-unix/X%.*s", (int) strspn(number + 1, "0123456789"), number + 1);
}

char *desktop_x11_display(const char *display) {
        _cleanup_free_ char *socket = desktop_x11_socket(display);
        const char *screen = display ? strchr(display, '.') : NULL;

        if (!socket)
                return strdup(display ?: "");
        return text_format("unix:%s%s", DESKTOP_X11_PLACE, screen ?: "");
}

/* OpenGL draws with a node of the host's card: the one that is named, or the first. It belongs to a group that systemd
 * makes on every host, as kvm does. */
static int plan_drawing(GuestPlan *g, const xmlNode *from, const char *node) {
        int r;

        r = node ? guest_plan_device(g, from, node, "rw")
                 : plan_add_full(g->plan, PLAN_SERVICE, "DeviceAllow", "char-drm", "rw");
        if (r >= 0)
                r = guest_plan_view(g, from, "BindPaths", node ?: "/dev/dri");
        return r < 0 ? r : plan_add(g->plan, PLAN_SERVICE, "SupplementaryGroups", "render");
}

/* /tmp is nobody's in QEMU's view, so the screen's socket has another place there, which DISPLAY names. */
static int plan_x11(GuestPlan *g, const xmlNode *graphics) {
        _cleanup_free_ char *socket = desktop_x11_socket(xml_attr(graphics, "display")), *bind = NULL;

        if (!socket)
                return 0;
        bind = text_format("-%s", socket);
        return bind ? guest_plan_add(g, graphics, PLAN_SERVICE, "BindPaths", bind, ":" DESKTOP_X11_PLACE) : -ENOMEM;
}

/* QEMU is a client of a bus: "unix:path=/run/bus", or of one beside it that is its own. */
static int plan_bus(GuestPlan *g, const xmlNode *graphics) {
        const char *path = startswith(xml_attr(graphics, "address") ?: "", "unix:path=");
        _cleanup_free_ char *first = path ? strndup(path, strcspn(path, ",;")) : NULL;

        if (graphics_has_own_bus(graphics))
                return plan_own_bus(g);
        if (!path) {
                if (xml_attr(graphics, "address"))
                        guest_plan_network(g, NULL);
                return 0;
        }
        return first ? guest_plan_view(g, graphics, "BindPaths", first) : -ENOMEM;
}

/* vm-run hands clients to QEMU, which need not listen itself, but for websockets, in a network of its own. */
static void plan_websocket(GuestPlan *g, const xmlNode *graphics) {
        const xmlNode *listen = xml_child(graphics, "listen");

        if (xml_attr(graphics, "websocket") && !xml_attr(graphics, "socket") &&
            !xml_attr_is(listen, "type", "socket") && !xml_attr_is(listen, "type", "none"))
                g->wants_inet = true;
}

/* At the address of a network's bridge, which is there once the network is. */
static int plan_listen(GuestPlan *g, const xmlNode *graphics) {
        const xmlNode *listen = xml_child(graphics, "listen");
        const char *name = xml_attr(listen, "network");
        int r;

        if (!name || !xml_attr_is(listen, "type", "network"))
                return 0;
        r = plan_require_unit_of(g->plan, &unit_network, name);
        return r == -EINVAL ? error_set(g->error, r, ERROR_XML_ERROR, ORIGIN_DOMAIN,
                                        "there can be no network of the name '%s'", name)
                            : r;
}

int plan_graphics(GuestPlan *g, const xmlNode *graphics) {
        const xmlNode *gl = xml_child(graphics, "gl");
        int r = 0;

        if (xml_attr_is(gl, "enable", "yes") || xml_attr_is(graphics, "type", "egl-headless"))
                r = plan_drawing(g, graphics, xml_attr(gl, "rendernode"));
        if (r >= 0 && xml_attr_is(graphics, "type", "sdl"))
                r = plan_x11(g, graphics);
        if (r >= 0 && xml_attr_is(graphics, "type", "dbus"))
                r = plan_bus(g, graphics);
        plan_websocket(g, graphics);
        return r < 0 ? r : plan_listen(g, graphics);
}

/* A card that another program draws for; it shares the guest's memory. */
int plan_video(GuestPlan *g, const xmlNode *video) {
        return streq_ptr(xml_get(video, "driver/@name"), "vhostuser") ? plan_gpu(g, video) : 0;
}

/* A card in a reader of the host is pcscd's, which it is talked to by a module that the host's database names. */
int plan_smartcard(GuestPlan *g, const xmlNode *card) {
        int r;

        if (!xml_attr_is(card, "mode", "host"))
                return xml_attr_is(card, "mode", "passthrough") ? plan_character_device(g, card) : 0;
        r = guest_plan_view(g, card, "BindReadOnlyPaths", DESKTOP_CARDS);
        if (r >= 0)
                r = guest_plan_view(g, card, "BindReadOnlyPaths", DESKTOP_READERS);
        if (r >= 0)
                r = plan_add(g->plan, PLAN_UNIT, "Wants", "pcscd.socket");
        return r < 0 ? r : plan_add(g->plan, PLAN_UNIT, "After", "pcscd.socket");
}

/* --- sound --- */

static int plan_nodes(GuestPlan *g, const xmlNode *audio, const char *nodes, const char *folder) {
        int r;

        r = plan_add_full(g->plan, PLAN_SERVICE, "DeviceAllow", nodes, "rw");
        if (r >= 0)
                r = guest_plan_view(g, audio, "BindPaths", folder);
        return r < 0 ? r : plan_add(g->plan, PLAN_SERVICE, "SupplementaryGroups", "audio");
}

static int plan_alsa(GuestPlan *g, const xmlNode *audio) {
        return plan_nodes(g, audio, "char-alsa", "/dev/snd");
}

static int plan_oss(GuestPlan *g, const xmlNode *audio) {
        return plan_nodes(g, audio, "char-sound", "/dev/dsp");
}

/* A path, "unix:" and a path, or a host that answers by TCP. */
static int plan_pulse(GuestPlan *g, const xmlNode *audio) {
        const char *server = xml_attr(audio, "serverName"), *path = startswith(server ?: "", "unix:") ?: server;

        if (!server || !*server)
                return 0;
        if (*path == '/')
                return guest_plan_view(g, audio, "BindPaths", path);
        guest_plan_network(g, startswith(server, "tcp:") ?: server);
        return 0;
}

static int plan_pipewire(GuestPlan *g, const xmlNode *audio) {
        const char *folder = xml_attr(audio, "runtimeDir");
        _cleanup_free_ char *socket = folder ? text_format("%s/pipewire-0", folder) : NULL;

        if (!folder)
                return 0;
        return socket ? guest_plan_view(g, audio, "BindPaths", socket) : -ENOMEM;
}

int plan_audio(GuestPlan *g, const xmlNode *audio) {
        static const struct {
                const char *type;
                int (*plan)(GuestPlan *g, const xmlNode *audio);
        } types[] = {
                { "alsa", plan_alsa }, { "oss", plan_oss }, { "pulseaudio", plan_pulse }, { "pipewire", plan_pipewire },
        };

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (xml_attr_is(audio, "type", types[i].type))
                        return types[i].plan(g, audio);
        return 0;
}
