/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "hostinfo/cpu.h"
#include "hostinfo/dmi.h"
#include "hostinfo/memory.h"

static char root[] = "/tmp/test-hostinfo-XXXXXX";

static const struct {
        const char *path, *text;
} host[] = {
        { "/proc/meminfo",
          "MemTotal:       3000 kB\nMemFree:        1500 kB\nMemAvailable:   2000 kB\nBuffers:          10 kB\n"
          "Cached:           20 kB\nSwapCached:        7 kB\n" },
        { "/proc/stat",
          "cpu  10 1 5 100 2 3 4 0 6 0\ncpu0 4 0 2 50 1 1 2 0 3 0\ncpu11 6 1 3 50 1 2 2 0 3 0\nintr 99\n" },
        { "/sys/devices/system/node/online", "0-1,3\n" },
        { "/sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: 1000 kB\nNode 0 MemFree:  400 kB\n" },
        { "/sys/devices/system/node/node1/meminfo", "Node 1 MemTotal: 2000 kB\nNode 1 MemFree: 1100 kB\n" },
        { "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages", "17\n" },
        { "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages", "20\n" },
        { "/sys/devices/system/node/node1/distance", "20 10 30\n" },
        { "/sys/devices/system/node/node1/cpulist", "4-6,9\n" },
        { "/sys/devices/system/node/node3/cpulist", "\n" },
        { "/sys/devices/system/cpu/cpu2/cache/index3/type", "Unified\n" },
        { "/sys/devices/system/cpu/cpu2/cache/index3/level", "3\n" },
        { "/sys/devices/system/cpu/cpu2/cache/index3/id", "1\n" },
        { "/sys/devices/system/cpu/cpu2/cache/index3/size", "32768K\n" },
        { "/sys/devices/system/cpu/cpu2/cache/index3/shared_cpu_list", "2-3\n" },
        { "/sys/kernel/mm/ksm/pages_shared", "42\n" },
        { "/sys/class/dmi/id/bios_vendor", "A & B\n" },
        { "/sys/class/dmi/id/sys_vendor", "\n" },
        { "/sys/class/dmi/id/product_name", "<Box>\x01\n" },
};

static int set_up(void **state) {
        assert_non_null(mkdtemp(root));
        for (size_t i = 0; i < ELEMENTSOF(host); i++) {
                _cleanup_free_ char *path = text_format("%s%s", root, host[i].path), *folder = strdup(path);

                *strrchr(folder, '/') = '\0';
                assert_int_equal(mkdir_p(folder, 0755), 0);
                assert_int_equal(file_write_atomic(path, host[i].text, strlen(host[i].text), 0644, FILE_WRITE_NOSYNC),
                                 0);
        }
        return setenv("UNITVIRT_HOST_ROOT", root, 1);
}

static int tear_down(void **state) {
        _cleanup_free_ char *command = text_format("rm -rf '%s'", root);

        return system(command);
}

static void memory_is_told_of_the_host_and_of_cells(void **state) {
        static const struct {
                int cell, r;
                HostMemory m;
        } rows[] = {
                { HOST_ALL_CELLS, 0, { 3000, 1500, 2000, 10, 20 } },
                { 0, 0, { 1000, 400, 0, 0, 0 } },
                { 1, 0, { 2000, 1100, 0, 0, 0 } },
                { 2, -ENOENT, {} },
                { -2, -ENOENT, {} },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                HostMemory m = {};

                assert_int_equal(host_memory_read(rows[i].cell, &m), rows[i].r);
                assert_memory_equal(&m, &rows[i].m, sizeof(m));
        }
        assert_int_equal(host_last_cell(), 3);
}

static void pages_are_counted_by_size(void **state) {
        static const struct {
                int cell;
                unsigned kib;
                int r;
                uint64_t n;
        } rows[] = {
                { 0, 4, 0, 100 }, { 1, 4, 0, 275 }, { 1, 2048, 0, 17 }, { 0, 2048, -ENXIO, 0 }, { 7, 4, -ENOENT, 0 }
        };

        if (sysconf(_SC_PAGESIZE) != 4096)
                skip();
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint64_t n = 0;

                assert_int_equal(host_free_pages(rows[i].cell, rows[i].kib, &n), rows[i].r);
                assert_int_equal(n, rows[i].n);
        }
}

static void times_are_told_of_one_processor_or_all(void **state) {
        static const struct {
                int cpu, r;
                uint64_t kernel, user, guest;
        } rows[] = { { HOST_ALL_CPUS, 0, 12, 11, 6 }, { 0, 0, 5, 4, 3 }, { 11, 0, 7, 7, 3 }, { 1, -ENOENT, 0, 0, 0 } };
        uint64_t tick = 1000000000U / (uint64_t) sysconf(_SC_CLK_TCK);

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                HostCpuTimes t = {};

                assert_int_equal(host_cpu_times(rows[i].cpu, &t), rows[i].r);
                assert_int_equal(t.kernel, rows[i].kernel * tick);
                assert_int_equal(t.user, rows[i].user * tick);
                assert_int_equal(t.guest, rows[i].guest * tick);
        }
}

static void what_is_missing_is_left_out(void **state) {
        _cleanup_free_ char *document = NULL;
        uint64_t n;

        assert_int_equal(host_ksm_read("pages_shared", &n), 0);
        assert_int_equal(n, 42);
        assert_int_equal(host_ksm_read("full_scans", &n), -ENOENT);
        assert_int_equal(host_dmi_document(&document), 0);
        assert_string_equal(document,
                            "<sysinfo type='smbios'>\n  <bios>\n    <entry name='vendor'>A &#38; B</entry>\n  </bios>\n"
                            "  <system>\n    <entry name='product'>&#60;Box&#62;?</entry>\n  </system>\n</sysinfo>\n");
}

static void nodes_have_pages_distances_and_cpus(void **state) {
        uint8_t map[4] = {};
        unsigned n = 0;
        uint64_t pages;

        assert_int_equal(host_total_pages(1, 2048, &pages), 0);
        assert_int_equal(pages, 20);
        assert_int_equal(host_total_pages(1, 1048576, &pages), -ENXIO);
        assert_int_equal(host_cell_distance(1, 2, &n), 0);
        assert_int_equal(n, 30);
        assert_int_equal(host_cell_distance(1, 3, &n), -ENOENT);
        assert_int_equal(host_cell_distance(0, 0, &n), -ENOENT);
        assert_true(host_node_cpus(1, map, sizeof(map), &n) >= 0);
        assert_int_equal(n, 4);
        assert_int_equal(map[0], 0x70);
        assert_int_equal(map[1], 0x02);
        assert_true(host_node_cpus(3, map, sizeof(map), &n) >= 0);
        assert_int_equal(n, 0);
        assert_int_equal(host_node_cpus(2, map, sizeof(map), &n), -ENOENT);
}

static void caches_are_shared_by_cpus(void **state) {
        HostCache c;

        assert_int_equal(host_cpu_cache(2, 3, &c), 0);
        assert_int_equal(c.level, 3);
        assert_int_equal(c.id, 1);
        assert_int_equal(c.kib, 32768);
        assert_string_equal(c.type, "both");
        assert_string_equal(c.cpus, "2-3");
        assert_int_equal(host_cpu_cache(2, 4, &c), -ENOENT);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(nodes_have_pages_distances_and_cpus),
                cmocka_unit_test(caches_are_shared_by_cpus),
                cmocka_unit_test(memory_is_told_of_the_host_and_of_cells),
                cmocka_unit_test(pages_are_counted_by_size),
                cmocka_unit_test(times_are_told_of_one_processor_or_all),
                cmocka_unit_test(what_is_missing_is_left_out),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
