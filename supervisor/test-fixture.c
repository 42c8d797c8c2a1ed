/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/strings.h"
#include "test-fixture.h"

static pid_t start_daemon_named(const Fixture *f, const char *daemon, const char *drivers, const char *timeout) {
        const char *argv[] = { "virttestd", "--name", daemon, "--drivers", drivers, "--timeout", timeout,
                               "--listen", f->folder, NULL };
        pid_t pid = fork();

        if (pid != 0)
                return pid;
        setenv("UNITVIRT_RUN", f->folder, 1);
        execv("/proc/self/exe", (char **) argv);
        _exit(127);
}

pid_t start_daemon(const Fixture *f, const char *timeout) {
        return start_daemon_named(f, "virttestd", "test", timeout);
}

bool is_test_daemon(char **argv) {
        return streq(argv[0], "virttestd");
}

int run_test_daemon(int argc, char **argv) {
        return daemon_main(argc, argv, test_drivers, n_test_drivers);
}

static int set_up_with(void **state, const char *drivers, const char *timeout) {
        Fixture *f = calloc(1, sizeof(*f));

        strcpy(f->folder, "/tmp/unitvirt-test-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        snprintf(f->path, sizeof(f->path), "%s/virttestd-sock", f->folder);
        snprintf(f->ro_path, sizeof(f->ro_path), "%s/virttestd-sock-ro", f->folder);
        snprintf(f->admin_path, sizeof(f->admin_path), "%s/virttestd-admin-sock", f->folder);
        f->pid = start_daemon_named(f, "virttestd", drivers, timeout);
        *state = f;
        return f->pid < 0;
}

int set_up_proxy(void **state) {
        TestClient c;
        Fixture *f;

        if (set_up_with(state, "test", "0") != 0)
                return -1;
        f = *state;
        /* The daemon behind must be there first, as systemd's socket would be. */
        test_connect(&c, f->path);
        test_close(&c);
        snprintf(f->path, sizeof(f->path), "%s/libvirt-sock", f->folder);
        snprintf(f->ro_path, sizeof(f->ro_path), "%s/libvirt-sock-ro", f->folder);
        f->proxy = start_daemon_named(f, "virtproxyd", "none", "0");
        return f->proxy < 0;
}

int set_up(void **state) {
        return set_up_with(state, "test", "0");
}

int set_up_several(void **state) {
        return set_up_with(state, "test other secret", "0");
}

int set_up_idle(void **state) {
        return set_up_with(state, "test", "1");
}

static int stop_daemon(pid_t pid) {
        int status = -1;

        kill(pid, SIGTERM);
        return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* Removes the folder with what was left in it; how much that was. */
static int remove_folder(const char *path) {
        DIR *dir = opendir(path);
        struct dirent *entry;
        int n = 0;

        while (dir && (entry = readdir(dir)))
                n += unlinkat(dirfd(dir), entry->d_name, 0) == 0;
        if (dir)
                closedir(dir);
        return rmdir(path) < 0 ? -1 : n;
}

/* The daemon must end by itself and well: a leak or an error that the sanitizer found is a failure of the test. What a
 * test that failed has left behind is removed first. */
int tear_down(void **state) {
        Fixture *f = *state;
        int status = stop_daemon(f->pid), proxy_status = f->proxy > 0 ? stop_daemon(f->proxy) : 0;
        int left = remove_folder(f->folder);

        free(f);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        assert_true(WIFEXITED(proxy_status) && WEXITSTATUS(proxy_status) == 0);
        assert_int_equal(left, 0);
        return 0;
}

void check_alive(const Fixture *f) {
        remote_domain_get_state_args args = { .dom = TEST_GUEST, .flags = 9 };
        remote_domain_get_state_ret ret;
        TestClient c;

        test_open(&c, f->path, "test:///system", 0);
        assert_int_equal(test_remote(&c, DOMAIN_GET_STATE, &args, &ret), 0);
        assert_int_equal(ret.reason, 9);
        test_close(&c);
}
