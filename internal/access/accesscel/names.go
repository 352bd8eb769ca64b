package accesscel

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// ActionNames gives the texts that a condition compares action.name with, in the
// order in which they are written. Of a condition that is not right it gives
// none.
func (r *Rules) ActionNames(rule string) []string {
	parsed, issues := r.whole.env.Parse(rule)
	if issues.Err() != nil {
		return nil
	}
	var names []string
	ast.PreOrderVisit(parsed.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 {
			return
		}
		left, right := e.AsCall().Args()[0], e.AsCall().Args()[1]
		switch e.AsCall().FunctionName() {
		case operators.Equals, operators.NotEquals:
			if isActionName(left) {
				names = append(names, textsIn(right)...)
			} else if isActionName(right) {
				names = append(names, textsIn(left)...)
			}
		case operators.In:
			if isActionName(left) {
				names = append(names, textsIn(right)...)
			}
		}
	}))
	return names
}

func isActionName(e ast.Expr) bool {
	if e.Kind() != ast.SelectKind || e.AsSelect().IsTestOnly() || e.AsSelect().FieldName() != "name" {
		return false
	}
	of := e.AsSelect().Operand()
	return of.Kind() == ast.IdentKind && of.AsIdent() == actionObject.name
}

// textsIn gives the text that an expression is, or those in the list that it is.
func textsIn(e ast.Expr) []string {
	switch e.Kind() {
	case ast.LiteralKind:
		if text, ok := e.AsLiteral().Value().(string); ok {
			return []string{text}
		}
	case ast.ListKind:
		var texts []string
		for _, element := range e.AsList().Elements() {
			texts = append(texts, textsIn(element)...)
		}
		return texts
	}
	return nil
}
