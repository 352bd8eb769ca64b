package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/audit/ledger"
	"ringfence/internal/sqldb/dbtest"
	auditv1 "ringfence/proto/mdm/audit/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

const (
	crashes     = 15 // on each database
	crashPhones = 20
)

// TestKill9 kills the server at random moments under load, and looks each time
// whether everything it had acknowledged is still there.
func TestKill9(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		i := install(t, dsn, nil)
		s := i.start(t)
		s.loosen(t)
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		c := &chaos{data: i.data, dsn: dsn}
		t.Logf("%d kills, %d phones", crashes, crashPhones)
		for era := range crashes {
			p := startProcess(t, c.data, "--database", dsn)
			p.credential = loadCredential(t, c.data)
			if era == 0 {
				c.enrol(t, &p.server)
			}
			c.verify(t, &p.server)
			c.checkLog(t, &p.server)
			c.live(t, p, 10+rand.Int64N(200))
			if t.Failed() {
				t.Fatalf("in era %d; the server's log:\n%s", era, p.log.tail(20))
			}
		}
		p := startProcess(t, c.data, "--database", dsn)
		p.credential = loadCredential(t, c.data)
		c.verify(t, &p.server)
		c.checkRecord(t, &p.server)
		c.checkLog(t, &p.server)
		c.report(t)
	})
}

// chaos is what the outside world knows for certain.
type chaos struct {
	data, dsn string
	phones    []*witness
	// heads are the record's signed heads that were seen: none may be lost.
	heads []ledger.Head
}

// witness is a phone and what the server has acknowledged to it. One goroutine
// at a time uses it.
type witness struct {
	*handset
	digits uint32
	// observed is the newest report that was acknowledged.
	observed time.Time
	orders   map[string]*witnessedOrder // by request key
	reports  int
}

// witnessedOrder is one order, as far as it was acknowledged.
type witnessedOrder struct {
	id             string // "" until its creation was acknowledged
	promised, done bool
	acted          int // how often the phone acted
}

func (c *chaos) enrol(tb testing.TB, s *server) {
	tb.Helper()
	a := s.admin(tb)
	a.apply(tb, pinPolicy("all", 6))
	for range crashPhones {
		h := s.join(tb, a.token(tb))
		_ = h.conn.Close()
		c.phones = append(c.phones, &witness{handset: h, digits: 4, orders: make(map[string]*witnessedOrder)})
	}
}

// live lets every phone work until the server is killed: in the middle of
// whatever is under way when that many steps have been answered. Not after a
// time, in which a slow machine might do nothing.
func (c *chaos) live(tb testing.TB, p *serverProcess, steps int64) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	a := p.admin(tb)
	enough := make(chan struct{})
	var answered atomic.Int64
	var wg sync.WaitGroup
	for _, w := range c.phones {
		w.connect(tb, &p.server)
		wg.Go(func() {
			defer func() { _ = w.conn.Close() }()
			for ctx.Err() == nil {
				if err := w.step(ctx, a); err != nil {
					if code := status.Code(err); code != codes.Unavailable && code != codes.Canceled {
						tb.Errorf("phone %s: %v", w.id, err)
					}
					return
				}
				if answered.Add(1) == steps {
					close(enough)
				}
			}
		})
	}
	select {
	case <-enough:
	case <-ctx.Done():
		tb.Errorf("%d of %d steps were answered in %v", answered.Load(), steps, patience)
	}
	p.kill()
	cancel()
	wg.Wait()
	_ = a.conn.Close()
}

// step does one thing a phone does, or one thing an administrator does to it.
func (w *witness) step(ctx context.Context, a *admin) error {
	switch rand.IntN(6) {
	case 0:
		return w.beOrdered(ctx, a)
	case 1, 2:
		return w.obey(ctx)
	default:
		return w.checkIn(ctx)
	}
}

// checkIn sends a report that differs from every recent one, whichever of them
// the server has: only the time of an unchanged report is written lazily.
func (w *witness) checkIn(ctx context.Context) error {
	w.digits = 4 + (w.digits-3)%200
	at := time.Now().Truncate(time.Microsecond)
	_, err := w.compliance.CheckIn(ctx, report(at, w.digits, ""))
	if err == nil {
		w.observed = at
		w.reports++
	}
	return err
}

// beOrdered makes a new order, or repeats one whose answer was lost.
func (w *witness) beOrdered(ctx context.Context, a *admin) error {
	key := ""
	for k, o := range w.orders {
		switch {
		case o.id == "":
			key = k
		case !o.done:
			return nil // one at a time
		}
	}
	if key == "" {
		key = newID()
		w.orders[key] = &witnessedOrder{}
	}
	res, err := a.wipe.CreateWipe(ctx, &wipev1.CreateWipeRequest{
		RequestKey: key, DeviceId: w.id, Scope: appData("com.example.mail"), Reason: "a test",
	})
	if err != nil {
		return err
	}
	w.orders[key].id = res.GetOrder().GetId()
	return nil
}

// obey does what a phone with a journal does: promise, act once, answer.
func (w *witness) obey(ctx context.Context) error {
	fetched, err := w.wipe.FetchOrders(ctx, &wipev1.FetchOrdersRequest{})
	if err != nil {
		return err
	}
	for _, signed := range fetched.GetOrders() {
		o := w.byID(signed.GetOrderId())
		if o == nil { // its creation was kept, the answer lost
			continue
		}
		if o.done {
			return fmt.Errorf("order %s was given again after it was done", o.id)
		}
		if o.promised && !signed.GetAcknowledged() {
			return fmt.Errorf("order %s: the promise was forgotten", o.id)
		}
		if err := w.carryOut(ctx, o, signed); err != nil {
			return err
		}
	}
	return nil
}

func (w *witness) byID(id string) *witnessedOrder {
	for _, o := range w.orders {
		if o.id == id {
			return o
		}
	}
	return nil
}

func (w *witness) carryOut(ctx context.Context, o *witnessedOrder, signed *wipev1.SignedOrder) error {
	done, err := w.done(signed, &wipev1.Receipt{
		FinishedAt: timestamppb.Now(), Packages: []string{"com.example.mail"}, FilesRemoved: 1,
	})
	if err != nil {
		return err
	}
	if _, err := w.wipe.ReportOrder(ctx, &wipev1.ReportOrderRequest{
		OrderId: o.id, Report: &wipev1.ReportOrderRequest_Acknowledged{Acknowledged: &wipev1.Acknowledged{}},
	}); err != nil {
		return err
	}
	if !o.promised {
		o.acted++
	}
	o.promised = true
	if _, err := w.wipe.ReportOrder(ctx, done); err != nil {
		return err
	}
	o.done = true
	return nil
}

// verify compares what was acknowledged with what the server knows.
func (c *chaos) verify(tb testing.TB, s *server) {
	tb.Helper()
	a := s.admin(tb)
	defer func() { _ = a.conn.Close() }()
	kept := everyOrder(tb, a)
	for _, w := range c.phones {
		device, err := a.enroll.GetDevice(tb.Context(), &enrollv1.GetDeviceRequest{Id: w.id})
		if err != nil || device.GetDevice().GetState() != enrollv1.DeviceState_DEVICE_STATE_ENROLLED {
			tb.Fatalf("device %s: %v, %v", w.id, device, err)
		}
		if !w.observed.IsZero() {
			res, err := a.compliance.GetDeviceCompliance(tb.Context(), &compliancev1.GetDeviceComplianceRequest{DeviceId: w.id})
			if err != nil {
				tb.Fatal(err)
			}
			if got := res.GetVerdict().GetEvidenceAt().AsTime(); got.Before(w.observed) {
				tb.Errorf("device %s: evidence of %v, acknowledged was %v", w.id, got, w.observed)
			}
		}
		for _, o := range w.orders {
			w.verifyOrder(tb, kept, o)
		}
	}
}

// everyOrder lists the orders there are, by id: page by page, because one
// administrator may not ask for thousands of them one by one.
func everyOrder(tb testing.TB, a *admin) map[string]*wipev1.Order {
	tb.Helper()
	kept := make(map[string]*wipev1.Order)
	for next := ""; ; {
		res, err := a.wipe.ListWipes(tb.Context(), &wipev1.ListWipesRequest{PageSize: 1000, PageToken: next})
		if err != nil {
			tb.Fatal(err)
		}
		for _, o := range res.GetOrders() {
			kept[o.GetId()] = o
		}
		if next = res.GetNextPageToken(); next == "" {
			return kept
		}
	}
}

func (w *witness) verifyOrder(tb testing.TB, kept map[string]*wipev1.Order, o *witnessedOrder) {
	tb.Helper()
	if o.id == "" {
		return
	}
	order, found := kept[o.id]
	if !found || order.GetDeviceId() != w.id {
		tb.Errorf("order %s was acknowledged and is lost: %v", o.id, order)
		return
	}
	state := order.GetState()
	if o.done && state != wipev1.State_STATE_DONE {
		tb.Errorf("order %s is %v, its receipt was acknowledged", o.id, state)
	}
	if o.promised && state != wipev1.State_STATE_ACKNOWLEDGED && state != wipev1.State_STATE_DONE {
		tb.Errorf("order %s is %v, its promise was acknowledged", o.id, state)
	}
	if o.acted > 1 {
		tb.Errorf("order %s was acted on %d times", o.id, o.acted)
	}
}

// checkRecord sees that each order has one end in the record.
func (c *chaos) checkRecord(tb testing.TB, s *server) {
	tb.Helper()
	a := s.admin(tb)
	for _, w := range c.phones {
		done, ended := 0, 0
		for _, o := range w.orders {
			if o.done {
				done++
			}
		}
		next := ""
		for {
			res, err := a.audit.ListEntries(tb.Context(), &auditv1.ListEntriesRequest{
				PageSize: 1000, PageToken: next, Target: "device/" + w.id,
			})
			if err != nil {
				tb.Fatal(err)
			}
			for _, e := range res.GetEntries() {
				if e.GetAction() == "wipe.done" {
					ended++
				}
			}
			if next = res.GetNextPageToken(); next == "" {
				break
			}
		}
		// An end whose answer was lost is in the record and not in the ledger.
		if ended < done || ended > len(w.orders) {
			tb.Errorf("device %s: %d orders ended in the record, %d were acknowledged of %d", w.id, ended, done, len(w.orders))
		}
	}
}

// checkLog sees that the record is whole and continues every head there was.
func (c *chaos) checkLog(tb testing.TB, s *server) {
	tb.Helper()
	a := s.admin(tb)
	defer func() { _ = a.conn.Close() }()
	_, head := a.wholeRecord(tb, c.heads...)
	c.heads = append(c.heads, head)
}

// report says how much was tried, so that a run that did nothing is seen.
func (c *chaos) report(tb testing.TB) {
	tb.Helper()
	reports, orders := 0, 0
	for _, w := range c.phones {
		reports += w.reports
		for _, o := range w.orders {
			if o.done {
				orders++
			}
		}
	}
	tb.Logf("%d reports and %d orders were acknowledged", reports, orders)
	if reports == 0 || orders == 0 {
		tb.Error("nothing happened between the kills")
	}
}
