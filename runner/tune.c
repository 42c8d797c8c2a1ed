/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <vcpus> and <cputune>: what vm-run does with vCPUs and threads before the guest's first instruction. */

#include "base/cgroup.h"
#include "base/strings.h"
#include "host/placement.h"
#include "parcel.h"
#include "prepare.h"
#include "thread-groups.h"

/* The type of a vCPU, as QEMU's device: by the model that -cpu names. */
static const char *cpu_driver(const Prepare *p, char buf[static 96]) {
        const xmlNode *domain = definition_root(p->live);
        const char *mode = xml_get(domain, "cpu/@mode") ?: "custom", *model = xml_get(domain, "cpu/model");
        bool kvm = streq(p->res.accel ?: xml_attr(domain, "type") ?: "", "kvm");

        if (!streq(mode, "custom"))
                model = kvm && !streq(mode, "maximum") ? "host" : "max";
        (void) snprintf(buf, 96, "%s-x86_64-cpu", model ?: "qemu64");
        return buf;
}

static unsigned part(const Prepare *p, const char *path, unsigned otherwise) {
        unsigned v = 0;

        (void) parse_uint(xml_get(definition_root(p->live), path) ?: "", &v);
        return v ?: otherwise;
}

/* Where in the topology the vCPU sits: threads count fastest, then cores, dies, sockets. */
static int plug_vcpu(Prepare *p, unsigned id) {
        unsigned threads = part(p, "cpu/topology/@threads", 1), cores = part(p, "cpu/topology/@cores", 1);
        unsigned dies = part(p, "cpu/topology/@dies", 1);
        char driver[96], name[32];
        json_t *arguments;

        (void) snprintf(name, sizeof name, "vcpu%u", id);
        arguments = json_pack("{s:s,s:s,s:i,s:i,s:i}", "driver", cpu_driver(p, driver), "id", name, "thread-id",
                              (int) (id % threads), "core-id", (int) (id / threads % cores), "socket-id",
                              (int) (id / threads / cores / dies));
        if (arguments && dies > 1 &&
            json_object_set_new(arguments, "die-id", json_integer(id / threads / cores % dies)) < 0) {
                json_decref(arguments);
                return -ENOMEM;
        }
        return prepare_command(p, arguments ? json_pack("{s:s,s:o}", "execute", "device_add", "arguments", arguments)
                                            : NULL);
}

/* Those that the definition may take away again, in the order that it gives them. */
int prepare_vcpus(Prepare *p) {
        const xmlNode *vcpus = xml_child(definition_root(p->live), "vcpus");
        unsigned count = part(p, "vcpu", 1);

        for (unsigned order = 0; vcpus && order <= count; order++)
                XML_FOREACH(vcpu, vcpus, "vcpu") {
                        unsigned id = 0, own = 0;
                        int r;

                        (void) xml_attr_uint(vcpu, "id", &id);
                        (void) xml_attr_uint(vcpu, "order", &own);
                        if (own != order || !xml_attr_is(vcpu, "enabled", "yes") ||
                            !xml_attr_is(vcpu, "hotpluggable", "yes"))
                                continue;
                        r = plug_vcpu(p, id);
                        if (r < 0)
                                return r;
                }
        return 0;
}

static int add(Prepare *p, const char *who, const char *what, const char *value, const char *more) {
        return strv_addf(&p->launch.threads, "%s %s %s%s%s", who, what, value, more ? " " : "", more ?: "");
}

/* numad is asked once for both, the vCPUs and the memory. */
int prepare_placement(Prepare *p) {
        const xmlNode *domain = definition_root(p->live), *memory = xml_find(domain, "numatune/memory");
        uint64_t set[PLACEMENT_NODES_MAX / 64] = {}, kib = 0;
        _cleanup_free_ char *nodes = NULL;
        int r;

        if (!xml_attr_is(memory, "placement", "auto") && !xml_attr_is(xml_child(domain, "vcpu"), "placement", "auto"))
                return 0;
        if (xml_attr_is(memory, "placement", "auto") && xml_attr_is(memory, "mode", "restrictive"))
                return prepare_refuse(p, -EOPNOTSUPP, memory,
                                      "mode 'restrictive' is not supported with placement 'auto'");
        (void) xml_get_u64(domain, "memory", &kib);
        r = placement_ask(part(p, "vcpu", 1), kib >> 10, &nodes, &p->error);
        if (r < 0)
                return prepare_blame(p, r, memory ?: xml_child(domain, "vcpu"));
        r = cpuset_parse(nodes, set, PLACEMENT_NODES_MAX);
        if (r >= 0)
                r = placement_cpus(set, &p->auto_cpus, &p->auto_nodes);
        if (r < 0)
                return prepare_refuse(p, r, memory, "the host has no CPUs and memory on the nodes '%s'", nodes);
        p->res.nodes = p->auto_nodes;
        return 0;
}

/* A guest that is bound as a whole: its unit is allowed the CPUs of all threads together, so each is told. */
static int add_cpuset(Prepare *p) {
        const xmlNode *vcpu = xml_child(definition_root(p->live), "vcpu");
        const char *cpuset = xml_attr_is(vcpu, "placement", "auto") ? p->auto_cpus : xml_attr(vcpu, "cpuset");
        unsigned count = part(p, "vcpu", 1);
        int r;

        if (!cpuset)
                return 0;
        r = add(p, "emulator", "cpus", cpuset, NULL);
        for (unsigned i = 0; r >= 0 && i < count; i++) {
                char who[32];

                (void) snprintf(who, sizeof who, "vcpu %u", i);
                r = add(p, who, "cpus", cpuset, NULL);
        }
        XML_FOREACH(t, xml_child(definition_root(p->live), "iothreadids"), "iothread") {
                char who[48];

                (void) snprintf(who, sizeof who, "iothread iothread%.20s", xml_attr(t, "id") ?: "");
                r = r < 0 ? r : add(p, who, "cpus", cpuset, NULL);
        }
        return r;
}

static const struct {
        const char *element, *id, *who;
} tunings[] = {
        { "vcpupin", "vcpu", "vcpu " },
        { "emulatorpin", NULL, "emulator" },
        { "iothreadpin", "iothread", "iothread iothread" },
        { "vcpusched", "vcpus", "vcpu " },
        { "emulatorsched", NULL, "emulator" },
        { "iothreadsched", "iothreads", "iothread iothread" },
};

int prepare_threads(Prepare *p) {
        const xmlNode *tune = xml_child(definition_root(p->live), "cputune");
        int r;

        r = p->auto_cpus || (tune && xml_child(tune, NULL)) ? add_cpuset(p) : 0;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(tunings); i++)
                XML_FOREACH(node, tune, tunings[i].element) {
                        const char *id = tunings[i].id ? xml_attr(node, tunings[i].id) : "",
                                   *cpus = xml_attr(node, "cpuset");
                        char who[64];

                        (void) snprintf(who, sizeof who, "%s%.20s", tunings[i].who, id ?: "");
                        if (cpus)
                                r = add(p, who, "cpus", cpus, NULL);
                        else
                                r = add(p, who, "scheduler", xml_attr(node, "scheduler") ?: "",
                                        xml_attr(node, "priority"));
                        if (r < 0)
                                return r;
                }
        return r;
}

/* Quotas of single threads are limits of control groups, which vm-run makes below the unit's. */
static const struct {
        const char *kind, *quota, *period;
} quotas[] = {
        { "vcpu", "cputune/quota", "cputune/period" },
        { "emulator", "cputune/emulator_quota", "cputune/emulator_period" },
        { "iothread", "cputune/iothread_quota", "cputune/iothread_period" },
};

static int store_cgroup(Prepare *p, const xmlNode *quota) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = cgroup_open_unit(0, p->launch.unit, &fd);
        if (r < 0 || !cgroup_has_controller(fd, "cpu"))
                return prepare_refuse(p, -EOPNOTSUPP, quota, "cgroup cpu is required for scheduler tuning");
        r = parcel_put(p->parcel_fd, CGROUP_FD_NAME, fd);
        return r < 0 ? error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot hand the unit's control group to vm-run") : 0;
}

int prepare_thread_quotas(Prepare *p) {
        const xmlNode *domain = definition_root(p->live), *any = NULL;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(quotas); i++) {
                uint64_t quota = 0, period = 100000;

                if (xml_get_u64(domain, quotas[i].quota, &quota) < 0 || quota == 0)
                        continue; /* none, or a negative one: no limit */
                any = any ?: xml_find(domain, quotas[i].quota);
                (void) xml_get_u64(domain, quotas[i].period, &period);
                r = strv_addf(&p->launch.limits, "%s %llu %llu", quotas[i].kind, (unsigned long long) quota,
                              (unsigned long long) (period ?: 100000));
        }
        return r < 0 || !any ? r : store_cgroup(p, any);
}
