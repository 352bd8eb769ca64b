package proxytest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// Nginx runs nginx from examples/gateways/nginx.conf until the test is over, and
// gives its host:port. People reach the app there over TLS, as Host.
func Nginx(t testing.TB, s Site) string {
	t.Helper()
	return nginx.start(t, s)
}

// Caddy runs Caddy from examples/gateways/Caddyfile in the same way.
func Caddy(t testing.TB, s Site) string {
	t.Helper()
	return caddy.start(t, s)
}

var nginx = gateway{
	program: "nginx", example: "nginx.conf",
	changes: func(_ *Site, address string) []string {
		return []string{"listen 443 ssl", "listen " + address + " ssl"}
	},
	wrap: func(dir, _ string) (string, []string) {
		user := ""
		if os.Geteuid() == 0 {
			user = "user root;\n" // who else cannot read the test's folder
		}
		config := fmt.Sprintf(`%sdaemon off;
worker_processes 1;
pid %[2]s/pid;
error_log stderr warn;
events {}
http {
    access_log off;
    client_body_temp_path %[2]s/body;
    proxy_temp_path %[2]s/proxy;
    fastcgi_temp_path %[2]s/fastcgi;
    uwsgi_temp_path %[2]s/uwsgi;
    scgi_temp_path %[2]s/scgi;
    include %[2]s/nginx.conf;
}
`, user, dir)
		return config, []string{"-e", "stderr", "-p", dir, "-c", filepath.Join(dir, "main.conf")}
	},
	environment: func(string) []string { return nil },
}

var caddy = gateway{
	program: "caddy", example: "Caddyfile",
	changes: func(*Site, string) []string { return nil },
	wrap: func(dir, address string) (string, []string) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			panic("proxytest: it is the address of a listener: " + err.Error())
		}
		config := fmt.Sprintf(`{
	admin off
	auto_https disable_redirects
	default_bind %s
	https_port %s
	servers {
		protocols h1 h2
	}
}
import %s/Caddyfile
`, host, port, dir)
		return config, []string{"run", "--adapter", "caddyfile", "--config", filepath.Join(dir, "main.conf")}
	},
	environment: func(dir string) []string {
		return []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}
	},
}
