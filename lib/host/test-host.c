/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/denied.h"
#include "base/fs.h"
#include "base/guest-files.h"
#include "base/strings.h"
#include "host/claims.h"
#include "host/fifo.h"
#include "host/image.h"
#include "host/output.h"
#include "host/owner.h"
#include "host/ports.h"
#include "host/sockets.h"
#include "host/tap.h"
#include "host/undo.h"

static bool answers(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        return connect(fd, (const struct sockaddr *) &address, sizeof(address)) >= 0;
}

/* A folder with "qemu/vm" in it, the host's /run/libvirt as far as sockets go; the working directory. */
static void enter_run(char *dir) {
        assert_non_null(mkdtemp(dir));
        assert_int_equal(chdir(dir), 0);
        assert_int_equal(mkdir("qemu", 0700), 0);
        assert_int_equal(mkdir("qemu/vm", 0700), 0);
        assert_int_equal(setenv("UNITVIRT_RUN", dir, 1), 0);
}

static void leave_run(const char *dir) {
        char command[64];

        assert_int_equal(chdir("/"), 0);
        assert_int_equal(unsetenv("UNITVIRT_RUN"), 0);
        snprintf(command, sizeof(command), "rm -r %s", dir);
        assert_int_equal(system(command), 0);
}

static void a_socket_replaces_what_a_former_run_left(void **state) {
        char dir[] = "/tmp/test-host-XXXXXX";
        int fd, second;

        enter_run(dir);
        assert_int_equal(socket_listen("s", &fd), 0);
        assert_true(answers("s"));
        assert_int_equal(socket_listen("s", &second), -EADDRINUSE);
        assert_int_equal(socket_link("s", "x"), -EADDRINUSE);
        close(fd);
        assert_int_equal(socket_listen("s", &fd), 0);
        assert_true(answers("s"));
        assert_int_equal(socket_remove("s"), -EADDRINUSE);
        close(fd);
        assert_int_equal(socket_remove("s"), 0);
        assert_int_equal(access("s", F_OK), -1);
        assert_int_equal(socket_remove("s"), 0);
        assert_int_equal(close(creat("file", 0600)), 0);
        assert_int_equal(socket_listen("file", &fd), -EEXIST);
        assert_int_equal(socket_remove("file"), -EEXIST);
        assert_int_equal(socket_link("file", "x"), -EEXIST);
        leave_run(dir);
}

static void whoever_listens_is_connected_to(void **state) {
        char dir[] = "/tmp/test-host-XXXXXX", *absent = NULL;
        int fd, other;

        enter_run(dir);
        assert_int_equal(socket_connect("s", &other), -ENOENT);
        assert_int_equal(socket_listen("s", &fd), 0);
        assert_int_equal(socket_connect("s", &other), 0);
        close(other);
        close(fd);
        assert_int_equal(socket_connect("s", &other), -ECONNREFUSED);
        assert_int_equal(fifo_owner("s", &absent), -EINVAL);
        leave_run(dir);
}

static void pipes_are_the_guests_for_a_while(void **state) {
        char dir[] = "/tmp/test-host-XXXXXX", *owner = NULL, text[64];
        struct stat st;

        enter_run(dir);
        assert_int_equal(fifo_owner("p", &owner), -ENOENT);
        assert_int_equal(mkfifo("p", 0600), 0);
        assert_int_equal(symlink("p", "link"), 0);
        assert_int_equal(fifo_owner("link", &owner), -EINVAL);
        assert_int_equal(fifo_owner("p", &owner), 0);
        snprintf(text, sizeof(text), "%u:%u:", geteuid(), getegid());
        assert_non_null(startswith(owner, text));
        if (geteuid() == 0) {
                assert_int_equal(owner_give(owner, 64055, 64056), 0);
                assert_int_equal(stat("p", &st), 0);
                assert_int_equal(st.st_uid, 64055);
                assert_int_equal(st.st_gid, 64056);
                assert_int_equal(fifo_return(owner), 0);
                assert_int_equal(stat("p", &st), 0);
                assert_int_equal(st.st_uid, 0);
        }
        /* another one of that name keeps its owner; made while the first has its number */
        assert_int_equal(mkfifo("other", 0600), 0);
        assert_int_equal(unlink("p"), 0);
        assert_int_equal(fifo_return(owner), 0);
        if (geteuid() == 0)
                assert_int_equal(chown("other", 1, 1), 0);
        assert_int_equal(rename("other", "p"), 0);
        assert_int_equal(fifo_return(owner), 0);
        assert_int_equal(stat("p", &st), 0);
        assert_int_equal(st.st_uid, geteuid() == 0 ? 1 : geteuid());
        assert_int_equal(unlink("p"), 0);
        assert_int_equal(fifo_return("0:x:p"), -EINVAL);
        free(owner);
        leave_run(dir);
}

static void a_path_leads_to_the_socket_in_the_guests_folder(void **state) {
        char dir[] = "/tmp/test-host-XXXXXX", own[64], other[64], at[64] = "";
        int fd;

        enter_run(dir);
        snprintf(own, sizeof(own), "%s/qemu/vm/vnc.sock", dir);
        snprintf(other, sizeof(other), "%s/qemu/vm/spice.sock", dir);
        assert_int_equal(socket_link("s", own), 0);
        assert_false(answers("s"));
        assert_int_equal(socket_listen(own, &fd), 0);
        assert_true(answers("s"));
        assert_int_equal(socket_link("s", other), -EADDRINUSE);
        close(fd);
        /* nobody listens any more, then there is nothing */
        assert_int_equal(socket_link("s", other), 0);
        assert_int_equal(socket_link("s", own), 0);
        assert_int_equal(readlink("s", at, sizeof(at) - 1), strlen(own));
        assert_string_equal(at, own);
        /* a link of somebody else's stays */
        assert_int_equal(symlink("/nowhere/qemu/x", "theirs"), 0);
        assert_int_equal(socket_link("theirs", own), -EEXIST);
        assert_int_equal(socket_listen("theirs", &fd), -EEXIST);
        leave_run(dir);
}

/* A sink that counts, and looks at what it is given. */
typedef struct TestSink {
        FdSink sink;
        int n, flags[4];
} TestSink;

static int take(FdSink *sink, int fd, Error *e) {
        TestSink *t = container_of(sink, TestSink, sink);

        if (t->n == (int) ELEMENTSOF(t->flags))
                return error_set(e, -E2BIG, ERROR_INTERNAL, ORIGIN_QEMU, "full");
        t->flags[t->n] = fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK);
        return 20 + t->n++;
}

static void write_file(const char *path, const char *text) {
        assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC), 0);
}

static void count_reports(const char *key, const char *value, int r, void *userdata) {
        int *n = userdata;

        if (r == -ENOTSUP) {
                assert_string_equal(key, "gizmo");
                assert_string_equal(value, "a=b");
        }
        (*n)++;
}

static void what_was_made_is_undone(void **state) {
        char dir[] = "/tmp/test-host-XXXXXX";
        int n = 0, fd;

        enter_run(dir);
        assert_int_equal(undo_run("web", count_reports, &n), 0);
        assert_int_equal(undo_add("web", UNDO_SOCKET, "s"), 0);
        assert_int_equal(socket_listen("s", &fd), 0);
        close(fd);
        assert_int_equal(undo_add("web", UNDO_FILE, "scratch\nof web\\"), 0);
        write_file("scratch\nof web\\", "");
        assert_int_equal(undo_add("web", "gizmo", "a=b"), 0);
        assert_int_equal(undo_add("web", UNDO_FILE, "never made"), 0);
        write_file("other", "");
        assert_int_equal(undo_run("web", count_reports, &n), 0);
        assert_int_equal(n, 1);
        assert_int_equal(access("s", F_OK), -1);
        assert_int_equal(access("scratch\nof web\\", F_OK), -1);
        assert_int_equal(access("other", F_OK), 0);
        assert_int_equal(access("qemu/web.undo", F_OK), -1);
        leave_run(dir);
}

static void a_device_may_leave_before_its_guest(void **state) {
        char dir[] = "/tmp/test-host-XXXXXX";
        int n = 0;

        enter_run(dir);
        write_file("of_guest", "");
        write_file("of_one", "");
        write_file("of_two", "");
        assert_int_equal(undo_device("web", "disk1", count_reports, &n), 0);
        assert_int_equal(undo_add_for("web", NULL, UNDO_FILE, "of_guest"), 0);
        assert_int_equal(undo_add_for("web", "disk1", UNDO_FILE, "of_one"), 0);
        assert_int_equal(undo_add_for("web", "disk10", UNDO_FILE, "of_two"), 0);
        /* a value that looks like one */
        assert_int_equal(undo_add_for("web", NULL, UNDO_FILE, "never@disk1=made"), 0);
        assert_int_equal(undo_device("web", "disk1", count_reports, &n), 0);
        assert_int_equal(n, 0);
        assert_int_equal(access("of_one", F_OK), -1);
        assert_int_equal(access("of_two", F_OK), 0);
        assert_int_equal(access("of_guest", F_OK), 0);
        assert_int_equal(undo_run("web", count_reports, &n), 0);
        assert_int_equal(access("of_two", F_OK), -1);
        assert_int_equal(access("of_guest", F_OK), -1);
        assert_int_equal(n, 0);
        leave_run(dir);
}

/* All of a VFIO group is the guest's, or nothing of it is: what undoes it is unknown here, and so is counted. */
static void a_device_stays_for_its_companion(void **state) {
        static const char *const lines[][3] = {
                { "hostdev0", UNDO_PCI, "0000:ff:01.0 nvidia" }, { "hostdev0", UNDO_VFIO, "4294967294" },
                { "hostdev1", UNDO_PCI, "0000:ff:01.1 snd" },    { "hostdev1", UNDO_VFIO, "4294967294" },
                { "hostdev2", UNDO_VFIO, "4294967293" },
        };
        _cleanup_free_ char *first = NULL, *second = NULL;
        char dir[] = "/tmp/test-host-XXXXXX";
        int n = 0;

        enter_run(dir);
        for (size_t i = 0; i < ELEMENTSOF(lines); i++)
                assert_int_equal(undo_add_for("web", lines[i][0], lines[i][1], lines[i][2]), 0);
        write_file("of_one", "");
        assert_int_equal(undo_add_for("web", "hostdev0", UNDO_FILE, "of_one"), 0);
        assert_int_equal(undo_device("web", "hostdev0", count_reports, &n), 0);
        assert_int_equal(access("of_one", F_OK), -1);
        assert_int_equal(file_read("qemu/web.undo", 4096, &first, NULL), 0);
        assert_string_equal(first, "pci@hostdev1=0000:ff:01.0 nvidia\npci@hostdev1=0000:ff:01.1 snd\n"
                                   "vfio@hostdev1=4294967294\nvfio@hostdev2=4294967293\n");
        /* the last one takes all with it */
        assert_int_equal(undo_device("web", "hostdev1", count_reports, &n), 0);
        assert_int_equal(file_read("qemu/web.undo", 4096, &second, NULL), 0);
        assert_string_equal(second, "vfio@hostdev2=4294967293\n");
        assert_int_equal(n, 0);
        leave_run(dir);
}

static void assert_claimed(const char *guest, const char *device, const Claim *c, const char *thing,
                           const char *owner) {
        _cleanup_free_ char *what = NULL, *who = NULL;

        assert_int_equal(claim_device(guest, device, c, &what, &who), owner ? -EBUSY : 0);
        assert_true(streq_ptr(what, thing) || what == thing);
        assert_true(streq_ptr(who, owner) || who == owner);
}

static void a_device_is_one_guests(void **state) {
        static const char *const sound[] = { "PCI device 0000:01:00.1", NULL };
        const Claim card = { "PCI device 0000:01:00.0", sound }, other = { sound[0] }, disk = { "SCSI device 0:0:0:1" },
                    shared = { "SCSI device 0:0:0:1", .shared = true };
        char dir[] = "/tmp/test-host-XXXXXX";
        int n = 0;

        enter_run(dir);
        assert_claimed("web", "hostdev0", &other, NULL, NULL);
        /* its own is no obstacle, another's is, and so is what belongs to it */
        assert_claimed("web", "hostdev1", &card, NULL, NULL);
        assert_claimed("db", "hostdev0", &card, card.thing, "web");
        assert_int_equal(undo_device("web", "hostdev1", count_reports, &n), 0);
        assert_claimed("db", "hostdev0", &card, sound[0], "web");
        assert_int_equal(access("qemu/db.undo", F_OK), -1);
        assert_claimed("db", "hostdev0", &disk, NULL, NULL);
        assert_claimed("web", "hostdev2", &shared, disk.thing, "db");
        assert_int_equal(undo_run("db", count_reports, &n), 0);
        assert_claimed("web", "hostdev2", &shared, NULL, NULL);
        assert_claimed("db", "hostdev0", &shared, NULL, NULL);
        assert_int_equal(undo_device("db", "hostdev0", count_reports, &n), 0);
        assert_claimed("more", NULL, &disk, disk.thing, "web");
        assert_int_equal(undo_run("web", count_reports, &n), 0);
        assert_claimed("db", "hostdev1", &card, NULL, NULL);
        assert_int_equal(n, 0);
        leave_run(dir);
}

static void a_half_line_was_never_made_and_the_newest_goes_first(void **state) {
        char dir[] = "/tmp/test-host-XXXXXX";
        int n = 0;

        enter_run(dir);
        write_file("a", "");
        write_file("b", "");
        write_file("qemu/web.undo", "nonsense\nfile=a\ngizmo=a=b\nfile=b");
        assert_int_equal(undo_run("web", count_reports, &n), 0);
        assert_int_equal(n, 1);
        assert_int_equal(access("a", F_OK), -1);
        assert_int_equal(access("b", F_OK), 0);
        /* of an old launch file, only what is known */
        undo_text("name=web\nfile=b\narg=x\n", true, count_reports, &n);
        assert_int_equal(n, 1);
        assert_int_equal(access("b", F_OK), -1);
        leave_run(dir);
}

static void ports_belong_to_guests(void **state) {
        char dir[] = "/tmp/test-host-XXXXXX";
        _cleanup_free_ char *text = NULL;
        unsigned a = 0, b = 0, again = 0;

        enter_run(dir);
        assert_int_equal(ports_release("web"), 0);
        assert_int_equal(ports_reserve("web", "127.0.0.1", 45900, 45999, &a), 0);
        assert_int_equal(ports_reserve("db", "::1", 45900, 45999, &b), 0);
        assert_int_not_equal(a, b);
        assert_int_equal(ports_reserve("db", "127.0.0.1", a, a, &again), -EADDRINUSE);
        assert_int_equal(ports_reserve("db", "203.0.113.7", 45900, 45999, &again), -EADDRNOTAVAIL);
        assert_int_equal(ports_release("web"), 0);
        assert_int_equal(ports_reserve("db", "127.0.0.1", a, a, &again), 0);
        assert_int_equal(ports_release("db"), 0);
        assert_int_equal(file_read("qemu/ports", 100, &text, NULL), 0);
        assert_string_equal(text, "");
        leave_run(dir);
}

static void images_are_files(void **state) {
        char dir[] = "/tmp/test-host-XXXXXX";
        _cleanup_error_ Error folder = {}, missing = {}, pipe = {}, stale = {}, none = {};
        TestSink t = { { take }, 0, {} };
        ImageFile file, other;
        int fd;

        enter_run(dir);
        write_file("disk", "data");
        write_file("another", "data");
        assert_int_equal(mkfifo("fifo", 0600), 0);
        assert_int_equal(image_give("disk", IMAGE_WRITABLE, NULL, &t.sink, &file, &none), 20);
        assert_int_equal(image_give("disk", 0, &file, &t.sink, NULL, &none), 21);
        assert_int_equal(t.flags[0], O_RDWR);
        assert_int_equal(t.flags[1], O_RDONLY);
        assert_int_equal(image_give("another", 0, NULL, &t.sink, &other, &none), 22);
        assert_false(image_file_equal(&file, &other));
        assert_int_equal(image_give("another", 0, &file, &t.sink, NULL, &stale), -ESTALE);
        assert_int_equal(stale.code, ERROR_OPERATION_INVALID);
        assert_int_equal(image_open("qemu", 0, &fd, &folder), -EINVAL);
        assert_int_equal(folder.code, ERROR_CONFIG_UNSUPPORTED);
        assert_non_null(strstr(folder.message, "'qemu' is a folder"));
        assert_int_equal(image_open("fifo", 0, &fd, &pipe), -EINVAL);
        assert_int_equal(image_open("nothing", 0, &fd, &missing), -ENOENT);
        assert_int_equal(missing.code, ERROR_SYSTEM_ERROR);
        assert_non_null(strstr(missing.message, "cannot open 'nothing': No such file"));
        leave_run(dir);
}

/* As a user who is not root, since root may everything. */
static void who_refuses_is_named(void **state) {
        char dir[] = "/tmp/test-host-XXXXXX";
        _cleanup_free_ char *path = NULL, *refuses = NULL;
        bool root = geteuid() == 0;

        enter_run(dir);
        assert_int_equal(chmod(dir, 0755), 0);
        assert_int_equal(mkdir("closed", 0755), 0);
        write_file("closed/disk", "data");
        assert_int_equal(chmod("closed", 0600), 0);
        path = text_format("%s/closed/disk", dir);
        if (root)
                assert_int_equal(setresuid(65534, 65534, 0), 0);
        refuses = path_refuses(path);
        if (root)
                assert_int_equal(setresuid(0, 0, 0), 0);
        assert_non_null(refuses);
        assert_non_null(strstr(refuses, "/closed' (owner "));
        assert_non_null(strstr(refuses, ", mode 0600)"));
        leave_run(dir);
}

static void output_is_appended_or_starts_anew(void **state) {
        char dir[] = "/tmp/test-host-XXXXXX";
        _cleanup_error_ Error none = {}, missing = {};
        TestSink t = { { take }, 0, {} };
        struct stat st;

        enter_run(dir);
        write_file("log", "old");
        assert_int_equal(output_give("log", true, &t.sink, &none), 20);
        assert_int_equal(t.flags[0], O_WRONLY | O_APPEND);
        assert_int_equal(stat("log", &st), 0);
        assert_int_equal(st.st_size, 3);
        assert_int_equal(output_give("log", false, &t.sink, &none), 21);
        assert_int_equal(t.flags[1], O_WRONLY);
        assert_int_equal(stat("log", &st), 0);
        assert_int_equal(st.st_size, 0);
        assert_int_equal(output_give("nowhere/log", true, &t.sink, &missing), -ENOENT);
        leave_run(dir);
}

/* The folder of the log is a user's. */
static void output_goes_to_no_file_of_roots(void **state) {
        static const struct {
                const char *name;
                int r;
        } cases[] = {
                { "hers/log", 20 },      { "hers/to-root", -EPERM }, { "link/roots", -EPERM },
                { "link/new", -EPERM },  { "hers/to-hers", 21 },     { "roots-link", 22 },
                { "here/log", 23 },
        };
        char dir[] = "/tmp/test-host-XXXXXX";
        TestSink t = { { take }, 0, {} };
        struct stat st;

        if (geteuid() != 0)
                skip();
        enter_run(dir);
        assert_int_equal(system("mkdir hers secret && echo precious > secret/roots && : > secret/log && "
                                "ln -s ../secret/roots hers/to-root && ln -s log hers/to-hers && ln -s secret link && "
                                "ln -s hers here && ln -s secret/log roots-link && "
                                "chown -h 1000 hers hers/* link here"), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *path = text_format("%s/%s", dir, cases[i].name);
                _cleanup_error_ Error e = {};

                if (output_give(path, false, &t.sink, &e) != cases[i].r)
                        fail_msg("%s: %s", path, e.detail ?: "it is open");
                if (i == 0)
                        assert_int_equal(chown(path, 1000, 1000), 0);
        }
        assert_int_equal(stat("secret/roots", &st), 0);
        assert_int_equal(st.st_size, 9);
        assert_int_equal(access("secret/new", F_OK), -1);
        leave_run(dir);
}

static void taps_that_cannot_be_are_refused(void **state) {
        static const struct {
                TapOptions options;
                int r;
                const char *words;
        } bad[] = {
                { { .like = "", .queues = 1 }, -EINVAL, "no bridge can have the name ''" },
                { { .like = "a-name-of-16-byt", .queues = 1 }, -EINVAL, "no bridge can have the name" },
                { { .name = "a-name-of-16-byt", .queues = 1 }, -EINVAL, "no tap can have the name" },
                { { .name = "tap%d", .queues = 1 }, -EINVAL, "no tap can have the name" },
                { { .queues = 0 }, -E2BIG, "1 to 64 queues" },
                { { .queues = 65 }, -E2BIG, "1 to 64 queues" },
                { { .name = "not-there-x", .queues = 1, .flags = TAP_EXISTING },
                  -ENODEV,
                  "there is no tap 'not-there-x'" },
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                TestSink t = { { take }, 0, {} };
                _cleanup_error_ Error e = {};
                int numbers[TAP_QUEUES_MAX];
                char name[IFNAMSIZ];

                assert_int_equal(tap_open(&bad[i].options, &t.sink, name, numbers, &e), bad[i].r);
                assert_non_null(strstr(e.message, bad[i].words));
        }
}

/* The folder is somebody's, who has other files given to himself when a guest gives back his own. */
static void another_file_is_not_given_back(void **state) {
        char dir[] = "/tmp/test-host-XXXXXX";
        _cleanup_free_ char *mine = NULL, *old = NULL;
        struct stat st;

        enter_run(dir);
        assert_int_equal(mkdir("his", 0755), 0);
        write_file("his/memory", "");
        write_file("roots", "");
        assert_int_equal(chown("his/memory", 1000, 1000), 0);
        assert_int_equal(owner_of("his/memory", &mine), 0);
        assert_int_equal(owner_give(mine, 2000, 2000), 0);
        assert_int_equal(stat("his/memory", &st), 0);
        assert_int_equal(st.st_uid, 2000);
        assert_int_equal(owner_return(mine), 0);
        assert_int_equal(stat("his/memory", &st), 0);
        assert_int_equal(st.st_uid, 1000);
        /* a link, a file of that name, a link in place of the folder */
        assert_int_equal(system("rm his/memory && ln -s ../roots his/memory"), 0);
        assert_int_equal(owner_return(mine), -ESTALE);
        assert_int_equal(owner_give(mine, 2000, 2000), -ESTALE);
        old = strdup("1000:1000:his/memory");
        assert_int_equal(owner_return(old), -ESTALE);
        assert_int_equal(system("rm his/memory && mv roots his/memory && ln his/memory roots"), 0);
        assert_int_equal(owner_return(mine), -ESTALE);
        assert_int_equal(system("mkdir else && mv his/memory else && rmdir his && ln -s else his"), 0);
        assert_int_equal(owner_return(mine), -ESTALE);
        assert_int_equal(stat("roots", &st), 0);
        assert_int_equal(st.st_uid, 0);
        assert_int_equal(system("rm his else/memory && rmdir else && rm roots"), 0);
        assert_int_equal(owner_return(mine), 0);
        leave_run(dir);
}

/* Deeper than a path can say. */
static void make_deep(const char *folder, unsigned levels) {
        int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        for (unsigned i = 0; i < levels; i++) {
                int below;

                assert_int_equal(symlinkat("/tmp", fd, "l"), 0);
                assert_int_equal(mkdirat(fd, "a-folder", 0700), 0);
                below = openat(fd, "a-folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                assert_true(below >= 0);
                close(fd);
                fd = below;
        }
        close(fd);
}

/* What a guest has made in a folder of its own goes, however deep, and nothing that it leads to. */
static void a_folder_goes_with_all_that_is_in_it(void **state) {
        char dir[] = "/tmp/test-host-XXXXXX";

        enter_run(dir);
        write_file("precious", "");
        assert_int_equal(folder_make("pages/of/guest", geteuid(), getegid()), 0);
        make_deep("pages/of/guest", 2000);
        assert_int_equal(system("cd pages/of/guest && ln -s ../../../precious link && ln -s ../../.. up && mkfifo f && "
                                ": > unitvirt-0 && mkdir unitvirt-1"), 0);
        assert_int_equal(folder_remove("pages/of/guest"), 0);
        assert_int_equal(access("pages/of/guest", F_OK), -1);
        assert_int_equal(access("precious", F_OK), 0);
        assert_int_equal(folder_remove("pages/of/guest"), 0);
        leave_run(dir);
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(another_file_is_not_given_back),
                cmocka_unit_test(a_folder_goes_with_all_that_is_in_it),
                cmocka_unit_test(a_socket_replaces_what_a_former_run_left),
                cmocka_unit_test(whoever_listens_is_connected_to),
                cmocka_unit_test(pipes_are_the_guests_for_a_while),
                cmocka_unit_test(a_path_leads_to_the_socket_in_the_guests_folder),
                cmocka_unit_test(what_was_made_is_undone),
                cmocka_unit_test(a_device_stays_for_its_companion),
                cmocka_unit_test(a_device_is_one_guests),
                cmocka_unit_test(a_device_may_leave_before_its_guest),
                cmocka_unit_test(a_half_line_was_never_made_and_the_newest_goes_first),
                cmocka_unit_test(ports_belong_to_guests),
                cmocka_unit_test(images_are_files),
                cmocka_unit_test(who_refuses_is_named),
                cmocka_unit_test(output_is_appended_or_starts_anew),
                cmocka_unit_test(output_goes_to_no_file_of_roots),
                cmocka_unit_test(taps_that_cannot_be_are_refused),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
