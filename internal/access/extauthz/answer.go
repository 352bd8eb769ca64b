package extauthz

import (
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"

	"ringfence/internal/access"
	"ringfence/internal/access/advice"
)

// The headers that are ours.
const (
	prefix             = "x-ringfence-"
	headerDecision     = prefix + "decision"
	headerReason       = prefix + "reason"
	headerDevice       = prefix + "device"
	headerRegistration = prefix + "registration"
	headerUser         = prefix + "user"
	headerSession      = prefix + "session"
)

// ours are those that upstream may rely on.
var ours = []string{headerDecision, headerReason, headerDevice, headerRegistration, headerUser, headerSession}

// allowed lets a request go on. Each of our headers is either set or removed,
// never both: Envoy removes after it has set.
func allowed(a *access.Answer, q *question) *authv3.CheckResponse {
	set := map[string]string{headerDecision: a.Decision.Outcome.String()}
	if isPlain(a.SignIn.Person.Name) {
		set[headerUser] = a.SignIn.Person.Name
	}
	if d := a.Facts.Device; d != nil {
		set[headerDevice] = string(d.ID)
	}
	if r := a.Facts.Registration; r != nil {
		set[headerRegistration] = string(r.ID)
	}
	if labels := strings.Join(a.Decision.Session().Labels, ","); isPlain(labels) {
		set[headerSession] = labels
	}
	ok := &authv3.OkHttpResponse{HeadersToRemove: removed(set, q.headers)}
	for _, name := range ours {
		if value, found := set[name]; found {
			ok.Headers = append(ok.Headers, header(name, value))
		}
	}
	return &authv3.CheckResponse{
		Status:          &status.Status{Code: int32(codes.OK)},
		HttpResponse:    &authv3.CheckResponse_OkResponse{OkResponse: ok},
		DynamicMetadata: metadata(a, nil),
	}
}

// removed gives our headers that are not set, and what else the client has sent
// that looks like them: to many programs upstream "_" is "-".
func removed(set map[string]string, sent []string) []string {
	var names []string
	for _, name := range slices.Concat(ours, sent) {
		if _, found := set[name]; !found && strings.HasPrefix(strings.ReplaceAll(name, "_", "-"), prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// denied keeps a request out, and says why.
func denied(a *access.Answer, q *question) *authv3.CheckResponse {
	e := a.Explain()
	r := no{
		code: codes.PermissionDenied, status: typev3.StatusCode_Forbidden, outcome: a.Decision.Outcome.String(),
		reason: strings.Join(advice.Reasons(&e), ", "), body: advice.For(&e), metadata: metadata(a, &e),
	}
	if q.stepUp && a.Decision.Outcome == access.AllowWith && onlyMFA(e.Owed) {
		r.code, r.status = codes.Unauthenticated, typev3.StatusCode_Unauthorized
		r.challenge = `Bearer error="insufficient_user_authentication"` // RFC 9470
	}
	return refusal(r)
}

// onlyMFA reports whether a second factor is enough.
func onlyMFA(owed []access.ControlSet) bool {
	return len(owed) == 1 && owed[0].Has(access.MFA)
}

// no is a denial.
type no struct {
	code            codes.Code
	status          typev3.StatusCode
	outcome, reason string
	// challenge is the header of a 401.
	challenge string
	// body is for the person.
	body     string
	metadata *structpb.Struct
}

// The denials without a decision.
var (
	nobody = no{
		code: codes.Unauthenticated, status: typev3.StatusCode_Unauthorized, reason: "nobody", challenge: "Bearer",
		body: "Sign in, or use a phone that your organisation manages.",
	}
	notOurs = no{
		code: codes.PermissionDenied, status: typev3.StatusCode_Forbidden, reason: "certificate",
		body: "The certificate of this phone is not, or no longer, accepted.",
	}
	malformed = no{
		code: codes.PermissionDenied, status: typev3.StatusCode_Forbidden, reason: "malformed",
		body: "This request cannot be understood.",
	}
	unavailable = no{
		code: codes.Unavailable, status: typev3.StatusCode_ServiceUnavailable, reason: "unavailable",
		body: "Whether access is allowed cannot be told at present. Try again.",
	}
)

// refusal makes the answer of a denial. It is never an error response.
func refusal(n no) *authv3.CheckResponse {
	if n.outcome == "" {
		n.outcome = access.Deny.String()
	}
	if n.metadata == nil {
		n.metadata = &structpb.Struct{Fields: map[string]*structpb.Value{"decision": structpb.NewStringValue(n.outcome)}}
	}
	n.metadata.Fields["reason"] = structpb.NewStringValue(n.reason)
	r := &authv3.DeniedHttpResponse{
		Status: &typev3.HttpStatus{Code: n.status}, Body: n.body + "\n",
		Headers: []*corev3.HeaderValueOption{
			header("content-type", "text/plain; charset=utf-8"), header("cache-control", "no-store"),
			header(headerDecision, n.outcome), header(headerReason, n.reason),
		},
	}
	if n.challenge != "" {
		r.Headers = append(r.Headers, header("www-authenticate", n.challenge))
	}
	return &authv3.CheckResponse{
		Status:          &status.Status{Code: int32(n.code), Message: n.reason}, //nolint:gosec // one of gRPC's 17 codes
		HttpResponse:    &authv3.CheckResponse_DeniedResponse{DeniedResponse: r},
		DynamicMetadata: n.metadata,
	}
}

// header is one that takes the place of any other of its name.
func header(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, Value: value},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

// isPlain reports whether a text can be the value of a header: it is not empty,
// and all of it is ASCII that can be seen. What is not stays in the metadata.
func isPlain(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}
