/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "events-request.h"

#include "base/keyfile.h"
#include "base/strings.h"
#include "plan/names.h"

static int take_line(EventsRequest *q, const char *key, const char *value) {
        int event;

        if (streq(key, "verb"))
                q->verb = value;
        else if (streq(key, "guest"))
                q->guest = value;
        else if (streq(key, "process"))
                return parse_int(value, &q->process);
        else if (streq(key, "event")) {
                event = guest_event_find(value);
                if (event < 0)
                        return event;
                q->events[event] = true;
        } else
                return -EINVAL;
        return 0;
}

void events_request_done(EventsRequest *q) {
        free(q->unit);
}

int events_request_parse(char *text, EventsRequest *q) {
        char *line, *value;

        while ((line = strsep(&text, "\n"))) {
                int r = *line ? keyfile_parse_line(line, &value) : 0;

                if (*line && r >= 0)
                        r = take_line(q, line, value);
                if (r < 0)
                        return r;
        }
        return q->verb && q->guest ? unit_name_for_guest(q->guest, &q->unit) : -EINVAL;
}
