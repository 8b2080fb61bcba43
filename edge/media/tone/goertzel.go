package tone

import "math"

// Frequencies of ITU-T Q.23.
var (
	rows    = [4]float64{697, 770, 852, 941}
	columns = [4]float64{1209, 1336, 1477, 1633}

	rowSteps, colSteps = steps(rows, 1), steps(columns, 1)
	// What voices have beside a tone. The second harmonics of rows lie among the columns.
	rowThrice, colTwice = steps(rows, 3), steps(columns, 2)

	hann, hannSum, hannPower = makeHann()
)

// step is a frequency as Goertzel's recursion needs it.
type step struct{ twice, sin, cos float64 }

func stepOf(hz float64) step {
	sin, cos := math.Sincos(2 * math.Pi * hz / Rate)
	return step{twice: 2 * cos, sin: sin, cos: cos}
}

func steps(hz [4]float64, times float64) (s [4]step) {
	for i, f := range hz {
		s[i] = stepOf(f * times)
	}
	return s
}

func makeHann() (w [window]float64, sum, power float64) {
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/window)
		sum += w[i]
		power += w[i] * w[i]
	}
	return w, sum, power
}

// weigh puts a frame under the window and gives its power.
func weigh(x *[window]float64, pcm []int16) (power float64) {
	for i, v := range pcm[:window] {
		x[i] = float64(v) * hann[i]
		power += x[i] * x[i]
	}
	return power / hannPower
}

// goertzel4 gives the amplitudes of four frequencies at once, which keeps the processor's lanes filled.
func goertzel4(x *[window]float64, s *[4]step) (out [4]complex128) {
	a, b, c, d := s[0].twice, s[1].twice, s[2].twice, s[3].twice
	var a1, a2, b1, b2, c1, c2, d1, d2 float64
	for _, v := range x {
		a1, a2 = v-a2+a*a1, a1
		b1, b2 = v-b2+b*b1, b1
		c1, c2 = v-c2+c*c1, c1
		d1, d2 = v-d2+d*d1, d1
	}
	return [4]complex128{s[0].end(a1, a2), s[1].end(b1, b2), s[2].end(c1, c2), s[3].end(d1, d2)}
}

func (s *step) end(s1, s2 float64) complex128 { return complex(s1*s.cos-s2, s1*s.sin) }

// goertzel is one frequency.
func goertzel(x *[window]float64, s *step) complex128 {
	var s1, s2 float64
	for _, v := range x {
		s1, s2 = v-s2+s.twice*s1, s1
	}
	return s.end(s1, s2)
}

func square(c complex128) float64 { return real(c)*real(c) + imag(c)*imag(c) }

// powerOf makes of an amplitude under the window the mean square of its sine.
func powerOf(c complex128) float64 { return 2 * square(c) / (hannSum * hannSum) }

// look judges one window.
func look(pcm *[window]int16) hit {
	var x [window]float64
	all := weigh(&x, pcm[:])
	if all < 2*minus36 {
		return hit{key: -1}
	}
	row := goertzel4(&x, &rowSteps)
	r, rp, ok := strongest(&row)
	if !ok {
		return hit{key: -1}
	}
	col := goertzel4(&x, &colSteps)
	c, cp, ok := strongest(&col)
	if !ok || rp+cp < share*all || cp > twistUp*rp || rp > twistDn*cp || min(rp, cp) < minus36/4 {
		return hit{key: -1}
	}
	if powerOf(goertzel(&x, &rowThrice[r])) > harmony*rp || powerOf(goertzel(&x, &colTwice[c])) > harmony*cp {
		return hit{key: -1}
	}
	return hit{key: int8(4*r + c), row: row[r], col: col[c]}
}

// strongest of a group, and whether it stands out.
func strongest(of *[4]complex128) (at int, power float64, ok bool) {
	var next float64
	for i := range of {
		switch p := powerOf(of[i]); {
		case p > power:
			at, power, next = i, p, power
		case p > next:
			next = p
		}
	}
	return at, power, power > stands*next
}
