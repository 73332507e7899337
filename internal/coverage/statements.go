package coverage

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"
)

// statement is one that `go tool cover` counts: an element of a block or of a case, or an else-if.
type statement struct {
	line, col uint32
	lines     []uint32 // that hold tokens of it and of no statement within it; its first line is always one
}

// goStatements lists the statements of the function bodies of a Go file, in the order of their places.
func goStatements(source []byte) ([]statement, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", source, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parsing Go: %w", err)
	}
	v := statementVisitor{file: fset.File(file.FileStart), tokens: tokenLines(source)}
	ast.Inspect(file, v.visit)
	slices.SortFunc(v.found, func(a, b ast.Node) int { return int(a.Pos() - b.Pos()) })
	return v.statements(), nil
}

type statementVisitor struct {
	file   *token.File
	tokens map[uint32]bool
	found  []ast.Node
}

func (v *statementVisitor) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BlockStmt:
		v.list(n.List)
	case *ast.CaseClause:
		v.list(n.Body)
	case *ast.CommClause:
		v.list(n.Body)
	case *ast.IfStmt:
		if other, ok := n.Else.(*ast.IfStmt); ok {
			v.found = append(v.found, other)
		}
	}
	return true
}

func (v *statementVisitor) list(list []ast.Stmt) {
	for _, s := range list {
		switch s.(type) {
		case *ast.CaseClause, *ast.CommClause: // the body of a switch or select
		default:
			v.found = append(v.found, s)
		}
	}
}

// statements gives each line to the innermost statement around it: a later one in order of place lies within or after
// an earlier one.
func (v *statementVisitor) statements() []statement {
	all := make([]statement, len(v.found))
	owner := map[uint32]int{}
	for i, n := range v.found {
		start := v.file.Position(n.Pos())
		all[i].line, all[i].col = uint32(start.Line), uint32(start.Column)
		for line := start.Line; line <= v.file.Position(n.End()).Line; line++ {
			owner[uint32(line)] = i
		}
	}
	for line := range v.tokens {
		if i, ok := owner[line]; ok && line != all[i].line {
			all[i].lines = append(all[i].lines, line)
		}
	}
	for i := range all {
		all[i].lines = append(all[i].lines, all[i].line)
	}
	return all
}

// tokenLines are the lines that hold code: not blank and not only a comment.
func tokenLines(source []byte) map[uint32]bool {
	lines := map[uint32]bool{}
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(source))
	var s scanner.Scanner
	s.Init(file, source, func(token.Position, string) {}, 0)
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			return lines
		}
		if tok == token.SEMICOLON && text == "\n" {
			continue
		}
		first := file.Position(pos).Line
		last := first
		if tok == token.STRING { // a raw string may have many lines
			last = file.Position(pos + token.Pos(len(text)) - 1).Line
		}
		for line := first; line <= last; line++ {
			lines[uint32(line)] = true
		}
	}
}
