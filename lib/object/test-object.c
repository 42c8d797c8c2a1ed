/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "object/event.h"
#include "object/list.h"
#include "test-daemon.h"
#include "test-toy.h"

#define UUID1 "11111111-1111-1111-1111-111111111111"
#define UUID2 "22222222-2222-2222-2222-222222222222"
#define DOCUMENT(name, uuid) "<domain type='qemu'><name>" name "</name><uuid>" uuid "</uuid></domain>"

static int setup(void **state) {
        TestDaemon *d = toy_daemon_new();

        test_daemon_write(d, "etc/toys/bear.xml", DOCUMENT("bear", UUID1));
        test_daemon_write(d, "etc/toys/train.xml", DOCUMENT("train", UUID2));
        test_daemon_write(d, "run/toys/train.xml", DOCUMENT("train", UUID2));
        test_daemon_start(d);
        *state = d;
        return 0;
}

static Toy *find(TestDaemon *d, const char *name) {
        Object *o = object_by_name(toys(d), NULL, name);

        return o ? container_of(o, Toy, object) : NULL;
}

static remote_nonnull_network wire(const char *name, const char *uuid) {
        remote_nonnull_network n = { .name = (char *) name };

        assert_int_equal(uuid_parse(uuid, (uint8_t *) n.uuid), 0);
        return n;
}

static void assert_error(const TestDaemon *d, int code, const char *detail) {
        assert_int_equal(d->error.code, code);
        assert_string_equal(d->error.detail, detail);
}

/* --- rows --- */

static void objects_are_looked_up(void **state) {
        TestDaemon *d = *state;
        remote_network_lookup_by_name_args by_name = { .name = (char *) "bear" };
        remote_network_lookup_by_uuid_args by_uuid = {};
        remote_network_lookup_by_name_ret ret = {};
        remote_network_lookup_by_uuid_ret by_uuid_ret = {};

        assert_int_equal(TEST_CALL(d, NETWORK_LOOKUP_BY_NAME, &by_name, &ret), 0);
        assert_string_equal(ret.net.name, "bear");
        memcpy(by_uuid.uuid, ret.net.uuid, 16);
        free(ret.net.name);
        assert_int_equal(TEST_CALL(d, NETWORK_LOOKUP_BY_UUID, &by_uuid, &by_uuid_ret), 0);
        assert_string_equal(by_uuid_ret.net.name, "bear");
        free(by_uuid_ret.net.name);

        by_name.name = (char *) "doll";
        assert_int_equal(TEST_CALL(d, NETWORK_LOOKUP_BY_NAME, &by_name, &ret), -ENOENT);
        assert_error(d, ERROR_NO_NETWORK, "no toy with matching name 'doll'");
        by_uuid.uuid[0] = 0x33;
        assert_int_equal(TEST_CALL(d, NETWORK_LOOKUP_BY_UUID, &by_uuid, &by_uuid_ret), -ENOENT);
        assert_error(d, ERROR_NO_NETWORK, "no toy with matching uuid '33111111-1111-1111-1111-111111111111'");

        d->deny = "bear";
        by_name.name = (char *) "bear";
        assert_int_equal(TEST_CALL(d, NETWORK_LOOKUP_BY_NAME, &by_name, &ret), -EACCES);
}

/* Each row's needs, by what is refused. */
static void needs_are_checked(void **state) {
        TestDaemon *d = *state;
        remote_network_create_args bear = { wire("bear", UUID1) };
        remote_network_create_args nobody = { wire("doll", "33333333-3333-3333-3333-333333333333") };
        remote_network_undefine_args undefine = { wire("train", UUID2) };
        remote_network_get_xml_desc_args xml = { wire("bear", UUID1), 4 };
        remote_network_get_xml_desc_ret text = {};

        assert_int_equal(TEST_CALL(d, NETWORK_DESTROY, &bear, NULL), -EINVAL);
        assert_error(d, ERROR_OPERATION_INVALID, "toy is not active");
        assert_int_equal(TEST_CALL(d, NETWORK_CREATE, &nobody, NULL), -ENOENT);
        assert_error(d, ERROR_NO_NETWORK, "no toy with matching uuid '33333333-3333-3333-3333-333333333333' (doll)");
        assert_int_equal(TEST_CALL(d, NETWORK_GET_XML_DESC, &xml, &text), -EINVAL);
        assert_error(d, ERROR_INVALID_ARG, "unsupported flags (0x4) in function virNetworkGetXMLDesc");

        find(d, "train")->object.persistent = false;
        assert_int_equal(TEST_CALL(d, NETWORK_UNDEFINE, &undefine, NULL), -EINVAL);
        assert_error(d, ERROR_OPERATION_INVALID, "cannot undefine a transient toy");

        d->deny = "bear";
        assert_int_equal(TEST_CALL(d, NETWORK_CREATE, &bear, NULL), -EACCES);
        assert_int_equal(find(d, "bear")->n_changes, 0);
}

/* A later call waits for its turn; if the object is gone then, it changes nothing. */
static void gone_is_seen_after_the_lock(void **state) {
        TestDaemon *d = *state;
        remote_network_create_args train = { wire("train", UUID2) };
        Toy *t = find(d, "train");
        _cleanup_object_ Object *hold = object_ref(&t->object);

        t->object.job.modifier = "somebody";
        test_daemon_remove(d, "etc/toys/train.xml");
        test_daemon_remove(d, "run/toys/train.xml");
        /* The loop sees the files go while the call waits. */
        assert_int_equal(TEST_CALL(d, NETWORK_CREATE, &train, NULL), -ENOENT);
        assert_error(d, ERROR_NO_NETWORK, "no toy with matching uuid '" UUID2 "' (train)");
        assert_int_equal(t->n_changes, 0);
        assert_true(hold->gone);
}

static void impact_is_resolved(void **state) {
        static const struct {
                const char *name, *uuid;
                unsigned flags, affects;
                const char *error;
        } rows[] = {
                { "bear", UUID1, 0, 2, NULL },
                { "bear", UUID1, IMPACT_CONFIG, 2, NULL },
                { "bear", UUID1, IMPACT_LIVE, 0, "toy is not active" },
                { "train", UUID2, 0, 1, NULL },
                { "train", UUID2, IMPACT_LIVE | IMPACT_CONFIG, 3, NULL },
        };
        TestDaemon *d = *state;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                remote_network_set_metadata_args args = { .network = wire(rows[i].name, rows[i].uuid),
                                                          .flags = rows[i].flags };

                find(d, rows[i].name)->n_changes = 0;
                assert_int_equal(TEST_CALL(d, NETWORK_SET_METADATA, &args, NULL), rows[i].error ? -EINVAL : 0);
                assert_int_equal(find(d, rows[i].name)->n_changes, rows[i].affects);
                if (rows[i].error)
                        assert_error(d, ERROR_OPERATION_INVALID, rows[i].error);
        }
}

static void definitions_are_loaded(void **state) {
        TestDaemon *d = *state;
        remote_network_get_bridge_name_args args = { wire("train", UUID2) };
        remote_network_get_bridge_name_ret ret = {};
        remote_network_get_xml_desc_args xml = { wire("bear", UUID1), 1 };
        remote_network_get_xml_desc_ret text = {};

        assert_int_equal(TEST_CALL(d, NETWORK_GET_BRIDGE_NAME, &args, &ret), 0);
        assert_string_equal(ret.name, "train");
        free(ret.name);
        assert_int_equal(TEST_CALL(d, NETWORK_GET_XML_DESC, &xml, &text), 0);
        assert_non_null(strstr(text.xml, "<name>bear</name>"));
        free(text.xml);
}

/* --- lists --- */

static void lists_are_filtered(void **state) {
        static const struct {
                unsigned flags, n;
                const char *deny;
        } rows[] = {
                { 0, 2, NULL }, { 2, 1, NULL }, { 1, 1, NULL },     { 1 | 2, 2, NULL },
                { 4, 2, NULL }, { 8, 0, NULL }, { 2 | 8, 0, NULL }, { 0, 1, "bear" },
        };
        TestDaemon *d = *state;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                remote_connect_list_all_networks_args args = { .need_results = 1, .flags = rows[i].flags };
                remote_connect_list_all_networks_ret ret = {};

                d->deny = rows[i].deny;
                assert_int_equal(TEST_CALL(d, CONNECT_LIST_ALL_NETWORKS, &args, &ret), 0);
                assert_int_equal(ret.ret, rows[i].n);
                assert_int_equal(ret.nets.nets_len, rows[i].n);
                rpc_free(remote_codec_CONNECT_LIST_ALL_NETWORKS.ret, &ret);
        }
}

static void old_lists_and_states(void **state) {
        TestDaemon *d = *state;
        remote_connect_num_of_networks_ret num = {};
        remote_connect_list_defined_networks_args max = { .maxnames = 10 };
        remote_connect_list_defined_networks_ret names = {};
        remote_network_is_active_args train = { wire("train", UUID2) };
        remote_network_is_active_ret active = {};
        remote_network_is_persistent_ret persistent = {};

        assert_int_equal(TEST_CALL(d, CONNECT_NUM_OF_NETWORKS, NULL, &num), 0);
        assert_int_equal(num.num, 1);
        assert_int_equal(TEST_CALL(d, CONNECT_LIST_DEFINED_NETWORKS, &max, &names), 0);
        assert_int_equal(names.names.names_len, 1);
        assert_string_equal(names.names.names_val[0], "bear");
        rpc_free(remote_codec_CONNECT_LIST_DEFINED_NETWORKS.ret, &names);
        max.maxnames = -1;
        assert_int_equal(TEST_CALL(d, CONNECT_LIST_DEFINED_NETWORKS, &max, &names), -EINVAL);
        assert_int_equal(TEST_CALL(d, NETWORK_IS_ACTIVE, &train, &active), 0);
        assert_true(active.active);
        assert_int_equal(TEST_CALL(d, NETWORK_IS_PERSISTENT, &train, &persistent), 0);
        assert_true(persistent.persistent);
}

/* --- files --- */

static void the_index_follows_files(void **state) {
        TestDaemon *d = *state;

        test_daemon_write(d, "etc/toys/doll.xml", DOCUMENT("doll", "33333333-3333-3333-3333-333333333333"));
        test_daemon_pump(d);
        assert_string_equal(test_daemon_events(d), "doll 0 0;");
        assert_true(find(d, "doll")->object.persistent);
        test_daemon_write(d, "etc/toys/doll.xml", DOCUMENT("doll", "33333333-3333-3333-3333-333333333333") " ");
        test_daemon_pump(d);
        assert_string_equal(test_daemon_events(d), "doll 0 1;");
        test_daemon_write(d, "run/toys/doll.xml", DOCUMENT("doll", "33333333-3333-3333-3333-333333333333"));
        test_daemon_remove(d, "etc/toys/doll.xml");
        test_daemon_pump(d);
        assert_string_equal(test_daemon_events(d), "doll 1 0;");
        assert_true(find(d, "doll")->active && !find(d, "doll")->object.persistent);
        test_daemon_remove(d, "run/toys/doll.xml");
        test_daemon_pump(d);
        assert_null(find(d, "doll"));
}

static void what_is_being_changed_is_looked_at_afterwards(void **state) {
        TestDaemon *d = *state;
        Object *o;

        test_daemon_write(d, "etc/toys/doll.xml", DOCUMENT("doll", "33333333-3333-3333-3333-333333333333"));
        test_daemon_pump(d);
        assert_string_equal(test_daemon_events(d), "doll 0 0;");
        o = object_ref(&find(d, "doll")->object);
        assert_int_equal(object_job_begin(o, OBJECT_MODIFY, NULL, NULL), 0);
        test_daemon_remove(d, "etc/toys/doll.xml");
        test_daemon_pump(d);
        assert_string_equal(test_daemon_events(d), "");
        /* whoever changes it tells of it */
        assert_null(object_refresh(toys(d), "doll", true));
        object_job_end(o, OBJECT_MODIFY);
        assert_string_equal(test_daemon_events(d), "");
        object_unref(o);

        /* what somebody else did is not missed */
        o = object_ref(&find(d, "bear")->object);
        assert_int_equal(object_job_begin(o, OBJECT_MODIFY, NULL, NULL), 0);
        test_daemon_write(d, "etc/toys/bear.xml", DOCUMENT("bear", UUID1) " ");
        test_daemon_pump(d);
        assert_string_equal(test_daemon_events(d), "");
        object_job_end(o, OBJECT_MODIFY);
        assert_string_equal(test_daemon_events(d), "bear 0 1;");
        object_unref(o);
}

static void bad_files_hurt_nobody(void **state) {
        TestDaemon *d = *state;

        test_daemon_write(d, "etc/toys/other.xml", DOCUMENT("name-of-another", "33333333-3333-3333-3333-333333333333"));
        test_daemon_write(d, "etc/toys/twin.xml", DOCUMENT("twin", UUID1));
        test_daemon_write(d, "etc/toys/broken.xml", "<domain><na");
        test_daemon_write(d, "etc/toys/bear.xml", "<domain><na");
        test_daemon_pump(d);
        assert_string_equal(test_daemon_events(d), "");
        assert_int_equal(toys(d)->n, 2);
        assert_true(find(d, "bear")->object.persistent);
        /* Another object under the same name. */
        test_daemon_write(d, "etc/toys/train.xml", DOCUMENT("train", "44444444-4444-4444-4444-444444444444"));
        test_daemon_remove(d, "run/toys/train.xml");
        test_daemon_pump(d);
        assert_int_equal(find(d, "train")->object.uuid[0], 0x44);
}

static void one_writer(void **state) {
        TestDaemon *d = *state;
        _cleanup_definition_ Definition *def = NULL;
        Object *o = &find(d, "bear")->object;
        FileStamp stamp;

        assert_int_equal(object_load(o, OBJECT_INACTIVE, &def, NULL), 0);
        assert_int_equal(object_write(&kind_toy, STORE_PERSISTENT, "bear", def, &stamp, NULL), 0);
        assert_ptr_equal(object_refresh(toys(d), "bear", true), o);
        assert_true(file_stamp_equal(&o->stamp, &stamp));
        /* What was written here is no news. */
        test_daemon_pump(d);
        assert_string_equal(test_daemon_events(d), "");
        assert_int_equal(object_unlink(&kind_toy, STORE_PERSISTENT, "bear", NULL), 0);
        assert_int_equal(object_unlink(&kind_toy, STORE_PERSISTENT, "bear", NULL), 0);
        assert_null(object_refresh(toys(d), "bear", false));
        assert_string_equal(test_daemon_events(d), "bear 1 0;");
}

/* --- the index --- */

static void identities(void **state) {
        static const struct {
                const char *name, *uuid, *found, *error;
        } rows[] = {
                { "bear", UUID1, "bear", NULL },
                { "doll", "33333333-3333-3333-3333-333333333333", NULL, NULL },
                { "doll", UUID1, NULL, "toy 'bear' is already defined with uuid " UUID1 },
                { "bear", UUID2, NULL, "toy 'train' is already defined with uuid " UUID2 },
                { "bear", "33333333-3333-3333-3333-333333333333", NULL, "toy 'bear' already exists with uuid " UUID1 },
        };
        TestDaemon *d = *state;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_error_ Error e = ERROR_INIT;
                Object *o = NULL;
                uint8_t uuid[16];
                int r;

                assert_int_equal(uuid_parse(rows[i].uuid, uuid), 0);
                r = object_for_identity(toys(d), rows[i].name, uuid, &o, &e);
                assert_int_equal(r, rows[i].error ? -EEXIST : 0);
                if (rows[i].error)
                        assert_string_equal(e.detail, rows[i].error);
                else
                        assert_true(rows[i].found ? o && streq(o->name, rows[i].found) : !o);
        }
}

static void renames(void **state) {
        TestDaemon *d = *state;
        Object *o = &find(d, "bear")->object;

        assert_int_equal(object_index_rename(o, "train"), -EEXIST);
        assert_int_equal(object_index_rename(o, "lion"), 0);
        assert_ptr_equal(find(d, "lion"), o);
        assert_null(find(d, "bear"));
        assert_int_equal(object_index_rename(o, "bear"), 0);
}

/* Volumes: the same name in two pools, no uuid. */
static void names_within_parents(void **state) {
        static const ObjectKind volumes = { .word = "storage vol", .size = sizeof(Object),
                                            .wire = OBJECT_WIRE_NAMED(remote_nonnull_storage_vol, name) };
        TestDaemon *d = *state;
        Object *a = &find(d, "bear")->object, *b = &find(d, "train")->object, *va, *vb, **list;
        ObjectIndex i;
        size_t n;

        object_index_init(&i, &volumes, &d->host, NULL);
        assert_int_equal(object_new(&i, a, "disk", NULL, &va), 0);
        assert_int_equal(object_new(&i, b, "disk", NULL, &vb), 0);
        assert_int_equal(object_index_add(va), 0);
        assert_int_equal(object_index_add(vb), 0);
        assert_ptr_equal(object_by_name(&i, a, "disk"), va);
        assert_ptr_equal(object_by_name(&i, b, "disk"), vb);
        assert_null(object_by_name(&i, NULL, "disk"));
        assert_int_equal(object_snapshot(&i, b, &list, &n), 0);
        assert_int_equal(n, 1);
        object_release(list, n);
        object_index_done(&i);
        assert_true(va->gone);
        object_unref(va);
        object_unref(vb);
}

/* --- jobs --- */

static int abort_async(Object *o, void *userdata, Error *e) {
        *(bool *) userdata = true;
        return 0;
}

static void jobs_exclude_each_other(void *userdata) {
        Object *o = userdata;
        bool aborted = false;
        const ObjectAsync migration = { "migration", 1, OBJECT_PERMITS(OBJECT_QUERY), abort_async, &aborted };

        assert_int_equal(object_job_begin(o, OBJECT_QUERY, "a", NULL), 0);
        assert_int_equal(object_job_begin(o, OBJECT_QUERY, "b", NULL), 0);
        object_job_end(o, OBJECT_QUERY);
        object_job_end(o, OBJECT_QUERY);
        assert_int_equal(object_job_begin(o, OBJECT_MODIFY, "c", NULL), 0);
        assert_int_equal(object_async_begin(o, &migration, NULL), 0);
        assert_int_equal(object_async_begin(o, &migration, NULL), -EINVAL);
        object_job_end(o, OBJECT_MODIFY);
        /* Beside it: looking, and ending the object, which calls it off. */
        assert_int_equal(object_job_begin(o, OBJECT_QUERY, "d", NULL), 0);
        object_job_end(o, OBJECT_QUERY);
        object_async_progress(o)->total = 100;
        assert_int_equal(object_job_now(o).status, OBJECT_JOB_UNBOUNDED);
        assert_int_equal(object_job_now(o).total, 100);
        assert_false(aborted);
        assert_int_equal(object_job_begin(o, OBJECT_DESTROY, "e", NULL), 0);
        assert_true(aborted);
        object_job_end(o, OBJECT_DESTROY);
        object_async_end(o, OBJECT_JOB_CANCELLED);
        assert_int_equal(object_job_now(o).status, OBJECT_JOB_NONE);
        assert_int_equal(object_job_last(o, false).status, OBJECT_JOB_CANCELLED);
        assert_int_equal(object_job_last(o, false).status, OBJECT_JOB_NONE);
        assert_int_equal(object_async_abort(o, NULL), -EINVAL);
}

static void jobs(void **state) {
        TestDaemon *d = *state;

        test_daemon_fiber(d, jobs_exclude_each_other, &find(d, "bear")->object);
}

static void end_of_migration(void *userdata) {
        fiber_sleep(20U * 1000U);
        object_async_end(userdata, OBJECT_JOB_COMPLETED);
}

/* A call that the asynchronous job does not permit waits for its end; one that ends the object does not. */
static void an_asynchronous_job_holds_changes_up(void **state) {
        TestDaemon *d = *state;
        const ObjectAsync migration = { .word = "migration", .permits = OBJECT_PERMITS(OBJECT_QUERY) };
        remote_network_create_args train = { wire("train", UUID2) };
        Toy *t = find(d, "train");

        assert_int_equal(object_async_begin(&t->object, &migration, NULL), 0);
        assert_int_equal(fiber_spawn(d->loop, end_of_migration, &t->object, NULL), 0);
        assert_int_equal(TEST_CALL(d, NETWORK_CREATE, &train, NULL), 0);
        assert_int_equal(object_job_last(&t->object, true).status, OBJECT_JOB_COMPLETED);
        assert_int_equal(object_async_begin(&t->object, &migration, NULL), 0);
        assert_int_equal(TEST_CALL(d, NETWORK_DESTROY, &train, NULL), 0);
}

/* --- events --- */

/* object_emit_lifecycle() builds them all alike. */
static void lifecycle_messages_are_alike(void **state) {
#define ALIKE(type, member, wire, event)                                                                     \
        assert_int_equal(offsetof(type, member), 8);                                                         \
        assert_int_equal(offsetof(type, event), 8 + sizeof(wire));                                           \
        assert_true(sizeof(wire) <= 64)
        ALIKE(remote_domain_event_callback_lifecycle_msg, msg.dom, remote_nonnull_domain, msg.event);
        ALIKE(remote_network_event_lifecycle_msg, net, remote_nonnull_network, event);
        ALIKE(remote_storage_pool_event_lifecycle_msg, pool, remote_nonnull_storage_pool, event);
        ALIKE(remote_node_device_event_lifecycle_msg, dev, remote_nonnull_node_device, event);
        ALIKE(remote_secret_event_lifecycle_msg, secret, remote_nonnull_secret, event);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, toy_daemon_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(objects_are_looked_up),
                TEST(needs_are_checked),
                TEST(gone_is_seen_after_the_lock),
                TEST(impact_is_resolved),
                TEST(definitions_are_loaded),
                TEST(lists_are_filtered),
                TEST(old_lists_and_states),
                TEST(the_index_follows_files),
                TEST(what_is_being_changed_is_looked_at_afterwards),
                TEST(bad_files_hurt_nobody),
                TEST(one_writer),
                TEST(identities),
                TEST(renames),
                TEST(names_within_parents),
                TEST(jobs),
                TEST(an_asynchronous_job_holds_changes_up),
                cmocka_unit_test(lifecycle_messages_are_alike),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
