package jitter

// As in Buffer, samples are those of 8 kHz.
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
	k     int
	past  [2 * (maxLag + match)]int16 // what was heard last
	cycle [2 * maxLag]int16           // what is repeated
	lag   int
	run   int // samples made up in a row; 0: none
}

func (c *concealer) over() bool { return c.run >= faded*c.k }

// fill makes up the next samples.
func (c *concealer) fill(dst []int16) {
	if c.run == 0 {
		past := c.past[:c.size()]
		c.lag = backLag(past, past[maxLag*c.k:], c.k)
		copy(c.cycle[:c.lag], past[len(past)-c.lag:])
	}
	for i := range dst {
		dst[i] = c.next()
	}
	c.keep(dst)
}

func (c *concealer) next() int16 {
	v := int(c.cycle[c.run%c.lag])
	if c.run >= full*c.k {
		v = v * max(faded*c.k-c.run, 0) / ((faded - full) * c.k)
	}
	c.run++
	return int16(v)
}

// rejoin takes the real sound, and blends its beginning with what was made up before.
func (c *concealer) rejoin(dst []int16) {
	if c.run > 0 {
		var made [2 * overlap]int16
		n := min(len(dst), overlap*c.k)
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
	past := c.past[:c.size()]
	if n := len(past); len(pcm) > n {
		pcm = pcm[len(pcm)-n:]
	}
	copy(past, past[len(pcm):])
	copy(past[len(past)-len(pcm):], pcm)
}

func (c *concealer) size() int { return (maxLag + match) * c.k }

// blend goes over from a to b.
func blend(dst, a, b []int16) {
	n := len(dst)
	for i := range dst {
		dst[i] = int16((int(a[i])*(n-i) + int(b[i])*i) / n)
	}
}

// backLag is how far back the sound before recent is most like it.
func backLag(past, recent []int16, k int) int {
	best, at := -1.0, minLag*k
	for lag := minLag * k; lag <= maxLag*k; lag += k {
		if s := likeness(recent, past[len(past)-len(recent)-lag:], k); s > best {
			best, at = s, lag
		}
	}
	return at
}

// bestLag is how far on in w the sound is most like a.
func bestLag(a, w []int16, k int) int {
	best, at := -1.0, minLag*k
	for lag := minLag * k; lag <= maxLag*k; lag += k {
		if s := likeness(a, w[lag:], k); s > best {
			best, at = s, lag
		}
	}
	return at
}

// likeness is the square of the correlation of every k-th sample, as far as b's loudness does not matter; -1 when it is
// negative.
func likeness(a, b []int16, k int) float64 {
	sum, energy := 0, 1
	for i := 0; i < len(a); i += k {
		v, w := int(a[i]), int(b[i])
		sum += v * w
		energy += w * w
	}
	if sum < 0 {
		return -1
	}
	return float64(sum) * float64(sum) / float64(energy)
}
