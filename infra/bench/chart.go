package main

import (
	"fmt"
	"html"
	"strings"
)

// bar is one bar of a panel.
type bar struct {
	name  string
	value float64
	text  string
}

// panel is a group of bars with one scale.
type panel struct {
	title string
	bars  []bar
}

const (
	chartWidth = 760
	barHeight  = 20
	labelWidth = 210
)

// chart draws the comparison as SVG: one panel per figure, offhook in colour.
func (r *results) chart() string {
	panels := r.panels()
	height := 10
	for _, p := range panels {
		height += 34 + len(p.bars)*(barHeight+4)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", chartWidth, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", chartWidth, height)
	y := 10
	for _, p := range panels {
		y = p.draw(&b, y)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (p panel) draw(b *strings.Builder, y int) int {
	fmt.Fprintf(b, `<text x="10" y="%d" font-weight="bold">%s</text>`+"\n", y+14, html.EscapeString(p.title))
	y += 24
	most := 0.0
	for _, x := range p.bars {
		most = max(most, x.value)
	}
	for _, x := range p.bars {
		width := 1.0
		if most > 0 {
			width = max(1, x.value/most*(chartWidth-labelWidth-90))
		}
		colour := "#9aa5b1"
		if strings.HasPrefix(x.name, "offhook") {
			colour = "#2f6fde"
		}
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text><rect x="%d" y="%d" width="%.0f" height="%d" fill="%s"/><text x="%.0f" y="%d">%s</text>`+"\n",
			labelWidth-8, y+14, html.EscapeString(x.name), labelWidth, y, width, barHeight, colour, labelWidth+width+6, y+14, html.EscapeString(x.text))
		y += barHeight + 4
	}
	return y + 10
}

func (r *results) panels() []panel {
	var all []panel
	seen := map[string]int{}
	for _, x := range r.Rates {
		i, ok := seen[x.Benchmark]
		if !ok {
			i = len(all)
			seen[x.Benchmark] = i
			all = append(all, panel{title: x.Benchmark + ": highest calls/s, none failed (more is better)"},
				panel{title: x.Benchmark + ": CPU-seconds per 1,000 calls (less is better)"})
		}
		all[i].bars = append(all[i].bars, bar{x.System, float64(x.Highest), fmt.Sprint(x.Highest)})
		all[i+1].bars = append(all[i+1].bars, bar{x.System, x.CPU, fmt.Sprintf("%.2f", x.CPU)})
	}
	return append(all, r.otherPanels()...)
}

func (r *results) otherPanels() []panel {
	var all []panel
	if len(r.Held) > 0 {
		p := panel{title: fmt.Sprintf("%d held calls: kB a call (less is better)", r.Held[0].Calls)}
		for _, x := range r.Held {
			p.bars = append(p.bars, bar{x.System, x.BytesPerCall, fmt.Sprintf("%.1f kB", x.BytesPerCall/1000)})
		}
		all = append(all, p)
	}
	if len(r.Relay) > 0 {
		p := panel{title: "Relayed RTP: CPU microseconds a packet (less is better)"}
		for _, x := range r.Relay {
			p.bars = append(p.bars, bar{fmt.Sprintf("%s, %d calls", x.System, x.Calls), x.CPUMicros, fmt.Sprintf("%.2f us", x.CPUMicros)})
		}
		all = append(all, p)
	}
	return all
}
