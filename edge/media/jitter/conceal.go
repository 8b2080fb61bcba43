package jitter

const (
	frame   = 160 // samples, 20 ms
	minLag  = 40  // pitch periods that are looked for: 200 Hz
	maxLag  = 120 // to 66 Hz
	match   = 160 // samples that are compared for it
	overlap = 40  // samples over which made-up sound and the real one are blended
	full    = 80  // made-up samples at full loudness: 10 ms
	faded   = 480 // from here on it is silent: 60 ms
)

// concealer makes up what is missing: the last pitch period again and again, fading. It is what ITU-T G.711 appendix I
// does, but for that the real sound is not delayed to blend into the gap, only out of it.
type concealer struct {
	past  [maxLag + match]int16 // what was heard last
	cycle [maxLag]int16         // what is repeated
	lag   int
	run   int // samples made up in a row; 0: none
}

func (c *concealer) over() bool { return c.run >= faded }

// fill makes up the next samples.
func (c *concealer) fill(dst []int16) {
	if c.run == 0 {
		recent := c.past[maxLag:]
		c.lag = backLag(c.past[:], recent)
		copy(c.cycle[:c.lag], c.past[len(c.past)-c.lag:])
	}
	for i := range dst {
		dst[i] = c.next()
	}
	c.keep(dst)
}

func (c *concealer) next() int16 {
	v := int(c.cycle[c.run%c.lag])
	if c.run >= full {
		v = v * max(faded-c.run, 0) / (faded - full)
	}
	c.run++
	return int16(v)
}

// rejoin takes the real sound, and blends its beginning with what was made up before.
func (c *concealer) rejoin(dst []int16) {
	if c.run > 0 {
		var made [overlap]int16
		n := min(len(dst), overlap)
		for i := range n {
			made[i] = c.next()
		}
		blend(dst[:n], made[:n], dst)
		c.run = 0
	}
	c.keep(dst)
}

// keep remembers what is heard.
func (c *concealer) keep(pcm []int16) {
	if n := len(c.past); len(pcm) > n {
		pcm = pcm[len(pcm)-n:]
	}
	copy(c.past[:], c.past[len(pcm):])
	copy(c.past[len(c.past)-len(pcm):], pcm)
}

// blend goes over from a to b.
func blend(dst, a, b []int16) {
	n := len(dst)
	for i := range dst {
		dst[i] = int16((int(a[i])*(n-i) + int(b[i])*i) / n)
	}
}

// backLag is how far back the sound before recent is most like it.
func backLag(past, recent []int16) int {
	best, at := -1.0, minLag
	for lag := minLag; lag <= maxLag; lag++ {
		if s := likeness(recent, past[len(past)-len(recent)-lag:]); s > best {
			best, at = s, lag
		}
	}
	return at
}

// bestLag is how far on in w the sound is most like a.
func bestLag(a, w []int16) int {
	best, at := -1.0, minLag
	for lag := minLag; lag <= maxLag; lag++ {
		if s := likeness(a, w[lag:]); s > best {
			best, at = s, lag
		}
	}
	return at
}

// likeness is the square of the correlation, as far as b's loudness does not matter; -1 when it is negative.
func likeness(a, b []int16) float64 {
	sum, energy := 0, 1
	for i, v := range a {
		w := int(b[i])
		sum += int(v) * w
		energy += w * w
	}
	if sum < 0 {
		return -1
	}
	return float64(sum) * float64(sum) / float64(energy)
}
