// Command idag is the stream engine: driver, executor and command line in one
// static binary. Run it without arguments for its commands.
package main

import (
	"os"

	"github.com/idag/idag"
)

// version is set by the linker: see the Makefile.
var version string

func main() {
	os.Exit(idag.Main(version, idag.Jobs(), idag.Kinds(), idag.Functions()))
}
