/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Three folders, each watched by inotify. Whatever happens to a file NAME.xml in one of them, the guest NAME is looked at
 * as a whole: refresh() compares what is there with what the index says and does what the difference asks for. So the
 * order of events does not matter, and one that was lost in an overflow is made good by looking at everything. */

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/guest-exit.h"
#include "base/log.h"
#include "base/strings.h"
#include "driver.h"
#include "events.h"
#include "index.h"
#include "keep.h"
#include "monitor.h"
#include "peek.h"
#include "start.h"

#define DEFINITION_MAX (4U * 1024U * 1024U)
#define HEAD_SIZE 4096U

/* What the beginning of a definition file says. */
typedef struct Head {
        bool there;
        FileStamp stamp;
        uint8_t uuid[16];
        int id;
} Head;

/* The unusual document: by the parser. */
static int peek_whole(const char *path, char **ret_name, uint8_t ret_uuid[16], Error *e) {
        _cleanup_free_ char *text = NULL;
        bool has_uuid;
        size_t len;
        int r;

        r = file_read(path, DEFINITION_MAX, &text, &len);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot read %s", path);
        r = definition_peek(text, len, path, ret_name, ret_uuid, &has_uuid, e);
        if (r < 0)
                return r;
        if (!has_uuid)
                uuid_from_name(*ret_name, ret_uuid);
        return 0;
}

/* Reads a head; known is what the index has, which is kept without reading where the stamp is the same. */
static int head_read(char *path, const char *name, const FileStamp *known, const uint8_t *known_uuid, Head *ret) {
        _cleanup_free_ _unused_ char *owned = path, *found = NULL;
        _cleanup_close_ int fd = -EBADF;
        _cleanup_error_ Error e = ERROR_INIT;
        char buffer[HEAD_SIZE];
        struct stat st;
        ssize_t n;
        int r;

        *ret = (Head) { .id = -1 };
        if (!path)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return 0;
        file_stamp_of(&st, &ret->stamp);
        if (known && file_stamp_equal(known, &ret->stamp)) {
                memcpy(ret->uuid, known_uuid, 16);
                ret->there = true;
                return 0;
        }
        n = read(fd, buffer, sizeof(buffer));
        if (n < 0)
                return -errno;
        ret->id = peek_id(buffer, (size_t) n);
        if (!peek_usual(buffer, (size_t) n, &found, ret->uuid)) {
                r = peek_whole(path, &found, ret->uuid, &e);
                if (r < 0) {
                        log_warning("%s, ignoring this definition", error_text(&e, r));
                        return r;
                }
        }
        if (!streq(found, name)) {
                log_warning("%s: the name is '%s', not that of the file, ignoring this definition", path, found);
                return -EBADMSG;
        }
        ret->there = true;
        return 0;
}

/* --- ends --- */

/* The word behind "reason=" at the beginning of a line. */
static int end_reason_from(char *text) {
        static const int reasons[_GUEST_END_MAX] = {
                [GUEST_END_UNKNOWN] = SHUTOFF_UNKNOWN,     [GUEST_END_SHUTDOWN] = SHUTOFF_SHUTDOWN,
                [GUEST_END_DESTROYED] = SHUTOFF_DESTROYED, [GUEST_END_CRASHED] = SHUTOFF_CRASHED,
                [GUEST_END_MIGRATED] = SHUTOFF_MIGRATED,   [GUEST_END_SAVED] = SHUTOFF_SAVED,
                [GUEST_END_FAILED] = SHUTOFF_FAILED,
        };

        for (char *line = text, *end; line; line = end) {
                const char *word;

                end = strchr(line, '\n');
                if (end)
                        *end++ = 0;
                word = startswith(line, "reason=");
                if (word)
                        return reasons[guest_end_from_string(word)];
        }
        return SHUTOFF_UNKNOWN;
}

/* How the guest ended last, as vm-cleanup left it; otherwise where it said nothing. */
static int last_reason(const char *name, int otherwise) {
        _cleanup_free_ char *path = guest_path_run(name, "last"), *text = NULL;
        int reason;

        if (!path || file_read(path, HEAD_SIZE, &text, NULL) < 0)
                return otherwise;
        reason = end_reason_from(text);
        return reason == SHUTOFF_UNKNOWN ? otherwise : reason;
}

static void finish_run(Guest *g) {
        int reason = last_reason(g->name, g->state == GUEST_ENDING ? g->reason : SHUTOFF_UNKNOWN);

        guest_enter(g, GUEST_OFF, reason);
        monitor_end_run(g);
        guest_set_autodestroy(g, 0);
        g->kept = false;
}

/* --- one guest --- */

static int add_guest(QemuDriver *d, const char *name, const uint8_t uuid[16], Guest **ret) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = guest_new(d, name, uuid, &g);
        if (r < 0)
                return r;
        r = guests_add(g);
        if (r == -EEXIST)
                log_warning("domain '%s' has the uuid of another one, ignoring it", name);
        if (r < 0)
                return r;
        g->state = GUEST_OFF;
        *ret = g;
        return 0;
}

static void take_persistent(Guest *g, const Head *h, bool tell) {
        bool was = g->persistent;

        if (was && h->there && file_stamp_equal(&g->stamp, &h->stamp))
                return;
        g->persistent = h->there;
        g->stamp = h->stamp;
        g->facts.valid = false;
        if (!tell || (!was && !h->there))
                return;
        if (h->there)
                emit_lifecycle(g, LIFECYCLE_DEFINED, was ? DEFINED_UPDATED : DEFINED_ADDED);
        else
                emit_lifecycle(g, LIFECYCLE_UNDEFINED, UNDEFINED_REMOVED);
}

static void take_live(Guest *g, const Head *h, bool at_start) {
        if (g->run && (!h->there || (h->id >= 0 && h->id != g->run->id)))
                finish_run(g);
        if (!h->there)
                return;
        if (!g->run)
                (void) monitor_begin_run(g, h->id, &h->stamp, at_start);
        else if (!file_stamp_equal(&g->run->live, &h->stamp)) {
                g->run->live = h->stamp;
                g->run->facts.valid = false;
        }
}

static bool uuid_agrees(const Head *h, const uint8_t uuid[16]) {
        return !h->there || memcmp(h->uuid, uuid, 16) == 0;
}

static Guest *refresh(QemuDriver *d, const char *name, bool tell, bool at_start) {
        Guest *g = guests_by_name(d, name);
        Head persistent, transient, live;
        const Head *any;

        /* A definition that is unreadable now keeps what was known of it. */
        if (head_read(guest_path_persistent(name), name, g && g->persistent ? &g->stamp : NULL, g ? g->uuid : NULL,
                      &persistent) < 0 && g && g->persistent)
                persistent = (Head) { .there = true, .stamp = persistent.stamp, .id = -1 },
                memcpy(persistent.uuid, g->uuid, 16);
        if (head_read(guest_path_transient(name), name, NULL, NULL, &transient) < 0)
                transient.there = false;
        if (head_read(guest_path_live(name), name, g && g->run ? &g->run->live : NULL, g ? g->uuid : NULL, &live) < 0)
                live.there = false;

        any = live.there ? &live : persistent.there ? &persistent : transient.there ? &transient : NULL;
        if (g && any && memcmp(any->uuid, g->uuid, 16) != 0) {
                /* Another guest under the same name. */
                if (g->run)
                        finish_run(g);
                guests_remove(g);
                g = NULL;
        }
        if (!g) {
                if (!any || add_guest(d, name, any->uuid, &g) < 0)
                        return NULL;
                g->reason = last_reason(name, SHUTOFF_UNKNOWN);
        }
        take_live(g, &live, at_start);
        take_persistent(g, persistent.there && uuid_agrees(&persistent, g->uuid) ? &persistent : &(Head) {}, tell);
        g->transient = transient.there && uuid_agrees(&transient, g->uuid);
        if (!g->persistent && !g->transient && !g->run) {
                guests_remove(g);
                return NULL;
        }
        return g;
}

Guest *index_refresh(QemuDriver *d, const char *name) {
        return refresh(d, name, true, false);
}

Guest *index_refresh_quietly(QemuDriver *d, const char *name) {
        return refresh(d, name, false, false);
}

/* --- all guests --- */

/* NAME of NAME.xml, or of another suffix; NULL for other files. */
static char *name_of_file(const char *file, const char *end) {
        const char *suffix = endswith(file, end);

        return file[0] != '.' && suffix && suffix > file ? strndup(file, (size_t) (suffix - file)) : NULL;
}

enum {
        FOLDER_ETC,
        FOLDER_RUN,
        FOLDER_TRANSIENT,
};

static char *watched_folder(unsigned i) {
        const char *top = i == FOLDER_ETC ? path_etc() : path_run();

        return text_format("%s/qemu%s", top, i == FOLDER_TRANSIENT ? "/transient" : "");
}

static void for_each_file(QemuDriver *d, unsigned folder, const char *suffix, void (*f)(QemuDriver *d, const char *name)) {
        _cleanup_free_ char *path = watched_folder(folder);
        struct dirent *entry;
        DIR *dir;

        dir = path ? opendir(path) : NULL;
        if (!dir)
                return;
        while ((entry = readdir(dir))) {
                _cleanup_free_ char *name = name_of_file(entry->d_name, suffix);

                if (name)
                        f(d, name);
        }
        closedir(dir);
}

static void found_in_run(QemuDriver *d, const char *name) {
        if (!guests_by_name(d, name))
                (void) refresh(d, name, false, true);
}

/* All of /run was read before, so a guest that is not known yet has this one file. */
static void found_in_etc(QemuDriver *d, const char *name) {
        Head h;
        Guest *g;

        if (guests_by_name(d, name) || head_read(guest_path_persistent(name), name, NULL, NULL, &h) < 0 || !h.there)
                return;
        if (add_guest(d, name, h.uuid, &g) >= 0)
                take_persistent(g, &h, false);
}

static void found_last(QemuDriver *d, const char *name) {
        Guest *g = guests_by_name(d, name);

        if (g)
                index_refresh_end(g);
}

/* Thousands of guests are stopped, with nothing in /run, and tens run: each stopped one costs one file that is opened. */
static void first_scan(QemuDriver *d) {
        for_each_file(d, FOLDER_RUN, ".xml", found_in_run);
        for_each_file(d, FOLDER_TRANSIENT, ".xml", found_in_run);
        for_each_file(d, FOLDER_ETC, ".xml", found_in_etc);
        for_each_file(d, FOLDER_RUN, ".last", found_last);
        for_each_file(d, FOLDER_RUN, ".state", keep_found);
}

static void found_again(QemuDriver *d, const char *name) {
        (void) refresh(d, name, false, false);
}

static void rescan(QemuDriver *d) {
        Guest **list;
        size_t n;

        for (unsigned i = 0; i < ELEMENTSOF(d->watches); i++)
                for_each_file(d, i, ".xml", found_again);
        if (guests_snapshot(d, &list, &n) < 0)
                return;
        for (size_t i = 0; i < n; i++)
                (void) refresh(d, list[i]->name, true, false);
        guests_release(list, n);
}

void index_refresh_end(Guest *g) {
        if (g->state == GUEST_OFF)
                guest_enter(g, GUEST_OFF, last_reason(g->name, g->reason));
}

/* What we wrote ourselves is news to nobody. */
static bool is_as_known(QemuDriver *d, const char *name) {
        _cleanup_free_ char *path = guest_path_persistent(name);
        const Guest *g = guests_by_name(d, name);
        FileStamp stamp;
        struct stat st;

        if (!g || !g->persistent || !path || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
                return false;
        file_stamp_of(&st, &stamp);
        return file_stamp_equal(&g->stamp, &stamp);
}

static int on_inotify(sd_event_source *s, const struct inotify_event *event, void *userdata) {
        QemuDriver *d = userdata;
        _cleanup_free_ char *name = NULL, *ended = NULL;

        if (event->mask & IN_Q_OVERFLOW) {
                rescan(d);
                return 0;
        }
        /* How a guest ended that was never seen running: its unit failed before. */
        if (event->len > 0 && event->mask & IN_MOVED_TO && (ended = name_of_file(event->name, ".last")))
                found_last(d, ended);
        name = event->len > 0 ? name_of_file(event->name, ".xml") : NULL;
        if (name && !(s == d->watches[FOLDER_ETC] && is_as_known(d, name)))
                (void) refresh(d, name, true, false);
        return 0;
}

int index_start(QemuDriver *d, Error *e) {
        sd_event *event = loop_event(d->host->loop);
        int r;

        for (unsigned i = 0; i < ELEMENTSOF(d->watches); i++) {
                _cleanup_free_ char *path = watched_folder(i);

                if (!path)
                        return -ENOMEM;
                r = mkdir_p(path, i == FOLDER_TRANSIENT ? 0700 : 0755);
                if (r < 0)
                        return error_set_errno(e, r, ORIGIN_QEMU, "cannot make %s", path);
                r = sd_event_add_inotify(event, &d->watches[i], path,
                                         IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR,
                                         on_inotify, d);
                if (r < 0)
                        return error_set_errno(e, r, ORIGIN_QEMU, "cannot watch %s", path);
        }
        /* Watched first, read then: nothing falls between. */
        first_scan(d);
        guests_autodestroy(d, AUTODESTROY_ORPHAN);
        return 0;
}

void index_stop(QemuDriver *d) {
        Guest **list;
        size_t n;

        for (unsigned i = 0; i < ELEMENTSOF(d->watches); i++)
                d->watches[i] = sd_event_source_disable_unref(d->watches[i]);
        if (guests_snapshot(d, &list, &n) < 0)
                return;
        for (size_t i = 0; i < n; i++)
                guests_remove(list[i]);
        guests_release(list, n);
}
