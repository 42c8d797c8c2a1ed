/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The host and this program, as clients ask for them. */

#include <netdb.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "base/strings.h"
#include "handlers.h"
#include "host-cpu.h"
#include "loop/process.h"
#include "qemu/version.h"
#include "start.h"

/* Clients compare this with what they need: every procedure of 12.8 has its place in the protocol table, and what is
 * not implemented says so. */
#define LIB_VERSION (12U * 1000000U + 8U * 1000U)

#define DEFAULT_EMULATOR "/usr/bin/qemu-system-x86_64"
#define VERSION_TIMEOUT (10U * 1000000U)

/* --- the version of QEMU --- */

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
static int emulator_version(QemuDriver *d, const char *emulator, unsigned *ret, Error *e) {
        FileStamp stamp;
        struct stat st;
        int r;

        if (stat(emulator, &st) < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot run %s", emulator);
        file_stamp_of(&st, &stamp);
        if (!d->emulator.version || !file_stamp_equal(&d->emulator.file, &stamp)) {
                d->emulator.version = 0;
                r = find_version(emulator, &d->emulator.version, e);
                if (r < 0)
                        return r;
                d->emulator.file = stamp;
        }
        *ret = d->emulator.version;
        return 0;
}

int driver_host_facts(QemuDriver *d, HostFacts *ret, Error *e) {
        unsigned version = 0;
        char text[32];
        int r;

        r = emulator_version(d, DEFAULT_EMULATOR, &version, NULL);
        if (r == -ENOENT) {
                /* No QEMU here: definitions can be made all the same. */
                r = host_facts_for_qemu(NULL, ret);
                return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "no facts about any QEMU") : 0;
        }
        if (r < 0)
                return emulator_version(d, DEFAULT_EMULATOR, &version, e);
        snprintf(text, sizeof(text), "%u.%u.%u", version / 1000000U, version / 1000U % 1000U, version % 1000U);
        r = host_facts_for_qemu(text, ret);
        if (r < 0)
                return error_set(e, r, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU, "QEMU %s is not supported: it must be 7.2 or newer", text);
        return 0;
}

int connect_get_version(Call *c, const rpc_void *args, remote_connect_get_version_ret *ret, Error *e) {
        unsigned version = 0;
        int r;

        r = emulator_version(driver_of(c), DEFAULT_EMULATOR, &version, e);
        if (r >= 0)
                ret->hv_ver = version;
        return r;
}

int connect_get_lib_version(Call *c, const rpc_void *args, remote_connect_get_lib_version_ret *ret, Error *e) {
        ret->lib_ver = LIB_VERSION;
        return 0;
}

int connect_get_type(Call *c, const rpc_void *args, remote_connect_get_type_ret *ret, Error *e) {
        return reply_string(&ret->type, "QEMU");
}

/* What is between the daemon and QEMU; what is between the client and the daemon the client knows itself. */
int connect_is_secure(Call *c, const rpc_void *args, remote_connect_is_secure_ret *ret, Error *e) {
        ret->secure = 1;
        return 0;
}

int connect_get_uri(Call *c, const rpc_void *args, remote_connect_get_uri_ret *ret, Error *e) {
        const char *uri = connection_data(call_connection(c), &driver_qemu);

        return reply_string(&ret->uri, uri ? uri : "qemu:///system");
}

/* The name that others reach this host by: the resolver's full one where it needs no network to find it. */
int connect_get_hostname(Call *c, const rpc_void *args, remote_connect_get_hostname_ret *ret, Error *e) {
        struct addrinfo hints = { .ai_flags = AI_CANONNAME | AI_NUMERICHOST };
        struct addrinfo *info = NULL;
        char name[256];
        int r;

        if (gethostname(name, sizeof(name)) < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot get the host's name");
        name[sizeof(name) - 1] = 0;
        if (!strchr(name, '.') && getaddrinfo(name, NULL, &hints, &info) == 0 && info->ai_canonname) {
                r = reply_string(&ret->hostname, info->ai_canonname);
                freeaddrinfo(info);
                return r;
        }
        return reply_string(&ret->hostname, name);
}

int connect_get_max_vcpus(Call *c, const remote_connect_get_max_vcpus_args *args, remote_connect_get_max_vcpus_ret *ret, Error *e) {
        const char *type = args->type ? *args->type : "qemu";

        if (strcasecmp(type, "qemu") == 0)
                ret->max_vcpus = 16; /* what libvirt says for TCG, whatever the machine allows */
        else if (strcasecmp(type, "kvm") == 0)
                ret->max_vcpus = host_kvm_max_vcpus();
        else
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "unknown type '%s'", type);
        return 0;
}

/* --- the node --- */

int node_get_info(Call *c, const rpc_void *args, remote_node_get_info_ret *ret, Error *e) {
        struct utsname name;
        struct sysinfo info;
        HostCpu cpu;

        if (uname(&name) < 0 || sysinfo(&info) < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot get facts about the host");
        host_cpu_read(&cpu);
        snprintf(ret->model, sizeof(ret->model), "%.31s", name.machine);
        ret->memory = (uint64_t) info.totalram * info.mem_unit / 1024U;
        ret->cpus = cpu.online;
        ret->mhz = cpu.mhz;
        ret->nodes = cpu.nodes;
        ret->sockets = cpu.sockets;
        ret->cores = cpu.cores;
        ret->threads = cpu.threads;
        return 0;
}

int node_get_cpu_map(Call *c, const remote_node_get_cpu_map_args *args, remote_node_get_cpu_map_ret *ret, Error *e) {
        uint8_t map[REMOTE_CPUMAP_MAX] = {};
        unsigned online = 0;
        int present, r;

        r = call_check_flags(c, args->flags, 0, e);
        if (r < 0)
                return r;
        present = host_cpu_map(map, sizeof(map), &online);
        if (present < 0)
                return error_set_errno(e, present, ORIGIN_QEMU, "cannot read the host's CPUs");
        if (args->need_map) {
                size_t size = (size_t) (present + 7) / 8;

                ret->cpumap.cpumap_val = calloc(1, size);
                if (!ret->cpumap.cpumap_val)
                        return -ENOMEM;
                memcpy(ret->cpumap.cpumap_val, map, size);
                ret->cpumap.cpumap_len = (unsigned) size;
        }
        ret->online = args->need_online ? online : 0;
        ret->ret = present;
        return 0;
}

/* The array of characters with its end, as the wire wants it. */
static int characters(const char *s, char **ret, unsigned *ret_len) {
        *ret = strdup(s);
        *ret_len = (unsigned) strlen(s) + 1;
        return *ret ? 0 : -ENOMEM;
}

/* Guests are kept apart by users: what libvirt's clients know as "dac". */
int node_get_security_model(Call *c, const rpc_void *args, remote_node_get_security_model_ret *ret, Error *e) {
        int r;

        r = characters("dac", &ret->model.model_val, &ret->model.model_len);
        if (r >= 0)
                r = characters("0", &ret->doi.doi_val, &ret->doi.doi_len);
        return r;
}
