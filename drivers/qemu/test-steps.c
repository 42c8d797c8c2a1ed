/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test-steps.h"

int define(TestHost *h, const char *xml) {
        remote_domain_define_xml_args args = { .xml = (char *) xml };
        remote_domain_define_xml_ret ret = {};
        int r = test_call(h, REMOTE_PROC_DOMAIN_DEFINE_XML, &args, &ret);

        free(ret.dom.name);
        return r;
}

remote_nonnull_domain dom_of(const char *name, const char *uuid) {
        remote_nonnull_domain d = { .name = (char *) name, .id = -1 };

        assert_int_equal(uuid_parse(uuid, (uint8_t *) d.uuid), 0);
        return d;
}

void assert_state(TestHost *h, int state, int reason) {
        remote_domain_get_state_args args = { .dom = dom_of("web", UUID) };
        remote_domain_get_state_ret ret = {};

        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_GET_STATE, &args, &ret), 0);
        assert_int_equal(ret.state, state);
        assert_int_equal(ret.reason, reason);
}

char *dumpxml(TestHost *h, unsigned flags) {
        remote_domain_get_xml_desc_args args = { .dom = dom_of("web", UUID), .flags = flags };
        remote_domain_get_xml_desc_ret ret = {};

        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_GET_XML_DESC, &args, &ret), 0);
        return ret.xml;
}

unsigned count(TestHost *h, unsigned flags) {
        remote_connect_list_all_domains_args args = { .need_results = 0, .flags = flags };
        remote_connect_list_all_domains_ret ret = {};

        assert_int_equal(test_call(h, REMOTE_PROC_CONNECT_LIST_ALL_DOMAINS, &args, &ret), 0);
        return ret.ret;
}

void start_web(TestHost *h) {
        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_CREATE), 0);
        assert_state(h, DOMAIN_RUNNING, RUNNING_BOOTED);
}

int attach(TestHost *h, const char *xml, unsigned flags) {
        remote_args_DOMAIN_ATTACH_DEVICE_FLAGS args = { dom_of("web", UUID), (char *) xml, flags };

        return test_call(h, REMOTE_PROC_DOMAIN_ATTACH_DEVICE_FLAGS, &args, NULL);
}

int detach(TestHost *h, const char *xml, unsigned flags) {
        remote_args_DOMAIN_DETACH_DEVICE_FLAGS args = { dom_of("web", UUID), (char *) xml, flags };

        return test_call(h, REMOTE_PROC_DOMAIN_DETACH_DEVICE_FLAGS, &args, NULL);
}

int detach_alias(TestHost *h, const char *alias, unsigned flags) {
        remote_args_DOMAIN_DETACH_DEVICE_ALIAS args = { dom_of("web", UUID), (char *) alias, flags };

        return test_call(h, REMOTE_PROC_DOMAIN_DETACH_DEVICE_ALIAS, &args, NULL);
}

int update(TestHost *h, const char *xml, unsigned flags) {
        remote_args_DOMAIN_UPDATE_DEVICE_FLAGS args = { dom_of("web", UUID), (char *) xml, flags };

        return test_call(h, REMOTE_PROC_DOMAIN_UPDATE_DEVICE_FLAGS, &args, NULL);
}

bool has(TestHost *h, const char *text) {
        _cleanup_free_ char *xml = dumpxml(h, 2); /* inactive */

        return strstr(xml, text);
}

bool lives(TestHost *h, const char *text) {
        _cleanup_free_ char *xml = dumpxml(h, 0);

        return strstr(xml, text);
}
