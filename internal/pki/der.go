package pki

// plainDER reports whether data is exactly one value in a plain subset of DER:
// definite, minimal lengths, short tags, constructed only where it must be, and
// nested no deeper than depth. What it accepts is safe for readers that recurse
// or that understand BER.
func plainDER(data []byte, depth int) bool {
	rest, ok := skipDER(data, depth)
	return ok && len(rest) == 0
}

// skipDER checks the value at the start of data and gives what follows it. It
// recurses at most depth times.
func skipDER(data []byte, depth int) (rest []byte, ok bool) {
	if len(data) < 2 || depth == 0 {
		return nil, false
	}
	tag := data[0]
	if tag&0x1f == 0x1f { // a long tag: nothing we read has one
		return nil, false
	}
	length, header, ok := derLength(data)
	if !ok || length > len(data)-header {
		return nil, false
	}
	body, rest := data[header:header+length], data[header+length:]
	const constructed, classes, sequence, set = 0x20, 0xc0, 0x30, 0x31
	if tag&constructed == 0 {
		return rest, true
	}
	if tag&classes == 0 && tag != sequence && tag != set { // a string in pieces
		return nil, false
	}
	for len(body) > 0 {
		if body, ok = skipDER(body, depth-1); !ok {
			return nil, false
		}
	}
	return rest, true
}

// derLength reads the length octets after a one-octet tag: the length of the
// body and of everything before it. The indefinite form and lengths that could
// be written shorter are not DER.
func derLength(data []byte) (length, header int, ok bool) {
	first := data[1]
	if first < 0x80 {
		return int(first), 2, true
	}
	octets := int(first & 0x7f)
	if octets == 0 || octets > 3 || len(data) < 2+octets || data[2] == 0 {
		return 0, 0, false
	}
	for _, b := range data[2 : 2+octets] {
		length = length<<8 | int(b)
	}
	return length, 2 + octets, length >= 0x80
}
