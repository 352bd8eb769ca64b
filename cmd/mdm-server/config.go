package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"ringfence/internal/webkeys"
)

// Config is every knob of the server. The zero value is not usable: start from
// defaultConfig. Each flag may also be given as an environment variable,
// "MDM_" and the flag in upper case with "_" for "-"; the flag wins.
type Config struct {
	// Data is the folder of everything the server keeps outside a PostgreSQL
	// database: the SQLite file, the certificate authority, the first
	// administrator's credential. Made with mode 0700.
	Data string
	// Database is "sqlite:PATH" or "postgres://…"; empty means SQLite in Data.
	Database string
	// DatabaseConns bounds the connections to PostgreSQL.
	DatabaseConns int

	// DeviceListen, AdminListen and OpsListen are host:port; "off" closes one.
	DeviceListen, AdminListen, OpsListen string
	// ServerNames are the DNS names and IP addresses in the server's
	// certificate, beside localhost and this machine's host name.
	ServerNames []string
	// CRLURL is where third parties fetch the revocation list of client
	// certificates; written into each. Empty leaves it out.
	CRLURL string

	// EvidenceMaxAge is how old a device's last report may be before the
	// device counts as non-compliant.
	EvidenceMaxAge time.Duration
	// ApplyGrace is how long a device may take to apply a new manifest.
	ApplyGrace time.Duration
	// CheckInInterval is how often a device is asked to report.
	CheckInInterval time.Duration
	// AppCheckInInterval is how often an app in use is asked to report.
	AppCheckInInterval time.Duration
	// WatchTick is how often an open Watch stream looks again without a ring.
	// With several servers on one database it bounds how late a change made
	// through another server is noticed.
	WatchTick time.Duration
	// AuditName is the name of the audit record in its signatures. Empty keeps
	// the one it has; a new record gets one of its own.
	AuditName string
	// AuditHeadEvery is how often a head of the record is signed when it has
	// grown.
	AuditHeadEvery time.Duration
	// Notices says who is told what the record says people must know.
	Notices noticeConfig
	// Accounts says where the organisation's people come from.
	Accounts accountConfig
	// Access says where gateways and applications ask who may enter.
	Access accessConfig
	// DrainTimeout is how long shutdown waits for calls under way.
	DrainTimeout time.Duration

	// LogFormat is "json" or "text"; LogLevel "debug", "info", "warn", "error".
	LogFormat, LogLevel string

	// Limits are raised by tests and benchmarks only.
	Limits limits
	// now is the clock; nil is the computer's. Tests have one that they can set.
	now func() time.Time
}

// clock gives the time in UTC.
func (c *Config) clock() func() time.Time {
	if c.now != nil {
		return c.now
	}
	return func() time.Time { return time.Now().UTC() }
}

// limits bound what one caller may do.
type limits struct {
	DevicePerSecond, DeviceBurst       int
	AnonymousPerSecond, AnonymousBurst int
	AdminPerSecond, AdminBurst         int
	StreamsPerDevice                   int
	GatewayPerSecond, GatewayBurst     int
	StreamsPerGateway                  int
}

func defaultConfig() Config {
	return Config{
		Data:               "data",
		DatabaseConns:      16,
		DeviceListen:       ":8443",
		AdminListen:        ":9443",
		OpsListen:          "127.0.0.1:9090",
		EvidenceMaxAge:     24 * time.Hour,
		ApplyGrace:         time.Hour,
		CheckInInterval:    4 * time.Hour,
		AppCheckInInterval: 30 * time.Minute,
		WatchTick:          time.Minute,
		AuditHeadEvery:     10 * time.Second,
		Notices:            noticeConfig{Every: 5 * time.Second},
		Accounts:           accountConfig{SCIMListen: off},
		Access:             accessConfig{GatewayListen: off, Listen: off, Algorithm: string(webkeys.RS256)},
		DrainTimeout:       15 * time.Second,
		LogFormat:          "json",
		LogLevel:           "info",
		Limits: limits{
			DevicePerSecond: 50, DeviceBurst: 200,
			AnonymousPerSecond: 10, AnonymousBurst: 50,
			AdminPerSecond: 200, AdminBurst: 400,
			StreamsPerDevice: 4,
			GatewayPerSecond: 20000, GatewayBurst: 20000,
			StreamsPerGateway: 64,
		},
	}
}

// flags binds the configuration to command-line flags.
func (c *Config) flags(f *pflag.FlagSet) {
	f.StringVar(&c.Data, "data", c.Data, "`folder` for the database, the certificate authority and the first credential")
	f.StringVar(&c.Database, "database", c.Database, "`dsn`: sqlite:PATH or postgres://…; default SQLite in the data folder")
	f.IntVar(&c.DatabaseConns, "database-conns", c.DatabaseConns, "most connections to PostgreSQL")
	f.StringVar(&c.DeviceListen, "device-listen", c.DeviceListen, "`address` for devices, or off")
	f.StringVar(&c.AdminListen, "admin-listen", c.AdminListen, "`address` for administrators, or off")
	f.StringVar(&c.OpsListen, "ops-listen", c.OpsListen, "`address` for health, metrics and the revocation list, or off")
	f.StringSliceVar(&c.ServerNames, "server-name", c.ServerNames, "DNS `name` or IP address of this server; may be repeated")
	f.StringVar(&c.CRLURL, "crl-url", c.CRLURL, "`URL` of the revocation list, written into client certificates")
	f.DurationVar(&c.EvidenceMaxAge, "evidence-max-age", c.EvidenceMaxAge, "oldest report a compliant verdict may rest on")
	f.DurationVar(&c.ApplyGrace, "apply-grace", c.ApplyGrace, "time a device has to apply a new manifest")
	f.DurationVar(&c.CheckInInterval, "check-in-interval", c.CheckInInterval, "how often devices report")
	f.DurationVar(&c.AppCheckInInterval, "app-check-in-interval", c.AppCheckInInterval, "how often apps in use report")
	f.DurationVar(&c.WatchTick, "watch-tick", c.WatchTick, "how often an open Watch looks again without a ring")
	f.StringVar(&c.AuditName, "audit-name", c.AuditName, "`name` of a new audit record in its signatures, without spaces")
	f.DurationVar(&c.AuditHeadEvery, "audit-head-every", c.AuditHeadEvery, "how often a head of the audit record is signed when it has grown")
	c.Notices.flags(f)
	c.Accounts.flags(f)
	c.Access.flags(f)
	f.DurationVar(&c.DrainTimeout, "drain-timeout", c.DrainTimeout, "how long shutdown waits for calls under way")
	f.StringVar(&c.LogFormat, "log-format", c.LogFormat, "json or text")
	f.StringVar(&c.LogLevel, "log-level", c.LogLevel, "debug, info, warn or error")
}

// fromEnvironment sets every flag that was not given on the command line and
// has an environment variable. Secrets such as a database password belong
// there, where no process list shows them.
func fromEnvironment(f *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var errs []error
	f.VisitAll(func(flag *pflag.Flag) {
		name := "MDM_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		value, ok := lookup(name)
		if !ok || flag.Changed {
			return
		}
		if err := f.Set(flag.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("environment variable %s: not a valid --%s", name, flag.Name))
		}
	})
	return errors.Join(errs...)
}

// check refuses what cannot work, and fills in what follows from the rest.
func (c *Config) check() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Data == "" {
		fail("--data: a folder is needed")
	}
	if c.Database == "" {
		c.Database = "sqlite:" + filepath.Join(c.Data, "ringfence.db")
	}
	if !strings.HasPrefix(c.Database, "sqlite:") && !isPostgres(c.Database) {
		fail("--database: must begin with sqlite: or postgres://")
	}
	if c.DatabaseConns < 2 || c.DatabaseConns > 1000 {
		fail("--database-conns: must be 2 to 1000")
	}
	for _, l := range []struct{ flag, address string }{
		{"device-listen", c.DeviceListen}, {"admin-listen", c.AdminListen}, {"ops-listen", c.OpsListen},
		{"scim-listen", c.Accounts.SCIMListen}, {"gateway-listen", c.Access.GatewayListen}, {"access-listen", c.Access.Listen},
	} {
		if _, _, err := net.SplitHostPort(l.address); err != nil && l.address != off {
			fail("--%s: %q is neither host:port nor off", l.flag, l.address)
		}
	}
	for _, d := range []struct {
		flag     string
		value    time.Duration
		min, max time.Duration
	}{
		{"evidence-max-age", c.EvidenceMaxAge, time.Minute, 90 * 24 * time.Hour},
		{"apply-grace", c.ApplyGrace, 0, 30 * 24 * time.Hour},
		{"check-in-interval", c.CheckInInterval, 10 * time.Second, 7 * 24 * time.Hour},
		{"app-check-in-interval", c.AppCheckInInterval, 10 * time.Second, 24 * time.Hour},
		{"watch-tick", c.WatchTick, 100 * time.Millisecond, time.Hour},
		{"audit-head-every", c.AuditHeadEvery, 100 * time.Millisecond, time.Hour},
		{"drain-timeout", c.DrainTimeout, 0, 10 * time.Minute},
	} {
		if d.value < d.min || d.value > d.max {
			fail("--%s: must be %v to %v", d.flag, d.min, d.max)
		}
	}
	errs = append(errs, c.Notices.check(), c.Accounts.check(), c.Access.check())
	if c.CheckInInterval >= c.EvidenceMaxAge {
		fail("--check-in-interval: must be shorter than --evidence-max-age, else every device turns non-compliant between two reports")
	}
	if c.LogFormat != "json" && c.LogFormat != "text" {
		fail("--log-format: must be json or text")
	}
	if _, ok := logLevels[c.LogLevel]; !ok {
		fail("--log-level: must be debug, info, warn or error")
	}
	return errors.Join(errs...)
}

// off closes a listener.
const off = "off"

// names are what the server's certificate is for.
func (c *Config) names() []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	return slices.Concat(names, c.ServerNames, c.Access.hostNames())
}

// isPostgres reports whether dsn names a PostgreSQL database.
func isPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}
