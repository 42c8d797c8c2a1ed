/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/guest-events.h"

#include <linux/perf_event.h>

#include "base/keyfile.h"
#include "base/strings.h"

/* The first three were events of the kernel's until 4.13; resctrl counts such things since. */
const GuestEvent guest_events[GUEST_EVENTS] = {
        { "cmt", -1, 0 },
        { "mbmt", -1, 0 },
        { "mbml", -1, 0 },
        { "cpu_cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES },
        { "instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS },
        { "cache_references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES },
        { "cache_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES },
        { "branch_instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS },
        { "branch_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES },
        { "bus_cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BUS_CYCLES },
        { "stalled_cycles_frontend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_FRONTEND },
        { "stalled_cycles_backend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_BACKEND },
        { "ref_cpu_cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_REF_CPU_CYCLES },
        { "cpu_clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK },
        { "task_clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK },
        { "page_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS },
        { "context_switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES },
        { "cpu_migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS },
        { "page_faults_min", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN },
        { "page_faults_maj", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ },
        { "alignment_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_ALIGNMENT_FAULTS },
        { "emulation_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_EMULATION_FAULTS },
};

int guest_event_find(const char *name) {
        for (unsigned i = 0; i < GUEST_EVENTS; i++)
                if (streq(guest_events[i].name, name))
                        return (int) i;
        return -ENOENT;
}

char *guest_events_request(const char *verb, const char *guest, int process, const bool events[GUEST_EVENTS]) {
        _cleanup_strbuf_ StrBuf b = {};
        char number[16];

        keyfile_add(&b, "verb", verb);
        keyfile_add(&b, "guest", guest);
        (void) snprintf(number, sizeof(number), "%i", process);
        if (process > 0)
                keyfile_add(&b, "process", number);
        for (size_t i = 0; events && i < GUEST_EVENTS; i++)
                if (events[i])
                        keyfile_add(&b, "event", guest_events[i].name);
        return strbuf_take(&b);
}

int guest_events_answer(char *text, GuestEventValues *ret, Error *e) {
        bool done = false;
        char *line, *value;

        *ret = (GuestEventValues) {};
        while ((line = strsep(&text, "\n"))) {
                int event, r = *line ? keyfile_parse_line(line, &value) : 0;

                if (!*line || r < 0)
                        continue;
                if (streq(line, "error"))
                        return error_set_from_text(e, -EIO, ERROR_INTERNAL, ORIGIN_NONE, value);
                done = done || streq(line, "done");
                event = guest_event_find(line);
                if (event >= 0)
                        ret->counted[event] = parse_u64(value, 10, &ret->value[event]) >= 0;
        }
        return done ? 0 : error_set(e, -EBADMSG, ERROR_INTERNAL, ORIGIN_QEMU, "vm-events gave no answer");
}
