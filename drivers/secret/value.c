/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Values: sealed and opened by systemd-creds, in a child process. */

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "loop/fiber.h"
#include "loop/process.h"
#include "object/event.h"
#include "secret.h"

#define SEALED_MAX (4U * SECRET_VALUE_MAX) /* base64, and what authenticates it */
#define PATIENCE (60U * 1000000U) /* microseconds: loaded hosts are slow, and so are TPMs, of others' values */

typedef void (*CommandFunc)(const char *uuid, char name[SECRET_NAME_MAX], const char *argv[SECRET_COMMAND_MAX]);

static int run(CommandFunc command, const char *uuid, const void *input, size_t len, ProcessResult *ret, Error *e) {
        const char *argv[SECRET_COMMAND_MAX];
        char name[SECRET_NAME_MAX];
        const ProcessSpec spec = {
                .argv = (char **) argv,
                .input = input,
                .input_len = len,
                .output_max = SEALED_MAX,
                .timeout = PATIENCE,
                .wipe = true,
        };

        command(uuid, name, argv);
        return process_check(&spec, ret, e);
}

static int seal(const char *uuid, bool ephemeral, const void *data, size_t len, Error *e) {
        _cleanup_process_result_ ProcessResult sealed = {};
        int r;

        r = run(secret_seal_command, uuid, data, len, &sealed, e);
        if (r < 0)
                return r;
        r = secret_file_write(uuid, ephemeral, SECRET_SEALED, sealed.output, sealed.output_len);
        return r < 0 ? error_set_errno(e, r, ORIGIN_SECRET, "cannot keep the value of secret %s", uuid) : 0;
}

int value_keep(Secret *s, bool ephemeral, const void *data, size_t len, Error *e) {
        char uuid[37];
        int r;

        uuid_format(s->object.uuid, uuid);
        if (secret_can_seal())
                return seal(uuid, ephemeral, data, len, e);
        log_warning("no key to seal secrets with (systemd-creds setup makes one): %s is kept plain, for root alone",
                    uuid);
        r = secret_plain_write(uuid, ephemeral, data, len);
        return r < 0 ? error_set_errno(e, r, ORIGIN_SECRET, "cannot keep the value of secret %s", uuid) : 0;
}

static int get_sealed(const char *uuid, const char *path, SecretValue *ret, Error *e) {
        _cleanup_process_result_ ProcessResult opened = {};
        _cleanup_free_ char *text = NULL;
        size_t len;
        int r;

        r = file_read(path, SEALED_MAX, &text, &len);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_SECRET, "cannot read %s", path);
        r = run(secret_open_command, uuid, text, len, &opened, e);
        return r < 0 ? r : secret_value_copy(opened.output, opened.output_len, ret);
}

int value_get(const Secret *s, SecretValue *ret, Error *e) {
        _cleanup_free_ char *path = NULL;
        SecretForm form;
        char uuid[37];
        int r;

        uuid_format(s->object.uuid, uuid);
        r = secret_file_find(uuid, &path, &form);
        if (r == -ENOENT)
                return error_set(e, r, ERROR_NO_SECRET, ORIGIN_SECRET, "secret '%s' does not have a value", uuid);
        if (r < 0)
                return r;
        if (form == SECRET_SEALED)
                return get_sealed(uuid, path, ret, e);
        r = secret_plain_read(path, ret);
        return r < 0 ? error_set_errno(e, r, ORIGIN_SECRET, "cannot read base64 in %s", path) : 0;
}

/* --- calls --- */

static void emit_changed(Secret *s) {
        remote_secret_event_value_changed_msg msg = {};

        if (object_event_is_wanted(&s->object, 1) && object_to_wire(&s->object, &msg.secret) >= 0)
                object_emit(&s->object, 1 /* VIR_SECRET_EVENT_ID_VALUE_CHANGED */, &msg);
        free(msg.secret.usageID);
}

static int set_value(Call *c, Secret *s, const remote_secret_set_value_args *args, rpc_void *ret, Error *e) {
        int r;

        if (args->value.value_len == 0)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_SECRET,
                                 "value in virSecretSetValue must not be NULL");
        r = value_keep(s, s->traits.ephemeral, args->value.value_val, args->value.value_len, e);
        if (r >= 0)
                emit_changed(s);
        return r;
}

/* The reply is wiped by who frees it, as everything opaque is. */
static int get_value(Call *c, Secret *s, const remote_secret_get_value_args *args, remote_secret_get_value_ret *ret,
                     Error *e) {
        _cleanup_secret_value_ SecretValue v = {};
        int r;

        if (s->traits.private)
                return error_set(e, -EPERM, ERROR_INVALID_SECRET, ORIGIN_SECRET, "secret is private");
        r = value_get(s, &v, e);
        if (r < 0)
                return r;
        ret->value.value_val = malloc(v.len + 1);
        if (!ret->value.value_val)
                return -ENOMEM;
        memcpy(ret->value.value_val, v.data, v.len);
        ret->value.value_len = (unsigned) v.len;
        return 0;
}

static const RpcHandler rows[] = {
        CALL(SECRET_SET_VALUE, set_value, .needs = NEED_LOCK),
        CALL(SECRET_GET_VALUE, get_value, .needs = NEED_QUERY),
};
const RpcTable secret_value_table = RPC_TABLE(rows);

/* --- what was left plain --- */

static void adopt(Secret *s) {
        _cleanup_secret_value_ SecretValue v = {};
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *path = NULL;
        SecretForm form;
        char uuid[37];
        int r;

        uuid_format(s->object.uuid, uuid);
        if (secret_file_find(uuid, &path, &form) < 0 || form != SECRET_PLAIN)
                return;
        r = value_get(s, &v, &e);
        if (r >= 0)
                r = seal(uuid, s->traits.ephemeral, v.data, v.len, &e);
        if (r < 0)
                log_warning("%s stays plain: %s", path, error_text(&e, r));
        else
                log_notice("%s is sealed now, and removed", path);
}

void values_adopt(void *driver) {
        SecretDriver *d = driver;
        DriverHost *host = d->secrets.host;
        Object **list = NULL;
        size_t n = 0;

        if (secret_can_seal() && object_snapshot(&d->secrets, NULL, &list, &n) < 0)
                log_oom();
        for (size_t i = 0; i < n && !fiber_is_cancelled(fiber_self()); i++) {
                if (object_job_begin(list[i], OBJECT_MODIFY, "adoption", NULL) < 0)
                        continue;
                if (!list[i]->gone)
                        adopt(secret_of(list[i]));
                object_job_end(list[i], OBJECT_MODIFY);
        }
        object_release(list, n);
        host->hold(host, -1);
}
