#include "textflag.h"

#define EIGHT(op, by) \
	op by, Y0, Y0; \
	op by, Y1, Y1; \
	op by, Y2, Y2; \
	op by, Y3, Y3; \
	op by, Y4, Y4; \
	op by, Y5, Y5; \
	op by, Y6, Y6; \
	op by, Y7, Y7

// 32 rows stay in registers while they go through all steps.

// func run(dst, src *float64, steps *Step, n, blocks int)
TEXT ·run(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ steps+16(FP), BX
	MOVQ n+24(FP), R8
	MOVQ blocks+32(FP), CX

block:
	VMOVUPD (SI), Y0
	VMOVUPD 32(SI), Y1
	VMOVUPD 64(SI), Y2
	VMOVUPD 96(SI), Y3
	VMOVUPD 128(SI), Y4
	VMOVUPD 160(SI), Y5
	VMOVUPD 192(SI), Y6
	VMOVUPD 224(SI), Y7
	MOVQ    BX, R9
	MOVQ    R8, R10

step:
	VBROADCASTSD (R9), Y8
	VBROADCASTSD 8(R9), Y9
	EIGHT(VMULPD, Y8)
	EIGHT(VADDPD, Y9)
	ADDQ $16, R9
	DECQ R10
	JNZ  step

	VMOVUPD Y0, (DI)
	VMOVUPD Y1, 32(DI)
	VMOVUPD Y2, 64(DI)
	VMOVUPD Y3, 96(DI)
	VMOVUPD Y4, 128(DI)
	VMOVUPD Y5, 160(DI)
	VMOVUPD Y6, 192(DI)
	VMOVUPD Y7, 224(DI)
	ADDQ    $256, SI
	ADDQ    $256, DI
	DECQ    CX
	JNZ     block
	VZEROUPPER
	RET
