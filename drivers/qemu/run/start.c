/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "virsh start" is StartUnit: systemd prepares, sandboxes and runs QEMU; we wait for its job and then for QEMU's
 * word. */

#include "base/fs.h"
#include "base/strings.h"
#include "guest/keep.h"
#include "guest/savefile.h"
#include "network/files.h"
#include "object/unit.h"
#include "run/fd-groups.h"
#include "run/index.h"
#include "run/qmp.h"
#include "run/start.h"

#define SETTLE_TIMEOUT (5U * 1000000U)

/* What vm-prepare should do otherwise than the definition says, this once. */
static int write_request(Guest *g, uint32_t flags, Error *e) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_REQUEST, g->object.name);
        _cleanup_strbuf_ StrBuf text = {};
        int r;

        if (!path)
                return -ENOMEM;
        if (!(flags & (CREATE_PAUSED | CREATE_RESET_NVRAM))) {
                (void) unlink(path);
                return 0;
        }
        if (flags & CREATE_PAUSED)
                strbuf_add(&text, "paused=yes\n");
        if (flags & CREATE_RESET_NVRAM)
                strbuf_add(&text, "reset-nvram=yes\n");
        if (text.failed)
                return -ENOMEM;
        r = file_write_atomic(path, text.data, text.len, 0600, FILE_WRITE_NOSYNC);
        return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "cannot write %s", path) : 0;
}

/* The unit says it is up: follow what it has written, and have QEMU's own word. */
static void wait_for_qemu(Guest *g, uint32_t flags) {
        (void) index_refresh(g->driver, g->object.name);
        while (!g->object.gone && g->run && g->state == GUEST_STARTING &&
               !(flags & CREATE_PAUSED && qmp_client_is_ready(g->run->qmp)))
                if (fiber_queue_wait(&g->object.waiters, SETTLE_TIMEOUT) < 0)
                        break;
        if (flags & CREATE_PAUSED && g->run && g->state == GUEST_STARTING)
                guest_enter(g, GUEST_PAUSED, PAUSED_USER);
}

static int wait_for_cleanup(Guest *g, Error *e) {
        int r = guest_wait_for_cleanup(g);

        if (r < 0)
                return error_set(e, r, ERROR_OPERATION_TIMEOUT, ORIGIN_QEMU,
                                 "domain '%s' has ended, but its unit is still being stopped", g->object.name);
        return g->object.gone ? object_error_gone(&g->object, e) : 0;
}

static int check_start(Guest *g, uint32_t flags, Error *e) {
        int r;

        r = wait_for_cleanup(g, e);
        if (r < 0)
                return r;
        if (guest_is_active(g))
                return error_set(e, -EALREADY, ERROR_OPERATION_INVALID, ORIGIN_DOMAIN, "domain is already running");
        if (!has_managed_save(g))
                return 0;
        if (flags & CREATE_FORCE_BOOT)
                return remove_managed_save(g, e);
        return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                         "domain '%s' has a managed save image, and restoring one is not supported: start it with "
                         "--force-boot, which discards the image", g->object.name);
}

/* The job is about to be queued: a supervisor that comes after us must know whose end is the guest's. */
static void began(Object *o) {
        keep_save(guest_of(o));
}

static bool network_is_there(const char *name) {
        static const NetworkFile files[] = { NETWORK_FILE_LIVE, NETWORK_FILE_PERSISTENT, NETWORK_FILE_TRANSIENT };

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *path = network_file(files[i], name);

                if (path && access(path, F_OK) == 0)
                        return true;
        }
        return false;
}

static int fail_network(const char *name, Error *e) {
        return error_set(e, -ENOENT, ERROR_NO_NETWORK, ORIGIN_NETWORK, "no network with matching name '%s'", name);
}

/* A network that nobody has defined: its unit would fail, and systemd would only say that something failed. */
static int check_networks(const Definition *d, Error *e) {
        XML_FOREACH(interface, definition_devices(d), "interface") {
                const char *name = xml_get(interface, "source/@network");

                if (xml_attr_is(interface, "type", "network") && name && !network_is_there(name))
                        return fail_network(name, e);
        }
        XML_FOREACH(graphics, definition_devices(d), "graphics") {
                const char *name = xml_get(graphics, "listen/@network");

                if (name && !network_is_there(name))
                        return fail_network(name, e);
        }
        return 0;
}

static bool pool_is_there(const char *name) {
        _cleanup_free_ char *persistent = text_format("%s/storage/%s.xml", path_etc(), name),
                            *transient = text_format("%s/storage/transient/%s.xml", path_run(), name);

        return !persistent || !transient || access(persistent, F_OK) == 0 || access(transient, F_OK) == 0;
}

/* The same of a pool. */
static int check_pools(const Definition *d, Error *e) {
        XML_FOREACH(disk, definition_devices(d), "disk") {
                const char *name = xml_get(disk, "source/@pool");

                if (xml_attr_is(disk, "type", "volume") && name && !strchr(name, '/') && !pool_is_there(name))
                        return error_set(e, -ENOENT, ERROR_NO_STORAGE_POOL, ORIGIN_STORAGE,
                                         "no storage pool with matching name '%s'", name);
        }
        return 0;
}

int guest_start(Guest *g, uint32_t flags, uint64_t mark, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_fd_offer_ FdOffer *offer = NULL;
        bool transient;
        int r;

        r = check_start(g, flags, e);
        if (r >= 0)
                r = object_load(&g->object, OBJECT_NEXT, &d, e);
        if (r >= 0)
                r = check_networks(d, e);
        if (r >= 0)
                r = check_pools(d, e);
        if (r >= 0)
                r = fd_groups_offer(g, definition_devices(d), &offer, e);
        if (r < 0)
                return r;
        transient = g->object.transient;
        r = object_write_dropin(&g->object, d, transient, e);
        if (r >= 0)
                r = write_request(g, flags, e);
        if (r < 0)
                return r;
        guest_set_autodestroy(g, mark);
        r = object_unit_start(&g->object, transient, began, e);
        if (r < 0) {
                guest_set_autodestroy(g, 0);
                keep_save(g);
                (void) index_refresh(g->driver, g->object.name);
                index_refresh_end(g);
                return r;
        }
        wait_for_qemu(g, flags);
        return 0;
}
