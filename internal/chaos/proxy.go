package chaos

import (
	"context"
	"io"
	"net"
	"sync"
)

// proxy is one address in front of servers that come and go. It breaks
// connections off when it is told to.
type proxy struct {
	listener net.Listener
	// backend gives the address of a server that is up, "" for none.
	backend func() string

	mu    sync.Mutex // guards conns
	conns map[net.Conn]struct{}
}

func newProxy(ctx context.Context, backend func() string) (*proxy, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, backend: backend, conns: make(map[net.Conn]struct{})}
	go p.serve(ctx)
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) serve(ctx context.Context) {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.join(ctx, c)
	}
}

// join lets a client speak to a server until either has enough.
func (p *proxy) join(ctx context.Context, c net.Conn) {
	defer p.drop(c)
	address := p.backend()
	if address == "" {
		return
	}
	s, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	p.keep(c)
	p.keep(s)
	defer p.drop(s)
	done := make(chan struct{}, 2)
	copyTo := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		done <- struct{}{}
	}
	go copyTo(s, c)
	go copyTo(c, s)
	<-done
}

func (p *proxy) keep(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = struct{}{}
}

func (p *proxy) drop(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// cut breaks every connection off.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.cut()
}
