/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The X server that a guest of type sdl shows its screen on, and smart cards of whoever sits there: what its unit and
 * its start agree about. */

/* The database of NSS that QEMU looks for, with the modules that know cards, and where pcscd is, which knows the
 * readers. */
#define DESKTOP_CARDS "/etc/pki/nssdb"
#define DESKTOP_READERS "/run/pcscd"

/* Where QEMU finds the server's socket. */
#define DESKTOP_X11_PLACE "/run/x11"

/* The socket of a display (":0.1" or NULL for ":0") of this host, the caller's; NULL where it is another host's, or
 * memory ran out. */
char *desktop_x11_socket(const char *display);

/* What DISPLAY is to say, the caller's: the place and the screen, or the display itself where that is another host's.
 * NULL: memory ran out. */
char *desktop_x11_display(const char *display);
