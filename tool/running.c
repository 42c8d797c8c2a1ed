/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "running.h"
#include "base/fs.h"
#include "base/guest-files.h"
#include "base/strings.h"
#include "model/metadata.h"
#include "qemu/firmware.h"
#include "tool.h"

static int load(GuestFile file, const char *name, ErrorCode code, const char *what, Definition **ret, Error *e) {
        _cleanup_free_ char *path = strchr(name, '/') ? NULL : guest_file(file, name);

        if (!path || access(path, F_OK) < 0)
                return error_set(e, -ENOENT, code, ORIGIN_QEMU, "%s '%s'", what, name);
        return definition_load(path, file == GUEST_FILE_LIVE ? DEFINITION_UNCHECKED : 0, ret, e);
}

/* As it would come back once it was defined, by the QEMU of this guest: what is live only is gone. */
static int as_defined(const Definition *given, const Definition *live, Definition **ret, Error *e) {
        const xmlNode *emulator = xml_child(definition_devices(live), "emulator");
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_firmware_host_ FirmwareHost firmware = {};
        _cleanup_free_ char *text = NULL;
        char installed[32];
        HostFacts facts;
        int r;

        r = definition_format(given, DEFINITION_FORMAT_INACTIVE | DEFINITION_FORMAT_SECURE, &text);
        if (r >= 0)
                r = definition_parse(text, strlen(text), NULL, 0, &d, e);
        if (r < 0)
                return r;
        r = host_facts_for_qemu(tool_qemu_version(emulator ? xml_text(emulator) : NULL, installed), &facts);
        if (r < 0)
                return r;
        if (emulator)
                facts.emulator = xml_text(emulator);
        firmware_host_offer(&firmware, &facts);
        r = definition_ensure_uuid(d);
        if (r >= 0)
                r = definition_normalise(d, &facts, e);
        if (r >= 0)
                *ret = TAKE_PTR(d);
        return r;
}

typedef struct Filter {
        DifferenceVisitor visit;
        void *userdata;
} Filter;

static int found(const char *uri, const char *prefix, const char *element, void *userdata) {
        return 1;
}

/* The layers below an image that the start found are no difference to a definition that leaves finding them to it. What
 * applications keep is compared by what each of them would be given, not by how it is written down. */
static int filter(const Difference *d, void *userdata) {
        const Filter *f = userdata;

        if (!d->new && xml_is(d->old, "backingStore"))
                return 0;
        if (streq(d->path, "metadata") && metadata_diff(d->before, d->after, found, NULL) == 0)
                return 0;
        return f->visit(d, f->userdata);
}

int running_differences(const char *name, DifferenceVisitor visit, void *userdata, Error *e) {
        _cleanup_definition_ Definition *live = NULL, *next = NULL, *runs = NULL, *defined = NULL;
        int r;

        r = load(GUEST_FILE_PERSISTENT, name, ERROR_NO_DOMAIN, "there is no definition of a guest", &next, e);
        if (r >= 0)
                r = load(GUEST_FILE_LIVE, name, ERROR_OPERATION_INVALID, "domain is not running:", &live, e);
        if (r >= 0)
                r = as_defined(live, live, &runs, e);
        if (r >= 0)
                r = as_defined(next, live, &defined, e);
        return r < 0 ? r : definition_diff(runs, defined, filter, &(Filter) { visit, userdata });
}
