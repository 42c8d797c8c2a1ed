/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From filters on the disk to rules in the kernel. What is remembered is written before the kernel has it: taking away
 * what was never made is no error, the other way would leave something behind. */

#include "filter/bind.h"

#include "base/fs.h"
#include "base/strings.h"
#include "filter/ruleset.h"
#include "model/kind.h"
#include "remembered.h"

/* --- filters --- */

typedef struct Filters {
        const Definition *candidate;
        Definition **loaded;
        size_t n;
} Filters;

static void filters_done(Filters *f) {
        for (size_t i = 0; i < f->n; i++)
                definition_free(f->loaded[i]);
        free(f->loaded);
}

static int load(const char *path, const DocumentKind *kind, Definition **ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = definition_load_as(kind, path, 0, &d, e);
        if (r >= 0)
                r = definition_normalise(d, NULL, e);
        if (r >= 0)
                *ret = TAKE_PTR(d);
        return r;
}

static int remember_filter(Filters *f, Definition *d) {
        Definition **list = reallocarray(f->loaded, f->n + 1, sizeof(Definition *));

        if (!list) {
                definition_free(d);
                return -ENOMEM;
        }
        f->loaded = list;
        list[f->n++] = d;
        return 0;
}

static const Definition *find_filter(void *userdata, const char *name, Error *e) {
        Filters *f = userdata;
        _cleanup_free_ char *path = NULL;
        Definition *d = NULL;

        if (f->candidate && streq(definition_name(f->candidate), name))
                return f->candidate;
        for (size_t i = 0; i < f->n; i++)
                if (streq(definition_name(f->loaded[i]), name))
                        return f->loaded[i];
        path = strchr(name, '/') ? strdup("") : text_format("%s/nwfilter/%s.xml", path_etc(), name);
        if (!path)
                return NULL;
        if (access(path, F_OK) < 0 && errno == ENOENT) {
                error_set(e, -ENOENT, ERROR_NO_NWFILTER, ORIGIN_NWFILTER, "referenced filter '%s' is missing", name);
                return NULL;
        }
        if (load(path, &document_filter, &d, e) < 0 || remember_filter(f, d) < 0)
                return NULL;
        return d;
}

/* --- one tap --- */

/* With whose tap it is in front. */
static int make_rules(const Definition *binding, Filters *filters, char **ret, Error *e) {
        const FilterSource source = { find_filter, filters };
        _cleanup_free_ char *rules = NULL;
        int r;

        r = filter_ruleset(binding, &source, &rules, e);
        if (r < 0)
                return r;
        *ret = text_format("# %s\n%s", xml_get(definition_root(binding), "owner/uuid") ?: "", rules);
        return *ret ? 0 : -ENOMEM;
}

static int write_binding(const Definition *binding, Error *e) {
        _cleanup_free_ char *folder = text_format("%s/nwfilter-binding", path_run()), *text = NULL;
        int r;

        r = folder ? mkdir_p(folder, 0755) : -ENOMEM;
        if (r >= 0)
                r = definition_format(binding, 0, &text);
        return r < 0 ? r : filter_file_write(filter_binding_path(definition_name(binding)), text, e);
}

/* As it was; the binding of a tap that has gone is of no use to anybody. */
static void forget(const char *dev, const char *old) {
        filter_file_remove(filter_binding_path(dev));
        if (old)
                (void) filter_file_write(filter_rules_path(dev), old, NULL);
        else
                filter_file_remove(filter_rules_path(dev));
}

int filter_port_bind(const Definition *binding, Error *e) {
        _cleanup_close_ int held = filter_lock(e);
        _cleanup_(filters_done) Filters filters = {};
        _cleanup_free_ char *new = NULL, *old = NULL, *change = NULL;
        const char *dev = definition_name(binding);
        int r;

        r = held < 0 ? held : make_rules(binding, &filters, &new, e);
        if (r >= 0)
                r = filter_rules_read(dev, &old);
        if (r >= 0)
                r = filter_ruleset_change(old, new, &change);
        if (r < 0)
                return r;
        r = filter_file_write(filter_rules_path(dev), new, e);
        if (r >= 0)
                r = write_binding(binding, e);
        if (r >= 0)
                r = filter_rules_run(change, false, e);
        if (r < 0)
                forget(dev, old);
        return r;
}

/* --- all taps --- */

typedef struct Plan {
        char **ports, **rules;
        StrBuf change;
} Plan;

static void plan_done(Plan *p) {
        strv_free(p->ports);
        strv_free(p->rules);
        strbuf_done(&p->change);
}

static int plan_port(Plan *p, const char *dev, Filters *filters, Error *e) {
        _cleanup_free_ char *path = filter_binding_path(dev), *old = NULL, *change = NULL, *new = NULL;
        _cleanup_definition_ Definition *binding = NULL;
        int r;

        r = path ? load(path, &document_filterbinding, &binding, e) : -ENOMEM;
        if (r >= 0)
                r = make_rules(binding, filters, &new, e);
        if (r >= 0)
                r = filter_rules_read(dev, &old);
        if (r < 0 || streq_ptr(old, new))
                return r;
        r = filter_ruleset_change(old, new, &change);
        if (r < 0)
                return r;
        strbuf_add(&p->change, change);
        r = strv_consume(&p->rules, TAKE_PTR(new));
        return r < 0 ? r : strv_add(&p->ports, dev);
}

static int carry_out(const Plan *p, bool check, Error *e) {
        int r;

        if (!p->ports)
                return 0;
        r = p->change.failed ? -ENOMEM : filter_rules_run(p->change.data, check, e);
        for (size_t i = 0; !check && r >= 0 && p->ports[i]; i++)
                r = filter_file_write(filter_rules_path(p->ports[i]), p->rules[i], e);
        return r;
}

int filter_ports_rebuild(const Definition *candidate, bool check, Error *e) {
        _cleanup_(filters_done) Filters filters = { .candidate = candidate };
        _cleanup_close_ int held = filter_lock(e);
        _cleanup_strv_ char **ports = NULL;
        _cleanup_(plan_done) Plan plan = {};
        int r;

        r = held < 0 ? held : filter_ports_list(&ports);
        for (size_t i = 0; r >= 0 && ports && ports[i]; i++)
                r = plan_port(&plan, ports[i], &filters, e);
        return r < 0 ? r : carry_out(&plan, check, e);
}

static int refresh_port(const char *dev, Filters *filters, Error *e) {
        _cleanup_(plan_done) Plan plan = {};
        int r;

        r = plan_port(&plan, dev, filters, e);
        return r < 0 ? r : carry_out(&plan, false, e);
}

int filter_ports_refresh(void (*report)(const char *text), Error *e) {
        _cleanup_(filters_done) Filters filters = {};
        _cleanup_close_ int held = filter_lock(e);
        _cleanup_strv_ char **ports = NULL;
        int r;

        r = held < 0 ? held : filter_ports_list(&ports);
        for (size_t i = 0; r >= 0 && ports && ports[i]; i++) {
                _cleanup_error_ Error own = ERROR_INIT;
                int s = refresh_port(ports[i], &filters, &own);

                if (s < 0)
                        report(error_text(&own, s));
        }
        return r;
}
