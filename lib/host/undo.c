/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/undo.h"

#include <sys/stat.h>

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/keyfile.h"
#include "base/network-news.h"
#include "base/strings.h"
#include "host/claims.h"
#include "host/events.h"
#include "host/fifo.h"
#include "host/filter.h"
#include "host/macvtap.h"
#include "host/owner.h"
#include "host/pci.h"
#include "host/mount.h"
#include "host/resctrl.h"
#include "host/script.h"
#include "host/sockets.h"
#include "network/ovs.h"
#include "network/shape.h"
#include "network/vf.h"

/* The port of a card on a network, RUN/network/NAME.ports/UUID.xml, goes: its network has a guest less. */
static void tell_network(const char *path) {
        _cleanup_free_ char *folder = text_format("%s/network/", path_run()), *name = NULL;
        const char *rest = folder ? startswith(path, folder) : NULL, *end = rest ? strstr(rest, ".ports/") : NULL;

        name = end ? strndup(rest, (size_t) (end - rest)) : NULL;
        if (name)
                network_news(name);
}

static int remove_file(const char *path) {
        if (unlink(path) < 0)
                return errno != ENOENT ? -errno : 0;
        tell_network(path);
        return 0;
}

static int remove_empty(const char *path) {
        struct stat st;

        if (lstat(path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        return S_ISREG(st.st_mode) && st.st_size == 0 ? remove_file(path) : 0;
}

static const struct {
        const char *key;
        int (*undo)(const char *value);
} kinds[] = {
        { UNDO_SOCKET, socket_remove },
        { UNDO_MOUNT,  mount_remove },
        { UNDO_FILE,   remove_file },
        { UNDO_EMPTY,  remove_empty },
        { UNDO_PIPE,   fifo_return },
        { UNDO_OWNER,  owner_return },
        { UNDO_FOLDER, folder_remove },
        { UNDO_LINK,   macvtap_remove },
        { UNDO_PCI,    pci_return },
        { UNDO_VFIO,   vfio_return },
        { UNDO_VF,     vf_undo },
        { UNDO_FILTER, filter_undo },
        { UNDO_OVS,    ovs_remove },
        { UNDO_FLOOR,  shape_floor_undo },
        { UNDO_SCRIPT, script_undo },
        { UNDO_CLAIM,  claim_return },
        { UNDO_RESCTRL, resctrl_remove },
        { UNDO_EVENTS, events_forget },
};

static void undo_line(char *line, bool known_only, UndoReport report, void *userdata) {
        int r = -ENOTSUP;
        char *value;

        if (!*line || keyfile_parse_line(line, &value) < 0)
                return;
        line[strcspn(line, "@")] = 0; /* the device that it is for */
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (streq(kinds[i].key, line))
                        r = kinds[i].undo(value);
        if (r < 0 && report && !(r == -ENOTSUP && known_only))
                report(line, value, r, userdata);
}

void undo_text(const char *text, bool known_only, UndoReport report, void *userdata) {
        _cleanup_free_ char *copy = strdup(text);
        char *end = copy ? strrchr(copy, '\n') : NULL;

        /* what follows the last line feed was being written, and so nothing was made yet */
        while (end) {
                char *begin;

                *end = 0;
                begin = strrchr(copy, '\n');
                undo_line(begin ? begin + 1 : copy, known_only, report, userdata);
                end = begin;
        }
}

int undo_run(const char *name, UndoReport report, void *userdata) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_UNDO, name), *text = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read(path, UNDO_LIST_MAX, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        undo_text(text, false, report, userdata);
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* "KEY@DEVICE=" */
static bool is_for(const char *line, const char *device) {
        const char *at = strchr(line, '@'), *rest = at ? startswith(at + 1, device) : NULL;

        return rest && *rest == '=' && memchr(line, '=', (size_t) (at - line)) == NULL;
}

static const char *next_line(const char *line) {
        const char *end = strchr(line, '\n');

        return end ? end + 1 : NULL;
}

/* The value of "vfio@DEVICE=GROUP", from the "=" on, where that is the device; NULL. */
static const char *group_of(const char *line, const char *device) {
        return startswith(line, UNDO_VFIO "@") && (!device || is_for(line, device)) ? strchr(line, '=') : NULL;
}

static bool is_same(const char *value, const char *other) {
        size_t n = strcspn(value, "\n");

        return n == strcspn(other, "\n") && strncmp(value, other, n) == 0;
}

/* Another device of the same VFIO group, which the guest keeps: all of a group is the guest's, or nothing of it is.
 * NULL: there is none. */
static char *find_companion(const char *text, const char *device) {
        const char *group = NULL;

        for (const char *line = text; line && !group; line = next_line(line))
                group = group_of(line, device);
        for (const char *line = group ? text : NULL; line; line = next_line(line)) {
                const char *value = group_of(line, NULL), *name = value ? strchr(line, '@') + 1 : NULL;

                if (value && !is_for(line, device) && is_same(value, group))
                        return strndup(name, (size_t) (value - name));
        }
        return NULL;
}

/* A line stays, or goes; or it is the companion's from now on, who has the group already. */
static void sort_line(const char *line, const char *device, const char *companion, StrBuf *keep, StrBuf *go) {
        bool own = is_for(line, device);

        if (own && companion && startswith(line, UNDO_PCI "@"))
                strbuf_addf(keep, UNDO_PCI "@%s%s\n", companion, strchr(line, '='));
        else if (!own || !companion || !startswith(line, UNDO_VFIO "@"))
                strbuf_addf(own ? go : keep, "%s\n", line);
}

int undo_device(const char *name, const char *device, UndoReport report, void *userdata) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_UNDO, name), *text = NULL, *others = NULL, *own = NULL,
                            *companion = NULL;
        _cleanup_strbuf_ StrBuf keep = {}, go = {};
        char *rest, *line;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read(path, UNDO_LIST_MAX, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        companion = find_companion(text, device);
        for (rest = text; (line = strsep(&rest, "\n")) && rest;)
                sort_line(line, device, companion, &keep, &go);
        others = strbuf_take(&keep);
        own = strbuf_take(&go);
        if (!others || !own)
                return -ENOMEM;
        if (!*own && !companion)
                return 0;
        undo_text(own, false, report, userdata);
        return file_write_atomic(path, others, strlen(others), 0600, FILE_WRITE_NOSYNC);
}
