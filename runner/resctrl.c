/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <cachetune> and <memorytune>: a group of the kernel's for each set of vCPUs, made before the guest is there, and one
 * below it for each <monitor> that is about some of them; vm-run puts their threads in. */

#include "base/strings.h"
#include "host/resctrl.h"
#include "host/undo.h"
#include "parcel.h"
#include "prepare.h"
#include "thread-groups.h"

#define MAX_VCPUS 4096U
#define PARTS_MAX 256U

typedef struct Set {
        uint64_t cpus[MAX_VCPUS / 64];
} Set;

static Set set_of(const xmlNode *tune) {
        Set s = {};

        (void) cpuset_parse(xml_attr(tune, "vcpus") ?: "", s.cpus, MAX_VCPUS);
        return s;
}

static xmlNode *find_alike(const xmlNode *list, const char *element, const Set *set) {
        XML_FOREACH(tune, list, element) {
                Set own = set_of(tune);

                if (memcmp(&own, set, sizeof own) == 0)
                        return tune;
        }
        return NULL;
}

/* The parts of both, which are about the same vCPUs; either may be NULL. */
static void collect(const xmlNode *cachetune, const xmlNode *memorytune, ResctrlCache caches[static PARTS_MAX],
                    ResctrlNode nodes[static PARTS_MAX], ResctrlWish *ret) {
        *ret = (ResctrlWish) { .caches = caches, .nodes = nodes };
        XML_FOREACH(c, cachetune, "cache") {
                ResctrlCache *cache = &caches[ret->n_caches];

                if (ret->n_caches == PARTS_MAX || xml_attr_uint(c, "level", &cache->level) < 0 ||
                    xml_attr_uint(c, "id", &cache->cache) < 0 ||
                    size_parse(xml_attr(c, "size"), xml_attr(c, "unit"), 1024, &cache->size) < 0)
                        continue;
                cache->type = xml_attr(c, "type") ?: "both";
                ret->n_caches++;
        }
        XML_FOREACH(m, memorytune, "node") {
                ResctrlNode *node = &nodes[ret->n_nodes];

                if (ret->n_nodes < PARTS_MAX && xml_attr_uint(m, "id", &node->node) >= 0 &&
                    xml_attr_uint(m, "bandwidth", &node->bandwidth) >= 0)
                        ret->n_nodes++;
        }
}

static int add_threads(Prepare *p, const Set *set, unsigned number) {
        int r = 0;

        for (unsigned i = 0; r >= 0 && i < MAX_VCPUS; i++)
                if (set->cpus[i / 64] >> i % 64 & 1)
                        r = strv_addf(&p->launch.threads, "vcpu %u group " RESCTRL_FD_PREFIX "%u", i, number);
        return r;
}

/* A group's file goes to vm-run, which is told whose threads it is for. */
static int hand_over(Prepare *p, const Set *set, int tasks, unsigned *number) {
        _cleanup_free_ char *key = text_format(RESCTRL_FD_PREFIX "%u", *number);
        int r;

        if (!key)
                return -ENOMEM;
        r = parcel_put(p->parcel_fd, key, tasks);
        if (r < 0)
                return error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot hand a group of threads to vm-run");
        return add_threads(p, set, (*number)++);
}

static const char *run_id(const Prepare *p) {
        return xml_attr(definition_root(p->live), "id") ?: "0";
}

static int make_group(Prepare *p, xmlNode *tune, const Set *set, const char *vcpus, const ResctrlWish *wish,
                      unsigned *number) {
        _cleanup_free_ char *name = resctrl_group_name(run_id(p), p->name, vcpus),
                            *path = name ? resctrl_path(name) : NULL;
        _cleanup_close_ int tasks = -EBADF;
        int r;

        if (!path)
                return -ENOMEM;
        r = prepare_undo(p, UNDO_RESCTRL, path);
        if (r >= 0)
                r = resctrl_make(path, wish, &tasks, &p->error);
        return r < 0 ? prepare_blame(p, r, tune) : hand_over(p, set, tasks, number);
}

/* --- monitors --- */

static int check_monitor(Prepare *p, const xmlNode *monitor) {
        bool of_cache = xml_is(monitor->parent, "cachetune");
        int r = resctrl_check_monitor(of_cache ? "llc_occupancy" : "mbm_total_bytes", &p->error);

        if (r >= 0 && !of_cache)
                r = resctrl_check_monitor("mbm_local_bytes", &p->error);
        return prepare_blame(p, r, monitor);
}

/* What is about all that have the part is counted of their group itself. */
static int make_monitor(Prepare *p, const xmlNode *monitor, const char *group, unsigned *number) {
        _cleanup_free_ char *vcpus = NULL, *path = NULL;
        _cleanup_close_ int tasks = -EBADF;
        Set set = set_of(monitor);
        int r;

        r = check_monitor(p, monitor);
        if (r < 0)
                return r;
        vcpus = cpuset_format(set.cpus, MAX_VCPUS);
        path = vcpus ? resctrl_monitor_path(run_id(p), p->name, group, vcpus) : NULL;
        if (!path)
                return -ENOMEM;
        if ((group && streq(group, vcpus)) || undo_is_listed(p->name, UNDO_RESCTRL, path))
                return 0; /* of the other kind, too */
        r = prepare_undo(p, UNDO_RESCTRL, path);
        if (r >= 0)
                r = resctrl_make_monitor(path, &tasks, &p->error);
        return r < 0 ? prepare_blame(p, r, monitor) : hand_over(p, &set, tasks, number);
}

static int make_monitors(Prepare *p, const xmlNode *tune, const char *group, unsigned *number) {
        int r = 0;

        XML_FOREACH(monitor, tune, "monitor")
                if (r >= 0)
                        r = make_monitor(p, monitor, group, number);
        return r;
}

/* --- both --- */

static int tune_group(Prepare *p, xmlNode *tune, xmlNode *other, unsigned *number) {
        bool caches_first = xml_is(tune, "cachetune"), has_part;
        _cleanup_free_ char *vcpus = NULL;
        _cleanup_free_ ResctrlCache *caches = calloc(PARTS_MAX + 1, sizeof(*caches));
        _cleanup_free_ ResctrlNode *nodes = calloc(PARTS_MAX + 1, sizeof(*nodes));
        Set set = set_of(tune);
        ResctrlWish wish;
        int r = 0;

        vcpus = cpuset_format(set.cpus, MAX_VCPUS);
        if (!caches || !nodes || !vcpus)
                return -ENOMEM;
        collect(caches_first ? tune : other, caches_first ? other : tune, caches, nodes, &wish);
        has_part = wish.n_caches + wish.n_nodes > 0;
        if (has_part)
                r = make_group(p, tune, &set, vcpus, &wish, number);
        if (r >= 0)
                r = make_monitors(p, tune, has_part ? vcpus : NULL, number);
        if (r >= 0)
                r = make_monitors(p, other, has_part ? vcpus : NULL, number);
        if (r >= 0)
                r = xml_set_attrf(tune, "id", "vcpus_%s", vcpus);
        if (r >= 0 && other)
                r = xml_set_attrf(other, "id", "vcpus_%s", vcpus);
        return r;
}

int prepare_resctrl(Prepare *p) {
        const xmlNode *list = xml_child(definition_root(p->live), "cputune");
        unsigned number = 0;
        int r = 0;

        XML_FOREACH(tune, list, "cachetune") {
                Set set = set_of(tune);

                if (r >= 0)
                        r = tune_group(p, tune, find_alike(list, "memorytune", &set), &number);
        }
        XML_FOREACH(tune, list, "memorytune") {
                Set set = set_of(tune);

                if (r >= 0 && !find_alike(list, "cachetune", &set))
                        r = tune_group(p, tune, NULL, &number);
        }
        return r;
}
