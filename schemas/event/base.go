package event

// Ref gives the part that all events of a call share; it is promoted to every data type that embeds Base.
func (b *Base) Ref() *Base { return b }
