package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/pki"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

func goodJoin() *enrollv1.JoinRequest {
	return &enrollv1.JoinRequest{
		Token: "a-secret-token-of-many-letters", CertificateRequest: make([]byte, 100), Platform: enrollv1.Platform_PLATFORM_ANDROID,
		Model: "Pixel 9", OsVersion: "15", Mode: enrollv1.Mode_MODE_WORK_PROFILE,
	}
}

func TestRules(t *testing.T) {
	l := start(t, nil)
	clients := map[string]*grpc.ClientConn{
		"anonymous": l.dial(t, nil),
		"device":    l.device(t, "device-one"),
		"admin":     l.device(t, "admin"),
		"app":       l.app(t, "admin"), // what it is, is not for its name to say
	}
	required := answer{Code: "Unauthenticated", Reason: CertificateRequired}
	denied := answer{Code: "PermissionDenied", Reason: "CALLER_NOT_ALLOWED"}
	ok := answer{Code: "OK"}
	tests := []struct {
		caller, method string
		want           answer
	}{
		{"anonymous", join, ok},
		{"anonymous", leave, required},
		{"anonymous", watch, required},
		{"device", join, denied},
		{"device", leave, ok},
		{"device", watch, ok},
		{"admin", join, denied},
		{"admin", leave, denied},
		{"admin", watch, denied},
		{"app", join, denied},
		{"app", leave, ok},
		{"app", watch, denied},
	}
	for _, tt := range tests {
		conn := clients[tt.caller]
		var err error
		switch tt.method {
		case join:
			_, err = enrollv1.NewEnrollmentServiceClient(conn).Join(t.Context(), goodJoin())
		case leave:
			err = callLeave(t, conn)
		case watch:
			_, err = openWatch(t, conn)
		}
		if diff := cmp.Diff(tt.want, answerOf(err).short()); diff != "" {
			t.Errorf("%s calls %s (-want +got):\n%s", tt.caller, tt.method, diff)
		}
	}
	if got := l.metric(t, "rpc_rejected_total", map[string]string{"reason": "rule"}); got != 8 {
		t.Errorf("rejected by rule = %v, want 8", got)
	}
}

func TestMethodWithoutRule(t *testing.T) {
	l := start(t, nil)
	conn := l.device(t, "device-one")
	_, err := enrollv1.NewEnrollmentServiceClient(conn).Renew(t.Context(), &enrollv1.RenewRequest{CertificateRequest: make([]byte, 64)})
	if got := answerOf(err); got.Code != "Internal" || !strings.HasPrefix(got.Message, "internal error (request ") {
		t.Errorf("got %+v", got)
	}
	logged := l.log.of(t, renew)
	if len(logged) != 1 || logged[0]["level"] != "ERROR" || logged[0]["err"] != renew+" has no rule" {
		t.Errorf("logged %v", logged)
	}
}

func TestCheckRules(t *testing.T) {
	l := start(t, nil)
	rules := Rules{"/mdm.enroll.v1.EnrollmentService/Gone": {Callers: []identity.Kind{identity.Device}}}
	for service, info := range l.GetServiceInfo() {
		for _, m := range info.Methods {
			rules["/"+service+"/"+m.Name] = Rule{Callers: []identity.Kind{identity.Device}}
		}
	}
	delete(rules, leave)
	rules[join] = Rule{}
	rules[renew] = Rule{Callers: []identity.Kind{identity.Admin}}
	err := CheckRules(rules, l, grpc.NewServer())
	want := "rule table: " + strings.Join([]string{
		"/mdm.enroll.v1.EnrollmentService/Gone has a rule and is not registered",
		join + " has a rule that lets nobody in",
		leave + " has no rule",
		renew + " has a rule that lets administrators in and names no verb",
	}, "; ")
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	delete(rules, "/mdm.enroll.v1.EnrollmentService/Gone")
	one := Rule{Callers: []identity.Kind{identity.Device}}
	rules[join], rules[leave], rules[renew] = one, one, one
	if err := CheckRules(rules, l); err != nil {
		t.Error(err)
	}
}

func TestCertificates(t *testing.T) {
	l, other := start(t, nil), start(t, nil)
	l.ended.Store("device-gone", true)
	tests := []struct {
		name   string
		show   *credential
		reason string
	}{
		{"enrolment over", l.issue(t, pki.Device, "device-gone"), EnrollmentEnded},
		{"profile certificate", l.issue(t, pki.Profile, "device-one"), CertificateUnknown},
		{"administrator's certificate", l.issue(t, pki.Admin, "admin"), CertificateUnknown},
		{"server certificate", l.issue(t, pki.Server, "device-one"), CertificateUnknown},
		{"another installation's", other.issue(t, pki.Device, "device-one"), CertificateUnknown},
	}
	for _, tt := range tests {
		want := answer{Code: "Unauthenticated", Reason: tt.reason}
		conn := l.dial(t, tt.show)
		if diff := cmp.Diff(want, answerOf(callLeave(t, conn)).short()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		// A bad certificate is not better than none.
		_, err := enrollv1.NewEnrollmentServiceClient(conn).Join(t.Context(), goodJoin())
		if diff := cmp.Diff(want, answerOf(err).short()); diff != "" {
			t.Errorf("%s, Join (-want +got):\n%s", tt.name, diff)
		}
	}

	early, late := l.device(t, "device-one"), l.device(t, "device-one")
	if err := callLeave(t, early); err != nil {
		t.Fatal(err)
	}
	l.clock.set(noon.Add(25 * time.Hour))
	want := answer{Code: "Unauthenticated", Reason: CertificateExpired}
	for name, conn := range map[string]*grpc.ClientConn{"on an old connection": early, "on a new connection": late} {
		if diff := cmp.Diff(want, answerOf(callLeave(t, conn)).short()); diff != "" {
			t.Errorf("expired, %s (-want +got):\n%s", name, diff)
		}
	}
}

func TestRefusedCallersAreSlowedDown(t *testing.T) {
	asked := 0
	l := start(t, func(c *Config) {
		c.Limits.Anonymous = Rate{PerSecond: 1, Burst: 3}
		c.Callers = func(context.Context, pki.Verified) (identity.Caller, error) {
			asked++
			return identity.Caller{}, Unauthenticated(EnrollmentEnded, "over")
		}
	})
	conn := l.device(t, "device-one")
	for range 3 {
		if got := answerOf(callLeave(t, conn)); got.Code != "Unauthenticated" {
			t.Errorf("got %+v", got)
		}
	}
	if got := answerOf(callLeave(t, conn)).short(); got.Reason != TooManyCalls || asked != 3 {
		t.Errorf("got %+v after %d questions", got, asked)
	}
}

func TestHandlerErrors(t *testing.T) {
	secret := errors.New("pq: password of user mdm")
	tests := []struct {
		name string
		err  error
		want answer
	}{
		{"invalid", fault.InvalidField("name", "is odd"), answer{"InvalidArgument", "", "name: is odd", []string{"name: is odd"}}},
		{"denied", fault.New(fault.Denied, "NO", "you may not"), answer{"PermissionDenied", "NO", "you may not", nil}},
		{"not found", fault.New(fault.NotFound, "", "no such thing"), answer{"NotFound", "", "no such thing", nil}},
		{"conflict", fault.New(fault.Conflict, "EPOCH_MOVED", "look again"), answer{"Aborted", "EPOCH_MOVED", "look again", nil}},
		{"refused", fault.New(fault.Refused, "TOKEN_USED_UP", "used up").WithCause(secret), answer{"FailedPrecondition", "TOKEN_USED_UP", "used up", nil}},
		{"wrapped", fmt.Errorf("leave: %w", fault.New(fault.Refused, "R", "no")), answer{"FailedPrecondition", "R", "no", nil}},
		{"internal", fault.New(fault.Internal, "", "database").WithCause(secret), answer{Code: "Internal"}},
		{"no fault", secret, answer{Code: "Internal"}},
		{"cancelled", fmt.Errorf("query: %w", context.Canceled), answer{"Canceled", "", "the call was cancelled", nil}},
		{"too late", fault.New(fault.Internal, "", "query").WithCause(context.DeadlineExceeded), answer{"DeadlineExceeded", "", "the call took too long", nil}},
		{"draining", ErrDraining, answer{"Unavailable", "DRAINING", "the server is stopping: reconnect", nil}},
	}
	l := start(t, nil)
	conn := l.device(t, "device-one")
	for _, tt := range tests {
		l.phones.leave = func(context.Context) error { return tt.err }
		got := answerOf(callLeave(t, conn))
		if strings.HasPrefix(got.Message, "internal error (request ") {
			got.Message = ""
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestPanic(t *testing.T) {
	l := start(t, nil)
	conn := l.device(t, "device-one")
	l.phones.leave = func(context.Context) error { panic("at the disco") }
	got := answerOf(callLeave(t, conn))
	if got.Code != "Internal" || strings.Contains(got.Message, "disco") {
		t.Errorf("got %+v", got)
	}
	logged := l.log.of(t, leave)
	if len(logged) != 1 || !strings.Contains(fmt.Sprint(logged[0]["err"]), "at the disco") {
		t.Errorf("logged %v", logged)
	}
	l.phones.leave = nil
	if err := callLeave(t, conn); err != nil {
		t.Errorf("after the panic: %v", err)
	}
}

func TestValidation(t *testing.T) {
	l := start(t, nil)
	m := goodJoin()
	m.Model, m.OsVersion, m.Token = "'; DROP TABLE devices; --", "fifteen", ""
	_, err := enrollv1.NewEnrollmentServiceClient(l.dial(t, nil)).Join(t.Context(), m)
	got := answerOf(err)
	names := make([]string, len(got.Fields))
	for i, f := range got.Fields {
		names[i], _, _ = strings.Cut(f, ":")
	}
	want := []string{"token", "token", "model", "os_version"}
	if diff := cmp.Diff(want, names); diff != "" || got.Code != "InvalidArgument" {
		t.Errorf("%s, fields (-want +got):\n%s", got.Code, diff)
	}
	if strings.Contains(fmt.Sprint(got), "DROP") {
		t.Error("the answer repeats the value")
	}
}

func TestQuickCheckComesFirst(t *testing.T) {
	trusted := false
	l := start(t, func(c *Config) {
		c.Rules = Rules{join: {Callers: []identity.Kind{identity.Anonymous}, Quick: func(proto.Message) bool { return trusted }}}
	})
	conn := l.dial(t, nil)
	for _, trusted = range []bool{false, true} {
		_, err := enrollv1.NewEnrollmentServiceClient(conn).Join(t.Context(), &enrollv1.JoinRequest{})
		want := map[bool]string{false: "InvalidArgument", true: "OK"}[trusted]
		if got := answerOf(err); got.Code != want {
			t.Errorf("quick check says %v: got %+v", trusted, got)
		}
	}
}

// TestCausesInLog: of who may not, and of who does not answer, the log says why;
// of a mistake in a request it does not repeat what a stranger wrote.
func TestCausesInLog(t *testing.T) {
	l := start(t, nil)
	conn := l.device(t, "device-one")
	for _, tt := range []struct {
		err  *fault.Error
		want any
	}{
		{fault.New(fault.Denied, "SIGN_IN_REFUSED", "it does not hold"), "it does not hold: the cause"},
		{fault.New(fault.Refused, "ISSUER_UNAVAILABLE", "try again"), "try again: the cause"},
		{fault.InvalidField("token", "is not one"), nil},
		{fault.New(fault.Refused, "LATE", "too late"), nil},
	} {
		l.phones.leave = func(context.Context) error { return tt.err.WithCause(errors.New("the cause")) }
		_, err := enrollv1.NewEnrollmentServiceClient(conn).Leave(t.Context(), &enrollv1.LeaveRequest{})
		logged := l.log.of(t, leave)
		if got := logged[len(logged)-1]["err"]; got != tt.want {
			t.Errorf("%v: the log says %v, want %v", tt.err, got, tt.want)
		}
		if strings.Contains(err.Error(), "the cause") {
			t.Errorf("the caller hears %v", err)
		}
	}
}

// raw sends octets as they are.
type raw struct{ encoding.Codec }

func (raw) Name() string { return "proto" }
func (raw) Marshal(v any) ([]byte, error) {
	b, ok := v.(*[]byte)
	if !ok {
		return nil, errors.New("not octets")
	}
	return *b, nil
}
func (raw) Unmarshal([]byte, any) error { return nil }

func (l *listener) send(t *testing.T, conn *grpc.ClientConn, method string, octets []byte) error {
	t.Helper()
	return conn.Invoke(t.Context(), method, &octets, new(any), grpc.ForceCodec(raw{}))
}

func TestMalformed(t *testing.T) {
	l := start(t, func(c *Config) { c.Limits.MessageSize = 1000 })
	conn := l.dial(t, nil)
	text := func(field protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(nil, field, protowire.BytesType), s)
	}
	tests := []struct {
		name   string
		octets []byte
		want   answer
	}{
		{"invalid UTF-8", text(5, "Pixel \xff"), answer{Code: "InvalidArgument", Fields: []string{"model: is not valid UTF-8"}}},
		{"truncated", text(5, "Pixel")[:3], answer{Code: "InvalidArgument"}},
		{"garbage", []byte{0xff, 0xff, 0xff}, answer{Code: "InvalidArgument"}},
		{"oversized", text(5, strings.Repeat("a", 2000)), answer{Code: "ResourceExhausted"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, answerOf(l.send(t, conn, join, tt.octets)).short()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	l.Drain(t.Context()) // gRPC answers the oversized one before it is logged
	if got := len(l.log.of(t, join)); got != len(tests) {
		t.Errorf("%d log lines, want %d", got, len(tests))
	}
	for reason, want := range map[string]float64{"malformed": 3, "size": 1} {
		if got := l.metric(t, "rpc_rejected_total", map[string]string{"reason": reason}); got != want {
			t.Errorf("rejected as %s = %v, want %v", reason, got, want)
		}
	}
}

func TestOneRequestACall(t *testing.T) {
	l := start(t, nil)
	conn := l.dial(t, nil)
	for _, n := range []int{0, 2} {
		stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, join)
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			if err := stream.SendMsg(goodJoin()); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if got := answerOf(stream.RecvMsg(&enrollv1.JoinResponse{})); got.Code != "InvalidArgument" {
			t.Errorf("%d requests: %+v", n, got)
		}
	}
}

func TestUnknownMethod(t *testing.T) {
	l := start(t, nil)
	conn := l.dial(t, nil)
	for _, method := range []string{"/mdm.enroll.v1.EnrollmentService/Explode", "/nobody/Home"} {
		if got := answerOf(l.send(t, conn, method, nil)); got.Code != "Unimplemented" || strings.Contains(got.Message, "Explode") {
			t.Errorf("%s: %+v", method, got)
		}
	}
	if got := l.metric(t, "rpc_requests_total", map[string]string{"method": "unknown", "code": "Unimplemented"}); got != 2 {
		t.Errorf("counted %v", got)
	}
}

func TestCallTime(t *testing.T) {
	l := start(t, func(c *Config) { c.Limits.CallTime = 10 * time.Millisecond })
	stream, err := l.dial(t, nil).NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true}, join)
	if err != nil {
		t.Fatal(err)
	}
	// The request never comes.
	if got := answerOf(stream.RecvMsg(&enrollv1.JoinResponse{})); got.Code != "DeadlineExceeded" {
		t.Errorf("got %+v", got)
	}
}

func TestHandshakeFailure(t *testing.T) {
	l := start(t, nil)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); err != nil {
		t.Fatal(err)
	}
	l.Drain(t.Context()) // the connection is closed before that is counted
	if got := l.metric(t, "rpc_rejected_total", map[string]string{"reason": "handshake"}); got != 1 {
		t.Errorf("counted %v handshakes", got)
	}
	if !strings.Contains(l.log.String(), `"msg":"handshake failed"`) {
		t.Errorf("log: %s", l.log)
	}
}

func TestLogLine(t *testing.T) {
	l := start(t, nil)
	conn := l.device(t, "device-one")
	var trailer metadata.MD
	l.phones.leave = func(ctx context.Context) error {
		c := identity.From(ctx)
		if c.RequestID == "" || c.Device != "device-one" {
			t.Errorf("caller %+v", c)
		}
		return fault.New(fault.Refused, "LATE", "too late")
	}
	_, _ = enrollv1.NewEnrollmentServiceClient(conn).Leave(t.Context(), &enrollv1.LeaveRequest{}, grpc.Trailer(&trailer))
	if _, err := enrollv1.NewEnrollmentServiceClient(l.dial(t, nil)).Join(t.Context(), goodJoin()); err != nil {
		t.Fatal(err)
	}
	logged := append(l.log.of(t, leave), l.log.of(t, join)...)
	if len(logged) != 2 {
		t.Fatalf("%d lines, want 2", len(logged))
	}
	for _, line := range logged {
		id, _ := line["request_id"].(string)
		if len(id) != 16 || line["peer"] == "" {
			t.Errorf("line %v", line)
		}
		if line["method"] == leave && trailer.Get(requestIDKey)[0] != id {
			t.Error("the client got another request id")
		}
		for _, key := range []string{"request_id", "peer", "time"} {
			delete(line, key)
		}
	}
	want := []map[string]any{
		{"level": "WARN", "msg": "rpc", "method": leave, "caller": "device:device-one", "code": "FailedPrecondition", "reason": "LATE", "duration_ms": 0.0},
		{"level": "INFO", "msg": "rpc", "method": join, "caller": "anonymous", "code": "OK", "duration_ms": 0.0},
	}
	if diff := cmp.Diff(want, logged); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	for _, secret := range []string{goodJoin().GetToken(), "somebody@example.com", "BEGIN", "Pixel"} {
		if strings.Contains(l.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	if got := l.metric(t, "rpc_duration_seconds", map[string]string{"method": leave}); got != 1 {
		t.Errorf("durations observed = %v", got)
	}
}

func TestNewRefuses(t *testing.T) {
	l := start(t, nil)
	for name, change := range map[string]func(*Config){
		"no TLS":       func(c *Config) { c.TLS = nil },
		"no verifier":  func(c *Config) { c.Verify = nil },
		"no callers":   func(c *Config) { c.Callers = nil },
		"no clock":     func(c *Config) { c.Now = nil },
		"no metrics":   func(c *Config) { c.Metrics = nil },
		"nobody logs ": func(c *Config) { c.Log = nil },
	} {
		c := l.config
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestClientCertificate: a handler sees the certificate of the connection.
func TestClientCertificate(t *testing.T) {
	l := start(t, nil)
	var got pki.Verified
	l.phones.leave = func(ctx context.Context) error {
		got = ClientCertificate(ctx)
		return nil
	}
	for _, purpose := range []pki.Purpose{pki.Device, pki.App} {
		shown := l.issue(t, purpose, "device-one")
		if err := callLeave(t, l.dial(t, shown)); err != nil {
			t.Fatal(err)
		}
		if got.Purpose != purpose || string(got.Leaf.Raw) != string(shown.chain[0]) {
			t.Errorf("%s: the handler saw %v", purpose, got)
		}
	}
	if c := ClientCertificate(t.Context()); c != (pki.Verified{}) {
		t.Errorf("outside of a call there is %v", c)
	}
}
