/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where folders are, found out by a child, because a disk may never answer. */

#include "looker.h"

#include "base/strings.h"

#define PLACES_TIMEOUT (1000ULL * 1000)
#define PLACES_OUTPUT_MAX (16U << 20)

static int take_places(const ProcessResult *result, size_t n, char ***ret) {
        _cleanup_strv_ char **places = NULL;
        const char *end = result->output + result->output_len;

        for (const char *p = result->output; p < end; p += strlen(p) + 1)
                if (strv_add(&places, p) < 0)
                        return -ENOMEM;
        if (strv_length(places) != n)
                return -EBADMSG;
        *ret = TAKE_PTR(places);
        return 0;
}

int pool_places(ObjectIndex *i, char *const *paths, char ***ret) {
        _cleanup_process_result_ ProcessResult result = {};
        _cleanup_error_ Error ignored = ERROR_INIT;
        _cleanup_strv_ char **args = NULL;
        int r;

        r = strv_add(&args, "--places");
        for (char *const *p = paths; *p && r >= 0; p++)
                r = strv_add(&args, *p);
        if (r >= 0)
                r = looker_run(i->driver, (const char *const *) args, PLACES_TIMEOUT, PLACES_OUTPUT_MAX, &result,
                               &ignored);
        if (r >= 0 && result.status != 0)
                r = -EIO;
        return r < 0 ? r : take_places(&result, strv_length((char **) paths), ret);
}
