/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A sorted set of structs whose nodes are in the structs themselves: it allocates nothing, so nothing of it can fail,
 * and a struct of thousands costs two words in it. A search looks at some 1.4 log2(n) nodes, however they came. */

#include <stdbool.h>
#include <stddef.h>

typedef struct TreeNode {
        struct TreeNode *child[2]; /* less, more */
} TreeNode;

/* As strcmp(3), of the structs around the nodes. */
typedef int (*TreeCompare)(const TreeNode *a, const TreeNode *b);

/* NULL is an empty tree. False where one that is equal is there already: nothing was changed. */
bool tree_add(TreeNode **root, TreeNode *n, TreeCompare compare);
/* One that is in the tree, and as it was when it was added. */
void tree_remove(TreeNode **root, TreeNode *n, TreeCompare compare);
/* The one that is equal to key, which need not be in the tree; NULL: none. */
TreeNode *tree_find(TreeNode *root, const TreeNode *key, TreeCompare compare);
/* All in their order; f may free the struct of its node, but neither add nor remove any. */
void tree_walk(TreeNode *root, void (*f)(TreeNode *n, void *userdata), void *userdata);
