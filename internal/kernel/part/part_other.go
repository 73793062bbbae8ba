//go:build !amd64

package part

import "unsafe"

// slack is how many bytes behind a destination may be written.
const slack = 0

// vectors says that the functions below are not for this processor.
func vectors() bool { return false }

func take64(_, _ unsafe.Pointer, _ *uint64, _ int) {}

func take32(_, _ unsafe.Pointer, _ *uint64, _ int) {}

func number(_ *int32, _ *uint64, _ int) {}

func mark(_ *uint64, _ *int32, _ int32, _ int) {}
