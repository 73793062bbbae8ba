package rdd

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestSecret proves that no way of printing a secret shows it.
func TestSecret(t *testing.T) {
	o := Options{"password": Secret("hunter2"), "list": []any{Secret("hunter2")}}
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	out := string(b) + fmt.Sprint(o)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out += fmt.Sprintf(verb, o)
	}
	if strings.Contains(out, "hunter") || strings.Contains(out, "68756e") || !strings.Contains(out, "***") {
		t.Error(out)
	}
}
