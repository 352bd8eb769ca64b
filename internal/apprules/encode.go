package apprules

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
)

// The canonical encoding: every text and list with its length before it, so
// that different content never gives the same bytes. It is only ever hashed
// and compared, never read back.

func (s Settings) appendTo(b []byte) []byte {
	plain := s.Plain()
	b = binary.AppendUvarint(b, uint64(len(plain)))
	for _, key := range s.Keys() {
		b = appendTexts(appendText(b, string(key)), plain[key])
	}
	return b
}

func (c Config) appendTo(b []byte) []byte {
	b = appendMap(b, c.Values, appendTexts)
	b = appendMap(b, c.Custom, appendText)
	b = appendMap(b, c.Permissions, func(b []byte, g Grant) []byte { return append(b, byte(g)) })
	if c.ConnectedApps == nil {
		return append(b, 2)
	}
	return append(b, flagByte(*c.ConnectedApps))
}

func appendMap[V any](b []byte, m map[string]V, each func([]byte, V) []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(m)))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		b = each(appendText(b, key), m[key])
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTexts(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendText(b, s)
	}
	return b
}

func flagByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// sortedSet gives a sorted copy without repeats; nil for an empty list.
func sortedSet[T cmp.Ordered](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}
