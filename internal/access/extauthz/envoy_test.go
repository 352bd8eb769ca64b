package extauthz_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"buf.build/go/protoyaml"
	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3" // known to the file
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"

	"ringfence/internal/access"
	"ringfence/internal/access/extauthz"
)

// bootstrap gives the file that an Envoy is started with.
func bootstrap(t *testing.T, folder string, door, upstream net.Addr) []byte {
	t.Helper()
	raw, err := os.ReadFile("testdata/envoy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	port := func(a net.Addr) string { return fmt.Sprint(a.(*net.TCPAddr).Port) }
	return []byte(strings.NewReplacer("FOLDER", folder, "DOOR", port(door), "UPSTREAM", port(upstream)).Replace(string(raw)))
}

// TestEnvoysFile: the file is right to Envoy's own types.
func TestEnvoysFile(t *testing.T) {
	var b bootstrapv3.Bootstrap
	raw := bootstrap(t, "/folder", &net.TCPAddr{Port: 1}, &net.TCPAddr{Port: 2})
	if err := protoyaml.Unmarshal(raw, &b); err != nil {
		t.Fatal(err)
	}
	if err := b.ValidateAll(); err != nil {
		t.Fatal(err)
	}
}

// TestEnvoy has a real Envoy in front of a page: a phone is let in, kept out when
// its PIN is too short, and let in again.
func TestEnvoy(t *testing.T) {
	envoy, err := exec.LookPath("envoy")
	if err != nil {
		t.Skip("there is no envoy on the PATH, and no Debian package of it")
	}
	folder := t.TempDir()
	phones := newAuthority(t, folder)
	w := newWorld(t, access.CompliantDevice)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	authv3.RegisterAuthorizationServer(server, extauthz.New(extauthz.Config{Decider: w, Phones: phones}))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "%s %v", r.Header.Get("x-ringfence-device"), r.Header.Values("x-ringfence-user")) //nolint:gosec // plain text, to a test
	}))
	t.Cleanup(page.Close)
	address := run(t, envoy, folder, bootstrap(t, folder, listener.Addr(), page.Listener.Addr()))

	get := func() (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("x-ringfence-user", "boss")
		answer, err := phones.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	if code, body := get(); code != 200 || body != "phone-0001 ["+ada+"]" {
		t.Errorf("a phone that is compliant: %d %s", code, body)
	}
	w.unfit()
	if code, body := get(); code != 403 || !strings.Contains(body, "Choose a PIN") {
		t.Errorf("a phone that is not: %d %s", code, body)
	}
	w.facts[phone].Device.Compliance.Fitness = access.Fit
	if code, body := get(); code != 200 {
		t.Errorf("a phone that is again: %d %s", code, body)
	}
}

// run starts Envoy, and gives the address it listens at.
func run(t *testing.T, envoy, folder string, file []byte) string {
	t.Helper()
	config, admin := filepath.Join(folder, "envoy.yaml"), filepath.Join(folder, "admin")
	if err := os.WriteFile(config, file, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, envoy, "-c", config, "--admin-address-path", admin, "--use-dynamic-base-id", "--log-level", "warning")
	command.Stderr = t.Output()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = command.Wait()
	})
	tick, late := time.NewTicker(50*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if address := listening(admin); address != "" {
				return address
			}
		case <-late:
			t.Fatal("Envoy does not listen")
		}
	}
}

// listening asks Envoy where it listens; empty where it does not yet.
func listening(admin string) string {
	at, err := os.ReadFile(admin)
	if err != nil || len(at) == 0 {
		return ""
	}
	answer, err := http.Get("http://" + string(at) + "/listeners?format=json")
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	var all struct {
		Statuses []struct {
			Address struct {
				Socket struct {
					Address string `json:"address"`
					Port    int    `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&all); err != nil || len(all.Statuses) == 0 || all.Statuses[0].Address.Socket.Port == 0 {
		return ""
	}
	s := all.Statuses[0].Address.Socket
	return net.JoinHostPort(s.Address, fmt.Sprint(s.Port))
}

// authority issues the certificates of Envoy and of one phone.
type authority struct {
	client *http.Client
	leaf   []byte
}

// Identify knows the one phone.
func (a *authority) Identify(_ context.Context, der []byte) (extauthz.Holder, error) {
	if string(der) != string(a.leaf) {
		return extauthz.Holder{}, os.ErrNotExist
	}
	return extauthz.Holder{Device: phone, User: ada}, nil
}

func newAuthority(t *testing.T, folder string) *authority {
	t.Helper()
	template := func(serial int64) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
	}
	root := template(1)
	root.IsCA, root.BasicConstraintsValid, root.KeyUsage, root.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
	rootKey, rootDER := issue(t, root, root, nil)
	serverKey, serverDER := issue(t, template(2), root, rootKey)
	phoneKey, phoneDER := issue(t, template(3), root, rootKey)
	key, err := x509.MarshalPKCS8PrivateKey(serverKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"authority.pem": {Type: "CERTIFICATE", Bytes: rootDER},
		"server.pem":    {Type: "CERTIFICATE", Bytes: serverDER},
		"server.key":    {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}))
	transport := &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: roots, Certificates: []tls.Certificate{{Certificate: [][]byte{phoneDER}, PrivateKey: phoneKey}},
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &authority{&http.Client{Transport: transport}, phoneDER}
}

func issue(t *testing.T, c, parent *x509.Certificate, by *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if by == nil {
		by = key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	return key, der
}
