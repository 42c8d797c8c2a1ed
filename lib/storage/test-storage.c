/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pools and volumes: what is there, how it is looked at, and what is kept of it. */

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
#include "storage/pool.h"
#include "storage/sandbox.h"
#include "storage/scan.h"
#include "test-folder.h"

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
                { "\xff", false }, { "\xc3", false },     { "...", true },      { "a.unitvirt-part", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_error_ Error e = ERROR_INIT;

                assert_int_equal(volume_name_check(cases[i].name, &e) >= 0, cases[i].good);
                assert_true(cases[i].good || e.code == ERROR_XML_ERROR);
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

/* A SCSI host whose number nobody knows is found by its device. */
static void an_adapter_by_its_parent(void **state) {
        _cleanup_pool_spec_ PoolSpec *s = spec_of(
                "<pool type='scsi'><name>h</name><source><adapter type='scsi_host'><parentaddr unique_id='3'>"
                "<address domain='0' bus='0x1a' slot='0x1f' function='0x2'/></parentaddr></adapter></source>"
                "<target><path>/dev</path></target></pool>");
        _cleanup_pool_spec_ PoolSpec *named = spec_of("<pool type='scsi'><name>h</name><source><adapter name='host3'/>"
                                                      "</source><target><path>/dev</path></target></pool>");
        _cleanup_free_ char *lines = lines_of(s);

        assert_string_equal(s->parent, "0000:1a:1f.2");
        assert_int_equal(s->unique_id, 3);
        assert_null(s->adapter);
        assert_non_null(strstr(lines, "parent=0000:1a:1f.2\n"));
        assert_non_null(strstr(lines, "unique-id=3\n"));
        assert_null(named->parent);
        assert_string_equal(named->adapter, "host3");
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
                cmocka_unit_test(definitions_in_few_words),
                cmocka_unit_test(what_is_known_of_a_definition),
                cmocka_unit_test(every_type_has_a_backend_and_a_bit),
                cmocka_unit_test(an_adapter_by_its_parent),
                cmocka_unit_test(children_answer_fail_and_hang),
                cmocka_unit_test(children_can_only_read),
        };

        return cmocka_run_group_tests(all, make_folder, remove_folder);
}
