/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest of 64 KiB: a ROM in place of the BIOS. It says UP on the first serial port, sleeps, and when the power
 * button is pressed says BUTTON and switches the machine off as ACPI would (S5). Built with -DSTUBBORN it ignores the
 * button. It needs no time to boot and next to no processor time or memory, so that tests can run many of it.
 *
 * Machines: "pc" (PIIX4: the power management function is 0:1.3, base in register 0x40, enabled by bit 0 of 0x80)
 * and "q35" (ICH9: 0:1f.0, base in 0x40, enabled by bit 7 of 0x44). The event block is at the base: status +0, enable
 * +2, control +4; bit 8 is the power button. Type 0 in the control register is S5 on both of QEMU's machines.
 */
        .code16
        .text
        .globl  _start
        .set PM_BASE, 0x600
        .set COM1, 0x3f8
        .set BUTTON, 0x100
        .set SLEEP_ENABLE, 0x2000

_start:
        cli
        xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %ss
        mov     $0x7000, %sp
        mov     $up, %si
        call    print

        /* Vector 8 is the timer's: acknowledge and return. */
        movw    $timer, 8 * 4
        mov     %cs, 8 * 4 + 2

        /* Both interrupt controllers from reset to usual PC order; only the timer is let through. */
        mov     $pic, %si
1:      lodsb   %cs:(%si), %al
        test    %al, %al
        jz      2f
        movzx   %al, %dx
        lodsb   %cs:(%si), %al
        out     %al, %dx
        jmp     1b
2:

        call    let_interrupts_pass
#ifndef STUBBORN
        call    power_on
#endif
        sti
sleep:
        hlt
#ifndef STUBBORN
        mov     $PM_BASE, %dx
        in      %dx, %ax
        test    $BUTTON, %ax
        jz      sleep
        mov     $button, %si
        call    print
        mov     $PM_BASE + 4, %dx
        mov     $SLEEP_ENABLE, %ax
        out     %ax, %dx
#endif
        jmp     sleep

/*
 * After a reset the local APIC lets none of the controllers' interrupts pass. Its registers lie beyond what real mode
 * reaches, so the segment limit is lifted by a short visit to protected mode.
 */
let_interrupts_pass:
        lgdtl   %cs:gdt_pointer
        mov     %cr0, %eax
        inc     %ax
        mov     %eax, %cr0
        mov     $8, %cx
        mov     %cx, %ds
        dec     %ax
        mov     %eax, %cr0
        xor     %cx, %cx
        mov     %cx, %ds
        mov     $0xfee00350, %ebx       /* local vector of LINT0 */
        movl    $0x700, (%ebx)          /* from the 8259, not masked */
        ret

/* Finds the power management function by the machine's host bridge, gives it its ports, and enables the button. */
power_on:
        mov     $0x80000000, %eax
        call    pci_read
        cmp     $0x29c08086, %eax       /* q35's host bridge; anything else is a "pc" */
        je      1f
        mov     $0x80000b40, %eax
        mov     $PM_BASE | 1, %ebx
        call    pci_write
        mov     $0x80000b80, %eax
        mov     $1, %ebx
        call    pci_write
        jmp     2f
1:      mov     $0x8000f840, %eax
        mov     $PM_BASE | 1, %ebx
        call    pci_write
        mov     $0x8000f844, %eax
        mov     $0x80, %ebx
        call    pci_write
2:      mov     $PM_BASE + 2, %dx
        mov     $BUTTON, %ax
        out     %ax, %dx
        ret

/* EAX: address; result in EAX. */
pci_read:
        mov     $0xcf8, %dx
        out     %eax, %dx
        mov     $0xcfc, %dx
        in      %dx, %eax
        ret

/* EAX: address; EBX: value. */
pci_write:
        mov     $0xcf8, %dx
        out     %eax, %dx
        mov     %ebx, %eax
        mov     $0xcfc, %dx
        out     %eax, %dx
        ret

/* SI: text in the ROM, ended by a zero byte. */
print:
        lodsb   %cs:(%si), %al
        test    %al, %al
        jz      1f
        mov     $COM1, %dx
        out     %al, %dx
        jmp     print
1:      ret

timer:
        push    %ax
        mov     $0x20, %al
        out     %al, $0x20
        pop     %ax
        iret

up:     .asciz  "UP\r\n"
button: .asciz  "BUTTON\r\n"
pic:    .byte   0x20, 0x11, 0xa0, 0x11, 0x21, 0x08, 0xa1, 0x70, 0x21, 0x04, 0xa1, 0x02
        .byte   0x21, 0x01, 0xa1, 0x01, 0x21, 0xfe, 0xa1, 0xff, 0

gdt:    .quad   0, 0x008f92000000ffff   /* data, base 0, 4 GiB */
gdt_pointer:
        .word   15
        .long   0xf0000 + gdt

        .org    0xfff0
        ljmp    $0xf000, $_start
        .org    0xffff
        .byte   0
