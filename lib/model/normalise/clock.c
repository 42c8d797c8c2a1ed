/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* clock and its timers. */

#include "base/strings.h"
#include "normalise.h"

/* Which attributes belong to an offset. */
static const struct {
        const char *offset, *keep[3];
} offsets[] = {
        { "utc", { "adjustment" } },
        { "localtime", { "adjustment" } },
        { "variable", { "adjustment", "basis" } },
        { "timezone", { "timezone" } },
        { "absolute", { "start" } },
};

static void keep_attributes(xmlNode *clock, const char *const *keep) {
        static const char *const all[] = { "adjustment", "basis", "timezone", "start" };

        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                if (!(keep[0] && streq(keep[0], all[i])) && !(keep[1] && streq(keep[1], all[i])))
                        xml_unset_attr(clock, all[i]);
}

static bool is_number(const char *s) {
        char *end;

        errno = 0;
        (void) strtoll(s, &end, 10);
        return errno == 0 && end != s && !*end;
}

/* What may become of ticks that the guest missed. */
static int check_tickpolicy(Normaliser *n, xmlNode *timer) {
        static const struct {
                const char *timer, *refused[2];
        } timers[] = { { "rtc", { "merge", "discard" } }, { "pit", { "merge" } } };

        for (size_t i = 0; i < ELEMENTSOF(timers); i++)
                for (size_t k = 0; k < ELEMENTSOF(timers[i].refused); k++)
                        if (xml_attr_is(timer, "name", timers[i].timer) && timers[i].refused[k] &&
                            xml_attr_is(timer, "tickpolicy", timers[i].refused[k]))
                                return fail_unsupported(n, timer, "unsupported %s timer tickpolicy '%s'",
                                                        timers[i].timer, timers[i].refused[k]);

        return 0;
}

static int check_timers(Normaliser *n, xmlNode *clock) {
        int r;

        XML_FOREACH(t, clock, "timer") {
                if (!xml_attr(t, "name"))
                        return fail_xml(n, t, "missing timer name");
                r = check_tickpolicy(n, t);
                if (r < 0)
                        return r;
                if (xml_attr_is(t, "name", "platform") || xml_attr_is(t, "name", "armvtimer"))
                        return fail_unsupported(n, t, "timer type '%s' is not supported", xml_attr(t, "name"));
        }

        return 0;
}

/* A clock that is off by so many seconds is one that varies, whatever it is measured by. */
static void vary_by_seconds(Normaliser *n, xmlNode *clock) {
        const char *adjustment = xml_attr(clock, "adjustment"), *offset = attr_or(clock, "offset", "utc");

        if (!adjustment || !is_number(adjustment) || streq(offset, "variable"))
                return;
        norm_set(n, clock, "basis", offset);
        norm_set(n, clock, "offset", "variable");
}

int normalise_clock(Normaliser *n) {
        xmlNode *clock = norm_ensure(n, n->root, "clock");
        const char *offset;

        norm_set_default(n, clock, "offset", "utc");
        offset = attr_or(clock, "offset", "utc");

        for (size_t i = 0; i < ELEMENTSOF(offsets); i++)
                if (streq(offsets[i].offset, offset))
                        keep_attributes(clock, offsets[i].keep);

        if (streq(offset, "variable")) {
                norm_set_default(n, clock, "adjustment", "0");
                norm_set_default(n, clock, "basis", "utc");
        }
        if (streq(offset, "timezone") && !xml_attr(clock, "timezone"))
                return fail_xml(n, clock, "missing 'timezone' attribute for clock with offset='timezone'");

        /* "reset" forgets what the guest changed. */
        if (xml_attr(clock, "adjustment") && !is_number(xml_attr(clock, "adjustment")) &&
            (!xml_attr_is(clock, "adjustment", "reset") || streq(offset, "variable")))
                return fail_xml(n, clock, "invalid value '%s' for attribute 'adjustment': expected seconds",
                                xml_attr(clock, "adjustment"));

        vary_by_seconds(n, clock);

        return check_timers(n, clock);
}
