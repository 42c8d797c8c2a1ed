/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* unitvirt usb, which vm-usb@VENDOR:PRODUCT.service runs when udev has seen such a device come. A guest that was given
 * it by vendor and product, and whose QEMU has one that is gone (or has none, since it was missing at the start), gets
 * it in place of that, by the calls that virsh would make. */

#include <dirent.h>

#include "base/fs.h"
#include "base/strings.h"
#include "client.h"
#include "host/usb.h"
#include "model/xml.h"
#include "tool.h"

#define AFFECT_LIVE 1U

typedef struct Arrival {
        UsbMatch match;
        unsigned bus, device;   /* where it is now */
        bool there;
        Client client;          /* opened for the first guest that wants it */
        bool connected;
        unsigned wanted, failed;
} Arrival;

static unsigned number(const xmlNode *n, const char *attr) {
        unsigned v = 0;

        (void) xml_attr_uint(n, attr, &v);
        return v;
}

static bool is_meant(const Arrival *a, const xmlNode *hostdev) {
        const xmlNode *source = xml_child(hostdev, "source");

        return xml_attr_is(hostdev, "type", "usb") && number(xml_child(source, "vendor"), "id") == a->match.vendor &&
               number(xml_child(source, "product"), "id") == a->match.product;
}

/* QEMU has this very one. */
static bool has_it(const Arrival *a, const xmlNode *hostdev) {
        const xmlNode *source = xml_child(hostdev, "source"), *address = xml_child(source, "address");

        return !xml_attr_is(source, "missing", "yes") && number(address, "bus") == a->bus &&
               number(address, "device") == a->device;
}

/* As a client would write it: the number of a device is another one each time, its port is not. */
static int describe(const xmlNode *hostdev, char **ret) {
        _cleanup_free_ char *text = NULL;
        _cleanup_xml_ xmlDocPtr doc = NULL;
        xmlNode *root, *source, *address;
        const char *alias;
        int r;

        r = xml_format(hostdev, &text);
        if (r >= 0)
                r = xml_parse(text, strlen(text), NULL, NULL, &doc, NULL);
        if (r < 0)
                return r;
        root = xml_root(doc);
        source = xml_child(root, "source");
        address = xml_child(source, "address");
        alias = xml_get(root, "alias/@name");
        if (!alias || !startswith(alias, "ua-"))
                xml_remove_children(root, "alias");
        xml_unset_attr(source, "missing");
        if (xml_attr(address, "port"))
                xml_unset_attr(address, "device");
        else
                xml_remove_children(source, "address");
        return xml_format(root, ret);
}

static int exchange(Arrival *a, const char *guest, const xmlNode *hostdev, Error *e) {
        _cleanup_free_ char *xml = NULL;
        remote_nonnull_domain domain = {};
        const char *alias = xml_get(hostdev, "alias/@name");
        rpc_void none;
        int r = alias ? describe(hostdev, &xml) : -EINVAL;

        if (r >= 0 && !a->connected) {
                r = client_open(&a->client, e);
                a->connected = r >= 0;
        }
        if (r >= 0)
                r = client_look_up(&a->client, guest, &domain, e);
        if (r >= 0)
                r = client_call(&a->client, REMOTE_PROC_DOMAIN_DETACH_DEVICE_ALIAS,
                                &remote_codec_DOMAIN_DETACH_DEVICE_ALIAS,
                                &(remote_domain_detach_device_alias_args) { domain, (char *) alias, AFFECT_LIVE },
                                &none, e);
        if (r >= 0)
                r = client_call(&a->client, REMOTE_PROC_DOMAIN_ATTACH_DEVICE_FLAGS,
                                &remote_codec_DOMAIN_ATTACH_DEVICE_FLAGS,
                                &(remote_domain_attach_device_flags_args) { domain, xml, AFFECT_LIVE }, &none, e);
        free(domain.name);
        return r;
}

static void give(Arrival *a, const char *guest, const xmlNode *hostdev) {
        _cleanup_error_ Error e = ERROR_INIT;
        int r;

        a->wanted++;
        if (!a->there || has_it(a, hostdev))
                return;
        r = exchange(a, guest, hostdev, &e);
        if (r < 0) {
                fprintf(stderr, "guest '%s' did not get the USB device %04x:%04x: %s\n", guest, a->match.vendor,
                        a->match.product, error_text(&e, r));
                a->failed++;
                return;
        }
        printf("guest '%s' has the USB device %04x:%04x again, which is bus %u device %u now\n", guest,
               a->match.vendor, a->match.product, a->bus, a->device);
}

/* One of the live definitions. */
static void look_at(Arrival *a, const char *path, const char *guest) {
        _cleanup_free_ char *text = NULL;
        _cleanup_xml_ xmlDocPtr doc = NULL;
        size_t len;

        /* most guests have no such device, and need no parser to say so */
        if (file_read(path, XML_MAX_BYTES, &text, &len) < 0 || !strstr(text, "<hostdev") ||
            xml_parse(text, len, path, "domain", &doc, NULL) < 0)
                return;
        XML_FOREACH(hostdev, xml_find(xml_root(doc), "devices"), "hostdev")
                if (is_meant(a, hostdev))
                        give(a, guest, hostdev);
}

static int look_at_all(Arrival *a) {
        _cleanup_free_ char *folder = text_format("%s/qemu", path_run());
        DIR *d = folder ? opendir(folder) : NULL;
        const struct dirent *de;

        if (!d)
                return folder && errno == ENOENT ? 0 : -errno;
        while ((de = readdir(d))) {
                const char *end = endswith(de->d_name, ".xml");
                _cleanup_free_ char *path = text_format("%s/%s", folder, de->d_name),
                                    *guest = end ? strndup(de->d_name, (size_t) (end - de->d_name)) : NULL;

                if (path && guest && *guest)
                        look_at(a, path, guest);
        }
        closedir(d);
        return 0;
}

static bool parse(const char *text, UsbMatch *ret) {
        int end = 0;

        return sscanf(text, "%4x:%4x%n", &ret->vendor, &ret->product, &end) == 2 && !text[end] && ret->vendor > 0 &&
               ret->product > 0;
}

int verb_usb(int argc, char **argv) {
        _cleanup_error_ Error e = ERROR_INIT;
        Arrival a = {};
        int r;

        if (argc != 2 || !parse(argv[1], &a.match))
                return tool_usage(argv[0]);
        r = usb_find(&a.match, &a.bus, &a.device, &e);
        a.there = r > 0;
        if (r >= 0)
                r = look_at_all(&a);
        if (a.connected)
                client_close(&a.client);
        if (r < 0) {
                fprintf(stderr, "%s\n", error_text(&e, r));
                return TOOL_FAILED;
        }
        if (a.wanted == 0) {
                _cleanup_free_ char *wish = usb_wish_file(a.match.vendor, a.match.product);

                /* nobody is to be woken for it any more */
                if (wish)
                        (void) file_remove(wish);
        }
        return a.failed > 0 ? TOOL_FAILED : TOOL_OK;
}
