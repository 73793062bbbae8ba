#include "textflag.h"

// Each loop takes some rows a step: those whose bits are set in the mask move to
// the front of a register, which is stored whole, and the next store begins behind
// them. Rows that are not set are not loaded, so no source is read past its end.

DATA ascending<>+0(SB)/8, $0x0000000100000000
DATA ascending<>+8(SB)/8, $0x0000000300000002
DATA ascending<>+16(SB)/8, $0x0000000500000004
DATA ascending<>+24(SB)/8, $0x0000000700000006
DATA ascending<>+32(SB)/8, $0x0000000900000008
DATA ascending<>+40(SB)/8, $0x0000000b0000000a
DATA ascending<>+48(SB)/8, $0x0000000d0000000c
DATA ascending<>+56(SB)/8, $0x0000000f0000000e
GLOBL ascending<>(SB), RODATA|NOPTR, $64

// func take64(dst, src unsafe.Pointer, mask *uint64, words int)
TEXT ·take64(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ mask+16(FP), BX
	MOVQ words+24(FP), CX
	SHLQ $3, CX
	JZ   done

loop:
	MOVBLZX     (BX), AX
	KMOVW       AX, K1
	VMOVDQU64.Z (SI), K1, Z0
	VPCOMPRESSQ.Z Z0, K1, Z0
	VMOVDQU64   Z0, (DI)
	POPCNTL     AX, AX
	LEAQ        (DI)(AX*8), DI
	ADDQ        $64, SI
	INCQ        BX
	DECQ        CX
	JNZ         loop

done:
	VZEROUPPER
	RET

// func take32(dst, src unsafe.Pointer, mask *uint64, words int)
TEXT ·take32(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ mask+16(FP), BX
	MOVQ words+24(FP), CX
	SHLQ $2, CX
	JZ   done

loop:
	MOVWLZX     (BX), AX
	KMOVW       AX, K1
	VMOVDQU32.Z (SI), K1, Z0
	VPCOMPRESSD.Z Z0, K1, Z0
	VMOVDQU32   Z0, (DI)
	POPCNTL     AX, AX
	LEAQ        (DI)(AX*4), DI
	ADDQ        $64, SI
	ADDQ        $2, BX
	DECQ        CX
	JNZ         loop

done:
	VZEROUPPER
	RET

// func number(dst *int32, mask *uint64, words int)
TEXT ·number(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ mask+8(FP), BX
	MOVQ words+16(FP), CX
	SHLQ $2, CX
	JZ   done
	VMOVDQU32    ascending<>(SB), Z2
	MOVL         $16, AX
	VPBROADCASTD AX, Z3

loop:
	MOVWLZX     (BX), AX
	KMOVW       AX, K1
	VPCOMPRESSD.Z Z2, K1, Z0
	VMOVDQU32   Z0, (DI)
	POPCNTL     AX, AX
	LEAQ        (DI)(AX*4), DI
	VPADDD      Z3, Z2, Z2
	ADDQ        $2, BX
	DECQ        CX
	JNZ         loop

done:
	VZEROUPPER
	RET

// func mark(mask *uint64, codes *int32, code int32, words int)
TEXT ·mark(SB), NOSPLIT, $0-32
	MOVQ mask+0(FP), BX
	MOVQ codes+8(FP), SI
	MOVL code+16(FP), AX
	MOVQ words+24(FP), CX
	SHLQ $2, CX
	JZ   done
	VPBROADCASTD AX, Z1

loop:
	VPCMPEQD (SI), Z1, K1
	KMOVW    K1, AX
	ORW      AX, (BX)
	ADDQ     $64, SI
	ADDQ     $2, BX
	DECQ     CX
	JNZ      loop

done:
	VZEROUPPER
	RET
