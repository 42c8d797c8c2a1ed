/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Typed parameters: the name/kind/value lists of the protocol. */

#include "base/error.h"
#include "rpc/remote.h"

typedef enum TypedParamType {
        TYPED_PARAM_INT = 1,
        TYPED_PARAM_UINT = 2,
        TYPED_PARAM_LLONG = 3,
        TYPED_PARAM_ULLONG = 4,
        TYPED_PARAM_DOUBLE = 5,
        TYPED_PARAM_BOOLEAN = 6,
        TYPED_PARAM_STRING = 7,
} TypedParamType;

#define TYPED_PARAM_FIELD_MAX 79U   /* characters of a name */
#define TYPED_PARAM_STRING_OKAY 4U  /* flag of requests: the client takes strings */

/* A list in the making. Zero is an empty one; errors stick: add as you like, ask once with typed_params_take(). */
typedef struct TypedParams {
        remote_typed_param *val;
        unsigned len;
        unsigned size;
        int error;
} TypedParams;

void typed_params_done(TypedParams *p);
#define _cleanup_typed_params_ _cleanup_(typed_params_done)

void typed_params_add_int(TypedParams *p, const char *field, int v);
void typed_params_add_uint(TypedParams *p, const char *field, unsigned v);
void typed_params_add_llong(TypedParams *p, const char *field, int64_t v);
void typed_params_add_ullong(TypedParams *p, const char *field, uint64_t v);
void typed_params_add_double(TypedParams *p, const char *field, double v);
void typed_params_add_boolean(TypedParams *p, const char *field, bool v);
/* NULL adds nothing. */
void typed_params_add_string(TypedParams *p, const char *field, const char *v);
/* Names with numbers in them ("vcpu.0.state"): format such a name. */
#define TYPED_PARAM_NAME(...) typed_param_name((char[TYPED_PARAM_FIELD_MAX + 1]) {}, __VA_ARGS__)
/* The buffer, filled; the macro's one lives as long as the block that it is used in. */
char *typed_param_name(char buffer[TYPED_PARAM_FIELD_MAX + 1], const char *format, ...) _printf_(2, 3);

/* Leaves strings out: for clients without TYPED_PARAM_STRING_OKAY in the call's flags. */
void typed_params_drop_strings(TypedParams *p);

/* Moves the list into a reply's .params_val and .params_len; -ENOMEM where an add had failed. */
int typed_params_take(TypedParams *p, remote_typed_param **ret_val, unsigned *ret_len);

/* Reading a request. A rule for each name that is known; names not in rules, wrong kinds and names given twice
 * (unless multiple) are refused with code 8 as libvirt does. */
typedef struct TypedParamRule {
        const char *field;
        TypedParamType type;
        bool multiple;
} TypedParamRule;

int typed_params_validate(const remote_typed_param *params, unsigned n, const TypedParamRule *rules, size_t n_rules,
                          Error *e);

/* The first parameter of that name; NULL without one. */
const remote_typed_param *typed_params_find(const remote_typed_param *params, unsigned n, const char *field);
/* 1 and the value, 0 when absent, -EINVAL when of another kind. The string belongs to the list. */
int typed_params_get_int(const remote_typed_param *params, unsigned n, const char *field, int *ret);
int typed_params_get_uint(const remote_typed_param *params, unsigned n, const char *field, unsigned *ret);
int typed_params_get_llong(const remote_typed_param *params, unsigned n, const char *field, int64_t *ret);
int typed_params_get_ullong(const remote_typed_param *params, unsigned n, const char *field, uint64_t *ret);
int typed_params_get_boolean(const remote_typed_param *params, unsigned n, const char *field, bool *ret);
int typed_params_get_string(const remote_typed_param *params, unsigned n, const char *field, const char **ret);
