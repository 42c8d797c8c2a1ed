/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "load.h"

#include <dlfcn.h>
#include <nftables/libnftables.h>

#include "base/strings.h"

#define LIBRARY "libnftables.so.1"

struct Nft {
        void *library;
        struct nft_ctx *context;
        __typeof__(&nft_ctx_new) new;
        __typeof__(&nft_ctx_free) free;
        __typeof__(&nft_ctx_buffer_output) buffer_output;
        __typeof__(&nft_ctx_buffer_error) buffer_error;
        __typeof__(&nft_ctx_get_output_buffer) output;
        __typeof__(&nft_ctx_get_error_buffer) error;
        __typeof__(&nft_ctx_set_dry_run) set_dry_run;
        __typeof__(&nft_run_cmd_from_buffer) run;
};

static const struct {
        const char *name;
        size_t at;
} symbols[] = {
        { "nft_ctx_new", offsetof(Nft, new) },
        { "nft_ctx_free", offsetof(Nft, free) },
        { "nft_ctx_buffer_output", offsetof(Nft, buffer_output) },
        { "nft_ctx_buffer_error", offsetof(Nft, buffer_error) },
        { "nft_ctx_get_output_buffer", offsetof(Nft, output) },
        { "nft_ctx_get_error_buffer", offsetof(Nft, error) },
        { "nft_ctx_set_dry_run", offsetof(Nft, set_dry_run) },
        { "nft_run_cmd_from_buffer", offsetof(Nft, run) },
};

Nft *nft_close(Nft *n) {
        if (!n)
                return NULL;
        if (n->context)
                n->free(n->context);
        /* the library stays: what it registered for the end of the process must not point nowhere */
        free(n);
        return NULL;
}

static int load(Nft *n) {
        n->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (!n->library)
                return -ELIBACC;
        for (size_t i = 0; i < ELEMENTSOF(symbols); i++) {
                void *f = dlsym(n->library, symbols[i].name);

                if (!f)
                        return -ELIBBAD;
                memcpy((char *) n + symbols[i].at, &f, sizeof f);
        }
        return 0;
}

int nft_open(Nft **ret, Error *e) {
        _cleanup_nft_ Nft *n = calloc(1, sizeof *n);
        int r;

        if (!n)
                return -ENOMEM;
        r = load(n);
        if (r < 0)
                return error_set(e, r, ERROR_INTERNAL, ORIGIN_NWFILTER, "network filters need " LIBRARY ": %s",
                                 dlerror() ?: "it lacks a function");
        n->context = n->new(NFT_CTX_DEFAULT);
        if (!n->context || n->buffer_output(n->context) != 0 || n->buffer_error(n->context) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(n);
        return 0;
}

/* What a kernel is built without shows in no better way. */
static const char *hint(const char *problem, const char *commands) {
        if (strstr(commands, " ct ") && strstr(problem, "Protocol error"))
                return "; this kernel does not track connections on bridges (CONFIG_NF_CONNTRACK_BRIDGE)";
        if (strstr(commands, " reject") && strstr(problem, "No such file"))
                return "; this kernel cannot reject on bridges (CONFIG_NFT_BRIDGE_REJECT)";
        return "";
}

/* "Error: PROBLEM". What follows is the first of all commands, whichever it was. */
static int refuse(Nft *n, const char *commands, Error *e) {
        const char *text = n->error(n->context) ?: "", *problem = strstr(text, "Error: ");
        _cleanup_free_ char *first = NULL;

        problem = problem ? problem + strlen("Error: ") : text;
        first = strndup(problem, strcspn(problem, "\n"));
        if (!first)
                return -ENOMEM;
        return error_set(e, -EIO, ERROR_INTERNAL, ORIGIN_NWFILTER, "nftables: %s%s", first, hint(first, commands));
}

int nft_run(Nft *n, const char *commands, bool check, Error *e) {
        int r;

        n->set_dry_run(n->context, check);
        r = n->run(n->context, commands) != 0 ? refuse(n, commands, e) : 0;
        n->set_dry_run(n->context, false);
        return r;
}

int nft_list(Nft *n, const char *what, char **ret) {
        _cleanup_free_ char *command = text_format("list %s", what);

        if (!command)
                return -ENOMEM;
        *ret = strdup(n->run(n->context, command) == 0 ? n->output(n->context) ?: "" : "");
        return *ret ? 0 : -ENOMEM;
}
