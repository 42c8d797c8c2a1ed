/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vcpus and the part of cputune about threads: which vCPUs are there from the start, on which CPUs of the host each
 * thread runs, and by which scheduler. */

#include "base/strings.h"
#include "normalise.h"

#define MAX_THREADS 4096U

static unsigned vcpu_count(const Normaliser *n) {
        unsigned count = 1;

        (void) parse_uint(xml_text(xml_child(n->root, "vcpu")) ?: "", &count);
        return count;
}

/* Pins of vCPUs that are not there are left over from a larger guest. */
static int check_vcpu_pins(Normaliser *n, xmlNode *tune) {
        xmlNode *next;
        int r;

        for (xmlNode *pin = xml_child(tune, "vcpupin"); pin; pin = next) {
                unsigned id = number_or(pin, "vcpu", UINT32_MAX);

                next = xml_next(pin, "vcpupin");
                if (!xml_attr(pin, "vcpu"))
                        return fail_xml(n, pin, "missing vcpu id in vcpupin");
                if (id >= vcpu_count(n)) {
                        xml_remove(pin);
                        continue;
                }
                for (xmlNode *other = next; other; other = xml_next(other, "vcpupin"))
                        if (number_or(other, "vcpu", UINT32_MAX) == id)
                                return fail_xml(n, other, "duplicate vcpupin for vcpu '%u'", id);
                r = norm_cpuset(n, pin, "cpuset");
                if (r < 0)
                        return r;
        }

        return 0;
}

static int check_iothread_pins(Normaliser *n, xmlNode *tune) {
        XML_FOREACH(pin, tune, "iothreadpin") {
                unsigned id = number_or(pin, "iothread", 0);
                int r;

                if (!has_iothread(n, id))
                        return fail_unsupported(n, pin, "Cannot find 'iothread' : %u", id);
                for (xmlNode *other = xml_next(pin, "iothreadpin"); other; other = xml_next(other, "iothreadpin"))
                        if (number_or(other, "iothread", 0) == id)
                                return fail_xml(n, other, "duplicate iothreadpin for same iothread '%u'", id);
                r = norm_cpuset(n, pin, "cpuset");
                if (r < 0)
                        return r;
        }

        return 0;
}

/* One line for each thread, in the order of their numbers. */
static void sort_by(xmlNode *parent, const char *name, const char *attr) {
        bool moved = true;

        while (moved) {
                moved = false;
                for (xmlNode *a = xml_child(parent, name), *b; a && (b = xml_next(a, name)); a = b)
                        if (number_or(a, attr, 0) > number_or(b, attr, 0)) {
                                xmlUnlinkNode(b);
                                xmlAddPrevSibling(a, b);
                                moved = true;
                                break;
                        }
        }
}

static int check_scheduler(Normaliser *n, xmlNode *sched) {
        const char *scheduler = xml_attr(sched, "scheduler");
        bool realtime = scheduler && (streq(scheduler, "fifo") || streq(scheduler, "rr"));
        int priority;

        if (!scheduler)
                return fail_xml(n, sched, "Missing scheduler attribute");
        if (!realtime) {
                xml_unset_attr(sched, "priority");
                return 0;
        }
        if (!xml_attr(sched, "priority"))
                return fail_xml(n, sched, "missing scheduler priority");
        if (parse_int(xml_attr(sched, "priority"), &priority) < 0 || priority < 0 || priority > 99)
                return fail_xml(n, sched, "the priority has to be from 0 to 99");

        return 0;
}

/* "2-3" becomes two lines. */
static int split(Normaliser *n, xmlNode *tune, xmlNode *sched, const char *attr, uint64_t *taken, bool is_vcpu) {
        uint64_t ids[MAX_THREADS / 64] = {};

        if (!xml_attr(sched, attr) || cpuset_parse(xml_attr(sched, attr), ids, MAX_THREADS) < 0)
                return fail_xml(n, sched, "Missing or malformed attribute '%s' in element '%s'", attr, xml_name(sched));
        for (unsigned i = 0; i < MAX_THREADS; i++) {
                xmlNode *line;

                if (!(ids[i / 64] >> i % 64 & 1))
                        continue;
                if (taken[i / 64] >> i % 64 & 1)
                        return fail_xml(n, sched, "'%s' attributes '%s' must not overlap", xml_name(sched), attr);
                taken[i / 64] |= UINT64_C(1) << i % 64;
                if (is_vcpu && i >= vcpu_count(n))
                        return fail_unsupported(n, sched, "vCPU '%u' is not present in domain definition", i);
                if (!is_vcpu && !has_iothread(n, i))
                        return fail_unsupported(n, sched, "Cannot find 'iothread' : %u", i);
                line = norm_add(n, tune, is_vcpu ? "vcpusched" : "iothreadsched");
                norm_setf(n, line, attr, "%u", i);
                norm_set(n, line, "scheduler", xml_attr(sched, "scheduler"));
                if (xml_attr(sched, "priority"))
                        norm_set(n, line, "priority", xml_attr(sched, "priority"));
        }
        xml_remove(sched);

        return 0;
}

static int check_schedulers(Normaliser *n, xmlNode *tune, const char *name, const char *attr) {
        uint64_t taken[MAX_THREADS / 64] = {};
        unsigned given = 0;
        int r;

        XML_FOREACH(sched, tune, name)
                given++;
        for (; given > 0; given--) {
                xmlNode *sched = xml_child(tune, name);

                r = check_scheduler(n, sched);
                if (r >= 0)
                        r = split(n, tune, sched, attr, taken, streq(name, "vcpusched"));
                if (r < 0)
                        return r;
        }
        sort_by(tune, name, attr);

        return 0;
}

static int check_vcpu(Normaliser *n, xmlNode *vcpu, uint64_t *listed, unsigned *enabled) {
        unsigned id = number_or(vcpu, "id", UINT32_MAX);

        if (id >= vcpu_count(n) || id >= MAX_THREADS)
                return fail_xml(n, vcpu, "invalid vcpu 'id' value '%s'", attr_or(vcpu, "id", ""));
        if (listed[id / 64] >> id % 64 & 1)
                return fail_xml(n, vcpu, "duplicate vcpu 'id' value '%u'", id);
        listed[id / 64] |= UINT64_C(1) << id % 64;
        if (!xml_attr(vcpu, "enabled"))
                return fail_xml(n, vcpu, "missing 'enabled' of the vcpu");
        if (id == 0 && !xml_attr_is(vcpu, "enabled", "yes"))
                return fail_xml(n, vcpu, "vcpu '0' can't be offline");
        norm_set_default(n, vcpu, "hotpluggable", id == 0 || xml_attr_is(vcpu, "enabled", "yes") ? "no" : "yes");
        if (id == 0 && xml_attr_is(vcpu, "hotpluggable", "yes"))
                return fail_xml(n, vcpu, "vcpu '0' can't be hotpluggable");
        if (xml_attr_is(vcpu, "enabled", "no") && xml_attr_is(vcpu, "hotpluggable", "no"))
                return fail_xml(n, vcpu, "vcpu '%u' is both offline and not hotpluggable", id);
        *enabled += xml_attr_is(vcpu, "enabled", "yes");

        return 0;
}

/* The list is whole, and says how many run. */
static int write_vcpus(Normaliser *n, xmlNode *vcpus) {
        uint64_t listed[MAX_THREADS / 64] = {};
        unsigned enabled = 0, count = 0;
        int r;

        XML_FOREACH(vcpu, vcpus, "vcpu") {
                r = check_vcpu(n, vcpu, listed, &enabled);
                if (r < 0)
                        return r;
                count++;
        }
        if (count == 0) {
                xml_remove(vcpus);
                return 0;
        }
        for (unsigned i = 0; i < vcpu_count(n); i++)
                if (!(listed[i / 64] >> i % 64 & 1))
                        return fail_xml(n, vcpus, "vcpu '%u' is not in the list of <vcpus>", i);
        sort_by(vcpus, "vcpu", "id");
        if (enabled < vcpu_count(n))
                norm_setf(n, xml_child(n->root, "vcpu"), "current", "%u", enabled);
        else
                xml_unset_attr(xml_child(n->root, "vcpu"), "current");

        return 0;
}

int normalise_pins(Normaliser *n) {
        xmlNode *tune = xml_child(n->root, "cputune"), *vcpus = xml_child(n->root, "vcpus");
        int r;

        r = vcpus ? write_vcpus(n, vcpus) : 0;
        if (r < 0 || !tune)
                return r;
        r = check_vcpu_pins(n, tune);
        if (r >= 0)
                r = check_iothread_pins(n, tune);
        if (r >= 0 && xml_child(tune, "emulatorpin"))
                r = norm_cpuset(n, xml_child(tune, "emulatorpin"), "cpuset");
        if (r >= 0)
                r = check_schedulers(n, tune, "vcpusched", "vcpus");
        if (r >= 0)
                r = check_schedulers(n, tune, "iothreadsched", "iothreads");
        if (r >= 0 && xml_child(tune, "emulatorsched"))
                r = check_scheduler(n, xml_child(tune, "emulatorsched"));
        sort_by(tune, "vcpupin", "vcpu");

        return r;
}
