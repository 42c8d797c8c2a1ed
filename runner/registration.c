/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dlfcn.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/strings.h"
#include "register.h"
#include "run.h"

/* For a bus, or a machined, that does not answer: the guest waits for it. */
#define TIMEOUT_SEC 10

static void report(int r, const char *message) {
        if (r == -EEXIST)
                log_warning("machined knows another machine by this name, proceeding without it");
        else
                log_full(r == -ENOENT ? LOG_DEBUG : LOG_WARNING, r,
                         "machined does not know the guest, proceeding without: %s", message ?: strerror(-r));
}

/* In the child: loads what vm-run shall not have in its memory. */
static void speak(int fd, const Registration *g) {
        const char *path = LIBEXECDIR "/" REGISTER_MODULE;
        RegisterMachine *function;
        void *module, *symbol;
        char *message = NULL;
        int r;

        module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        symbol = module ? dlsym(module, REGISTER_SYMBOL) : NULL;
        if (!symbol) {
                log_warning("cannot load a module, proceeding without machined: %s", dlerror());
                return;
        }
        memcpy(&function, &symbol, sizeof function);
        r = function(fd, g, &message);
        if (r < 0)
                report(r, message);
}

/* No image, tap or launch file is the child's business, and QEMU, which has the same user, shall find nothing in it. */
static _noreturn_ void child(int fd, const Registration *g) {
        (void) prctl(PR_SET_DUMPABLE, 0);
        (void) alarm(TIMEOUT_SEC);
        if (dup2(fd, STDERR_FILENO + 1) < 0)
                report(-errno, NULL);
        else {
                (void) close_range(STDERR_FILENO + 2, ~0U, 0);
                speak(STDERR_FILENO + 1, g);
        }
        _exit(EXIT_SUCCESS);
}

void registration_begin(Run *run) {
        const Registration g = { run->launch.machine, run->launch.unit, run->launch.uuid, getpid() };
        int fd = parcel_find(&run->parcel, REGISTER_FD_NAME);
        pid_t pid;

        if (fd < 0 || !g.machine || !g.unit || !g.uuid)
                return;
        pid = fork();
        if (pid < 0)
                report(-errno, NULL);
        if (pid == 0)
                child(fd, &g);
        /* our own copy is closed with the others, once QEMU is started */
        run->registrar = MAX(pid, 0);
}

void registration_end(Run *run) {
        int status;

        if (run->registrar <= 0)
                return;
        while (waitpid(run->registrar, &status, 0) < 0 && errno == EINTR)
                ;
        if (WIFSIGNALED(status))
                log_warning("machined did not answer (%s), proceeding without it", strsignal(WTERMSIG(status)));
        run->registrar = 0;
}
