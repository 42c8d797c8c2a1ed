/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* unitvirt reload, which "systemctl reload vm@NAME" starts: what of the definition has changed since the guest started
 * is done to the running guest, as far as it can be, by the calls that virsh would make. What cannot, waits for the
 * next start and is named. */

#include <getopt.h>

#include "base/strings.h"
#include "client.h"
#include "host/enter.h"
#include "hostinfo/cpu.h"
#include "model/metadata.h"
#include "plan/names.h"
#include "qemu/live.h"
#include "rpc/typed-params.h"
#include "running.h"
#include "tool.h"

#define AFFECT_LIVE 1U

typedef enum MetadataKind { METADATA_DESCRIPTION, METADATA_TITLE, METADATA_ELEMENT } MetadataKind; /* libvirt's */

#define CPU_BITS 16384U

typedef struct Reload {
        Client client;
        remote_nonnull_domain domain;
        const xmlNode *updated;         /* the device that the last update was of: one covers all its fields */
        unsigned failed;
} Reload;

static int call(Reload *r, int32_t procedure, const RpcCodec *codec, const void *args, Error *e) {
        rpc_void none;

        return client_call(&r->client, procedure, codec, args, &none, e);
}

/* --- devices --- */

static int attach_as(Reload *r, const xmlNode *device, Error *e) {
        _cleanup_free_ char *xml = NULL;
        int n = xml_format(device, &xml);
        const remote_domain_attach_device_flags_args args = { r->domain, xml, AFFECT_LIVE };

        return n < 0 ? n : call(r, REMOTE_PROC_DOMAIN_ATTACH_DEVICE_FLAGS, &remote_codec_DOMAIN_ATTACH_DEVICE_FLAGS,
                                &args, e);
}

/* Its place at the next start may be taken in this run, by a device that came or is about to go: then any will do. */
static int attach(Reload *r, const Difference *d, Error *e) {
        _cleanup_error_ Error second = ERROR_INIT;
        _cleanup_xml_ xmlDocPtr doc = NULL;
        _cleanup_free_ char *xml = NULL;
        int n = attach_as(r, d->new, e);

        if (n >= 0 || !xml_child(d->new, "address") || xml_format(d->new, &xml) < 0 ||
            xml_parse(xml, strlen(xml), NULL, NULL, &doc, NULL) < 0)
                return n;
        xml_remove_children(xml_root(doc), "address");
        n = attach_as(r, xml_root(doc), &second);
        error_move(e, &second);
        return n;
}

static int detach(Reload *r, const Difference *d, Error *e) {
        _cleanup_free_ char *xml = NULL;
        int n = xml_format(d->old, &xml);
        const remote_domain_detach_device_flags_args args = { r->domain, xml, AFFECT_LIVE };

        return n < 0 ? n : call(r, REMOTE_PROC_DOMAIN_DETACH_DEVICE_FLAGS, &remote_codec_DOMAIN_DETACH_DEVICE_FLAGS,
                                &args, e);
}

static int update(Reload *r, const Difference *d, Error *e) {
        const xmlNode *device = live_device_of(d->new ?: d->new_parent);
        _cleanup_free_ char *xml = NULL;
        int n;

        if (device == r->updated)
                return 0;
        r->updated = device;
        n = xml_format(device, &xml);
        if (n < 0)
                return n;
        return call(r, REMOTE_PROC_DOMAIN_UPDATE_DEVICE_FLAGS, &remote_codec_DOMAIN_UPDATE_DEVICE_FLAGS,
                    &(remote_domain_update_device_flags_args) { r->domain, xml, AFFECT_LIVE }, e);
}

static void add_limit(TypedParams *params, const xmlNode *limit, const char *value) {
        uint64_t v;

        if (xml_is(limit, "group_name"))
                typed_params_add_string(params, xml_name(limit), value);
        else if (parse_u64(value, 10, &v) >= 0)
                typed_params_add_ullong(params, xml_name(limit), v);
}

static int io_tune(Reload *r, const Difference *d, Error *e) {
        const xmlNode *disk = live_device_of(d->new ?: d->new_parent), *old = live_device_of(d->old ?: d->old_parent);
        remote_domain_set_block_io_tune_args args = { .dom = r->domain, .flags = AFFECT_LIVE };
        _cleanup_typed_params_ TypedParams params = {};

        if (disk == r->updated)
                return 0;
        r->updated = disk;
        args.disk = (char *) (xml_get(disk, "target/@dev") ?: "");
        XML_FOREACH(limit, xml_child(disk, "iotune"), NULL)
                add_limit(&params, limit, xml_text(limit));
        XML_FOREACH(limit, xml_child(old, "iotune"), NULL)
                if (!xml_child(xml_child(disk, "iotune"), xml_name(limit)))
                        add_limit(&params, limit, "0");
        args.params.params_val = params.val;
        args.params.params_len = params.len;
        return params.error < 0 ? params.error
                                : call(r, REMOTE_PROC_DOMAIN_SET_BLOCK_IO_TUNE, &remote_codec_DOMAIN_SET_BLOCK_IO_TUNE,
                                       &args, e);
}

/* --- counts and limits --- */

/* The new number of a field that has one; without one, what stands for none. */
static uint64_t number(const Difference *d, uint64_t none) {
        uint64_t v;

        return d->after && parse_u64(d->after, 10, &v) >= 0 ? v : none;
}

static int vcpus(Reload *r, const Difference *d, Error *e) {
        uint64_t max = 1;

        (void) xml_get_u64(d->new->parent, "vcpu", &max);
        return call(r, REMOTE_PROC_DOMAIN_SET_VCPUS_FLAGS, &remote_codec_DOMAIN_SET_VCPUS_FLAGS,
                    &(remote_domain_set_vcpus_flags_args) { r->domain, (unsigned) number(d, max), AFFECT_LIVE }, e);
}

static int memory(Reload *r, const Difference *d, Error *e) {
        return call(r, REMOTE_PROC_DOMAIN_SET_MEMORY_FLAGS, &remote_codec_DOMAIN_SET_MEMORY_FLAGS,
                    &(remote_domain_set_memory_flags_args) { r->domain, number(d, 0), AFFECT_LIVE }, e);
}

static int schedule(Reload *r, const Difference *d, Error *e) {
        static const struct {
                const char *element, *field;
        } names[] = { { "shares", "cpu_shares" },
                      { "period", "vcpu_period" },
                      { "quota", "vcpu_quota" },
                      { "emulator_period", "emulator_period" },
                      { "emulator_quota", "emulator_quota" },
                      { "iothread_period", "iothread_period" },
                      { "iothread_quota", "iothread_quota" },
                      { "global_period", "global_period" },
                      { "global_quota", "global_quota" } };
        const char *element = xml_name(d->new ?: d->old);
        remote_domain_set_scheduler_parameters_flags_args args = { .dom = r->domain, .flags = AFFECT_LIVE };
        _cleanup_typed_params_ TypedParams params = {};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                if (!streq(names[i].element, element))
                        continue;
                if (endswith(element, "quota"))
                        typed_params_add_llong(&params, names[i].field, d->after ? (int64_t) number(d, 0) : -1);
                else
                        typed_params_add_ullong(&params, names[i].field, number(d, 0));
        }
        args.params.params_val = params.val;
        args.params.params_len = params.len;
        return params.error < 0 ? params.error
                                : call(r, REMOTE_PROC_DOMAIN_SET_SCHEDULER_PARAMETERS_FLAGS,
                                       &remote_codec_DOMAIN_SET_SCHEDULER_PARAMETERS_FLAGS, &args, e);
}

#define UNLIMITED_KIB 9007199254740991ULL /* VIR_DOMAIN_MEMORY_PARAM_UNLIMITED */

static int memory_limits(Reload *r, const Difference *d, Error *e) {
        remote_domain_set_memory_parameters_args args = { .dom = r->domain, .flags = AFFECT_LIVE };
        _cleanup_typed_params_ TypedParams params = {};

        typed_params_add_ullong(&params, xml_name(d->new ?: d->old), number(d, UNLIMITED_KIB));
        args.params.params_val = params.val;
        args.params.params_len = params.len;
        return params.error < 0 ? params.error
                                : call(r, REMOTE_PROC_DOMAIN_SET_MEMORY_PARAMETERS,
                                       &remote_codec_DOMAIN_SET_MEMORY_PARAMETERS, &args, e);
}

/* --- pins --- */

/* The map of a pin; one that has gone lets the thread run on all of the host's CPUs. */
static int fill_map(const Difference *d, uint8_t map[CPU_BITS / 8], unsigned *ret_len) {
        uint64_t bits[CPU_BITS / 64] = {};
        const char *cpus = d->new ? xml_attr(d->new, "cpuset") : NULL;
        unsigned online;
        int n = host_cpu_map(map, CPU_BITS / 8, &online);

        if (n < 0)
                return n;
        *ret_len = ((unsigned) n + 7) / 8;
        if (!cpus)
                return 0;
        if (cpuset_parse(cpus, bits, CPU_BITS) < 0)
                return -EINVAL;
        memset(map, 0, CPU_BITS / 8);
        for (unsigned i = 0; i < *ret_len * 8; i++)
                if (bits[i / 64] >> i % 64 & 1)
                        map[i / 8] = (uint8_t) (map[i / 8] | 1U << i % 8);
        return 0;
}

static int pin_vcpu(Reload *r, const Difference *d, Error *e) {
        remote_domain_pin_vcpu_flags_args args = { .dom = r->domain, .flags = AFFECT_LIVE };
        uint8_t map[CPU_BITS / 8] = {};
        int n = fill_map(d, map, &args.cpumap.cpumap_len);

        (void) xml_attr_uint(d->new ?: d->old, "vcpu", &args.vcpu);
        args.cpumap.cpumap_val = (char *) map;
        return n < 0 ? n : call(r, REMOTE_PROC_DOMAIN_PIN_VCPU_FLAGS, &remote_codec_DOMAIN_PIN_VCPU_FLAGS, &args, e);
}

static int pin_emulator(Reload *r, const Difference *d, Error *e) {
        remote_domain_pin_emulator_args args = { .dom = r->domain, .flags = AFFECT_LIVE };
        uint8_t map[CPU_BITS / 8] = {};
        int n = fill_map(d, map, &args.cpumap.cpumap_len);

        args.cpumap.cpumap_val = (char *) map;
        return n < 0 ? n : call(r, REMOTE_PROC_DOMAIN_PIN_EMULATOR, &remote_codec_DOMAIN_PIN_EMULATOR, &args, e);
}

static int pin_iothread(Reload *r, const Difference *d, Error *e) {
        remote_domain_pin_iothread_args args = { .dom = r->domain, .flags = AFFECT_LIVE };
        uint8_t map[CPU_BITS / 8] = {};
        int n = fill_map(d, map, &args.cpumap.cpumap_len);

        (void) xml_attr_uint(d->new ?: d->old, "iothread", &args.iothreads_id);
        args.cpumap.cpumap_val = (char *) map;
        return n < 0 ? n : call(r, REMOTE_PROC_DOMAIN_PIN_IOTHREAD, &remote_codec_DOMAIN_PIN_IOTHREAD, &args, e);
}

/* --- texts --- */

static int set_text(Reload *r, MetadataKind kind, const Difference *d, Error *e) {
        char *text = (char *) d->after;
        const remote_domain_set_metadata_args args = { .dom = r->domain, .type = kind, .metadata = text ? &text : NULL,
                                                       .flags = AFFECT_LIVE };

        return call(r, REMOTE_PROC_DOMAIN_SET_METADATA, &remote_codec_DOMAIN_SET_METADATA, &args, e);
}

static int title(Reload *r, const Difference *d, Error *e) {
        return set_text(r, METADATA_TITLE, d, e);
}

static int description(Reload *r, const Difference *d, Error *e) {
        return set_text(r, METADATA_DESCRIPTION, d, e);
}

typedef struct MetadataChange {
        Reload *reload;
        Error *error;
} MetadataChange;

/* Each application has an element of its own, and libvirt's call is about one of them. */
static int set_element(const char *uri, const char *prefix, const char *element, void *userdata) {
        char *text = (char *) element, *key = (char *) (prefix ?: "app"), *namespace = (char *) uri;
        MetadataChange *c = userdata;
        const remote_domain_set_metadata_args args = {
                .dom = c->reload->domain, .type = METADATA_ELEMENT, .metadata = text ? &text : NULL, .key = &key,
                .uri = &namespace, .flags = AFFECT_LIVE,
        };

        return call(c->reload, REMOTE_PROC_DOMAIN_SET_METADATA, &remote_codec_DOMAIN_SET_METADATA, &args, c->error);
}

static int metadata(Reload *r, const Difference *d, Error *e) {
        return metadata_diff(d->before, d->after, set_element, &(MetadataChange){ r, e });
}

/* --- all --- */

static int (*const appliers[_LIVE_WAY_MAX])(Reload *r, const Difference *d, Error *e) = {
        [LIVE_ATTACH] = attach,
        [LIVE_DETACH] = detach,
        [LIVE_UPDATE] = update,
        [LIVE_IO_TUNE] = io_tune,
        [LIVE_VCPUS] = vcpus,
        [LIVE_MEMORY] = memory,
        [LIVE_SCHEDULE] = schedule,
        [LIVE_MEMORY_LIMITS] = memory_limits,
        [LIVE_VCPU_PIN] = pin_vcpu,
        [LIVE_EMULATOR_PIN] = pin_emulator,
        [LIVE_IOTHREAD_PIN] = pin_iothread,
        [LIVE_TITLE] = title,
        [LIVE_DESCRIPTION] = description,
        [LIVE_METADATA] = metadata,
};

/* One refusal does not keep the others from being done. */
static int apply(const Difference *d, void *userdata) {
        _cleanup_error_ Error e = ERROR_INIT;
        Reload *r = userdata;
        LiveWay way = live_way(d);
        int n;

        if (way == LIVE_NOT) {
                printf("%s waits for the next start\n", d->path);
                return 0;
        }
        n = appliers[way](r, d, &e);
        if (n < 0) {
                fprintf(stderr, "%s was not changed: %s\n", d->path, error_text(&e, n));
                r->failed++;
                return 0;
        }
        printf("%s changed\n", d->path);
        return 0;
}

/* The guest by its name, or, as systemd calls it, by its unit. */
static int reload(const char *arg, Error *e) {
        _cleanup_free_ char *name = NULL;
        Reload r = {};
        int n = guest_name_from_unit(arg, &name);

        if (n < 0) {
                name = strdup(arg);
                if (!name)
                        return -ENOMEM;
        }
        n = client_open(&r.client, e);
        if (n >= 0)
                n = client_look_up(&r.client, name, &r.domain, e);
        if (n >= 0)
                n = running_differences(name, apply, &r, e);
        free(r.domain.name);
        client_close(&r.client);
        return n < 0 ? n : r.failed > 0;
}

int verb_reload(int argc, char **argv) {
        static const struct option options[] = { { "from-unit", no_argument, NULL, 'u' }, {} };
        _cleanup_error_ Error e = ERROR_INIT;
        int c, n = 0;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                if (c != 'u')
                        return tool_usage(argv[0]);
                n = host_enter();
        }
        if (optind + 1 != argc)
                return tool_usage(argv[0]);
        if (n < 0)
                error_set_errno(&e, n, ORIGIN_QEMU, "cannot enter the host's namespaces");
        else
                n = reload(argv[optind], &e);
        if (n < 0)
                fprintf(stderr, "unitvirt: %s\n", error_text(&e, n));
        return n == 0 ? TOOL_OK : TOOL_FAILED;
}
