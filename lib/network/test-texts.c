/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Golden cases: CASE/network.xml and what is made of it, CASE/dnsmasq.conf, hostsfile, addnhosts, nftables; or
 * CASE/error. A file that is missing stands for the empty text. With UPDATE=1 in the environment the files are
 * written. */

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "model/definition.h"
#include "network/dnsmasq.h"
#include "network/firewall.h"
#include "network/network.h"

static const char *folder;

static void compare(const char *path, const char *name, const char *text) {
        _cleanup_free_ char *file = text_format("%s/%s", path, name), *expected = NULL;
        size_t len;

        assert_non_null(file);
        if (getenv("UPDATE")) {
                if (*text)
                        assert_int_equal(file_write_atomic(file, text, strlen(text), 0644, FILE_WRITE_NOSYNC), 0);
                else
                        (void) unlink(file);
                return;
        }
        if (file_read(file, 1U << 20, &expected, &len) < 0)
                expected = strdup("");
        if (!streq(expected, text))
                fail_msg("%s differs; it is now:\n%s", file, text);
}

static int make_texts(const xmlNode *network, char *texts[4], Error *e) {
        const char *bridge = network_bridge(network) ?: "virbr0";
        int r = 0;

        if (network_needs_dnsmasq(network)) {
                r = dnsmasq_config(network, bridge, "/var/lib/libvirt/dnsmasq", &texts[0], e);
                if (r >= 0)
                        r = dnsmasq_dhcp_hosts(network, &texts[1], e);
                if (r >= 0)
                        r = dnsmasq_dns_hosts(network, &texts[2], e);
        }
        return r < 0 ? r : firewall_rules(network, bridge, &texts[3], e);
}

static void run_case(const char *path) {
        static const char *const names[4] = { "dnsmasq.conf", "hostsfile", "addnhosts", "nftables" };
        _cleanup_free_ char *file = text_format("%s/network.xml", path), *xml = NULL, *message = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_definition_ Definition *d = NULL;
        char *texts[4] = {};
        size_t len;
        int r;

        assert_int_equal(file_read(file, 1U << 20, &xml, &len), 0);
        r = definition_parse_as(&document_network, xml, len, NULL, 0, &d, &e);
        if (r >= 0)
                r = definition_normalise(d, NULL, &e);
        if (r >= 0)
                r = make_texts(definition_root(d), texts, &e);
        message = r < 0 ? text_format("%s\n", error_text(&e, r)) : strdup("");
        compare(path, "error", message);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                compare(path, names[i], r < 0 || !texts[i] ? "" : texts[i]);
                free(texts[i]);
        }
}

static void golden_cases(void **state) {
        DIR *d = opendir(folder);
        struct dirent *de;
        unsigned n = 0;

        assert_non_null(d);
        while ((de = readdir(d))) {
                _cleanup_free_ char *path = text_format("%s/%s", folder, de->d_name);

                if (de->d_name[0] == '.')
                        continue;
                run_case(path);
                n++;
        }
        closedir(d);
        assert_true(n > 10);
}

static void names_that_rules_can_hold(void **state) {
        _cleanup_free_ char *quoted = NULL, *table = NULL;

        assert_int_equal(firewall_quote("br-lan.7", &quoted), 0);
        assert_string_equal(quoted, "\"br-lan.7\"");
        assert_int_equal(firewall_quote("a\"; flush ruleset; \"", &quoted), -EINVAL);
        assert_int_equal(firewall_quote("a*", &quoted), -EINVAL);
        assert_int_equal(firewall_quote("a\n", &quoted), -EINVAL);
        assert_int_equal(firewall_table("br-lan.7", &table), 0);
        assert_string_equal(table, "libvirt_br_2dlan_2e7");
}

static void modes_have_names(void **state) {
        for (ForwardMode m = 0; m < _FORWARD_MODE_MAX; m++)
                assert_int_equal(forward_mode_from_string(forward_mode_to_string(m)), m);
        assert_int_equal(forward_mode_from_string("Nat"), _FORWARD_MODE_INVALID);
        assert_int_equal(forward_mode_from_string(NULL), _FORWARD_MODE_INVALID);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(golden_cases),
                cmocka_unit_test(names_that_rules_can_hold),
                cmocka_unit_test(modes_have_names),
        };

        folder = argc > 1 ? argv[1] : "test/golden/network";
        return cmocka_run_group_tests(tests, NULL, NULL);
}
