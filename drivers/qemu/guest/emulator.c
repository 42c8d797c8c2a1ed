/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "guest/emulator.h"
#include "loop/process.h"
#include "qemu/firmware.h"
#include "qemu/version.h"

#define DEFAULT_EMULATOR "/usr/bin/qemu-system-x86_64"
#define VERSION_TIMEOUT (10U * 1000000U)

/* Where its file does not tell, QEMU itself is asked, in a child process. */
static int ask_emulator(const char *emulator, unsigned *ret, Error *e) {
        _cleanup_process_result_ ProcessResult result = {};
        const char *argv[] = { emulator, "--version", NULL };
        const ProcessSpec spec = { .argv = (char **) argv, .output_max = 4096, .timeout = VERSION_TIMEOUT };
        int r;

        if (access(emulator, X_OK) < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot run %s", emulator);
        r = process_check(&spec, &result, e);
        if (r < 0)
                return r;
        r = qemu_version_parse(result.output, ret);
        return r < 0 ? error_set(e, r, ERROR_INTERNAL, ORIGIN_QEMU, "%s does not tell its version", emulator) : 0;
}

static int find_version(const char *emulator, unsigned *ret, Error *e) {
        int r;

        if (qemu_version_cached(emulator, ret) >= 0)
                return 0;
        r = qemu_version_read(emulator, ret);
        if (r < 0)
                r = ask_emulator(emulator, ret, e);
        if (r < 0)
                return r;
        (void) qemu_version_store(emulator, *ret);
        return 0;
}

/* Once for each state of its file. */
int emulator_version(QemuDriver *d, unsigned *ret, Error *e) {
        const char *emulator = DEFAULT_EMULATOR;
        FileStamp stamp;
        struct stat st;
        int r;

        if (stat(emulator, &st) < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot run %s", emulator);
        file_stamp_of(&st, &stamp);
        if (!d->emulator.version || !file_stamp_equal(&d->emulator.file, &stamp)) {
                d->emulator.version = 0;
                d->emulator.board[0] = 0;
                r = find_version(emulator, &d->emulator.version, e);
                if (r < 0)
                        return r;
                d->emulator.file = stamp;
        }
        *ret = d->emulator.version;
        return 0;
}

bool emulator_has_board(const QemuDriver *d, const char *emulator, const char *machine) {
        return machine && *machine && streq(emulator, DEFAULT_EMULATOR) && streq(d->emulator.board, machine);
}

void emulator_remember_board(QemuDriver *d, const char *emulator, const char *machine) {
        if (machine && streq(emulator, DEFAULT_EMULATOR) && strlen(machine) < sizeof(d->emulator.board))
                strcpy(d->emulator.board, machine);
}

static int facts_of(unsigned version, HostFacts *ret, Error *e) {
        char text[32];
        int r;

        snprintf(text, sizeof(text), "%u.%u.%u", version / 1000000U, version / 1000U % 1000U, version % 1000U);
        r = host_facts_for_qemu(text, ret);
        if (r < 0)
                return error_set(e, r, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                                 "QEMU %s is not supported: it must be 7.2 or newer", text);
        return 0;
}

int driver_host_facts(QemuDriver *d, HostFacts *ret, Error *e) {
        unsigned version = 0;
        int r;

        r = emulator_version(d, &version, NULL);
        if (r == -ENOENT) {
                /* No QEMU here: definitions can be made all the same. */
                r = host_facts_for_qemu(NULL, ret);
                return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "no facts about any QEMU") : 0;
        }
        if (r < 0)
                return emulator_version(d, &version, e);
        return facts_of(version, ret, e);
}

/* A guest with an emulator of its own gets that one's machines. One that does not tell its version, or is not there,
 * stands in a definition that is to stay readable: it has those of the host's. */
static void take_own_emulator(const Definition *def, HostFacts *facts) {
        const xmlNode *named = xml_child(definition_devices(def), "emulator");
        const char *emulator = named ? xml_text(named) : NULL;
        unsigned version;
        HostFacts own;

        if (!emulator || streq(emulator, DEFAULT_EMULATOR) || find_version(emulator, &version, NULL) < 0)
                return;
        if (facts_of(version, &own, NULL) >= 0)
                *facts = own;
}

int driver_normalise(QemuDriver *d, Definition *def, bool running, HostFacts *ret, Error *e) {
        _cleanup_firmware_host_ FirmwareHost firmware = {};
        HostFacts facts;
        int r;

        r = driver_host_facts(d, &facts, e);
        if (r < 0)
                return r;
        take_own_emulator(def, &facts);
        firmware_host_offer(&firmware, &facts);
        facts.running = running;
        r = definition_normalise(def, &facts, e);
        if (r >= 0 && ret) {
                facts.firmware = NULL;
                *ret = facts;
        }
        return r;
}
