#include "textflag.h"

// Each function does four rows a step. The operands move on by their own step:
// that of a constant, which is there four times, is 0.

#define LOAD \
	MOVQ dst+0(FP), DI; \
	MOVQ a+8(FP), SI; \
	MOVQ b+16(FP), BX; \
	MOVQ as+24(FP), R8; \
	MOVQ bs+32(FP), R9; \
	MOVQ steps+40(FP), CX; \
	TESTQ CX, CX; \
	JZ   done

#define NEXT \
	VMOVUPD Y0, (DI); \
	ADDQ $32, DI; \
	ADDQ R8, SI; \
	ADDQ R9, BX; \
	DECQ CX; \
	JNZ  loop

// func addFloats(dst, a, b *float64, as, bs, steps int)
TEXT ·addFloats(SB), NOSPLIT, $0-48
	LOAD
loop:
	VMOVUPD (SI), Y0
	VADDPD  (BX), Y0, Y0
	NEXT
done:
	VZEROUPPER
	RET

// func subFloats(dst, a, b *float64, as, bs, steps int)
TEXT ·subFloats(SB), NOSPLIT, $0-48
	LOAD
loop:
	VMOVUPD (SI), Y0
	VSUBPD  (BX), Y0, Y0
	NEXT
done:
	VZEROUPPER
	RET

// func mulFloats(dst, a, b *float64, as, bs, steps int)
TEXT ·mulFloats(SB), NOSPLIT, $0-48
	LOAD
loop:
	VMOVUPD (SI), Y0
	VMULPD  (BX), Y0, Y0
	NEXT
done:
	VZEROUPPER
	RET

// func divFloats(dst, a, b *float64, as, bs, steps int) (zeros int)
TEXT ·divFloats(SB), NOSPLIT, $0-56
	MOVQ   $0, zeros+48(FP)
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	LOAD
loop:
	VMOVUPD (SI), Y0
	VMOVUPD (BX), Y1
	VCMPPD  $0, Y2, Y1, Y4
	VORPD   Y4, Y3, Y3
	VDIVPD  Y1, Y0, Y0
	NEXT
	VMOVMSKPD Y3, AX
	MOVQ      AX, zeros+48(FP)
done:
	VZEROUPPER
	RET
