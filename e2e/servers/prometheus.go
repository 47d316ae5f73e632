package servers

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Prometheus is a real Prometheus.
type Prometheus struct {
	*Process
	URL string
}

// StartPrometheus starts a Prometheus with a configuration file, and its data
// in a folder.
func StartPrometheus(ctx context.Context, dir, config string) (*Prometheus, error) {
	program, err := find("prometheus", "prometheus")
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	addr := "127.0.0.1:" + strconv.Itoa(port)
	p := &Prometheus{URL: "http://" + addr}
	p.Process = &Process{
		name: "Prometheus", log: filepath.Join(dir, "prometheus.log"),
		command: func() *exec.Cmd {
			return exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "prometheus"),
				"--web.listen-address="+addr, "--log.level=warn")
		},
		ready: p.answers,
	}
	return p, p.start(ctx)
}

func (p *Prometheus) answers(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/-/ready", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it is not ready: %s", response.Status)
	}
	return nil
}

// Promtool returns the path of Prometheus' own checker.
func Promtool() (string, error) { return find("prometheus", "promtool") }
