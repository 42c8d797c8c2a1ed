/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "model/definition.h"
#include "model/kind.h"
#include "storage/job.h"
#include "storage/pool.h"
#include "storage/sandbox.h"
#include "storage/scan.h"
#include "storage/tool.h"

static char folder[] = "/tmp/test-storage-XXXXXX";

static char *in_folder(const char *name) {
        return text_format("%s/%s", folder, name);
}

static void write_file(const char *name, const void *data, size_t len, off_t size) {
        _cleanup_free_ char *path = in_folder(name);
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, data, len), len);
        assert_int_equal(ftruncate(fd, size), 0);
}

static int make_folder(void **state) {
        return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
        _cleanup_error_ Error e = ERROR_INIT;

        return TOOL(10, NULL, &e, "rm", "-rf", "--", folder);
}

static void volumes_survive_their_lines(void **state) {
        Volume v = { .name = (char *) "a\tb\\n -",
                     .path = (char *) "/p/a\tb\\n -",
                     .type = VOLUME_BLOCK,
                     .format = (char *) "qcow2",
                     .capacity = UINT64_MAX,
                     .allocation = 1,
                     .physical = 2,
                     .mode = 0640,
                     .uid = 5,
                     .gid = (gid_t) -1,
                     .atime = { -3, 999999999 },
                     .has_stat = true,
                     .features = IMAGE_LAZY_REFCOUNTS,
                     .version = 3,
                     .cluster_size = 65536,
                     .encryption = IMAGE_LUKS,
                     .backing = (char *) "-",
                     .extents = (char *) "/dev/sda 0 1" };
        _cleanup_free_ char *line = volume_to_line(&v), *again = NULL;
        _cleanup_volume_ Volume *back = NULL;

        assert_null(strchr(line, '\n'));
        assert_int_equal(volume_from_line(line, &back), 0);
        assert_string_equal(back->name, v.name);
        assert_string_equal(back->backing, "-");
        assert_null(back->key);
        assert_string_equal(volume_key(back), v.path);
        again = volume_to_line(back);
        assert_string_equal(line, again);
        for (size_t n = 0; n < strlen(line); n++) {
                _cleanup_free_ char *cut = strndup(line, n);
                _cleanup_volume_ Volume *none = NULL;

                (void) volume_from_line(cut, &none);
        }
}

static void apply(VolumeTable *t, const char *line) {
        assert_int_equal(volume_table_apply(t, line, strlen(line)), 0);
}

static char *plus(const char *name, uint64_t capacity) {
        _cleanup_free_ char *path = text_format("/p/%s", name);
        Volume v = { .name = (char *) name, .path = path, .capacity = capacity };
        _cleanup_free_ char *line = volume_to_line(&v);

        return text_format("+%s", line);
}

static void tables_take_changes_and_come_back(void **state) {
        static const char *const names[] = { "m", "a", "z", "b", "ab", "a" };
        _cleanup_volume_table_ VolumeTable t = {}, back = {};
        _cleanup_free_ char *path = in_folder("t.volumes");
        _cleanup_volume_ Volume *v = NULL;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *line = plus(names[i], i);

                apply(&t, line);
        }
        apply(&t, "-m");
        apply(&t, "-nobody");
        apply(&t, "=10 4 6");
        assert_int_equal(t.n, 4);
        assert_int_equal(volume_table_find(&t, "a"), 0);
        assert_int_equal(volume_table_find(&t, "m"), -ENOENT);
        assert_int_equal(volume_table_find_path(&t, "/p/ab", false), 1);
        assert_int_equal(volume_table_find_path(&t, "/p/m", true), -ENOENT);
        assert_int_equal(volume_table_get(&t, 0, &v), 0);
        assert_int_equal(v->capacity, 5);
        apply(&t, "@7 stale");
        apply(&t, "%1777 7 8");
        assert_int_equal(volume_table_save(&t, NULL, path), 0);
        assert_int_equal(volume_table_load(path, &back), 0);
        assert_int_equal(back.n, 4);
        assert_int_equal(back.begun, 7);
        assert_true(back.stale);
        assert_int_equal(back.sizes.available, 6);
        assert_int_equal(back.folder.mode, 01777);
        assert_int_equal(back.folder.gid, 8);
        assert_int_equal(volume_table_load("/nonexistent", &back), -ENOENT);
}

static void tables_tell_what_has_changed(void **state) {
        _cleanup_free_ char *a = plus("a", 1), *b = plus("b", 2), *c = plus("c", 3), *b2 = plus("b", 4),
                            *d = plus("d", 5);
        _cleanup_volume_table_ VolumeTable from = {}, to = {};
        _cleanup_free_ char *wanted = text_format("%s\n-c\n%s\n!x\ty\n=0 0 0\n@0 fresh\n", b2, d);
        char *const notes[] = { (char *) "!x\ty", NULL };
        _cleanup_strbuf_ StrBuf text = {};

        apply(&from, a);
        apply(&from, b);
        apply(&from, c);
        assert_int_equal(volume_table_append(&to, strdup(d + 1)), 0);
        assert_int_equal(volume_table_append(&to, strdup(b2 + 1)), 0);
        assert_int_equal(volume_table_append(&to, strdup(a + 1)), 0);
        volume_table_sort(&to);
        assert_int_equal(volume_table_print_changes(&from, &to, notes, &text), 0);
        assert_string_equal(text.data, wanted);
}

static void folders_are_scanned_past_what_is_strange(void **state) {
        _cleanup_volume_table_ VolumeTable t = {};
        _cleanup_strv_ char **notes = NULL;
        _cleanup_free_ char *path = in_folder("scan"), *pipe = in_folder("scan/pipe"), *link = in_folder("scan/broken"),
                            *good = in_folder("scan/link"), *sub = in_folder("scan/sub.qcow2"),
                            *socket_path = in_folder("scan/socket");
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        _cleanup_close_ int s = socket(AF_UNIX, SOCK_STREAM, 0);
        _cleanup_volume_ Volume *v = NULL;

        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(mkdir(sub, 0755), 0);
        assert_int_equal(mkfifo(pipe, 0600), 0);
        assert_int_equal(symlink("/nowhere", link), 0);
        snprintf(a.sun_path, sizeof a.sun_path, "%s", socket_path);
        assert_int_equal(bind(s, (struct sockaddr *) &a, sizeof a), 0);
        write_file("scan/raw.img", "x", 1, 1 << 20);
        write_file("scan/bad\nname", "x", 1, 1);
        write_file("scan/.x" VOLUME_PART_SUFFIX, "x", 1, 1);
        assert_int_equal(symlink("raw.img", good), 0);
        assert_int_equal(scan_folder(path, NULL, &t, &notes), 0);
        assert_int_equal(t.n, 3);
        assert_int_equal(strv_length(notes), 1);
        assert_true(t.sizes.capacity >= t.sizes.available);
        assert_true(t.folder.known && t.folder.uid == geteuid());
        assert_int_equal(t.folder.mode, 0700);
        assert_int_equal(volume_table_get(&t, (size_t) volume_table_find(&t, "sub.qcow2"), &v), 0);
        assert_int_equal(v->type, VOLUME_DIR);
        v = volume_free(v);
        assert_int_equal(volume_table_get(&t, (size_t) volume_table_find(&t, "raw.img"), &v), 0);
        assert_int_equal(v->capacity, 1 << 20);
        assert_int_equal(v->mode, 0640);
        assert_string_equal(v->format, "raw");
}

/* A table that says what no look at the file could have found: which of the two a scan believes shows in the
 * capacity. */
static void remember(VolumeTable *t, const char *name, bool just_changed) {
        _cleanup_volume_ Volume *v = NULL;
        size_t at = (size_t) volume_table_find(t, name);

        assert_int_equal(volume_table_get(t, at, &v), 0);
        v->capacity = 999;
        v->features = just_changed ? VOLUME_JUST_CHANGED : 0;
        if (t->rows[at].owned)
                free((char *) t->rows[at].line);
        t->rows[at].line = volume_to_line(v);
        t->rows[at].owned = true;
}

static uint64_t capacity_by(const VolumeTable *known, const char *name) {
        _cleanup_free_ char *path = in_folder("known");
        _cleanup_volume_table_ VolumeTable t = {};
        _cleanup_strv_ char **notes = NULL;
        _cleanup_volume_ Volume *v = NULL;

        assert_int_equal(scan_folder(path, known, &t, &notes), 0);
        assert_int_equal(volume_table_get(&t, (size_t) volume_table_find(&t, name), &v), 0);
        return v->capacity;
}

static void images_that_nobody_wrote_to_are_not_opened_again(void **state) {
        _cleanup_free_ char *path = in_folder("known"), *file = in_folder("known/a"), *other = in_folder("known/b");
        _cleanup_volume_table_ VolumeTable t = {};
        _cleanup_strv_ char **notes = NULL;
        _cleanup_volume_ Volume *v = NULL;

        assert_int_equal(mkdir(path, 0700), 0);
        write_file("known/a", "x", 1, 4096);
        assert_int_equal(scan_folder(path, NULL, &t, &notes), 0);
        /* so soon after a change there may be another one that no time tells of */
        assert_int_equal(volume_table_get(&t, 0, &v), 0);
        assert_true(v->features & VOLUME_JUST_CHANGED);
        remember(&t, "a", true);
        assert_int_equal(capacity_by(&t, "a"), 4096);
        remember(&t, "a", false);
        assert_int_equal(capacity_by(&t, "a"), 999);
        assert_int_equal(chmod(file, 0600), 0);
        assert_int_equal(capacity_by(&t, "a"), 4096);
        write_file("known/b", "x", 1, 4096);
        assert_int_equal(rename(other, file), 0);
        assert_int_equal(capacity_by(&t, "a"), 4096);
}

/* What this program has written it need not look at: it knows of it what a look would find. */
static void what_was_written_is_known(void **state) {
        _cleanup_volume_ Volume *looked = NULL, *known = NULL, *none = NULL;
        _cleanup_free_ char *path = in_folder("written"), *a = NULL, *b = NULL;
        _cleanup_close_ int fd = -EBADF;

        assert_int_equal(mkdir(path, 0700), 0);
        write_file("written/v", "x", 1, 70000);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(scan_entry(fd, path, "v", &looked), 0);
        assert_int_equal(scan_written(path, "v", "raw", &known), 0);
        looked->features |= VOLUME_JUST_CHANGED;
        looked->atime = known->atime;
        a = volume_to_line(looked);
        b = volume_to_line(known);
        assert_string_equal(a, b);
        assert_int_equal(scan_written(path, "w", "raw", &none), -ENOENT);
}

/* Version 2: size 1 TiB, a backing file whose name is behind the header. */
static const unsigned char qcow2_of_a_guest[] = {
        'Q', 'F', 'I', 0xfb, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 72, 0, 0, 0, 11, 0, 0, 0, 16, 0, 0, 1, 0, 0, 0, 0, 0,
        [72] = '/', 'e', 't', 'c', '/', 's', 'h', 'a', 'd', 'o', 'w',
};

/* What is on a device its guest has written. */
static void devices_are_raw(void **state) {
        _cleanup_volume_ Volume *image = NULL, *device = NULL, *none = NULL;
        _cleanup_free_ char *path = in_folder("device");

        write_file("device", qcow2_of_a_guest, sizeof qcow2_of_a_guest, 70000);
        assert_int_equal(scan_entry(AT_FDCWD, NULL, path, &image), 0);
        assert_string_equal(image->format, "qcow2");
        assert_string_equal(image->backing, "/etc/shadow");
        assert_int_equal(scan_device(path, "unit:0:0:0", &device), 0);
        assert_int_equal(device->type, VOLUME_BLOCK);
        assert_string_equal(device->name, "unit:0:0:0");
        assert_string_equal(device->path, path);
        assert_int_equal(device->capacity, 70000);
        assert_int_equal(device->physical, 70000);
        assert_int_equal(device->allocation, 70000);
        assert_null(device->format);
        assert_null(device->backing);
        assert_int_equal(scan_device("/nowhere", "unit:0:0:0", &none), -ENOENT);
}

static void names_of_volumes(void **state) {
        static const struct {
                const char *name;
                bool good;
        } cases[] = {
                { "a", true },     { "a b.qcow2", true }, { "\xc3\xa4", true }, { "", false },
                { ".", false },    { "..", false },       { "a/b", false },     { "a\nb", false },
                { "\xff", false }, { "\xc3", false },     { "...", true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_error_ Error e = ERROR_INIT;

                assert_int_equal(volume_name_check(cases[i].name, &e) >= 0, cases[i].good);
                assert_true(cases[i].good || e.code == ERROR_XML_ERROR);
        }
}

/* --- qemu-img --- */

#define VOLUME(body) "<volume><name>v</name>" body "</volume>"
#define TARGET(body) "<target>" body "</target>"
#define QCOW2(body) TARGET("<format type='qcow2'/>" body)
#define SIZE "<capacity unit='G'>5</capacity>"
#define LUKS(body)                                                                                               \
        "<encryption format='luks'><secret type='passphrase' uuid='5d6e7c1a-4fbd-4c1c-9b1f-0a1b2c3d4e5f'/>" body \
        "</encryption>"

static const struct ImgCase {
        const char *xml;
        uint32_t flags;
        const char *source_format;   /* convert instead of create */
        const char *args;            /* NULL: refused */
} img_cases[] = {
        { VOLUME(SIZE QCOW2("<compat>0.10</compat>")), 0, NULL,
          "qemu-img create -f qcow2 -o compat=0.10 /p/v 5242880K" },
        { VOLUME(SIZE QCOW2("")), 0, NULL, "qemu-img create -f qcow2 -o compat=1.1 /p/v 5242880K" },
        { VOLUME(SIZE QCOW2("") "<backingStore><path>/dev/null</path><format type='raw'/></backingStore>"), 0, NULL,
          "qemu-img create -f qcow2 -b /dev/null -o backing_fmt=raw,compat=1.1 /p/v 5242880K" },
        { VOLUME(QCOW2("") "<backingStore><path>/a,b</path></backingStore>"), 0, NULL,
          "qemu-img create -f qcow2 -b /a,b -o backing_fmt=raw,compat=1.1 /p/v" },
        { VOLUME(SIZE QCOW2("<features><lazy_refcounts/></features>")), 0, NULL,
          "qemu-img create -f qcow2 -o compat=1.1,lazy_refcounts=on /p/v 5242880K" },
        { VOLUME(SIZE QCOW2(
                  "<features><lazy_refcounts/><extended_l2/></features><clusterSize unit='KiB'>128</clusterSize>")),
          0, NULL,
          "qemu-img create -f qcow2 -o compat=1.1,cluster_size=131072,lazy_refcounts=on,extended_l2=on /p/v 5242880K" },
        { VOLUME(SIZE QCOW2("<compat>0.10</compat><features><lazy_refcounts/></features>")), 0, NULL, NULL },
        { VOLUME(SIZE QCOW2("")), VOLUME_PREALLOC_METADATA, NULL,
          "qemu-img create -f qcow2 -o preallocation=falloc,compat=1.1 /p/v 5242880K" },
        { VOLUME(SIZE "<allocation>0</allocation>" QCOW2("")), VOLUME_PREALLOC_METADATA, NULL,
          "qemu-img create -f qcow2 -o preallocation=metadata,compat=1.1 /p/v 5242880K" },
        { VOLUME(SIZE QCOW2("<nocow/>")), 0, NULL, "qemu-img create -f qcow2 -o nocow=on,compat=1.1 /p/v 5242880K" },
        { VOLUME("<capacity>1000</capacity>" QCOW2("")), 0, NULL, "qemu-img create -f qcow2 -o compat=1.1 /p/v 1000" },
        { VOLUME("<capacity>0</capacity>" QCOW2("")), 0, NULL, "qemu-img create -f qcow2 -o compat=1.1 /p/v 0K" },
        { VOLUME(SIZE TARGET("<format type='vmdk'/>")), 0, NULL, "qemu-img create -f vmdk /p/v 5242880K" },
        { VOLUME(SIZE TARGET("<format type='vmdk'/><compat>1.1</compat>")), 0, NULL, NULL },
        { VOLUME(SIZE QCOW2(LUKS(""))), 0, NULL,
          "qemu-img create -f qcow2 --object secret,id=volume0,file=/s,,x -o "
          "encrypt.format=luks,encrypt.key-secret=volume0,compat=1.1 "
          "/p/v 5242880K" },
        { VOLUME(SIZE TARGET("<format type='raw'/>" LUKS("<cipher name='serpent' size='256' mode='cbc' hash='sha256'/>"
                                                         "<ivgen name='plain64' hash='sha256'/>"))),
          0, NULL,
          "qemu-img create -f luks --object secret,id=volume0,file=/s,,x -o "
          "key-secret=volume0,cipher-alg=serpent-256,cipher-mode=cbc,"
          "hash-alg=sha256,ivgen-alg=plain64,ivgen-hash-alg=sha256 /p/v 5242880K" },
        { VOLUME(SIZE TARGET("<format type='vdi'/>" LUKS(""))), 0, NULL, NULL },
        { VOLUME(SIZE QCOW2("<encryption format='qcow'/>")), 0, NULL, NULL },
        { VOLUME(SIZE QCOW2("<compat>0.10</compat>")), VOLUME_PREALLOC_METADATA, "raw",
          "qemu-img convert -p -f raw -O qcow2 -o preallocation=falloc,compat=0.10 /src /p/v" },
        { VOLUME(SIZE TARGET("<format type='raw'/>")), 0, "qcow2", "qemu-img convert -p -f qcow2 -O raw /src /p/v" },
        { VOLUME(SIZE QCOW2("")), 0, "iso", "qemu-img convert -p -f raw -O qcow2 -o compat=1.1 /src /p/v" },
        { VOLUME(SIZE TARGET("<format type='iso'/>")), 0, NULL, "qemu-img create -f raw /p/v 5242880K" },
};

static char *joined(char *const *argv) {
        StrBuf b = {};

        for (; argv && *argv; argv++)
                strbuf_addf(&b, "%s%s", b.len > 0 ? " " : "", *argv);
        return strbuf_take(&b);
}

static void volumes_become_arguments(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(img_cases); i++) {
                const struct ImgCase *c = &img_cases[i];
                _cleanup_volume_job_ VolumeJob *j = volume_job_new(c->source_format ? VOLUME_CLONE : VOLUME_CREATE);
                _cleanup_definition_ Definition *d = NULL;
                _cleanup_error_ Error e = ERROR_INIT;
                _cleanup_strv_ char **argv = NULL;
                _cleanup_free_ char *args = NULL;
                int r;

                assert_int_equal(definition_parse_as(&document_volume, c->xml, strlen(c->xml), NULL, 0, &d, &e), 0);
                assert_int_equal(volume_job_from_xml(definition_root(d), j, &e), 0);
                j->flags = c->flags;
                free(j->secret);
                j->secret = strdup("/s,x");
                if (c->source_format) {
                        j->source = strdup("/src");
                        j->source_format = strdup(c->source_format);
                }
                r = (c->source_format ? qemu_img_convert : qemu_img_create)(j, "/p/v", &argv, &e);
                assert_int_equal(r < 0, !c->args);
                args = joined(argv);
                if (c->args)
                        assert_string_equal(args, c->args);
                else
                        assert_int_equal(e.code, ERROR_CONFIG_UNSUPPORTED);
        }
}

static void resizes_become_arguments(void **state) {
        VolumeJob j = { .verb = VOLUME_RESIZE, .path = (char *) "/p/a,b", .format = (char *) "qcow2", .capacity = 2048,
                        .secret = (char *) "/dev/fd/3", .flags = RESIZE_SHRINK };
        _cleanup_free_ char *plain = NULL, *encrypted = NULL;
        _cleanup_strv_ char **argv = NULL, **with = NULL;
        _cleanup_error_ Error e = ERROR_INIT;

        assert_int_equal(qemu_img_resize(&j, &argv, &e), 0);
        plain = joined(argv);
        assert_string_equal(plain, "qemu-img resize -f qcow2 --shrink /p/a,b 2K");
        j.encryption = (char *) "luks";
        assert_int_equal(qemu_img_resize(&j, &with, &e), 0);
        encrypted = joined(with);
        assert_string_equal(encrypted,
                            "qemu-img resize --shrink --object secret,id=volume0,file=/dev/fd/3 --image-opts "
                            "driver=qcow2,file.driver=file,file.filename=/p/a,,b,encrypt.key-secret=volume0 2K");
}

static void jobs_survive_their_files(void **state) {
        _cleanup_volume_job_ VolumeJob *j = volume_job_new(VOLUME_WIPE), *back = NULL, *none = NULL;
        _cleanup_free_ char *text = NULL, *again = NULL;

        j->name = strdup("a=b");
        j->path = strdup("/p/a=b");
        j->backing = strdup("/a\\b\npath=/etc/x\\");
        j->algorithm = 4;
        j->worker = strdup("a\\x2db");
        text = volume_job_to_text(j);
        assert_int_equal(volume_job_from_text(text, &back), 0);
        again = volume_job_to_text(back);
        assert_string_equal(text, again);
        assert_int_equal(back->verb, VOLUME_WIPE);
        assert_string_equal(back->path, "/p/a=b");
        assert_string_equal(back->backing, j->backing);
        assert_string_equal(back->worker, j->worker);
        assert_int_equal(back->weight, UINT64_MAX);
        assert_int_equal(back->mode, (unsigned) -1);
        assert_int_equal(volume_job_from_text("verb=create\nname=a\n", &none), -EBADMSG);
        assert_int_equal(volume_job_from_text("foo=1\n", &none), -EBADMSG);
        assert_int_equal(volume_job_from_text("mode=99999999999\n", &none), -EBADMSG);
}

static char *part_of(const char *path, const char *job) {
        _cleanup_volume_job_ VolumeJob *j = volume_job_new(VOLUME_CREATE);
        _cleanup_free_ char *text = NULL;

        j->name = strdup(strrchr(path, '/') + 1);
        j->path = strdup(path);
        text = volume_job_to_text(j);
        if (job)
                write_file(job, text, strlen(text), (off_t) strlen(text));
        return volume_job_part(j);
}

/* Of three volumes in the making one is another host's, one is being made, and one was left by a crash. */
static void parts_of_nobody_are_removed(void **state) {
        _cleanup_free_ char *path = in_folder("parts"), *run = in_folder("run"), *storage = in_folder("run/storage"),
                            *jobs = in_folder("run/" JOBS_FOLDER), *a = in_folder("parts/a"), *b = in_folder("parts/b"),
                            *c = in_folder("parts/c"), *other = in_folder("parts/.a.00000000" VOLUME_PART_SUFFIX);
        _cleanup_free_ char *left = part_of(a, NULL), *at_work = NULL, *over = NULL;
        _cleanup_strv_ char **parts = NULL;
        _cleanup_volume_table_ VolumeTable t = {};
        _cleanup_strv_ char **notes = NULL;

        assert_int_equal(setenv("UNITVIRT_RUN", run, 1), 0);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_true(mkdir(run, 0700) >= 0 && mkdir(storage, 0700) >= 0 && mkdir(jobs, 0700) >= 0);
        at_work = part_of(b, "run/" JOBS_FOLDER "/1.job");
        over = part_of(c, "run/" JOBS_FOLDER "/2.job");
        write_file("run/" JOBS_FOLDER "/2.result", "ok", 2, 2);
        write_file(left + strlen(folder) + 1, "x", 1, 1);
        write_file(at_work + strlen(folder) + 1, "x", 1, 1);
        write_file(over + strlen(folder) + 1, "x", 1, 1);
        write_file(other + strlen(folder) + 1, "x", 1, 1);
        assert_int_equal(scan_folder(path, NULL, &t, &notes), 0);
        assert_int_equal(t.n, 0);
        assert_int_equal(strv_length(notes), 3);
        assert_string_equal(notes[0], "~");
        assert_int_equal(volume_parts_at_work("1", &parts), 0);
        assert_int_equal(strv_length(parts), 0);
        assert_int_equal(volume_parts_remove(path), 0);
        assert_true(access(left, F_OK) < 0 && access(over, F_OK) < 0);
        assert_true(access(at_work, F_OK) >= 0 && access(other, F_OK) >= 0);
        assert_int_equal(unsetenv("UNITVIRT_RUN"), 0);
}

/* --- chains --- */

static void image(const char *name, const char *backing, const char *format) {
        _cleanup_free_ char *path = in_folder(name);
        _cleanup_strv_ char **argv = NULL;
        _cleanup_error_ Error e = ERROR_INIT;

        assert_int_equal(strv_add(&argv, "qemu-img"), 0);
        assert_int_equal(strv_addf(&argv, "create"), 0);
        assert_int_equal(strv_addf(&argv, "-fqcow2"), 0);
        if (backing) {
                assert_int_equal(strv_addf(&argv, "-ub%s", backing), 0);
                assert_int_equal(strv_addf(&argv, "-F%s", format), 0);
        }
        assert_int_equal(strv_add(&argv, path), 0);
        assert_int_equal(strv_add(&argv, "1M"), 0);
        assert_int_equal(tool_run(argv, 30, NULL, &e), 0);
}

static void chains_do_not_lead_astray(void **state) {
        static const struct {
                const char *name, *backing, *format, *word;
        } cases[] = {
                { "c-base", NULL, NULL, NULL },
                { "c-top", "c-base", "qcow2", NULL },
                { "c-top2", "c-top", "qcow2", NULL },
                { "c-shadow", "/etc/shadow", "raw", "in no active storage pool" },
                { "c-up", "../../etc/passwd", "raw", "in no active storage pool" },
                { "c-device", "/dev/null", "raw", "in no active storage pool" },
                { "c-nbd", "nbd://127.0.0.1/x", "raw", "is no file" },
                { "c-json", "json:{}", "raw", "is no file" },
                { "c-self", "c-self", "qcow2", "more than 200" },
                { "c-lie", "c-raw", "qcow2", "no sound image" },
                { "c-gone", "c-nothing", "qcow2", "cannot access backing file" },
        };
        char *const folders[] = { folder, NULL };

        if (access("/usr/bin/qemu-img", X_OK) < 0)
                skip();
        write_file("c-raw", "x", 1, 4096);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *path = in_folder(cases[i].name);
                _cleanup_error_ Error e = ERROR_INIT;
                int r;

                image(cases[i].name, cases[i].backing, cases[i].format);
                r = image_chain_check(path, "qcow2", folders, &e);
                assert_int_equal(r < 0, cases[i].word != NULL);
                if (cases[i].word && !strstr(e.detail, cases[i].word))
                        fail_msg("\"%s\" without \"%s\"", e.detail, cases[i].word);
        }
}

/* --- pools --- */

static PoolSpec *spec_of(const char *xml) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        PoolSpec *s = NULL;

        assert_int_equal(definition_parse_as(&document_pool, xml, strlen(xml), NULL, 0, &d, &e), 0);
        assert_int_equal(definition_normalise(d, NULL, &e), 0);
        assert_int_equal(pool_spec_from_xml(definition_root(d), &s, &e), 0);
        return s;
}

static char *lines_of(const PoolSpec *s) {
        StrBuf b = {};

        pool_spec_to_lines(s, &b);
        return strbuf_take(&b);
}

/* What a daemon has read counts as long as it is of the file that is there. */
static void what_is_known_of_a_definition(void **state) {
        static const char xml[] =
                "<pool type='iscsi-direct'><name>k</name><source><host name='h' port='99'/><device path='a\\nb'/>"
                "<device path='c'/><auth type='chap' username='u'><secret usage='s=1'/></auth>"
                "<initiator><iqn name='iqn.2026-01.x:y'/></initiator></source></pool>";
        _cleanup_free_ char *etc = in_folder("known-etc"), *run = in_folder("known-run"),
                            *a = in_folder("known-etc/storage"), *b = in_folder("known-run/storage");
        _cleanup_free_ char *stamp = NULL, *later = NULL, *before = NULL, *after = NULL, *text = NULL;
        _cleanup_pool_spec_ PoolSpec *s = spec_of(xml), *back = NULL, *stale = NULL, *none = NULL;

        assert_true(mkdir(etc, 0700) >= 0 && mkdir(run, 0700) >= 0 && mkdir(a, 0700) >= 0 && mkdir(b, 0700) >= 0);
        assert_true(setenv("UNITVIRT_ETC", etc, 1) >= 0 && setenv("UNITVIRT_RUN", run, 1) >= 0);
        assert_null(pool_definition_stamp("k"));
        write_file("known-etc/storage/k.xml", xml, strlen(xml), (off_t) strlen(xml));
        stamp = pool_definition_stamp("k");
        assert_int_equal(pool_known_save(stamp, s, "<a>\n</a>\n"), 0);
        assert_int_equal(pool_known_load("k", stamp, &back, &text), 0);
        before = lines_of(s);
        after = lines_of(back);
        assert_string_equal(before, after);
        assert_string_equal(text, "<a>\n</a>\n");
        assert_string_equal(back->devices[0], "a\\nb");
        write_file("known-run/storage/other.known", "type=dir\nname=k\nxml=x\n", 23, 23);
        assert_int_equal(pool_known_load("other", NULL, &none, NULL), -EBADMSG);
        write_file("known-etc/storage/k.xml", xml, strlen(xml), (off_t) strlen(xml) + 1);
        later = pool_definition_stamp("k");
        assert_int_equal(pool_known_load("k", later, &none, NULL), -ESTALE);
        assert_int_equal(pool_known_load("k", NULL, &stale, NULL), 0);
        pool_known_forget("k");
        assert_int_equal(pool_known_load("k", NULL, &none, NULL), -ENOENT);
        assert_true(unsetenv("UNITVIRT_ETC") >= 0 && unsetenv("UNITVIRT_RUN") >= 0);
}

static void definitions_in_few_words(void **state) {
        static const char xml[] =
                "<pool type='netfs'><name>n</name><source><host name='h'/><dir path='/d'/><format type='nfs'/>"
                "<protocol ver='4.1'/></source><target><path>/m</path><permissions><mode>0750</mode><owner>-1</owner>"
                "<group>7</group></permissions></target><fs:mount_opts "
                "xmlns:fs='http://libvirt.org/schemas/storagepool/fs/1.0'><fs:option "
                "name='sync'/></fs:mount_opts></pool>";
        _cleanup_pool_spec_ PoolSpec *s = spec_of(xml);

        assert_int_equal(s->type, POOL_NETFS);
        assert_string_equal(s->host, "h");
        assert_string_equal(s->protocol, "4.1");
        assert_int_equal(s->mode, 0750);
        assert_int_equal(s->uid, (uid_t) -1);
        assert_int_equal(s->gid, 7);
        assert_int_equal(strv_length(s->mount_options), 1);
}

static void every_type_has_a_backend_and_a_bit(void **state) {
        uint32_t bits = 0;

        for (PoolType t = 0; t < _POOL_TYPE_MAX; t++) {
                assert_int_equal(pool_type_from_name(pool_type_name(t)), t);
                assert_int_equal(!pool_backend(t), pool_type_missing(t) != NULL);
                assert_true(!pool_backend(t) || (pool_backend(t)->type == t && pool_backend(t)->scan));
                assert_int_equal(bits & pool_type_list_bit(t), 0);
                bits |= pool_type_list_bit(t);
        }
        assert_int_equal(pool_type_from_name("nfs"), _POOL_TYPE_INVALID);
}

static int say_hello(int fd, void *userdata) {
        return write_all(fd, "hello", 5);
}

static int refuse(int fd, void *userdata) {
        return -EUCLEAN;
}

static int hang(int fd, void *userdata) {
        char c;

        return read(*(int *) userdata, &c, 1) < 0 ? -errno : 0;
}

static int do_harm(int fd, void *userdata) {
        const char *path = userdata;
        _cleanup_close_ int reader = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        char c;

        if (reader < 0 || read(reader, &c, 1) != 1)
                return -EUCLEAN;
        return open(path, O_RDONLY | O_TRUNC | O_CLOEXEC) >= 0 || open(path, O_WRONLY | O_CLOEXEC) >= 0 ||
                               open(path, O_RDWR | O_CLOEXEC) >= 0 ||
                               open("/tmp/new", O_CREAT | O_CLOEXEC, 0600) >= 0 ||
                               unlink(path) >= 0 || chmod(path, 0777) >= 0 || truncate(path, 0) >= 0 ||
                               socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 || fork() >= 0 ||
                               execl("/bin/true", "true", NULL) >= 0
                       ? -EBADMSG
                       : 0;
}

static void children_can_only_read(void **state) {
        _cleanup_free_ char *path = in_folder("harmed");
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        write_file("harmed", "x", 1, 1);
        assert_int_equal(sandbox_run(do_harm, path, SANDBOX_READER, 10, &fd), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, 1);
        assert_int_equal(st.st_mode & 0777, 0640);
}

static void children_answer_fail_and_hang(void **state) {
        _cleanup_close_ int fd = -EBADF;
        char text[6] = "";
        int never[2];

        assert_int_equal(pipe2(never, O_CLOEXEC), 0);
        assert_int_equal(sandbox_run(say_hello, NULL, SANDBOX_READER, 10, &fd), 0);
        assert_int_equal(read(fd, text, 5), 5);
        assert_string_equal(text, "hello");
        assert_int_equal(sandbox_run(refuse, NULL, SANDBOX_READER, 10, &fd), -EUCLEAN);
        assert_int_equal(sandbox_run(hang, &never[0], SANDBOX_READER, 1, &fd), -ETIMEDOUT);
        close(never[0]);
        close(never[1]);
}

static void tools_say_why(void **state) {
        _cleanup_error_ Error e = ERROR_INIT, e2 = ERROR_INIT;
        _cleanup_free_ char *output = NULL, *path = strdup(getenv("PATH"));

        assert_int_equal(TOOL(10, &output, &e, "echo", "a b"), 0);
        assert_string_equal(output, "a b\n");
        assert_int_equal(TOOL(10, NULL, &e, "sh", "-c", "echo first >&2; echo last >&2; exit 3"), -EIO);
        assert_string_equal(e.detail, "sh failed (status 3): last");
        assert_int_equal(TOOL(1, NULL, &e2, "sleep", "60"), -ETIMEDOUT);
        assert_int_equal(setenv("PATH", "/nowhere", 1), 0);
        error_done(&e);
        assert_int_equal(TOOL(10, NULL, &e, "vgs"), -ENOENT);
        assert_string_equal(e.detail, "vgs is not installed (package lvm2)");
        error_done(&e);
        assert_int_equal(TOOL(10, NULL, &e, "create"), -ENOENT);
        assert_string_equal(e.detail, "create is not installed");
        assert_int_equal(setenv("PATH", path, 1), 0);
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(volumes_survive_their_lines),
                cmocka_unit_test(tables_take_changes_and_come_back),
                cmocka_unit_test(tables_tell_what_has_changed),
                cmocka_unit_test(folders_are_scanned_past_what_is_strange),
                cmocka_unit_test(images_that_nobody_wrote_to_are_not_opened_again),
                cmocka_unit_test(what_was_written_is_known),
                cmocka_unit_test(devices_are_raw),
                cmocka_unit_test(names_of_volumes),
                cmocka_unit_test(volumes_become_arguments),
                cmocka_unit_test(resizes_become_arguments),
                cmocka_unit_test(jobs_survive_their_files),
                cmocka_unit_test(parts_of_nobody_are_removed),
                cmocka_unit_test(chains_do_not_lead_astray),
                cmocka_unit_test(definitions_in_few_words),
                cmocka_unit_test(what_is_known_of_a_definition),
                cmocka_unit_test(every_type_has_a_backend_and_a_bit),
                cmocka_unit_test(children_answer_fail_and_hang),
                cmocka_unit_test(children_can_only_read),
                cmocka_unit_test(tools_say_why),
        };

        return cmocka_run_group_tests(all, make_folder, remove_folder);
}
