package policy

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
)

// costLimit bounds the work of one expression: CEL always ends, but a nested
// comprehension over a large SBOM could take long.
const costLimit = 10_000_000

// variables are what an expression can name.
var variables = []cel.EnvOption{
	cel.Variable("predicate", cel.DynType),        // the predicate; numbers are doubles
	cel.Variable("predicateType", cel.StringType), //
	cel.Variable("commit", cel.StringType),        // "" where the evidence names none
	cel.Variable("run", cel.StringType),           // "" where the evidence names none
	cel.Variable("age", cel.DurationType),         // since it says it was finished; 0 where it does not
	cel.Variable("environment", cel.StringType),   // "" outside environments
	cel.CrossTypeNumericComparisons(true),         // measured.coverage >= 80 means what it says
	ext.Strings(ext.StringsVersion(4)), ext.Math(), ext.Lists(),
}

// compile gives nil for an empty expression.
func compile(expression string) (cel.Program, error) {
	if expression == "" {
		return nil, nil
	}
	env, err := cel.NewEnv(variables...)
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	if t := ast.OutputType(); t != cel.BoolType && t != cel.DynType {
		return nil, fmt.Errorf("it is of type %s, not bool", t)
	}
	return env.Program(ast, cel.CostLimit(costLimit), cel.InterruptCheckFrequency(1000))
}

// holds evaluates an expression: only true is true.
func holds(program cel.Program, f facts) error {
	var predicate any
	if err := json.Unmarshal(f.statement.Predicate, &predicate); err != nil {
		return fmt.Errorf("reading predicate: %w", err)
	}
	age := time.Duration(0)
	if !f.origin.Finished.IsZero() {
		age = f.at.Sub(f.origin.Finished)
	}
	out, _, err := program.Eval(map[string]any{
		"predicate": predicate, "predicateType": f.statement.PredicateType,
		"commit": f.origin.Commit, "run": f.origin.Run, "age": age, "environment": f.environment,
	})
	if err != nil {
		return fmt.Errorf("expression cannot be evaluated: %w", err)
	}
	if b, ok := out.Value().(bool); !ok {
		return fmt.Errorf("expression gives %v, not true or false", out.Value())
	} else if !b {
		return errFalse
	}
	return nil
}
