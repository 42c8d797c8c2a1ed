/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <smartcard> and <redirfilter>: cards of the host or of the SPICE client, and
 * which USB devices a client may hand over. */

#include "blockdev.h"

static void put_ccid(Build *b, json_t *o, const xmlNode *n) {
        const xmlNode *address = xml_child(n, "address");
        DriverName buf;

        put_strf(b, o, "bus", "%s.0", controller_name(b, "ccid", xml_attr(address, "controller") ?: "0", &buf));
}

static void put_certificates(Build *b, json_t *o, const xmlNode *n) {
        const QemuOpened *opened = image_opened(b, n);
        char key[] = "cert0";
        unsigned count = 0;

        XML_FOREACH(c, n, "certificate") {
                if (++count > 3)
                        break;
                key[4] = (char) ('0' + count);
                put_str(b, o, key, xml_text(c));
        }
        if (count != 3)
                build_invalid(b, n, "a card of certificates has three of them");
        put_str(b, o, "db", opened ? opened->path : xml_get(n, "database") ?: "/etc/pki/nssdb");
}

void build_smartcard(Build *b, const xmlNode *n) {
        const char *mode = xml_attr(n, "mode") ?: "";
        DriverName id;
        json_t *o;

        if (streq(mode, "passthrough")) {
                snprintf(id.s, sizeof(id.s), "char%.58s", need_alias(b, n));
                build_chardev(b, n, id.s);
                o = device_new(b, "ccid-card-passthru");
                put_str(b, o, "chardev", id.s);
        } else if (streq(mode, "host")) {
                o = device_new(b, "ccid-card-emulated");
                put_str(b, o, "backend", "nss-emulated");
        } else if (streq(mode, "host-certificates")) {
                o = device_new(b, "ccid-card-emulated");
                put_str(b, o, "backend", "certificates");
                put_certificates(b, o, n);
        } else {
                build_refuse(b, n, "smartcard mode '%s' is not supported", mode);
                return;
        }
        put_alias(b, o, n);
        put_ccid(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}

/* A number of USB's, or "any". */
static void add_field(StrBuf *o, const xmlNode *dev, const char *attr) {
        strbuf_addf(o, "%s:", xml_attr(dev, attr) ?: "-1");
}

/* "1.10" is written 0x0110: two decimal digits a byte. */
static void add_version(Build *b, StrBuf *o, const xmlNode *dev) {
        const char *s = xml_attr(dev, "version");
        unsigned major = 0, minor = 0;
        int n = 0;

        if (!s) {
                strbuf_add(o, "-1:");
                return;
        }
        if (sscanf(s, "%2u.%2u%n", &major, &minor, &n) != 2 || s[n])
                build_invalid(b, dev, "not a version: '%s'", s);
        strbuf_addf(o, "0x%02u%02u:", major, minor);
}

/* "class:vendor:product:version:allow|..." of all devices of <redirfilter>, for each redirection. */
void put_redirfilter(Build *b, json_t *o) {
        const xmlNode *filter = xml_child(b->devices, "redirfilter");
        _cleanup_strbuf_ StrBuf text = {};
        _cleanup_free_ char *value = NULL;

        if (!filter)
                return;
        XML_FOREACH(dev, filter, "usbdev") {
                strbuf_add(&text, text.len > 0 ? "|" : "");
                add_field(&text, dev, "class");
                add_field(&text, dev, "vendor");
                add_field(&text, dev, "product");
                add_version(b, &text, dev);
                strbuf_add(&text, xml_attr_bool(dev, "allow", false) ? "1" : "0");
        }
        value = strbuf_take(&text);
        if (!value)
                build_fail(b, -ENOMEM);
        else if (*value)
                put_str(b, o, "filter", value);
}
