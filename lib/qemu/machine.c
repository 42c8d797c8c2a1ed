/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* -machine and -accel: what is built into the board, and what runs the guest's code. */

#include <inttypes.h>

#include "build.h"

/* A feature that is a switch of the machine: absent says nothing. */
static void machine_switch(const Build *b, StrBuf *o, const char *key, const char *path) {
        const char *state = xml_get(b->root, path);

        if (state)
                put_opt_onoff(o, key, streq(state, "on"));
}

static void machine_irqchip(const Build *b, StrBuf *o) {
        const char *driver = xml_get(b->root, "features/ioapic/@driver");

        if (driver)
                put_opt(o, "kernel_irqchip", streq(driver, "qemu") ? "split" : "on");
}

static void machine_hpet(const Build *b, StrBuf *o) {
        XML_FOREACH(t, xml_child(b->root, "clock"), "timer")
                if (xml_attr_is(t, "name", "hpet") && xml_attr(t, "present"))
                        put_opt_onoff(o, "hpet", xml_attr_bool(t, "present", true));
}

/* The PC speaker is part of the board and only needs to know where to play. */
static void machine_speaker(Build *b, StrBuf *o) {
        XML_FOREACH(s, b->devices, "sound")
                if (xml_attr_is(s, "model", "pcspk")) {
                        const char *id = xml_get(s, "audio/@id");
                        char name[32];

                        snprintf(name, sizeof(name), "audio%.16s", id ?: "1");
                        put_opt(o, "pcspk-audiodev", name);
                }
}

void build_machine_check(Build *b) {
        unsigned most = qemu_caps_max_vcpus(b->caps, b->machine);
        uint64_t vcpus;

        if (!qemu_caps_machine(b->caps, b->machine))
                build_refuse(b, xml_find(b->root, "os/type"), "machine '%s' is not known to QEMU %u.%u", b->machine,
                             qemu_caps_version(b->caps) / 100, qemu_caps_version(b->caps) % 100);
        else if (xml_get_u64(b->root, "vcpu", &vcpus) >= 0 && vcpus > most)
                build_refuse(b, xml_child(b->root, "vcpu"),
                             "%" PRIu64 " vCPUs are more than the %u that machine '%s' of QEMU %u.%u can have",
                             vcpus, most, b->machine, qemu_caps_version(b->caps) / 100,
                             qemu_caps_version(b->caps) % 100);
}

static void build_accel(Build *b) {
        const xmlNode *ring = xml_find(b->root, "features/kvm/dirty-ring");
        const xmlNode *cache = xml_find(b->root, "features/tcg/tb-cache");
        _cleanup_strbuf_ StrBuf o = {};

        strbuf_add(&o, b->kvm ? "kvm" : "tcg");
        if (b->kvm && ring && xml_attr_is(ring, "state", "on"))
                strbuf_addf(&o, ",dirty-ring-size=%llu", (unsigned long long) attr_u64(b, ring, "size", 0));
        if (!b->kvm && cache)
                strbuf_addf(&o, ",tb-size=%llu", (unsigned long long) (element_size(b, cache, 1024) >> 20));
        add_option_buf(b, "-accel", &o);
}

void build_machine(Build *b) {
        const xmlNode *memory = xml_child(b->root, "memory");
        _cleanup_strbuf_ StrBuf o = {};

        build_machine_check(b);
        strbuf_add(&o, b->machine);
        put_opt(&o, "usb", "off");
        machine_switch(b, &o, "vmport", "features/vmport/@state");
        machine_switch(b, &o, "smm", "features/smm/@state");
        machine_irqchip(b, &o);
        put_opt_onoff(&o, "dump-guest-core",
                      xml_attr(memory, "dumpCore") ? xml_attr_is(memory, "dumpCore", "on") : b->res->dump_guest_core);
        if (xml_find(b->root, "memoryBacking/nosharepages"))
                put_opt(&o, "mem-merge", "off");
        if (!memory_is_split(b))
                put_opt(&o, "memory-backend", "pc.ram");
        if (xml_child(b->root, "launchSecurity"))
                put_opt(&o, "confidential-guest-support", LAUNCH_SECURITY_ID);
        machine_firmware(b, &o);
        if (numa_has_hmat(b))
                put_opt(&o, "hmat", "on");
        XML_FOREACH(module, b->devices, "memory")
                if (xml_attr_is(module, "model", "nvdimm")) {
                        put_opt(&o, "nvdimm", "on");
                        break;
                }
        machine_enclave_memory(b, &o);
        /* what makes firmware speak on the serial port */
        if (xml_attr_bool(xml_find(b->root, "os/bios"), "useserial", false))
                put_opt(&o, "graphics", "off");
        machine_hpet(b, &o);
        put_opt_onoff(&o, "acpi", xml_find(b->root, "features/acpi"));
        machine_switch(b, &o, "i8042", "features/ps2/@state");
        machine_speaker(b, &o);
        add_option_buf(b, "-machine", &o);
        build_accel(b);
}
