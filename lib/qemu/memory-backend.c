/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where the guest's memory comes from: anonymous, a memfd, huge pages, a file; one backend for each node and module. */

#include <inttypes.h>

#include "memory-backend.h"

#define MIB (UINT64_C(1) << 20)
/* The smallest page of x86: asking for it is asking for none of the huge ones. */
#define BASE_PAGE UINT64_C(4096)
/* What Linux gives where nobody says which. */
#define DEFAULT_HUGE_PAGE (2 * MIB)
#define MAX_NODES 1024U

/* The size of the pages that memory of a node of the guest is made of; 0: the usual ones. */
static uint64_t page_size(Build *b, int node) {
        const xmlNode *hugepages = xml_find(b->root, "memoryBacking/hugepages"), *found = NULL;
        uint64_t size = 0;

        if (!hugepages)
                return 0;
        if (!xml_child(hugepages, "page"))
                return DEFAULT_HUGE_PAGE;
        XML_FOREACH(page, hugepages, "page") {
                const char *nodes = xml_attr(page, "nodeset");

                if ((!nodes && !found) || cpuset_holds(nodes, node < 0 ? 0 : (unsigned) node, MAX_NODES))
                        found = page;
        }
        if (found && size_parse(xml_attr(found, "size") ?: "", xml_attr(found, "unit"), 1024, &size) < 0)
                build_invalid(b, found, "malformed size of the pages");
        return size == BASE_PAGE ? 0 : size;
}

static const char *hugepage_mount(Build *b, uint64_t page, DriverName *buf) {
        for (size_t i = 0; i < b->res->n_hugepages; i++)
                if (b->res->hugepages[i].size == page)
                        return b->res->hugepages[i].path;
        if (!b->res->recorded && page == DEFAULT_HUGE_PAGE)
                return "/dev/hugepages";
        if (page % (1024 * MIB) == 0)
                snprintf(buf->s, sizeof(buf->s), "/dev/hugepages%" PRIu64 "G", page / (1024 * MIB));
        else
                snprintf(buf->s, sizeof(buf->s), "/dev/hugepages%" PRIu64 "M", page / MIB);
        return buf->s;
}

/* Recordings are of a guest without an id, whose name is cut off. */
static void put_guest_path(Build *b, json_t *o, const char *base, const char *file) {
        const char *name = definition_name(b->d);

        if (b->res->recorded)
                put_strf(b, o, "mem-path", "%s/-1-%.20s%s%s", base, name, file ? "/" : "", file ?: "");
        else
                put_strf(b, o, "mem-path", "%s/%s%s%s", base, name, file ? "/" : "", file ?: "");
}

static void put_huge_path(Build *b, json_t *o, uint64_t page) {
        _cleanup_free_ char *base = NULL;
        DriverName buf;

        base = text_format("%s/libvirt/qemu", hugepage_mount(b, page, &buf));
        if (base)
                put_guest_path(b, o, base, NULL);
        else
                build_fail(b, -ENOMEM);
}

static const xmlNode *find_cell(const Build *b, int node) {
        XML_FOREACH(cell, xml_find(b->root, "cpu/numa"), "cell") {
                unsigned id;

                if (xml_attr_uint(cell, "id", &id) >= 0 && (int) id == node)
                        return cell;
        }
        return NULL;
}

static const char *access_of(const Build *b, const MemoryBackend *m) {
        const char *access = m->device ? xml_attr(m->device, "access") : NULL;

        if (!access)
                access = xml_attr(find_cell(b, m->node), "memAccess");
        return access ?: xml_get(b->root, "memoryBacking/access/@mode");
}

/* Whether a file's content is thrown away at the end; NULL: nobody says. */
static const char *discard_of(const Build *b, const MemoryBackend *m) {
        const char *discard = m->device ? xml_attr(m->device, "discard") : NULL;

        if (!discard)
                discard = xml_attr(find_cell(b, m->node), "discard");
        if (!discard && xml_find(b->root, "memoryBacking/discard"))
                discard = "yes";
        return discard;
}

/* Which nodes of the host a node of the guest is on, and how strictly; NULL: any. */
static const char *tuned_nodes(const Build *b, const MemoryBackend *m, const char **ret_mode) {
        const xmlNode *tune = xml_child(b->root, "numatune"), *memory = xml_child(tune, "memory");
        const char *nodes = NULL;

        *ret_mode = xml_attr(memory, "mode") ?: "strict";
        XML_FOREACH(node, tune, "memnode") {
                unsigned id;

                if (xml_attr_uint(node, "cellid", &id) < 0 || (int) id != m->node)
                        continue;
                *ret_mode = xml_attr(node, "mode") ?: "strict";
                nodes = xml_attr(node, "nodeset");
        }
        if (!nodes && xml_attr_is(memory, "placement", "auto"))
                return b->res->nodes ?: b->res->recorded ? "0-3" : NULL;
        return nodes ?: xml_attr(memory, "nodeset");
}

static json_t *node_list(Build *b, const char *set) {
        json_t *list = json_array();

        for (unsigned i = 0; list && i < MAX_NODES; i++)
                if (cpuset_holds(set, i, MAX_NODES) && json_array_append_new(list, json_integer(i)) < 0)
                        build_fail(b, -ENOMEM);
        if (!list)
                build_fail(b, -ENOMEM);
        return list;
}

/* Threads that touch the memory first run where it is to be. */
static void add_thread_context(Build *b, const char *id, const char *nodes) {
        char name[80];
        json_t *o;

        snprintf(name, sizeof(name), "tc-%.70s", id);
        o = build_object(b, "thread-context", name);
        put_json(b, o, "node-affinity", node_list(b, nodes));
        add_props(b, QEMU_PART_OBJECT, o);
}

/* Where the definition binds QEMU to CPUs of the host, nobody here knows which nodes those are of. */
static bool runs_elsewhere(const Build *b) {
        return xml_find(b->root, "cputune/emulatorpin") || xml_get(b->root, "vcpu/@cpuset");
}

static void put_host_nodes(Build *b, json_t *o, const MemoryBackend *m, bool prealloc) {
        static const char *const policies[][2] = { { "strict", "bind" },
                                                   { "preferred", "preferred" },
                                                   { "interleave", "interleave" } };
        const char *mode, *tuned = tuned_nodes(b, m, &mode),
                          *nodes = m->device ? xml_get(m->device, "source/nodemask") : NULL;

        nodes = nodes ?: tuned;
        if (!nodes)
                return;
        for (size_t i = 0; i < ELEMENTSOF(policies); i++)
                if (streq(policies[i][0], mode)) {
                        put_json(b, o, "host-nodes", node_list(b, nodes));
                        put_str(b, o, "policy", policies[i][1]);
                        if (prealloc && !runs_elsewhere(b)) {
                                put_strf(b, o, "prealloc-context", "tc-%s", m->id);
                                add_thread_context(b, m->id, nodes);
                        }
                }
}

/* Graphics adapters with blob resources hand pages of the memory to the display: that takes a descriptor. */
static bool needs_memfd(const Build *b) {
        const char *type = xml_get(b->root, "memoryBacking/source/@type");

        if (type)
                return streq(type, "memfd");
        XML_FOREACH(v, b->devices, "video")
                if (xml_attr_is(xml_child(v, "model"), "blob", "on"))
                        return true;
        return false;
}

/* Pages that the processor encrypts, of a kind of their own. */
static bool is_enclave(const MemoryBackend *m) {
        return m->device && xml_attr_is(m->device, "model", "sgx-epc");
}

/* A file, a memfd or neither, and whether its pages are there from the start. */
static json_t *backend_new(Build *b, const MemoryBackend *m, uint64_t page, bool *ret_file) {
        bool enclave = is_enclave(m);
        const char *path = m->device ? xml_get(m->device, "source/path") : NULL, *access = access_of(b, m);
        const char *source = xml_get(b->root, "memoryBacking/source/@type");
        bool file = (source && streq(source, "file")) || page > 0 || (access && !source);
        json_t *o;

        *ret_file = !enclave && (path || (file && !needs_memfd(b)));
        if (enclave)
                return build_object(b, "memory-backend-epc", m->id);
        if (*ret_file) {
                o = build_object(b, "memory-backend-file", m->id);
                if (path)
                        put_str(b, o, "mem-path", path);
                else if (page > 0)
                        put_huge_path(b, o, page);
                else
                        put_guest_path(b, o, "/var/lib/libvirt/qemu/ram", m->device ? need_alias(b, m->device) : m->id);
                return o;
        }
        if (!needs_memfd(b))
                return build_object(b, "memory-backend-ram", m->id);
        o = build_object(b, "memory-backend-memfd", m->id);
        if (page > 0) {
                put_bool(b, o, "hugetlb", true);
                put_int(b, o, "hugetlbsize", (long long) page);
        }
        return o;
}

static void put_device_source(Build *b, json_t *o, const xmlNode *device) {
        const xmlNode *align = xml_find(device, "source/alignsize");

        if (align)
                put_int(b, o, "align", (long long) element_size(b, align, 1024));
        if (xml_find(device, "source/pmem"))
                put_bool(b, o, "pmem", true);
}

uint64_t memory_backend_page(Build *b, const MemoryBackend *m) {
        const xmlNode *own = m->device ? xml_find(m->device, "source/pagesize") : NULL;
        uint64_t page = own ? element_size(b, own, 1024) : page_size(b, m->node);

        return page == BASE_PAGE ? 0 : page;
}

void add_memory_backend(Build *b, const MemoryBackend *m) {
        const xmlNode *allocation = xml_find(b->root, "memoryBacking/allocation");
        bool virtio = m->device && startswith(xml_attr(m->device, "model") ?: "", "virtio-");
        bool nvdimm = m->device && xml_attr_is(m->device, "model", "nvdimm");
        uint64_t page = memory_backend_page(b, m);
        const char *access = is_enclave(m) ? NULL : access_of(b, m);
        bool file, prealloc;
        json_t *o = backend_new(b, m, page, &file);

        /* What virtio-mem gives out is allocated by its device, piece by piece. */
        prealloc = !virtio && (xml_attr_is(allocation, "mode", "immediate") || (page > 0 && file && !nvdimm) ||
                               (nvdimm && !xml_find(m->device, "source/pmem")) || is_enclave(m));
        if (access)
                put_bool(b, o, "share", streq(access, "shared"));
        if (!m->device && m->node < 0 && (file || needs_memfd(b)))
                put_bool(b, o, "x-use-canonical-path-for-ramblock-id", false);
        if (file && discard_of(b, m))
                put_bool(b, o, "discard-data", streq(discard_of(b, m), "yes"));
        if (prealloc) {
                put_bool(b, o, "prealloc", true);
                put_attr_uint(b, o, "prealloc-threads", is_enclave(m) ? NULL : allocation, "threads");
        }
        if (m->device && xml_attr_is(m->device, "model", "virtio-mem"))
                put_bool(b, o, "reserve", false);
        put_int(b, o, "size", (long long) m->bytes);
        put_device_source(b, o, m->device);
        put_host_nodes(b, o, m, prealloc && !is_enclave(m));
        add_props(b, QEMU_PART_OBJECT, o);
}
