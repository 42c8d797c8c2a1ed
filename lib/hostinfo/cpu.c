/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/strings.h"
#include "files.h"
#include "hostinfo/cpu.h"

#define SYS_CPU "/sys/devices/system/cpu"
#define CPUS_MAX 16384

static int read_line(const char *path, char *line, size_t size) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");

        if (!f || !fgets(line, (int) size, f))
                return -ENOENT;
        line[strcspn(line, "\n")] = 0;
        return 0;
}

static int read_number(int otherwise, const char *format, int cpu) {
        char path[128], line[32];
        int v;

        snprintf(path, sizeof(path), SYS_CPU "/cpu%i/%s", cpu, format);
        return read_line(path, line, sizeof(line)) >= 0 && parse_int(line, &v) >= 0 ? v : otherwise;
}

/* "0-3,8": sets the bits, returns the number of CPUs up to the highest. */
static int parse_list(const char *s, uint8_t *map, size_t size, unsigned *ret_count) {
        int highest = -1;
        unsigned count = 0;

        while (*s) {
                char *end;
                long a = strtol(s, &end, 10), b = a;

                if (end == s)
                        return -EBADMSG;
                if (*end == '-')
                        b = strtol(end + 1, &end, 10);
                for (long i = a; i >= 0 && i <= b && i < CPUS_MAX; i++) {
                        if ((size_t) i / 8 < size)
                                map[i / 8] = (uint8_t) (map[i / 8] | 1 << (i % 8));
                        highest = MAX(highest, (int) i);
                        count++;
                }
                s = *end == ',' ? end + 1 : end;
                if (*end && *end != ',')
                        return -EBADMSG;
        }
        *ret_count = count;
        return highest + 1;
}

int host_cpu_map(uint8_t *map, size_t size, unsigned *ret_online) {
        uint8_t ignored[CPUS_MAX / 8] = {};
        char line[4096];
        unsigned n;
        int r;

        r = read_line(SYS_CPU "/online", line, sizeof(line));
        if (r >= 0)
                r = parse_list(line, map, size, ret_online);
        if (r < 0)
                return r;
        r = read_line(SYS_CPU "/present", line, sizeof(line));
        return r < 0 ? r : parse_list(line, ignored, sizeof(ignored), &n);
}

int host_node_cpus(int node, uint8_t *map, size_t size, unsigned *ret_count) {
        char line[4096];
        int r;

        if (host_read_line(line, sizeof(line), "/sys/devices/system/node/node%i/cpulist", node) < 0)
                return node == 0 ? host_cpu_map(map, size, ret_count) : -ENOENT;
        *ret_count = 0;
        r = *line ? parse_list(line, map, size, ret_count) : 0;
        return r;
}

static int read_cache_line(char *line, size_t size, int cpu, unsigned index, const char *name) {
        return host_read_line(line, size, SYS_CPU "/cpu%i/cache/index%u/%s", cpu, index, name);
}

int host_cpu_cache(int cpu, unsigned index, HostCache *ret) {
        static const char *const types[][2] = {
                { "Unified", "both" }, { "Instruction", "code" }, { "Data", "data" },
        };
        char line[64];

        *ret = (HostCache){};
        if (read_cache_line(line, sizeof(line), cpu, index, "type") < 0)
                return -ENOENT;
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (streq(line, types[i][0]))
                        ret->type = types[i][1];
        if (!ret->type || read_cache_line(line, sizeof(line), cpu, index, "level") < 0 ||
            parse_uint(line, &ret->level) < 0)
                return -ENOENT;
        if (read_cache_line(line, sizeof(line), cpu, index, "id") < 0 || parse_uint(line, &ret->id) < 0)
                return -ENOENT;
        if (read_cache_line(line, sizeof(line), cpu, index, "size") < 0)
                return -ENOENT;
        ret->kib = strtoull(line, NULL, 10); /* "32768K" */
        return read_cache_line(ret->cpus, sizeof(ret->cpus), cpu, index, "shared_cpu_list");
}

void host_cpu_place(int cpu, int *ret_socket, int *ret_die, int *ret_core, char *siblings, size_t size) {
        char path[128];

        *ret_socket = MAX(read_number(0, "topology/physical_package_id", cpu), 0);
        *ret_die = MAX(read_number(0, "topology/die_id", cpu), 0);
        *ret_core = read_number(cpu, "topology/core_id", cpu);
        snprintf(path, sizeof(path), SYS_CPU "/cpu%i/topology/thread_siblings_list", cpu);
        if (read_line(path, siblings, size) < 0)
                snprintf(siblings, size, "%i", cpu);
}

static void count_places(HostCpu *h, const uint8_t *map, int present) {
        unsigned threads_max = 1;
        uint8_t packages[128] = {}, ignored[64];
        int sockets = 0;

        for (int i = 0; i < present; i++) {
                char siblings[256];
                unsigned n = 1;
                int socket, die, core;

                if (!(map[i / 8] & 1 << (i % 8)))
                        continue;
                host_cpu_place(i, &socket, &die, &core, siblings, sizeof(siblings));
                if (socket < 1024 && !(packages[socket / 8] & 1 << (socket % 8))) {
                        packages[socket / 8] = (uint8_t) (packages[socket / 8] | 1 << (socket % 8));
                        sockets++;
                }
                if (parse_list(siblings, ignored, 0, &n) >= 0)
                        threads_max = MAX(threads_max, n);
        }
        h->threads = (int) threads_max;
        h->sockets = MAX(sockets / h->nodes, 1);
        h->cores = MAX(h->online / (h->nodes * h->sockets * h->threads), 1);
        /* Odd machines: the product has to be the number of CPUs, and libvirt then calls them cores. */
        if (h->nodes * h->sockets * h->cores * h->threads != h->online) {
                h->nodes = h->sockets = h->threads = 1;
                h->cores = h->online;
        }
}

static int count_nodes(void) {
        DIR *dir = opendir("/sys/devices/system/node");
        struct dirent *entry;
        int n = 0, ignored;

        while (dir && (entry = readdir(dir))) {
                const char *p = startswith(entry->d_name, "node");

                n += p && parse_int(p, &ignored) >= 0;
        }
        if (dir)
                closedir(dir);
        return MAX(n, 1);
}

static void read_signature(HostCpu *h, const char *line, const char *value) {
        const struct {
                const char *key;
                unsigned *to;
        } rows[] = {
                { "cpu family\t", &h->family },
                { "model\t", &h->model },
                { "stepping\t", &h->stepping },
                { "microcode\t", &h->microcode },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (startswith(line, rows[i].key))
                        *rows[i].to = (unsigned) strtoul(value, NULL, 0);
}

static void read_cpuinfo(HostCpu *h) {
        _cleanup_fclose_ FILE *f = fopen("/proc/cpuinfo", "re");
        char *line = NULL;
        size_t size = 0;

        while (f && getline(&line, &size, f) > 1) { /* the first processor ends with an empty line */
                const char *value = strchr(line, ':');

                if (!value)
                        continue;
                if (startswith(line, "cpu MHz"))
                        h->mhz = (int) strtod(value + 1, NULL);
                else if (startswith(line, "vendor_id"))
                        snprintf(h->vendor, sizeof(h->vendor), "%s",
                                 strstr(value, "GenuineIntel")   ? "Intel"
                                 : strstr(value, "AuthenticAMD") ? "AMD"
                                                                 : "");
                else if (startswith(line, "address sizes"))
                        h->address_bits = (int) strtol(value + 1, NULL, 10);
                else
                        read_signature(h, line, value + 1);
        }
        free(line);
}

void host_cpu_read(HostCpu *ret) {
        uint8_t map[CPUS_MAX / 8] = {};
        struct utsname name;
        unsigned online = 1;
        int present;

        *ret = (HostCpu){ .online = 1, .nodes = 1, .sockets = 1, .cores = 1, .threads = 1 };
        if (uname(&name) >= 0)
                snprintf(ret->arch, sizeof(ret->arch), "%.15s", name.machine);
        read_cpuinfo(ret);
        present = host_cpu_map(map, sizeof(map), &online);
        if (present <= 0)
                return;
        ret->online = (int) online;
        ret->nodes = count_nodes();
        count_places(ret, map, present);
}

int host_cpu_times(int cpu, HostCpuTimes *ret) {
        const uint64_t tick = 1000000000U / (uint64_t) sysconf(_SC_CLK_TCK);
        _cleanup_fclose_ FILE *f = host_open("/proc/stat");
        char line[512], name[24] = "cpu";

        if (cpu < HOST_ALL_CPUS || !f)
                return -ENOENT;
        if (cpu != HOST_ALL_CPUS)
                snprintf(name, sizeof(name), "cpu%i", cpu);
        while (fgets(line, sizeof(line), f)) {
                unsigned long long user, nice, system, idle, iowait, irq, softirq, guest = 0;
                size_t n = strcspn(line, " ");

                if (n != strlen(name) || strncmp(line, name, n) != 0)
                        continue;
                if (sscanf(line + n, "%llu %llu %llu %llu %llu %llu %llu %*u %llu", &user, &nice, &system, &idle,
                           &iowait, &irq, &softirq, &guest) < 7)
                        return -EBADMSG;
                *ret = (HostCpuTimes){
                        .kernel = (system + irq + softirq) * tick,
                        .user = (user + nice) * tick,
                        .idle = idle * tick,
                        .iowait = iowait * tick,
                        .guest = guest * tick,
                };
                return 0;
        }
        return -ENOENT;
}

/* Not by access(): the unit's DevicePolicy= forbids even that for a device that is not among its own. */
bool host_has_kvm(void) {
        struct stat st;

        return stat("/dev/kvm", &st) == 0 && S_ISCHR(st.st_mode);
}

int host_kvm_max_vcpus(void) {
        _cleanup_close_ int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
        int n;

        if (fd < 0)
                return host_has_kvm() ? 255 : 0; /* not ours to open: what every KVM of ten years has */
        n = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
        return n > 0 ? n : 255;
}
