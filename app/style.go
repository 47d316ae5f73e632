package app

import "strings"

// The parameters of SGR that have a meaning here.
const (
	sgrReset, sgrBold, sgrDim, sgrItalic, sgrUnderline, sgrInverse = 0, 1, 2, 3, 4, 7

	sgrNormal, sgrNoItalic, sgrNoUnderline, sgrNoInverse = 22, 23, 24, 27

	sgrForeground, sgrBackground, sgrBrightForeground, sgrBrightBackground = 30, 40, 90, 100

	sgrExtended, sgrDefault = 8, 9 // added to sgrForeground or sgrBackground
	sgrRGB, sgrPalette      = 2, 5
)

// with returns the style after a sequence with these parameters. Those that mean
// nothing here change nothing.
func (s Style) with(parameters []int) Style {
	for len(parameters) > 0 {
		n := parameters[0]
		parameters = parameters[1:]
		switch {
		case n >= sgrForeground && n <= sgrForeground+sgrDefault:
			s.Foreground, parameters = color(s.Foreground, n-sgrForeground, parameters)
		case n >= sgrBackground && n <= sgrBackground+sgrDefault:
			s.Background, parameters = color(s.Background, n-sgrBackground, parameters)
		case n >= sgrBrightForeground && n < sgrBrightForeground+8:
			s.Foreground = Color(n - sgrBrightForeground + 9)
		case n >= sgrBrightBackground && n < sgrBrightBackground+8:
			s.Background = Color(n - sgrBrightBackground + 9)
		default:
			s = s.switched(n)
		}
	}
	return s
}

func (s Style) switched(n int) Style {
	switch n {
	case sgrReset:
		return Style{}
	case sgrBold:
		s.Bold = true
	case sgrDim:
		s.Dim = true
	case sgrItalic:
		s.Italic = true
	case sgrUnderline:
		s.Underline = true
	case sgrInverse:
		s.Inverse = true
	case sgrNormal:
		s.Bold, s.Dim = false, false
	case sgrNoItalic:
		s.Italic = false
	case sgrNoUnderline:
		s.Underline = false
	case sgrNoInverse:
		s.Inverse = false
	}
	return s
}

// color returns the colour that a parameter chooses, perhaps with those behind
// it, and the parameters that are left.
func color(now Color, n int, rest []int) (Color, []int) {
	switch {
	case n < sgrExtended:
		return Color(n + 1), rest
	case n == sgrDefault:
		return 0, rest
	case len(rest) >= 2 && rest[0] == sgrPalette:
		return paletteColor(rest[1]), rest[2:]
	case len(rest) >= 4 && rest[0] == sgrRGB:
		return nearest(rest[1], rest[2], rest[3]), rest[4:]
	default:
		return now, nil
	}
}

// paletteColor returns the nearest of the sixteen to one of 256: sixteen, a cube
// of six steps a side, and 24 greys.
func paletteColor(n int) Color {
	switch {
	case n < 16:
		return Color(n + 1)
	case n < 232:
		n -= 16
		return nearest(n/36*51, n/6%6*51, n%6*51)
	default:
		grey := (n-232)*10 + 8
		return nearest(grey, grey, grey)
	}
}

// nearest returns the colour whose hue and brightness are most like these of 0
// to 255: the bits of a Color are red, green, blue and bright.
func nearest(red, green, blue int) Color {
	brightest := max(red, green, blue)
	if brightest-min(red, green, blue) < 32 { // a grey
		switch {
		case brightest < 64:
			return 1
		case brightest < 144:
			return 9
		case brightest < 224:
			return 8
		default:
			return 16
		}
	}
	c, threshold := 0, brightest*2/3
	for bit, part := range []int{red, green, blue} {
		if part >= threshold {
			c |= 1 << bit
		}
	}
	if brightest >= 192 {
		c += 8
	}
	return Color(c + 1)
}

// Names returns the style's parts as names of one word, apart by spaces, such as
// "red on-blue bold"; nothing for the zero Style.
func (s Style) Names() string {
	var names []string
	foreground, background := s.Foreground, s.Background
	if s.Inverse {
		foreground, background = background, foreground
		names = append(names, "inverse")
	}
	if foreground > 0 {
		names = append(names, ColorNames[foreground-1])
	}
	if background > 0 {
		names = append(names, "on-"+ColorNames[background-1])
	}
	for _, part := range []struct {
		set  bool
		name string
	}{{s.Bold, "bold"}, {s.Dim, "dim"}, {s.Italic, "italic"}, {s.Underline, "underline"}} {
		if part.set {
			names = append(names, part.name)
		}
	}
	return strings.Join(names, " ")
}
