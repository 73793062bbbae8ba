package cli

import (
	"bufio"
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/spf13/cobra"
)

func newExecutor(s *session) *cobra.Command {
	var f nodeFlags
	var slots, memory int64
	var site string
	c := &cobra.Command{
		GroupID: groupCluster,
		Use:     "executor --join HOST [flags]",
		Short:   "Be an executor of a cluster",
		Long: `Be an executor of a cluster: find the driver by the gossip of any node, and run the
tasks that it sends. Files of sources and sinks, and the home of the driver, are on
storage that all nodes share, under the same paths.

Ctrl-C or SIGTERM takes no more tasks, finishes those under way, and leaves; a second
one ends the node at once. Either way what it held is made again elsewhere.`,
		Example: `  idag executor --join driver.example --key file:/etc/idag/key
  idag executor --join 127.0.0.1:7946 --listen 127.0.0.1:0 --bind 127.0.0.1:0 --slots 2`,
		Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := f.config(s, gossip.Executor)
			if err != nil {
				return err
			}
			if len(cfg.Gossip.Join) == 0 {
				return usage(c, fault.New(fault.Invalid, "missing --join: an executor needs a node of its cluster"))
			}
			self := &cfg.Gossip.Self
			self.Slots, self.Memory, self.Site = int(slots), memory, site
			if slots == 0 {
				self.Slots = runtime.GOMAXPROCS(0)
			}
			if memory == 0 {
				self.Memory = memoryOfMachine()
			}
			return s.asNode(c.Context(), &f, &cfg, func(ctx context.Context) error { return s.app.Engine.Execute(ctx, cfg) })
		},
	}
	f.add(c)
	fs := c.Flags()
	fs.Var(whole{&slots, 1 << 10}, "slots", "`tasks` that it runs at once (default one a core)")
	fs.Var(size{&memory}, "memory", "`size` of the memory that it says it has (default that of the machine)")
	fs.StringVar(&site, "site", "", "the `place` where it stands, such as an edge node, for those who look at the nodes")
	return c
}

// memoryOfMachine returns the bytes of memory there are, or 0 where the system does not
// say.
func memoryOfMachine() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close() //nolint:errcheck // it was only read
	for in := bufio.NewScanner(f); in.Scan(); {
		if rest, ok := strings.CutPrefix(in.Text(), "MemTotal:"); ok {
			kb, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			return kb << 10
		}
	}
	return 0
}
