/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-helper: runs a helper program of a guest in a unit of its own (vm-swtpm@, vm-virtiofsd@).
 *
 *   vm-helper --prepare   as root: the folder of a TPM's state, its passphrase, and what a new TPM is born with
 *   vm-helper --login     as root: the password, the key or the agent that a disk's server asks for
 *   vm-helper --log       as root: the file that the helper's user writes to
 *   vm-helper             as the unit's user: listens, says that the unit is ready, runs the words UNITVIRT_ARG_1,
 *                         UNITVIRT_ARG_2 ...
 *   vm-helper --ended     as root: where the helper failed, the guest's start failed with its last line
 *
 * The program inherits the listening socket as descriptor 3, and the passphrase where there is one. What it writes
 * goes on to the journal; its last line is kept. */

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fds.h"
#include "base/fs.h"
#include "base/guest-files.h"
#include "base/log.h"
#include "base/strings.h"
#include "helper-key.h"
#include "host/enter.h"
#include "host/owner.h"
#include "host/sockets.h"
#include "notify.h"
#include "plan/helper.h"
#include "plan/names.h"
#include "secret/value.h"
#include "tpm-state.h"

#define WORDS_MAX 64U
#define LINE_KEPT 1024U
#define LISTEN_FDS_START 3
/* Above those that the program gets. */
#define PARKED 10
/* Who the certificates of TPMs belong to, by the package of swtpm. */
#define CERTIFICATES_USER "tss"

typedef struct LastLine {
        char text[LINE_KEPT];
        size_t n;
        bool ended;             /* the next character begins another line */
        char first[LINE_KEPT];  /* what it said first */
} LastLine;

static volatile sig_atomic_t child; /* -1: ended before there was one */
static volatile sig_atomic_t told_to_end;

static void pass_on(int sig) {
        told_to_end = true;
        if (child > 0)
                (void) kill((pid_t) child, sig);
        else
                child = -1;
}

static void keep(LastLine *line, const char *data, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (data[i] == '\n') {
                        line->ended = true;
                        if (!line->first[0])
                                memcpy(line->first, line->text, line->n);
                        continue;
                }
                if (line->ended)
                        line->n = 0;
                line->ended = false;
                if (line->n < sizeof(line->text) - 1)
                        line->text[line->n++] = data[i];
        }
        line->text[line->n] = 0;
}

/* --- the program --- */

/* A program that is named without a folder is where the distributions have it. */
static const char *find_program(const char *name) {
        static const char *const folders[] = { "/usr/libexec", "/usr/lib/qemu", "/usr/lib/virtiofsd", "/usr/bin" };
        static char path[4096];

        if (*name == '/')
                return name;
        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                (void) snprintf(path, sizeof path, "%s/%s", folders[i], name);
                if (access(path, X_OK) >= 0)
                        return path;
        }
        return name;
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

/* A file of its own each time, to be read from the beginning; key_fd -EBADF: there is none. */
static int give_key(int key_fd) {
        static const int numbers[] = { HELPER_KEY_FD, HELPER_KEY_FD_AGAIN };
        char path[64];

        (void) snprintf(path, sizeof path, "/proc/self/fd/%i", key_fd);
        for (size_t i = 0; key_fd >= 0 && i < ELEMENTSOF(numbers); i++) {
                int fd = open(path, O_RDONLY | O_CLOEXEC);

                if (fd < 0 || (fd != numbers[i] && dup2(fd, numbers[i]) < 0))
                        return -errno;
                if (fd == numbers[i])
                        (void) fcntl(fd, F_SETFD, 0);
        }
        return 0;
}

/* A program that knows its socket as systemd would hand it over; it is given to us by who has made it. */
static bool is_activated(void) {
        return streq_ptr(getenv("UNITVIRT_ACTIVATED"), "yes");
}

static void activate(void) {
        char number[16];

        /* the same of the socket that is ours */
        if (!is_activated() && !streq_ptr(getenv("UNITVIRT_LISTENS"), "yes"))
                return;
        (void) snprintf(number, sizeof number, "%i", getpid());
        (void) setenv("LISTEN_PID", number, 1);
        (void) setenv("LISTEN_FDS", "1", 1);
        (void) unsetenv("LISTEN_FDNAMES");
}

_noreturn_ static void become(const char *const *words, int socket_fd, int key_fd, int words_fd) {
        const char *program = find_program(words[0]);

        /* out of the way of those that the program knows by number */
        words_fd = fcntl(words_fd, F_DUPFD_CLOEXEC, PARKED);
        socket_fd = fcntl(socket_fd, F_DUPFD_CLOEXEC, PARKED);
        if (words_fd < 0 || socket_fd < 0 || give_key(key_fd) < 0 || dup2(words_fd, STDERR_FILENO) < 0 ||
            dup2(words_fd, STDOUT_FILENO) < 0 || dup2(socket_fd, HELPER_SOCKET_FD) < 0)
                _exit(127);
        (void) unsetenv("NOTIFY_SOCKET");
        activate();
        (void) execv(program, (char *const *) words);
        dprintf(STDERR_FILENO, "cannot start %s: %s\n", program, strerror(errno));
        _exit(127);
}

static void watch(int fd, LastLine *line) {
        char data[4096];
        ssize_t n;

        while ((n = read(fd, data, sizeof data)) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return;
                (void) write_all(STDERR_FILENO, data, (size_t) n);
                keep(line, data, (size_t) n);
        }
}

static void leave_line(const char *folder, const LastLine *line) {
        _cleanup_free_ char *path = text_format("%s/%s", folder, HELPER_ERROR);

        if (path && line->n > 0)
                (void) file_write_atomic(path, line->text, line->n, 0600, FILE_WRITE_NOSYNC);
}

static void forget_line(const char *folder) {
        _cleanup_free_ char *path = text_format("%s/%s", folder, HELPER_ERROR);

        if (path)
                (void) unlink(path);
}

/* One that has ended well may still have said why QEMU did not come to terms with it, before it says farewell. */
static void leave_first(const char *folder, const LastLine *line) {
        LastLine first = {};

        first.n = strnlen(line->first, sizeof(first.text) - 1);
        memcpy(first.text, line->first, first.n);
        leave_line(folder, &first);
}

static int exit_status(int status) {
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Until it ends, or goes on in the background. */
static int run_program(const char *const *words, const char *folder, int socket_fd, int key_fd, LastLine *line) {
        _cleanup_close_ int ours = -EBADF, theirs = -EBADF;
        int ends[2], status = 0;
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        ours = ends[0];
        theirs = ends[1];
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                become(words, socket_fd, key_fd, theirs);
        child = pid;
        closep(&theirs);
        watch(ours, line);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        child = 0;
        /* one that was told to end has not failed: what it said last was about its work */
        if (exit_status(status) != 0 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM))
                leave_line(folder, line);
        else if (exit_status(status) == 0)
                leave_first(folder, line);
        return exit_status(status);
}

/* --- a program with one connection --- */

static int accept_one(int listening) {
        int fd;

        do
                fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        while (fd < 0 && errno == EINTR && child >= 0);
        (void) close(listening);
        return fd < 0 ? -errno : fd;
}

/* The socket that the program is to listen on: in a folder of the guest's, which this unit does not see. */
static int take_socket(int listening) {
        _cleanup_close_ int connection = accept_one(listening), fd = -EBADF;
        unsigned n = 0;
        ssize_t size;
        char byte;

        if (connection < 0)
                return connection;
        size = receive_fds(connection, &byte, sizeof byte, &fd, 1, &n, 0);
        return size < 0 ? (int) size : n == 1 ? TAKE_FD(fd) : -EBADMSG;
}

/* What has gone into the background is ours, too. */
static int wait_for_all(void) {
        int status = 0;

        while (waitpid(-1, &status, 0) >= 0 || errno == EINTR)
                ;
        return exit_status(status);
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
        r = run_program(words, folder, theirs, -EBADF, &line);
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
        return fcntl(LISTEN_FDS_START, F_DUPFD_CLOEXEC, PARKED);
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
        else if (is_activated())
                fd = take_socket(fd);
        if (fd < 0)
                return log_error_errno(fd, "nobody connects: %s", strerror(-fd)) < 0;
        r = streq_ptr(getenv("UNITVIRT_ACCEPT"), "yes") ? run_for_one(words, folder, fd)
                                                        : run_program(words, folder, fd, key, &line);
        if (r == 0 && getenv("UNITVIRT_TPM"))
                stay();
        return r < 0 ? log_error_errno(r, "cannot run %s: %s", words[0], strerror(-r)) < 0 : r;
}

/* --- before: the state of a TPM --- */

static int own_user(const char *folder) {
        const struct passwd *user = getpwnam(CERTIFICATES_USER);

        if (!user)
                return log_error_errno(-ESRCH, "there is no user %s", CERTIFICATES_USER);
        return chown(folder, user->pw_uid, user->pw_gid) < 0 ? -errno : 0;
}

/* A TPM is born with keys and certificates, as from a factory. */
static int manufacture(const TpmState *state, const char *run_folder, bool old, int key) {
        static const char *const options[][2] = {
                { "--pcr-banks", "UNITVIRT_TPM_BANKS" },
                { "--profile-name", "UNITVIRT_TPM_PROFILE" },
                { "--profile-remove-disable", "UNITVIRT_TPM_REMOVE" },
        };
        enum { FIXED = 9 };
        _cleanup_free_ char *where = text_format("%s%s", state->is_file ? "file://" : "", state->path);
        char number[16];
        const char *words[FIXED + 1 + 2 * ELEMENTSOF(options) + 4 + 1] = {
                "/usr/bin/swtpm_setup", "--tpm-state",            where,          "--runas",         CERTIFICATES_USER,
                "--create-ek-cert",     "--create-platform-cert", "--lock-nvram", "--not-overwrite",
        };
        size_t n = FIXED;
        LastLine line = {};
        const struct passwd *user = getpwnam(CERTIFICATES_USER);
        int r;

        if (!old)
                words[n++] = "--tpm2";
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (getenv(options[i][1])) {
                        words[n++] = options[i][0];
                        words[n++] = getenv(options[i][1]);
                }
        if (key >= 0) {
                (void) snprintf(number, sizeof number, "%i", HELPER_KEY_FD);
                words[n++] = "--cipher";
                words[n++] = HELPER_KEY_CIPHER;
                words[n++] = "--pwdfile-fd";
                words[n++] = number;
        }
        if (!where)
                return log_oom();
        r = user ? tpm_state_own(state, user->pw_uid, user->pw_gid) : -ESRCH;
        if (r < 0)
                return log_error_errno(r, "cannot give %s to the user %s: %s", state->path, CERTIFICATES_USER,
                                       strerror(-r));
        r = run_program(words, run_folder, STDIN_FILENO, key, &line);
        if (r != 0)
                return -EIO;
        /* that it began is no reason for anything that fails later */
        forget_line(run_folder);
        return 0;
}

/* The user that makes it may remove and make files in the folder; that of a file that somebody has named is not his. */
static int set_up(const TpmState *state, const char *run_folder, bool old, int key) {
        char folder[] = "/run/libvirt/swtpm-XXXXXX", path[sizeof(folder) + 8];
        int r;

        if (!state->is_file)
                return manufacture(state, run_folder, old, key);
        if (!mkdtemp(folder))
                return log_error_errno(-errno, "cannot make a folder in /run/libvirt: %m");
        (void) snprintf(path, sizeof path, "%s/state", folder);
        r = own_user(folder);
        if (r >= 0)
                r = manufacture(&(TpmState) { path, true }, run_folder, old, key);
        if (r >= 0)
                r = tpm_state_copy(path, state->path);
        (void) unlink(path);
        if (rmdir(folder) < 0)
                log_warning_errno(-errno, "cannot remove %s, ignoring: %m", folder);
        return r;
}

/* Root's part of it: for this step and, by the service manager's store, for the program itself. */
static int find_key(const char *run_folder, const char *what, int *ret) {
        _cleanup_error_ Error e = ERROR_INIT;
        LastLine line = {};
        int r = helper_find_key(ret, &e);

        if (r >= 0)
                return 0;
        (void) snprintf(line.text, sizeof line.text, "cannot get %s: %s", what, error_text(&e, r));
        line.n = strlen(line.text);
        leave_line(run_folder, &line);
        return log_error_errno(r, "%s", line.text);
}

/* The file that the helper itself writes its log to. */
static int prepare_log(void) {
        const char *path = getenv("UNITVIRT_LOG_FILE"), *run_folder = getenv("RUNTIME_DIRECTORY");
        LastLine line = {};
        struct stat st;
        int r = path && run_folder && stat(run_folder, &st) >= 0 ? tpm_file_own(path, st.st_uid, st.st_gid) : -EINVAL;

        if (r >= 0)
                return EXIT_SUCCESS;
        (void) snprintf(line.text, sizeof line.text, "cannot make the log '%s': %s", path ?: "", strerror(-r));
        line.n = strlen(line.text);
        if (run_folder)
                leave_line(run_folder, &line);
        return log_error_errno(r, "%s", line.text) < 0;
}

/* What the helper of a disk shows to the server. */
static int prepare_login(void) {
        const char *run_folder = getenv("RUNTIME_DIRECTORY");
        _cleanup_close_ int key = -EBADF;

        return run_folder && find_key(run_folder, "what the disk's server asks for", &key) >= 0 ? EXIT_SUCCESS
                                                                                                : EXIT_FAILURE;
}

static int explain(const char *folder, const char *run_folder, int r) {
        LastLine line = {};
        struct stat st = {};

        (void) stat(folder, &st);
        (void) snprintf(line.text, sizeof line.text, "cannot prepare the TPM's state in %s (owner %u, mode %04o): %s",
                        folder, st.st_uid, st.st_mode & 07777, strerror(-r));
        line.n = strlen(line.text);
        leave_line(run_folder, &line);
        return log_error_errno(r, "%s", line.text);
}

static int prepare(void) {
        const TpmState state = { getenv("UNITVIRT_STATE"), streq_ptr(getenv("UNITVIRT_STATE_KIND"), "file") };
        const char *run_folder = getenv("RUNTIME_DIRECTORY");
        bool old = streq_ptr(getenv("UNITVIRT_TPM"), "1.2");
        _cleanup_close_ int key = -EBADF;
        struct stat st;
        int r;

        if (!state.path || !run_folder || stat(run_folder, &st) < 0)
                return log_error_errno(-EINVAL, "vm-helper is started by units of guests' helpers") < 0;
        r = state.is_file ? tpm_file_own(state.path, st.st_uid, st.st_gid)
                          : folder_make(state.path, st.st_uid, st.st_gid);
        if (r < 0)
                return explain(state.path, run_folder, r) < 0;
        if (find_key(run_folder, "the passphrase of the TPM", &key) < 0)
                return EXIT_FAILURE;
        if (!tpm_state_exists(&state, old) && set_up(&state, run_folder, old, key) < 0)
                return EXIT_FAILURE;
        r = tpm_state_own(&state, st.st_uid, st.st_gid);
        return r < 0 ? explain(state.path, run_folder, r) < 0 : EXIT_SUCCESS;
}

/* --- afterwards --- */

/* Why the guest's start has failed, as far as others know, with what the helper said. NULL: that is no reason. */
static char *explain_end(const char *error, const char *said, bool failed) {
        _cleanup_free_ char *known = NULL;

        if (file_read(error, 2 * LINE_KEPT, &known, NULL) < 0 || !*known)
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
        if (!path || !error || is_running(guest) || file_read_strangers(path, LINE_KEPT, &text) < 0)
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
        if (argc == 2 && streq(argv[1], "--prepare"))
                return as_root(prepare);
        if (argc == 2 && streq(argv[1], "--login"))
                return as_root(prepare_login);
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
