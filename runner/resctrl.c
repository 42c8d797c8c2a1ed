/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <cachetune> and <memorytune>: a group of the kernel's for each set of vCPUs, made before the guest is there; vm-run
 * puts their threads in. */

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

static int make_group(Prepare *p, xmlNode *tune, const char *name, const ResctrlWish *wish, unsigned number) {
        _cleanup_free_ char *path = resctrl_path(name), *key = text_format(RESCTRL_FD_PREFIX "%u", number);
        _cleanup_close_ int tasks = -EBADF;
        int r;

        if (!path || !key)
                return -ENOMEM;
        r = prepare_undo(p, UNDO_RESCTRL, path);
        if (r >= 0)
                r = resctrl_make(path, wish, &tasks, &p->error);
        if (r < 0)
                return prepare_blame(p, r, tune);
        r = parcel_put(p->parcel_fd, key, tasks);
        return r < 0 ? error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot hand a group of threads to vm-run") : 0;
}

static int tune_group(Prepare *p, xmlNode *tune, xmlNode *other, unsigned number) {
        bool caches_first = xml_is(tune, "cachetune");
        _cleanup_free_ char *vcpus = NULL, *name = NULL;
        _cleanup_free_ ResctrlCache *caches = calloc(PARTS_MAX + 1, sizeof(*caches));
        _cleanup_free_ ResctrlNode *nodes = calloc(PARTS_MAX + 1, sizeof(*nodes));
        Set set = set_of(tune);
        ResctrlWish wish;
        int r;

        vcpus = cpuset_format(set.cpus, MAX_VCPUS);
        name = vcpus ? text_format("qemu-%s-%s-vcpus_%s", xml_attr(definition_root(p->live), "id") ?: "0", p->name,
                                   vcpus)
                     : NULL;
        if (!caches || !nodes || !name)
                return -ENOMEM;
        collect(caches_first ? tune : other, caches_first ? other : tune, caches, nodes, &wish);
        r = make_group(p, tune, name, &wish, number);
        if (r >= 0)
                r = xml_set_attrf(tune, "id", "vcpus_%s", vcpus);
        if (r >= 0 && other)
                r = xml_set_attrf(other, "id", "vcpus_%s", vcpus);
        return r < 0 ? r : add_threads(p, &set, number);
}

int prepare_resctrl(Prepare *p) {
        const xmlNode *list = xml_child(definition_root(p->live), "cputune");
        unsigned number = 0;
        int r = 0;

        XML_FOREACH(tune, list, "cachetune") {
                Set set = set_of(tune);

                if (r >= 0)
                        r = tune_group(p, tune, find_alike(list, "memorytune", &set), number++);
        }
        XML_FOREACH(tune, list, "memorytune") {
                Set set = set_of(tune);

                if (r >= 0 && !find_alike(list, "cachetune", &set))
                        r = tune_group(p, tune, NULL, number++);
        }
        return r;
}
