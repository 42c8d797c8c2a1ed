/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "hotplug/card.h"

#include "base/strings.h"
#include "guest/emulator.h"
#include "guest/live.h"
#include "hotplug/ask.h"
#include "hotplug/match.h"
#include "hotplug/pending.h"
#include "object/store.h"
#include "run/monitor.h"

/* What vm-plug changes, by the type of the card, and what a network says where the card does not. */
static const char *const of_port[] = { "source",    "vlan",     "virtualport", "bandwidth", "port",
                                       "filterref", "coalesce", NULL };
static const char *const of_tap[] = { "bandwidth", "coalesce", NULL };
static const char *const of_link[] = { "bandwidth", NULL };
static const char *const of_nothing[] = { NULL };
static const char *const of_network[] = { "vlan", "virtualport", "port", NULL };

static const struct {
        const char *type;
        const char *const *parts;
} types[] = {
        { "network", of_port }, { "bridge", of_port }, { "direct", of_link }, { "ethernet", of_tap },
};

static const char *const *parts_of(const xmlNode *card) {
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (xml_attr_is(card, "type", types[i].type))
                        return types[i].parts;
        return of_nothing;
}

/* --- what differs --- */

static bool same_source(const xmlNode *a, const xmlNode *b) {
        static const char *const keys[] = { "network", "portgroup" };

        if (!xml_attr_is(a, "type", xml_attr(b, "type") ?: ""))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (!streq_ptr(xml_attr(xml_child(a, "source"), keys[i]), xml_attr(xml_child(b, "source"), keys[i])))
                        return false;
        return !xml_attr_is(a, "type", "bridge") ||
               streq_ptr(xml_get(a, "source/@bridge"), xml_get(b, "source/@bridge"));
}

/* Does the card keep what it has, because the document leaves to the network what it says nothing of? */
static bool is_networks(const xmlNode *old, const xmlNode *wanted, const char *part) {
        return !xml_child(wanted, part) && change_is_among(part, of_network) &&
               xml_attr_is(wanted, "type", "network") && same_source(old, wanted);
}

static bool differs(const xmlNode *old, const xmlNode *wanted, const char *part) {
        const xmlNode *a = xml_child(old, part), *b = xml_child(wanted, part);

        if (streq(part, "source"))
                return !same_source(old, wanted);
        if (!b)
                return a && !is_networks(old, wanted, part);
        return !a || !device_says(a, b) || !device_says(b, a);
}

static bool is_up(const xmlNode *card) {
        return !streq_ptr(xml_get(card, "link/@state"), "down");
}

static int check_type(const xmlNode *old, const xmlNode *wanted, Error *e) {
        const char *from = xml_attr(old, "type") ?: "", *to = xml_attr(wanted, "type") ?: "";

        if (streq(from, to) || (parts_of(old) == of_port && parts_of(wanted) == of_port))
                return 0;
        return change_fixed(e, "cannot change config of '%s' network interface to '%s'", from, to);
}

static int check_fixed(const xmlNode *old, const xmlNode *wanted, Error *e) {
        static const char *const always[] = { "link", "mac", "address", "alias" };
        const char *free[16];
        size_t n = 0;
        int r = check_type(old, wanted, e);

        for (size_t i = 0; i < ELEMENTSOF(always); i++)
                free[n++] = always[i];
        for (const char *const *part = parts_of(old); *part; part++)
                free[n++] = *part;
        free[n] = NULL;
        return r < 0 ? r : change_check_rest(old, wanted, free, "network device", e);
}

/* --- the host --- */

static int take_answer(const PlugAnswer *a, xmlDocPtr *ret, Error *e) {
        const char *text = json_string_value(json_object_get(a->json, "device"));

        if (!text)
                return error_set(e, -EBADMSG, ERROR_INTERNAL, ORIGIN_QEMU, "vm-plug gave no card");
        return xml_parse(text, strlen(text), NULL, "interface", ret, e);
}

int card_apply(Guest *g, const Definition *next, const char *alias, xmlDocPtr *ret_device, Error *e) {
        _cleanup_plug_answer_ PlugAnswer answer = {};
        int r;

        r = pending_write(g, next, e);
        if (r < 0)
                return r;
        XML_FOREACH(card, definition_devices(next), "interface")
                if (r >= 0 && streq_ptr(device_alias(card), alias))
                        r = plug_guard_filter(g, card, e);
        if (r >= 0)
                r = plug_ask_change(g, alias, &answer, e);
        pending_remove(g);
        return r < 0 || !ret_device ? r : take_answer(&answer, ret_device, e);
}

static int take_parts(xmlNode *card, const xmlNode *wanted) {
        const char *const *parts = parts_of(card);
        bool keep[16] = {};

        for (size_t i = 0; parts[i]; i++)
                keep[i] = is_networks(card, wanted, parts[i]);
        if (xml_set_attr(card, "type", xml_attr(wanted, "type")) < 0)
                return -ENOMEM;
        for (size_t i = 0; parts[i]; i++) {
                const xmlNode *part = xml_child(wanted, parts[i]);

                if (keep[i])
                        continue;
                xml_remove_children(card, parts[i]);
                if (part && !xml_add_copy(card, part))
                        return -ENOMEM;
        }
        return 0;
}

/* The card of the live definition becomes what vm-plug made of it. Events may have changed the rest meanwhile. */
static int put_card(Guest *g, const xmlNode *before, const xmlNode *card, const xmlNode *link, Error *e) {
        _cleanup_definition_ Definition *live = NULL;
        xmlNode *old, *copy;
        int r;

        if (!g->run)
                return object_error_inactive(&g->object, e);
        r = object_load(&g->object, OBJECT_LIVE, &live, e);
        if (r >= 0)
                r = device_find_interface(live, before, &old, e);
        if (r < 0)
                return r;
        if (card) {
                copy = xml_add_copy(old->parent, card);
                old = copy ? definition_replace_device(live, old, copy) : NULL;
        }
        if (!old)
                return -ENOMEM;
        xml_remove_children(old, "link");
        if (link && !xml_add_copy(old, link))
                return -ENOMEM;
        definition_sort(live);
        return live_write(g, live, e);
}

static int move(Guest *g, const Definition *live, const xmlNode *old, const xmlNode *wanted, Error *e) {
        _cleanup_definition_ Definition *next = NULL;
        _cleanup_xml_ xmlDocPtr device = NULL;
        xmlNode *card;
        int r;

        r = definition_copy(live, &next);
        if (r >= 0)
                r = device_find_interface(next, old, &card, e);
        if (r >= 0)
                r = take_parts(card, wanted);
        if (r < 0)
                return r;
        definition_sort(next);
        r = card_apply(g, next, device_alias(old) ?: "", &device, e);
        return r < 0 ? r : put_card(g, old, xml_root(device), xml_child(xml_root(device), "link"), e);
}

/* --- what an earlier supervisor began --- */

static xmlNode *card_of(const Definition *d, const char *alias) {
        XML_FOREACH(card, definition_devices(d), "interface")
                if (streq_ptr(device_alias(card), alias))
                        return card;
        return NULL;
}

static bool is_same(const xmlNode *a, const xmlNode *b) {
        _cleanup_free_ char *x = NULL, *y = NULL;

        return xml_format(a, &x) >= 0 && xml_format(b, &y) >= 0 && streq(x, y);
}

/* Whether vm-plug has moved the card, and whether it is at it still, nobody can tell: it is asked once more, waits for
 * itself, and where the card is in its new place already, puts it there again. What cannot be goes back to where it
 * was, as the live definition says. */
int card_settle(Guest *g, const Definition *live, const Definition *pending, Error *e) {
        int r = 0;

        XML_FOREACH(card, definition_devices(pending), "interface") {
                const char *alias = device_alias(card);
                const xmlNode *old = alias ? card_of(live, alias) : NULL;
                _cleanup_plug_answer_ PlugAnswer answer = {};
                _cleanup_xml_ xmlDocPtr device = NULL;

                if (!old || r < 0 || is_same(old, card))
                        continue;
                r = plug_guard_filter(g, card, e);
                if (r >= 0)
                        r = plug_ask_change(g, alias, &answer, e);
                if (r >= 0)
                        r = take_answer(&answer, &device, e);
                if (r >= 0)
                        r = put_card(g, old, xml_root(device), xml_child(xml_root(device), "link"), e);
        }
        return r;
}

/* --- all of it --- */

/* The document's card as it would be defined. */
static int normalised(Guest *g, const Definition *live, const Change *c, Definition **ret, xmlNode **ret_card,
                      Error *e) {
        _cleanup_definition_ Definition *complete = NULL;
        int r;

        r = definition_copy(live, &complete);
        if (r >= 0)
                r = change_update(complete, c, ret_card, e);
        if (r >= 0)
                r = driver_normalise(g->driver, complete, true, NULL, e);
        if (r >= 0)
                *ret = TAKE_PTR(complete);
        return r;
}

int card_update(Guest *g, Definition *live, xmlNode *old, const Change *c, bool force, Error *e) {
        _cleanup_definition_ Definition *complete = NULL;
        bool moves = false;
        xmlNode *wanted;
        int r;

        r = check_fixed(old, c->device, e);
        if (r >= 0)
                r = normalised(g, live, c, &complete, &wanted, e);
        if (r < 0)
                return r;
        for (const char *const *part = parts_of(old); *part; part++)
                moves = moves || differs(old, wanted, *part);
        if (moves)
                r = move(g, live, old, wanted, e);
        if (r >= 0 && is_up(wanted) != is_up(old))
                r = guest_command(g, "set_link",
                                  json_pack("{s:s,s:b}", "name", device_alias(old) ?: "", "up", is_up(wanted)), NULL,
                                  e);
        return r < 0 ? r : put_card(g, old, NULL, xml_child(wanted, "link"), e);
}
