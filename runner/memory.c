/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Folders for memory that is in files, mounts of huge pages and whether there are enough of them, files of memory
 * modules. */

#include <inttypes.h>
#include <mntent.h>

#include "base/fs.h"
#include "base/strings.h"
#include "host/owner.h"
#include "host/undo.h"
#include "prepare.h"
#include "qemu/sev.h"

#define DEFAULT_PAGE (UINT64_C(2) << 20)
#define BASE_PAGE UINT64_C(4096)

static int give_folder(Prepare *p, const xmlNode *element, const char *path) {
        int r;

        r = prepare_undo(p, UNDO_FOLDER, path);
        if (r >= 0)
                r = folder_make(path, p->uid, p->gid);
        if (r >= 0)
                r = prepare_show(p, path);
        return r < 0 ? prepare_refuse(p, r, element, "cannot make the folder '%s': %s", path, strerror(-r)) : 0;
}

/* What QEMU opens by its name and may not: it is the guest's for the run. */
static int give_file(Prepare *p, const xmlNode *element, const char *path) {
        _cleanup_free_ char *owner = NULL;
        int r;

        r = owner_of(path, &owner);
        if (r >= 0)
                r = prepare_undo(p, UNDO_OWNER, owner);
        if (r >= 0)
                r = owner_give(owner, p->uid, p->gid);
        return r < 0 ? prepare_refuse(p, r, element, "cannot give '%s' to the guest: %s", path, strerror(-r)) : 0;
}

/* --- huge pages --- */

/* "pagesize=2M" of a mount's options, in bytes; without it the size is the kernel's usual one. */
static uint64_t page_of_mount(const struct mntent *m) {
        const char *option = hasmntopt(m, "pagesize"), *value = option ? strchr(option, '=') : NULL;
        char *unit;
        uint64_t n;

        if (!value)
                return DEFAULT_PAGE;
        n = strtoull(value + 1, &unit, 10);
        return *unit == 'G' ? n << 30 : *unit == 'M' ? n << 20 : *unit == 'K' || *unit == 'k' ? n << 10 : n;
}

static bool is_mounted(const char *path, uint64_t page) {
        FILE *f = setmntent("/proc/self/mounts", "re");
        struct mntent *m;
        bool found = false;

        while (f && !found && (m = getmntent(f)))
                found = streq(m->mnt_type, "hugetlbfs") && streq(m->mnt_dir, path) && page_of_mount(m) == page;
        if (f)
                (void) endmntent(f);
        return found;
}

static int read_count(const char *folder, uint64_t page, const char *file, uint64_t *ret) {
        _cleanup_free_ char *path = text_format("%s/hugepages-%" PRIu64 "kB/%s", folder, page >> 10, file),
                            *text = NULL;
        int r;

        r = path ? file_read(path, 64, &text, NULL) : -ENOMEM;
        if (r >= 0)
                *ret = strtoull(text, NULL, 10);
        return r;
}

/* Pages that are free or may still be made; for one node of the host, those that are free there. */
static int check_free(Prepare *p, const xmlNode *element, uint64_t page, uint64_t bytes, const char *node) {
        _cleanup_free_ char *folder = node ? text_format("/sys/devices/system/node/node%s/hugepages", node) :
                                             strdup("/sys/kernel/mm/hugepages");
        uint64_t wanted = (bytes + page - 1) / page, free_pages = 0, more = 0;
        int r;

        r = folder ? read_count(folder, page, "free_hugepages", &free_pages) : -ENOMEM;
        if (r < 0)
                return prepare_refuse(p, r, element, "the host%s%s has no huge pages of %" PRIu64 " KiB",
                                      node ? "'s node " : "", node ?: "", page >> 10);
        if (!node)
                (void) read_count(folder, page, "nr_overcommit_hugepages", &more);
        if (free_pages + more >= wanted)
                return 0;
        return prepare_refuse(p, -ENOMEM, element,
                              "huge pages of %" PRIu64 " KiB are short%s%s: %" PRIu64 " wanted, %" PRIu64 " free",
                              page >> 10, node ? " on node " : "", node ?: "", wanted, free_pages);
}

static int add_mount(Prepare *p, const xmlNode *element, uint64_t page) {
        const char *path = page == DEFAULT_PAGE ? "/dev/hugepages" : "/dev/hugepages1G";
        _cleanup_free_ char *folder = NULL;

        for (size_t i = 0; i < p->res.n_hugepages; i++)
                if (p->hugepages[i].size == page)
                        return 0;
        if (!is_mounted(path, page))
                path = "/dev/hugepages";
        if (!is_mounted(path, page))
                return prepare_refuse(p, -ENOENT, element,
                                      "Unable to find any usable hugetlbfs mount for %" PRIu64 " KiB", page >> 10);
        if (p->res.n_hugepages == HUGEPAGES_MAX)
                return -E2BIG;
        p->hugepages[p->res.n_hugepages++] = (QemuHugepages) { page, path };
        folder = text_format("%s/libvirt/qemu/%s", path, p->name);
        return folder ? give_folder(p, element, folder) : -ENOMEM;
}

/* The page that a node of the guest gets, as lib/qemu has it: its own line, or the one for all. */
static const xmlNode *page_for(const xmlNode *hugepages, unsigned node) {
        const xmlNode *found = NULL;

        XML_FOREACH(page, hugepages, "page") {
                uint64_t nodes[16] = {};
                const char *set = xml_attr(page, "nodeset");

                if ((!set && !found) ||
                    (set && cpuset_parse(set, nodes, ELEMENTSOF(nodes) * 64) >= 0 && nodes[node / 64] >> node % 64 & 1))
                        found = page;
        }
        return found;
}

static int prepare_pages(Prepare *p, const xmlNode *hugepages, unsigned node, uint64_t bytes, const char *host_node) {
        const xmlNode *page = page_for(hugepages, node);
        bool memfd = streq_ptr(xml_get(definition_root(p->live), "memoryBacking/source/@type"), "memfd");
        uint64_t size = DEFAULT_PAGE;
        int r;

        if (xml_child(hugepages, "page") && !page)
                return 0;
        if (page && size_parse(xml_attr(page, "size") ?: "", xml_attr(page, "unit"), 1024, &size) < 0)
                return -EINVAL;
        if (size <= BASE_PAGE)
                return 0;
        r = check_free(p, page ?: hugepages, size, bytes, host_node);
        return r < 0 || memfd ? r : add_mount(p, page ?: hugepages, size);
}

/* The one node of the host that a node of the guest is on, where it may be on no other. */
static const char *strict_node(const xmlNode *domain, const char *cell) {
        const xmlNode *tune = xml_child(domain, "numatune");
        const char *set = NULL;

        XML_FOREACH(node, tune, "memnode")
                if (streq_ptr(xml_attr(node, "cellid"), cell) && xml_attr_is(node, "mode", "strict"))
                        set = xml_attr(node, "nodeset");
        if (!set && xml_attr_is(xml_child(tune, "memory"), "mode", "strict"))
                set = xml_get(tune, "memory/@nodeset");
        return set && *set && !set[strspn(set, "0123456789")] ? set : NULL;
}

static int prepare_hugepages(Prepare *p, const xmlNode *domain, const xmlNode *hugepages) {
        const xmlNode *numa = xml_find(domain, "cpu/numa");
        unsigned node = 0;
        uint64_t kib = 0;

        if (!numa) {
                (void) xml_get_u64(domain, "memory", &kib);
                return prepare_pages(p, hugepages, 0, kib << 10, strict_node(domain, "0"));
        }
        XML_FOREACH(cell, numa, "cell") {
                int r;

                (void) xml_attr_u64(cell, "memory", &kib);
                r = prepare_pages(p, hugepages, node++, kib << 10, strict_node(domain, xml_attr(cell, "id")));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- files --- */

static bool is_in_files(const xmlNode *domain) {
        const char *source = xml_get(domain, "memoryBacking/source/@type");

        if (source)
                return streq(source, "file");
        XML_FOREACH(cell, xml_find(domain, "cpu/numa"), "cell")
                if (xml_attr(cell, "memAccess"))
                        return true;
        return xml_find(domain, "memoryBacking/access");
}

static int prepare_modules(Prepare *p) {
        XML_FOREACH(module, definition_devices(p->live), "memory") {
                const xmlNode *path = xml_find(module, "source/path");
                int r = path ? give_file(p, path, xml_text(path)) : 0;

                if (r < 0)
                        return r;
        }
        return 0;
}

/* Where the bit is that says that memory is encrypted is the processor's affair; the live definition says it. */
static int complete_security(Prepare *p, xmlNode *security) {
        SevFacts facts;

        if (xml_child(security, "cbitpos") && xml_child(security, "reducedPhysBits"))
                return 0;
        if (!sev_facts(&facts))
                return prepare_refuse(p, -EOPNOTSUPP, security,
                                      "the host's processor does not say how it encrypts memory");
        return sev_complete(security, &facts);
}

/* The node is for the group of all guests, as /dev/kvm is, and stays so. The owner's certificate and session reach QEMU
 * as files of the guest's own folder. */
static int prepare_launch_security(Prepare *p, xmlNode *security) {
        static const char *const files[][2] = { { "dhCert", "dh_cert.base64" }, { "session", "session.base64" } };
        int done;

        /* TDX is KVM's own: QEMU needs nothing more for it, and says where there is none */
        if (!security || xml_attr_is(security, "type", "tdx"))
                return 0;
        if (access("/dev/sev", F_OK) < 0)
                return prepare_refuse(p, -ENODEV, security, "the host has no /dev/sev: its memory cannot be encrypted");
        if (chown("/dev/sev", 0, p->gid) < 0)
                return prepare_refuse(p, -errno, security, "cannot give /dev/sev to the guest: %s", strerror(errno));
        done = complete_security(p, security);
        if (done < 0)
                return done;
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                const char *text = xml_get(security, files[i][0]);
                _cleanup_free_ char *path = text_format("%s/%s", p->run_dir, files[i][1]);
                int r = path ? 0 : -ENOMEM;

                if (r >= 0 && text)
                        r = file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC);
                if (r >= 0 && text)
                        r = lchown(path, p->uid, p->gid) < 0 ? -errno : 0;
                if (r < 0)
                        return prepare_refuse(p, r, security, "cannot write %s: %s", path ?: files[i][1], strerror(-r));
        }
        return 0;
}

int prepare_memory(Prepare *p) {
        const xmlNode *domain = definition_root(p->live), *hugepages = xml_find(domain, "memoryBacking/hugepages");
        _cleanup_free_ char *folder = NULL;
        int r;

        p->res.hugepages = p->hugepages;
        r = hugepages ? prepare_hugepages(p, domain, hugepages) : 0;
        if (r >= 0 && !hugepages && is_in_files(domain)) {
                folder = text_format("%s/qemu/ram/%s", path_lib(), p->name);
                r = folder ? give_folder(p, xml_find(domain, "memoryBacking") ?: domain, folder) : -ENOMEM;
        }
        if (r >= 0)
                r = prepare_launch_security(p, xml_child(domain, "launchSecurity"));
        return r < 0 ? r : prepare_modules(p);
}
