/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* QEMU without a guest, asked which processors it knows. */

#include <fcntl.h>
#include <jansson.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/strings.h"
#include "cpuinfo.h"
#include "program.h"
#include "qemu/cpus.h"

#define PATIENCE_MS 20000
#define ANSWER_MAX (1U << 20)

typedef struct Probe {
        pid_t pid;
        int to, from;
        char *buffer;
        size_t n;
        struct timespec until;
} Probe;

static int remaining_ms(const Probe *p) {
        struct timespec now;
        int64_t ms;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        ms = (int64_t) (p->until.tv_sec - now.tv_sec) * 1000 + (p->until.tv_nsec - now.tv_nsec) / 1000000;
        return ms < 0 ? 0 : (int) ms;
}

static int start(Probe *p, const char *emulator, const char *accel) {
        _cleanup_free_ char *machine = text_format("none,accel=%s", accel);
        const char *argv[] = { emulator, "-S", "-no-user-config", "-nodefaults", "-display", "none", "-machine",
                               machine,  "-qmp", "stdio", NULL };
        posix_spawn_file_actions_t actions;
        int in[2], out[2], r;

        if (!machine)
                return -ENOMEM;
        if (pipe2(in, O_CLOEXEC) < 0)
                return -errno;
        if (pipe2(out, O_CLOEXEC) < 0) {
                r = -errno;
                close(in[0]);
                close(in[1]);
                return r;
        }
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
        (void) posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
        r = -posix_spawn(&p->pid, emulator, &actions, NULL, (char **) argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        close(in[0]);
        close(out[1]);
        if (r < 0) {
                close(in[1]);
                close(out[0]);
                return r;
        }
        p->to = in[1];
        p->from = out[0];
        return 0;
}

static void stop(Probe *p) {
        if (p->pid <= 0)
                return;
        close(p->to);
        close(p->from);
        (void) kill(p->pid, SIGKILL);
        while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        free(p->buffer);
}

/* One line of what it says. */
static int read_line(Probe *p, json_t **ret) {
        for (;;) {
                char *end = p->n > 0 ? memchr(p->buffer, '\n', p->n) : NULL;
                struct pollfd wait = { .fd = p->from, .events = POLLIN };
                ssize_t k;

                if (end) {
                        *ret = json_loadb(p->buffer, (size_t) (end - p->buffer), 0, NULL);
                        p->n -= (size_t) (end - p->buffer) + 1;
                        memmove(p->buffer, end + 1, p->n);
                        return *ret ? 0 : -EBADMSG;
                }
                if (p->n == ANSWER_MAX)
                        return -EMSGSIZE;
                if (poll(&wait, 1, remaining_ms(p)) <= 0)
                        return -ETIMEDOUT;
                k = read(p->from, p->buffer + p->n, ANSWER_MAX - p->n);
                if (k <= 0)
                        return k < 0 ? -errno : -EPIPE;
                p->n += (size_t) k;
        }
}

/* Takes request. The answer, the caller's; -EOPNOTSUPP for an error of QEMU's. */
static int ask(Probe *p, json_t *request, json_t **ret) {
        _cleanup_free_ char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
        int r;

        json_decref(request);
        if (!text)
                return -ENOMEM;
        if (write(p->to, text, strlen(text)) != (ssize_t) strlen(text) || write(p->to, "\n", 1) != 1)
                return -EPIPE;
        for (;;) {
                json_t *line = NULL, *answer;

                r = read_line(p, &line);
                if (r < 0)
                        return r;
                answer = json_object_get(line, "return");
                if (answer && ret)
                        *ret = json_incref(answer);
                r = answer ? 1 : json_object_get(line, "error") ? -EOPNOTSUPP : 0;
                json_decref(line);
                if (r != 0)
                        return r < 0 ? r : 0;
        }
}

/* The features of a model, by the names that QEMU gives them itself; what KVM alone shows is in no processor, and that
 * there is a hypervisor QEMU says of all. */
static json_t *expand(Probe *p, const char *name, bool real, char **ret_vendor) {
        json_t *answer = NULL, *list = json_array(), *value;
        const char *key;

        if (ask(p, json_pack("{s:s,s:{s:s,s:{s:s}}}", "execute", "query-cpu-model-expansion", "arguments", "type",
                             "static", "model", "name", name), &answer) < 0) {
                json_decref(list);
                return NULL;
        }
        json_object_foreach(json_object_get(json_object_get(answer, "model"), "props"), key, value)
                if (json_is_true(value) && !startswith(key, "kvm") && !streq(key, "lmce") &&
                    (!real || !streq(key, "hypervisor")))
                        (void) json_array_append_new(list, json_string(key));
                else if (ret_vendor && streq(key, "vendor") && json_is_string(value))
                        *ret_vendor = strdup(json_string_value(value));
        json_decref(answer);
        return list;
}

static void copy_unavailable(json_t *to, const json_t *definition) {
        json_t *list = json_object_get(definition, "unavailable-features"), *missing = json_array(), *item;
        size_t i;

        json_array_foreach(list, i, item)
                (void) json_array_append(missing, item);
        (void) json_object_set_new(to, "unavailable", missing);
}

static int add_model(Probe *p, json_t *models, const json_t *definition) {
        static const char *const not_models[] = { "host", "max", "base" };
        const char *name = json_string_value(json_object_get(definition, "name"));
        const json_t *alias = json_object_get(definition, "alias-of");
        json_t *features, *o;

        for (size_t i = 0; i < ELEMENTSOF(not_models); i++)
                if (!name || streq(name, not_models[i]))
                        return 0;
        features = expand(p, name, true, NULL);
        if (!features)
                return 0;
        o = json_pack("{s:s,s:o,s:b}", "name", name, "features", features, "deprecated",
                      json_is_true(json_object_get(definition, "deprecated")));
        if (!o)
                return -ENOMEM;
        if (json_is_string(alias))
                (void) json_object_set(o, "alias", (json_t *) alias);
        copy_unavailable(o, definition);
        return json_array_append_new(models, o) < 0 ? -ENOMEM : 0;
}

/* In libvirt's words. */
static void set_vendor(json_t *to, const char *vendor) {
        static const char *const vendors[][2] = {
                { "GenuineIntel", "Intel" }, { "AuthenticAMD", "AMD" }, { "HygonGenuine", "Hygon" },
        };

        for (size_t i = 0; vendor && i < ELEMENTSOF(vendors); i++)
                if (streq(vendor, vendors[i][0]))
                        (void) json_object_set_new(to, "vendor", json_string(vendors[i][1]));
}

/* The speed of the time stamp counter: that of a CPU of a machine that is made for the question alone. */
static void read_counter(json_t *all) {
        _cleanup_close_ int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm = -EBADF, cpu = -EBADF;
        int khz;

        if (kvm < 0 || ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_GET_TSC_KHZ) <= 0)
                return;
        vm = ioctl(kvm, KVM_CREATE_VM, 0);
        cpu = vm < 0 ? -EBADF : ioctl(vm, KVM_CREATE_VCPU, 0);
        khz = cpu < 0 ? 0 : ioctl(cpu, KVM_GET_TSC_KHZ, 0);
        if (khz > 0)
                (void) json_object_set_new(all, "tsc", json_pack("{s:I,s:b}", "hz", (json_int_t) khz * 1000, "scales",
                                                                 ioctl(kvm, KVM_CHECK_EXTENSION,
                                                                       KVM_CAP_TSC_CONTROL) > 0));
}

static void read_host(json_t *all) {
        _cleanup_free_ char *vendor = cpuinfo_read("vendor_id"), *bits = cpuinfo_read("address sizes");

        set_vendor(all, vendor);
        if (bits)
                (void) json_object_set_new(all, "bits", json_integer(strtol(bits, NULL, 10)));
}

static int read_host_model(Probe *p, const char *name, json_t *all) {
        _cleanup_free_ char *vendor = NULL;
        json_t *features = expand(p, name, false, &vendor), *host;

        if (!features)
                return -EOPNOTSUPP;
        host = json_pack("{s:s,s:o}", "name", name, "features", features);
        set_vendor(host, vendor);
        return json_object_set_new(all, "host", host) < 0 ? -ENOMEM : 0;
}

static int ask_all(Probe *p, const char *accel, json_t *all) {
        bool kvm = streq(accel, "kvm");
        json_t *line = NULL, *definitions = NULL, *models = json_array(), *definition;
        size_t i;
        int r;

        r = read_line(p, &line);
        json_decref(line);
        if (r >= 0)
                r = ask(p, json_pack("{s:s}", "execute", "qmp_capabilities"), NULL);
        if (r >= 0)
                r = ask(p, json_pack("{s:s}", "execute", "query-cpu-definitions"), &definitions);
        json_array_foreach(definitions, i, definition)
                r = r < 0 ? r : add_model(p, models, definition);
        json_decref(definitions);
        if (r >= 0)
                r = read_host_model(p, kvm ? "host" : "max", all);
        (void) json_object_set_new(all, "models", models);
        if (r < 0)
                return r;
        read_host(all);
        if (kvm)
                read_counter(all);
        return 0;
}

int cpu_models_probe(const char *emulator, const char *accel) {
        _cleanup_free_ char *kind = text_format("cpus-%s", accel), *text = NULL;
        Probe p = { .buffer = malloc(ANSWER_MAX) };
        json_t *all = json_object();
        int r;

        if (!kind || !p.buffer || !all) {
                free(p.buffer);
                json_decref(all);
                return -ENOMEM;
        }
        (void) clock_gettime(CLOCK_MONOTONIC, &p.until);
        p.until.tv_sec += PATIENCE_MS / 1000;
        r = start(&p, emulator, accel);
        if (r >= 0)
                r = ask_all(&p, accel, all);
        else
                free(p.buffer);
        stop(&p);
        text = r >= 0 ? json_dumps(all, JSON_COMPACT) : NULL;
        json_decref(all);
        if (r >= 0)
                r = text ? program_remember(kind, emulator, text) : -ENOMEM;
        return r;
}
