package rpc

import (
	"net"
	"sync"
	"time"
)

// visitors bounds the connections of clients who have not shown a certificate
// that counts. They may do little, but each connection costs the server a file
// and some memory for as long as it is open, and a stranger could keep them open
// for ever: until no phone gets in any more.
type visitors struct {
	most int           // connections of one network at once
	stay time.Duration // how long one may last

	mu   sync.Mutex // guards open
	open map[string]int
}

func newVisitors(l Limits) *visitors {
	return &visitors{most: l.AnonymousConnections, stay: l.AnonymousStay, open: make(map[string]int)}
}

// admit counts a connection in and gives what to use in its place; false if its
// network has its full number.
func (v *visitors) admit(conn net.Conn, network string) (net.Conn, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.open[network] >= v.most {
		return conn, false
	}
	v.open[network]++
	// What gRPC then does about a broken connection leads to visit.Close.
	over := time.AfterFunc(v.stay, func() { _ = conn.Close() })
	return &visit{Conn: conn, leave: sync.OnceFunc(func() {
		over.Stop()
		v.left(network)
	})}, true
}

func (v *visitors) left(network string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.open[network]--; v.open[network] <= 0 {
		delete(v.open, network)
	}
}

// visit is a visitor's connection.
type visit struct {
	net.Conn
	leave func()
}

// Close is part of net.Conn.
func (v *visit) Close() error {
	v.leave()
	return v.Conn.Close()
}
