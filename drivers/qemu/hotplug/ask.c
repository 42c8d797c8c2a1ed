/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/guest-plug.h"
#include "base/keyfile.h"
#include "base/log.h"
#include "base/socket.h"
#include "base/strings.h"
#include "host/undo-list.h"
#include "hotplug/ask.h"
#include "loop/fiber.h"
#include "object/unit.h"
#include "plan/helper.h"
#include "plan/names.h"

#define ANSWER_TIMEOUT (60U * 1000000U)
#define PINNED_MAX (PLUG_REQUEST_MAX / 4)

void plug_answer_done(PlugAnswer *a) {
        for (unsigned i = 0; i < a->n_fds; i++)
                close(a->fds[i]);
        json_decref(a->json);
        *a = (PlugAnswer) {};
}

static int connect_to(int *ret, Error *e) {
        _cleanup_free_ char *path = text_format("%s/" PLUG_SOCKET, path_run());
        int fd = path ? unix_connect(path, SOCK_SEQPACKET | SOCK_NONBLOCK) : -ENOMEM;

        if (fd < 0)
                return error_set_errno(e, fd, ORIGIN_QEMU, "cannot reach vm-plug, is vm-plug.socket active?");
        *ret = fd;
        return 0;
}

static int receive(int fd, PlugAnswer *ret, Error *e) {
        _cleanup_free_ char *text = malloc(PLUG_ANSWER_MAX + 1);
        const char *error;
        ssize_t n;
        int r;

        if (!text)
                return -ENOMEM;
        r = fiber_wait_fd(fd, EPOLLIN, ANSWER_TIMEOUT);
        if (r < 0)
                return error_set(e, r, ERROR_OPERATION_TIMEOUT, ORIGIN_QEMU, "vm-plug does not answer: %s",
                                 strerror(-r));
        n = receive_fds(fd, text, PLUG_ANSWER_MAX, ret->fds, MESSAGE_FDS_MAX, &ret->n_fds, MSG_DONTWAIT);
        if (n <= 0)
                return error_set(e, n < 0 ? (int) n : -EPIPE, ERROR_INTERNAL, ORIGIN_QEMU,
                                 "vm-plug failed: the journal says why (journalctl -u vm-plug)");
        ret->json = json_loadb(text, (size_t) n, 0, NULL);
        if (!json_is_object(ret->json))
                return error_set(e, -EBADMSG, ERROR_INTERNAL, ORIGIN_QEMU, "vm-plug gave no answer");
        error = json_string_value(json_object_get(ret->json, "error"));
        return error ? error_set_from_text(e, -EIO, ERROR_INTERNAL, ORIGIN_QEMU, error) : 0;
}

static int ask(StrBuf *request, PlugAnswer *ret, Error *e) {
        _cleanup_free_ char *text = strbuf_take(request);
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!text)
                return -ENOMEM;
        r = connect_to(&fd, e);
        if (r < 0)
                return r;
        if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot ask vm-plug");
        return receive(fd, ret, e);
}

#define GUARD_TIMEOUT (20U * 1000000U)

int plug_guard_filter(const Guest *g, const xmlNode *device, Error *e) {
        _cleanup_free_ char *instance = NULL, *unit = NULL;
        JobResult result = JOB_DONE;
        int r;

        if (!xml_is(device, "interface") || !xml_child(device, "filterref"))
                return 0;
        r = unit_instance(&unit_guest, g->object.name, &instance);
        unit = r >= 0 ? text_format("vm-filtered@%s.target", instance) : NULL;
        if (!unit)
                return r < 0 ? r : -ENOMEM;
        r = systemd_run_job(g->driver->systemd, "StartUnit", unit, GUARD_TIMEOUT, &result, e);
        if (r >= 0 && result != JOB_DONE)
                return error_set(e, -EIO, ERROR_INTERNAL, ORIGIN_SYSTEMD, "%s did not start: %s", unit,
                                 job_result_to_string(result));
        return r;
}

static bool reserves(const xmlNode *disk) {
        return streq_ptr(xml_get(disk, "source/reservations/@managed"), "yes");
}

/* One helper does it for all disks: the first one brings it, unless the guest had such a disk at its start, and with
 * the last one it goes. */
static bool reserves_alone(const Definition *live, const xmlNode *disk) {
        XML_FOREACH(other, definition_devices(live), "disk")
                if (other != disk && reserves(other))
                        return false;
        return reserves(disk);
}

static bool has_first_helper(const char *guest) {
        _cleanup_free_ char *folder = helper_folder(guest, HELPER_RESERVATIONS), *path = NULL;

        path = folder ? text_format("/run/%s", folder) : NULL;
        return path && access(path, F_OK) == 0;
}

static bool has_helper(const Definition *live, const xmlNode *device) {
        if (xml_is(device, "disk"))
                return disk_is_served(device) ||
                       (reserves_alone(live, device) && !has_first_helper(definition_name(live)));
        if (xml_is(device, "filesystem"))
                return streq_ptr(xml_get(device, "driver/@type"), "virtiofs") && xml_get(device, "source/@dir");
        return xml_is(device, "interface") && xml_attr_is(device, "type", "user") &&
               xml_attr_is(xml_child(device, "backend"), "type", "passt");
}

int plug_start_helper(Guest *g, const Definition *live, const xmlNode *device, Plan **ret, Error *e) {
        _cleanup_plan_ Plan *p = NULL;
        int r;

        *ret = NULL;
        if (!has_helper(live, device))
                return 0;
        r = plan_build_late(live, device, &p, e);
        if (r >= 0)
                r = object_helper_start(&g->object, plan_other(p, 0), e);
        if (r < 0)
                plug_stop_helper(g, p);
        else
                *ret = TAKE_PTR(p);
        return r;
}

void plug_stop_helper(Guest *g, const Plan *helper) {
        if (helper)
                object_helper_stop(&g->object, plan_other(helper, 0));
}

void plug_stop_helper_of(Guest *g, const Definition *live, const xmlNode *device) {
        _cleanup_plan_ Plan *p = NULL;

        if (has_helper(live, device) && plan_build_late(live, device, &p, NULL) >= 0)
                plug_stop_helper(g, p);
}

int plug_ask_attach(const Guest *g, const char *alias, const char *version, unsigned set, PlugAnswer *ret, Error *e) {
        _cleanup_strbuf_ StrBuf b = {};
        char number[16];

        snprintf(number, sizeof(number), "%u", set);
        keyfile_add(&b, "verb", "attach");
        keyfile_add(&b, "guest", g->object.name);
        keyfile_add(&b, "device", alias);
        keyfile_add(&b, "version", version);
        keyfile_add(&b, "set", number);
        return ask(&b, ret, e);
}

int plug_ask_change(const Guest *g, const char *alias, PlugAnswer *ret, Error *e) {
        _cleanup_strbuf_ StrBuf b = {};

        keyfile_add(&b, "verb", "change");
        keyfile_add(&b, "guest", g->object.name);
        keyfile_add(&b, "device", alias);
        return ask(&b, ret, e);
}

int plug_ask_receive(const Guest *g, const char *alias, const char *frames, Error *e) {
        _cleanup_plug_answer_ PlugAnswer answer = {};
        _cleanup_strbuf_ StrBuf b = {};

        keyfile_add(&b, "verb", "receive");
        keyfile_add(&b, "guest", g->object.name);
        keyfile_add(&b, "device", alias);
        keyfile_add(&b, "frames", frames);
        return ask(&b, &answer, e);
}

int plug_ask_lock(const Guest *g, const char *lease, bool lock, Error *e) {
        _cleanup_plug_answer_ PlugAnswer answer = {};
        _cleanup_strbuf_ StrBuf b = {};

        keyfile_add(&b, "verb", lock ? "lock" : "unlock");
        keyfile_add(&b, "guest", g->object.name);
        keyfile_add(&b, "device", lease);
        return ask(&b, &answer, e);
}

/* What threads shall have; what is NULL is not said. */
typedef struct Wish {
        const char *verb, *cpus, *group, *limit, *vcpu;
} Wish;

static int ask_threads(const Guest *g, const char *threads, const Wish *w, Error *e) {
        const struct {
                const char *key, *value;
        } lines[] = {
                { "verb", w->verb }, { "guest", g->object.name }, { "threads", threads },
                { "cpus", w->cpus }, { "group", w->group },       { "limit", w->limit },
                { "vcpu", w->vcpu },
        };
        _cleanup_plug_answer_ PlugAnswer answer = {};
        _cleanup_strbuf_ StrBuf b = {};

        for (size_t i = 0; i < ELEMENTSOF(lines); i++)
                if (lines[i].value)
                        keyfile_add(&b, lines[i].key, lines[i].value);
        return ask(&b, &answer, e);
}

/* In as many requests as it takes: a QEMU may have thousands. */
static int ask_all_threads(const Guest *g, const char *threads, const Wish *w, Error *e) {
        int r = 0;

        while (r >= 0 && *threads) {
                size_t n = strlen(threads);
                _cleanup_free_ char *some = strndup(threads, PINNED_MAX);
                char *end = some && n > PINNED_MAX ? strrchr(some, ' ') : NULL;

                if (!some)
                        return -ENOMEM;
                if (end)
                        *end = 0;
                threads += end ? (size_t) (end - some) + 1 : strlen(some);
                r = ask_threads(g, some, w, e);
        }
        return r;
}

int plug_ask_pin(const Guest *g, const char *threads, const char *cpus, Error *e) {
        return ask_all_threads(g, threads, &(Wish) { .verb = "pin", .cpus = cpus }, e);
}

int plug_ask_join(const Guest *g, const char *thread, unsigned vcpu, Error *e) {
        char number[16];

        (void) snprintf(number, sizeof(number), "%u", vcpu);
        return ask_threads(g, thread, &(Wish) { .verb = "join", .vcpu = number }, e);
}

int plug_ask_limit(const Guest *g, const char *threads, const char *group, const char *limit, Error *e) {
        return ask_all_threads(g, threads, &(Wish) { .verb = "limit", .group = group, .limit = limit }, e);
}

void plug_ask_release(const Guest *g, const char *alias) {
        _cleanup_plug_answer_ PlugAnswer answer = {};
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        if (!undo_is_listed_for(g->object.name, alias))
                return;
        keyfile_add(&b, "verb", "release");
        keyfile_add(&b, "guest", g->object.name);
        keyfile_add(&b, "device", alias);
        r = ask(&b, &answer, &e);
        if (r < 0)
                log_warning("domain '%s': what was made on the host for %s stays until its end: %s", g->object.name,
                            alias, error_text(&e, r));
}
