package main

import "github.com/spf13/cobra"

// accessCommand is everything of conditional access that is no kind of thing to
// get or apply.
func (a *app) accessCommand() *cobra.Command {
	return groupCommand("access", "Decisions of conditional access, and who is told of what it rests on",
		a.accessWhatIf(), a.accessReport(), a.accessTest(),
		a.accessClients(), a.accessSigningKeys(),
		a.accessStreams(), a.accessDeadLetters(), a.accessWebhooks(),
	)
}
