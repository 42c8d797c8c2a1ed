/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Answers of a guest's agent that are JSON and may be anything else, to each call that asks it. The call ends with an
 * error, or with what can be sent to a client. */

#include "base/log.h"
#include "made-json.h"
#include "rpc/codec.h"
#include "test-guest-agent.h"
#include "test-steps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const words[] = {
        "address", "alias", "bus", "bus-type", "can-offline", "class", "CommandNotFound", "dependencies", "desc", "dev",
        "device-id", "disk", "domain", "driver-date", "driver-name", "driver-version", "function",
        "hardware-address", "host-name", "id", "ip-address", "ip-address-type", "ip-addresses", "ipv4", "ipv6", "keys",
        "load1m", "load5m", "load15m", "logical-id", "login-time", "mountpoint", "name", "offset", "online",
        "partition", "pci-controller", "prefix", "serial", "slot", "target", "total-bytes", "type", "unit",
        "used-bytes", "user", "vendor-id", "zone", "52:54:00:00:00:01", "192.168.122.2", "fe80::1",
};

static union {
        remote_domain_get_guest_info_ret info;
        remote_domain_get_fsinfo_ret fs;
        remote_domain_get_hostname_ret hostname;
        remote_domain_get_guest_vcpus_ret vcpus;
        remote_domain_interface_addresses_ret addresses;
        remote_domain_get_time_ret time;
        remote_domain_fsfreeze_ret freeze;
        remote_domain_authorized_ssh_keys_get_ret keys;
} answers;

/* A call, and what comes of its answer. */
#define ASK(NAME, ...)                                                                                       \
        do {                                                                                                 \
                remote_args_##NAME _args = { .dom = dom_of("web", UUID), ##__VA_ARGS__ };                    \
                _cleanup_buffer_ Buffer _sent = {};                                                          \
                char *_answer = made_reply(&m, "}\n"), *_line;                                               \
                if (asprintf(&_line, "{%s", _answer) < 0)                                                    \
                        abort();                                                                             \
                agent.answer = _line;                                                                        \
                agent.asked[0] = 0;                                                                          \
                memset(&answers, 0, sizeof(answers));                                                        \
                if (test_call(host, REMOTE_PROC_##NAME, &_args, &answers) >= 0)                              \
                        (void) rpc_encode(&_sent, 1 << 24, remote_codec_##NAME.ret, &answers);               \
                rpc_free(remote_codec_##NAME.ret, &answers);                                                 \
                free(_line);                                                                                 \
                free(_answer);                                                                               \
        } while (false)

static TestHost *host;
static FakeAgent agent;

/* One host for all inputs: what a guest's agent says changes nothing of it. */
static void begin(void) {
        if (host)
                return;
        log_set_max_level(LOG_CRIT);
        (void) test_host_setup((void **) &host);
        agent_start(host, &agent, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        MadeJson m = { data, size, words, sizeof(words) / sizeof(words[0]) };

        begin();
        ASK(DOMAIN_GET_GUEST_INFO, .types = made_byte(&m));
        ASK(DOMAIN_GET_FSINFO);
        ASK(DOMAIN_GET_HOSTNAME, .flags = 2);
        ASK(DOMAIN_GET_GUEST_VCPUS);
        ASK(DOMAIN_INTERFACE_ADDRESSES, .source = 1);
        ASK(DOMAIN_GET_TIME);
        ASK(DOMAIN_FSFREEZE);
        ASK(DOMAIN_AUTHORIZED_SSH_KEYS_GET, .user = (char *) "root");
        /* without a value */
        ASK(DOMAIN_SET_GUEST_VCPUS, .cpumap = (char *) "1", .state = 0);
        return 0;
}
