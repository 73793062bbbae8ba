package gossip

import "github.com/idag/idag/internal/fault"

// Preset is how fast nodes look after each other. It is a flag of the command line:
// local, lan or wan.
type Preset struct{ name string }

// Local is for nodes on one machine: a death is seen within two seconds.
func Local() Preset { return Preset{name: "local"} }

// LAN is for nodes in one place.
func LAN() Preset { return Preset{name: "lan"} }

// WAN is for nodes far from each other.
func WAN() Preset { return Preset{name: "wan"} }

// String returns the name of the preset.
func (p *Preset) String() string { return p.name }

// Type is what help texts call a preset.
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
