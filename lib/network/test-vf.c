/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Functions of cards, with a folder that looks like /sys, and messages as the kernel writes and reads them: no card of
 * the machines that tests run on has functions. */

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "network/network.h"
#include "network/pool.h"
#include "vf-private.h"

static char top[] = "/tmp/unitvirt-vf.XXXXXX";

static void shell(const char *script) {
        _cleanup_free_ char *command = text_format("cd '%s' && %s", top, script);

        assert_int_equal(system(command), 0);
}

/* ens1 at 0000:01:00.0 has three functions, the last of which VFIO has; ens2 has none, and lo is none of PCI. */
static int set_up(void **state) {
        assert_non_null(mkdtemp(top));
        assert_int_equal(setenv("UNITVIRT_SYS", top, 1), 0);
        assert_int_equal(setenv("UNITVIRT_RUN", top, 1), 0);
        shell("mkdir -p bus/pci/devices class/net/lo devices/0000:01:00.0/net/ens1 devices/0000:02:00.0/net/ens2");
        shell("for i in 0 1 2; do v=0000:01:10.$((i * 2)); mkdir -p devices/$v;"
              "ln -s ../$v devices/0000:01:00.0/virtfn$i; ln -s ../0000:01:00.0 devices/$v/physfn; done");
        shell("mkdir -p devices/0000:01:10.0/net/ens1v0 devices/0000:01:10.2/net/ens1v1");
        shell("for d in devices/*; do ln -s ../../../$d bus/pci/devices/; done");
        shell("for n in 1 2; do mkdir class/net/ens$n; ln -s ../../../devices/0000:0$n:00.0 class/net/ens$n/device; "
              "done");
        return 0;
}

static int tear_down(void **state) {
        _cleanup_free_ char *command = text_format("rm -rf '%s'", top);

        return system(command);
}

static void functions_are_listed(void **state) {
        _cleanup_strv_ char **list = NULL;
        char **none;

        assert_int_equal(vf_list("ens1", &list), 0);
        assert_int_equal(strv_length(list), 3);
        assert_string_equal(list[0], "0000:01:10.0");
        assert_string_equal(list[2], "0000:01:10.4");
        assert_int_equal(vf_list("ens2", &none), -ENOENT);
        assert_int_equal(vf_list("lo", &none), -ENOENT);
        assert_int_equal(vf_list("ens7", &none), -ENODEV);
        assert_int_equal(vf_list("../net/ens1", &none), -ENODEV);
        assert_int_equal(vf_list("", &none), -ENODEV);
}

static void functions_are_found(void **state) {
        _cleanup_free_ char *link = NULL, *no_link = NULL;
        VfPlace p;

        assert_int_equal(vf_find("0000:01:10.4", &p), 0);
        assert_string_equal(p.card, "ens1");
        assert_int_equal(p.index, 2);
        assert_int_equal(vf_find("0000:01:00.0", &p), -EOPNOTSUPP);
        assert_int_equal(vf_find("0000:03:00.0", &p), -ENODEV);
        assert_int_equal(vf_link("0000:01:10.2", &link), 0);
        assert_string_equal(link, "ens1v1");
        assert_int_equal(vf_link("0000:01:10.4", &no_link), 0);
        assert_null(no_link);
}

/* The message is taken apart as the kernel does it, and its part for the function goes into an answer. */
static void messages_say_what_is_set(void **state) {
        const VfSettings wanted = { .mac = { 0x52, 0x54, 0, 1, 2, 3 }, .vlan = 42, .qos = 3 };
        const struct ifinfomsg header = {};
        struct nlattr *attrs[IFLA_MAX + 1], *info, *parts[IFLA_VF_MAX + 1], *list;
        Request q = vf_request_set("ens1", 2, &wanted), answer = request_new(RTM_NEWLINK, 0, &header, sizeof header);
        const struct ifla_vf_mac *mac;
        const struct ifla_vf_vlan *vlan;
        VfSettings seen = {};

        assert_false(q.failed);
        assert_int_equal(nlmsg_hdr(q.msg)->nlmsg_type, RTM_SETLINK);
        assert_int_equal(nlmsg_parse(nlmsg_hdr(q.msg), sizeof(struct ifinfomsg), attrs, IFLA_MAX, NULL), 0);
        assert_string_equal(nla_get_string(attrs[IFLA_IFNAME]), "ens1");
        info = nla_data(attrs[IFLA_VFINFO_LIST]);
        assert_int_equal(nla_type(info), IFLA_VF_INFO);
        assert_int_equal(nla_parse_nested(parts, IFLA_VF_MAX, info, NULL), 0);
        mac = nla_data(parts[IFLA_VF_MAC]);
        vlan = nla_data(parts[IFLA_VF_VLAN]);
        assert_int_equal(nla_len(parts[IFLA_VF_MAC]), sizeof *mac);
        assert_int_equal(mac->vf, 2);
        assert_memory_equal(mac->mac, wanted.mac, 6);
        assert_int_equal(vlan->vf, 2);
        assert_int_equal(vlan->vlan, 42);
        assert_int_equal(vlan->qos, 3);

        list = request_open(&answer, IFLA_VFINFO_LIST);
        request_put(&answer, IFLA_VF_INFO, nla_data(info), (size_t) nla_len(info));
        request_close(&answer, list);
        assert_int_equal(vf_answer_read(nlmsg_hdr(answer.msg), 2, &seen), 0);
        assert_memory_equal(&seen, &wanted, sizeof seen);
        assert_int_equal(vf_answer_read(nlmsg_hdr(answer.msg), 1, &seen), -ENOENT);
        nlmsg_free(q.msg);
        nlmsg_free(answer.msg);

        q = vf_request_read("ens1");
        assert_int_equal(nlmsg_parse(nlmsg_hdr(q.msg), sizeof(struct ifinfomsg), attrs, IFLA_MAX, NULL), 0);
        assert_int_equal(nla_get_u32(attrs[IFLA_EXT_MASK]), RTEXT_FILTER_VF);
        nlmsg_free(q.msg);
}

static void what_is_to_be_undone_is_a_line(void **state) {
        static const char *const bad[] = { "", "ens1", "ens1 2", "ens1 2 nonsense 1 2", "ens1 2 52:54:00:01:02:03 42",
                                           "ens1 2 52:54:00:01:02:03 42 3 more" };
        const VfPlace place = { "ens1", 2 };
        const VfSettings s = { .mac = { 0x52, 0x54, 0, 1, 2, 3 }, .vlan = 42, .qos = 3 };
        _cleanup_free_ char *value = vf_undo_value(&place, &s);
        VfSettings again;
        VfPlace there;

        assert_string_equal(value, "ens1 2 52:54:00:01:02:03 42 3");
        assert_int_equal(vf_undo_parse(value, &there, &again), 0);
        assert_string_equal(there.card, "ens1");
        assert_int_equal(there.index, 2);
        assert_memory_equal(&again, &s, sizeof s);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(vf_undo_parse(bad[i], &there, &again), -EINVAL);
        /* the card has gone meanwhile */
        assert_int_equal(vf_undo("nobody7 2 52:54:00:01:02:03 42 3"), 0);
}

/* --- pools --- */

static xmlDocPtr parse(const char *text) {
        xmlDocPtr doc;

        assert_int_equal(xml_parse(text, strlen(text), NULL, "network", &doc, NULL), 0);
        return doc;
}

#define NETWORK(mode, inside) "<network><name>n</name><forward mode='" mode "'>" inside "</forward></network>"

static void a_card_stands_for_its_functions(void **state) {
        static const struct { const char *before, *after; int r; const char *message; } cases[] = {
                { NETWORK("hostdev", "<pf dev='ens1'/>"),
                  NETWORK("hostdev", "<pf dev='ens1'/>"
                                     "<address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x0'/>"
                                     "<address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x2'/>"
                                     "<address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x4'/>"),
                  0, NULL },
                { NETWORK("passthrough", "<pf dev='ens1'/>"),
                  NETWORK("passthrough", "<pf dev='ens1'/><interface dev='ens1v0'/><interface dev='ens1v1'/>"), 0,
                  NULL },
                { NETWORK("hostdev", "<pf dev='ens2'/>"), NULL, -ENOENT, "No Vf's present on SRIOV PF ens2" },
                { NETWORK("hostdev", "<pf dev='ens7'/>"), NULL, -ENODEV,
                  "Could not get Virtual functions on ens7: there is no such link" },
                { NETWORK("hostdev", "<address bus='1'/>"), NETWORK("hostdev", "<address bus='1'/>"), 0, NULL },
                { NETWORK("nat", "<pf dev='ens1'/>"), NETWORK("nat", "<pf dev='ens1'/>"), 0, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_xml_ xmlDocPtr doc = parse(cases[i].before), other = NULL;
                _cleanup_free_ char *seen = NULL, *wanted = NULL;
                _cleanup_error_ Error e = ERROR_INIT;
                int r = network_pool_fill(xml_root(doc), &e);

                assert_int_equal(r, cases[i].r);
                if (r < 0) {
                        assert_non_null(strstr(error_text(&e, r), cases[i].message));
                        continue;
                }
                other = parse(cases[i].after);
                assert_int_equal(xml_format(xml_root(doc), &seen), 0);
                assert_int_equal(xml_format(xml_root(other), &wanted), 0);
                assert_string_equal(seen, wanted);
        }
}

static void put_port(const char *name, const char *plug) {
        _cleanup_free_ char *path = text_format("%s/network/n.ports/%s.xml", top, name),
                            *text = text_format("<networkport>%s</networkport>", plug);

        shell("mkdir -p network/n.ports");
        assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC), 0);
}

#define PCI_PLUG(function) \
        "<plug type='hostdev-pci'><address domain='0x0000' bus='0x01' slot='0x10' function='" function "'/></plug>"

static const char *choose(xmlNode *network, const char *attribute) {
        _cleanup_error_ Error e = ERROR_INIT;
        xmlNode *device = NULL;
        int r;

        assert_int_equal(network_pool_count(network), 0);
        r = network_pool_choose(network, &device, &e);
        if (r < 0)
                return r == -EBUSY && strstr(error_text(&e, r), "none are available") ? "busy"
                       : strstr(error_text(&e, r), "no interface pool")               ? "empty"
                                                                                      : "?";
        return xml_attr(device, attribute);
}

static void each_guest_gets_a_device_of_its_own(void **state) {
        _cleanup_xml_ xmlDocPtr doc = parse(NETWORK("hostdev", "<address bus='1' slot='0x10' function='0'/>"
                                                               "<address bus='1' slot='0x10' function='2'/>"));
        xmlNode *n = xml_root(doc);

        assert_string_equal(choose(n, "function"), "0");
        put_port("a", PCI_PLUG("0x0"));
        assert_string_equal(choose(n, "function"), "2");
        assert_string_equal(xml_get(n, "forward/address/@connections"), "1");
        put_port("b", PCI_PLUG("0x2"));
        assert_string_equal(choose(n, "function"), "busy");
        shell("rm network/n.ports/a.xml");
        assert_string_equal(choose(n, "function"), "0");
        assert_null(xml_get(n, "forward/address/@connections"));
        shell("rm -r network");
}

static void links_are_shared_but_for_passthrough(void **state) {
        _cleanup_xml_ xmlDocPtr alone = parse(NETWORK("passthrough", "<interface dev='a'/><interface dev='b'/>")),
                                shared = parse(NETWORK("vepa", "<interface dev='a'/><interface dev='b'/>")),
                                none = parse(NETWORK("vepa", ""));

        put_port("1", "<plug type='direct' dev='a' mode='vepa'/>");
        assert_string_equal(choose(xml_root(alone), "dev"), "b");
        assert_string_equal(choose(xml_root(shared), "dev"), "b");
        put_port("2", "<plug type='direct' dev='b' mode='vepa'/>");
        assert_string_equal(choose(xml_root(alone), "dev"), "busy");
        assert_string_equal(choose(xml_root(shared), "dev"), "a");
        put_port("3", "<plug type='direct' dev='a' mode='vepa'/>");
        assert_string_equal(choose(xml_root(shared), "dev"), "b");
        put_port("4", "no XML<");
        assert_string_equal(choose(xml_root(none), "dev"), "empty");
        shell("rm -r network");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(functions_are_listed),
                cmocka_unit_test(functions_are_found),
                cmocka_unit_test(messages_say_what_is_set),
                cmocka_unit_test(what_is_to_be_undone_is_a_line),
                cmocka_unit_test(a_card_stands_for_its_functions),
                cmocka_unit_test(each_guest_gets_a_device_of_its_own),
                cmocka_unit_test(links_are_shared_but_for_passthrough),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
