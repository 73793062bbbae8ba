package cli

import (
	"context"
	"os"
	"time"

	"github.com/idag/idag/internal/engine/cluster/node"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/spf13/cobra"
)

// envSkew is what a driver's clock is wrong by, in trials of clocks that differ.
const envSkew = "IDAG_CLOCK_SKEW"

// skewed is a clock that is wrong, or nil where none is asked for.
func skewed() (func() time.Time, error) {
	text := os.Getenv(envSkew)
	if text == "" {
		return nil, nil
	}
	by, err := time.ParseDuration(text)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s: %w", envSkew, err)
	}
	return func() time.Time { return time.Now().Add(by) }, nil
}

func newDriver(s *session) *cobra.Command {
	var f nodeFlags
	var home string
	var standby bool
	c := &cobra.Command{
		GroupID: groupCluster,
		Use:     "driver [flags]",
		Short:   "Be the driver of a cluster",
		Long: `Be the driver of a cluster: take jobs, run them on the executors, and remember them in
the home directory, which has the ledgers and checkpoints. It is on storage that all
nodes share; on one machine any directory will do.

With --standby, wait while another driver has the home. When it dies, its lock goes with
it, and this one takes over at once, with all jobs; when it only falls silent, after
three seconds. A driver that was silent and comes back finds that its term is over:
nothing that it writes then counts.

Ctrl-C or SIGTERM finishes the batches in flight; the next driver of the home goes on
with the jobs. A second one ends the node at once.

Certificates and the key of the gossip are flags, environment, or lines of .idag/cluster;
'idag cert' makes certificates. Without any the node listens on this machine only.`,
		Example: `  idag driver --home /shared/idag
  idag driver --home /shared/idag --standby --join driver.example --key file:/etc/idag/key`,
		Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := f.config(s, gossip.Driver)
			if err != nil {
				return err
			}
			clock, err := skewed()
			if err != nil {
				return err
			}
			return s.asNode(c.Context(), &f, &cfg, func(ctx context.Context) error {
				return s.app.Engine.Drive(ctx, node.DriverConfig{Config: cfg, Home: home, Standby: standby, Now: clock, Build: s.submitted})
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&home, "home", ".idag/driver", "the home `directory`, which all nodes share")
	c.Flags().BoolVar(&standby, "standby", false, "wait while another driver has the home")
	return c
}
