package gossip

import (
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/idag/idag/internal/fault"
)

// Preset is how fast nodes look after each other: the faster, the more packets, and the
// sooner a node that was only slow is taken for dead. Presets of a cluster should be the
// same. A *Preset is a flag of the command line with the values local, lan and wan.
type Preset struct {
	name string

	probe, answer time.Duration // how often one node is asked whether it lives, and how soon it has to answer
	gossip        time.Duration // how often news are passed on
	sync          time.Duration // how often all is compared with another node
	suspicion     int           // probes that one who does not answer has to show itself
	patience      int           // times as many if nobody else misses it
	slack         int           // how many times as slow a node becomes at most that sees itself be slow
	dial          time.Duration // limit of a connection, from dialing to its end

	wait    time.Duration // how long Start waits for the first peer
	retry   time.Duration // longest pause between attempts to find the others when alone
	look    time.Duration // pause between looks for those that are missing when not alone
	newness time.Duration // how long a node is a newcomer
}

// Local is for the nodes on one machine: a death is seen within two seconds.
func Local() Preset {
	// Measured (docs/decisions): memberlist's own preset of this name takes up to 30 s to
	// converge, for it repeats news too seldom and compares all only every 15 s.
	return Preset{name: "local", probe: 200 * time.Millisecond, answer: 100 * time.Millisecond, gossip: 50 * time.Millisecond,
		sync: 2 * time.Second, suspicion: 3, patience: 2, slack: 3, dial: 2 * time.Second,
		wait: time.Second, retry: time.Second, look: 2 * time.Second, newness: 5 * time.Second}
}

// LAN is for the nodes of one place: a death is seen within about five seconds.
func LAN() Preset {
	return Preset{name: "lan", probe: 500 * time.Millisecond, answer: 250 * time.Millisecond, gossip: 100 * time.Millisecond,
		sync: 5 * time.Second, suspicion: 4, patience: 3, slack: 5, dial: 5 * time.Second,
		wait: 3 * time.Second, retry: 5 * time.Second, look: 5 * time.Second, newness: 15 * time.Second}
}

// WAN is for nodes far from each other: a death is seen within about a minute.
func WAN() Preset {
	return Preset{name: "wan", probe: 3 * time.Second, answer: 2 * time.Second, gossip: 500 * time.Millisecond,
		sync: 30 * time.Second, suspicion: 5, patience: 4, slack: 8, dial: 15 * time.Second,
		wait: 10 * time.Second, retry: 30 * time.Second, look: 30 * time.Second, newness: 90 * time.Second}
}

// String returns the name of the preset.
func (p *Preset) String() string { return p.name }

// Type is what help texts call its values.
func (p *Preset) Type() string { return "preset" }

// Set makes it the preset with that name.
func (p *Preset) Set(name string) error {
	switch name {
	case "local":
		*p = Local()
	case "lan":
		*p = LAN()
	case "wan":
		*p = WAN()
	default:
		return fault.New(fault.Invalid, "there is no preset %q: local, lan and wan are", name)
	}
	return nil
}

// settings returns the preset as memberlist has it, for a cluster.
func (p *Preset) settings(cluster string) *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	c.ProbeInterval, c.ProbeTimeout = p.probe, p.answer
	c.GossipInterval = p.gossip
	c.PushPullInterval = p.sync
	c.SuspicionMult, c.SuspicionMaxTimeoutMult = p.suspicion, p.patience
	c.AwarenessMaxMultiplier = p.slack
	c.TCPTimeout = p.dial
	// What is sent is small, and to compress it takes more time than all the rest.
	c.EnableCompression = false
	// A name is free as soon as its node is dead: nodes are restarted on other ports.
	c.DeadNodeReclaimTime = time.Millisecond
	// Strangers that speak the same protocol, of another program or cluster, are not let
	// in: the address of one who died may be given to them.
	c.Label = "idag"
	if cluster != "" {
		c.Label += ":" + cluster
	}
	return c
}
