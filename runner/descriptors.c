/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/strings.h"
#include "notify.h"
#include "prepare.h"

/* vm-run parks descriptors above 1024 while it sorts them. */
#define NUMBER_MAX 1000

int descriptor_number(Prepare *p) {
        if (p->next_fd >= NUMBER_MAX)
                return error_set(&p->error, -EMFILE, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                                 "the guest needs more than %i open files for its devices", NUMBER_MAX);
        return p->next_fd++;
}

int descriptor_store(Prepare *p, int fd) {
        char name[32];
        int number, r;

        number = descriptor_number(p);
        if (number < 0)
                return number;
        if (p->keep)
                return p->keep(p, number, fd);
        (void) snprintf(name, sizeof name, "qemu-%i", number);
        r = parcel_put(p->parcel_fd, name, fd);
        if (r < 0)
                return error_set_errno(&p->error, r, ORIGIN_SYSTEMD, "cannot hand a file to vm-run");
        return number;
}

int descriptor_give(FdSink *sink, int fd, Error *e) {
        Prepare *p = container_of(sink, Prepare, sink);
        int r = descriptor_store(p, fd);

        /* it is our own error that lib/host is given, mostly */
        if (r < 0 && e != &p->error)
                error_move(e, &p->error);
        return r;
}

int descriptor_set(Prepare *p) {
        return p->next_set++;
}

int descriptor_add_to_set(Prepare *p, int set, int number) {
        int r;

        r = strv_add(&p->fd_args, "-add-fd");
        return r < 0 ? r : strv_addf(&p->fd_args, "fd=%i,set=%i", number, set);
}

int descriptor_name(Prepare *p, int number, const char **ret) {
        int set = descriptor_set(p), r;
        char *name;

        r = descriptor_add_to_set(p, set, number);
        if (r < 0)
                return r;
        name = text_format("/dev/fdset/%i", set);
        if (!name)
                return -ENOMEM;
        r = strv_consume(&p->paths, name);
        if (r < 0)
                return r;
        *ret = name;
        return 0;
}
