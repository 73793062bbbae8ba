//go:build !linux

package cli

import "os"

// maxRSS is not known here, or not in which unit.
func maxRSS(*os.ProcessState) int64 { return 0 }
