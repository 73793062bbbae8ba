package driver

// heap is a binary heap: the least item, by less, is first. It boxes nothing.
type heap[T any] struct {
	items []T
	less  func(a, b T) bool
}

func (h *heap[T]) len() int { return len(h.items) }

func (h *heap[T]) push(v T) {
	h.items = append(h.items, v)
	for i := len(h.items) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.less(h.items[i], h.items[up]) {
			return
		}
		h.items[i], h.items[up] = h.items[up], h.items[i]
		i = up
	}
}

// top returns the least item of a heap that is not empty.
func (h *heap[T]) top() T { return h.items[0] }

// pop removes and returns the least item of a heap that is not empty.
func (h *heap[T]) pop() T {
	var zero T
	out, last := h.items[0], len(h.items)-1
	h.items[0], h.items[last] = h.items[last], zero
	h.items = h.items[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if h.less(h.items[child], h.items[least]) {
				least = child
			}
		}
		if least == i {
			return out
		}
		h.items[i], h.items[least] = h.items[least], h.items[i]
		i = least
	}
}
