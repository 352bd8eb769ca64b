package access

// numbers is a set of policies, with a bit for each number.
type numbers []uint64

func (n numbers) add(i int) { n[i/64] |= 1 << (i % 64) }

// index finds the policies that may apply to a sign-in without looking at each.
// It has a policy's people, apps, and all conditions of few values.
type index struct {
	// words is how long each set is.
	words int
	// everyone and allApps have the policies that are so; who and what is
	// excluded is in the mentions.
	everyone, allApps    numbers
	users, groups, roles map[string]*mention
	apps                 map[string]*mention
	actions              []numbers
	// rows has, for each value of a dimension, the policies that it meets.
	rows [dimensions][]numbers
}

// mention is where a name occurs.
type mention struct {
	included, excluded []int
}

func newIndex(policies int) index {
	words := (policies + 63) / 64
	x := index{
		words: words, everyone: make(numbers, words), allApps: make(numbers, words),
		users: map[string]*mention{}, groups: map[string]*mention{}, roles: map[string]*mention{},
		apps: map[string]*mention{}, actions: emptySets(len(actionNames), words),
	}
	for d := range x.rows {
		x.rows[d] = emptySets(counts[d], words)
	}
	return x
}

func emptySets(n, words int) []numbers {
	all := make([]numbers, n)
	for i := range all {
		all[i] = make(numbers, words)
	}
	return all
}

// add enters the policy of a number.
func (x *index) add(i int, s Spec) {
	if s.IncludePeople.Everyone {
		x.everyone.add(i)
	}
	if s.Apps.All {
		x.allApps.add(i)
	}
	for _, a := range s.Actions {
		x.actions[a].add(i)
	}
	enter(x.users, i, s.IncludePeople.Users, s.ExcludePeople.Users)
	enter(x.groups, i, s.IncludePeople.Groups, s.ExcludePeople.Groups)
	enter(x.roles, i, s.IncludePeople.Roles, s.ExcludePeople.Roles)
	enter(x.apps, i, s.Apps.Include, s.Apps.Exclude)
	c := s.Conditions
	enterRow(x.rows[byPlatform], i, c.IncludePlatforms, c.ExcludePlatforms)
	enterRow(x.rows[byClient], i, c.Clients, nil)
	enterRow(x.rows[bySignInRisk], i, c.SignInRisks, nil)
	enterRow(x.rows[byUserRisk], i, c.UserRisks, nil)
	enterRow(x.rows[byOwnership], i, indexes(ownerships, c.Ownerships), nil)
	enterRow(x.rows[byMode], i, indexes(modes, c.Modes), nil)
	enterRow(x.rows[byFlow], i, c.Flows, nil)
}

// enter notes the names that a policy includes and excludes.
func enter(mentions map[string]*mention, i int, included, excluded []string) {
	at := func(name string) *mention {
		m := mentions[name]
		if m == nil {
			m = new(mention)
			mentions[name] = m
		}
		return m
	}
	for _, name := range foldedSet(included) {
		m := at(name)
		m.included = append(m.included, i)
	}
	for _, name := range foldedSet(excluded) {
		m := at(name)
		m.excluded = append(m.excluded, i)
	}
}

// enterRow notes by which values a policy is met.
func enterRow[T ~uint8](row []numbers, i int, included, excluded []T) {
	var met [256]bool
	for v := range row {
		met[v] = len(included) == 0
	}
	for _, v := range included {
		met[v] = true
	}
	for _, v := range excluded {
		met[v] = false
	}
	for v := range row {
		if met[v] {
			row[v].add(i)
		}
	}
}

func indexes[T comparable](all, some []T) []uint8 {
	var n []uint8
	for _, value := range some {
		n = append(n, indexOf(all, value))
	}
	return n
}

// find leaves in found the policies whose people, apps and indexed conditions
// the sign-in meets. Both sets are of the index's length and empty.
func (x *index) find(q *question, found, targets numbers) {
	if q.action != NoAction {
		copy(targets, x.actions[q.action])
	} else {
		copy(targets, x.allApps)
		if m := x.apps[folded(q.in.App)]; m != nil {
			m.apply(targets, targets)
		}
	}
	copy(found, x.everyone)
	p := &q.in.Person
	// Who is excluded is taken out of the targets, so that no later inclusion
	// can bring the policy back.
	if m := x.users[folded(p.Name)]; m != nil {
		m.apply(found, targets)
	}
	for _, group := range p.Groups {
		if m := x.groups[folded(group)]; m != nil {
			m.apply(found, targets)
		}
	}
	for _, role := range p.Roles {
		if m := x.roles[folded(role)]; m != nil {
			m.apply(found, targets)
		}
	}
	v := &q.values
	platform, client := x.rows[byPlatform][v[byPlatform]], x.rows[byClient][v[byClient]]
	signIn, user := x.rows[bySignInRisk][v[bySignInRisk]], x.rows[byUserRisk][v[byUserRisk]]
	ownership, mode, flow := x.rows[byOwnership][v[byOwnership]], x.rows[byMode][v[byMode]], x.rows[byFlow][v[byFlow]]
	for w := range found {
		found[w] &= targets[w] & platform[w] & client[w] & signIn[w] & user[w] & ownership[w] & mode[w] & flow[w]
	}
}

// apply sets what a name includes in one set, and clears what it excludes in
// the other.
func (m *mention) apply(included, excluded numbers) {
	for _, i := range m.included {
		included[i/64] |= 1 << (i % 64)
	}
	for _, i := range m.excluded {
		excluded[i/64] &^= 1 << (i % 64)
	}
}
