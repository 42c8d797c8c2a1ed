/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Typed parameters: lists built for replies, and lists of requests checked and read. */

#include "base/strings.h"
#include "rpc/typed-params.h"

static const char *const type_names[] = {
        [TYPED_PARAM_INT] = "int",       [TYPED_PARAM_UINT] = "uint",     [TYPED_PARAM_LLONG] = "llong",
        [TYPED_PARAM_ULLONG] = "ullong", [TYPED_PARAM_DOUBLE] = "double", [TYPED_PARAM_BOOLEAN] = "boolean",
        [TYPED_PARAM_STRING] = "string",
};

static const char *type_name(int type) {
        return type > 0 && (size_t) type < ELEMENTSOF(type_names) ? type_names[type] : "unknown";
}

static void param_done(remote_typed_param *p) {
        free(p->field);
        if (p->value.type == TYPED_PARAM_STRING)
                free(p->value.remote_typed_param_value_u.s);
        *p = (remote_typed_param) {};
}

void typed_params_done(TypedParams *p) {
        for (unsigned i = 0; i < p->len; i++)
                param_done(&p->val[i]);
        free(p->val);
        *p = (TypedParams) {};
}

/* A new parameter at the end, its value still to be set; NULL (and p->error) without memory. */
static remote_typed_param *params_grow(TypedParams *p, const char *field, int type) {
        remote_typed_param *v;

        if (p->error < 0)
                return NULL;
        if (p->len == p->size) {
                unsigned size = p->size ? p->size * 2 : 8;
                remote_typed_param *val = realloc(p->val, size * sizeof(*val));

                if (!val) {
                        p->error = -ENOMEM;
                        return NULL;
                }
                p->val = val;
                p->size = size;
        }

        v = &p->val[p->len];
        *v = (remote_typed_param) { .field = strdup(field), .value.type = type };
        if (!v->field) {
                p->error = -ENOMEM;
                return NULL;
        }
        p->len++;
        return v;
}

#define DEFINE_ADD(name, ctype, TYPE, member)                                                                \
        void typed_params_add_##name(TypedParams *p, const char *field, ctype v) {                           \
                remote_typed_param *n = params_grow(p, field, TYPE);                                         \
                                                                                                             \
                if (n)                                                                                       \
                        n->value.remote_typed_param_value_u.member = v;                                      \
        }

DEFINE_ADD(int, int, TYPED_PARAM_INT, i)
DEFINE_ADD(uint, unsigned, TYPED_PARAM_UINT, ui)
DEFINE_ADD(llong, int64_t, TYPED_PARAM_LLONG, l)
DEFINE_ADD(ullong, uint64_t, TYPED_PARAM_ULLONG, ul)
DEFINE_ADD(double, double, TYPED_PARAM_DOUBLE, d)
DEFINE_ADD(boolean, bool, TYPED_PARAM_BOOLEAN, b)

void typed_params_add_string(TypedParams *p, const char *field, const char *v) {
        remote_typed_param *n;

        if (!v)
                return;
        n = params_grow(p, field, TYPED_PARAM_STRING);
        if (!n)
                return;
        n->value.remote_typed_param_value_u.s = strdup(v);
        if (!n->value.remote_typed_param_value_u.s)
                p->error = -ENOMEM;
}

void typed_params_drop_strings(TypedParams *p) {
        unsigned k = 0;

        for (unsigned i = 0; i < p->len; i++)
                if (p->val[i].value.type == TYPED_PARAM_STRING)
                        param_done(&p->val[i]);
                else
                        p->val[k++] = p->val[i];
        p->len = k;
}

int typed_params_take(TypedParams *p, remote_typed_param **ret_val, unsigned *ret_len) {
        if (p->error < 0)
                return p->error;
        *ret_val = p->val;
        *ret_len = p->len;
        *p = (TypedParams) {};
        return 0;
}

static const TypedParamRule *rule_find(const TypedParamRule *rules, size_t n, const char *field) {
        for (size_t i = 0; i < n; i++)
                if (streq(rules[i].field, field))
                        return &rules[i];
        return NULL;
}

int typed_params_validate(const remote_typed_param *params, unsigned n, const TypedParamRule *rules, size_t n_rules,
                          Error *e) {
        for (unsigned i = 0; i < n; i++) {
                const remote_typed_param *p = &params[i];
                const TypedParamRule *rule = rule_find(rules, n_rules, p->field);

                if (!rule)
                        return error_set(e, -EOPNOTSUPP, ERROR_ARGUMENT_UNSUPPORTED, ORIGIN_NONE,
                                         "parameter '%s' not supported",
                                         p->field);
                if (p->value.type != (int) rule->type)
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NONE,
                                         "invalid type '%s' for parameter '%s', expected '%s'",
                                         type_name(p->value.type), p->field, type_name(rule->type));
                if (!rule->multiple && typed_params_find(params, i, p->field))
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NONE,
                                         "parameter '%s' occurs multiple times", p->field);
        }
        return 0;
}

const remote_typed_param *typed_params_find(const remote_typed_param *params, unsigned n, const char *field) {
        for (unsigned i = 0; i < n; i++)
                if (streq(params[i].field, field))
                        return &params[i];
        return NULL;
}

#define DEFINE_GET(name, ctype, TYPE, member)                                                                \
        int typed_params_get_##name(const remote_typed_param *params, unsigned n, const char *field, ctype *ret) { \
                const remote_typed_param *p = typed_params_find(params, n, field);                           \
                                                                                                             \
                if (!p)                                                                                      \
                        return 0;                                                                            \
                if (p->value.type != TYPE)                                                                   \
                        return -EINVAL;                                                                      \
                *ret = p->value.remote_typed_param_value_u.member;                                           \
                return 1;                                                                                    \
        }

DEFINE_GET(int, int, TYPED_PARAM_INT, i)
DEFINE_GET(uint, unsigned, TYPED_PARAM_UINT, ui)
DEFINE_GET(llong, int64_t, TYPED_PARAM_LLONG, l)
DEFINE_GET(ullong, uint64_t, TYPED_PARAM_ULLONG, ul)
DEFINE_GET(boolean, bool, TYPED_PARAM_BOOLEAN, b)
DEFINE_GET(string, const char *, TYPED_PARAM_STRING, s)

char *typed_param_name(char buffer[TYPED_PARAM_FIELD_MAX + 1], const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        vsnprintf(buffer, TYPED_PARAM_FIELD_MAX + 1, format, ap);
        va_end(ap);
        return buffer;
}
