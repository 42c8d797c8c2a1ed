/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Disks of an iSCSI target that this host's kernel does not see: libiscsi asks the target, QEMU connects by itself. */

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

#include "backend.h"
#include "base/strings.h"
#include "devices.h"

#define CALL_TIMEOUT 20         /* seconds, for each */
#define LIST_BYTES 65536        /* 8 for each of as many units as a target has */
#define ATTENTIONS_MAX 8        /* that may wait for a new session */

static void disconnect(struct iscsi_context **c) {
        if (!*c)
                return;
        if (iscsi_is_logged_in(*c))
                (void) iscsi_logout_sync(*c);
        iscsi_destroy_context(*c);
}

static void free_task(struct scsi_task **t) {
        if (*t)
                scsi_free_scsi_task(*t);
}

static char *portal_of(const PoolSpec *s) {
        const char *host = s->host ?: "", *port = s->port ?: "3260";

        return strchr(host, ':') ? text_format("[%s]:%s", host, port) : text_format("%s:%s", host, port);
}

static const char *target_of(const PoolSpec *s) {
        return s->devices && s->devices[0] ? s->devices[0] : "";
}

static int failed(struct iscsi_context *c, const char *what, const char *portal, Error *e) {
        return error_set(e, -EIO, ERROR_INTERNAL, ORIGIN_STORAGE, "%s at '%s' failed: %s", what, portal,
                         iscsi_get_error(c));
}

static int log_in(const PoolSpec *s, const char *portal, struct iscsi_context **ret, Error *e) {
        _cleanup_(disconnect) struct iscsi_context *c = iscsi_create_context(s->initiator ?: "");

        if (!c)
                return -ENOMEM;
        iscsi_set_timeout(c, CALL_TIMEOUT);
        if (iscsi_set_session_type(c, ISCSI_SESSION_NORMAL) != 0 || iscsi_set_targetname(c, target_of(s)) != 0 ||
            (s->auth_user && iscsi_set_initiator_username_pwd(c, s->auth_user, s->password ?: "") != 0))
                return failed(c, "the session", portal, e);
        if (iscsi_connect_sync(c, portal) != 0)
                return failed(c, "the connection to the portal", portal, e);
        if (iscsi_login_sync(c) != 0)
                return failed(c, "the login", portal, e);
        *ret = TAKE_PTR(c);
        return 0;
}

/* 1 for a disk, 0 for what else a target has under a number. */
static int is_disk(struct iscsi_context *c, int lun) {
        _cleanup_(free_task) struct scsi_task *task = iscsi_inquiry_sync(c, lun, 0, 0, 255);
        const struct scsi_inquiry_standard *answer =
                task && task->status == SCSI_STATUS_GOOD ? scsi_datain_unmarshall(task) : NULL;

        return answer && answer->device_type == SCSI_INQUIRY_PERIPHERAL_DEVICE_TYPE_DIRECT_ACCESS;
}

/* The first command to a unit of a new session is answered by what happened before it (unit attention: power on, SPC-4
 * section 5.14), which has to be taken before anything else. */
static void take_attention(struct iscsi_context *c, int lun) {
        for (unsigned i = 0; i < ATTENTIONS_MAX; i++) {
                _cleanup_(free_task) struct scsi_task *task = iscsi_testunitready_sync(c, lun);

                if (!task || task->status == SCSI_STATUS_GOOD)
                        return;
        }
}

static int capacity_of(struct iscsi_context *c, int lun, uint64_t *ret) {
        _cleanup_(free_task) struct scsi_task *task = iscsi_readcapacity16_sync(c, lun);
        const struct scsi_readcapacity16 *answer =
                task && task->status == SCSI_STATUS_GOOD ? scsi_datain_unmarshall(task) : NULL;

        if (!answer || answer->returned_lba == UINT64_MAX ||
            __builtin_mul_overflow(answer->returned_lba + 1, (uint64_t) answer->block_length, ret))
                return -EIO;
        return 0;
}

static int add_unit(const PoolSpec *s, const char *portal, int lun, uint64_t capacity, VolumeTable *t) {
        _cleanup_free_ char *name = text_format("unit:0:0:%d", lun);
        _cleanup_free_ char *path = text_format("ip-%s-iscsi-%s-lun-%d", portal, target_of(s), lun);
        Volume v = { .name = name, .path = path, .type = VOLUME_NETWORK, .format = (char *) "raw" };

        if (!name || !path)
                return -ENOMEM;
        v.capacity = v.allocation = v.physical = capacity;
        t->sizes.capacity += capacity;
        t->sizes.allocation += capacity;
        return volume_table_append(t, volume_to_line(&v));
}

static int add_units(const PoolSpec *s, struct iscsi_context *c, const char *portal, VolumeTable *t, char ***notes,
                     Error *e) {
        _cleanup_(free_task) struct scsi_task *task = iscsi_reportluns_sync(c, 0, LIST_BYTES);
        const struct scsi_reportluns_list *list =
                task && task->status == SCSI_STATUS_GOOD ? scsi_datain_unmarshall(task) : NULL;
        int r = 0;

        if (!list)
                return failed(c, "the list of units", portal, e);
        for (uint32_t i = 0; i < list->num && r >= 0; i++) {
                int lun = list->luns[i];
                uint64_t capacity;

                if (!is_disk(c, lun))
                        continue;
                take_attention(c, lun);
                if (capacity_of(c, lun, &capacity) < 0)
                        r = strv_addf(notes, "!unit:0:0:%d\t%s", lun, iscsi_get_error(c));
                else
                        r = add_unit(s, portal, lun, capacity, t);
        }
        volume_table_sort(t);
        return r;
}

static int scan(const PoolSpec *s, const VolumeTable *known, VolumeTable *t, char ***notes, Error *e) {
        _cleanup_(disconnect) struct iscsi_context *c = NULL;
        _cleanup_free_ char *portal = portal_of(s);
        int r;

        if (!portal)
                return -ENOMEM;
        r = log_in(s, portal, &c, e);
        return r < 0 ? r : add_units(s, c, portal, t, notes, e);
}

const PoolBackend backend_iscsi_direct = {
        .type = POOL_ISCSI_DIRECT,
        .scan_mode = SANDBOX_NETWORK,
        .scan = scan,
};
