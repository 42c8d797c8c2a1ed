/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A guest's definition: the canonical libxml2 tree is the definition, there is no struct beside it.
 *
 *   definition_parse()      text to tree, checked against the schema table
 *   definition_normalise()  fills in what a client may leave out (uuid, addresses, controllers, ...)
 *   definition_format()     tree to what "virsh dumpxml" prints
 *
 * After definition_normalise() the readers of the tree may rely on this (paths below /domain):
 *
 *   @type                        kvm or qemu
 *   name, uuid                   there, uuid in lower case with hyphens
 *   memory, currentMemory        whole KiB, unit='KiB'; as the document says: a machine of x86 gets whole MiB, so
 *                                whoever starts it rounds up
 *   vcpu                         text is the maximum, @placement there; @current only where it is less
 *   os/type                      hvm; @arch x86_64 or i686; @machine versioned ("pc-i440fx-7.2", "pc-q35-7.2")
 *   os/boot                      there unless a device has boot/@order
 *   os/loader                    @type and @format; os/nvram has a path (definition_nvram()) and @format. Where os/@firmware is
 *                                there and no such firmware is installed: as the document says
 *   iothreads, iothreadids       where ids are listed there are as many as iothreads says
 *   memtune                      KiB
 *   cpu                          there; mode custom with model text, or host-passthrough, host-model, maximum
 *   clock/@offset                there
 *   on_poweroff, on_reboot, on_crash   there
 *   devices/emulator             there, absolute path
 *   every device that has one    address with all attributes as printed: PCI domain, bus, slot, function (0x..),
 *                                drive controller, bus, target, unit; usb bus, port; virtio-serial controller,
 *                                bus, port; multifunction='on' where a slot has more than function 0
 *   disk                         @type, @device, driver/@name and driver/@type where it has a source,
 *                                target/@dev, target/@bus; readonly for a cdrom
 *   controller                   @type, @index unique within its type; model where QEMU needs one
 *                                (pci, usb, scsi); every controller that an address refers to
 *   interface                    mac/@address, model/@type
 *   serial                       target/@type, target/@port, target/model/@name
 *   console                      target/@type and target/@port; the first with type serial is serial port 0 again
 *   channel                      target/@type; virtio: address
 *   input                        @type, @bus; on x86 a ps2 mouse and keyboard
 *   graphics                     listen elements; port and autoport consistent
 *   video                        model/@type and its sizes in KiB; the first is primary='yes'
 *   audio                        at least one
 *   memballoon                   there (model none where the user said so)
 *   watchdog                     @model, @action; on q35 an itco
 *
 * Order of elements and attributes is that of the printed document. */

#include <libxml/tree.h>

#include "base/error.h"
#include "base/macros.h"
#include "model/facts.h"
#include "model/xml.h"

typedef struct Definition Definition;

/* Flags of parse and load. */
#define DEFINITION_VALIDATE (1U << 0)   /* refuse unknown elements and attributes (ERROR_XML_INVALID_SCHEMA) */
#define DEFINITION_UNCHECKED (1U << 1)  /* only well-formedness, <domain> and the name: for documents that this
                                         * program wrote itself (live definitions), and for speed */

/* Flags of format: what VIR_DOMAIN_XML_* ask for. */
#define DEFINITION_FORMAT_SECURE (1U << 0)    /* with passwords */
#define DEFINITION_FORMAT_INACTIVE (1U << 1)  /* without id, aliases other than ua-*, and other live parts */
#define DEFINITION_FORMAT_MIGRATABLE (1U << 2)

/* Parses <domain>. Elements known to libvirt and not supported here: -EOPNOTSUPP with ERROR_CONFIG_UNSUPPORTED.
 * Bad values and syntax: -EBADMSG with ERROR_XML_ERROR (or _XML_DETAIL). Messages begin with "ORIGIN:LINE: "
 * where origin (a file name) is given, with "line LINE: " otherwise. What nobody knows is dropped and noted in
 * definition_warnings(). */
int definition_parse(const char *text, size_t len, const char *origin, unsigned flags, Definition **ret, Error *e);

/* The same for a file. A file that cannot be read: its errno and ERROR_SYSTEM_ERROR. */
int definition_load(const char *path, unsigned flags, Definition **ret, Error *e);

/* Reads just the name and the uuid and stops there, so the rest may be anything: for indexes. *ret_name is
 * owned by the caller; *ret_has_uuid is false where the document has none. -EBADMSG and e as above. */
int definition_peek(const char *text, size_t len, const char *origin, char **ret_name, uint8_t ret_uuid[16],
                    bool *ret_has_uuid, Error *e);

/* A deep copy, to make the live definition from the persistent one. -ENOMEM. */
int definition_copy(const Definition *d, Definition **ret);

Definition *definition_free(Definition *d);
static inline void definition_freep(Definition **d) {
        if (*d)
                definition_free(*d);
}
#define _cleanup_definition_ _cleanup_(definition_freep)

/* The <domain> element; the tree belongs to d. */
xmlNode *definition_root(const Definition *d);

/* The <devices> element, NULL where the document has none. */
xmlNode *definition_devices(const Definition *d);

/* Never NULL; valid until the definition is changed. */
const char *definition_name(const Definition *d);

/* Changes the name (rename). -EINVAL with ERROR_XML_ERROR for what cannot be a name. */
int definition_set_name(Definition *d, const char *name, Error *e);

/* False where the document has no uuid (before normalising). */
bool definition_uuid(const Definition *d, uint8_t ret[16]);

/* Path of the file with the variables of UEFI: text of os/nvram or its source's file. NULL where there is none. */
const char *definition_nvram(const Definition *d);

/* File name given to parse, or NULL. */
const char *definition_origin(const Definition *d);

/* What was dropped because nobody knows it: "FILE:LINE: /domain/foo: ...". NULL-terminated, may be NULL. */
char *const *definition_warnings(const Definition *d);

/* Fills in defaults in place; see the list above. Idempotent: a normalised definition does not change, so a
 * document that clients got back keeps its addresses. -EBADMSG, -EOPNOTSUPP, -EINVAL with e; d is then half
 * changed and good for nothing but definition_free(). */
int definition_normalise(Definition *d, const HostFacts *facts, Error *e);

/* Gives each device its alias ("virtio-disk0", "net0", ...), for a live definition, as QEMU ids.
 * User aliases ("ua-...") stay. Call after definition_normalise(). */
int definition_assign_aliases(Definition *d, Error *e);

/* The alias of a device, NULL where it has none. */
const char *device_alias(const xmlNode *device);

/* The text of "virsh dumpxml" with these flags, owned by the caller. */
int definition_format(const Definition *d, unsigned flags, char **ret);

/* One device below the root of a small document, as attachDevice and updateDevice send it: checked against the
 * row of its element. *ret is a document of its own whose root is the device. */
int device_parse(const char *text, size_t len, unsigned flags, xmlDocPtr *ret, Error *e);

/* --- values of the schema's types --- */

/* A size with its unit ("KiB", "M", "GB", "bytes", ...; NULL is default_scale) to bytes.
 * -EINVAL for an unknown unit, -ERANGE for more than fits. */
int size_parse(const char *number, const char *unit, uint64_t default_scale, uint64_t *ret_bytes);

/* "52:54:00:12:34:56" to bytes; each part one or two hex digits. -EINVAL. */
int mac_parse(const char *s, uint8_t ret[6]);

/* "2011-05-31T16:11:22", a time of UTC from 1970 on, to seconds since then. -EINVAL. */
int utc_time_parse(const char *s, int64_t *ret);

typedef struct PciAddress {
        unsigned domain, bus, slot, function;
} PciAddress;

/* Reads <address type='pci' .../>; -EINVAL or -ERANGE for bad numbers, -ENOENT when n is no such element. */
int pci_address_parse(const xmlNode *n, PciAddress *ret);

/* "0-3,^2,5": a set of CPUs, as libvirt writes it (negation with ^). Bit i of ret[i / 64]. max bits.
 * -EINVAL, -ERANGE. */
int cpuset_parse(const char *s, uint64_t *ret, unsigned max);
