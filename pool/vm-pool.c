/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-pool: a storage pool's work, as root, in vm-pool@NAME.service (start, stop, refresh) and
 * vm-pool-work@NAME.service.
 *
 * What it found is in NAME.volumes below /run/libvirt/storage, which is there as long as the pool is active; why
 * something failed in NAME.error. No daemon is needed for any of it. */

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/autostart.h"
#include "base/fs.h"
#include "base/instance.h"
#include "base/log.h"
#include "base/strings.h"
#include "claim.h"
#include "load.h"
#include "model/kind.h"
#include "nodes.h"
#include "notify.h"
#include "secret/secret.h"
#include "storage/job.h"
#include "storage/owner.h"
#include "storage/sandbox.h"
#include "storage/tool.h"

/* Less than TimeoutStartSec= of the unit, so that there is time to say why. */
#define SCAN_TIMEOUT 75U

typedef struct Scan {
        const VolumeTable *known;
        const PoolSpec *spec;
        const PoolBackend *backend;
        VolumeTable table;
        char **notes;
} Scan;

static uint64_t boottime(void) {
        struct timespec t;

        clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
}

/* Runs in the child. The path of a memory file by its descriptor is as good as any other. A failure's words are the
 * file's content then, behind a '!', which no table begins with. */
static int scan_in_child(int fd, void *userdata) {
        Scan *s = userdata;
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        r = s->backend->scan(s->spec, s->known, &s->table, &s->notes, &e);
        if (r < 0) {
                _cleanup_free_ char *words = error_to_text(&e, r);

                strbuf_addc(&b, '!');
                strbuf_add(&b, words ?: "");
        } else
                r = volume_table_print(&s->table, s->notes, &b);
        if (b.failed)
                return -ENOMEM;
        return r == -ENOMEM ? r : write_all(fd, b.data, b.len);
}

static int read_result(int fd, char **ret, Error *e) {
        _cleanup_free_ char *path = text_format("/proc/self/fd/%d", fd), *text = NULL;
        size_t len;
        int r;

        r = path ? file_read(path, 256U << 20, &text, &len) : -ENOMEM;
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot read what was found");
        if (*text == '!')
                return error_set_from_text(e, -EIO, ERROR_INTERNAL, ORIGIN_STORAGE, text + 1);
        *ret = TAKE_PTR(text);
        return 0;
}

/* What the child could not read, and the initiator's record has to have. */
static int open_secret(PoolSpec *spec, Error *e) {
        _cleanup_secret_value_ SecretValue v = {};
        char uuid[37];
        int r = 0;

        if (!spec->auth_user || (spec->type != POOL_ISCSI_DIRECT && spec->type != POOL_ISCSI) || spec->password)
                return 0;
        if (!spec->secret_uuid)
                r = secret_find(SECRET_USAGE_ISCSI, spec->secret_usage ?: "", uuid, e);
        if (r >= 0)
                r = secret_read(spec->secret_uuid ?: uuid, &v, e);
        if (r < 0)
                return r;
        spec->password = strndup((const char *) v.data, v.len);
        return spec->password ? 0 : -ENOMEM;
}

static int scan_as(PoolSpec *spec, const VolumeTable *known, SandboxMode mode, char **ret, Error *e) {
        Scan s = { .known = known, .spec = spec, .backend = pool_backend(spec->type), .table.begun = boottime() };
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = sandbox_run(scan_in_child, &s, mode, SCAN_TIMEOUT, &fd);
        if (r == -ETIMEDOUT)
                return error_set(e, r, ERROR_OPERATION_TIMEOUT, ORIGIN_STORAGE, "'%s' did not answer within %u seconds",
                                 spec->target ?: spec->name, SCAN_TIMEOUT);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot look at the pool '%s'", spec->name);
        return read_result(fd, ret, e);
}

/* Of the folder, or of something in it. */
static bool was_denied(const char *text, const Error *e) {
        _cleanup_free_ char *note = text_format("\t%s\n", strerror(EACCES));

        return text ? note && strstr(text, note) : e->detail && strstr(e->detail, strerror(EACCES));
}

/* A server of files knows users and no capabilities: what nobody may not read for all of them, root may, or where it
 * does not trust root, the folder's owner, perhaps; if not, the first look counts. */
static int scan_for_owner(PoolSpec *spec, const VolumeTable *known, char **text) {
        _cleanup_error_ Error ignored = ERROR_INIT, also_ignored = ERROR_INIT;
        _cleanup_free_ char *seen = NULL;
        int r = scan_as(spec, known, SANDBOX_OWNER, &seen, &ignored);

        if (r < 0 || was_denied(seen, &ignored)) {
                free(TAKE_PTR(seen));
                r = owner_act(spec->target);
                if (r < 0)
                        return r;
                r = scan_as(spec, known, SANDBOX_OWNER, &seen, &also_ignored);
                owner_rest();
        }
        if (r < 0)
                return r;
        free(*text);
        *text = TAKE_PTR(seen);
        return 0;
}

static int scan(PoolSpec *spec, const VolumeTable *known, char **ret, Error *e) {
        const PoolBackend *b = pool_backend(spec->type);
        _cleanup_error_ Error first = ERROR_INIT;
        int r;

        r = b->rescan ? b->rescan(spec, e) : 0;
        if (r < 0)
                return r;
        if (b->rescan)
                tool_settle();
        r = scan_as(spec, known, b->scan_mode, ret, &first);
        if (b->volumes_are_files && was_denied(r < 0 ? NULL : *ret, &first) && scan_for_owner(spec, known, ret) >= 0)
                return 0;
        if (r < 0)
                error_move(e, &first);
        return r;
}

/* What a crash of the machine left of volumes that were being made, where the look saw such. The folder has answered
 * the child: it will answer here. */
static void remove_parts(const PoolSpec *spec, const char *seen) {
        if (!pool_backend(spec->type)->volumes_are_files || !strstr(seen, "\n~"))
                return;
        if (!owner_may_help(volume_parts_remove(spec->target)) || owner_act(spec->target) < 0)
                return;
        (void) volume_parts_remove(spec->target);
        owner_rest();
}

/* Volumes are there, or said why not. */
static void log_notes(const PoolSpec *spec, const char *text) {
        for (const char *line = text; (line = strstr(line, "\n!")); line++) {
                size_t name = strcspn(line + 2, "\t\n"), end = strcspn(line + 2, "\n");

                log_warning("%s: skipping '%.*s':%.*s", spec->name, (int) name, line + 2, (int) (end - name),
                            line + 2 + name);
        }
}

static void say_status(const PoolSpec *spec, size_t n) {
        _cleanup_close_ int fd = notify_open();

        if (fd >= 0)
                (void) notify_status(fd, "", "%s: %zu volume%s", pool_type_name(spec->type), n, n == 1 ? "" : "s");
}

static int show_nodes(const PoolSpec *spec, const char *volumes, Error *e) {
        _cleanup_volume_table_ VolumeTable t = {};
        int r;

        if (!pool_backend(spec->type)->names_are_places)
                return 0;
        r = volume_table_load(volumes, &t);
        return r < 0 ? error_set_errno(e, r, ORIGIN_STORAGE, "cannot read '%s'", volumes)
                     : nodes_show(spec->name, &t, e);
}

static int show(const PoolSpec *spec, const char *text, Error *e) {
        _cleanup_free_ char *path = pool_file(POOL_VOLUMES, spec->name);
        size_t n = 0;
        int r;

        r = path ? file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC) : -ENOMEM;
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot write '%s'", path ?: "");
        r = show_nodes(spec, path, e);
        if (r < 0)
                return r;
        for (const char *p = text; (p = strstr(p, "\n+")); p++)
                n++;
        say_status(spec, n);
        log_notes(spec, text);
        return 0;
}

/* The live definition is what says that the pool is active, so it comes last. */
static int show_live(const PoolSpec *spec, const char *xml, Error *e) {
        _cleanup_free_ char *path = pool_file(POOL_LIVE, spec->name);
        int r = path ? file_write_atomic(path, xml, strlen(xml), 0600, FILE_WRITE_NOSYNC) : -ENOMEM;

        return r < 0 ? error_set_errno(e, r, ORIGIN_STORAGE, "cannot write '%s'", path ?: "") : 0;
}

static bool is_booting(void) {
        _cleanup_free_ char *state = NULL;

        return TOOL(30, &state, NULL, "systemctl", "show", "--property=SystemState", "--value") >= 0 &&
               (startswith(state, "starting") || startswith(state, "initializing"));
}

/* Less than TimeoutStartSec= of the unit, together with what the last try takes. */
#define BOOT_WAIT_NSEC (60ULL * 1000 * 1000 * 1000)

/* Disks are found while units start already, and no unit knows which of them a volume group is made of. */
static int start_source(const PoolSpec *spec, Error *e) {
        const PoolBackend *b = pool_backend(spec->type);
        uint64_t end = boottime() + BOOT_WAIT_NSEC;

        if (!b->start)
                return 0;
        for (;;) {
                _cleanup_error_ Error failure = ERROR_INIT;
                int r = b->start(spec, &failure);

                if (r >= 0)
                        return r;
                if (!b->waits_for_devices || boottime() > end || !is_booting()) {
                        error_move(e, &failure);
                        return r;
                }
                sleep(1);
                tool_settle();
        }
}

static int begin(PoolSpec *spec, const char *xml, Error *e) {
        const PoolBackend *b = pool_backend(spec->type);
        _cleanup_free_ char *text = NULL;
        int r;

        r = open_secret(spec, e);
        if (r >= 0)
                r = start_source(spec, e);
        if (r < 0)
                return r;
        r = b->volumes_are_files ? claim_folder(spec, e) : 0;
        if (r >= 0)
                r = scan(spec, NULL, &text, e);
        if (r >= 0)
                remove_parts(spec, text);
        if (r >= 0)
                r = show(spec, text, e);
        if (r >= 0)
                r = show_live(spec, xml, e);
        if (r < 0 && b->stop)
                (void) b->stop(spec, NULL);
        if (r < 0) {
                nodes_forget(spec->name);
                claim_forget(spec->name);
        }
        return r;
}

/* The unit says its name. */
static void adopt_autostart(const char *name) {
        _cleanup_free_ char *link = text_format("%s/storage/autostart/%s.xml", path_etc(), name);
        const char *unit = getenv("UNITVIRT_UNIT");

        if (link && unit)
                autostart_adopt_and_say(link, UNITDIR, unit);
}

/* What the daemon has left, or else what the definition says. */
static int load_next(const char *name, PoolSpec **ret, char **ret_xml, Error *e) {
        _cleanup_free_ char *stamp = pool_definition_stamp(name);
        _cleanup_definition_ Definition *d = NULL;
        int r;

        if (stamp && pool_known_load(name, stamp, ret, ret_xml) >= 0)
                return 0;
        pool_known_forget(name);
        r = pool_load(name, false, &d, ret, e);
        return r < 0 ? r : definition_format(d, 0, ret_xml);
}

static int load_live(const char *name, PoolSpec **ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;

        return pool_known_load(name, NULL, ret, NULL) >= 0 ? 0 : pool_load(name, true, &d, ret, e);
}

static int start(const char *name, Error *e) {
        _cleanup_pool_spec_ PoolSpec *spec = NULL;
        _cleanup_free_ char *xml = NULL;
        int r;

        r = load_next(name, &spec, &xml, e);
        if (r >= 0)
                r = pool_build_wanted(spec, e);
        if (r >= 0)
                r = begin(spec, xml, e);
        if (r >= 0)
                adopt_autostart(name);
        return r;
}

static void forget(const char *name) {
        static const PoolFile files[] = { POOL_LIVE, POOL_VOLUMES };

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *path = pool_file(files[i], name);

                if (path)
                        (void) unlink(path);
        }
        nodes_forget(name);
        claim_forget(name);
        pool_known_forget(name);
}

static int stop(const char *name, Error *e) {
        _cleanup_pool_spec_ PoolSpec *spec = NULL;
        int r;

        r = load_live(name, &spec, e);
        if (r >= 0 && pool_backend(spec->type)->stop)
                r = pool_backend(spec->type)->stop(spec, e);
        forget(name);
        return r;
}

/* What was known stays, and says that it is old. */
static void mark_stale(const char *name) {
        _cleanup_volume_table_ VolumeTable t = {};
        _cleanup_free_ char *path = pool_file(POOL_VOLUMES, name);

        if (!path || volume_table_load(path, &t) < 0)
                return;
        t.stale = true;
        (void) volume_table_save(&t, NULL, path);
}

static int refresh(const char *name, Error *e) {
        _cleanup_pool_spec_ PoolSpec *spec = NULL;
        _cleanup_volume_table_ VolumeTable known = {};
        _cleanup_free_ char *path = pool_file(POOL_VOLUMES, name), *text = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        /* what cannot be read is found anew */
        (void) volume_table_load(path, &known);
        r = load_live(name, &spec, e);
        if (r >= 0 && spec->type == POOL_ISCSI_DIRECT)
                r = open_secret(spec, e);
        if (r >= 0)
                r = scan(spec, &known, &text, e);
        if (r >= 0)
                remove_parts(spec, text);
        if (r >= 0)
                r = show(spec, text, e);
        if (r < 0)
                mark_stale(name);
        return r;
}

static const struct {
        const char *verb;
        int (*run)(const char *name, Error *e);
} verbs[] = {
        { "start", start },
        { "stop", stop },
        { "refresh", refresh },
        { "work", pool_work },
};

static int finish(const char *name, int r, Error *e) {
        _cleanup_free_ char *path = pool_file(POOL_ERROR, name), *words = NULL, *line = NULL;

        if (!path)
                return EXIT_FAILURE;
        if (r >= 0) {
                (void) unlink(path);
                return EXIT_SUCCESS;
        }
        log_error("%s: %s", name, error_text(e, r));
        words = error_to_text(e, r);
        line = words ? text_format("%s\n", words) : NULL;
        if (line)
                (void) file_write_atomic(path, line, strlen(line), 0600, FILE_WRITE_NOSYNC);
        return EXIT_FAILURE;
}

/* Long names are shortened in units; what they are short for is found among the definitions. */
static int name_of(const char *instance, char **ret) {
        _cleanup_free_ char *etc = text_format("%s/storage", path_etc()),
                            *run = text_format("%s/storage/transient", path_run());
        const char *const folders[] = { etc, run, NULL };

        return etc && run ? instance_to_name(instance, folders, ret) : -ENOMEM;
}

static int run(const char *verb, const char *instance, Error *e) {
        _cleanup_free_ char *name = NULL;
        int r = name_of(instance, &name);

        if (r < 0)
                return finish(instance,
                              error_set_errno(e, r, ORIGIN_STORAGE, "no storage pool for the unit '%s'", instance), e);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(verb, verbs[i].verb))
                        return finish(name, verbs[i].run(name, e), e);
        return -EINVAL;
}

/* The unit of a definition that cannot be used: its generator's words. */
static int broken(const char *instance, const char *message, Error *e) {
        return finish(instance, error_set_from_text(e, -EBADMSG, ERROR_XML_ERROR, ORIGIN_STORAGE, message), e);
}

int main(int argc, char *argv[]) {
        _cleanup_error_ Error e = ERROR_INIT;
        int r = -EINVAL;

        log_open("vm-pool", LOG_TARGET_AUTO);
        if (argc == 4 && streq(argv[1], "--broken"))
                return broken(argv[2], argv[3], &e);
        if (argc == 3)
                r = run(argv[1], argv[2], &e);
        if (r >= 0)
                return r;
        fprintf(stderr, "usage: vm-pool start|stop|refresh|work NAME\n");
        return EXIT_FAILURE;
}
