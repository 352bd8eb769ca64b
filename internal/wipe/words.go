package wipe

import "fmt"

// several writes a number with its noun, whose plural ends in s: "1 device",
// "3 devices".
func several[N ~int | ~int64 | ~uint32 | ~uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// contents says what was or will be removed, in numbers, for the record.
func contents(packages int, files, octets, keys, certificates uint64) string {
	return fmt.Sprintf("the work data of %s: %s, %s, %s, %s", several(packages, "app"),
		several(files, "file"), several(octets, "byte"), several(keys, "key"), several(certificates, "certificate"))
}
