/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-helper-prepare: the step of root's before vm-helper runs a helper of a guest.
 *
 *   vm-helper-prepare tpm     the folder of a TPM's state, its passphrase, and what a new TPM is born with
 *   vm-helper-prepare login   the password, the key or the agent that a disk's server asks for
 *
 * It is a program of its own since it looks for secrets in definitions: vm-helper, which stays as long as its guest,
 * is not linked to libxml2 therefore. */

#include <pwd.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "helper-key.h"
#include "helper-program.h"
#include "host/enter.h"
#include "host/owner.h"
#include "plan/helper.h"
#include "tpm-state.h"

/* Who the certificates of TPMs belong to, by the package of swtpm. */
#define CERTIFICATES_USER "tss"

/* Root's part of it: for this step and, by the service manager's store, for the program itself. */
static int find_key(const char *run_folder, const char *what, int *ret) {
        _cleanup_error_ Error e = ERROR_INIT;
        int r = helper_find_key(ret, &e);

        return r < 0 ? last_line_leave(run_folder, r, "cannot get %s: %s", what, error_text(&e, r)) : 0;
}

/* --- the state of a TPM --- */

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
        r = helper_program_run(words, run_folder, STDIN_FILENO, key, &line);
        if (r != 0)
                return -EIO;
        /* that it began is no reason for anything that fails later */
        last_line_forget(run_folder);
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

static int explain(const char *folder, const char *run_folder, int r) {
        struct stat st = {};

        (void) stat(folder, &st);
        return last_line_leave(run_folder, r, "cannot prepare the TPM's state in %s (owner %u, mode %04o): %s", folder,
                               st.st_uid, st.st_mode & 07777, strerror(-r));
}

static int prepare_tpm(void) {
        const TpmState state = { getenv("UNITVIRT_STATE"), streq_ptr(getenv("UNITVIRT_STATE_KIND"), "file") };
        const char *run_folder = getenv("RUNTIME_DIRECTORY");
        bool old = streq_ptr(getenv("UNITVIRT_TPM"), "1.2");
        _cleanup_close_ int key = -EBADF;
        struct stat st;
        int r;

        if (!state.path || !run_folder || stat(run_folder, &st) < 0)
                return log_error_errno(-EINVAL, "vm-helper-prepare is started by units of guests' helpers") < 0;
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

/* --- a login --- */

/* What the helper of a disk shows to the server. */
static int prepare_login(void) {
        const char *run_folder = getenv("RUNTIME_DIRECTORY");
        _cleanup_close_ int key = -EBADF;

        return run_folder && find_key(run_folder, "what the disk's server asks for", &key) >= 0 ? EXIT_SUCCESS
                                                                                                : EXIT_FAILURE;
}

int main(int argc, char **argv) {
        static const struct {
                const char *word;
                int (*run)(void);
        } verbs[] = { { "tpm", prepare_tpm }, { "login", prepare_login } };
        int r;

        log_open("vm-helper-prepare", LOG_TARGET_AUTO);
        for (size_t i = 0; argc == 2 && i < ELEMENTSOF(verbs); i++)
                if (streq(verbs[i].word, argv[1])) {
                        r = host_enter();
                        return r < 0 ? log_error_errno(r, "cannot enter the host's namespaces: %s", strerror(-r)) < 0
                                     : verbs[i].run();
                }
        log_error("usage: vm-helper-prepare tpm|login (started by units of guests' helpers)");
        return EXIT_FAILURE;
}
