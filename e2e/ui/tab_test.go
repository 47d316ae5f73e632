package ui

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a page in the browser. What it complains of fails the test.
type tab struct {
	t   *testing.T
	ctx context.Context
	at  string // the gateway's address

	mu       sync.Mutex
	troubles []string // guarded by mu
	expected []string // what may be among them
}

func newTab(t *testing.T) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(browser)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	p := &tab{t: t, ctx: ctx, at: gateway}
	chromedp.ListenTarget(ctx, p.listen)
	t.Cleanup(func() {
		if t.Failed() {
			p.shot("failed-" + strings.ReplaceAll(t.Name(), "/", "-"))
		}
		closeTab()
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, trouble := range p.troubles {
			if !p.expects(trouble) {
				t.Errorf("the page complains: %s", trouble)
			}
		}
	})
	p.do(cdplog.Enable(), runtime.Enable())
	return p
}

func (p *tab) expects(trouble string) bool {
	for _, text := range p.expected {
		if strings.Contains(trouble, text) {
			return true
		}
	}
	return false
}

func (p *tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.troubles = append(p.troubles, e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			p.troubles = append(p.troubles, fmt.Sprintf("console.%s: %s", e.Type, e.Args[0].Value))
		}
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.LevelError {
			p.troubles = append(p.troubles, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *page.EventJavascriptDialogOpening:
		go func() { _ = chromedp.Run(p.ctx, page.HandleJavaScriptDialog(true)) }()
	}
}

func (p *tab) do(actions ...chromedp.Action) {
	p.t.Helper()
	if err := chromedp.Run(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *tab) open(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate("http://"+p.at+path), chromedp.WaitReady("main"))
}

// js returns what an expression is.
func (p *tab) js(expression string, into any) {
	p.t.Helper()
	p.do(chromedp.Evaluate(expression, into))
}

func (p *tab) text(selector string) string {
	p.t.Helper()
	quoted, _ := json.Marshal(selector)
	var text string
	p.js(fmt.Sprintf("document.querySelector(%s)?.innerText ?? '(none)'", quoted), &text)
	return text
}

func (p *tab) count(selector string) int {
	p.t.Helper()
	quoted, _ := json.Marshal(selector)
	var n int
	p.js(fmt.Sprintf("document.querySelectorAll(%s).length", quoted), &n)
	return n
}

// until waits for an expression to be true of a page that is there as a whole: what
// is clicked in one that is still being loaded may be gone when it is.
func (p *tab) until(expression string) {
	p.t.Helper()
	var err error
	waiting := await(p.ctx, expression, func() bool {
		var is bool
		err = chromedp.Run(p.ctx, chromedp.Evaluate("document.readyState === 'complete' && Boolean("+expression+")", &is))
		return err == nil && is
	})
	if waiting != nil {
		p.t.Fatalf("%v (%v)", waiting, err)
	}
}

// hold keeps the next request to such an address back. What it returns waits for
// that request, and returns what lets it go.
func (p *tab) hold(address string) (asked func() (letGo func())) {
	p.t.Helper()
	paused := make(chan fetch.RequestID, 1)
	chromedp.ListenTarget(p.ctx, func(event any) {
		if e, ok := event.(*fetch.EventRequestPaused); ok {
			paused <- e.RequestID
		}
	})
	p.do(fetch.Enable().WithPatterns([]*fetch.RequestPattern{{URLPattern: address}}))
	return func() func() {
		p.t.Helper()
		select {
		case id := <-paused:
			return func() {
				p.t.Helper()
				p.do(fetch.ContinueRequest(id), fetch.Disable())
			}
		case <-p.ctx.Done():
			p.t.Fatalf("nobody asked for %s", address)
			return nil
		}
	}
}

// query waits until the address has a parameter.
func (p *tab) query(name, value string) {
	p.t.Helper()
	p.until(fmt.Sprintf("new URLSearchParams(location.search).getAll(%q).includes(%q)", name, value))
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(selector, chromedp.ByQuery, chromedp.NodeVisible))
}

func (p *tab) keys(text string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(text))
}

// drag moves the mouse from one point of an element to another, in parts of its
// width.
func (p *tab) drag(selector string, from, to float64) {
	p.t.Helper()
	var box struct{ X, Y, Width, Height float64 }
	p.js(fmt.Sprintf("(({x,y,width,height}) => ({X:x,Y:y,Width:width,Height:height}))(document.querySelector(%q).getBoundingClientRect())", selector), &box)
	y := box.Y + box.Height/2
	at := func(kind input.MouseType, part float64) chromedp.Action {
		return chromedp.ActionFunc(func(ctx context.Context) error {
			return input.DispatchMouseEvent(kind, box.X+part*box.Width, y).WithButton(input.Left).WithButtons(1).WithClickCount(1).Do(ctx)
		})
	}
	p.do(at(input.MouseMoved, from), at(input.MousePressed, from), at(input.MouseMoved, (from+to)/2), at(input.MouseMoved, to), at(input.MouseReleased, to))
}

// awaitPromise makes an evaluation wait for what it promises.
func awaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// pressWithShift presses a key while Shift is held.
func (p *tab) pressWithShift(key string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(key, chromedp.KeyModifiers(input.ModifierShift)))
}

// phone is a small screen; otherwise it is a large one.
func (p *tab) look(dark, phone bool) {
	p.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	width, height := int64(1280), int64(900)
	if phone {
		width, height = 390, 844
	}
	p.do(
		emulation.SetDeviceMetricsOverride(width, height, 1, phone),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}),
	)
}

func (p *tab) shot(name string) {
	var picture []byte
	if err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot(&picture)); err != nil {
		p.t.Logf("no screenshot: %v", err)
		return
	}
	if err := os.WriteFile(filepath.Join(screenshots, name+".png"), picture, 0o644); err != nil {
		p.t.Error(err)
	}
}
