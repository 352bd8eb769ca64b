package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
)

func (a *app) getCommand() *cobra.Command {
	cmd := groupCommand("get", "List things, or show some by name",
		a.getDevices(), a.getTokens(), a.getPolicies(), a.getWipes(), a.getCertificates(),
		a.getAppPolicies(), a.getApps(), a.getRegistrations(),
		a.getAccessPolicies(), a.getLocations(),
		a.getRequests(), a.getLimits(), a.getLeases(), a.getLeaseStatuses(),
		a.getCompliance(), a.getAudit(), a.getCRL())
	cmd.Example = `  mdmctl get devices --group sales --state enrolled
  mdmctl get device ID -o yaml
  mdmctl get certificates --device ID -o json
  mdmctl get registrations --user maria@example.com
  mdmctl get requests --state waiting
  mdmctl get limits`
	return cmd
}

// page is what is asked of a list: how many, and from where.
type page struct {
	size  uint32
	token string
}

// pageSize is the most that a server gives at once.
const pageSize = 1000

// listing knows how to ask the server for things of one kind.
type listing[M proto.Message] struct {
	cmd  *cobra.Command // Use, Aliases and Short
	view func(a *app) view[M]
	// one asks for a thing by name; without it, it is looked for in the list.
	one func(ctx context.Context, c *client, name string) (M, error)
	// list asks for a page; the string is the next page's token.
	list func(ctx context.Context, c *client, p page) ([]M, string, error)
	// pageSize is less than the usual one for large things.
	pageSize uint32
	// usual is how many are shown where nobody says; 0 for all.
	usual int
}

// getListing makes the command "get KIND [NAME…]".
func getListing[M proto.Message](a *app, l listing[M]) *cobra.Command {
	var limit int
	unsaid := "default all"
	if l.usual > 0 {
		unsaid = "0 for all"
	}
	l.cmd.Flags().IntVar(&limit, "limit", l.usual, "show this many at most ("+unsaid+")")
	l.cmd.RunE = a.calling(func(ctx context.Context, c *client, names []string) error {
		v := l.view(a)
		if limit < 0 {
			return usagef("--limit cannot be negative")
		}
		if len(names) == 0 {
			items, err := l.all(ctx, c, limit)
			if err != nil {
				return err
			}
			if l.usual > 0 && len(items) == l.usual && !l.cmd.Flags().Changed("limit") {
				fmt.Fprintf(a.err, "note: these are the newest %d; --limit 0 shows all\n", l.usual)
			}
			return showList(a, v, items)
		}
		items, err := l.named(ctx, c, v, names)
		if err != nil {
			return err
		}
		if len(items) == 1 {
			return showOne(a, v, items[0])
		}
		return showList(a, v, items)
	})
	return l.cmd
}

// all follows the pages up to limit things, 0 for no limit.
func (l listing[M]) all(ctx context.Context, c *client, limit int) ([]M, error) {
	size := uint32(pageSize)
	if l.pageSize > 0 {
		size = l.pageSize
	}
	var items []M
	seen := map[string]bool{}
	for token := ""; ; {
		if left := limit - len(items); left > 0 && left < pageSize {
			size = min(size, uint32(left))
		}
		got, next, err := l.list(ctx, c, page{size, token})
		if err != nil {
			return nil, err
		}
		items = append(items, got...)
		if limit > 0 && len(items) >= limit {
			return items[:limit], nil
		}
		if next == "" {
			return items, nil
		}
		if seen[next] {
			return nil, errors.New("the server's pages go round in a circle")
		}
		seen[next], token = true, next
	}
}

func (l listing[M]) named(ctx context.Context, c *client, v view[M], names []string) ([]M, error) {
	if l.one == nil {
		return l.picked(ctx, c, v, names)
	}
	var items []M
	for _, name := range names {
		m, err := l.one(ctx, c, name)
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", v.kind, name, err)
		}
		items = append(items, m)
	}
	return items, nil
}

// picked looks the names up in the whole list.
func (l listing[M]) picked(ctx context.Context, c *client, v view[M], names []string) ([]M, error) {
	list, err := l.all(ctx, c, 0)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]M, len(list))
	for _, m := range list {
		byName[v.name(m)] = m
	}
	var items []M
	for _, name := range names {
		m, ok := byName[name]
		if !ok {
			return nil, notFoundError{fmt.Errorf("%s %q: not found", v.kind, name)}
		}
		items = append(items, m)
	}
	return items, nil
}
