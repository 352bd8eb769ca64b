package notify

import (
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"strings"
)

// mostRecipients bounds whom one channel writes to: a list is an address too.
const mostRecipients = 50

// plainAddress is an address that means the same in a header and in SMTP,
// without quotes: what needs them was the way into many mail programs.
var plainAddress = regexp.MustCompile("^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")

// ParseAddress reads one mail address, with or without a name: "a@b.example" or
// "Name <a@b.example>".
func ParseAddress(text string) (*mail.Address, error) {
	a, err := mail.ParseAddress(text)
	if err != nil {
		return nil, errors.New("not a mail address")
	}
	return a, checkAddress(a)
}

// ParseAddresses reads mail addresses with commas between them.
func ParseAddresses(text string) ([]*mail.Address, error) {
	list, err := mail.ParseAddressList(text)
	if err != nil {
		return nil, errors.New("not mail addresses with commas between them")
	}
	if len(list) > mostRecipients {
		return nil, fmt.Errorf("%d addresses, more than %d: use a mailing list", len(list), mostRecipients)
	}
	for i, a := range list {
		if err := checkAddress(a); err != nil {
			return nil, fmt.Errorf("address %d: %w", i+1, err)
		}
	}
	return list, nil
}

func checkAddress(a *mail.Address) error {
	if !plainAddress.MatchString(a.Address) {
		return errors.New("a mail address may have only ASCII letters, digits and marks that need no quotes")
	}
	if strings.ContainsFunc(a.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("a name in a mail address has no control characters")
	}
	return nil
}

// domain gives what is behind the @ of a checked address.
func domain(a *mail.Address) string { return a.Address[strings.LastIndexByte(a.Address, '@')+1:] }
