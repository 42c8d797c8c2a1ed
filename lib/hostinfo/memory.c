/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>

#include "base/strings.h"
#include "files.h"
#include "hostinfo/memory.h"

#define NODES "/sys/devices/system/node"

/* "MemTotal:   1024 kB", and of a node "Node 0 MemTotal:  1024 kB". */
static void read_row(const char *line, HostMemory *m) {
        const struct {
                const char *name;
                uint64_t *to;
        } rows[] = {
                { "MemTotal", &m->total },  { "MemFree", &m->free },  { "MemAvailable", &m->available },
                { "Buffers", &m->buffers }, { "Cached", &m->cached },
        };
        unsigned long long value;
        char name[32];

        if (sscanf(line, "Node %*i %31[^:]: %llu", name, &value) != 2 &&
            sscanf(line, "%31[^:]: %llu", name, &value) != 2)
                return;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (streq(name, rows[i].name))
                        *rows[i].to = value;
}

static bool has_numa(void) {
        _cleanup_fclose_ FILE *f = host_open(NODES "/node0/meminfo");

        return f;
}

int host_memory_read(int cell, HostMemory *ret) {
        bool whole = cell == HOST_ALL_CELLS || (cell == 0 && !has_numa());
        _cleanup_fclose_ FILE *f = NULL;
        char line[256];

        if (cell < HOST_ALL_CELLS)
                return -ENOENT;
        f = whole ? host_open("/proc/meminfo") : host_open(NODES "/node%i/meminfo", cell);
        if (!f)
                return -ENOENT;
        *ret = (HostMemory){};
        while (fgets(line, sizeof(line), f))
                read_row(line, ret);
        return 0;
}

int host_last_cell(void) {
        char line[256];
        const char *p;
        int last;

        /* "0", "0-3", "0,2-3" */
        if (host_read_line(line, sizeof(line), NODES "/online") < 0)
                return 0;
        p = strrchr(line, ',') ?: strrchr(line, '-');
        if (strrchr(line, '-') > p)
                p = strrchr(line, '-');
        return parse_int(p ? p + 1 : line, &last) < 0 ? 0 : last;
}

static unsigned base_page_kib(void) {
        return (unsigned) (sysconf(_SC_PAGESIZE) / 1024);
}

static int huge_page(int cell, unsigned kib, const char *what, uint64_t *ret) {
        if (host_read_number(ret, NODES "/node%i/hugepages/hugepages-%ukB/%s", cell, kib, what) >= 0)
                return 0;
        return cell == 0 ? host_read_number(ret, "/sys/kernel/mm/hugepages/hugepages-%ukB/%s", kib, what) : -ENOENT;
}

int host_free_pages(int cell, unsigned page_kib, uint64_t *ret) {
        HostMemory m;
        int r;

        r = host_memory_read(cell, &m);
        if (r < 0)
                return r;
        if (page_kib == base_page_kib()) {
                *ret = m.free / page_kib;
                return 0;
        }
        return huge_page(cell, page_kib, "free_hugepages", ret) < 0 ? -ENXIO : 0;
}

int host_total_pages(int cell, unsigned page_kib, uint64_t *ret) {
        return huge_page(cell, page_kib, "nr_hugepages", ret) < 0 ? -ENXIO : 0;
}

int host_cell_distance(int cell, unsigned index, unsigned *ret) {
        char line[4096], *rest = NULL, *word;

        if (host_read_line(line, sizeof(line), NODES "/node%i/distance", cell) < 0)
                return -ENOENT;
        word = strtok_r(line, " ", &rest);
        for (; word && index > 0; index--)
                word = strtok_r(NULL, " ", &rest);
        return word && parse_uint(word, ret) >= 0 ? 0 : -ENOENT;
}

static int by_size(const void *a, const void *b) {
        unsigned x = *(const unsigned *) a, y = *(const unsigned *) b;

        return (x > y) - (x < y);
}

size_t host_page_sizes(unsigned *ret, size_t size) {
        DIR *dir = opendir("/sys/kernel/mm/hugepages");
        struct dirent *entry;
        size_t n = 0;

        ret[n++] = base_page_kib();
        while (dir && n < size && (entry = readdir(dir)))
                n += sscanf(entry->d_name, "hugepages-%ukB", &ret[n]) == 1;
        if (dir)
                closedir(dir);
        qsort(ret, n, sizeof(*ret), by_size);
        return n;
}

int host_ksm_read(const char *name, uint64_t *ret) {
        return host_read_number(ret, "/sys/kernel/mm/ksm/%s", name);
}
