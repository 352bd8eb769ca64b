package main

import "github.com/spf13/cobra"

// accessCommand is everything of conditional access that is no kind of thing to
// get or apply.
func (a *app) accessCommand() *cobra.Command {
	return groupCommand("access", "Clients, keys and decisions of conditional access",
		a.accessWhatIf(), a.accessReport(), a.accessTest(),
		a.accessClients(), a.accessSigningKeys(),
	)
}
