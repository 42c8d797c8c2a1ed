/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A definition, of a guest or of another kind (model/kind.h): the canonical libxml2 tree is the definition, there is no
 * struct beside it.
 *
 *   definition_parse()      text to tree, checked against the schema table
 *   definition_normalise()  fills in what a client may leave out (uuid, addresses, controllers, ...)
 *   definition_format()     tree to what "virsh dumpxml" prints
 *
 * Functions with _as are for every kind, their namesakes for guests.
 *
 * After definition_normalise() the readers of a guest's tree may rely on this (paths below /domain; what holds for
 * another kind stands at the top of its file in kinds/):
 *
 *   @type                        kvm or qemu
 *   name, uuid                   there, uuid in lower case with hyphens
 *   memory, currentMemory        whole KiB, unit='KiB'; as the document says: a machine of x86 gets whole MiB, so
 *                                whoever starts it rounds up
 *   vcpu                         text is the maximum, @placement there; @current only where it is less
 *   os/type                      hvm; @arch x86_64 or i686; @machine versioned ("pc-i440fx-7.2", "pc-q35-7.2")
 *   os/boot                      there unless a device has boot/@order
 *   os/loader                    @type and @format; os/nvram has a path (definition_nvram()) and @format. Where
 *                                os/@firmware is
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
#include "model/kind.h"
#include "model/xml.h"

/* Where Intel's service that signs what a TDX guest says of itself listens, unless <quoteGenerationService> says. */
#define DEFINITION_TDX_QUOTES "/var/run/tdx-qgs/qgs.socket"

typedef struct Definition Definition;

/* Flags of parse and load. */
#define DEFINITION_VALIDATE (1U << 0)   /* refuse unknown elements and attributes (ERROR_XML_INVALID_SCHEMA) */
#define DEFINITION_UNCHECKED (1U << 1)  /* only well-formedness, <domain> and the name: for documents that this
                                         * program wrote itself (live definitions), and for speed */
#define DEFINITION_STARTS (1U << 2)     /* refuse what may be kept, but not started: paths that are not absolute */

/* Flags of format: what VIR_DOMAIN_XML_* ask for. */
#define DEFINITION_FORMAT_SECURE (1U << 0)    /* with passwords */
#define DEFINITION_FORMAT_INACTIVE (1U << 1)  /* without id, aliases other than ua-*, and other live parts */
#define DEFINITION_FORMAT_MIGRATABLE (1U << 2)

/* Parses <domain>. Elements known to libvirt and not supported here: -EOPNOTSUPP with ERROR_CONFIG_UNSUPPORTED.
 * Bad values and syntax: -EBADMSG with ERROR_XML_ERROR (or _XML_DETAIL). Messages begin with "ORIGIN:LINE: "
 * where origin (a file name) is given, with "line LINE: " otherwise. What nobody knows is dropped and noted in
 * definition_warnings(). */
int definition_parse(const char *text, size_t len, const char *origin, unsigned flags, Definition **ret, Error *e);

/* The same for a document of this kind; NULL is any, and its root element says which. Errors have the kind's origin. */
int definition_parse_as(const DocumentKind *kind, const char *text, size_t len, const char *origin, unsigned flags,
                        Definition **ret, Error *e);

/* The same for a file. A file that cannot be read: its errno and ERROR_SYSTEM_ERROR. */
int definition_load_as(const DocumentKind *kind, const char *path, unsigned flags, Definition **ret, Error *e);
int definition_load(const char *path, unsigned flags, Definition **ret, Error *e);

/* Reads just the name and the uuid and stops there, so the rest may be anything: for indexes. *ret_name is
 * owned by the caller; *ret_has_uuid is false where the document has none. -EBADMSG and e as above. */
int definition_peek(const char *text, size_t len, const char *origin, char **ret_name, uint8_t ret_uuid[16],
                    bool *ret_has_uuid, Error *e);

/* The same for another kind; *ret_name is NULL where its documents have no name. */
int definition_peek_as(const DocumentKind *kind, const char *text, size_t len, const char *origin, char **ret_name,
                       uint8_t ret_uuid[16], bool *ret_has_uuid, Error *e);

/* A deep copy, to make the live definition from the persistent one. -ENOMEM. */
int definition_copy(const Definition *d, Definition **ret);

Definition *definition_free(Definition *d);
static inline void definition_freep(Definition **d) {
        if (*d)
                definition_free(*d);
}
#define _cleanup_definition_ _cleanup_(definition_freep)

const DocumentKind *definition_kind(const Definition *d);

/* The root element; the tree belongs to d. */
xmlNode *definition_root(const Definition *d);

/* The <devices> element, NULL where the document has none. */
xmlNode *definition_devices(const Definition *d);

/* What tells documents of its kind apart, as text. "" where it is not known yet; valid until the definition is
 * changed. */
const char *definition_key(const Definition *d);

/* "" for kinds without a name; valid until the definition is changed. */
const char *definition_name(const Definition *d);

/* Changes the name (rename). -EINVAL with ERROR_XML_ERROR for what cannot be a name. */
int definition_set_name(Definition *d, const char *name, Error *e);

/* False where the document has no uuid (before normalising). */
bool definition_uuid(const Definition *d, uint8_t ret[16]);

/* Adds the uuid of a definition that was written by hand without one: always the same for the same name
 * (uuid_from_name()). */
int definition_ensure_uuid(Definition *d);

/* Whether definitions of guests may have an element ("devices/tpm") or attribute ("devices/disk/@bus"), by the
 * schema. */
bool definition_takes(const char *path);

/* The values that it may have, one after the other; *position is 0 at first. NULL at the end, and for what takes any
 * text or none. */
const char *definition_value(const char *path, size_t *position);

/* Path of the file with the variables of UEFI: text of os/nvram or its source's file. NULL where there is none, as for
 * those that are on a device or a server. */
const char *definition_nvram(const Definition *d);

/* That file, or the device that has them, where the firmware is one that keeps variables: NULL where os/loader is of
 * type rom, whose os/nvram is a line left over. */
const char *definition_variables(const Definition *d);

/* File name given to parse, or NULL. */
const char *definition_origin(const Definition *d);

/* What was dropped because nobody knows it: "FILE:LINE: /domain/foo: ...". NULL-terminated, may be NULL. */
char *const *definition_warnings(const Definition *d);

/* Fills in defaults in place; see the list above. Idempotent: a normalised definition does not change, so a
 * document that clients got back keeps its addresses. -EBADMSG, -EOPNOTSUPP, -EINVAL with e; d is then half
 * changed and good for nothing but definition_free(). facts: for guests; other kinds take NULL. */
int definition_normalise(Definition *d, const HostFacts *facts, Error *e);

/* Gives each device its alias ("virtio-disk0", "net0", ...), for a live definition, as QEMU ids.
 * User aliases ("ua-...") stay. Call after definition_normalise(). */
int definition_assign_aliases(Definition *d, Error *e);

/* The same for a single device that has joined those of a definition whose others have their names: one that no other
 * has had, and for a disk numbers of its images behind all others. */
int definition_name_device(Definition *d, xmlNode *device, Error *e);

/* The number of an image, in the live definition: of a disk or of one of its <backingStore>. A negative errno where it
 * has none. */
int definition_image_number(const xmlNode *layer, unsigned *ret);

/* Numbers those images of a disk that have none yet, behind all others of the guest. */
int definition_number_images(Definition *d, xmlNode *disk);

/* What stands for a <lease>, which has no alias, where a device is named: "lease-" and 16 digits, of its space and its
 * key. */
#define DEFINITION_LEASE_NAME_MAX 24U
void definition_lease_name(const xmlNode *lease, char ret[static DEFINITION_LEASE_NAME_MAX]);

/* The image of a disk, or of a <backingStore> below it, that is a file or a block device: source's file or dev. NULL
 * where it is something else, or empty. */
const char *disk_path(const xmlNode *disk);

/* Does a program beside QEMU log in to the server of an image, with the password, the key or the agent that its source
 * names? QEMU's own driver for SSH knows none of them. layer: a disk or a <backingStore>. */
bool disk_is_served(const xmlNode *layer);

/* Is the screen on a bus that is the guest's own, with a dbus-daemon beside QEMU? */
bool graphics_has_own_bus(const xmlNode *graphics);

/* The group of descriptors that an image is opened by, of a disk or a <backingStore>; NULL: by its path. */
const char *disk_fd_group(const xmlNode *layer);

/* The serial number that an NVMe controller has by the definition: its own, or that of its first disk with one. NULL:
 * none. */
const char *nvme_serial(const xmlNode *devices, unsigned controller);

/* The disk that is called name: by its target ("vda"), or by disk_path(). NULL where there is none. */
const xmlNode *definition_disk(const Definition *d, const char *name);

/* The name of a model of network cards as QEMU has it, of an <interface>'s model in any case; NULL for an unknown
 * one. */
const char *interface_model(const char *type);
/* One of the three that are virtio's, with all that belongs to it: not "virtio-net", which is only a name of QEMU's.
 * NULL is none. */
bool interface_model_is_virtio(const char *model);

/* The alias of a device, NULL where it has none. */
const char *device_alias(const xmlNode *device);

/* The text of "virsh dumpxml" with these flags, owned by the caller. */
int definition_format(const Definition *d, unsigned flags, char **ret);

/* One device below the root of a small document, as attachDevice and updateDevice send it: checked against the
 * row of its element. *ret is a document of its own whose root is the device. */
int device_parse(const char *text, size_t len, unsigned flags, xmlDocPtr *ret, Error *e);

/* Adds a copy of a device, of another document, to those of a guest, where the printed document has it: behind its
 * namesakes, a disk among those of its bus. NULL without memory. */
xmlNode *definition_add_device(Definition *d, const xmlNode *device);

/* Puts what was added to a guest's tree where the printed document has it. */
void definition_sort(Definition *d);

/* Puts a device that was added somewhere in the place of another one, which is freed. Returns it. */
xmlNode *definition_replace_device(Definition *d, xmlNode *old, xmlNode *device);

/* --- values of the schema's types --- */

/* A size with its unit ("KiB", "M", "GB", "bytes", ...; NULL is default_scale) to bytes.
 * -EINVAL for an unknown unit, -ERANGE for more than fits. */
int size_parse(const char *number, const char *unit, uint64_t default_scale, uint64_t *ret_bytes);

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
#define CPUSET_HOLDS_MAX 4096U
/* Whether such a set of at most max (CPUSET_HOLDS_MAX) has this one in it; false for NULL and for what is no set. */
bool cpuset_holds(const char *s, unsigned i, unsigned max);
/* The other way, "" for none: owned by the caller. NULL without memory. */
char *cpuset_format(const uint64_t *cpus, unsigned max);
