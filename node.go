package idag

import (
	"github.com/idag/idag/internal/cli"
	"github.com/idag/idag/internal/engine"
)

// node returns the engine that the command line talks to.
func node() cli.Engine {
	return cli.Engine{Run: engine.Run, Compile: engine.Compile}
}
