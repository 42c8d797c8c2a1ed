/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/tree.h"

typedef struct Number {
        int value;
        TreeNode node;
} Number;

#define NUMBERS 2000

static Number *number_of(const TreeNode *n) {
        return container_of((TreeNode *) n, Number, node);
}

static int compare_numbers(const TreeNode *a, const TreeNode *b) {
        return number_of(a)->value - number_of(b)->value;
}

static void count_up(TreeNode *n, void *userdata) {
        int *next = userdata;

        assert_int_equal(number_of(n)->value, *next);
        *next += 2;
}

static unsigned depth(const TreeNode *n) {
        return n ? 1 + MAX(depth(n->child[0]), depth(n->child[1])) : 0;
}

/* Even numbers, in an order that is neither up nor down, and then up: neither makes it deep. */
static void trees_are_sorted_sets(void **state) {
        static Number list[NUMBERS];
        Number other = { .value = 0 };

        for (int step = 1; step <= 1153; step += 1152) {
                TreeNode *root = NULL;
                int next = 0;

                for (int i = 0; i < NUMBERS; i++) {
                        Number *n = &list[i * step % NUMBERS];

                        n->value = 2 * (i * step % NUMBERS);
                        assert_true(tree_add(&root, &n->node, compare_numbers));
                        other.value = n->value;
                        assert_false(tree_add(&root, &other.node, compare_numbers));
                }
                tree_walk(root, count_up, &next);
                assert_int_equal(next, 2 * NUMBERS);
                assert_true(depth(root) < 50);
                for (int i = 0; i < NUMBERS; i++) {
                        other.value = 2 * i;
                        assert_ptr_equal(tree_find(root, &other.node, compare_numbers), &list[i].node);
                        other.value++;
                        assert_null(tree_find(root, &other.node, compare_numbers));
                }
                for (int i = 0; i < NUMBERS; i += 2)
                        tree_remove(&root, &list[i * 7 % NUMBERS].node, compare_numbers);
                for (int i = 0; i < NUMBERS; i++)
                        assert_ptr_equal(tree_find(root, &list[i].node, compare_numbers), i % 2 ? &list[i].node : NULL);
                for (int i = 1; i < NUMBERS; i += 2)
                        tree_remove(&root, &list[i].node, compare_numbers);
                assert_null(root);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = { cmocka_unit_test(trees_are_sorted_sets) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
