/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Has a child of this process listen in the helper's folder, for the program that is started next: SSH_AUTH_SOCK of the
 * environment. An agent talks to root and to its own user alone, and this user is neither. */
int helper_offer_agent(const char *folder, int agent);
