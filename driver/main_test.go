package driver

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var rewrite = flag.Bool("rewrite", false, "write the output of the golden scripts into them")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
