/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Devices with little to fill in: memballoon, watchdog, rng, hub, redirdev. */

#include "base/strings.h"
#include "chardev.h"

static int normalise_panics(Normaliser *n) {
        XML_FOREACH(panic, n->devices, "panic") {
                norm_set_default(n, panic, "model", "isa");
                if (xml_attr_is(panic, "model", "hyperv"))
                        xml_remove_children(panic, "address");
        }
        XML_FOREACH(panic, n->devices, "panic")
                for (xmlNode *other = xml_next(panic, "panic"); other; other = xml_next(other, "panic"))
                        if (xml_attr_is(other, "model", xml_attr(panic, "model")))
                                return fail_xml(n, other, "Multiple panic devices with model '%s'",
                                                xml_attr(panic, "model"));
        return 0;
}

/* USB has addresses for as many devices on a bus. */
#define MAX_USB_HUBS 127U

static void normalise_memballoon(Normaliser *n) {
        xmlNode *balloon = norm_ensure(n, n->devices, "memballoon");

        norm_set_default(n, balloon, "model", n->isapc ? "none" : "virtio");
        if (xml_attr_is(balloon, "model", "none")) {
                xml_remove_children(balloon, "stats");
                xml_remove_children(balloon, "address");
                return;
        }
        if (number_or(xml_child(balloon, "stats"), "period", 0) == 0)
                xml_remove_children(balloon, "stats");
        drop_empty(balloon, "driver");
}

static int normalise_watchdogs(Normaliser *n) {
        const char *action = NULL;
        bool itco = false;

        XML_FOREACH(w, n->devices, "watchdog") {
                if (!xml_attr(w, "model"))
                        return fail_xml(n, w, "missing watchdog model");
                norm_set_default(n, w, "action", "reset");
                if (action && !xml_attr_is(w, "action", action))
                        return fail_xml(n, w,
                                        "watchdogs with different actions are not supported with this QEMU binary");
                action = xml_attr(w, "action");
                if (xml_attr_is(w, "model", "itco")) {
                        if (!n->q35)
                                return fail_unsupported(n, w, "iTCO is only supported with q35 machine types");
                        itco = true;
                }
                if (!xml_attr_is(w, "model", "i6300esb"))
                        xml_remove_children(w, "address");
        }

        if (n->q35 && !itco) {
                xmlNode *w = norm_add(n, n->devices, "watchdog");

                norm_set(n, w, "model", "itco");
                norm_set(n, w, "action", action ?: "reset");
        }

        return 0;
}

static int normalise_rngs(Normaliser *n) {
        XML_FOREACH(rng, n->devices, "rng") {
                xmlNode *backend = xml_child(rng, "backend"), *rate = xml_child(rng, "rate");

                if (!xml_attr(rng, "model"))
                        return fail_xml(n, rng, "missing RNG device model");
                if (!xml_attr(backend, "model"))
                        return fail_xml(n, rng, "missing RNG device backend model");
                if (xml_attr_is(backend, "model", "random") && !*xml_text(backend))
                        norm_set_text(n, backend, "/dev/random");
                if (xml_attr_is(backend, "model", "egd")) {
                        int r = normalise_chardev(n, backend, false);

                        if (r < 0)
                                return r;
                }
                if (rate && !xml_attr(rate, "bytes"))
                        return fail_xml(n, rate, "invalid RNG rate bytes value");
                if (number_or(rate, "period", 1) == 0)
                        xml_unset_attr(rate, "period");
                drop_empty(rng, "driver");
        }

        return 0;
}

/* -1 is any, and the same as nothing; numbers have a width, versions two digits behind the point. */
static int normalise_redirfilter(Normaliser *n) {
        static const struct {
                const char *name;
                int width;
        } ids[] = { { "class", 2 }, { "vendor", 4 }, { "product", 4 } };

        XML_FOREACH(usb, xml_child(n->devices, "redirfilter"), "usbdev") {
                const char *version = xml_attr(usb, "version");
                unsigned major, minor = 0;
                char rest;

                if (!xml_attr(usb, "allow"))
                        return fail_xml(n, usb, "Missing 'allow' attribute for USB redirection filter");
                for (size_t i = 0; i < ELEMENTSOF(ids); i++) {
                        unsigned id;

                        if (xml_attr_is(usb, ids[i].name, "-1"))
                                xml_unset_attr(usb, ids[i].name);
                        if (!xml_attr(usb, ids[i].name))
                                continue;
                        if (xml_attr_uint(usb, ids[i].name, &id) < 0 || id >> ids[i].width * 4)
                                return fail_xml(n, usb, "invalid USB %s '%s'", ids[i].name, xml_attr(usb, ids[i].name));
                        norm_setf(n, usb, ids[i].name, "0x%0*X", ids[i].width, id);
                }

                if (!version)
                        continue;
                if (streq(version, "-1"))
                        xml_unset_attr(usb, "version");
                else if (sscanf(version, "%u.%u%c", &major, &minor, &rest) == 2 && major <= 99 && minor <= 99)
                        norm_setf(n, usb, "version", "%u.%02u", major,
                                  strlen(strchr(version, '.')) == 2 ? minor * 10 : minor);
                else
                        return fail_xml(n, usb, "Incorrect USB version format '%s'", version);
        }

        return 0;
}

static int normalise_usb_only(Normaliser *n) {
        unsigned hubs = 0;
        int r;

        XML_FOREACH(hub, n->devices, "hub") {
                if (!xml_attr(hub, "type"))
                        return fail_xml(n, hub, "missing hub device type");
                if (++hubs > MAX_USB_HUBS)
                        return fail_unsupported(n, hub, "more than %u USB hubs are not supported", MAX_USB_HUBS);
        }
        XML_FOREACH(dev, n->devices, "redirdev") {
                if (!xml_attr(dev, "type"))
                        return fail_xml(n, dev, "redirdev needs a type");
                norm_set_default(n, dev, "bus", "usb");
                r = normalise_chardev(n, dev, false);
                if (r < 0)
                        return r;
                if (xml_attr_is(dev, "type", "dbus"))
                        norm_set_default(n, norm_ensure(n, dev, "source"), "channel", "org.qemu.usbredir");
        }

        return normalise_redirfilter(n);
}

static void drop_chardev(xmlNode *device) {
        static const char *const children[] = { "source", "protocol", "log" };

        xml_unset_attr(device, "type");
        for (size_t i = 0; i < ELEMENTSOF(children); i++)
                xml_remove_children(device, children[i]);
}

static int normalise_smartcards(Normaliser *n) {
        int r;

        XML_FOREACH(card, n->devices, "smartcard") {
                if (!xml_attr(card, "mode"))
                        return fail_xml(n, card, "missing smartcard device mode");
                if (xml_attr_is(card, "mode", "host-certificates")) {
                        unsigned count = 0;

                        XML_FOREACH(certificate, card, "certificate")
                                count++;
                        if (count != 3)
                                return fail_xml(n, card, "host-certificates mode needs exactly three certificates");
                }
                /* virt-install writes one for every card */
                if (!xml_attr_is(card, "mode", "passthrough"))
                        drop_chardev(card);
                r = xml_attr_is(card, "mode", "passthrough") ? normalise_chardev(n, card, false) : 0;
                if (r < 0)
                        return r;
        }

        return 0;
}

int normalise_small_devices(Normaliser *n) {
        int r;

        normalise_memballoon(n);
        r = normalise_panics(n);
        if (r >= 0)
                r = normalise_watchdogs(n);
        if (r < 0)
                return r;
        r = normalise_rngs(n);
        if (r >= 0)
                r = normalise_smartcards(n);
        if (r < 0)
                return r;

        return normalise_usb_only(n);
}
