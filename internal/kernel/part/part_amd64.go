package part

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// slack is how many bytes behind a destination may be written.
const slack = 64

// vectors says whether the processor can do what the functions below need.
func vectors() bool { return cpu.X86.HasAVX512F && cpu.X86.HasPOPCNT }

// take64 moves the values of 8 bytes whose bits are set in the mask from src to
// dst, one behind the other. It may write slack bytes more.
//
//go:noescape
func take64(dst, src unsafe.Pointer, mask *uint64, words int)

// take32 is take64 for values of 4 bytes.
//
//go:noescape
func take32(dst, src unsafe.Pointer, mask *uint64, words int)

// number writes the numbers of the bits that are set in the mask, ascending. It
// may write slack bytes more.
//
//go:noescape
func number(dst *int32, mask *uint64, words int)

// mark sets the bits of the rows that have the code, 64 rows a word.
//
//go:noescape
func mark(mask *uint64, codes *int32, code int32, words int)
