package extauthz

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"ringfence/internal/access"
	"ringfence/internal/access/clientcert"
	"ringfence/internal/fault"
)

// The context extensions that routes may have.
const (
	extApp     = "app"
	extUser    = "user"
	extClient  = "client"
	extCountry = "country"
	extOwed    = "owed"
)

// question is what Envoy asks, in our words.
type question struct {
	access.Question
	// headers are the names of those that the client has sent, in small letters.
	headers []string
	// stepUp: the route wants a 401 where a second factor is all that is owed.
	stepUp bool
}

// question finds out who wants what. A Denied fault says that the one who asks
// is not let in whatever policies say; an Invalid one that this is no question.
func (s *Server) question(ctx context.Context, a *authv3.AttributeContext) (question, error) {
	route, http := a.GetContextExtensions(), a.GetRequest().GetHttp()
	q := question{headers: headerNames(http), stepUp: route[extOwed] == "401"}
	if err := s.identify(ctx, &q, a); err != nil {
		return q, err
	}
	in := &q.SignIn
	in.Person.Name = strings.ToLower(s.person(a))
	if in.Person.Name == "" && q.Device == "" && q.Registration == "" {
		return q, errNobody
	}
	in.MFA = saysMFA(lookup(a.GetMetadataContext(), s.c.MFA))
	in.Country = strings.ToUpper(route[extCountry])
	if address, err := netip.ParseAddr(a.GetSource().GetAddress().GetSocketAddress().GetAddress()); err == nil {
		in.Address = address
	}
	in.Request = &access.Request{Action: http.GetMethod()}
	var err error
	if in.Client, err = clientOf(route[extClient]); err != nil {
		return q, err
	}
	in.App, err = appOf(route[extApp], http.GetHost())
	return q, err
}

// identify finds out whose phone it is.
func (s *Server) identify(ctx context.Context, q *question, a *authv3.AttributeContext) error {
	der, err := s.certificate(a)
	if der == nil || err != nil {
		return err
	}
	holder, err := s.c.Phones.Identify(ctx, der)
	if err != nil {
		return err
	}
	q.Device, q.Registration = holder.Device, holder.Registration
	if q.Device == "" && q.Registration == "" {
		return fault.New(fault.Denied, "", "the certificate is nobody's")
	}
	q.SignIn.CertificateBound = true
	return nil
}

// certificate gives the certificate of the client, nil where it has shown none.
func (s *Server) certificate(a *authv3.AttributeContext) ([]byte, error) {
	if escaped := a.GetSource().GetCertificate(); escaped != "" {
		return fromPEM(escaped)
	}
	if !s.c.TrustXFCC {
		return nil, nil
	}
	values := headerValues(a.GetRequest().GetHttp(), "x-forwarded-client-cert")
	switch len(values) {
	case 0:
		return nil, nil
	case 1:
	default:
		return nil, fault.InvalidField("x-forwarded-client-cert", "is there %d times", len(values))
	}
	peer, err := clientcert.ParseXFCC(values[0])
	switch {
	case errors.Is(err, clientcert.ErrNone):
		return nil, nil
	case err == nil && peer.DER == nil:
		return nil, fault.InvalidField("x-forwarded-client-cert", "has no Cert: let the proxy pass the certificate on")
	}
	return peer.DER, err
}

// person gives the name of the person, empty where only the phone knows it.
func (s *Server) person(a *authv3.AttributeContext) string {
	if name := lookup(a.GetMetadataContext(), s.c.User).GetStringValue(); name != "" {
		return name
	}
	return a.GetContextExtensions()[extUser]
}

// lookup finds a value in metadata: the name of a filter, then keys. Nil where
// there is none.
func lookup(m *corev3.Metadata, path []string) *structpb.Value {
	if len(path) < 2 {
		return nil
	}
	at := m.GetFilterMetadata()[path[0]]
	for _, key := range path[1 : len(path)-1] {
		at = at.GetFields()[key].GetStructValue()
	}
	return at.GetFields()[path[len(path)-1]]
}

func saysMFA(v *structpb.Value) bool {
	return v.GetBoolValue() || slices.ContainsFunc(v.GetListValue().GetValues(), func(one *structpb.Value) bool {
		return one.GetStringValue() == "mfa"
	})
}

// clientOf reads the kind of a client by the name that policies have for it.
func clientOf(name string) (access.ClientApp, error) {
	for c := access.UnknownClient; c <= access.OtherClient; c++ {
		if name == c.String() || name == "" {
			return c, nil
		}
	}
	return 0, fault.InvalidField("context_extensions["+extClient+"]", "is no kind of client")
}

// headerNames gives the names of all headers, in small letters.
func headerNames(r *authv3.AttributeContext_HttpRequest) []string {
	names := make([]string, 0, len(r.GetHeaders())+len(r.GetHeaderMap().GetHeaders()))
	for name := range r.GetHeaders() {
		names = append(names, strings.ToLower(name))
	}
	for _, h := range r.GetHeaderMap().GetHeaders() {
		names = append(names, strings.ToLower(h.GetKey()))
	}
	return names
}

// headerValues gives the values of a header, in either form in which Envoy sends
// them.
func headerValues(r *authv3.AttributeContext_HttpRequest, name string) []string {
	var values []string
	for key, value := range r.GetHeaders() {
		if strings.EqualFold(key, name) {
			values = append(values, value)
		}
	}
	for _, h := range r.GetHeaderMap().GetHeaders() {
		if !strings.EqualFold(h.GetKey(), name) {
			continue
		}
		value := h.GetValue()
		if raw := h.GetRawValue(); len(raw) > 0 {
			value = string(raw)
		}
		values = append(values, value)
	}
	return values
}
