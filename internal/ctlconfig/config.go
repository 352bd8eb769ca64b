package ctlconfig

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Default ports of the two listeners an administrator's command line speaks of.
const (
	adminPort  = "9443"
	devicePort = "8443"
)

// Config is the whole file.
type Config struct {
	// CurrentContext names the context used when none is asked for.
	CurrentContext string    `yaml:"currentContext,omitempty"`
	Contexts       []Context `yaml:"contexts"`
}

// Context is one server and how to speak to it. Each of CA, Certificate and Key
// is PEM text; or the field beside it names a file with that text. Both at once
// are refused.
type Context struct {
	Name string `yaml:"name"`
	// Server is host or host:port of the admin listener; the port defaults to
	// 9443.
	Server string `yaml:"server"`
	// DeviceServer is host or host:port of the device listener, told to phones
	// that are to enrol. Optional: the host of Server, port 8443.
	DeviceServer string `yaml:"deviceServer,omitempty"`

	CA              string `yaml:"ca,omitempty"`
	CAFile          string `yaml:"caFile,omitempty"`
	Certificate     string `yaml:"certificate,omitempty"`
	CertificateFile string `yaml:"certificateFile,omitempty"`
	Key             string `yaml:"key,omitempty"`
	KeyFile         string `yaml:"keyFile,omitempty"`
}

// ErrNoContext says that the asked context, or any, is not in the file.
var ErrNoContext = errors.New("no such context")

// Find gives the named context, or the current one for an empty name; a file
// with a single context needs no current one. Errors: ErrNoContext.
func (c Config) Find(name string) (Context, error) {
	if name == "" {
		name = c.CurrentContext
	}
	if name == "" && len(c.Contexts) == 1 {
		return c.Contexts[0], nil
	}
	if name == "" {
		return Context{}, fmt.Errorf("%w: none is chosen", ErrNoContext)
	}
	for _, x := range c.Contexts {
		if x.Name == name {
			return x, nil
		}
	}
	return Context{}, fmt.Errorf("%w: %q", ErrNoContext, name)
}

// Current gives the context used when none is asked for. Errors: ErrNoContext.
func (c Config) Current() (Context, error) { return c.Find("") }

// Set puts x in place of the context of its name, or adds it.
func (c *Config) Set(x Context) {
	if i := c.index(x.Name); i >= 0 {
		c.Contexts[i] = x
		return
	}
	c.Contexts = append(c.Contexts, x)
}

// Remove takes the named context away and reports whether it was there.
func (c *Config) Remove(name string) bool {
	i := c.index(name)
	if i < 0 {
		return false
	}
	c.Contexts = slices.Delete(c.Contexts, i, i+1)
	if c.CurrentContext == name {
		c.CurrentContext = ""
	}
	return true
}

func (c Config) index(name string) int {
	return slices.IndexFunc(c.Contexts, func(x Context) bool { return x.Name == name })
}

func (c Config) check() error {
	seen := make(map[string]bool, len(c.Contexts))
	for i, x := range c.Contexts {
		switch {
		case x.Name == "":
			return fmt.Errorf("contexts[%d]: name is missing", i)
		case seen[x.Name]:
			return fmt.Errorf("context %q is there twice", x.Name)
		}
		seen[x.Name] = true
		if err := x.check(); err != nil {
			return fmt.Errorf("context %q: %w", x.Name, err)
		}
	}
	return nil
}

func (x Context) check() error {
	if _, err := address(x.Server, adminPort); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	if _, err := x.DeviceAddress(); err != nil {
		return fmt.Errorf("deviceServer: %w", err)
	}
	for _, p := range x.parts() {
		if *p.pem != "" && *p.file != "" {
			return fmt.Errorf("%s and %sFile are both given", p.name, p.name)
		}
	}
	return nil
}

// Address gives host:port of the admin listener.
func (x Context) Address() (string, error) { return address(x.Server, adminPort) }

// DeviceAddress gives host:port of the device listener.
func (x Context) DeviceAddress() (string, error) {
	if x.DeviceServer != "" {
		return address(x.DeviceServer, devicePort)
	}
	admin, err := x.Address()
	if err != nil {
		return "", err
	}
	host, _, err := net.SplitHostPort(admin)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(host, devicePort), nil
}

// Resolve gives x with the texts of its files in place of their names; dir is
// the folder relative names start from. Errors: a file that cannot be read.
func (x Context) Resolve(dir string) (Context, error) {
	for _, p := range x.parts() {
		if *p.file == "" {
			continue
		}
		path := *p.file
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return Context{}, fmt.Errorf("%sFile: %w", p.name, err)
		}
		*p.pem, *p.file = string(text), ""
	}
	return x, nil
}

type part struct {
	name      string
	pem, file *string
}

func (x *Context) parts() []part {
	return []part{
		{"ca", &x.CA, &x.CAFile},
		{"certificate", &x.Certificate, &x.CertificateFile},
		{"key", &x.Key, &x.KeyFile},
	}
}

// addressForm keeps whatever a shell would act on out of the command lines that
// are printed with an address in them.
var addressForm = regexp.MustCompile(`^[A-Za-z0-9._:\[\]-]+$`)

// address completes host, host:port, [v6] or [v6]:port.
func address(s, port string) (string, error) {
	if s == "" {
		return "", errors.New("address is missing")
	}
	if !addressForm.MatchString(s) {
		return "", fmt.Errorf("%q is not host:port", s)
	}
	host, p, err := net.SplitHostPort(s)
	if err != nil {
		host, p = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"), port
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return "", fmt.Errorf("%q is not host:port", s)
		}
	}
	if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 || host == "" {
		return "", fmt.Errorf("%q is not host:port", s)
	}
	return net.JoinHostPort(host, p), nil
}
