package authzen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"

	"ringfence/internal/access"
	"ringfence/internal/fault"
)

// Where the door is, below the base URL.
const (
	EvaluationPath     = "/access/v1/evaluation"
	EvaluationsPath    = "/access/v1/evaluations"
	SearchSubjectPath  = "/access/v1/search/subject"
	SearchResourcePath = "/access/v1/search/resource"
	SearchActionPath   = "/access/v1/search/action"
	MetadataPath       = "/.well-known/authzen-configuration"
)

// Decider decides.
type Decider interface {
	// Decide answers a question. After an error nothing is permitted.
	Decide(ctx context.Context, q access.Question) (access.Answer, error)
}

// Catalogue knows what can be searched among.
type Catalogue interface {
	// Snapshot gives the policies, none older than the call.
	Snapshot(ctx context.Context) (*access.Snapshot, error)
	// ActionNames gives the names of actions in a custom condition.
	ActionNames(rule string) []string
}

// Config is what a door needs.
type Config struct {
	Decider Decider
	// Catalogue may be nil: then there are no searches.
	Catalogue Catalogue
	// BaseURL is where others reach the door: "https://host" or "https://host:port".
	BaseURL string
	// Log is told of what fails; nil tells nobody.
	Log *slog.Logger
}

// Door answers AuthZEN requests.
type Door struct {
	Config
	metadata []byte
	names    catalogueCache
}

// New makes a door. The error says that the base URL is not right.
func New(c Config) (*Door, error) {
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Scheme != "https" || u.Host == "" || c.BaseURL != "https://"+u.Host {
		return nil, fmt.Errorf("the base URL %q is not https://host", c.BaseURL)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	d := &Door{Config: c}
	document := map[string]string{
		"policy_decision_point":       c.BaseURL,
		"access_evaluation_endpoint":  c.BaseURL + EvaluationPath,
		"access_evaluations_endpoint": c.BaseURL + EvaluationsPath,
	}
	if c.Catalogue != nil {
		document["search_resource_endpoint"] = c.BaseURL + SearchResourcePath
		document["search_action_endpoint"] = c.BaseURL + SearchActionPath
	}
	d.metadata, err = json.Marshal(document)
	return d, err
}

// Metadata serves the document that says what there is, at [MetadataPath]. It
// is for everybody.
func (d *Door) Metadata() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+MetadataPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=3600")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(d.metadata) // whoever went away need not be told
	})
	return echoing(mux)
}

// API serves all the other paths. Whoever reaches it may ask: the handler
// around it sees to that.
func (d *Door) API() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+EvaluationPath, d.endpoint(d.evaluate))
	mux.Handle("POST "+EvaluationsPath, d.endpoint(d.evaluateAll))
	if d.Catalogue != nil {
		mux.Handle("POST "+SearchResourcePath, d.endpoint(d.searchResources))
		mux.Handle("POST "+SearchActionPath, d.endpoint(d.searchActions))
	} else {
		mux.HandleFunc("POST "+SearchResourcePath, notOffered)
		mux.HandleFunc("POST "+SearchActionPath, notOffered)
	}
	mux.HandleFunc("POST "+SearchSubjectPath, notOffered)
	return echoing(mux)
}

// evaluate answers one question.
func (d *Door) evaluate(ctx context.Context, body map[string]any) (any, error) {
	e, err := newEvaluation(body, nil, wholeQuestion)
	if err != nil {
		return nil, err
	}
	return d.decide(ctx, &e)
}

// evaluateAll answers the questions in their order, as many as the semantic
// wants. A question that cannot be answered is denied, and the others are not.
func (d *Door) evaluateAll(ctx context.Context, body map[string]any) (any, error) {
	b, err := newBatch(body)
	if err != nil {
		return nil, err
	}
	if len(b.items) == 0 {
		return d.evaluate(ctx, body)
	}
	answers := make([]answer, 0, len(b.items))
	for i := range b.items {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		one := d.item(ctx, &b, i)
		answers = append(answers, one)
		if b.semantic.ends(one.Decision) {
			break
		}
	}
	return struct {
		Evaluations []answer `json:"evaluations"`
	}{answers}, nil
}

func (d *Door) item(ctx context.Context, b *batch, i int) answer {
	e, err := b.item(i)
	if err != nil {
		return refusal(statusOf(err))
	}
	a, err := d.decide(ctx, &e)
	if err != nil {
		d.report(ctx, err)
		return refusal(statusOf(err))
	}
	return a
}

// decide answers one question, and says why.
func (d *Door) decide(ctx context.Context, e *evaluation) (answer, error) {
	a, err := d.ask(ctx, e)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Is(errUnknown) {
		return refusal(http.StatusNotFound, f.Message), nil
	}
	if err != nil {
		return answer{}, err
	}
	return newAnswer(&a), nil
}

// permits answers one question without saying why.
func (d *Door) permits(ctx context.Context, e *evaluation) (bool, error) {
	a, err := d.ask(ctx, e)
	if errors.Is(err, errUnknown) {
		return false, nil
	}
	return err == nil && a.Decision.Outcome == access.Allow, err
}

// ask has one question decided. The error is errUnknown where nobody knows whom
// or what it is about.
func (d *Door) ask(ctx context.Context, e *evaluation) (access.Answer, error) {
	q, err := e.question()
	if err != nil {
		return access.Answer{}, err
	}
	return d.Decider.Decide(ctx, q)
}
