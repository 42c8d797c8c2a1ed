/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/resctrl.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"

#define TEXT_MAX (64U * 1024U)
#define CPUS_MAX 4096U
#define INDEXES_MAX 16U
#define BITS_MAX 32U /* of a cache: the kernel's masks are of 32 bits */

static int refuse(Error *e, int r, const char *format, ...) _printf_(3, 4);
static int refuse(Error *e, int r, const char *format, ...) {
        _cleanup_free_ char *words = TEXT_OF_ARGUMENTS(format);

        return error_set(e, r, ERROR_CONFIG_UNSUPPORTED, ORIGIN_RESCTRL, "%s", words ?: "out of memory");
}

/* --- what the kernel says --- */

static int read_number(int base, uint64_t *ret, const char *format, ...) _printf_(3, 4);
static int read_number(int base, uint64_t *ret, const char *format, ...) {
        _cleanup_free_ char *path = TEXT_OF_ARGUMENTS(format), *text = NULL;
        int r = path ? file_read(path, 64, &text, NULL) : -ENOMEM;

        if (r < 0)
                return r;
        text[strcspn(text, "\n")] = 0;
        return parse_u64(text, base, ret);
}

/* One kind of things that can be divided: "L3", "L2CODE", "MB". */
typedef struct Resource {
        char name[16];
        uint64_t mask, min_bits;        /* of caches */
        uint64_t granularity, minimum;  /* of the way to memory */
} Resource;

static bool has_resource(const char *name) {
        _cleanup_free_ char *path = text_format("%s/fs/resctrl/info/%s", path_sys(), name);

        return path && access(path, F_OK) == 0;
}

static int find_cache_resource(const ResctrlCache *c, Resource *ret, Error *e) {
        const char *suffix = streq(c->type, "code") ? "CODE" : streq(c->type, "data") ? "DATA" : "";
        char whole[16], code[16];
        int r;

        (void) snprintf(whole, sizeof whole, "L%u", c->level);
        (void) snprintf(code, sizeof code, "L%uCODE", c->level);
        (void) snprintf(ret->name, sizeof ret->name, "L%u%s", c->level, suffix);
        if (!has_resource(whole) && !has_resource(code))
                return refuse(e, -EOPNOTSUPP, "Cache level %u does not support tuning", c->level);
        if (!has_resource(ret->name))
                return refuse(e, -EOPNOTSUPP, "Cache level %u does not support tuning for scope type '%s'", c->level,
                              c->type);
        r = read_number(16, &ret->mask, "%s/fs/resctrl/info/%s/cbm_mask", path_sys(), ret->name);
        if (r >= 0)
                r = read_number(10, &ret->min_bits, "%s/fs/resctrl/info/%s/min_cbm_bits", path_sys(), ret->name);
        return r < 0 || ret->mask == 0 ? error_set_errno(e, r < 0 ? r : -EBADMSG, ORIGIN_RESCTRL,
                                                         "cannot read what the kernel says of %s", ret->name)
                                       : 0;
}

/* "32768K" */
static uint64_t parse_size(const char *text) {
        char *end;
        uint64_t v = strtoull(text, &end, 10);

        return v << (*end == 'K' ? 10 : *end == 'M' ? 20 : 0);
}

static bool is_cache(const char *folder, const ResctrlCache *c) {
        uint64_t level, id;

        return read_number(10, &level, "%s/level", folder) >= 0 && level == c->level &&
               read_number(10, &id, "%s/id", folder) >= 0 && id == c->cache;
}

static int size_on(const char *cpu, const ResctrlCache *c, uint64_t *ret) {
        for (unsigned i = 0; i < INDEXES_MAX; i++) {
                _cleanup_free_ char *folder = text_format("%s/cache/index%u", cpu, i), *path = NULL, *text = NULL;

                path = folder && is_cache(folder, c) ? text_format("%s/size", folder) : NULL;
                if (!path || file_read(path, 64, &text, NULL) < 0)
                        continue;
                *ret = parse_size(text);
                return *ret > 0 ? 0 : -EBADMSG;
        }
        return -ENOENT;
}

/* Of the first processor that has it; one that is off has none. */
static int cache_size(const ResctrlCache *c, uint64_t *ret) {
        for (unsigned i = 0; i < CPUS_MAX; i++) {
                _cleanup_free_ char *cpu = text_format("%s/devices/system/cpu/cpu%u", path_sys(), i);

                if (!cpu || access(cpu, F_OK) < 0)
                        break;
                if (size_on(cpu, c, ret) >= 0)
                        return 0;
        }
        return -ENOENT;
}

/* --- schemata --- */

/* Of "    L3:0=7ff;1=7ff", in the text of a group, the value of one cache or node. */
static bool find_value(const char *text, const char *resource, unsigned id, int base, uint64_t *ret) {
        size_t n = strlen(resource);

        for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
                const char *p = line + strspn(line, " ");

                if (strncmp(p, resource, n) != 0 || p[n] != ':')
                        continue;
                for (p += n; *p == ':' || *p == ';';) {
                        char *end;
                        unsigned long own = strtoul(p + 1, &end, 10);

                        if (*end != '=')
                                return false;
                        *ret = strtoull(end + 1, &end, base);
                        if (own == id)
                                return true;
                        p = end;
                }
        }
        return false;
}

static int read_schemata(const char *group, char **ret) {
        _cleanup_free_ char *path = *group ? text_format("%s/fs/resctrl/%s/schemata", path_sys(), group)
                                           : text_format("%s/fs/resctrl/schemata", path_sys());

        return path ? file_read(path, TEXT_MAX, ret, NULL) : -ENOMEM;
}

/* What no group has, the root's included. */
static int find_free(const char *resource, unsigned id, uint64_t whole, uint64_t *ret) {
        _cleanup_free_ char *path = resctrl_path("");
        DIR *dir = path ? opendir(path) : NULL;
        struct dirent *d;
        uint64_t used = 0;

        if (!dir)
                return path ? -errno : -ENOMEM;
        while ((d = readdir(dir))) {
                _cleanup_free_ char *text = NULL;
                bool root = streq(d->d_name, ".");
                uint64_t mask;

                /* those that are no group have no such file */
                if (!streq(d->d_name, "..") && read_schemata(root ? "" : d->d_name, &text) >= 0 &&
                    find_value(text, resource, id, 16, &mask))
                        used |= mask;
        }
        closedir(dir);
        *ret = whole & ~used;
        return 0;
}

/* So many bits in a row: of the rows that are long enough the shortest, of those the first. -1: there is none. */
static int find_row(uint64_t free_bits, unsigned n) {
        unsigned best_length = BITS_MAX + 1;
        int best = -1;

        for (unsigned at = 0; at < BITS_MAX;) {
                unsigned length = 0;

                while (at + length < BITS_MAX && free_bits >> (at + length) & 1)
                        length++;
                if (length >= n && length < best_length) {
                        best = (int) at;
                        best_length = length;
                }
                at += length + 1;
        }
        return best;
}

static int choose_mask(const ResctrlCache *c, const Resource *k, const char *root, uint64_t *ret, Error *e) {
        uint64_t size = 0, free_bits = 0, granularity, n, have;
        int r = cache_size(c, &size), at;

        if (r < 0 || !find_value(root, k->name, c->cache, 16, &have))
                return refuse(e, -EOPNOTSUPP, "Cache with id %u does not exists for level %u", c->cache, c->level);
        granularity = size / (unsigned) __builtin_popcountll(k->mask);
        if (c->size == size)
                return refuse(e, -EOPNOTSUPP,
                              "Cache allocation for the whole cache is not possible, specify size smaller than %llu",
                              (unsigned long long) size);
        if (granularity == 0 || c->size % granularity != 0)
                return refuse(e, -EOPNOTSUPP, "Cache allocation of size %llu is not divisible by granularity %llu",
                              (unsigned long long) c->size, (unsigned long long) granularity);
        n = c->size / granularity;
        if (n < k->min_bits)
                return refuse(e, -EOPNOTSUPP,
                              "Cache allocation of size %llu is smaller than the minimum allowed allocation %llu",
                              (unsigned long long) c->size, (unsigned long long) (granularity * k->min_bits));
        r = find_free(k->name, c->cache, k->mask, &free_bits);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_RESCTRL, "cannot read what other groups have");
        at = n <= BITS_MAX ? find_row(free_bits, (unsigned) n) : -1;
        if (at < 0)
                return refuse(e, -ENOSPC,
                              "Not enough room for allocation of %llu bytes for level %u cache %u scope type '%s'",
                              (unsigned long long) c->size, c->level, c->cache, c->type);
        *ret = ((1ULL << n) - 1) << at;
        return 0;
}

/* --- a group --- */

static int add_caches(const ResctrlWish *w, const char *root, StrBuf *b, Error *e) {
        for (size_t i = 0; i < w->n_caches; i++) {
                Resource k = {};
                uint64_t mask = 0;
                int r = find_cache_resource(&w->caches[i], &k, e);

                if (r >= 0)
                        r = choose_mask(&w->caches[i], &k, root, &mask, e);
                if (r < 0)
                        return r;
                strbuf_addf(b, "%s:%u=%llx\n", k.name, w->caches[i].cache, (unsigned long long) mask);
        }
        return 0;
}

static int add_nodes(const ResctrlWish *w, const char *root, StrBuf *b, Error *e) {
        uint64_t granularity = 0, minimum = 0, have;

        if (w->n_nodes > 0 &&
            (read_number(10, &granularity, "%s/fs/resctrl/info/MB/bandwidth_gran", path_sys()) < 0 ||
             read_number(10, &minimum, "%s/fs/resctrl/info/MB/min_bandwidth", path_sys()) < 0))
                return refuse(e, -EOPNOTSUPP, "RDT Memory Bandwidth allocation unsupported");
        for (size_t i = 0; i < w->n_nodes; i++) {
                unsigned v = w->nodes[i].bandwidth;

                if (!find_value(root, "MB", w->nodes[i].node, 10, &have))
                        return refuse(e, -EOPNOTSUPP, "there is no memory controller with id %u", w->nodes[i].node);
                if (granularity > 0 && v % granularity != 0)
                        return refuse(e, -EOPNOTSUPP,
                                      "Memory Bandwidth allocation of size %u is not divisible by granularity %llu", v,
                                      (unsigned long long) granularity);
                if (v < minimum)
                        return refuse(e, -EOPNOTSUPP,
                                      "Memory Bandwidth allocation of size %u is smaller than the minimum allowed "
                                      "allocation %llu",
                                      v, (unsigned long long) minimum);
                strbuf_addf(b, "MB:%u=%u\n", w->nodes[i].node, v);
        }
        return 0;
}

/* The kernel gives a new group what nobody has alone; it is to have what all have. */
static int add_others(const char *root, StrBuf *b) {
        _cleanup_free_ char *copy = strdup(root);
        char *rest = copy, *line;

        while (copy && (line = strsep(&rest, "\n"))) {
                line += strspn(line, " ");
                if (*line == 'L')
                        strbuf_addf(b, "%s\n", line);
        }
        return copy ? 0 : -ENOMEM;
}

/* The kernel has made the files; those of a made-up group are made here. */
static int write_lines(const char *group, char *text, Error *e) {
        _cleanup_free_ char *path = text_format("%s/schemata", group), *status = resctrl_path("info/last_cmd_status"),
                            *why = NULL;
        char *rest = text, *line;

        while (path && (line = strsep(&rest, "\n"))) {
                _cleanup_close_ int fd = *line ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)
                                                : -EBADF;
                int r = *line && (fd < 0 || dprintf(fd, "%s\n", line) < 0) ? -errno : 0;

                if (r >= 0)
                        continue;
                if (status && file_read(status, 4096, &why, NULL) >= 0)
                        why[strcspn(why, "\n")] = 0;
                return refuse(e, r, "the kernel does not give '%s': %s", line, why ?: strerror(-r));
        }
        return path ? 0 : -ENOMEM;
}

static int open_tasks(const char *group, int *ret) {
        _cleanup_free_ char *path = text_format("%s/tasks", group);
        int fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;

        if (fd < 0)
                return path ? -errno : -ENOMEM;
        *ret = fd;
        return 0;
}

static int fill(const char *path, char *text, int *ret_tasks, Error *e) {
        int r = write_lines(path, text, e);

        if (r >= 0) {
                r = open_tasks(path, ret_tasks);
                if (r < 0)
                        error_set_errno(e, r, ORIGIN_RESCTRL, "cannot open %s/tasks", path);
        }
        if (r < 0)
                (void) rmdir(path);
        return r;
}

int resctrl_make(const char *path, const ResctrlWish *wish, int *ret_tasks, Error *e) {
        _cleanup_free_ char *folder = resctrl_path(""), *root = NULL, *text = NULL;
        _cleanup_close_ int lock = -EBADF;
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        if (!folder)
                return -ENOMEM;
        lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (lock < 0 || read_schemata("", &root) < 0)
                return refuse(e, -EOPNOTSUPP, "Resource control is not supported on this host");
        /* who else looks for room waits: so does libvirt */
        if (flock(lock, LOCK_EX) < 0)
                return error_set_errno(e, -errno, ORIGIN_RESCTRL, "cannot lock %s", folder);
        r = add_others(root, &b);
        if (r >= 0)
                r = add_caches(wish, root, &b, e);
        if (r >= 0)
                r = add_nodes(wish, root, &b, e);
        if (r < 0)
                return r;
        text = strbuf_take(&b);
        if (!text)
                return -ENOMEM;
        if (mkdir(path, 0755) < 0)
                return errno == ENOSPC ? refuse(e, -ENOSPC, "the host has no more groups of resource control")
                                       : error_set_errno(e, -errno, ORIGIN_RESCTRL, "cannot make %s", path);
        return fill(path, text, ret_tasks, e);
}

int resctrl_remove(const char *path) {
        return rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* --- what is only counted --- */

static bool has_word(const char *text, const char *word) {
        size_t n = strlen(word);

        for (const char *p = text; (p = strstr(p, word)); p += n)
                if ((p == text || p[-1] == '\n') && (!p[n] || p[n] == '\n'))
                        return true;
        return false;
}

int resctrl_check_monitor(const char *what, Error *e) {
        _cleanup_free_ char *schemata = resctrl_path("schemata"), *path = resctrl_path("info/L3_MON/mon_features"),
                            *text = NULL;

        if (!schemata || !path)
                return -ENOMEM;
        if (access(schemata, F_OK) < 0)
                return refuse(e, -EOPNOTSUPP, "Resource control is not supported on this host");
        if (file_read(path, TEXT_MAX, &text, NULL) < 0 || !has_word(text, what))
                return refuse(e, -EOPNOTSUPP, "the host's processors do not count '%s'", what);
        return 0;
}

int resctrl_make_monitor(const char *path, int *ret_tasks, Error *e) {
        int r;

        if (mkdir(path, 0755) < 0)
                return errno == ENOSPC ? refuse(e, -ENOSPC, "the host has no more monitors of resource control")
                                       : error_set_errno(e, -errno, ORIGIN_RESCTRL, "cannot make %s", path);
        r = open_tasks(path, ret_tasks);
        if (r < 0) {
                error_set_errno(e, r, ORIGIN_RESCTRL, "cannot open %s/tasks", path);
                (void) rmdir(path);
        }
        return r;
}
