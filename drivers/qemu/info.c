/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Questions about one guest. */

#include <sched.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "handlers.h"
#include "monitor.h"
#include "process.h"
#include "savefile.h"

int domain_get_state(Call *c, const remote_domain_get_state_args *args, remote_domain_get_state_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = call_check_flags(c, args->flags, 0, e);
        if (r < 0)
                return r;
        r = domain_get(c, &args->dom, args->flags, &g, e);
        if (r < 0)
                return r;
        ret->state = guest_public_state(g, &ret->reason);
        return 0;
}

/* What the balloon holds now: QEMU tells each change; asked once for the first value. */
static uint64_t current_kib(Guest *g, const GuestFacts *facts) {
        _cleanup_(json_decrefp) json_t *reply = NULL;

        if (!guest_is_active(g))
                return facts->current_kib;
        if (g->run->balloon_kib == 0 && g->run->qmp && guest_command(g, "query-balloon", NULL, &reply, NULL) >= 0 && g->run)
                g->run->balloon_kib = (uint64_t) json_integer_value(json_object_get(reply, "actual")) / 1024U;
        return g->run && g->run->balloon_kib > 0 ? g->run->balloon_kib : facts->current_kib;
}

int domain_get_info(Call *c, const remote_domain_get_info_args *args, remote_domain_get_info_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        uint64_t cpu_time = 0;
        GuestFacts facts;
        int r;

        r = domain_get(c, &args->dom, 0, &g, e);
        if (r < 0)
                return r;
        r = guest_facts(g, guest_is_active(g), &facts, e);
        if (r < 0)
                return r;
        (void) process_cpu_time(g, &cpu_time, NULL, NULL);
        ret->maxMem = facts.memory_kib;
        ret->memory = current_kib(g, &facts);
        ret->nrVirtCpu = (unsigned short) facts.vcpus;
        ret->cpuTime = cpu_time;
        ret->state = (unsigned char) guest_public_state(g, NULL);
        return 0;
}

int domain_get_max_memory(Call *c, const remote_domain_get_max_memory_args *args, remote_domain_get_max_memory_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        GuestFacts facts;
        int r;

        r = domain_get(c, &args->dom, 0, &g, e);
        if (r >= 0)
                r = guest_facts(g, guest_is_active(g), &facts, e);
        if (r >= 0)
                ret->memory = facts.memory_kib;
        return r;
}

static int vcpus_flags(Call *c, const remote_nonnull_domain *dom, uint32_t flags, int *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        GuestFacts facts;
        int r;

        r = call_check_flags(c, flags, AFFECT_LIVE | AFFECT_CONFIG | VCPU_MAXIMUM | VCPU_GUEST, e);
        if (r < 0)
                return r;
        if (flags & VCPU_GUEST) {
                r = call_check_writable(c, e);
                return r < 0 ? r : error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                             "counting vCPUs through the guest agent is not supported");
        }
        r = domain_get(c, dom, flags, &g, e);
        if (r < 0)
                return r;
        r = resolve_impact(g, flags, e);
        if (r < 0)
                return r;
        r = guest_facts(g, r > 0, &facts, e);
        if (r < 0)
                return r;
        *ret = (int) (flags & VCPU_MAXIMUM ? facts.vcpus_max : facts.vcpus);
        return 0;
}

int domain_get_vcpus_flags(Call *c, const remote_domain_get_vcpus_flags_args *args, remote_domain_get_vcpus_flags_ret *ret, Error *e) {
        return vcpus_flags(c, &args->dom, args->flags, &ret->num, e);
}

int domain_get_max_vcpus(Call *c, const remote_domain_get_max_vcpus_args *args, remote_domain_get_max_vcpus_ret *ret, Error *e) {
        return vcpus_flags(c, &args->dom, VCPU_MAXIMUM, &ret->num, e);
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

int domain_get_vcpus(Call *c, const remote_domain_get_vcpus_args *args, remote_domain_get_vcpus_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        _cleanup_free_ VcpuThreads *threads = NULL;
        GuestFacts facts;
        unsigned n;
        int r;

        if (args->maxinfo < 0 || args->maxinfo > REMOTE_VCPUINFO_MAX || args->maplen < 0 ||
            (int64_t) args->maxinfo * args->maplen > REMOTE_CPUMAPS_MAX)
                return error_set(e, -EINVAL, ERROR_RPC, ORIGIN_RPC, "too many vCPUs or too long maps asked for");
        r = domain_get_active(c, &args->dom, 0, &g, e);
        if (r < 0)
                return r;
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
                uint64_t nsec = 0;

                v->number = i;
                v->state = threads->tids[i] > 0 ? 1 : 0; /* running, or offline */
                v->cpu = -1;
                if (threads->tids[i] > 0 && process_thread_time(g, threads->tids[i], &nsec, &v->cpu) >= 0)
                        affinity_of(threads->tids[i], (uint8_t *) ret->cpumaps.cpumaps_val + i * (unsigned) args->maplen,
                                    args->maplen);
                v->cpu_time = nsec;
        }
        ret->info.info_len = n;
        ret->cpumaps.cpumaps_len = n * (unsigned) args->maplen;
        return 0;
}

int domain_get_os_type(Call *c, const remote_domain_get_os_type_args *args, remote_domain_get_os_type_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        _cleanup_definition_ Definition *d = NULL;
        const char *type;
        int r;

        r = domain_get(c, &args->dom, 0, &g, e);
        if (r >= 0)
                r = guest_load_current(g, &d, e);
        if (r < 0)
                return r;
        type = xml_get(definition_root(d), "os/type");
        return reply_string(&ret->type, type ? type : "hvm");
}

int domain_get_xml_desc(Call *c, const remote_domain_get_xml_desc_args *args, remote_domain_get_xml_desc_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        _cleanup_definition_ Definition *d = NULL;
        unsigned flags = 0;
        int r;

        r = call_check_flags(c, args->flags, XML_SECURE | XML_INACTIVE | XML_UPDATE_CPU | XML_MIGRATABLE, e);
        if (r < 0)
                return r;
        if (args->flags & (XML_SECURE | XML_MIGRATABLE)) {
                r = call_check_writable(c, e);
                if (r < 0)
                        return r;
        }
        r = domain_get(c, &args->dom, args->flags, &g, e);
        if (r < 0)
                return r;
        flags |= args->flags & XML_SECURE ? DEFINITION_FORMAT_SECURE : 0;
        flags |= args->flags & XML_MIGRATABLE ? DEFINITION_FORMAT_MIGRATABLE : 0;
        flags |= args->flags & XML_INACTIVE || !guest_is_active(g) ? DEFINITION_FORMAT_INACTIVE : 0;
        r = flags & DEFINITION_FORMAT_INACTIVE ? guest_load_inactive(g, &d, e) : guest_load_live(g, &d, e);
        if (r < 0)
                return r;
        if (g->run && g->run->balloon_kib > 0 && !(flags & DEFINITION_FORMAT_INACTIVE)) {
                xmlNode *current = xml_child(definition_root(d), "currentMemory");
                char text[32];

                snprintf(text, sizeof(text), "%lu", (unsigned long) g->run->balloon_kib);
                if (current && xml_set_text(current, text) < 0)
                        return -ENOMEM;
        }
        return definition_format(d, flags, &ret->xml);
}

int domain_is_active(Call *c, const remote_domain_is_active_args *args, remote_domain_is_active_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = domain_get(c, &args->dom, 0, &g, e);
        if (r >= 0)
                ret->active = guest_is_active(g);
        return r;
}

int domain_is_persistent(Call *c, const remote_domain_is_persistent_args *args, remote_domain_is_persistent_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = domain_get(c, &args->dom, 0, &g, e);
        if (r >= 0)
                ret->persistent = g->persistent;
        return r;
}

/* What was written to /etc after the start, of which vm-prepare left the time with what it gave vm-run to execute. */
static bool is_updated(const Guest *g) {
        _cleanup_free_ char *definition = guest_path_persistent(g->name), *launch = guest_path_run(g->name, "launch");
        struct stat d, l;

        if (!guest_is_active(g) || !g->persistent || !definition || !launch || stat(definition, &d) < 0 || stat(launch, &l) < 0)
                return false;
        return d.st_ctim.tv_sec != l.st_mtim.tv_sec ? d.st_ctim.tv_sec > l.st_mtim.tv_sec : d.st_ctim.tv_nsec > l.st_mtim.tv_nsec;
}

int domain_is_updated(Call *c, const remote_domain_is_updated_args *args, remote_domain_is_updated_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = domain_get(c, &args->dom, 0, &g, e);
        if (r >= 0)
                ret->updated = is_updated(g);
        return r;
}

int domain_has_managed_save_image(Call *c, const remote_domain_has_managed_save_image_args *args,
                            remote_domain_has_managed_save_image_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = call_check_flags(c, args->flags, 0, e);
        if (r >= 0)
                r = domain_get(c, &args->dom, args->flags, &g, e);
        if (r >= 0)
                ret->result = has_managed_save(g);
        return r;
}

int domain_snapshot_num(Call *c, const remote_domain_snapshot_num_args *args, remote_domain_snapshot_num_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = domain_get(c, &args->dom, args->flags, &g, e);
        if (r >= 0)
                ret->num = (int) count_metadata(g, "snapshot");
        return r;
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

int domain_get_security_label(Call *c, const remote_domain_get_security_label_args *args, remote_domain_get_security_label_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = domain_get(c, &args->dom, 0, &g, e);
        return r < 0 ? r : label_of(g, ret);
}

int domain_get_security_label_list(Call *c, const remote_domain_get_security_label_list_args *args,
                      remote_domain_get_security_label_list_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = domain_get(c, &args->dom, 0, &g, e);
        if (r < 0 || !guest_is_active(g))
                return r;
        ret->labels.labels_val = calloc(1, sizeof(*ret->labels.labels_val));
        if (!ret->labels.labels_val)
                return -ENOMEM;
        ret->labels.labels_len = 1;
        ret->ret = 1;
        return label_of(g, &ret->labels.labels_val[0]);
}

/* Deprecations and taints that libvirt would list; what a definition of ours may say taints nothing. */
int domain_get_messages(Call *c, const remote_domain_get_messages_args *args, remote_domain_get_messages_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        _cleanup_definition_ Definition *d = NULL;
        static const char *const texts[] = { "tainted: use of host cdrom passthrough" };
        int r;

        r = call_check_flags(c, args->flags, 3, e); /* deprecation, tainting */
        if (r >= 0)
                r = domain_get(c, &args->dom, args->flags, &g, e);
        if (r >= 0)
                r = guest_load_current(g, &d, e);
        if (r < 0 || (args->flags && !(args->flags & 2)))
                return r;
        XML_FOREACH(disk, definition_devices(d), "disk") {
                if (!xml_attr_is(disk, "device", "cdrom") || !xml_attr_is(disk, "type", "block") || ret->msgs.msgs_len > 0)
                        continue;
                ret->msgs.msgs_val = calloc(1, sizeof(char *));
                if (!ret->msgs.msgs_val)
                        return -ENOMEM;
                r = reply_string(&ret->msgs.msgs_val[0], texts[0]);
                ret->msgs.msgs_len = r >= 0;
        }
        return r;
}
