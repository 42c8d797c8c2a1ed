/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* virsh domiftune: the limits of a card, in KiB a second and KiB. */

#include "base/strings.h"
#include "calls/edit.h"
#include "hotplug/card.h"
#include "rpc/typed-params.h"

/* In the order of libvirt. */
static const struct {
        const char *field, *direction, *attribute;
} limits[] = {
        { "inbound.average", "inbound", "average" },   { "inbound.peak", "inbound", "peak" },
        { "inbound.burst", "inbound", "burst" },       { "inbound.floor", "inbound", "floor" },
        { "outbound.average", "outbound", "average" }, { "outbound.peak", "outbound", "peak" },
        { "outbound.burst", "outbound", "burst" },
};

static bool same_mac(const char *a, const char *b) {
        uint8_t x[6], y[6];

        return a && mac_parse(a, x) >= 0 && mac_parse(b, y) >= 0 && memcmp(x, y, sizeof x) == 0;
}

/* By the name of its tap or by its MAC. */
static xmlNode *find_card(const Definition *d, const char *device, Error *e) {
        XML_FOREACH(card, definition_devices(d), "interface")
                if (streq_ptr(xml_get(card, "target/@dev"), device) || same_mac(xml_get(card, "mac/@address"), device))
                        return card;
        error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "'%s' is not a known interface", device);
        return NULL;
}

static int get_parameters(Call *c, Guest *g, const remote_domain_get_interface_parameters_args *args,
                          remote_domain_get_interface_parameters_ret *ret, Error *e) {
        _cleanup_typed_params_ TypedParams params = {};
        const xmlNode *card = find_card(call_definition(c), args->device, e);

        if (!card)
                return -EINVAL;
        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                const xmlNode *rate = xml_child(xml_child(card, "bandwidth"), limits[i].direction);
                unsigned v = 0;

                if (rate)
                        (void) xml_attr_uint(rate, limits[i].attribute, &v);
                typed_params_add_uint(&params, limits[i].field, v);
        }
        ret->nparams = (int) params.len;
        /* who gives no room asks how much it takes */
        return args->nparams == 0 ? 0 : typed_params_take(&params, &ret->params.params_val, &ret->params.params_len);
}

/* --- setting --- */

typedef struct Limits {
        const char *device;
        const remote_typed_param *val;
        unsigned len;
} Limits;

/* 1 and the value where one was given. */
static int given(const Limits *l, const char *direction, const char *attribute, unsigned *ret) {
        return typed_params_get_uint(l->val, l->len, TYPED_PARAM_NAME("%s.%s", direction, attribute), ret);
}

/* A direction that is said is said whole: what is left out of it is none. */
static int edit_direction(xmlNode *bandwidth, const Limits *l, const char *direction) {
        static const char *const attributes[] = { "average", "peak", "floor", "burst" };
        bool said = false;
        unsigned v;
        xmlNode *rate;

        for (size_t i = 0; i < ELEMENTSOF(attributes); i++)
                said = said || given(l, direction, attributes[i], &v) > 0;
        if (!said)
                return 0;
        xml_remove_children(bandwidth, direction);
        rate = xml_add(bandwidth, direction, NULL);
        if (!rate)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(attributes); i++)
                if (given(l, direction, attributes[i], &v) > 0 && v > 0 &&
                    xml_set_attrf(rate, attributes[i], "%u", v) < 0)
                        return -ENOMEM;
        if (!xml_attr(rate, "average") && !xml_attr(rate, "floor"))
                xml_remove(rate);
        return 0;
}

static int edit(Definition *d, const void *what, Error *e) {
        static const char *const types[] = { "network", "bridge", "direct", "ethernet", NULL };
        const Limits *l = what;
        xmlNode *card = find_card(d, l->device, e), *bandwidth;
        int r;

        if (!card)
                return -EINVAL;
        if (!change_is_among(xml_attr(card, "type") ?: "", types))
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                                 "setting bandwidth on interfaces of type '%s' is not implemented",
                                 xml_attr(card, "type") ?: "");
        bandwidth = xml_ensure(card, "bandwidth");
        r = bandwidth ? edit_direction(bandwidth, l, "inbound") : -ENOMEM;
        if (r >= 0)
                r = edit_direction(bandwidth, l, "outbound");
        if (r >= 0 && !xml_child(bandwidth, NULL))
                xml_remove(bandwidth);
        if (r >= 0)
                definition_sort(d);
        return r;
}

static int apply(Guest *g, const Definition *live, const void *what, Error *e) {
        const Limits *l = what;
        const xmlNode *card = find_card(live, l->device, e);

        return card ? card_apply(g, live, device_alias(card) ?: "", NULL, e) : -EINVAL;
}

static int set_parameters(Call *c, Guest *g, const remote_domain_set_interface_parameters_args *args, rpc_void *ret,
                          Error *e) {
        const Limits l = { args->device, args->params.params_val, args->params.params_len };
        TypedParamRule rules[ELEMENTSOF(limits)];
        int r;

        for (size_t i = 0; i < ELEMENTSOF(limits); i++)
                rules[i] = (TypedParamRule) { limits[i].field, TYPED_PARAM_UINT, false };
        r = typed_params_validate(l.val, l.len, rules, ELEMENTSOF(rules), e);
        return r < 0 ? r : edit_definitions(c, g, &(Edit) { edit, apply, &l, "the limits of a card" }, e);
}

static const RpcHandler rows[] = {
        CALL(DOMAIN_GET_INTERFACE_PARAMETERS, get_parameters,
             .flags = AFFECT_LIVE | AFFECT_CONFIG | TYPED_PARAM_STRING_OKAY, .needs = NEED_IMPACT | NEED_DEFINITION),
        CALL(DOMAIN_SET_INTERFACE_PARAMETERS, set_parameters, .flags = AFFECT_LIVE | AFFECT_CONFIG,
             .needs = NEED_LOCK | NEED_IMPACTS),
};
const RpcTable qemu_interface_tuning_table = RPC_TABLE(rows);
