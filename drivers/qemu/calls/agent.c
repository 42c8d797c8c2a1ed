/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a guest's agent does for clients: file systems, clock, passwords, keys, sleep. */

#include "base/memory.h"
#include "base/strings.h"
#include "calls/calls.h"
#include "guest/keep.h"
#include "run/agent.h"
#include "run/monitor.h"

/* --- virsh qemu-agent-command, guest-agent-timeout --- */

static int check_timeout(int seconds, Error *e) {
        return seconds < AGENT_TIMEOUT_BLOCK
                       ? error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                   "guest agent timeout '%d' is less than the minimum '%d'", seconds,
                                   AGENT_TIMEOUT_BLOCK)
                       : 0;
}

static int agent_command(Call *c, Guest *g, const qemu_domain_agent_command_args *args,
                         qemu_domain_agent_command_ret *ret, Error *e) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        json_error_t error;
        json_t *request;
        int r = check_timeout(args->timeout, e);

        if (r >= 0)
                r = guest_check_agent(g, e);
        if (r < 0)
                return r;
        request = json_loads(args->cmd, 0, &error);
        if (!json_is_object(request) || !json_is_string(json_object_get(request, "execute"))) {
                r = error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "not a command for a guest agent: %s",
                              request ? "an object with \"execute\" is needed" : error.text);
                json_decref(request);
                return r;
        }
        r = guest_agent_request(g, request, args->timeout, &reply, e);
        if (r < 0)
                return r;
        ret->result = malloc(sizeof(*ret->result));
        if (!ret->result)
                return -ENOMEM;
        *ret->result = json_dumps(reply, JSON_COMPACT);
        return *ret->result ? 0 : -ENOMEM;
}

static int set_timeout(Call *c, Guest *g, const remote_domain_agent_set_response_timeout_args *args,
                       remote_domain_agent_set_response_timeout_ret *ret, Error *e) {
        int r = check_timeout(args->timeout, e);

        if (r < 0)
                return r;
        g->agent_timeout = args->timeout;
        if (g->run)
                keep_save(g);
        ret->result = 0;
        return 0;
}

/* --- file systems --- */

static int number_of_filesystems(json_t *value, int *ret, Error *e) {
        json_int_t n = json_is_integer(value) ? json_integer_value(value) : -1;

        if (n < 0 || n > INT32_MAX)
                return error_set(e, -EBADMSG, ERROR_INTERNAL, ORIGIN_QEMU,
                                 "malformed return value of the guest agent: a number of file systems is missing");
        *ret = (int) n;
        return 0;
}

static int fsfreeze(Call *c, Guest *g, const remote_domain_fsfreeze_args *args, remote_domain_fsfreeze_ret *ret,
                    Error *e) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        json_t *arguments = NULL, *list;
        int r;

        if (args->mountpoints.mountpoints_len > 0) {
                arguments = json_pack("{s:[]}", "mountpoints");
                list = json_object_get(arguments, "mountpoints");
                for (unsigned i = 0; list && i < args->mountpoints.mountpoints_len; i++)
                        if (json_array_append_new(list, json_string(args->mountpoints.mountpoints_val[i])) < 0) {
                                json_decref(arguments);
                                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                                 "a mount point is no text of UTF-8");
                        }
                if (!list)
                        return -ENOMEM;
        }
        r = guest_agent(g, arguments ? "guest-fsfreeze-freeze-list" : "guest-fsfreeze-freeze", arguments, AGENT_LONG,
                        &reply, e);
        return r < 0 ? r : number_of_filesystems(reply, &ret->filesystems, e);
}

static int fsthaw(Call *c, Guest *g, const remote_domain_fsthaw_args *args, remote_domain_fsthaw_ret *ret, Error *e) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        int r;

        if (args->mountpoints.mountpoints_len > 0)
                return error_set(e, -EOPNOTSUPP, ERROR_ARGUMENT_UNSUPPORTED, ORIGIN_QEMU,
                                 "specifying mountpoints is not supported");
        r = guest_agent(g, "guest-fsfreeze-thaw", NULL, AGENT_LONG, &reply, e);
        return r < 0 ? r : number_of_filesystems(reply, &ret->filesystems, e);
}

static int fstrim(Call *c, Guest *g, const remote_domain_fstrim_args *args, rpc_void *ret, Error *e) {
        if (args->mountPoint)
                return error_set(e, -EOPNOTSUPP, ERROR_ARGUMENT_UNSUPPORTED, ORIGIN_QEMU,
                                 "Specifying mount point is not supported for now");
        if (args->minimum > INT64_MAX)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "the minimum is too large");
        return guest_agent(g, "guest-fstrim", json_pack("{s:I}", "minimum", (json_int_t) args->minimum), AGENT_LONG,
                           NULL, e);
}

/* --- clock --- */

#define NSEC 1000000000LL
#define TIME_SYNC 1U

static int get_time(Call *c, Guest *g, const remote_domain_get_time_args *args, remote_domain_get_time_ret *ret,
                    Error *e) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        json_int_t t;
        int r = guest_agent(g, "guest-get-time", NULL, AGENT_SOON, &reply, e);

        if (r < 0)
                return r;
        if (!json_is_integer(reply) || json_integer_value(reply) < 0)
                return error_set(e, -EBADMSG, ERROR_INTERNAL, ORIGIN_QEMU,
                                 "malformed return value of the guest agent: a time is missing");
        t = json_integer_value(reply);
        ret->seconds = t / NSEC;
        ret->nseconds = (unsigned) (t % NSEC);
        return 0;
}

static int set_time(Call *c, Guest *g, const remote_domain_set_time_args *args, rpc_void *ret, Error *e) {
        json_t *arguments = NULL;
        int r;

        if (args->seconds < 0 || args->nseconds >= NSEC || args->seconds > INT64_MAX / NSEC - 1)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "Time '%lld' is too big for guest agent",
                                 (long long) args->seconds);
        if (!(args->flags & TIME_SYNC)) {
                arguments = json_pack("{s:I}", "time", (json_int_t) (args->seconds * NSEC + args->nseconds));
                if (!arguments)
                        return -ENOMEM;
        }
        r = guest_agent(g, "guest-set-time", arguments, AGENT_SOON, NULL, e);
        /* Ticks of the clock that the guest has missed are not to be made up for; machines without such a clock
         * have no such command. */
        if (r >= 0)
                (void) guest_command(g, "rtc-reset-reinjection", NULL, NULL, NULL);
        return r;
}

/* --- users --- */

#define PASSWORD_ENCRYPTED 1U

static char *base64_of(const char *text) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const uint8_t *p = (const uint8_t *) text;
        size_t n = strlen(text);
        char *out = calloc(1, (n + 2) / 3 * 4 + 1), *o = out;

        for (size_t i = 0; out && i < n; i += 3) {
                uint32_t v = (uint32_t) p[i] << 16 | (i + 1 < n ? (uint32_t) p[i + 1] << 8 : 0) |
                             (i + 2 < n ? p[i + 2] : 0);

                *o++ = digits[v >> 18];
                *o++ = digits[v >> 12 & 63];
                *o++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
                *o++ = i + 2 < n ? digits[v & 63] : '=';
        }
        return out;
}

static int set_password(Call *c, Guest *g, const remote_domain_set_user_password_args *args, rpc_void *ret,
                        Error *e) {
        char *encoded;
        int r;

        if (!args->user || !args->password)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "user and password are needed");
        encoded = base64_of(*args->password);
        if (!encoded)
                return -ENOMEM;
        r = guest_agent(g, "guest-set-user-password",
                        json_pack("{s:b,s:s,s:s}", "crypted", (int) (args->flags & PASSWORD_ENCRYPTED), "username",
                                  *args->user, "password", encoded),
                        AGENT_SOON, NULL, e);
        explicit_bzero(encoded, strlen(encoded));
        free(encoded);
        return r;
}

#define SSH_KEYS_APPEND 1U
#define SSH_KEYS_REMOVE 2U

static int get_ssh_keys(Call *c, Guest *g, const remote_domain_authorized_ssh_keys_get_args *args,
                        remote_domain_authorized_ssh_keys_get_ret *ret, Error *e) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        json_t *keys, *key;
        size_t i;
        int r = guest_agent(g, "guest-ssh-get-authorized-keys", json_pack("{s:s}", "username", args->user), AGENT_SOON,
                            &reply, e);

        if (r < 0)
                return r;
        keys = json_object_get(reply, "keys");
        if (!json_is_array(keys) || json_array_size(keys) > REMOTE_DOMAIN_AUTHORIZED_SSH_KEYS_MAX)
                return error_set(e, -EBADMSG, ERROR_INTERNAL, ORIGIN_QEMU,
                                 "malformed return value of the guest agent: a list of keys is missing or too long");
        ret->keys.keys_val = calloc(json_array_size(keys) + 1, sizeof(*ret->keys.keys_val));
        if (!ret->keys.keys_val)
                return -ENOMEM;
        json_array_foreach(keys, i, key) {
                r = reply_string(&ret->keys.keys_val[i], json_string_value(key) ?: "");
                if (r < 0)
                        return r;
                ret->keys.keys_len++;
        }
        return 0;
}

static int set_ssh_keys(Call *c, Guest *g, const remote_domain_authorized_ssh_keys_set_args *args, rpc_void *ret,
                        Error *e) {
        bool append = args->flags & SSH_KEYS_APPEND, remove = args->flags & SSH_KEYS_REMOVE;
        json_t *keys, *arguments;

        if (append && remove)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "flags 'append' and 'remove' are mutually exclusive");
        if ((append || remove) && args->keys.keys_len == 0)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "no keys are given");
        keys = json_array();
        for (unsigned i = 0; i < args->keys.keys_len; i++)
                if (json_array_append_new(keys, json_string(args->keys.keys_val[i])) < 0) {
                        json_decref(keys);
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "a key is no text of UTF-8");
                }
        arguments = json_pack("{s:s,s:o}", "username", args->user, "keys", keys);
        if (!remove && arguments && json_object_set_new(arguments, "reset", json_boolean(!append)) < 0) {
                json_decref(arguments);
                arguments = NULL;
        }
        if (!arguments)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "the user's name is no text of UTF-8");
        return guest_agent(g, remove ? "guest-ssh-remove-authorized-keys" : "guest-ssh-add-authorized-keys", arguments,
                           AGENT_SOON, NULL, e);
}

/* --- sleep --- */

/* The order of virNodeSuspendTarget. */
static const struct {
        const char *command, *element, *state;
} sleeps[] = {
        { "guest-suspend-ram", "pm/suspend-to-mem/@enabled", "S3" },
        { "guest-suspend-disk", "pm/suspend-to-disk/@enabled", "S4" },
        { "guest-suspend-hybrid", "pm/suspend-to-mem/@enabled", "S3" },
};

static bool sleeps_or_has_ended(const Guest *g) {
        return g->state != GUEST_RUNNING;
}

static int check_can_wake(Guest *g, Error *e) {
        _cleanup_(json_decrefp) json_t *reply = NULL;

        if (guest_command(g, "query-current-machine", NULL, &reply, NULL) >= 0 &&
            json_is_false(json_object_get(reply, "wakeup-suspend-support")))
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                 "Domain does not have suspend support");
        return 0;
}

static int pm_suspend(Call *c, Guest *g, const remote_domain_pm_suspend_for_duration_args *args, rpc_void *ret,
                      Error *e) {
        const char *enabled;
        int r;

        if (args->duration > 0)
                return error_set(e, -EOPNOTSUPP, ERROR_ARGUMENT_UNSUPPORTED, ORIGIN_QEMU,
                                 "Duration not supported. Use 0 for now");
        if (args->target >= ELEMENTSOF(sleeps))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "Unknown suspend target: %u",
                                 args->target);
        r = check_can_wake(g, e);
        if (r < 0)
                return r;
        enabled = xml_get(definition_root(call_definition(c)), sleeps[args->target].element);
        if (enabled && streq(enabled, "no"))
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                 "%s state is disabled for this domain", sleeps[args->target].state);
        return guest_agent_until(g, sleeps[args->target].command, NULL, AGENT_SOON * 6, sleeps_or_has_ended, e);
}

static const RpcHandler rows[] = {
        OBJECT_CALL(qemu, QEMU, &kind_domain, Guest, DOMAIN_AGENT_COMMAND, agent_command, .needs = NEED_ACTIVE),
        CALL(DOMAIN_AGENT_SET_RESPONSE_TIMEOUT, set_timeout),
        CALL(DOMAIN_FSFREEZE, fsfreeze, .needs = NEED_ACTIVE),
        CALL(DOMAIN_FSTHAW, fsthaw, .needs = NEED_ACTIVE),
        CALL(DOMAIN_FSTRIM, fstrim, .needs = NEED_ACTIVE),
        CALL(DOMAIN_GET_TIME, get_time, .needs = NEED_ACTIVE),
        CALL(DOMAIN_SET_TIME, set_time, .flags = TIME_SYNC, .needs = NEED_ACTIVE),
        CALL(DOMAIN_SET_USER_PASSWORD, set_password, .flags = PASSWORD_ENCRYPTED, .needs = NEED_ACTIVE),
        CALL(DOMAIN_AUTHORIZED_SSH_KEYS_GET, get_ssh_keys, .needs = NEED_ACTIVE),
        CALL(DOMAIN_AUTHORIZED_SSH_KEYS_SET, set_ssh_keys, .flags = SSH_KEYS_APPEND | SSH_KEYS_REMOVE,
             .needs = NEED_ACTIVE),
        CALL(DOMAIN_PM_SUSPEND_FOR_DURATION, pm_suspend, .needs = NEED_LIVE),
};
const RpcTable qemu_agent_table = RPC_TABLE(rows);
