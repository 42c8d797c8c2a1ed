/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-helper: runs a helper program of a guest in a unit of its own (vm-swtpm@, vm-virtiofsd@).
 *
 *   vm-helper --log       as root: the file that the helper's user writes to
 *   vm-helper             as the unit's user: listens, says that the unit is ready, runs the words UNITVIRT_ARG_1,
 *                         UNITVIRT_ARG_2 ...
 *   vm-helper --ended     as root: where the helper failed, the guest's start failed with its last line
 *
 * The program inherits the listening socket as descriptor 3, and the passphrase where there is one. What it writes
 * goes on to the journal; its last line is kept. */

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fds.h"
#include "base/fs.h"
#include "base/guest-files.h"
#include "base/log.h"
#include "base/strings.h"
#include "helper-agent.h"
#include "helper-program.h"
#include "host/enter.h"
#include "host/sockets.h"
#include "notify.h"
#include "plan/helper.h"
#include "plan/names.h"
#include "tpm-state.h"

#define WORDS_MAX 64U
#define LISTEN_FDS_START 3

static volatile sig_atomic_t told_to_end;

static void pass_on(int sig) {
        told_to_end = true;
        if (helper_program > 0)
                (void) kill((pid_t) helper_program, sig);
        else
                helper_program = -1;
}

static int read_words(const char *words[static WORDS_MAX + 1]) {
        size_t n = 0;

        for (; n < WORDS_MAX; n++) {
                char key[32];

                (void) snprintf(key, sizeof key, "UNITVIRT_ARG_%zu", n + 1);
                words[n] = getenv(key);
                if (!words[n])
                        break;
        }
        words[n] = NULL;
        return n > 0 ? 0 : -EINVAL;
}

/* --- a program with one connection --- */

static int accept_one(int listening) {
        int fd;

        do
                fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        while (fd < 0 && errno == EINTR && helper_program >= 0);
        (void) close(listening);
        return fd < 0 ? -errno : fd;
}

/* A program that has to find users in a list, its own and those that come, of which there is none in its view. */
static int write_users(const char *others) {
        const char *path = getenv("UNITVIRT_PASSWD");
        _cleanup_free_ char *text = NULL;

        if (!path)
                return 0;
        text = text_format("%s:x:%u:%u::/:/usr/sbin/nologin\n%s", getenv("USER") ?: "helper", getuid(), getgid(),
                           others);
        return text ? file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC) : -ENOMEM;
}

/* The socket that the program is to listen on: in a folder of the guest's, which this unit does not see. And who will
 * come to it. */
static int take_socket(int listening) {
        _cleanup_close_ int connection = accept_one(listening), fd = -EBADF;
        char users[HELPER_USERS_MAX + 1] = "";
        unsigned n = 0;
        ssize_t size;
        int r;

        if (connection < 0)
                return connection;
        size = receive_fds(connection, users, HELPER_USERS_MAX, &fd, 1, &n, 0);
        r = size < 0 ? (int) size : n == 1 ? write_users(users) : -EBADMSG;
        return r < 0 ? r : TAKE_FD(fd);
}

/* What has gone into the background is ours, too. */
static int wait_for_all(void) {
        int status = 0;

        while (waitpid(-1, &status, 0) >= 0 || errno == EINTR)
                ;
        return helper_exit_status(status);
}

/* It talks to one connection, which is there before it, and goes into the background when all that it needs is there:
 * then whoever waits is given the other end. Else the last word is. */
static int run_for_one(const char *const *words, const char *folder, int listening) {
        _cleanup_close_ int connection = accept_one(listening), ours = -EBADF, theirs = -EBADF;
        LastLine line = {};
        int ends[2], r;

        if (connection < 0)
                return log_error_errno(connection, "nobody connects: %s", strerror(-connection));
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
                return -errno;
        ours = ends[0];
        theirs = ends[1];
        r = helper_program_run(words, folder, theirs, -EBADF, &line);
        closep(&theirs);
        if (r != 0) {
                (void) send_fds(connection, line.text, MAX(line.n, (size_t) 1), NULL, 0, 0);
                return r;
        }
        (void) send_fds(connection, HELPER_READY, strlen(HELPER_READY), &ours, 1, 0);
        closep(&connection);
        closep(&ours);
        return wait_for_all();
}

/* What the step before left with the service manager. -EBADF: nothing. */
static int take_stored(const char *name) {
        unsigned n = 0;

        if (parse_uint(getenv("LISTEN_FDS") ?: "0", &n) < 0 || n == 0 || !streq_ptr(getenv("LISTEN_FDNAMES"), name))
                return -EBADF;
        return fcntl(LISTEN_FDS_START, F_DUPFD_CLOEXEC, HELPER_PARKED_FD);
}

/* A TPM ends with QEMU. Its unit is there until the guest's has ended, and then adds what the TPM said to the reason
 * why the start failed, if it did. */
static void stay(void) {
        sigset_t term, before;

        sigemptyset(&term);
        sigaddset(&term, SIGTERM);
        (void) sigprocmask(SIG_BLOCK, &term, &before);
        while (!told_to_end)
                (void) sigsuspend(&before);
}

static int run(void) {
        const char *words[WORDS_MAX + 1], *folder = getenv("RUNTIME_DIRECTORY");
        _cleanup_close_ int key = take_stored(HELPER_KEY_NAME), agent = take_stored(HELPER_AGENT_NAME);
        struct sigaction action = { .sa_handler = pass_on };
        _cleanup_free_ char *path = NULL;
        LastLine line = {};
        int notify_fd = notify_open(), fd = -EBADF, r;

        path = folder ? text_format("%s/%s", folder, HELPER_SOCKET) : NULL;
        r = path ? read_words(words) : -EINVAL;
        if (r < 0)
                return log_error_errno(r, "vm-helper is started by units of guests' helpers") < 0;
        (void) sigaction(SIGTERM, &action, NULL);
        r = socket_listen(path, &fd);
        if (r < 0)
                return log_error_errno(r, "cannot listen at %s: %s", path, strerror(-r)) < 0;
        r = agent >= 0 ? helper_offer_agent(folder, agent) : 0;
        if (r < 0)
                return log_error_errno(r, "cannot offer the agent in %s: %s", folder, strerror(-r)) < 0;
        (void) notify_send(notify_fd, "READY=1\n");
        if (streq_ptr(getenv("UNITVIRT_CONNECTED"), "yes"))
                fd = accept_one(fd);
        else if (helper_is_activated())
                fd = take_socket(fd);
        if (fd < 0)
                return log_error_errno(fd, "nobody connects: %s", strerror(-fd)) < 0;
        r = streq_ptr(getenv("UNITVIRT_ACCEPT"), "yes") ? run_for_one(words, folder, fd)
                                                        : helper_program_run(words, folder, fd, key, &line);
        if (r == 0 && getenv("UNITVIRT_TPM"))
                stay();
        return r < 0 ? log_error_errno(r, "cannot run %s: %s", words[0], strerror(-r)) < 0 : r;
}

/* The file that the helper itself writes its log to. */
static int prepare_log(void) {
        const char *path = getenv("UNITVIRT_LOG_FILE"), *run_folder = getenv("RUNTIME_DIRECTORY");
        struct stat st;
        int r = path && run_folder && stat(run_folder, &st) >= 0 ? tpm_file_own(path, st.st_uid, st.st_gid) : -EINVAL;

        if (r < 0)
                (void) last_line_leave(run_folder, r, "cannot make the log '%s': %s", path ?: "", strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* --- afterwards --- */

/* Why the guest's start has failed, as far as others know, with what the helper said. NULL: that is no reason. */
static char *explain_end(const char *error, const char *said, bool failed) {
        _cleanup_free_ char *known = NULL;

        if (file_read(error, 2 * HELPER_LINE_KEPT, &known, NULL) < 0 || !*known)
                return failed ? text_format("a helper of the guest failed: %s", said) : NULL;
        known[strcspn(known, "\n")] = 0;
        return strstr(known, said) ? NULL : text_format("%s (a helper of the guest said: %s)", known, said);
}

/* vm-run writes this file just before the first instruction; it goes with the guest's unit. */
static bool is_running(const char *guest) {
        _cleanup_free_ char *user = NULL, *path = NULL;

        if (user_name_for_guest(guest, &user) < 0)
                return false;
        path = text_format("%s/qemu/%s/" GUEST_FOLDER_RUN, path_run(), user);
        return path && access(path, F_OK) >= 0;
}

static int ended(void) {
        const char *run_folder = getenv("RUNTIME_DIRECTORY"), *guest = getenv("UNITVIRT_GUEST");
        _cleanup_free_ char *path = NULL, *text = NULL, *error = NULL, *message = NULL;

        if (!run_folder || !guest)
                return EXIT_SUCCESS;
        path = text_format("%s/%s", run_folder, HELPER_ERROR);
        error = guest_file(GUEST_FILE_ERROR, guest);
        /* a guest that runs has other worries, and tells them itself */
        if (!path || !error || is_running(guest) || file_read_strangers(path, HELPER_LINE_KEPT, &text) < 0)
                return EXIT_SUCCESS;
        message = explain_end(error, text, !streq_ptr(getenv("SERVICE_RESULT"), "success"));
        if (message)
                (void) file_write_atomic(error, message, strlen(message), 0600, FILE_WRITE_NOSYNC);
        return EXIT_SUCCESS;
}

static int as_root(int (*act)(void)) {
        int r;

        r = host_enter();
        return r < 0 ? log_error_errno(r, "cannot enter the host's namespaces: %s", strerror(-r)) < 0 : act();
}

int main(int argc, char **argv) {
        log_open("vm-helper", LOG_TARGET_AUTO);
        if (argc == 2 && streq(argv[1], "--log"))
                return as_root(prepare_log);
        if (argc == 2 && streq(argv[1], "--ended"))
                return as_root(ended);
        if (argc != 1) {
                log_error("usage: vm-helper (started by units of guests' helpers)");
                return EXIT_FAILURE;
        }
        return run();
}
