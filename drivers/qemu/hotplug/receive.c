/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hotplug/receive.h"

#include "base/log.h"
#include "base/strings.h"
#include "hotplug/ask.h"
#include "run/monitor.h"

typedef struct Change {
        Guest *guest;
        int id;         /* of the run */
        char *alias;
} Change;

/* Groups one by one would be more than the guest's own filter needs: it hears of all of them or of none. */
static char *frames_of(const json_t *filter) {
        const char *mac = json_string_value(json_object_get(filter, "main-mac")),
                   *groups = json_string_value(json_object_get(filter, "multicast")) ?: "none";
        bool any = streq(groups, "all") ||
                   (streq(groups, "normal") && (json_array_size(json_object_get(filter, "multicast-table")) > 0 ||
                                                json_is_true(json_object_get(filter, "multicast-overflow"))));

        return mac ? text_format("%s%s%s", mac, any ? " groups" : "",
                                 json_is_true(json_object_get(filter, "promiscuous")) ? " all" : "")
                   : NULL;
}

/* To ask is what makes QEMU tell of the next change. */
static int follow(Guest *g, const char *alias, Error *e) {
        _cleanup_free_ char *frames = NULL;
        json_t *reply = NULL;
        int r = guest_command(g, "query-rx-filter", json_pack("{s:s}", "name", alias), &reply, e);

        if (r >= 0)
                frames = frames_of(json_array_get(reply, 0));
        json_decref(reply);
        return r < 0 || !frames ? r : plug_ask_receive(g, alias, frames, e);
}

static bool is_trusted(const xmlNode *card) {
        return xml_attr_is(card, "trustGuestRxFilters", "yes") && xml_get(card, "target/@dev") &&
               (xml_attr_is(card, "type", "direct") || xml_attr_is(card, "type", "network"));
}

static void look(Guest *g, const char *alias) {
        _cleanup_definition_ Definition *live = NULL;

        if (object_load(&g->object, OBJECT_LIVE, &live, NULL) < 0)
                return;
        XML_FOREACH(card, definition_devices(live), "interface") {
                _cleanup_error_ Error e = ERROR_INIT;
                const char *name = device_alias(card);

                if (!name || (alias && !streq(alias, name)) || !is_trusted(card))
                        continue;
                if (follow(g, name, &e) < 0)
                        log_warning("domain '%s': what %s receives was not changed: %s", g->object.name, name,
                                    error_text(&e, -EIO));
        }
}

static void change_main(void *userdata) {
        Change *c = userdata;
        Guest *g = c->guest;

        if (object_job_begin(&g->object, OBJECT_MODIFY, "receive filter", NULL) >= 0) {
                if (!g->object.gone && g->run && g->run->id == c->id && g->run->qmp)
                        look(g, c->alias);
                object_job_end(&g->object, OBJECT_MODIFY);
        }
        guest_unref(g);
        free(c->alias);
        free(c);
}

void receive_on_changed(Guest *g, const char *alias) {
        Change *c = calloc(1, sizeof(*c));
        char *copy = alias ? strdup(alias) : NULL;

        if (c && (copy || !alias)) {
                *c = (Change) { guest_ref(g), g->run->id, copy };
                if (fiber_spawn(g->driver->host->loop, change_main, c, NULL) >= 0)
                        return;
                guest_unref(g);
        }
        free(copy);
        free(c);
}
