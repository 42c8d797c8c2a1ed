/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A treap: sorted from left to right by compare(), and from top to bottom by a number that is each node's own and as
 * good as random. So it is as deep as a tree to which the nodes were added in a random order, without anything to keep
 * about balance. The number comes of the node's address, which no client chooses. */

#include <stdint.h>

#include "base/tree.h"

static uint64_t rank(const TreeNode *n) {
        uint64_t x = (uint64_t) (uintptr_t) n >> 4;

        x *= 0x9e3779b97f4a7c15U;
        x ^= x >> 32;
        x *= 0xd6e8feb86659fd93U;
        return x ^ x >> 32;
}

/* What is less than key, and what is more; nothing in it is equal. */
static void split(TreeNode *t, const TreeNode *key, TreeCompare compare, TreeNode **less, TreeNode **more) {
        while (t)
                if (compare(t, key) < 0) {
                        *less = t;
                        less = &t->child[1];
                        t = *less;
                } else {
                        *more = t;
                        more = &t->child[0];
                        t = *more;
                }
        *less = *more = NULL;
}

/* Two trees to one: all of a is less than all of b. */
static void join(TreeNode **at, TreeNode *a, TreeNode *b) {
        while (a && b)
                if (rank(a) >= rank(b)) {
                        *at = a;
                        at = &a->child[1];
                        a = *at;
                } else {
                        *at = b;
                        at = &b->child[0];
                        b = *at;
                }
        *at = a ? a : b;
}

TreeNode *tree_find(TreeNode *root, const TreeNode *key, TreeCompare compare) {
        while (root) {
                int r = compare(key, root);

                if (r == 0)
                        return root;
                root = root->child[r > 0];
        }
        return NULL;
}

bool tree_add(TreeNode **root, TreeNode *n, TreeCompare compare) {
        TreeNode **at = root;
        uint64_t own = rank(n);

        while (*at && rank(*at) >= own) {
                int r = compare(n, *at);

                if (r == 0)
                        return false;
                at = &(*at)->child[r > 0];
        }
        if (tree_find(*at, n, compare))
                return false;
        split(*at, n, compare, &n->child[0], &n->child[1]);
        *at = n;
        return true;
}

void tree_remove(TreeNode **root, TreeNode *n, TreeCompare compare) {
        TreeNode **at = root;

        while (*at && *at != n)
                at = &(*at)->child[compare(n, *at) > 0];
        if (*at)
                join(at, n->child[0], n->child[1]);
}

void tree_walk(TreeNode *root, void (*f)(TreeNode *n, void *userdata), void *userdata) {
        while (root) {
                TreeNode *more = root->child[1];

                tree_walk(root->child[0], f, userdata);
                f(root, userdata);
                root = more;
        }
}
