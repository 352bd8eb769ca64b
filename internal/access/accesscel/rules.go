package accesscel

import (
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/interpreter"

	"ringfence/internal/access"
)

// The bounds of a rule. A comparison costs about 1, a text 1 for 10 bytes.
const (
	// maxCost is what a rule may cost at most.
	maxCost = 20_000
	// maxDepth is how deep expressions may be nested, maxNodes how many there
	// may be once macros are written out.
	maxDepth = 24
	maxNodes = 2000
	maxRegex = 1000
	// maxText and maxList are what the estimate takes for the longest; maps are
	// lists to it.
	maxText = 256
	maxList = 256
)

// Rules makes rules. Any number may be made and asked at once.
type Rules struct {
	device, whole *environment
}

// environment is what the rules of one sort see.
type environment struct {
	env     *cel.Env
	objects []*object
}

// New gets ready to make rules.
func New() (*Rules, error) {
	device, err := newEnvironment(&deviceObject)
	if err != nil {
		return nil, err
	}
	whole, err := newEnvironment(
		&deviceObject, &personObject, &registrationObject, &signInObject,
		&actionObject, &resourceObject, &contextObject,
	)
	if err != nil {
		return nil, err
	}
	return &Rules{device, whole}, nil
}

func newEnvironment(objects ...*object) (*environment, error) {
	p, err := newProvider(objects)
	if err != nil {
		return nil, err
	}
	options := []cel.EnvOption{
		cel.CustomTypeProvider(p), cel.CustomTypeAdapter(p),
		cel.ParserRecursionLimit(maxDepth), cel.ParserErrorRecoveryLimit(1), cel.ExpressionNodeLimit(maxNodes),
		cel.RegexProgramSizeLimit(maxRegex),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateComprehensionNestingLimit(1)),
	}
	for _, o := range objects {
		options = append(options, cel.Variable(o.name, cel.ObjectType(o.typeName())))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("set up CEL: %w", err)
	}
	return &environment{env, objects}, nil
}

// DeviceFilter makes a rule on the phone.
func (r *Rules) DeviceFilter(text string) (access.Filter, error) { return r.device.compile(text) }

// Condition makes a rule on the whole sign-in.
func (r *Rules) Condition(text string) (access.Filter, error) { return r.whole.compile(text) }

func (e *environment) compile(text string) (access.Filter, error) {
	ast, issues := e.env.Compile(text)
	if issues.Err() != nil {
		return nil, plainly(issues)
	}
	if ast.OutputType() != cel.BoolType {
		return nil, fmt.Errorf("gives a %s: a rule is true or false", ast.OutputType())
	}
	cost, err := e.env.EstimateCost(ast, sizes{})
	if err != nil {
		return nil, fmt.Errorf("its cost cannot be told: %w", err)
	}
	if cost.Max > maxCost {
		return nil, fmt.Errorf("may cost %d in the worst case, more than %d: make it simpler", cost.Max, maxCost)
	}
	program, err := e.env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost))
	if err != nil {
		return nil, fmt.Errorf("cannot be made ready: %w", err)
	}
	return &rule{program, e.objects}, nil
}

// plainly gives the first complaint, and where it is if that is known.
func plainly(issues *cel.Issues) error {
	all := issues.Errors()
	if len(all) == 0 {
		return issues.Err()
	}
	message := strings.TrimSuffix(all[0].Message, " (in container '')")
	if at := all[0].Location; at.Line() > 0 {
		return fmt.Errorf("line %d, column %d: %s", at.Line(), at.Column()+1, message)
	}
	return errors.New(message)
}

// sizes estimates how long what a rule is asked about may be.
type sizes struct{}

// EstimateSize gives the longest text and list that are reckoned with.
func (sizes) EstimateSize(n checker.AstNode) *checker.SizeEstimate {
	if kind := n.Type().Kind(); kind == cel.ListKind || kind == cel.MapKind {
		return &checker.SizeEstimate{Max: maxList}
	}
	return &checker.SizeEstimate{Max: maxText}
}

// EstimateCallCost leaves calls to CEL's own estimate.
func (sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

// rule is a compiled rule.
type rule struct {
	program cel.Program
	objects []*object
}

// Match asks the rule.
func (r *rule) Match(in *access.SignIn, facts *access.Facts) (bool, error) {
	out, _, err := r.program.Eval(&asked{r.objects, subject{in, facts}})
	if err != nil {
		return false, err
	}
	matched, ok := out.Value().(bool)
	if !ok {
		return false, errors.New("the rule gave neither true nor false")
	}
	return matched, nil
}

// asked resolves the variables of a rule.
type asked struct {
	objects []*object
	subject subject
}

// ResolveName finds a variable.
func (a *asked) ResolveName(name string) (any, bool) {
	for _, o := range a.objects {
		if o.name == name {
			return value{&a.subject, o}, true
		}
	}
	return nil, false
}

// Parent is none.
func (a *asked) Parent() interpreter.Activation { return nil }
