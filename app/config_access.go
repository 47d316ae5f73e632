package app

import (
	"net"
	"net/netip"
	"path/filepath"
	"slices"
)

// AccessConfig says who may use the servers.
type AccessConfig struct {
	Mode     string   `name:"mode" help:"whether keys are asked for: auto (once there is a keys file; without one only on loopback is anyone let in), on, or off (anyone may do anything)"`
	KeysFile string   `name:"keys-file" help:"file with the API keys, which millrace key writes; empty: keys.json in the data folder"`
	Origins  []string `name:"origins" help:"other sites, as https://example.org, whose pages may use the servers from a browser"`
	Rate     float64  `name:"rate" help:"requests a second that one key, or one address without a key, may make; 0: any number"`
	Burst    int      `name:"burst" help:"requests that it may make at once; 0: those of two seconds"`
	// Own is a key that is in no file: that of up, whose roles ask each other.
	Own Key `name:"-"`
}

// TLSConfig is for encrypted connections.
type TLSConfig struct {
	Cert string `name:"cert" help:"PEM file with the certificate of every server, and those that sign it; with it they speak HTTPS alone"`
	Key  string `name:"key" help:"PEM file with the key of the certificate"`
	CA   string `name:"ca" help:"PEM file with the certificates that clients trust in place of this machine's; empty with tls-cert: that one, for servers of this machine"`
}

// KeysFile returns where the API keys are.
func (c *Config) KeysFile() string {
	if c.Access.KeysFile != "" {
		return c.Access.KeysFile
	}
	return filepath.Join(c.DataDir, "keys.json")
}

// LocalURL returns the URL of a server of this machine that listens on an
// address.
func (c *Config) LocalURL(addr string) string {
	scheme := "http://"
	if c.TLS.Cert != "" {
		scheme = "https://"
	}
	if host, port, err := net.SplitHostPort(addr); err == nil {
		if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
			addr = net.JoinHostPort("127.0.0.1", port)
		}
	}
	return scheme + addr
}

// HTTP returns how clients of the servers at some URLs show themselves.
func (c *Config) HTTP(targets ...string) HTTPConfig {
	var local []string
	for _, addr := range []string{c.Producer.Addr, c.Shipper.Addr, c.Consumer.Addr, c.Gateway.Addr} {
		local = append(local, c.LocalURL(addr))
	}
	out := HTTPConfig{Key: c.APIKey, CA: c.TLS.CA}
	if !slices.ContainsFunc(targets, func(t string) bool { return !slices.Contains(local, t) }) {
		out.Own = c.TLS.Cert
	}
	return out
}
