package driver

// near returns the node that is to read a task's splits: the one of the site which their
// source names that has least to do. While no node of the site takes tasks it is
// anyNode, and people are told.
func (c *core) near(t *task) int {
	site := c.siteOf(t)
	best, least := anyNode, 0.0
	for _, node := range c.slots.sites[site] {
		if !c.slots.takes(node) {
			continue
		}
		if load := c.slots.load(node); best == anyNode || load < least {
			best, least = node, load
		}
	}
	c.desert(site, best == anyNode)
	return best
}

// desert notes whether a site that a source names has executors. A fleet that does not
// change stands in one place, and has none.
func (c *core) desert(site string, is bool) {
	was := c.fleet.deserted[site]
	if was == is || !c.fleet.elastic {
		return
	}
	if c.fleet.deserted == nil {
		c.fleet.deserted = map[string]bool{}
	}
	if c.fleet.deserted[site] = is; is {
		c.say("site %s has no executors: its sources are read elsewhere", site)
		return
	}
	c.say("site %s has executors again, which read its sources", site)
}

// siteOf returns the site of the source that a task reads, or "".
func (c *core) siteOf(t *task) string {
	if source := c.graph.stages[t.stage].Source; source >= 0 {
		return c.graph.sites[source]
	}
	return ""
}

// load is how many tasks a node has or will be given, a slot. It is of nodes that have
// slots.
func (s *slots) load(node int) float64 {
	slots := s.nodes[node].Slots
	return float64(slots-s.free[node]+s.pinned[node].len()) / float64(slots)
}
