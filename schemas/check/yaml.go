package check

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/tree"
)

// maxYAMLNodes bounds what aliases of aliases can blow up to.
const maxYAMLNodes = 200_000

// yamlTree reads one YAML document into a tree; nil when it is none.
func (c *checker) yamlTree(raw []byte) *tree.Tree {
	raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")) // the parser counts lines of comments wrongly else
	file, err := parser.ParseBytes(raw, 0)
	if err != nil {
		c.yamlSyntax(err, raw)
		return nil
	}
	y := yamlReader{anchors: map[string]ast.Node{}}
	switch docs := bodies(file); len(docs) {
	case 0:
		y.build.Scalar("", tree.Null, "", 1)
	case 1:
		y.node("", docs[0], 0)
	default:
		y.fail(docs[1], "one document", "a second one")
	}
	if y.fault != nil {
		c.faults = append(c.faults, *y.fault)
		return nil
	}
	return y.build.Tree()
}

func bodies(file *ast.File) (out []ast.Node) {
	for _, d := range file.Docs {
		if d.Body != nil {
			out = append(out, d.Body)
		}
	}
	return out
}

func (c *checker) yamlSyntax(err error, raw []byte) {
	s := yamlSlip{said: err.Error(), line: 1, lines: strings.Split(string(raw), "\n")}
	var at yaml.Error
	if errors.As(err, &at) {
		s.said = at.GetMessage()
		if t := at.GetToken(); t != nil && t.Position != nil {
			s.line = t.Position.Line
		}
	}
	c.faults = append(c.faults, s.inWords())
}

// yamlReader turns YAML nodes into a tree, with aliases put in and scalars as JSON has them.
type yamlReader struct {
	build   tree.Builder
	anchors map[string]ast.Node
	nodes   int
	fault   *event.Fault
}

func (y *yamlReader) fail(n ast.Node, expected, found string) {
	if y.fault == nil {
		y.fault = &event.Fault{Code: "bad_yaml", Line: lineOf(n), Expected: expected, Found: found}
	}
}

func lineOf(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}

func (y *yamlReader) node(key string, n ast.Node, depth int) {
	if y.nodes++; y.nodes > maxYAMLNodes || depth > tree.MaxDepth {
		y.fail(n, fmt.Sprintf("at most %d values, %d in one another", maxYAMLNodes, tree.MaxDepth), "more")
	}
	if y.fault != nil {
		return
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		y.anchors[n.Name.GetToken().Value] = n.Value
		y.node(key, n.Value, depth+1)
	case *ast.AliasNode:
		y.alias(key, n, depth)
	case *ast.MappingNode:
		y.mapping(key, n, n.Values, depth)
	case *ast.MappingValueNode:
		y.mapping(key, n, []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		h := y.build.Open(key, tree.Array, lineOf(n))
		for _, item := range n.Values {
			y.node("", item, depth+1)
		}
		y.build.Close(h)
	case ast.ScalarNode:
		y.scalar(key, n)
	default:
		y.fail(n, "plain YAML: maps, lists, strings, numbers, true, false", n.Type().YAMLName())
	}
}

func (y *yamlReader) alias(key string, n *ast.AliasNode, depth int) {
	name := n.Value.GetToken().Value
	target, ok := y.anchors[name]
	if !ok {
		y.fail(n, "the name of an anchor above", "*"+name)
		y.fault.Hint = "a value that begins with * stands in quotes"
		return
	}
	y.node(key, target, depth+1)
}

func (y *yamlReader) mapping(key string, n ast.Node, values []*ast.MappingValueNode, depth int) {
	h := y.build.Open(key, tree.Object, lineOf(n))
	for _, v := range values {
		if v.Key.IsMergeKey() {
			y.fail(v, "a property", "a merge key (<<)")
			return
		}
		y.node(v.Key.GetToken().Value, v.Value, depth+1)
	}
	y.build.Close(h)
}

func (y *yamlReader) scalar(key string, n ast.ScalarNode) {
	line := lineOf(n)
	switch v := n.GetValue().(type) {
	case nil:
		y.build.Scalar(key, tree.Null, "", line)
	case bool:
		y.build.Scalar(key, tree.Bool, strconv.FormatBool(v), line)
	case string:
		y.build.Scalar(key, tree.String, v, line)
	case int64:
		y.build.Scalar(key, tree.Number, strconv.FormatInt(v, 10), line)
	case uint64:
		y.build.Scalar(key, tree.Number, strconv.FormatUint(v, 10), line)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			y.fail(n, "a number", n.String())
			return
		}
		y.build.Scalar(key, tree.Number, strconv.FormatFloat(v, 'g', -1, 64), line)
	default:
		y.fail(n, "a string, number, true or false", n.Type().YAMLName())
	}
}
