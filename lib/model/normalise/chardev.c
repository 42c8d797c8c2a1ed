/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The backend that serial, console, channel and redirdev have in common: what a type needs from its source. */

#include "base/strings.h"
#include "chardev.h"

static const struct {
        const char *type;
        bool path, host, service;   /* required */
        const char *keep[5];        /* attributes of the source that mean something */
        bool protocol, children;    /* children: elements of the source that mean something on their own */
        bool spice;                 /* SPICE's other end */
} types[] = {
        { "null", .keep = {} },
        { "vc", .keep = {} },
        { "stdio", .keep = {} },
        { "spicevmc", .keep = {}, .spice = true },
        { "pty", .keep = {} },
        { "file", .path = true, .keep = { "path", "append" } },
        { "dev", .path = true, .keep = { "path" } },
        { "pipe", .path = true, .keep = { "path" } },
        { "unix", .path = true, .keep = { "mode", "path" } },
        { "tcp", .host = true, .service = true, .keep = { "mode", "host", "service", "tls" }, .protocol = true },
        { "udp", .service = true, .keep = { "mode", "host", "service" } },
        { "spiceport", .keep = { "channel" }, .spice = true },
        { "dbus", .keep = { "channel" } },
        { "qemu-vdagent", .children = true },
};

static void keep_attributes(xmlNode *source, const char *const keep[5]) {
        xmlAttr *next;

        for (xmlAttr *a = source->properties; a; a = next) {
                bool kept = false;

                next = a->next;
                for (unsigned i = 0; i < 5 && keep[i]; i++)
                        kept |= streq((const char *) a->name, keep[i]);
                if (!kept)
                        xmlRemoveProp(a);
        }
}

/* A connection that is made again when it breaks. */
static int check_reconnect(Normaliser *n, xmlNode *source) {
        xmlNode *reconnect = xml_child(source, "reconnect");

        if (!reconnect)
                return 0;
        if (!xml_attr_is(source, "mode", "connect"))
                return fail(n, reconnect, -EBADMSG, ERROR_INTERNAL,
                            "chardev reconnect is possible only for connect mode");
        if (xml_attr_bool(reconnect, "enabled", false) && number_or(reconnect, "timeout", 0) == 0)
                return fail(n, reconnect, -EINVAL, ERROR_INVALID_ARG, "chardev reconnect source timeout cannot be '0'");
        return 0;
}

/* Where it sends to and where it listens may be said one by one, of UDP. */
static int check_sources(Normaliser *n, xmlNode *device, bool udp) {
        unsigned count = 0;

        XML_FOREACH(source, device, "source")
                if (++count > 1U + udp)
                        return fail_xml(n, source, "only %s allowed for character device",
                                        udp ? "two source elements are" : "one source element is");
        return 0;
}

int normalise_chardev(Normaliser *n, xmlNode *device, bool path_optional) {
        const char *type = xml_attr(device, "type"), *protocol;
        xmlNode *source, *next;
        size_t i;
        int r;

        if (!type)
                norm_set(n, device, "type", type = "pty");
        for (i = 0; i < ELEMENTSOF(types) && !streq(types[i].type, type); i++)
                ;
        if (i == ELEMENTSOF(types))
                return fail_unsupported(n, device, "character device type '%s' is not supported", type);

        if (types[i].spice && !has_spice(n))
                return fail_unsupported(n, device, "chardev '%s' not supported without spice graphics", type);

        if (!types[i].protocol)
                xml_remove_children(device, "protocol");
        for (source = xml_child(device, "source"); source; source = next) {
                next = xml_next(source, "source");
                keep_attributes(source, types[i].keep);
                if (!source->properties && !(types[i].children && xml_child(source, NULL)))
                        xml_remove(source);
        }

        r = check_sources(n, device, streq(type, "udp"));
        if (r < 0)
                return r;
        source = xml_child(device, "source");
        if (types[i].path && !path_optional && !*attr_or(source, "path", ""))
                return fail(n, source ?: device, -EBADMSG, ERROR_INTERNAL,
                            "Missing source path attribute for char device");
        if (types[i].host && !*attr_or(source, "host", ""))
                return fail(n, source ?: device, -EBADMSG, ERROR_INTERNAL,
                            "Missing source host attribute for char device");
        if (types[i].service && !*attr_or(source, "service", ""))
                return fail(n, source ?: device, -EBADMSG, ERROR_INTERNAL,
                            "Missing source service attribute for char device");

        if (streq(type, "tcp")) {
                norm_set_default(n, source, "mode", "connect");
                norm_set_default(n, norm_ensure(n, device, "protocol"), "type", "raw");
                protocol = xml_get(device, "protocol/@type");
                if (!streq(protocol, "raw") && !streq(protocol, "telnet"))
                        return fail_unsupported(n, xml_child(device, "protocol"),
                                                "tcp chardev protocol '%s' not supported", protocol);
        }
        if (streq(type, "unix"))
                norm_set_default(n, source, "mode", "connect");

        return check_reconnect(n, source);
}
