/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What becomes of a card by its network's word, and what Open vSwitch is told of it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "network/ovs.h"
#include "network/plug.h"
#include "network/port.h"

#define OVS_ID "<parameters interfaceid='11111111-2222-3333-4444-555555555555'/>"

static xmlDocPtr parse(const char *text) {
        xmlDocPtr doc = NULL;

        assert_int_equal(xml_parse(text, strlen(text), NULL, NULL, &doc, NULL), 0);
        return doc;
}

static void a_card_is_completed(void **state) {
        static const struct {
                const char *network, *card, *wanted; /* or a part of the refusal */
        } cases[] = {
                { "<network/>", "<interface/>", "<interface/>" },
                { "<network><mtu size='9000'/><vlan><tag id='5'/></vlan><port isolated='yes'/></network>",
                  "<interface/>",
                  "<interface><vlan><tag id='5'/></vlan><port isolated='yes'/><mtu size='9000'/></interface>" },
                /* a network's limits are its bridge's */
                { "<network><bandwidth><inbound average='1'/></bandwidth></network>", "<interface/>", "<interface/>" },
                { "<network><vlan><tag id='5'/></vlan><portgroup name='a' default='yes'><vlan><tag id='6'/></vlan>"
                  "<bandwidth><inbound average='7'/></bandwidth></portgroup></network>",
                  "<interface/>",
                  "<interface><bandwidth><inbound average='7'/></bandwidth><vlan><tag id='6'/></vlan></interface>" },
                { "<network><portgroup name='a' default='yes'><vlan><tag id='6'/></vlan></portgroup>"
                  "<portgroup name='b'><vlan><tag id='8'/></vlan></portgroup></network>",
                  "<interface><source network='n' portgroup='b'/></interface>",
                  "<interface><source network='n' portgroup='b'/><vlan><tag id='8'/></vlan></interface>" },
                { "<network><portgroup name='a' default='yes'><vlan><tag id='6'/></vlan></portgroup></network>",
                  "<interface><vlan><tag id='9'/></vlan></interface>",
                  "<interface><vlan><tag id='9'/></vlan></interface>" },
                { "<network><forward mode='bridge'/><bridge name='ovs0'/><virtualport type='openvswitch'/>"
                  "<portgroup name='a' default='yes'><virtualport><parameters profileid='gold'/></virtualport>"
                  "</portgroup></network>",
                  "<interface><virtualport>" OVS_ID "</virtualport></interface>",
                  "<interface><virtualport type='openvswitch'><parameters "
                  "interfaceid='11111111-2222-3333-4444-555555555555' profileid='gold'/></virtualport></interface>" },
                { "<network><forward mode='bridge'/><bridge name='ovs0'/><virtualport type='openvswitch'><parameters "
                  "profileid='gold'/></virtualport></network>",
                  "<interface><virtualport type='openvswitch'><parameters profileid='iron'/></virtualport></interface>",
                  "mismatched profileid: 'iron', 'gold'" },
                { "<network><name>n</name><forward mode='nat'/></network>",
                  "<interface><virtualport type='openvswitch'/></interface>", "which uses IP forwarding" },
                { "<network><name>n</name><forward mode='vepa' dev='e'/></network>",
                  "<interface><virtualport type='802.1Qbg'/></interface>", "'802.1Qbg' is not supported" },
                { "<network><name>n</name><forward mode='bridge'/><bridge name='b'/></network>",
                  "<interface><virtualport type='midonet'/></interface>", "'midonet' is not supported" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_xml_ xmlDocPtr network = parse(cases[i].network), card = parse(cases[i].card), wanted = NULL;
                _cleanup_free_ char *text = NULL, *expected = NULL;
                _cleanup_error_ Error e = ERROR_INIT;
                int r = network_port_complete(xml_root(network), xml_root(card), &e);

                if (*cases[i].wanted != '<') {
                        assert_int_equal(r, -EOPNOTSUPP);
                        assert_non_null(strstr(error_text(&e, r), cases[i].wanted));
                        continue;
                }
                assert_int_equal(r, 0);
                assert_int_equal(xml_format(xml_root(card), &text), 0);
                wanted = parse(cases[i].wanted);
                assert_int_equal(xml_format(xml_root(wanted), &expected), 0);
                assert_string_equal(text, expected);
        }
}

static void each_port_of_the_switch_has_a_name(void **state) {
        _cleanup_xml_ xmlDocPtr network = parse("<network><forward mode='bridge'/><bridge name='ovs0'/>"
                                                "<virtualport type='openvswitch'/></network>"),
                                card = parse("<interface/>");
        uint8_t uuid[16];

        assert_int_equal(network_port_complete(xml_root(network), xml_root(card), NULL), 0);
        assert_true(network_port_is_ovs(xml_root(card)));
        assert_int_equal(
                uuid_parse(xml_get(xml_root(card), "virtualport/parameters/@interfaceid") ?: "", uuid), 0);
}

/* --- what Open vSwitch is told --- */

static char *joined(char *const *words) {
        StrBuf b = {};

        for (; *words; words++)
                strbuf_addf(&b, "%s%s", b.len > 0 ? " " : "", *words);
        return strbuf_take(&b);
}

static void arguments_for_a_port(void **state) {
        OvsPort p = { .bridge = "ovs0", .link = "vnet0", .mac = "52:54:00:00:00:01", .profile = "a \"b\"\\" };
        _cleanup_strv_ char **words = NULL;
        _cleanup_free_ char *text = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        char **none = NULL;

        assert_int_equal(ovs_add_arguments(&p, &words, NULL), 0);
        text = joined(words);
        assert_string_equal(text,
                            "ovs-vsctl --timeout=5 -- --if-exists del-port vnet0 -- add-port ovs0 vnet0 "
                            "-- set Interface vnet0 external-ids:attached-mac=\"52:54:00:00:00:01\" "
                            "-- set Interface vnet0 external-ids:port-profile=\"a \\\"b\\\"\\\\\" "
                            "-- set Interface vnet0 external-ids:iface-status=active");
        p.bridge = "--db=tcp:evil";
        assert_int_equal(ovs_add_arguments(&p, &none, &e), -EINVAL);
        p.bridge = "ovs0";
        p.profile = "a\nb";
        assert_int_equal(ovs_add_arguments(&p, &none, NULL), -EINVAL);
}

/* An ovs-vsctl that writes down what it is told. */
static void put_program(const char *folder, const char *script) {
        _cleanup_free_ char *path = text_format("%s/ovs-vsctl", folder);

        assert_int_equal(file_write_atomic(path, script, strlen(script), 0755, FILE_WRITE_NOSYNC), 0);
        assert_int_equal(setenv("PATH", folder, 1), 0);
}

static void vlans_of_ports(void **state) {
        static const struct { const char *card, *wanted; } cases[] = {
                { "<vlan><tag id='42'/></vlan>", "add-port ovs0 vnet7 tag=42 -- " },
                { "<vlan trunk='yes'><tag id='42'/></vlan>", "add-port ovs0 vnet7 trunks=42 -- " },
                { "<vlan trunk='yes'><tag id='42'/><tag id='123' nativeMode='untagged'/></vlan>",
                  "add-port ovs0 vnet7 vlan_mode=native-untagged tag=123 trunks=42,123 -- " },
                { "<vlan trunk='yes'><tag id='42' nativeMode='tagged'/><tag id='7'/></vlan>",
                  "add-port ovs0 vnet7 vlan_mode=native-tagged tag=42 trunks=42,7 -- " },
                { "", "external-ids:vm-id=\"GUEST\"" },
                { "<bandwidth><inbound average='1000' peak='2000'/><outbound average='128'/></bandwidth>",
                  "queues:0=@queue other_config:max-rate=16384000" },
                { "<bandwidth><outbound average='125' burst='8'/></bandwidth>",
                  "ingress_policing_rate=1024 ingress_policing_burst=65" },
        };
        char folder[] = "/tmp/test-ports.XXXXXX", *old = strdup(getenv("PATH") ?: "");
        _cleanup_free_ char *log = NULL, *script = NULL, *program = NULL;

        assert_non_null(mkdtemp(folder));
        log = text_format("%s/log", folder);
        program = text_format("%s/ovs-vsctl", folder);
        script = text_format("#!/bin/sh\necho \"$*\" >> %s\n", log);
        put_program(folder, script);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *xml = text_format("<interface><virtualport type='openvswitch'/>%s</interface>",
                                                       cases[i].card),
                                    *said = NULL;
                _cleanup_xml_ xmlDocPtr card = parse(xml);
                NetworkPlug p = { .interface = xml_root(card), .bridge = "ovs0", .tap = "vnet7", .guest = "GUEST" };

                (void) unlink(log);
                assert_int_equal(network_plug(NULL, &p, NULL), 0);
                assert_int_equal(file_read(log, 65536, &said, NULL), 0);
                if (!strstr(said, cases[i].wanted))
                        fail_msg("%s: %s", cases[i].card, said);
        }
        put_program(folder, "#!/bin/sh\necho 'no bridge named ovs0' >&2; exit 1\n");
        {
                _cleanup_error_ Error e = ERROR_INIT;
                int r = ovs_add(&(OvsPort){ .bridge = "ovs0", .link = "vnet7" }, &e);

                assert_int_equal(r, -EIO);
                assert_non_null(strstr(error_text(&e, r), "Open vSwitch: no bridge named ovs0"));
        }
        (void) unlink(program);
        {
                _cleanup_error_ Error e = ERROR_INIT;
                int r = ovs_add(&(OvsPort){ .bridge = "ovs0", .link = "vnet7" }, &e);

                assert_int_equal(r, -EOPNOTSUPP);
                assert_non_null(strstr(error_text(&e, r), "package openvswitch-switch"));
        }
        (void) unlink(log);
        (void) rmdir(folder);
        (void) setenv("PATH", old, 1);
        free(old);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_card_is_completed),
                cmocka_unit_test(each_port_of_the_switch_has_a_name),
                cmocka_unit_test(arguments_for_a_port),
                cmocka_unit_test(vlans_of_ports),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
