/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* shmem: memory that a guest shares with the host and with other guests. */

#include <inttypes.h>

#include "base/strings.h"
#include "normalise.h"

#define MIB (UINT64_C(1) << 20)
#define DEFAULT_SIZE (4 * MIB)

static int write_size(Normaliser *n, xmlNode *shmem) {
        xmlNode *size = xml_child(shmem, "size");
        uint64_t bytes = 0;
        char text[24];

        if (size && size_parse(xml_text(size), xml_attr(size, "unit"), 1, &bytes) < 0)
                return fail_xml(n, size, "malformed size");
        if (bytes > 0 && (bytes < MIB || (bytes & (bytes - 1))))
                return fail_xml(n, size, "shmem size must be a power of 2 and at least 1 MiB (1024 KiB)");
        if (bytes == 0 && xml_child(shmem, "server")) {
                xml_remove(size);
                return 0;
        }
        snprintf(text, sizeof(text), "%" PRIu64, (bytes ?: DEFAULT_SIZE) / MIB);
        size = norm_ensure(n, shmem, "size");
        norm_set(n, size, "unit", "M");
        norm_set_text(n, size, text);
        return 0;
}

/* Notifications between guests go through a server. */
static int check_server(Normaliser *n, xmlNode *shmem, const char *model) {
        xmlNode *server = xml_child(shmem, "server"), *msi = xml_child(shmem, "msi");
        bool doorbell = streq(model, "ivshmem-doorbell");

        if (msi && !server)
                return fail_xml(n, msi, "msi option is only supported with a server");
        if (!server && doorbell)
                return fail_unsupported(n, shmem, "shmem model '%s' is supported only with server option enabled",
                                        model);
        if (!server)
                return 0;
        if (!doorbell)
                return fail_unsupported(n, shmem, "shmem model '%s' is supported only with server option disabled",
                                        model);
        if (xml_child(shmem, "size"))
                return fail_unsupported(n, shmem, "shmem model '%s' does not support size setting", model);
        msi = norm_ensure(n, shmem, "msi");
        norm_set_default(n, msi, "ioeventfd", "on");
        return 0;
}

int normalise_shmems(Normaliser *n) {
        XML_FOREACH(shmem, n->devices, "shmem") {
                const char *name = xml_attr(shmem, "name"), *model = xml_get(shmem, "model/@type");
                int r;

                if (!name)
                        return fail_xml(n, shmem, "shmem element must contain 'name' attribute");
                if (!*name || strchr(name, '/') || streq(name, ".") || streq(name, ".."))
                        return fail_xml(n, shmem, "shmem name '%s' must not be empty, '.', '..' or contain '/'", name);
                if (!model)
                        return fail_unsupported(
                                n, shmem,
                                "shmem model 'ivshmem' is not supported, only ivshmem-plain and ivshmem-doorbell");
                if (!streq(attr_or(xml_child(shmem, "address"), "type", "pci"), "pci"))
                        return fail_unsupported(n, shmem,
                                                "only 'pci' addresses are supported for the shared memory device");
                r = check_server(n, shmem, model);
                if (r >= 0)
                        r = write_size(n, shmem);
                if (r < 0)
                        return r;
        }

        return 0;
}
