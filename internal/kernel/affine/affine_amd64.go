package affine

import "golang.org/x/sys/cpu"

// vectors says whether the processor can do what the function below needs.
func vectors() bool { return cpu.X86.HasAVX }

// run takes blocks of 32 rows through n steps each; see Run. Dst may be src.
//
//go:noescape
func run(dst, src *float64, steps *Step, n, blocks int)
