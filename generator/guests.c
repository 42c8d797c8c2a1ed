/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "config/qemu.h"
#include "config/table.h"
#include "guests.h"

/* Its name is none of a guest's own drop-ins, which would hide it, and sorts before theirs. */
#define DROPIN "40-qemu-conf.conf"

static void add_limit(StrBuf *b, const char *setting, uint64_t value) {
        if (value == CONF_UNLIMITED)
                strbuf_addf(b, "%s=infinity\n", setting);
        else if (value > 0)
                strbuf_addf(b, "%s=%" PRIu64 "\n", setting, value);
}

static int write_dropin(const char *unit_dir, const char *settings) {
        _cleanup_free_ char *dir = NULL, *path = NULL, *text = NULL;
        int r;

        if (asprintf(&dir, "%s/vm@.service.d", unit_dir) < 0 || asprintf(&path, "%s/" DROPIN, dir) < 0 ||
            asprintf(&text, "# Made from %s/qemu.conf by unitvirt-generator.\n\n[Service]\n%s", path_etc(), settings) < 0)
                return log_oom();
        r = mkdir_p(dir, 0755);
        if (r >= 0)
                r = file_write_atomic(path, text, strlen(text), 0644, FILE_WRITE_NOSYNC);
        return r < 0 ? log_error_errno(r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

int guests_generate(const char *unit_dir) {
        _cleanup_(qemu_config_freep) QemuConfig *c = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        r = qemu_config_load(NULL, &c, NULL, &e);
        if (r < 0) {
                log_warning("%s: guests are not started until that is right", error_text(&e, r));
                return 0;
        }
        add_limit(&b, "LimitCORE", c->max_core);
        add_limit(&b, "LimitNPROC", c->max_processes);
        add_limit(&b, "LimitNOFILE", c->max_files);
        add_limit(&b, "TasksMax", c->max_threads_per_process);
        if (b.failed)
                return log_oom();
        return b.len > 0 ? write_dropin(unit_dir, b.data) : 0;
}
