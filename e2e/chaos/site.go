package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"millrace/e2e/harness"
	"millrace/e2e/servers"
)

const group = "chaos"

// site is everything that is broken: the servers, the roles, and the network
// between them.
//
//	clients ─▶ shipper-1, shipper-2 ─▶ Kafka ─▶ consumer-1, consumer-2 ─▶ PostgreSQL, Redis ◀─ gateway
//
// Each arrow is a proxy of its own for each pair.
type site struct {
	all      *harness.Servers
	database string // direct, past the proxies
	binary   string
	keepers  map[string]*keeper
	routes   map[string]*proxy
	shippers []target // as clients meet them
	roles    map[string]string
	disk     string // folder of the shipper whose disk can be filled; empty when it cannot be

	watchers sync.WaitGroup
	unwatch  context.CancelFunc
	undo     []func()
}

var roleNames = []string{"shipper-1", "shipper-2", "consumer-1", "consumer-2", "gateway"}

const diskOwner = "shipper-2"

// newSite starts everything. dir is for data; the roles' output goes to out.
func newSite(ctx context.Context, cfg config, dir, out string, note func(event)) (s *site, err error) {
	s = &site{keepers: map[string]*keeper{}, routes: map[string]*proxy{}, roles: map[string]string{}, unwatch: func() {}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.binary, err = harness.Build(ctx, dir); err != nil {
		return s, err
	}
	var listeners []*servers.Listener
	for _, name := range roleNames[:4] { // those that know Kafka
		route, err := s.route(name + " > Kafka")
		if err != nil {
			return s, err
		}
		listeners = append(listeners, &servers.Listener{Name: strings.ToUpper(strings.ReplaceAll(name, "-", "_")), Advertised: route.addr()})
	}
	if s.all, err = harness.Start(ctx, dir, listeners...); err != nil {
		return s, err
	}
	s.undo = append(s.undo, s.all.Kill)
	for i, l := range listeners {
		s.routes[roleNames[i]+" > Kafka"].to(l.Addr)
	}
	if s.database, err = s.all.Database(ctx, "chaos"); err != nil {
		return s, err
	}
	s.fillable(dir, note)
	s.keep("Kafka", s.all.Kafka, note)
	s.keep("PostgreSQL", s.all.Postgres, note)
	s.keep("Redis", s.all.Redis, note)
	for _, name := range roleNames {
		if err := s.addRole(name, cfg, dir, out, note); err != nil {
			return s, err
		}
	}
	// The first makes the topics, the third the tables.
	for _, name := range roleNames {
		if err := s.keepers[name].it.Start(ctx); err != nil {
			return s, err
		}
	}
	watching, unwatch := context.WithCancel(context.Background())
	s.unwatch = unwatch
	for _, k := range s.keepers {
		s.watchers.Go(func() { k.watch(watching) })
	}
	return s, nil
}

func (s *site) keep(name string, it machine, note func(event)) {
	s.keepers[name] = &keeper{name: name, it: it, note: note}
}

// route makes the proxy between two.
func (s *site) route(name string) (*proxy, error) {
	p, err := newProxy()
	if err != nil {
		return nil, err
	}
	s.routes[name] = p
	s.undo = append(s.undo, p.close)
	return p, nil
}

// addRole makes a role, with a proxy before each of the servers it knows, and
// before itself if it is a shipper.
func (s *site) addRole(name string, cfg config, dir, out string, note func(event)) error {
	role, _, _ := strings.Cut(name, "-")
	addr, err := harness.FreeAddr()
	if err != nil {
		return err
	}
	s.roles[name] = addr
	data := filepath.Join(dir, name)
	if name == diskOwner && s.disk != "" {
		data = s.disk
	}
	env := []string{
		fmt.Sprintf("MILLRACE_%s_ADDR=%s", strings.ToUpper(role), addr),
		"MILLRACE_DATA_DIR=" + data,
		"MILLRACE_KAFKA_GROUP=" + group,
		"MILLRACE_BATCHING_ACKNOWLEDGE=" + cfg.acknowledge,
		"MILLRACE_BATCHING_MAX_DELAY=300ms",
		"MILLRACE_SHUTDOWN_TIMEOUT=10s",
	}
	if role != "gateway" {
		env = append(env, "MILLRACE_KAFKA_BROKERS="+s.routes[name+" > Kafka"].addr())
	}
	if role == "shipper" {
		before, err := s.route("client > " + name)
		if err != nil {
			return err
		}
		before.to(addr)
		s.shippers = append(s.shippers, target{name, before.addr()})
	} else {
		settings, err := s.stores(name)
		if err != nil {
			return err
		}
		env = append(env, settings...)
	}
	folder := filepath.Join(out, name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	s.keep(name, harness.Role(s.binary, folder, addr, env, role), note)
	return nil
}

// stores puts a role before PostgreSQL and Redis, and returns its settings.
func (s *site) stores(name string) ([]string, error) {
	database, err := s.route(name + " > PostgreSQL")
	if err != nil {
		return nil, err
	}
	cache, err := s.route(name + " > Redis")
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(s.database)
	if err != nil {
		return nil, err
	}
	database.to(at.Host)
	cache.to(s.all.Redis.Addr)
	at.Host = database.addr()
	return []string{"MILLRACE_POSTGRES_URL=" + at.String(), "MILLRACE_REDIS_ADDR=" + cache.addr()}, nil
}

// diskSize is small enough to be filled at once, and large enough for a journal
// that is written while it is not full.
const diskSize = "256m"

// fillable gives a shipper a disk of its own, which takes root.
func (s *site) fillable(dir string, note func(event)) {
	disk := filepath.Join(dir, "disk")
	err := os.Mkdir(disk, 0o755)
	if err == nil {
		var said []byte
		if said, err = exec.Command("mount", "-t", "tmpfs", "-o", "size="+diskSize, "tmpfs", disk).CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, said)
		}
	}
	if err != nil {
		note(event{Target: diskOwner, What: "has no small disk, so no full disk is tried: " + err.Error()})
		return
	}
	s.disk = disk
	s.undo = append(s.undo, func() {
		if said, err := exec.Command("umount", disk).CombinedOutput(); err != nil {
			note(event{Target: diskOwner, What: fmt.Sprintf("its disk stays mounted: %v %s", err, said)})
		}
	})
}

// fill leaves no room on the disk, until the returned function is called.
func (s *site) fill() (empty func() error, err error) {
	name := filepath.Join(s.disk, "filler")
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	zeros := make([]byte, 1<<20)
	for err == nil {
		_, err = file.Write(zeros)
		if err != nil && len(zeros) > 1 { // to the last byte
			zeros, err = zeros[:len(zeros)/2], nil
		}
	}
	return func() error { return os.Remove(name) }, file.Close()
}

// heal ends every fault of the network that lasts.
func (s *site) heal() {
	for _, p := range s.routes {
		p.heal()
	}
}

// awaitReady waits until every process answers.
func (s *site) awaitReady(ctx context.Context) error {
	var wrong []error
	for _, names := range [][]string{{"Kafka", "PostgreSQL", "Redis"}, roleNames} {
		for _, name := range names {
			wrong = append(wrong, s.keepers[name].awaitReady(ctx))
		}
	}
	return errors.Join(wrong...)
}

// close ends everything.
func (s *site) close() {
	s.unwatch()
	s.watchers.Wait()
	for _, name := range roleNames {
		if k := s.keepers[name]; k != nil {
			k.it.Kill()
		}
	}
	for i := len(s.undo) - 1; i >= 0; i-- {
		s.undo[i]()
	}
}
