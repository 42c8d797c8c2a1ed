/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Work on volumes: jobs, what becomes of them for qemu-img, and what may lie below an image. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "model/definition.h"
#include "model/kind.h"
#include "storage/job.h"
#include "storage/pool.h"
#include "storage/scan.h"
#include "storage/tool.h"
#include "test-folder.h"

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
                r = c->source_format ? qemu_img_convert(j, "/p/v", false, &argv, &e)
                                     : qemu_img_create(j, "/p/v", &argv, &e);
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
        unsigned said = 0;

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
        /* said once, also where there is more to be said of others than is noted */
        for (unsigned i = 0; i < SCAN_NOTES_MAX + 10; i++) {
                _cleanup_free_ char *bad = text_format("parts/\xff%u", i);

                write_file(bad, "x", 1, 1);
        }
        assert_int_equal(scan_folder(path, NULL, &t, &notes), 0);
        assert_int_equal(t.n, 0);
        for (char **note = notes; *note; note++)
                said += streq(*note, "~");
        assert_int_equal(said, 1);
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
                _cleanup_strv_ char **layers = NULL;
                _cleanup_error_ Error e = ERROR_INIT;
                int r;

                image(cases[i].name, cases[i].backing, cases[i].format);
                r = image_chain_check(path, "qcow2", folders, &layers, &e);
                assert_int_equal(r < 0, cases[i].word != NULL);
                assert_string_equal(layers[0], path);
                if (streq(cases[i].name, "c-top2"))
                        assert_int_equal(strv_length(layers), 3);
                if (cases[i].word && !strstr(e.detail, cases[i].word))
                        fail_msg("\"%s\" without \"%s\"", e.detail, cases[i].word);
        }
}

/* --- tools --- */

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

/* Stand-ins print what the tools do. */
static void searches_read_what_tools_print(void **state) {
        static const struct {
                PoolType type;
                const char *tool, *prints, *found;
        } cases[] = {
                { POOL_NETFS, "showmount", "/srv/a       127.0.0.0/8\\n/srv/b (everyone)\\nno path\\n",
                  "dir=/srv/a\nhost=h\nformat=nfs\n\ndir=/srv/b\nhost=h\nformat=nfs\n\n" },
                { POOL_NETFS, "showmount", "", "" },
                { POOL_ISCSI, "iscsiadm", "127.0.0.1:3260,1 iqn.2026-01.org.test:a\\n",
                  "host=h\ndevice=iqn.2026-01.org.test:a\n\n" },
                { POOL_LOGICAL, "pvs", "  /dev/sda#\\n  /dev/sdb#one\\n  /dev/sdc#one\\n  /dev/sdd#two\\n",
                  "device=/dev/sdb\ndevice=/dev/sdc\nname=one\nformat=lvm2\n\n"
                  "device=/dev/sdd\nname=two\nformat=lvm2\n\n" },
        };
        _cleanup_free_ char *before = strdup(getenv("PATH")), *path = text_format("%s:%s", folder, before);

        assert_int_equal(setenv("PATH", path, 1), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *script = text_format("#!/bin/sh\nprintf '%s'\n", cases[i].prints),
                                    *tool = in_folder(cases[i].tool), *found = NULL;
                _cleanup_error_ Error e = ERROR_INIT;

                write_file(cases[i].tool, script, strlen(script), (off_t) strlen(script));
                assert_int_equal(chmod(tool, 0755), 0);
                assert_int_equal(pool_backend(cases[i].type)->find_sources("h", &found, &e), 0);
                assert_string_equal(found, cases[i].found);
        }
        assert_int_equal(setenv("PATH", before, 1), 0);
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(volumes_become_arguments),
                cmocka_unit_test(resizes_become_arguments),
                cmocka_unit_test(jobs_survive_their_files),
                cmocka_unit_test(parts_of_nobody_are_removed),
                cmocka_unit_test(chains_do_not_lead_astray),
                cmocka_unit_test(tools_say_why),
                cmocka_unit_test(searches_read_what_tools_print),
        };

        return cmocka_run_group_tests(all, make_folder, remove_folder);
}
