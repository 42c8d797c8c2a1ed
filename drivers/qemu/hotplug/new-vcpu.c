/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hotplug/new-vcpu.h"

#include "base/strings.h"
#include "hotplug/ask.h"
#include "hotplug/thread-limits.h"
#include "run/threads.h"

#define VCPUS_MAX 4096U

/* What only root may give a thread. */
static bool has_more(const Definition *live, unsigned id) {
        XML_FOREACH(tune, xml_child(definition_root(live), "cputune"), NULL)
                if ((xml_is(tune, "cachetune") || xml_is(tune, "memorytune") || xml_is(tune, "vcpusched")) &&
                    cpuset_holds(xml_attr(tune, "vcpus"), id, VCPUS_MAX))
                        return true;
        return false;
}

int new_vcpu_settle(Guest *g, const Definition *live, unsigned id, Error *e) {
        _cleanup_free_ char *thread = NULL;
        _cleanup_error_ Error none = ERROR_INIT;
        int r = thread_limits_of_vcpu(g, live, id, e);

        if (r < 0 || !has_more(live, id))
                return r;
        r = guest_list_threads(g, THREAD_VCPU, id, &thread, &none);
        if (r < 0)
                return r == -ENOENT ? 0 : error_set_errno(e, r, ORIGIN_QEMU, "%s", error_text(&none, r));
        return plug_ask_join(g, thread, id, e);
}
