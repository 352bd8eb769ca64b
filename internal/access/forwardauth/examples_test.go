package forwardauth_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	authzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3" // known to the file
	managerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3" // known to the file
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"ringfence/internal/access/clientcert"
)

// example reads a YAML file of the examples, into JSON.
func example(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile("../../../examples/gateways/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var content any
	if err := yaml.Unmarshal(raw, &content); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// unpack reads what is in an Any, and checks it.
func unpack[M interface {
	proto.Message
	ValidateAll() error
}](t *testing.T, packed *anypb.Any, into M) M {
	t.Helper()
	if err := packed.UnmarshalTo(into); err != nil {
		t.Fatal(err)
	}
	if err := into.ValidateAll(); err != nil {
		t.Error(err)
	}
	return into
}

// TestEnvoyExample: the file is right to Envoy's own types, and shut where it must
// be.
func TestEnvoyExample(t *testing.T) {
	var b bootstrapv3.Bootstrap
	if err := protojson.Unmarshal(example(t, "envoy.yaml"), &b); err != nil {
		t.Fatal(err)
	}
	if err := b.ValidateAll(); err != nil {
		t.Fatal(err)
	}
	for _, l := range b.GetStaticResources().GetListeners() {
		t.Run(l.GetName(), func(t *testing.T) { checkListener(t, l) })
	}
	for _, c := range b.GetStaticResources().GetClusters() {
		if c.GetName() == "wiki" {
			continue
		}
		context := unpack(t, c.GetTransportSocket().GetTypedConfig(), new(tlsv3.UpstreamTlsContext)).GetCommonTlsContext()
		if v := context.GetValidationContext(); v.GetTrustedCa() == nil || len(v.GetMatchTypedSubjectAltNames()) == 0 || len(context.GetTlsCertificates()) == 0 {
			t.Errorf("%s is not authenticated both ways", c.GetName())
		}
	}
}

func checkListener(t *testing.T, l *listenerv3.Listener) {
	t.Helper()
	chain := l.GetFilterChains()[0]
	people := unpack(t, chain.GetTransportSocket().GetTypedConfig(), new(tlsv3.DownstreamTlsContext))
	if people.GetCommonTlsContext().GetValidationContext().GetTrustedCa() == nil {
		t.Error("anybody's certificate is taken")
	}
	m := unpack(t, chain.GetFilters()[0].GetTypedConfig(), new(managerv3.HttpConnectionManager))
	authz := unpack(t, m.GetHttpFilters()[0].GetTypedConfig(), new(authzv3.ExtAuthz))
	if authz.GetFailureModeAllow() {
		t.Error("it opens where nobody can be asked")
	}
	byHeader := m.GetForwardClientCertDetails() == managerv3.HttpConnectionManager_SANITIZE_SET && m.GetSetCurrentClientCertDetails().GetCert()
	byAttribute := m.GetForwardClientCertDetails() == managerv3.HttpConnectionManager_SANITIZE && authz.GetIncludePeerCertificate()
	if byHeader != (authz.GetHttpService() != nil) || byAttribute != (authz.GetGrpcService() != nil) {
		t.Error("the certificate is not passed on as it must be")
	}
	var dropped []string
	for _, mutation := range unpack(t, m.GetEarlyHeaderMutationExtensions()[0].GetTypedConfig(), new(mutationv3.HeaderMutation)).GetMutations() {
		dropped = append(dropped, mutation.GetRemove())
	}
	for _, name := range append(clientcert.Headers(), "X-Ringfence-User", "X-Ringfence-Mfa", "X-Real-Ip") {
		if name = strings.ToLower(name); name != "x-forwarded-client-cert" && !slices.Contains(dropped, name) {
			t.Errorf("what a client says as %s is not dropped", name)
		}
	}
	if service := authz.GetHttpService(); service != nil {
		w := open(t)
		rec := httptest.NewRecorder()
		w.door.Check().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, service.GetPathPrefix()+"/page?app=other", nil))
		if q := w.questions(); rec.Code != http.StatusOK || len(q) != 1 || q[0].SignIn.App != "wiki" {
			t.Errorf("asked like that, the door says %d %v", rec.Code, rec.Header())
		}
	}
}

// TestTraefikExample: the file is YAML, asks what the door understands, and drops
// what clients must not say before it asks.
func TestTraefikExample(t *testing.T) {
	var file struct {
		HTTP struct {
			Routers     map[string]struct{ Middlewares []string }
			Middlewares map[string]struct {
				Headers     struct{ CustomRequestHeaders map[string]string }
				ForwardAuth struct {
					Address            string
					TrustForwardHeader bool
					TLS                map[string]string
				}
			}
		}
	}
	if err := json.Unmarshal(example(t, "traefik.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(file.HTTP.Routers["wiki"].Middlewares, " "); got != "drop-claims certificate ringfence drop-certificate" {
		t.Errorf("the order is %s", got)
	}
	dropped := file.HTTP.Middlewares["drop-claims"].Headers.CustomRequestHeaders
	for _, name := range append(clientcert.Headers(), "X-Ringfence-User", "X-Ringfence-Mfa") {
		found := false
		for each, value := range dropped {
			found = found || http.CanonicalHeaderKey(each) == name && value == ""
		}
		if !found {
			t.Errorf("what a client says as %s is not dropped", name)
		}
	}
	auth := file.HTTP.Middlewares["ringfence"].ForwardAuth
	path, ok := strings.CutPrefix(auth.Address, "https://mdm.example.com:8445")
	if !ok || auth.TrustForwardHeader || auth.TLS["cert"] == "" || auth.TLS["ca"] == "" {
		t.Errorf("it asks %+v", auth)
	}
	w := open(t)
	rec := httptest.NewRecorder()
	w.door.Check().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	if rec.Code != http.StatusOK {
		t.Errorf("asked like that, the door says %d %v", rec.Code, rec.Header())
	}
}
