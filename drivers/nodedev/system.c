/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The computer itself: what its firmware says of it. */

#include "base/fs.h"
#include "base/strings.h"
#include "nodedev.h"

/* The first line; NULL without one. */
static char *read_dmi(const char *file) {
        _cleanup_free_ char *path = text_format("/sys/class/dmi/id/%s", file), *text = NULL;

        if (!path || file_read(path, 4096, &text, NULL) < 0)
                return NULL;
        text[strcspn(text, "\n")] = '\0';
        return *text ? TAKE_PTR(text) : NULL;
}

static void add_dmi(Description *d, DocumentElement *parent, const char *name, const char *file) {
        _cleanup_free_ char *text = read_dmi(file);

        if (text)
                document_add(d->writer, parent, name, text);
}

/* The machine's own, else that of the installation. */
static void add_uuid(Description *d, DocumentElement *parent) {
        _cleanup_free_ char *text = read_dmi("product_uuid");
        uint8_t uuid[16] = {};
        char printed[37];

        if (!text || uuid_parse(text, uuid) < 0) {
                free(TAKE_PTR(text));
                if (file_read("/etc/machine-id", 4096, &text, NULL) < 0 || uuid_parse(text, uuid) < 0)
                        memset(uuid, 0, sizeof(uuid));
        }
        uuid_format(uuid, printed);
        document_add(d->writer, parent, "uuid", printed);
}

static void describe(Description *d) {
        DocumentElement *part;

        add_dmi(d, d->capability, "product", "product_name");
        part = document_add(d->writer, d->capability, "hardware", NULL);
        add_dmi(d, part, "vendor", "sys_vendor");
        add_dmi(d, part, "version", "product_version");
        add_dmi(d, part, "serial", "product_serial");
        add_uuid(d, part);
        part = document_add(d->writer, d->capability, "firmware", NULL);
        add_dmi(d, part, "vendor", "bios_vendor");
        add_dmi(d, part, "version", "bios_version");
        add_dmi(d, part, "release_date", "bios_date");
}

static bool is_never(sd_device *d, const char *subsystem, const char *devtype) {
        return false;
}

const DeviceKind device_system = { .capability = "system", .flag = 1, .is = is_never, .describe = describe };
