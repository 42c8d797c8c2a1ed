/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Guests that were on the network when it went, and run still: their taps are there, without a bridge. */

#include <dirent.h>

#include "base/fs.h"
#include "base/log.h"
#include "network/plug.h"
#include "network/port.h"
#include "start.h"

static int plug(NetworkStart *s, xmlNode *interface, const char *guest) {
        const char *tap = xml_get(interface, "target/@dev");
        NetworkPlug p = { .network = s->network, .interface = interface, .bridge = s->bridge, .tap = tap };
        _cleanup_error_ Error e = ERROR_INIT;
        LinkFacts facts;
        int r;

        if (!xml_attr_is(interface, "type", "network") || !streq_ptr(xml_get(interface, "source/@network"), s->name) ||
            !tap || link_read(s->links, tap, &facts) < 0 || facts.master > 0)
                return 0;
        r = network_port_complete(s->network, interface, &e);
        if (r >= 0)
                r = network_plug(s->links, &p, &e);
        if (r >= 0)
                r = link_set_up(s->links, tap, !xml_attr_is(xml_child(interface, "link"), "state", "down"));
        if (r < 0)
                return log_warning_errno(r, "cannot plug %s of the guest '%s' in again, ignoring: %s", tap, guest,
                                         error_text(&e, r));
        log_info("plugged %s of the guest '%s' in again", tap, guest);
        return 0;
}

static int replug_guest(NetworkStart *s, const char *path, const char *guest) {
        _cleanup_free_ char *text = NULL;
        _cleanup_xml_ xmlDocPtr doc = NULL;
        size_t len;
        int r;

        r = file_read(path, XML_MAX_BYTES, &text, &len);
        /* most guests have nothing to do with this network, and need no parser to say so */
        if (r < 0 || !strstr(text, s->name))
                return r;
        r = xml_parse(text, len, path, "domain", &doc, NULL);
        if (r < 0)
                return r;
        XML_FOREACH(interface, xml_find(xml_root(doc), "devices"), "interface")
                (void) plug(s, interface, guest);
        return 0;
}

static void dir_closep(DIR **d) {
        if (*d)
                closedir(*d);
}

int replug_guests(NetworkStart *s) {
        _cleanup_free_ char *folder = text_format("%s/qemu", path_run());
        _cleanup_(dir_closep) DIR *d = NULL;
        const struct dirent *de;

        if (!*s->bridge)
                return 0;
        d = folder ? opendir(folder) : NULL;
        if (!d)
                return 0;
        while ((de = readdir(d))) {
                const char *end = endswith(de->d_name, ".xml");
                _cleanup_free_ char *path = text_format("%s/%s", folder, de->d_name), *guest = NULL;

                if (!end || end == de->d_name)
                        continue;
                guest = strndup(de->d_name, (size_t) (end - de->d_name));
                if (path && guest && replug_guest(s, path, guest) < 0)
                        log_warning("cannot read %s, ignoring", path);
        }
        return 0;
}
