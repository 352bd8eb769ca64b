package scim_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ringfence/internal/directory"
)

// model is what the directory should be: written down a second time, without
// versions, transactions or SQL.
type model struct {
	users  map[string]*modelUser  // by id
	groups map[string]*modelGroup // by id
	owner  map[string]string      // of each name ever used, the id of who had it last
	gone   []string               // ids of what was deleted
}

type modelUser struct {
	name, external, display string
	active                  bool
}

type modelGroup struct {
	name    string
	members map[string]bool
}

func newModel() *model {
	return &model{users: map[string]*modelUser{}, groups: map[string]*modelGroup{}, owner: map[string]string{}}
}

// taken reports whether a user other than id has the name.
func (m *model) taken(name, id string) bool {
	for other, u := range m.users {
		if other != id && strings.EqualFold(u.name, name) {
			return true
		}
	}
	return false
}

func (m *model) groupTaken(name, id string) bool {
	for other, g := range m.groups {
		if other != id && strings.EqualFold(g.name, name) {
			return true
		}
	}
	return false
}

func (m *model) standing(name string) directory.Standing {
	id, known := m.owner[strings.ToLower(name)]
	st := directory.Standing{Known: known}
	if u := m.users[id]; u != nil {
		st.Active = u.active
		for _, g := range m.groups {
			if g.members[id] {
				st.Groups = append(st.Groups, strings.ToLower(g.name))
			}
		}
		slices.Sort(st.Groups)
	}
	return st
}

var modelNames = []string{"anna", "Anna", "bert", "carl", "DORA", "dora"}

// id draws the id of something, or of nothing any more.
func drawID[T any](t *rapid.T, m *model, of map[string]T) string {
	ids := append(slices.Sorted(maps.Keys(of)), m.gone...)
	return rapid.SampledFrom(append(ids, strings.Repeat("f", 32))).Draw(t, "id")
}

func text(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// step does one thing to both, and compares the answers' status.
func (m *model) step(t *rapid.T, s *server) {
	expect := func(status int, method, path, body string) reply {
		got := s.do(method, path, body)
		if got.status != status {
			t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, got.status, got.text, status)
		}
		return got
	}
	switch rapid.IntRange(0, 8).Draw(t, "deed") {
	case 0, 1:
		m.createUser(t, expect)
	case 2:
		m.replaceUser(t, expect)
	case 3:
		m.patchUser(t, expect)
	case 4:
		id := drawID(t, m, m.users)
		if m.users[id] == nil {
			expect(http.StatusNotFound, "DELETE", "/Users/"+id, "")
			return
		}
		expect(http.StatusNoContent, "DELETE", "/Users/"+id, "")
		delete(m.users, id)
		m.gone = append(m.gone, id)
		for _, g := range m.groups {
			delete(g.members, id)
		}
	case 5:
		m.createGroup(t, expect)
	case 6, 7:
		m.patchGroup(t, expect)
	case 8:
		id := drawID(t, m, m.groups)
		if m.groups[id] == nil {
			expect(http.StatusNotFound, "DELETE", "/Groups/"+id, "")
			return
		}
		expect(http.StatusNoContent, "DELETE", "/Groups/"+id, "")
		delete(m.groups, id)
		m.gone = append(m.gone, id)
	}
}

type expecting func(status int, method, path, body string) reply

func drawUser(t *rapid.T) modelUser {
	return modelUser{
		name: rapid.SampledFrom(modelNames).Draw(t, "name"), external: rapid.SampledFrom([]string{"", "x1", "X1"}).Draw(t, "external"),
		display: rapid.SampledFrom([]string{"", "Änne"}).Draw(t, "display"), active: rapid.Bool().Draw(t, "active"),
	}
}

func (u modelUser) body() string {
	return text(map[string]any{"userName": u.name, "externalId": u.external, "displayName": u.display, "active": u.active})
}

func (m *model) createUser(t *rapid.T, expect expecting) {
	u := drawUser(t)
	if m.taken(u.name, "") {
		expect(http.StatusConflict, "POST", "/Users", u.body())
		return
	}
	id := expect(http.StatusCreated, "POST", "/Users", u.body()).id()
	m.users[id] = &u
	m.owner[strings.ToLower(u.name)] = id
}

func (m *model) replaceUser(t *rapid.T, expect expecting) {
	id, u := drawID(t, m, m.users), drawUser(t)
	switch {
	case m.users[id] == nil:
		expect(http.StatusNotFound, "PUT", "/Users/"+id, u.body())
	case m.taken(u.name, id):
		expect(http.StatusConflict, "PUT", "/Users/"+id, u.body())
	default:
		expect(http.StatusOK, "PUT", "/Users/"+id, u.body())
		m.users[id] = &u
		m.owner[strings.ToLower(u.name)] = id
	}
}

func (m *model) patchUser(t *rapid.T, expect expecting) {
	id, u := drawID(t, m, m.users), drawUser(t)
	before := m.users[id]
	var operations []string
	after := modelUser{}
	if before != nil {
		after = *before
	}
	for range rapid.IntRange(1, 3).Draw(t, "operations") {
		switch rapid.IntRange(0, 4).Draw(t, "operation") {
		case 0:
			operations = append(operations, fmt.Sprintf(`{"op":"Replace","path":"active","value":"%v"}`, u.active))
			after.active = u.active
		case 1:
			operations = append(operations, fmt.Sprintf(`{"op":"add","value":{"active":%v,"externalId":%q}}`, u.active, u.external))
			after.active, after.external = u.active, u.external
		case 2:
			operations = append(operations, `{"op":"remove","path":"displayName"}`)
			after.display = ""
		case 3:
			operations = append(operations, fmt.Sprintf(`{"op":"replace","path":"userName","value":%q}`, u.name))
			after.name = u.name
		case 4:
			operations = append(operations, `{"op":"replace","path":"name.givenName","value":"X"}`)
		}
	}
	body := patch(strings.Join(operations, ","))
	switch {
	case before == nil:
		expect(http.StatusNotFound, "PATCH", "/Users/"+id, body)
	case m.taken(after.name, id):
		expect(http.StatusConflict, "PATCH", "/Users/"+id, body)
	default:
		expect(http.StatusOK, "PATCH", "/Users/"+id, body)
		m.users[id] = &after
		m.owner[strings.ToLower(after.name)] = id
	}
}

// drawMembers draws ids of users, and says whether all are users.
func (m *model) drawMembers(t *rapid.T) (ids []string, all bool) {
	ids = rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) string { return drawID(t, m, m.users) }), 0, 2, rapid.ID[string]).Draw(t, "members")
	return ids, !slices.ContainsFunc(ids, func(id string) bool { return m.users[id] == nil })
}

func values(ids []string) string {
	list := []map[string]string{}
	for _, id := range ids {
		list = append(list, map[string]string{"value": id})
	}
	return text(list)
}

func set(ids []string) map[string]bool {
	members := map[string]bool{}
	for _, id := range ids {
		members[id] = true
	}
	return members
}

func (m *model) createGroup(t *rapid.T, expect expecting) {
	name := rapid.SampledFrom([]string{"Sales", "SALES", "Süd", "All"}).Draw(t, "name")
	ids, good := m.drawMembers(t)
	body := fmt.Sprintf(`{"displayName":%q,"members":%s}`, name, values(ids))
	switch {
	case m.groupTaken(name, ""):
		expect(http.StatusConflict, "POST", "/Groups", body)
	case !good:
		expect(http.StatusBadRequest, "POST", "/Groups", body)
	default:
		id := expect(http.StatusCreated, "POST", "/Groups", body).id()
		m.groups[id] = &modelGroup{name, set(ids)}
	}
}

func (m *model) patchGroup(t *rapid.T, expect expecting) {
	id := drawID(t, m, m.groups)
	after := modelGroup{members: map[string]bool{}}
	if g := m.groups[id]; g != nil {
		after = modelGroup{g.name, maps.Clone(g.members)}
	}
	var operations []string
	for range rapid.IntRange(1, 3).Draw(t, "operations") {
		ids, _ := m.drawMembers(t)
		switch rapid.IntRange(0, 5).Draw(t, "operation") {
		case 0, 1:
			operations = append(operations, `{"op":"add","path":"members","value":`+values(ids)+`}`)
			maps.Copy(after.members, set(ids))
		case 2:
			operations = append(operations, `{"op":"replace","path":"members","value":`+values(ids)+`}`)
			after.members = set(ids)
		case 3:
			operations = append(operations, `{"op":"Remove","path":"members","value":`+values(ids)+`}`)
			for _, id := range ids {
				delete(after.members, id)
			}
		case 4:
			for _, id := range ids {
				operations = append(operations, `{"op":"remove","path":"members[value eq \"`+id+`\"]"}`)
				delete(after.members, id)
			}
			operations = append(operations, `{"op":"remove","path":"externalId"}`)
		case 5:
			after.name = rapid.SampledFrom([]string{"Sales", "Nord"}).Draw(t, "name")
			operations = append(operations, fmt.Sprintf(`{"op":"replace","value":{"displayName":%q}}`, after.name))
		}
	}
	good := true
	for id := range after.members {
		good = good && m.users[id] != nil
	}
	body := patch(strings.Join(operations, ","))
	switch {
	case m.groups[id] == nil:
		expect(http.StatusNotFound, "PATCH", "/Groups/"+id, body)
	case !good:
		expect(http.StatusBadRequest, "PATCH", "/Groups/"+id, body)
	case m.groupTaken(after.name, id):
		expect(http.StatusConflict, "PATCH", "/Groups/"+id, body)
	default:
		expect(http.StatusNoContent, "PATCH", "/Groups/"+id, body)
		m.groups[id] = &after
	}
}

// compare compares all that can be seen.
func (m *model) compare(t *rapid.T, s *server) {
	seen := map[string]any{}
	for _, path := range []string{"/Users", "/Groups"} {
		for _, r := range s.want(http.StatusOK, "GET", path+"?count=200", "").body["Resources"].([]any) {
			o := r.(map[string]any)
			delete(o, "meta")
			delete(o, "schemas")
			seen[o["id"].(string)] = o
		}
	}
	want := map[string]any{}
	for id, u := range m.users {
		o := map[string]any{"id": id, "userName": u.name, "active": u.active}
		if u.external != "" {
			o["externalId"] = u.external
		}
		if u.display != "" {
			o["displayName"] = u.display
		}
		want[id] = o
	}
	for id, g := range m.groups {
		members := []any{}
		for _, member := range slices.Sorted(maps.Keys(g.members)) {
			members = append(members, map[string]any{"value": member, "type": "User"})
		}
		want[id] = map[string]any{"id": id, "displayName": g.name, "members": members}
	}
	check(s.t, "what is seen", want, seen)
	for _, name := range append(modelNames, "nobody") {
		check(s.t, "Standing of "+name, m.standing(name), s.standing(name))
	}
	if s.t.Failed() {
		t.FailNow()
	}
}

// TestAgainstModel: whatever is done in whatever order, the server is what the
// model is.
func TestAgainstModel(t *testing.T) {
	each(t, func(s *server) {
		stories(s.t, 25)
		rapid.Check(s.t.(*testing.T), func(t *rapid.T) {
			m := newModel()
			for range rapid.IntRange(1, 25).Draw(t, "steps") {
				m.step(t, s)
				m.compare(t, s)
			}
			m.tidy(s)
		})
	})
}

// tidy deletes everything, names too, so that the next story begins anew.
func (m *model) tidy(s *server) {
	for id := range m.groups {
		s.want(http.StatusNoContent, "DELETE", "/Groups/"+id, "")
	}
	for id := range m.users {
		s.want(http.StatusNoContent, "DELETE", "/Users/"+id, "")
	}
	s.forgetNames()
}

// stories bounds how many stories rapid plays, each of which is many requests;
// -rapid.checks says otherwise.
func stories(t testing.TB, n int) {
	t.Helper()
	const name = "rapid.checks"
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == name })
	if chosen {
		return
	}
	before := flag.Lookup(name).Value.String()
	set := func(value string) {
		if err := flag.Lookup(name).Value.Set(value); err != nil {
			t.Fatal(err)
		}
	}
	set(strconv.Itoa(n))
	t.Cleanup(func() { set(before) })
}
