/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <clock>, its timers, and <pm>. */

#include <time.h>

#include "build.h"

static void rtc_base(Build *b, StrBuf *o, const xmlNode *clock) {
        const char *offset = xml_attr(clock, "offset") ?: "utc", *start = xml_attr(clock, "start");
        char text[64];
        struct tm tm;
        time_t when;
        bool local;

        if (streq(offset, "utc") || streq(offset, "localtime")) {
                put_opt(o, "base", offset);
        } else if (streq(offset, "timezone")) {
                put_opt(o, "base", "localtime"); /* the process runs with TZ set to the zone */
        } else if (streq(offset, "absolute") && start) {
                when = (time_t) strtoll(start, NULL, 10);
                if (!gmtime_r(&when, &tm) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
                        build_invalid(b, clock, "not a time: '%s'", start);
                else
                        put_opt(o, "base", text);
        } else if (streq(offset, "variable")) {
                when = b->res->now > 0 ? b->res->now : time(NULL);
                when += (time_t) strtoll(xml_attr(clock, "adjustment") ?: "0", NULL, 10);
                local = xml_attr_is(clock, "basis", "localtime");
                if (!(local ? localtime_r(&when, &tm) : gmtime_r(&when, &tm)) ||
                    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
                        build_invalid(b, clock, "not an adjustment: '%s'", xml_attr(clock, "adjustment"));
                else
                        put_opt(o, "base", text);
        } else {
                build_refuse(b, clock, "clock offset '%s' is not supported", offset);
        }
}

/* The definition's clock=guest is QEMU's vm, wall is rt, which follows the host's monotonic clock. */
static void rtc_timer(Build *b, StrBuf *o, const xmlNode *timer) {
        const char *track = xml_attr(timer, "track"), *policy = xml_attr(timer, "tickpolicy");

        if (track) {
                if (streq(track, "boot"))
                        build_refuse(b, timer, "track 'boot' is not supported for the rtc timer");
                put_opt(o, "clock", streq(track, "guest") ? "vm" : streq(track, "realtime") ? "rt" : "host");
        }
        if (policy && streq(policy, "catchup"))
                put_opt(o, "driftfix", "slew");
        else if (policy && !streq(policy, "delay"))
                build_refuse(b, timer, "tickpolicy '%s' is not supported for the rtc timer", policy);
}

/* Ticks that the guest missed while it did not run: only KVM's PIT has a choice, TCG's ignores it with a warning. They
 * are delivered later unless the definition says otherwise; QEMU itself drops them. */
static void pit_timer(Build *b, const xmlNode *timer) {
        const char *policy = xml_attr(timer, "tickpolicy") ?: "delay";

        if (!streq(policy, "delay") && !streq(policy, "discard")) {
                if (!streq(policy, "catchup"))
                        build_refuse(b, timer, "tickpolicy '%s' is not supported for the pit timer", policy);
                return;
        }
        add_option(b, "-global", "kvm-pit.lost_tick_policy=%s", policy);
}

void build_clock(Build *b) {
        const xmlNode *clock = xml_child(b->root, "clock");
        _cleanup_strbuf_ StrBuf o = {};

        rtc_base(b, &o, clock);
        XML_FOREACH(t, clock, "timer")
                if (xml_attr_is(t, "name", "rtc"))
                        rtc_timer(b, &o, t);
        add_option_buf(b, "-rtc", &o);
        XML_FOREACH(t, clock, "timer")
                if (xml_attr_is(t, "name", "pit"))
                        pit_timer(b, t);
                else if (xml_attr_is(t, "name", "platform") || xml_attr_is(t, "name", "armvtimer"))
                        build_refuse(b, t, "timer '%s' is not there on this machine", xml_attr(t, "name"));
}

/* Timers that are properties of the CPU. */
void cpu_timers(Build *b, StrBuf *cpu) {
        XML_FOREACH(t, xml_child(b->root, "clock"), "timer") {
                const char *name = xml_attr(t, "name") ?: "";
                bool present = xml_attr_bool(t, "present", true);

                if (b->emulated && !streq(name, "tsc"))
                        continue;
                if (streq(name, "kvmclock") && xml_attr(t, "present"))
                        put_opt_onoff(cpu, "kvmclock", present);
                else if (streq(name, "hypervclock") && xml_attr(t, "present") && present)
                        put_opt(cpu, "hv-time", "on");
                else if (streq(name, "tsc") && attr_u64(b, t, "frequency", 0) > 0)
                        strbuf_addf(cpu, ",tsc-frequency=%llu",
                                    (unsigned long long) attr_u64(b, t, "frequency", 0));
        }
}

void build_pm(Build *b) {
        static const struct {
                const char *path, *property;
        } states[] = {
                { "pm/suspend-to-mem/@enabled", "disable_s3" },
                { "pm/suspend-to-disk/@enabled", "disable_s4" },
        };

        for (size_t i = 0; i < ELEMENTSOF(states); i++) {
                const char *enabled = xml_get(b->root, states[i].path);

                if (enabled)
                        add_option(b, "-global", "%s.%s=%d", b->q35 ? "ICH9-LPC" : "PIIX4_PM", states[i].property,
                                   !streq(enabled, "yes"));
        }
}
