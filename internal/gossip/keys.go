package gossip

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/memberlist"
	"github.com/idag/idag/internal/fault"
)

// parseKeys reads keys in base64 or hex, split by commas or white space; what follows a
// # up to the end of its line does not count. Errors do not tell what they are about,
// for it is a secret, but which it is.
func parseKeys(text string) ([][]byte, error) {
	var keys [][]byte
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
			key, err := parseKey(word)
			if err != nil {
				return nil, fault.New(fault.Invalid, "key %d: %w", len(keys)+1, err)
			}
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, fault.New(fault.Invalid, "there is no key")
	}
	return keys, nil
}

func parseKey(word string) ([]byte, error) {
	if n := len(word) / 2; len(word)%2 == 0 && memberlist.ValidateKey(make([]byte, n)) == nil {
		if key, err := hex.DecodeString(word); err == nil {
			return key, nil
		}
	}
	bare := strings.TrimRight(word, "=")
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if key, err := enc.DecodeString(bare); err == nil {
			return key, checkKey(key)
		}
	}
	return nil, fault.New(fault.Invalid, "its %d characters are neither base64 nor hex", len(word))
}

func checkKey(key []byte) error {
	if memberlist.ValidateKey(key) != nil {
		return fault.New(fault.Invalid, "it has %d bytes, keys have 16, 24 or 32", len(key))
	}
	return nil
}

// keyring is the keys of a node: the first encrypts, all decrypt. Without a ring the
// gossip is not encrypted.
type keyring struct {
	change sync.Mutex // one change at a time
	ring   *memberlist.Keyring
}

func newKeyring(keys [][]byte) (*keyring, error) {
	if len(keys) == 0 {
		return &keyring{}, nil
	}
	for i, k := range keys {
		if err := checkKey(k); err != nil {
			return nil, fault.New(fault.Invalid, "key %d: %w", i+1, err)
		}
	}
	ring, err := memberlist.NewKeyring(keys, keys[0])
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err)
	}
	return &keyring{ring: ring}, nil
}

func (k *keyring) keys() [][]byte {
	if k.ring == nil {
		return nil
	}
	var out [][]byte
	for _, key := range k.ring.GetKeys() {
		out = append(out, slices.Clone(key))
	}
	return out
}

func (k *keyring) begin() error {
	if k.ring == nil {
		return fault.New(fault.Invalid, "the gossip is not encrypted: start the nodes with a key")
	}
	k.change.Lock()
	return nil
}

func (k *keyring) install(key []byte) error {
	if err := checkKey(key); err != nil {
		return fault.New(fault.Invalid, "the key: %w", err)
	}
	if err := k.begin(); err != nil {
		return err
	}
	defer k.change.Unlock()
	return fault.Wrap(fault.Invalid, k.ring.AddKey(slices.Clone(key)))
}

func (k *keyring) use(key []byte) error {
	if err := k.begin(); err != nil {
		return err
	}
	defer k.change.Unlock()
	if k.ring.UseKey(key) != nil {
		return fault.New(fault.Invalid, "the key is not installed")
	}
	return nil
}

func (k *keyring) remove(key []byte) error {
	if err := k.begin(); err != nil {
		return err
	}
	defer k.change.Unlock()
	keys := k.ring.GetKeys()
	i := slices.IndexFunc(keys, func(have []byte) bool { return bytes.Equal(have, key) })
	switch i {
	case 0:
		return fault.New(fault.Invalid, "the key is in use: use another one first")
	case -1:
		return fault.New(fault.Invalid, "the key is not installed")
	}
	return k.drop(keys, i)
}

// drop removes a key that is not the first. Memberlist moves the keys behind it in
// place, under the eyes of those who decrypt: so it is given the last one to remove
// only, and the others again. For an instant these do not decrypt.
func (k *keyring) drop(keys [][]byte, i int) error {
	for _, key := range slices.Backward(keys[i:]) {
		if err := k.ring.RemoveKey(key); err != nil {
			return fault.Wrap(fault.Bug, err)
		}
	}
	for _, key := range keys[i+1:] {
		if err := k.ring.AddKey(key); err != nil {
			return fault.Wrap(fault.Bug, err)
		}
	}
	return nil
}

// replace makes these the keys, the first of them in use.
func (k *keyring) replace(keys [][]byte) error {
	for _, key := range keys {
		if err := k.install(key); err != nil {
			return err
		}
	}
	if err := k.use(keys[0]); err != nil {
		return err
	}
	for _, have := range k.keys() {
		if slices.ContainsFunc(keys, func(key []byte) bool { return bytes.Equal(key, have) }) {
			continue
		}
		if err := k.remove(have); err != nil {
			return err
		}
	}
	return nil
}

// keyFile is where keys come from.
type keyFile struct {
	path string
	more [][]byte // behind those of the file
	seen bool     // it was read
	text string   // of the file, when it was read last
}

// cutFile returns the path of file:PATH.
func cutFile(text string) (string, bool) {
	path, ok := strings.CutPrefix(strings.TrimSpace(text), "file:")
	return path, ok && path != ""
}

// read returns the keys and whether the file has changed. After an error the file
// counts as read.
func (f *keyFile) read() ([][]byte, bool, error) {
	if f.path == "" {
		return f.more, false, nil
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		return nil, true, fault.Wrap(fault.Invalid, err)
	}
	if f.seen && f.text == string(text) {
		return nil, false, nil
	}
	f.seen, f.text = true, string(text)
	keys, err := parseKeys(f.text)
	if err != nil {
		return nil, true, fault.New(fault.Invalid, "%s: %w", f.path, err)
	}
	return append(keys, f.more...), true, nil
}

// follow takes the keys of a key file that has changed. One that cannot be read changes
// nothing.
func (n *Node) follow() {
	keys, changed, err := n.file.read()
	if err == nil && changed {
		err = n.keys.replace(keys)
	}
	switch {
	case err != nil:
		n.remark("the keys stay as they are: " + err.Error())
	case changed:
		n.say("the keys have changed: " + fingerprint(keys[0]) + " encrypts")
	}
}

// fingerprint names a key without giving it away.
func fingerprint(key []byte) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:4])
}
