/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Recorded capabilities: which version of QEMU has what.
 *
 * Sources: QEMU's own documentation of each release ("About QEMU: removed and
 * deprecated features", the machine types documentation) and the arguments that
 * the versions themselves accept. */

#include "base/strings.h"
#include "qemu/caps.h"

#define VERSION(major, minor) ((major) * 100U + (minor))

struct QemuCaps {
        const char *arch;
        unsigned version;
        const char *emulator;
        const char *pc, *q35;        /* what the aliases stand for */
        unsigned oldest_machine;     /* pc-i440fx- and pc-q35- below this are gone */
};

static const struct {
        unsigned since, until;       /* until: the first version without it, 0 for none */
} cap_table[_QEMU_CAP_MAX] = {
        [QEMU_CAP_RAW_WITHOUT_FORMAT]       = { VERSION(9, 0), 0 },
        [QEMU_CAP_RECONNECT_MS]             = { VERSION(9, 2), 0 },
        [QEMU_CAP_SOUND_VIRTIO]             = { VERSION(8, 2), 0 },
        [QEMU_CAP_IGB]                      = { VERSION(8, 0), 0 },
        [QEMU_CAP_GENERIC_INITIATOR]        = { VERSION(9, 0), 0 },
        [QEMU_CAP_IOMMUFD]                  = { VERSION(9, 0), 0 },
        [QEMU_CAP_BLK_IOTHREAD_VQ_MAPPING]  = { VERSION(9, 0), 0 },
        [QEMU_CAP_SCSI_IOTHREAD_VQ_MAPPING] = { VERSION(10, 0), 0 },
        [QEMU_CAP_DISCARD_NO_UNREF]         = { VERSION(8, 1), 0 },
        [QEMU_CAP_AUDIO_PIPEWIRE]           = { VERSION(8, 1), 0 },
        [QEMU_CAP_ASYNC_TEARDOWN]           = { VERSION(8, 1), 0 },
        [QEMU_CAP_SHIM]                     = { VERSION(10, 0), 0 },
        [QEMU_CAP_SEV_SNP]                  = { VERSION(9, 1), 0 },
        [QEMU_CAP_TDX]                      = { VERSION(10, 1), 0 },
        [QEMU_CAP_DYNAMIC_MEMSLOTS]         = { VERSION(8, 2), 0 },
        [QEMU_CAP_SGX_EPC_NODE]             = { VERSION(7, 0), 0 },
        [QEMU_CAP_BLOB]                     = { VERSION(6, 1), 0 },
};

/* Versioned machine types older than six years are dropped from 10.1 on; before that in steps. */
#define RELEASES(_arch, _emulator)                                                                           \
        RELEASE(_arch, _emulator, 7, 2, VERSION(1, 4)),                                                      \
        RELEASE(_arch, _emulator, 8, 0, VERSION(1, 4)),                                                      \
        RELEASE(_arch, _emulator, 8, 1, VERSION(1, 4)),                                                      \
        RELEASE(_arch, _emulator, 8, 2, VERSION(2, 0)),                                                      \
        RELEASE(_arch, _emulator, 9, 0, VERSION(2, 0)),                                                      \
        RELEASE(_arch, _emulator, 9, 1, VERSION(2, 4)),                                                      \
        RELEASE(_arch, _emulator, 9, 2, VERSION(2, 4)),                                                      \
        RELEASE(_arch, _emulator, 10, 0, VERSION(2, 4)),                                                     \
        RELEASE(_arch, _emulator, 10, 1, VERSION(4, 2)),                                                     \
        RELEASE(_arch, _emulator, 10, 2, VERSION(5, 0)),                                                     \
        RELEASE(_arch, _emulator, 11, 0, VERSION(5, 1)),                                                     \
        RELEASE(_arch, _emulator, 11, 1, VERSION(5, 2))
#define RELEASE(_arch, _emulator, major, minor, oldest)                                                      \
        { _arch, VERSION(major, minor), _emulator, "pc-i440fx-" #major "." #minor, "pc-q35-" #major "." #minor, oldest }

static const QemuCaps caps_table[] = {
        RELEASES("x86_64", "/usr/bin/qemu-system-x86_64"),
        RELEASES("i686", "/usr/bin/qemu-system-i386"),
};

const char *const *qemu_caps_versions(void) {
        static const char *const versions[] = {
                "7.2", "8.0", "8.1", "8.2", "9.0", "9.1", "9.2", "10.0", "10.1", "10.2", "11.0", "11.1", NULL,
        };

        return versions;
}

/* "10.0", "7.2.22", "10" -> major and minor. */
static int version_parse(const char *s, unsigned *ret) {
        unsigned part[2] = {};
        size_t n = 0;
        char *end;

        for (;; n++) {
                unsigned long v;

                if (*s < '0' || *s > '9')
                        return -EINVAL;
                errno = 0;
                v = strtoul(s, &end, 10);
                if (errno != 0 || v > 99)
                        return -EINVAL;
                if (n < ELEMENTSOF(part))
                        part[n] = v;
                if (*end == 0)
                        break;
                if (*end != '.' || n >= 3)
                        return -EINVAL;
                s = end + 1;
        }
        *ret = VERSION(part[0], part[1]);
        return 0;
}

const QemuCaps *qemu_caps_for(const char *version, const char *arch) {
        const QemuCaps *best = NULL;
        unsigned wanted = UINT32_MAX;

        if (version && version_parse(version, &wanted) < 0)
                return NULL;
        if (arch && (streq(arch, "i386") || streq(arch, "i486") || streq(arch, "i586")))
                arch = "i686";
        for (size_t i = 0; i < ELEMENTSOF(caps_table); i++)
                if (streq(caps_table[i].arch, arch ?: "x86_64") && caps_table[i].version <= wanted)
                        best = &caps_table[i];
        return best;
}

unsigned qemu_caps_version(const QemuCaps *caps) {
        return caps->version;
}

bool qemu_caps_has(const QemuCaps *caps, QemuCap cap) {
        return caps->version >= cap_table[cap].since &&
               (cap_table[cap].until == 0 || caps->version < cap_table[cap].until);
}

const char *qemu_caps_arch(const QemuCaps *caps) {
        return caps->arch;
}

/* The last release of each year's series that had boards of its own. */
static bool is_release(unsigned version) {
        static const unsigned char last[] = {
                [1] = 7, [2] = 12, [3] = 1, [4] = 2, [5] = 2, [6] = 2, [7] = 2, [8] = 2, [9] = 2, [10] = 2, [11] = 1
        };

        return version / 100 >= ELEMENTSOF(last) || (version / 100 > 0 && version % 100 <= last[version / 100]);
}

/* Boards have the names of releases, and one that of a mended release. */
static bool has_board(const QemuCaps *caps, const char *text, unsigned version, bool q35) {
        const char *minor = strchr(text, '.');

        if (minor && strchr(minor + 1, '.') && !(q35 && streq(text, "4.0.1")))
                return false;
        return minor && is_release(version) && version <= caps->version &&
               version >= MAX(caps->oldest_machine, q35 ? VERSION(2, 4) : VERSION(1, 0));
}

const char *qemu_caps_machine(const QemuCaps *caps, const char *name) {
        const char *v;
        unsigned version;

        if (streq(name, "pc"))
                return caps->pc;
        if (streq(name, "q35"))
                return caps->q35;
        if (streq(name, "microvm") || streq(name, "isapc"))
                return name;
        v = startswith(name, "pc-i440fx-") ?: startswith(name, "pc-q35-");
        if (!v)
                return NULL;
        if (version_parse(v, &version) < 0)
                return name; /* a distribution's own ("pc-q35-rhel9.4.0", "pc-i440fx-noble"): QEMU knows */
        return has_board(caps, v, version, startswith(name, "pc-q35-")) ? name : NULL;
}

/* As "qemu-system-x86_64 -machine MACHINE -smp 9999" tells. */
unsigned qemu_caps_max_vcpus(const QemuCaps *caps, const char *machine) {
        const char *v = startswith(qemu_caps_machine(caps, machine) ?: machine, "pc-q35-");
        unsigned version;

        if (streq(machine, "isapc"))
                return 1;
        if (streq(machine, "microvm"))
                return 288;
        if (!v)
                return 255;
        if (version_parse(v, &version) < 0)
                version = caps->version;
        return version <= VERSION(8, 0) ? 288 : version <= VERSION(9, 0) ? 1024 : 4096;
}

const char *qemu_caps_default_machine(const QemuCaps *caps) {
        return caps->pc;
}

const char *qemu_caps_emulator(const QemuCaps *caps) {
        return caps->emulator;
}
