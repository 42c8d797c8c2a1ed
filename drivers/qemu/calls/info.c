/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Questions about one guest. */

#include <sched.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "calls/calls.h"
#include "calls/cpus.h"
#include "calls/guest-vcpus.h"
#include "run/monitor.h"
#include "run/process.h"
#include "run/unit-limits.h"

static int get_state(Call *c, Guest *g, const remote_domain_get_state_args *args, remote_domain_get_state_ret *ret,
                     Error *e) {
        ret->state = guest_public_state(g, &ret->reason);
        return 0;
}

static int get_info(Call *c, Guest *g, const remote_domain_get_info_args *args, remote_domain_get_info_ret *ret,
                    Error *e) {
        uint64_t cpu_time = 0;
        GuestFacts facts;
        int r;

        r = guest_facts(g, guest_is_active(g), &facts, e);
        if (r < 0)
                return r;
        (void) process_cpu_time(g, &cpu_time, NULL, NULL);
        ret->maxMem = facts.memory_kib;
        ret->memory = guest_balloon_kib(g, &facts);
        ret->nrVirtCpu = (unsigned short) facts.vcpus;
        ret->cpuTime = cpu_time;
        ret->state = (unsigned char) guest_public_state(g, NULL);
        return 0;
}

static int get_max_memory(Call *c, Guest *g, const remote_domain_get_max_memory_args *args,
                          remote_domain_get_max_memory_ret *ret, Error *e) {
        GuestFacts facts;
        int r;

        r = guest_facts(g, guest_is_active(g), &facts, e);
        if (r >= 0)
                ret->memory = facts.memory_kib;
        return r;
}

static int vcpus_of_agent(Call *c, Guest *g, uint32_t flags, int *ret, Error *e) {
        unsigned n;
        int r;

        if (call_affects_config(c))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "vCPU count provided by the guest agent can only be requested for live domains");
        r = guest_count_vcpus(g, flags & VCPU_MAXIMUM, &n, e);
        if (r >= 0)
                *ret = (int) n;
        return r;
}

static int get_vcpus_flags(Call *c, Guest *g, const remote_domain_get_vcpus_flags_args *args,
                           remote_domain_get_vcpus_flags_ret *ret, Error *e) {
        GuestFacts facts;
        int r;

        if (args->flags & VCPU_GUEST)
                return vcpus_of_agent(c, g, args->flags, &ret->num, e);
        r = guest_facts(g, call_affects_live(c), &facts, e);
        if (r >= 0)
                ret->num = (int) (args->flags & VCPU_MAXIMUM ? facts.vcpus_max : facts.vcpus);
        return r;
}

static int get_max_vcpus(Call *c, Guest *g, const remote_domain_get_max_vcpus_args *args,
                         remote_domain_get_max_vcpus_ret *ret, Error *e) {
        GuestFacts facts;
        int r;

        r = guest_facts(g, guest_is_active(g), &facts, e);
        if (r >= 0)
                ret->num = (int) facts.vcpus_max;
        return r;
}

/* Threads of the vCPUs, by index. QEMU is not trusted: numbers out of range are dropped. */
typedef struct VcpuThreads {
        size_t n;
        pid_t tids[];
} VcpuThreads;

static int vcpu_threads(Guest *g, unsigned max, VcpuThreads **ret, Error *e) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        VcpuThreads *t;
        size_t i;
        json_t *cpu;
        int r;

        r = guest_command(g, "query-cpus-fast", NULL, &reply, e);
        if (r < 0)
                return r;
        t = calloc(1, sizeof(*t) + max * sizeof(pid_t));
        if (!t)
                return -ENOMEM;
        json_array_foreach(reply, i, cpu) {
                json_int_t index = json_integer_value(json_object_get(cpu, "cpu-index"));

                if (index >= 0 && index < max) {
                        t->tids[index] = (pid_t) json_integer_value(json_object_get(cpu, "thread-id"));
                        t->n = MAX(t->n, (size_t) index + 1);
                }
        }
        *ret = t;
        return 0;
}

static void affinity_of(pid_t tid, uint8_t *map, int maplen) {
        size_t size = CPU_ALLOC_SIZE(4096);
        cpu_set_t *set = calloc(1, size);

        if (set && sched_getaffinity(tid, size, set) >= 0)
                for (int i = 0; i < maplen * 8 && i < 4096; i++)
                        if (CPU_ISSET_S((unsigned) i, size, set))
                                map[i / 8] = (uint8_t) (map[i / 8] | 1 << (i % 8));
        free(set);
}

static int get_vcpus(Call *c, Guest *g, const remote_domain_get_vcpus_args *args, remote_domain_get_vcpus_ret *ret,
                     Error *e) {
        _cleanup_free_ VcpuThreads *threads = NULL;
        GuestFacts facts;
        unsigned n;
        int r;

        if (args->maxinfo < 0 || args->maxinfo > REMOTE_VCPUINFO_MAX || args->maplen < 0 ||
            (int64_t) args->maxinfo * args->maplen > REMOTE_CPUMAPS_MAX)
                return error_set(e, -EINVAL, ERROR_RPC, ORIGIN_RPC, "too many vCPUs or too long maps asked for");
        r = guest_facts(g, true, &facts, e);
        if (r < 0)
                return r;
        r = vcpu_threads(g, facts.vcpus_max, &threads, e);
        if (r < 0)
                return r;
        n = MIN((unsigned) args->maxinfo, (unsigned) threads->n);
        ret->info.info_val = calloc(n + 1U, sizeof(remote_vcpu_info));
        ret->cpumaps.cpumaps_val = calloc(n + 1U, (size_t) args->maplen + 1);
        if (!ret->info.info_val || !ret->cpumaps.cpumaps_val)
                return -ENOMEM;
        for (unsigned i = 0; i < n; i++) {
                remote_vcpu_info *v = &ret->info.info_val[i];
                ThreadTime t = { .cpu = -1 };

                v->number = i;
                v->state = threads->tids[i] > 0 ? 1 : 0; /* running, or offline */
                if (threads->tids[i] > 0 && process_thread_time(g, threads->tids[i], &t) >= 0)
                        affinity_of(threads->tids[i],
                                    (uint8_t *) ret->cpumaps.cpumaps_val + i * (unsigned) args->maplen, args->maplen);
                v->cpu = t.cpu;
                v->cpu_time = t.nsec;
        }
        ret->info.info_len = n;
        ret->cpumaps.cpumaps_len = n * (unsigned) args->maplen;
        return 0;
}

static int get_os_type(Call *c, Guest *g, const remote_domain_get_os_type_args *args,
                       remote_domain_get_os_type_ret *ret, Error *e) {
        return reply_string(&ret->type, xml_get(definition_root(call_definition(c)), "os/type") ?: "hvm");
}

static unsigned format_flags(const Guest *g, uint32_t flags) {
        return (flags & DOMAIN_XML_SECURE ? DEFINITION_FORMAT_SECURE : 0) |
               (flags & DOMAIN_XML_MIGRATABLE ? DEFINITION_FORMAT_MIGRATABLE : 0) |
               (flags & DOMAIN_XML_INACTIVE || !guest_is_active(g) ? DEFINITION_FORMAT_INACTIVE : 0);
}

/* What the balloon holds now is nowhere but in QEMU. */
static int set_current_memory(const Guest *g, Definition *d) {
        xmlNode *current = xml_child(definition_root(d), "currentMemory");
        char text[32];

        if (!current || !g->run || g->run->balloon_kib == 0)
                return 0;
        snprintf(text, sizeof(text), "%lu", (unsigned long) g->run->balloon_kib);
        return xml_set_text(current, text);
}

static int get_xml_desc(Call *c, Guest *g, const remote_domain_get_xml_desc_args *args,
                        remote_domain_get_xml_desc_ret *ret, Error *e) {
        unsigned flags = format_flags(g, args->flags);
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = object_load(&g->object, flags & DEFINITION_FORMAT_INACTIVE ? OBJECT_INACTIVE : OBJECT_LIVE, &d, e);
        /* whoever edits what is shown sends it back, and means this guest */
        if (r >= 0)
                r = definition_ensure_uuid(d);
        if (r >= 0 && !(flags & DEFINITION_FORMAT_INACTIVE))
                r = set_current_memory(g, d);
        if (r >= 0 && !(flags & DEFINITION_FORMAT_INACTIVE))
                r = unit_limits_show(g, d);
        if (r >= 0 && args->flags & DOMAIN_XML_UPDATE_CPU)
                r = driver_fix_host_model(driver_of(c), d);
        return r < 0 ? r : definition_format(d, flags, &ret->xml);
}

/* What was written to /etc after the start, of which vm-prepare left the time with what it gave vm-run to execute. */
static bool is_updated(const Guest *g) {
        _cleanup_free_ char *definition = guest_file(GUEST_FILE_PERSISTENT, g->object.name);
        _cleanup_free_ char *launch = guest_file(GUEST_FILE_LAUNCH, g->object.name);
        struct stat d, l;

        if (!guest_is_active(g) || !g->object.persistent || !definition || !launch)
                return false;
        if (stat(definition, &d) < 0 || stat(launch, &l) < 0)
                return false;
        return d.st_ctim.tv_sec != l.st_mtim.tv_sec ? d.st_ctim.tv_sec > l.st_mtim.tv_sec
                                                    : d.st_ctim.tv_nsec > l.st_mtim.tv_nsec;
}

static int get_updated(Call *c, Guest *g, const remote_domain_is_updated_args *args, remote_domain_is_updated_ret *ret,
                       Error *e) {
        ret->updated = is_updated(g);
        return 0;
}

/* --- security: each guest's QEMU runs as a user of its own --- */

static int label_of(const Guest *g, remote_domain_get_security_label_ret *ret) {
        char text[64] = "";

        if (guest_is_active(g) && g->run->pid > 0) {
                snprintf(text, sizeof(text), "+%u:+%u", (unsigned) g->run->uid, (unsigned) g->run->uid);
                ret->enforcing = 1;
        }
        ret->label.label_val = strdup(text);
        if (!ret->label.label_val)
                return -ENOMEM;
        ret->label.label_len = (unsigned) strlen(text) + 1;
        return 0;
}

static int get_security_label(Call *c, Guest *g, const remote_domain_get_security_label_args *args,
                              remote_domain_get_security_label_ret *ret, Error *e) {
        return label_of(g, ret);
}

static int get_security_label_list(Call *c, Guest *g, const remote_domain_get_security_label_list_args *args,
                                   remote_domain_get_security_label_list_ret *ret, Error *e) {
        if (!guest_is_active(g))
                return 0;
        ret->labels.labels_val = calloc(1, sizeof(*ret->labels.labels_val));
        if (!ret->labels.labels_val)
                return -ENOMEM;
        ret->labels.labels_len = 1;
        ret->ret = 1;
        return label_of(g, &ret->labels.labels_val[0]);
}

static bool has_host_cdrom(const Definition *d) {
        XML_FOREACH(disk, definition_devices(d), "disk")
                if (xml_attr_is(disk, "device", "cdrom") && xml_attr_is(disk, "type", "block"))
                        return true;
        return false;
}

/* Deprecations and taints that libvirt would list; most of what a definition of ours may say taints nothing. */
static int get_messages(Call *c, Guest *g, const remote_domain_get_messages_args *args,
                        remote_domain_get_messages_ret *ret, Error *e) {
        int r;

        if ((args->flags && !(args->flags & MESSAGE_TAINTING)) || !has_host_cdrom(call_definition(c)))
                return 0;
        ret->msgs.msgs_val = calloc(1, sizeof(char *));
        if (!ret->msgs.msgs_val)
                return -ENOMEM;
        r = reply_string(&ret->msgs.msgs_val[0], "tainted: use of host cdrom passthrough");
        ret->msgs.msgs_len = r >= 0;
        return r;
}

#define VCPUS_FLAGS (AFFECT_LIVE | AFFECT_CONFIG | VCPU_MAXIMUM | VCPU_GUEST)
#define XML_FLAGS (DOMAIN_XML_SECURE | DOMAIN_XML_INACTIVE | DOMAIN_XML_UPDATE_CPU | DOMAIN_XML_MIGRATABLE)

static const RpcHandler rows[] = {
        CALL(DOMAIN_GET_STATE, get_state),
        CALL(DOMAIN_GET_INFO, get_info),
        CALL(DOMAIN_GET_MAX_MEMORY, get_max_memory),
        CALL(DOMAIN_GET_MAX_VCPUS, get_max_vcpus),
        CALL(DOMAIN_GET_VCPUS_FLAGS, get_vcpus_flags, .flags = VCPUS_FLAGS, .writable = VCPU_GUEST,
             .needs = NEED_IMPACT),
        CALL(DOMAIN_GET_VCPUS, get_vcpus, .needs = NEED_ACTIVE),
        CALL(DOMAIN_GET_OS_TYPE, get_os_type, .needs = NEED_CURRENT),
        CALL(DOMAIN_GET_XML_DESC, get_xml_desc, .flags = XML_FLAGS,
             .writable = DOMAIN_XML_SECURE | DOMAIN_XML_MIGRATABLE),
        OBJECT_IS_ACTIVE(remote, REMOTE, &kind_domain, DOMAIN_IS_ACTIVE),
        OBJECT_IS_PERSISTENT(remote, REMOTE, &kind_domain, DOMAIN_IS_PERSISTENT),
        CALL(DOMAIN_IS_UPDATED, get_updated),
        CALL(DOMAIN_GET_SECURITY_LABEL, get_security_label),
        CALL(DOMAIN_GET_SECURITY_LABEL_LIST, get_security_label_list),
        CALL(DOMAIN_GET_MESSAGES, get_messages, .flags = MESSAGE_DEPRECATION | MESSAGE_TAINTING, .needs = NEED_CURRENT),
};
const RpcTable qemu_info_table = RPC_TABLE(rows);
