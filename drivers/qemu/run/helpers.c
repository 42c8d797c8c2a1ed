/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "run/helpers.h"
#include "object/unit.h"
#include "plan/plan.h"

#define HELPER_TIMEOUT (30U * 1000000U) /* it has a limit of its own */

void guest_wait_for_helpers(Object *o) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_plan_ Plan *p = NULL;
        const Plan *helper;

        if (object_load(o, OBJECT_NEXT, &d, NULL) < 0 || plan_build(d, &p, NULL) < 0)
                return;
        for (size_t i = 0; (helper = plan_other(p, i)); i++) {
                JobResult result;

                (void) systemd_run_job_alone(o->index->host->systemd, "StopUnit", plan_unit(helper), HELPER_TIMEOUT,
                                             &result, NULL);
        }
}
