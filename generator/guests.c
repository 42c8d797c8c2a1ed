/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "config/qemu.h"
#include "config/table.h"
#include "dropin.h"
#include "guests.h"

/* Its name is none of a guest's own drop-ins, which would hide it, and sorts before theirs. */
#define DROPIN "40-qemu-conf.conf"

static void add_limit(StrBuf *b, const char *setting, uint64_t value) {
        if (value == CONF_UNLIMITED)
                strbuf_addf(b, "%s=infinity\n", setting);
        else if (value > 0)
                strbuf_addf(b, "%s=%" PRIu64 "\n", setting, value);
}

int guests_generate(const char *unit_dir) {
        _cleanup_(qemu_config_freep) QemuConfig *c = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_strbuf_ StrBuf b = {};
        size_t head;
        int r;

        r = qemu_config_load(NULL, &c, NULL, &e);
        if (r < 0) {
                log_warning("%s: guests are not started until that is right", error_text(&e, r));
                return 0;
        }
        strbuf_addf(&b, "# Made from %s/qemu.conf by unitvirt-generator.\n\n[Service]\n", path_etc());
        head = b.len;
        add_limit(&b, "LimitCORE", c->max_core);
        add_limit(&b, "LimitNPROC", c->max_processes);
        add_limit(&b, "LimitNOFILE", c->max_files);
        add_limit(&b, "TasksMax", c->max_threads_per_process);
        /* its library listens itself, in the guest's own network, or has no certificates: runner/graphics.c */
        if (c->spice_tls)
                strbuf_add(&b, "RestrictAddressFamilies=AF_INET AF_INET6\n");
        /* which host it is, that users are of */
        if (c->vnc_sasl || c->spice_sasl)
                strbuf_add(&b, "BindReadOnlyPaths=-/etc/hosts -/etc/nsswitch.conf -/etc/host.conf -/etc/krb5.conf\n");
        if (c->spice_tls || c->vnc_sasl || c->spice_sasl)
                strbuf_addf(&b, "Environment=\"UNITVIRT_QEMU_CONF=%s%s\"\n", c->spice_tls ? "spice_tls" : "",
                            c->vnc_sasl || c->spice_sasl ? " sasl" : "");
        return b.len > head || b.failed ? dropin_write(unit_dir, "vm@.service", DROPIN, &b) : 0;
}
