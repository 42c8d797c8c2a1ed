/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/guest-plug.h"
#include "base/log.h"
#include "base/strings.h"
#include "hotplug/steps.h"
#include "run/monitor.h"

/* Sets of descriptors that came with the start have small numbers. */
#define FIRST_SET 1000

static const char *text_of(json_t *o, const char *key) {
        return json_string_value(json_object_get(o, key));
}

/* Nobody waits for what becomes of it. */
static void try(Guest *g, const char *command, json_t *arguments) {
        _cleanup_error_ Error e = ERROR_INIT;

        if (guest_command(g, command, arguments, NULL, &e) < 0)
                log_debug("domain '%s': %s", g->object.name, error_text(&e, 0));
}

static void try_request(Guest *g, json_t *request) {
        if (text_of(request, "execute"))
                try(g, text_of(request, "execute"), json_incref(json_object_get(request, "arguments")));
}

static int do_request(Guest *g, json_t *request, Error *e) {
        return guest_command_fds(g, json_incref(request), NULL, 0, NULL, false, e);
}

/* It is the same as long as the guest runs. */
int steps_version(Guest *g, char ret[32], Error *e) {
        _cleanup_(json_decrefp) json_t *version = NULL;
        json_t *numbers;
        int r;

        if (g->run && *g->run->qemu_version) {
                memcpy(ret, g->run->qemu_version, sizeof(g->run->qemu_version));
                return 0;
        }
        r = guest_command(g, "query-version", NULL, &version, e);
        if (r < 0)
                return r;
        numbers = json_object_get(version, "qemu");
        snprintf(ret, 32, "%u.%u.%u", (unsigned) json_integer_value(json_object_get(numbers, "major")),
                 (unsigned) json_integer_value(json_object_get(numbers, "minor")),
                 (unsigned) json_integer_value(json_object_get(numbers, "micro")));
        if (g->run)
                memcpy(g->run->qemu_version, ret, sizeof(g->run->qemu_version));
        return 0;
}

int steps_query(Guest *g, char ret_version[32], unsigned *ret_set, Error *e) {
        _cleanup_(json_decrefp) json_t *sets = NULL;
        json_t *set;
        size_t i;
        int r;

        r = steps_version(g, ret_version, e);
        if (r >= 0)
                r = guest_command(g, "query-fdsets", NULL, &sets, e);
        if (r < 0)
                return r;
        *ret_set = FIRST_SET;
        json_array_foreach(sets, i, set) {
                json_int_t n = json_integer_value(json_object_get(set, "fdset-id"));

                if (n >= *ret_set && n < INT_MAX - 1000)
                        *ret_set = (unsigned) n + 1;
        }
        return 0;
}

/* --- descriptors --- */

static int send_fd(Guest *g, const PlugAnswer *a, json_t *entry, json_t *request, Error *e) {
        json_int_t at = json_integer_value(json_object_get(entry, "fd"));

        if (!request || at < 0 || at >= (json_int_t) a->n_fds) {
                json_decref(request);
                return request ? error_set(e, -EBADMSG, ERROR_INTERNAL, ORIGIN_QEMU, "vm-plug lost a file") : -ENOMEM;
        }
        return guest_command_fds(g, request, &a->fds[at], 1, NULL, false, e);
}

static int hand_over(Guest *g, const char *alias, const PlugAnswer *a, Error *e) {
        _cleanup_free_ char *opaque = text_format(FDSET_OF_DEVICE "%s", alias);
        json_t *entry;
        size_t i;
        int r = opaque ? 0 : -ENOMEM;

        json_array_foreach(json_object_get(a->json, "sets"), i, entry)
                if (r >= 0)
                        r = send_fd(g, a, entry,
                                    json_pack("{s:s,s:{s:O,s:s}}", "execute", "add-fd", "arguments", "fdset-id",
                                              json_object_get(entry, "set"), "opaque", opaque),
                                    e);
        json_array_foreach(json_object_get(a->json, "names"), i, entry)
                if (r >= 0)
                        r = send_fd(g, a, entry,
                                    json_pack("{s:s,s:{s:O}}", "execute", "getfd", "arguments", "fdname",
                                              json_object_get(entry, "name")),
                                    e);
        return r;
}

static bool is_for(json_t *set, const char *alias) {
        json_t *fd;
        size_t i;

        json_array_foreach(json_object_get(set, "fds"), i, fd) {
                const char *name = startswith(text_of(fd, "opaque") ?: "", FDSET_OF_DEVICE);

                if (name && streq(name, alias))
                        return true;
        }
        return false;
}

static bool is_of(const PlugAnswer *a, json_t *set) {
        json_t *entry;
        size_t i;

        json_array_foreach(json_object_get(a->json, "sets"), i, entry)
                if (json_equal(json_object_get(entry, "set"), json_object_get(set, "fdset-id")))
                        return true;
        return false;
}

/* Sets that were made for a device, but for those of an answer (which may be NULL). */
static void remove_sets(Guest *g, const char *alias, const PlugAnswer *but) {
        _cleanup_(json_decrefp) json_t *sets = NULL;
        json_t *set;
        size_t i;

        if (guest_command(g, "query-fdsets", NULL, &sets, NULL) < 0)
                return;
        json_array_foreach(sets, i, set)
                if (is_for(set, alias) && !(but && is_of(but, set)))
                        try(g, "remove-fd", json_pack("{s:O}", "fdset-id", json_object_get(set, "fdset-id")));
}

/* What getfd gave and nobody took: named in a row, as vm-plug does. */
static void close_named(Guest *g, const char *alias) {
        for (unsigned i = 0; i < MESSAGE_FDS_MAX; i++) {
                _cleanup_free_ char *name = text_format("%s-%u", alias, i);

                if (!name || guest_command(g, "closefd", json_pack("{s:s}", "fdname", name), NULL, NULL) < 0)
                        return;
        }
}

static void take_back(Guest *g, const PlugAnswer *a) {
        json_t *entry;
        size_t i;

        json_array_foreach(json_object_get(a->json, "names"), i, entry)
                try(g, "closefd", json_pack("{s:O}", "fdname", json_object_get(entry, "name")));
        json_array_foreach(json_object_get(a->json, "sets"), i, entry)
                try(g, "remove-fd", json_pack("{s:O}", "fdset-id", json_object_get(entry, "set")));
}

/* --- steps --- */

/* What goes with a medium beside its nodes: secrets and certificates. Other objects of a disk are its drive's. */
static bool is_of_medium(const char *type) {
        return streq_ptr(type, "secret") || streq_ptr(type, "tls-creds-x509");
}

static bool is_node(json_t *request) {
        const char *command = text_of(request, "execute");

        return streq_ptr(command, "blockdev-add") ||
               (streq_ptr(command, "object-add") &&
                is_of_medium(text_of(json_object_get(request, "arguments"), "qom-type")));
}

/* The first n. */
static void undo(Guest *g, json_t *steps, size_t n, bool nodes_only) {
        while (n-- > 0) {
                json_t *step = json_array_get(steps, n);

                if (!nodes_only || is_node(json_object_get(step, "do")))
                        try_request(g, json_object_get(step, "undo"));
        }
}

void steps_take_back_nodes(Guest *g, const PlugAnswer *a) {
        json_t *steps = json_object_get(a->json, "steps"), *entry;
        size_t i;

        undo(g, steps, json_array_size(steps), true);
        json_array_foreach(json_object_get(a->json, "sets"), i, entry)
                try(g, "remove-fd", json_pack("{s:O}", "fdset-id", json_object_get(entry, "set")));
}

static int carry_out(Guest *g, json_t *steps, bool nodes_only, Error *e) {
        size_t n = json_array_size(steps), done = 0;
        int r = 0;

        for (; r >= 0 && done < n; done++) {
                json_t *request = json_object_get(json_array_get(steps, done), "do");

                r = nodes_only && !is_node(request) ? 0 : do_request(g, request, e);
        }
        if (r < 0) /* the last one did not happen */
                undo(g, steps, done - 1, nodes_only);
        return r;
}

int steps_run(Guest *g, const char *alias, const PlugAnswer *a, bool nodes_only, Error *e) {
        json_t *request;
        size_t i;
        int r;

        r = hand_over(g, alias, a, e);
        if (r >= 0)
                r = carry_out(g, json_object_get(a->json, "steps"), nodes_only, e);
        if (r < 0) {
                take_back(g, a);
                return r;
        }
        json_array_foreach(json_object_get(a->json, "after"), i, request)
                if (r >= 0 && !nodes_only)
                        r = do_request(g, request, e);
        if (r < 0) /* its end is told as that of any other device */
                try(g, "device_del", json_pack("{s:s}", "id", alias));
        return r < 0 ? 1 : 0;
}

/* --- the way back --- */

int steps_parts(Guest *g, const Definition *live, const xmlNode *device, QemuParts *ret) {
        const char *arch = xml_get(definition_root(live), "os/type/@arch") ?: "x86_64";
        QemuHostResources none;
        const QemuCaps *caps;
        char version[32];
        int r;

        qemu_host_resources_init(&none);
        none.stand_ins = none.running = true;
        r = steps_version(g, version, NULL);
        if (r < 0)
                return r;
        caps = qemu_caps_for(version, arch);
        return caps ? qemu_device_build(live, device, caps, &none, ret, NULL) : -EOPNOTSUPP;
}

/* Sets of the start belong to nobody by name; the node that is about to go says which is its. */
static json_t *sets_of_nodes(Guest *g, const QemuParts *parts) {
        _cleanup_(json_decrefp) json_t *nodes = NULL;
        json_t *sets = json_array(), *node;
        size_t at;

        if (guest_command(g, "query-named-block-nodes", json_pack("{s:b}", "flat", 1), &nodes, NULL) < 0)
                return sets;
        json_array_foreach(nodes, at, node)
                for (size_t i = 0; i < parts->n; i++) {
                        const char *name = parts->list[i].kind == QEMU_PART_BLOCKDEV
                                                   ? text_of(parts->list[i].props, "node-name")
                                                   : NULL;
                        const char *file = text_of(node, "file");
                        const char *number = file ? startswith(file, "/dev/fdset/") : NULL;
                        unsigned set;

                        if (name && streq_ptr(text_of(node, "node-name"), name) && number &&
                            parse_uint(number, &set) >= 0)
                                (void) json_array_append_new(sets, json_integer(set));
                }
        return sets;
}

static bool is_part_of_medium(const QemuPart *part) {
        return part->kind == QEMU_PART_BLOCKDEV ||
               (part->kind == QEMU_PART_OBJECT && is_of_medium(text_of(part->props, "qom-type")));
}

static bool is_beside_device(const QemuPart *part) {
        return part->kind != QEMU_PART_DEVICE;
}

/* those: NULL is all of them. */
static void take_away(Guest *g, const Definition *live, const xmlNode *device, bool (*those)(const QemuPart *part)) {
        _cleanup_qemu_parts_ QemuParts parts = {};
        json_t *sets, *set;
        size_t at;

        if (steps_parts(g, live, device, &parts) < 0)
                log_warning("domain '%s': it is not known what QEMU has for %s", g->object.name, device_alias(device));
        sets = sets_of_nodes(g, &parts);
        for (size_t i = parts.n; i-- > 0;) {
                json_t *add, *remove;

                if ((those && !those(&parts.list[i])) ||
                    qemu_part_commands(&parts.list[i], &add, &remove, NULL) < 0)
                        continue;
                try_request(g, remove);
                json_decref(add);
                json_decref(remove);
        }
        json_array_foreach(sets, at, set)
                try(g, "remove-fd", json_pack("{s:O}", "fdset-id", set));
        json_decref(sets);
}

void steps_take_away(Guest *g, const Definition *live, const xmlNode *device, bool with_device) {
        take_away(g, live, device, with_device ? NULL : is_beside_device);
        remove_sets(g, device_alias(device), NULL);
        if (with_device)
                close_named(g, device_alias(device));
}

void steps_take_away_nodes(Guest *g, const Definition *live, const xmlNode *drive, const PlugAnswer *next) {
        take_away(g, live, drive, is_part_of_medium);
        remove_sets(g, device_alias(drive), next);
}

int steps_peripherals(Guest *g, json_t **ret, Error *e) {
        return guest_command(g, "qom-list", json_pack("{s:s}", "path", "/machine/peripheral"), ret, e);
}

bool steps_is_there(json_t *peripherals, const char *alias) {
        json_t *entry;
        size_t i;

        json_array_foreach(peripherals, i, entry)
                if (streq_ptr(text_of(entry, "name"), alias))
                        return true;
        return false;
}
