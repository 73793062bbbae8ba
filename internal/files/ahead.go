package files

import "io"

const (
	aheadBytes  = 256 << 10
	aheadBlocks = 4
)

// ahead reads from another reader in a goroutine of its own, some blocks ahead.
type ahead struct {
	full chan block
	free chan []byte
	stop chan struct{}
	done chan struct{} // the goroutine has ended

	now  block
	rest []byte // of now
}

type block struct {
	data []byte
	err  error // after data
}

// readAhead starts to read r, which close closes.
func readAhead(r io.ReadCloser) *ahead {
	a := &ahead{
		full: make(chan block, aheadBlocks), free: make(chan []byte, aheadBlocks),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	for range aheadBlocks {
		a.free <- nil
	}
	go func() {
		defer close(a.done)
		defer func() { _ = r.Close() }() // what it read is whole or had an error
		a.fill(r)
	}()
	return a
}

func (a *ahead) fill(r io.Reader) {
	for {
		var buf []byte
		select {
		case buf = <-a.free:
		case <-a.stop:
			return
		}
		if buf == nil {
			buf = make([]byte, aheadBytes)
		}
		var b block
		n := 0
		for n < len(buf) && b.err == nil {
			var m int
			m, b.err = r.Read(buf[n:])
			n += m
		}
		b.data = buf[:n]
		select {
		case a.full <- b:
		case <-a.stop:
			return
		}
		if b.err != nil {
			return
		}
	}
}

// Read implements io.Reader.
func (a *ahead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.now.err != nil {
			return 0, a.now.err
		}
		if a.now.data != nil {
			a.free <- a.now.data[:cap(a.now.data)]
		}
		a.now = <-a.full
		a.rest = a.now.data
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// close ends the goroutine and waits for it.
func (a *ahead) close() {
	close(a.stop)
	<-a.done
}
