/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Groups of resctrl in a /sys that is made up: a processor with 20 ways of 2 MiB, of which the root group has twelve,
 * and another group four. No machine that this was tested on has resctrl. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "host/resctrl.h"

#define MIB (1024ULL * 1024ULL)

static char top[] = "/tmp/test-resctrl.XXXXXX";

static char *path(const char *file) {
        char *p = text_format("%s/%s", top, file);

        assert_non_null(p);
        return p;
}

static void put(const char *file, const char *text) {
        _cleanup_free_ char *p = path(file), *folder = strdup(p);

        *strrchr(folder, '/') = 0;
        assert_int_equal(mkdir_p(folder, 0755), 0);
        assert_int_equal(file_write_atomic(p, text, strlen(text), 0600, FILE_WRITE_NOSYNC), 0);
}

static int setup(void **state) {
        static const char *const files[][2] = {
                { "fs/resctrl/info/L3/cbm_mask", "fffff\n" },
                { "fs/resctrl/info/L3/min_cbm_bits", "2\n" },
                { "fs/resctrl/info/MB/bandwidth_gran", "10\n" },
                { "fs/resctrl/info/MB/min_bandwidth", "10\n" },
                { "fs/resctrl/info/L3_MON/mon_features", "llc_occupancy\nmbm_total_bytes\n" },
                { "fs/resctrl/info/last_cmd_status", "ok\n" },
                { "fs/resctrl/schemata", "    MB:0=100;1=100\n    L3:0=00fff;1=fffff\n" },
                { "fs/resctrl/tasks", "" },
                { "fs/resctrl/other/schemata", "    MB:0=100;1=100\n    L3:0=3c000;1=fffff\n" },
                { "devices/system/cpu/cpu0/cache/index2/level", "2\n" },
                { "devices/system/cpu/cpu0/cache/index2/id", "0\n" },
                { "devices/system/cpu/cpu0/cache/index2/size", "1024K\n" },
                { "devices/system/cpu/cpu0/cache/index3/level", "3\n" },
                { "devices/system/cpu/cpu0/cache/index3/id", "0\n" },
                { "devices/system/cpu/cpu0/cache/index3/size", "40960K\n" },
                { "devices/system/cpu/cpu1/cache/index3/level", "3\n" },
                { "devices/system/cpu/cpu1/cache/index3/id", "1\n" },
                { "devices/system/cpu/cpu1/cache/index3/size", "40960K\n" },
        };

        strcpy(top + strlen(top) - 6, "XXXXXX");
        assert_non_null(mkdtemp(top));
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                put(files[i][0], files[i][1]);
        return setenv("UNITVIRT_SYS", top, 1);
}

static int teardown(void **state) {
        _cleanup_free_ char *command = text_format("rm -rf '%s'", top);

        return system(command);
}

static void assert_schemata(const char *group, const char *wanted) {
        _cleanup_free_ char *file = text_format("%s/schemata", group), *text = NULL;

        assert_int_equal(file_read(file, 4096, &text, NULL), 0);
        assert_string_equal(text, wanted);
}

static int make(const ResctrlCache *cache, const ResctrlNode *node, Error *e) {
        _cleanup_free_ char *group = resctrl_path("qemu-1-web-vcpus_0-1");
        const ResctrlWish wish = { cache, cache ? 1 : 0, node, node ? 1 : 0 };
        int fd = -EBADF, r = resctrl_make(group, &wish, &fd, e);

        if (fd >= 0)
                close(fd);
        return r;
}

/* Between the root's twelve ways and the other's four there are two, and two behind those: the first row of two is
 * chosen. */
static void a_part_of_a_cache(void **state) {
        const ResctrlCache cache = { 3, 0, "both", 4 * MIB };
        const ResctrlNode node = { 1, 60 };
        _cleanup_free_ char *group = resctrl_path("qemu-1-web-vcpus_0-1");

        _cleanup_error_ Error e = ERROR_INIT;

        if (make(&cache, &node, &e) < 0)
                fail_msg("%s", e.message);
        assert_schemata(group, "L3:0=00fff;1=fffff\nL3:0=3000\nMB:1=60\n");
}

static void bandwidth_alone(void **state) {
        const ResctrlNode node = { 0, 30 };
        _cleanup_free_ char *group = resctrl_path("qemu-1-web-vcpus_0-1");

        assert_int_equal(make(NULL, &node, NULL), 0);
        assert_schemata(group, "L3:0=00fff;1=fffff\nMB:0=30\n");
}

static void assert_refused(const ResctrlCache *cache, const ResctrlNode *node, const char *words) {
        _cleanup_free_ char *group = resctrl_path("qemu-1-web-vcpus_0-1");
        _cleanup_error_ Error e = ERROR_INIT;

        assert_true(make(cache, node, &e) < 0);
        assert_int_equal(e.code, ERROR_CONFIG_UNSUPPORTED);
        assert_non_null(strstr(e.message, words));
        assert_int_not_equal(access(group, F_OK), 0);
}

static void what_the_host_has_not(void **state) {
        static const struct {
                ResctrlCache cache;
                const char *words;
        } caches[] = {
                { { 3, 0, "both", 6 * MIB }, "Not enough room for allocation of 6291456 bytes for level 3 cache 0" },
                { { 3, 1, "both", 4 * MIB }, "Not enough room for allocation of 4194304 bytes for level 3 cache 1" },
                { { 3, 0, "both", 5 * MIB }, "is not divisible by granularity 2097152" },
                { { 3, 0, "both", 2 * MIB }, "is smaller than the minimum allowed allocation 4194304" },
                { { 3, 0, "both", 40 * MIB }, "whole cache is not possible" },
                { { 3, 2, "both", 4 * MIB }, "Cache with id 2 does not exists for level 3" },
                { { 3, 0, "code", 4 * MIB }, "Cache level 3 does not support tuning for scope type 'code'" },
                { { 2, 0, "both", 4 * MIB }, "Cache level 2 does not support tuning" },
        };
        static const struct {
                ResctrlNode node;
                const char *words;
        } nodes[] = {
                { { 0, 55 }, "is not divisible by granularity 10" },
                { { 0, 0 }, "is smaller than the minimum allowed allocation 10" },
                { { 7, 50 }, "no memory controller with id 7" },
        };

        for (size_t i = 0; i < ELEMENTSOF(caches); i++)
                assert_refused(&caches[i].cache, NULL, caches[i].words);
        for (size_t i = 0; i < ELEMENTSOF(nodes); i++)
                assert_refused(NULL, &nodes[i].node, nodes[i].words);
}

static void a_host_without(void **state) {
        const ResctrlCache cache = { 3, 0, "both", 4 * MIB };
        _cleanup_free_ char *schemata = path("fs/resctrl/schemata");

        assert_int_equal(unlink(schemata), 0);
        assert_refused(&cache, NULL, "Resource control is not supported on this host");
}

static void it_goes(void **state) {
        _cleanup_free_ char *group = resctrl_path("qemu-1-web-vcpus_0-1");

        assert_int_equal(mkdir(group, 0755), 0);
        assert_int_equal(resctrl_remove(group), 0);
        assert_int_equal(resctrl_remove(group), 0);
}

static void what_is_counted(void **state) {
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *features = path("fs/resctrl/info/L3_MON/mon_features");

        assert_int_equal(resctrl_check_monitor("llc_occupancy", NULL), 0);
        assert_int_equal(resctrl_check_monitor("mbm_total_bytes", NULL), 0);
        assert_int_equal(resctrl_check_monitor("mbm_total", NULL), -EOPNOTSUPP);
        assert_int_equal(resctrl_check_monitor("mbm_local_bytes", &e), -EOPNOTSUPP);
        assert_int_equal(e.code, ERROR_CONFIG_UNSUPPORTED);
        assert_non_null(strstr(e.message, "do not count 'mbm_local_bytes'"));
        assert_int_equal(unlink(features), 0);
        assert_int_equal(resctrl_check_monitor("llc_occupancy", NULL), -EOPNOTSUPP);
}

static void monitors_are_below_their_group(void **state) {
        _cleanup_free_ char *own = path("fs/resctrl/qemu-1-web-vcpus_0-1"),
                            *below = path("fs/resctrl/qemu-1-web-vcpus_0-1/mon_groups/qemu-1-web-vcpus_0"),
                            *alone = path("fs/resctrl/mon_groups/qemu-1-web-vcpus_0"),
                            *all = resctrl_monitor_path("1", "web", "0-1", "0-1"),
                            *one = resctrl_monitor_path("1", "web", "0-1", "0"),
                            *without = resctrl_monitor_path("1", "web", NULL, "0"), *parent = NULL, *tasks = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        int fd = -EBADF;

        assert_string_equal(all, own);
        assert_string_equal(one, below);
        assert_string_equal(without, alone);
        assert_true(resctrl_make_monitor(one, &fd, &e) < 0); /* there is no such group */
        assert_non_null(strstr(e.message, below));
        parent = path("fs/resctrl/qemu-1-web-vcpus_0-1/mon_groups");
        assert_int_equal(mkdir_p(parent, 0755), 0);
        assert_int_equal(resctrl_make_monitor(one, &fd, NULL), 0);
        assert_int_equal(dprintf(fd, "7\n"), 2);
        close(fd);
        tasks = text_format("%s/tasks", one);
        assert_int_equal(unlink(tasks), 0);
        assert_int_equal(resctrl_remove(one), 0);
        assert_int_equal(access(one, F_OK), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_part_of_a_cache), TEST(bandwidth_alone), TEST(what_the_host_has_not), TEST(a_host_without),
                TEST(it_goes), TEST(what_is_counted), TEST(monitors_are_below_their_group),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
