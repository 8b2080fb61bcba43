package tree

// Builder makes a Tree from another notation than JSON: values in order, each with its line.
type Builder struct{ tree Tree }

// Scalar adds a value that has no children.
func (b *Builder) Scalar(key string, kind Kind, text string, line int) {
	b.Close(b.Open(key, kind, line))
	b.tree.nodes[len(b.tree.nodes)-1].text = text
}

// Open begins a list or object; what is added until Close lies in it.
func (b *Builder) Open(key string, kind Kind, line int) (handle int) {
	b.tree.nodes = append(b.tree.nodes, node{key: key, pos: int32(line), kind: kind})
	return len(b.tree.nodes) - 1
}

// Close ends what Open began.
func (b *Builder) Close(handle int) { b.tree.nodes[handle].next = int32(len(b.tree.nodes)) }

// Tree is what was built. The builder must not be used after.
func (b *Builder) Tree() *Tree {
	b.tree.byLine = true
	return &b.tree
}
