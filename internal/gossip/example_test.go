package gossip_test

import (
	"context"
	"fmt"
	"time"

	"github.com/idag/idag/internal/gossip"
)

// Two nodes on one machine find each other; then one leaves.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	driver, err := gossip.Start(ctx, gossip.Config{Self: gossip.Member{Name: "d1", Role: gossip.Driver},
		Bind: "127.0.0.1:0", Cluster: "example", Preset: gossip.Local()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer driver.Close() //nolint:errcheck // It never fails.
	executor, err := gossip.Start(ctx, gossip.Config{Self: gossip.Member{Name: "e1", Role: gossip.Executor, RPC: "127.0.0.1:7700", Slots: 4},
		Bind: "127.0.0.1:0", Cluster: "example", Preset: gossip.Local(), Join: []string{driver.Members()[0].Gossip}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer executor.Close() //nolint:errcheck // It never fails.

	for members := range driver.Watch(ctx) {
		if len(members) < 2 {
			continue
		}
		m := members[1]
		if m.Condition == gossip.Alive && m.Slots == 4 {
			fmt.Println(m.Name, m.Role, m.RPC, m.Slots)
			go executor.Leave(ctx) //nolint:errcheck // What comes of it is seen by the driver.
		}
		if m.Condition == gossip.Left {
			fmt.Println(m.Name, m.Condition)
			break
		}
	}
	// Output:
	// e1 executor 127.0.0.1:7700 4
	// e1 left
}
