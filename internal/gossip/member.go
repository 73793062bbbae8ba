package gossip

import "time"

// Role is what a node is for.
type Role string

// The roles of nodes.
const (
	Executor Role = "executor" // runs tasks
	Driver   Role = "driver"   // drives jobs
	Standby  Role = "standby"  // takes over from a driver that is gone
	Observer Role = "observer" // looks on
)

// Condition is how the others see a node.
type Condition string

// The conditions of nodes. A node that is suspected of being dead is still alive.
const (
	Alive   Condition = "alive"
	Leaving Condition = "leaving" // it finishes its tasks and takes no more
	Left    Condition = "left"    // it said so and is gone
	Dead    Condition = "dead"    // it does not answer
)

// Member is what a node says of itself, and how the others see it.
type Member struct {
	Name      string    `json:"name"` // unique in the cluster
	Role      Role      `json:"role"`
	Gossip    string    `json:"gossip"` // host:port of its gossip
	RPC       string    `json:"rpc"`    // host:port of its tasks and blocks, or ""
	Slots     int       `json:"slots"`  // tasks it runs at once
	Memory    int64     `json:"memory"` // bytes it has for them
	Site      string    `json:"site"`   // the edge node or centre where it stands, or ""
	Version   string    `json:"version"`
	Plans     []string  `json:"plans,omitempty"` // prefixes of the digests of plans it has open; the last ones, as many as fit
	Condition Condition `json:"condition"`
	Since     time.Time `json:"since"` // of its condition, as this node saw it
}
