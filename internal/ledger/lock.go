package ledger

import (
	"fmt"
	"os"
)

// writePID says in a lock file, for people, who holds it.
func writePID(f *os.File) error {
	_, err := fmt.Fprintf(f, "process %d\n", os.Getpid())
	return err
}
