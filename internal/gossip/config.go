package gossip

// Config is how a node takes part.
type Config struct {
	// Self is what the node says of itself: Name, Role, RPC, Slots, Memory, Site, Version
	// and Plans; the rest is filled in. An RPC without a host gets that of the gossip.
	Self      Member
	Bind      string       // host:port to listen on, TCP and UDP; no host: all addresses; port 0: a free one; "": :7946
	Advertise string       // host or host:port where the others reach it, if not where it listens
	Join      []string     // host, host:port or file:PATH with one of these a line; none: it waits for others
	Keys      [][]byte     // of 16, 24 or 32 bytes; the first one encrypts, all decrypt; none: not encrypted
	KeyFile   string       // keys as AddKeys reads them, before Keys; followed while the node runs
	Cluster   string       // only nodes of the same cluster meet; "" is a cluster, too
	Preset    Preset       // the zero value is LAN()
	Log       func(string) // lines for people, called by one goroutine at a time; nil: none
}

// AddKeys adds the keys of a text: in base64 or hex, split by commas, spaces or lines;
// or file:PATH, which becomes the KeyFile.
func (c *Config) AddKeys(text string) error {
	if path, ok := cutFile(text); ok {
		if _, _, err := (&keyFile{path: path}).read(); err != nil {
			return err
		}
		c.KeyFile = path
		return nil
	}
	keys, err := parseKeys(text)
	if err != nil {
		return err
	}
	c.Keys = append(c.Keys, keys...)
	return nil
}
