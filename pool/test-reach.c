/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* qemu-img, whatever headers say by now. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/strings.h"
#include "volume.h"

static bool has_landlock(void) {
        return syscall(SYS_landlock_create_ruleset, NULL, 0, 1U) >= 1;
}

/* A command with what it may open; its exit status. */
static int run(const Reach *reach, const char *command) {
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || reach_only(reach) < 0)
                        _exit(100);
                execl("/bin/sh", "sh", "-c", command, NULL);
                _exit(101);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void only_what_was_looked_at_is_opened(void **state) {
        char dir[] = "/tmp/test-reach-XXXXXX";
        _cleanup_free_ char *image = NULL, *copy = NULL, *secret = NULL, *link = NULL, *none = NULL;
        char *layers[] = { NULL, NULL }, *by_link[] = { NULL, NULL };
        Reach reach = { .read = layers }, bad = { .read = by_link }, made = { .read = layers };

        if (!has_landlock())
                skip();
        assert_non_null(mkdtemp(dir));
        assert_int_equal(chdir(dir), 0);
        image = text_format("%s/image", dir);
        copy = text_format("%s/copy", dir);
        secret = text_format("%s/secret", dir);
        link = text_format("%s/link", dir);
        assert_int_equal(system("echo i > image; echo s > secret; echo old > copy; ln -s secret link; "
                                "mkdir folder"), 0);
        layers[0] = image;
        by_link[0] = link;
        reach.write = copy;
        bad.write = dir;
        assert_int_equal(run(&reach, "cat image > copy && grep -q i copy && cat copy /dev/null"), 0);
        assert_int_not_equal(run(&reach, "cat secret"), 0);
        assert_int_not_equal(run(&reach, "cat link"), 0);
        assert_int_not_equal(run(&reach, "cat /etc/passwd"), 0);
        assert_int_not_equal(run(&reach, "echo > image"), 0);
        assert_int_not_equal(run(&reach, "echo > new"), 0);
        assert_int_not_equal(run(&reach, "rm copy"), 0);
        assert_int_not_equal(run(&reach, "mv secret folder/image"), 0);
        /* a file that the tool is to make, in its folder */
        none = text_format("%s/folder/new", dir);
        made.write = none;
        assert_int_equal(run(&made, "cat image > folder/new && grep -q i folder/new"), 0);
        assert_int_not_equal(run(&made, "echo > new"), 0);
        assert_int_not_equal(run(&made, "cat secret"), 0);
        assert_int_not_equal(run(&made, "rm folder/new"), 0);
        /* what nobody can say is not given */
        assert_int_equal(run(&bad, "true"), 100);
        assert_int_equal(system("test \"$(cat secret image)\" = 's\ni'; rm -r image secret copy link folder"), 0);
        assert_int_equal(chdir("/"), 0);
        assert_int_equal(rmdir(dir), 0);
}

/* The guest has written another name into its header after the look. */
static void a_header_that_changes_leads_nowhere(void **state) {
        char dir[] = "/tmp/test-reach-XXXXXX";
        _cleanup_free_ char *image = NULL, *copy = NULL;
        char *layers[] = { NULL, NULL };
        Reach reach = { .read = layers };

        if (!has_landlock() || access("/usr/bin/qemu-img", X_OK) < 0)
                skip();
        assert_non_null(mkdtemp(dir));
        assert_int_equal(chdir(dir), 0);
        image = text_format("%s/image", dir);
        copy = text_format("%s/copy", dir);
        assert_int_equal(system("head -c 65536 /dev/zero | tr '\\0' s > secret; qemu-img create -q -f qcow2 good 64K; "
                                "qemu-img create -q -f qcow2 -b \"$PWD/secret\" -F raw bad 64K; : > copy"), 0);
        layers[0] = image;
        reach.write = copy;
        assert_int_equal(system("cp good image"), 0);
        assert_int_equal(run(&reach, "qemu-img convert -f qcow2 -O raw image copy"), 0);
        assert_int_equal(system("cp bad image; : > copy"), 0);
        assert_int_not_equal(run(&reach, "qemu-img convert -f qcow2 -O raw image copy 2>/dev/null"), 0);
        assert_int_equal(system("! grep -q s copy; rm secret good bad image copy"), 0);
        assert_int_equal(chdir("/"), 0);
        assert_int_equal(rmdir(dir), 0);
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(only_what_was_looked_at_is_opened),
                cmocka_unit_test(a_header_that_changes_leads_nowhere),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
