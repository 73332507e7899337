package promquery

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

// reason tells why an expression cannot stand for counts, and which selectors are in it.
func reason(expr parser.Expr) string {
	s := complaint(expr)
	var inside []string
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if v, ok := node.(*parser.VectorSelector); ok {
			if text := v.String(); !slices.Contains(inside, text) {
				inside = append(inside, text)
			}
		}
		return nil
	})
	if len(inside) > 0 {
		s += "; the counters in it are " + strings.Join(inside, " and ")
	}
	return s
}

func complaint(expr parser.Expr) string {
	switch e := unwrap(expr).(type) {
	case *parser.BinaryExpr:
		if e.Op == parser.DIV {
			return "a ratio hides how many requests it stands on, and vanishes when all of them fail: give numerator and denominator apart"
		}
		return fmt.Sprintf("the operator %s mixes series before they are counted", e.Op)
	case *parser.AggregateExpr:
		if inner, ok := unwrap(e.Expr).(*parser.Call); ok {
			return complaint(inner)
		}
		return fmt.Sprintf("%s before rate hides counter resets: they are found in single series only", e.Op)
	case *parser.Call:
		return callComplaint(e)
	case *parser.MatrixSelector:
		return "a range is added by the gate itself: one of your own would mix in traffic from before the shift"
	case *parser.SubqueryExpr:
		return "a subquery samples anew what was scraped"
	case *parser.NumberLiteral, *parser.StringLiteral:
		return "a constant measures nothing"
	}
	return fmt.Sprintf("a %s is no counter", expr.Type())
}

func callComplaint(call *parser.Call) string {
	for _, arg := range call.Args {
		if sub, ok := unwrap(arg).(*parser.SubqueryExpr); ok {
			if _, ok := unwrap(sub.Expr).(*parser.AggregateExpr); ok {
				return fmt.Sprintf("%s of a sum takes each counter reset for traffic: rate comes before sum", call.Func.Name)
			}
		}
	}
	switch name := call.Func.Name; name {
	case "irate":
		return "irate sees the last two samples only"
	case "rate", "increase", "delta", "idelta", "deriv":
		return name + " extrapolates to fractions, and a range longer than the time since the shift mixes in traffic from before it"
	case "histogram_quantile":
		return "histogram_quantile interpolates within a bucket, so a move inside one is invisible, and the top bucket saturates: give the histogram itself and a bound"
	case "absent", "absent_over_time", "vector", "scalar", "time":
		return name + " turns missing data into a number"
	default:
		return name + " does not give raw counts"
	}
}

func unwrap(expr parser.Expr) parser.Expr {
	for {
		switch e := expr.(type) {
		case *parser.ParenExpr:
			expr = e.Expr
		case *parser.StepInvariantExpr:
			expr = e.Expr
		default:
			return expr
		}
	}
}
