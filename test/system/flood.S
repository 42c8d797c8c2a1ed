/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest of 64 KiB, in place of the BIOS as idle.S is: it writes LINES lines of 1024 bytes to the first serial port,
 * each beginning with the number of those that follow, 16 bytes whenever the port is ready as a driver does, then END,
 * and sleeps. With PARALLEL, it writes so many lines of 16 bytes to the first parallel port before END.
 */
        .code16
        .text
        .globl  _start
        .set COM1, 0x3f8
        .set LPT1, 0x378
#ifndef LINES
#define LINES 10240
#endif
        .set BURSTS, 1024 / 16 - 1

_start:
        cli
        cld
        mov     $COM1 + 2, %dx          /* a queue of 16 bytes */
        mov     $1, %al
        out     %al, %dx
        mov     $LINES, %ebp
line:
        dec     %ebp
        mov     $1f, %di
        jmp     wait
1:      mov     $8, %cx
        mov     %ebp, %esi
digit:
        rol     $4, %esi
        mov     %si, %ax
        and     $15, %al
        add     $'0', %al
        cmp     $'9', %al
        jbe     2f
        add     $'a' - '0' - 10, %al
2:      out     %al, %dx
        loop    digit
        mov     $letters, %si
        mov     $8, %cx
        rep outsb %cs:(%si), (%dx)
        mov     $BURSTS, %bx
burst:
        mov     $3f, %di
        jmp     wait
3:      mov     $letters, %si
        dec     %bx
        jnz     4f
        mov     $last, %si
4:      mov     $16, %cx
        rep outsb %cs:(%si), (%dx)
        test    %bx, %bx
        jnz     burst
        test    %ebp, %ebp
        jnz     line

#ifdef PARALLEL
        mov     $PARALLEL, %ebp
7:      mov     $last, %si
        mov     $16, %cx
8:      mov     %cs:(%si), %al
        inc     %si
        mov     $LPT1, %dx
        out     %al, %dx
        mov     $LPT1 + 2, %dx          /* the strobe, of a printer that is on */
        mov     $0x0c, %al
        out     %al, %dx
        mov     $0x0d, %al
        out     %al, %dx
        loop    8b
        dec     %ebp
        jnz     7b
#endif
        mov     $5f, %di
        jmp     wait
5:      mov     $end, %si
        mov     $4, %cx
        rep outsb %cs:(%si), (%dx)
sleep:
        hlt
        jmp     sleep

/* Until the queue is empty; then on to DI: there is no memory for a stack yet, nor need for one. DX is the port. */
wait:
        mov     $COM1 + 5, %dx
6:      in      %dx, %al
        test    $0x20, %al
        jz      6b
        mov     $COM1, %dx
        jmp     *%di

letters: .ascii "xxxxxxxxxxxxxxxx"
last:   .ascii  "xxxxxxxxxxxxxxx\n"
end:    .ascii  "END\n"

        .org    0xfff0
        ljmp    $0xf000, $_start
        .org    0xffff
        .byte   0
