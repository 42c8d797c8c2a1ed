/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where a device of the host is, as a definition says it: each line of the input is the value of one attribute, so that
 * a fuzzer spends its time on addresses and not on XML. What is accepted is the same when it is read again, and what
 * QEMU is told names a place that a host can have. */

#include <jansson.h>

#include "base/strings.h"
#include "host/pci.h"
#include "model/definition.h"
#include "qemu/args.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GUEST                                                                                                          \
        "<domain type='qemu'><name>f</name><uuid>00000000-0000-4000-8000-000000000001</uuid><memory>65536</memory>"    \
        "<os><type machine='q35'>hvm</type></os><devices>%s</devices></domain>"

/* A "%" is a line of the input. The first one decides which of them it is. */
static const char *const devices[] = {
        "<hostdev mode='subsystem' type='pci' managed='%'><driver name='%'/><source><address domain='%' bus='%' "
        "slot='%' "
        "function='%'/></source><address type='pci' domain='%' bus='%' slot='%' function='%' multifunction='%'/>"
        "<rom bar='%' file='%'/></hostdev>",
        "<hostdev mode='subsystem' type='usb'><source startupPolicy='%' guestReset='%'><vendor id='%'/>"
        "<product id='%'/><address bus='%' device='%' port='%'/></source><address type='usb' bus='%' port='%'/>"
        "</hostdev>",
        "<hostdev mode='subsystem' type='scsi' rawio='%' sgio='%'><source><adapter name='%'/><address bus='%' "
        "target='%' unit='%'/></source><address type='drive' controller='%' bus='%' target='%' unit='%'/></hostdev>",
        "<hostdev mode='subsystem' type='scsi_host'><source protocol='%' wwpn='%'/></hostdev>",
        "<hostdev mode='subsystem' type='mdev' model='%' display='%' ramfb='%'><source><address uuid='%'/></source>"
        "</hostdev>",
        "<interface type='hostdev' managed='%'><source><address type='pci' domain='%' bus='%' slot='%' function='%'/>"
        "</source><mac address='%'/></interface>",
};

/* The next line, as text of an attribute. */
static void add_line(StrBuf *b, const char **p, const char *end) {
        for (; *p < end && **p != '\n'; ++*p)
                if (**p == '\'' || **p == '<' || **p == '&' || !**p)
                        strbuf_addf(b, "&#%u;", **p ? (unsigned) **p : 0x20U);
                else
                        strbuf_addf(b, "%c", **p);
        if (*p < end)
                ++*p;
}

static char *document(const uint8_t *data, size_t size) {
        const char *p = (const char *) data + 1, *end = (const char *) data + size;
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *device = NULL;

        for (const char *t = devices[data[0] % ELEMENTSOF(devices)]; *t; t++)
                if (*t == '%')
                        add_line(&b, &p, end);
                else
                        strbuf_addf(&b, "%c", *t);
        device = strbuf_take(&b);
        return device ? text_format(GUEST, device) : NULL;
}

static Definition *read_it(const char *text, char **ret) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        HostFacts facts;
        int r;

        if (host_facts_for_qemu("7.2", &facts) < 0)
                abort();
        r = definition_parse(text, strlen(text), NULL, 0, &d, &e);
        if (r >= 0)
                r = definition_normalise(d, &facts, &e);
        if (r >= 0)
                r = definition_format(d, DEFINITION_FORMAT_INACTIVE | DEFINITION_FORMAT_SECURE, ret);
        if (r < 0 && r != -ENOMEM && !error_is_set(&e))
                abort();
        return r < 0 ? NULL : TAKE_PTR(d);
}

/* {"driver":"vfio-pci","host":"0000:01:00.0",...}, {"driver":"usb-host","hostdevice":"/dev/bus/usb/001/002",...} */
static void check_argument(const char *text) {
        json_t *o = *text == '{' ? json_loads(text, 0, NULL) : NULL;
        const char *host = json_string_value(json_object_get(o, "host")),
                   *node = json_string_value(json_object_get(o, "hostdevice"));
        PciHostAddress a = {};
        char rest;
        unsigned bus, device;

        if (*text == '{' && !o)
                abort();
        if (host && (pci_parse(host, &a) < 0 || !streq(pci_name(&a).s, host)))
                abort();
        /* any number: whether the host has such a bus is seen at the start */
        if (node && sscanf(node, "/dev/bus/usb/%u/%u%c", &bus, &device, &rest) != 2)
                abort();
        json_decref(o);
}

static void check_arguments(Definition *d) {
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_strv_ char **argv = NULL;
        QemuHostResources res;
        int r;

        qemu_host_resources_init(&res);
        res.run_dir = "/run/guest";
        res.stand_ins = true;
        r = definition_assign_aliases(d, &e);
        if (r >= 0)
                r = qemu_args_build(d, qemu_caps_for("7.2", "x86_64"), &res, &argv, &e);
        if ((r < 0) != error_is_set(&e))
                abort();
        for (char **word = argv; word && *word; word++)
                check_argument(*word);
}

static void check_name(const uint8_t *data, size_t size) {
        char text[64];
        PciHostAddress a, again;

        (void) snprintf(text, sizeof text, "%.*s", (int) MIN(size, sizeof(text) - 1), (const char *) data);
        if (pci_parse(text, &a) >= 0 &&
            (pci_parse(pci_name(&a).s, &again) < 0 || !streq(pci_name(&a).s, pci_name(&again).s)))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = NULL, *once = NULL, *twice = NULL;
        _cleanup_definition_ Definition *d = NULL, *again = NULL;

        if (size == 0 || size > 4096)
                return 0;
        check_name(data, size);
        text = document(data, size);
        d = text ? read_it(text, &once) : NULL;
        if (!d)
                return 0;
        again = read_it(once, &twice);
        if (!again || !streq(once, twice))
                abort();
        check_arguments(d);
        return 0;
}
