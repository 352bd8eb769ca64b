// Package identity says who speaks. The caller is decided once, at the edge,
// from a verified certificate; everything behind it only asks.
package identity

import (
	"context"
	"slices"
	"time"

	"ringfence/internal/device"
)

// Kind is what sort of caller it is.
type Kind uint8

// The kinds of caller.
const (
	// Anonymous has shown no certificate.
	Anonymous Kind = iota
	// Device is an enrolled phone in its present epoch.
	Device
	// Admin is an administrator.
	Admin
	// App is one person's work account in one app, enrolled phone or not: a
	// registration in its present epoch.
	App
	// Client is a program with a secret of its own, at the doors that speak
	// HTTP: an identity provider, a gateway.
	Client
	// Kinds is how many kinds there are.
	Kinds = iota
)

var kindNames = [Kinds]string{"anonymous", "device", "admin", "app", "client"}

func (k Kind) String() string { return kindNames[k] }

// Caller is who speaks. The zero value is an anonymous caller.
type Caller struct {
	Kind Kind
	// Device and Epoch are set for a device, and for an app, whose registration
	// they name.
	Device device.ID
	Epoch  device.Epoch
	// Ownership, Mode, Group and User are what the device's token sealed. An
	// app's are personal, those of an app account, and the person who signed in.
	Ownership device.Ownership
	Mode      device.Mode
	Group     string
	User      string
	// Package is the app of an app's registration.
	Package string
	// Name is the administrator's or the client's name: it tells credentials
	// apart for people.
	Name string
	// Role is what the administrator may do.
	Role Role
	// Groups are the groups the administrator is for; nil is every group.
	Groups []string
	// Person is who the administrator is: one person may hold several
	// credentials, and counts once where two people are needed.
	Person string
	// Since is when the administrator's credential was made.
	Since time.Time
	// Serial is the certificate's serial number, lower-case hex; a client, which
	// has none, is named here by its id.
	Serial string
	// Peer is the network address an administrator or a client calls from,
	// without the port. It is never set for a phone or an app, so that no record can hold it.
	Peer string
	// RequestID names the request, for the log and the record.
	RequestID string
}

// Actor is how the record names the caller.
func (c Caller) Actor() string {
	switch c.Kind {
	case Device:
		return "device:" + string(c.Device)
	case Admin:
		return "admin:" + c.Name
	case App:
		return "app:" + string(c.Device)
	case Client:
		return "client:" + c.Name
	default:
		return "anonymous"
	}
}

// Is reports whether the caller is of one of the kinds.
func (c Caller) Is(kinds ...Kind) bool { return slices.Contains(kinds, c.Kind) }

// ContextKey is the key under which a context holds a *Caller that nobody
// changes any more. It is for contexts of an own making; use With and From.
type ContextKey struct{}

// With puts the caller in a context.
func With(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, ContextKey{}, &c)
}

// From gives the caller in the context; an anonymous one if there is none.
func From(ctx context.Context) Caller {
	if c, ok := ctx.Value(ContextKey{}).(*Caller); ok {
		return *c
	}
	return Caller{}
}
