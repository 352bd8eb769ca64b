package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ringfence/agent/phone"
)

func (p *program) setCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "set KEY=VALUE...",
		Short: "Change how the phone is, for example pin.length=4",
		Long: `set changes how the phone is, all of it or nothing; an agent that is running
notices within a second. It makes the phone if there is none in the folder yet.

There are: ` + strings.Join(phone.SettingKeys(), ", ") + `.

pin.* is the device's lock. work.pin.* is the work profile's own, which shares
the device's until one of them is set. unsynced.PACKAGE counts the changes in an
app of the work profile that its server does not have yet, account.unsynced.PACKAGE
those in the work account of an app on the person's side. encrypted, root.*,
integrity*, app_scan, knox, threat.*, agent.* and biometric* are what an app sees
of the phone: see "mdm-agent app".`,
		Example: `  mdm-agent set --phone ./phone pin.length=4
  mdm-agent set --phone ./phone work.pin.length=8 work.pin.quality=numeric-complex
  mdm-agent set --phone ./phone busy=true`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("what shall be set? There are %s", strings.Join(phone.SettingKeys(), ", "))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			changes := make(map[string]string)
			for _, arg := range args {
				key, value, ok := strings.Cut(arg, "=")
				if !ok {
					return usagef("%q is not KEY=VALUE", arg)
				}
				if _, twice := changes[key]; twice {
					return usagef("%s is set twice", key)
				}
				changes[key] = value
			}
			return p.set(changes)
		},
	}
}

func (p *program) set(changes map[string]string) error {
	if err := phone.CheckSettings(changes); err != nil {
		return usageError{err}
	}
	d, err := p.open(true)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Set(changes); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		fmt.Fprintf(p.env.stdout, "%s=%s\n", key, changes[key])
	}
	return nil
}
