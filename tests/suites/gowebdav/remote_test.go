package gowebdav

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/net/webdav"
)

// remote stands in for the tests' file system in memory: a new folder of a running alidav, seen by the tests'
// server as a handler, and by what they do behind the client's back as a file system.
type remote struct {
	*Client
	proxy *httputil.ReverseProxy
}

var folders atomic.Int64

func newRemote() *remote {
	target, err := url.Parse(fmt.Sprintf("%s/dav/%d", os.Getenv("URL"), folders.Add(1)))
	if err != nil {
		panic(err)
	}
	direct := NewClient(target.String(), "me", "secret word")
	if err := direct.MkdirAll("/", 0755); err != nil {
		panic(err)
	}
	rewrite := func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.SetBasicAuth("me", "secret word")
		if destination := r.In.Header.Get("Destination"); destination != "" {
			front := "http://" + r.In.Host
			r.Out.Header.Set("Destination", target.String()+strings.TrimPrefix(destination, front))
		}
	}
	return &remote{Client: direct, proxy: &httputil.ReverseProxy{Rewrite: rewrite}}
}

func (r *remote) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.proxy.ServeHTTP(w, request)
}

func (r *remote) Mkdir(_ context.Context, name string, mode os.FileMode) error {
	return r.Client.Mkdir(name, mode)
}
func (r *remote) RemoveAll(_ context.Context, name string) error { return r.Client.RemoveAll(name) }
func (r *remote) Rename(_ context.Context, from, to string) error {
	return r.Client.Rename(from, to, false)
}
func (r *remote) Stat(_ context.Context, name string) (os.FileInfo, error) {
	return r.Client.Stat(name)
}
func (r *remote) OpenFile(_ context.Context, name string, _ int, _ os.FileMode) (webdav.File, error) {
	return &newFile{of: r, name: name}, nil
}

// newFile is put whole when it is closed; the tests open files only to write them.
type newFile struct {
	webdav.File
	of      *remote
	name    string
	content bytes.Buffer
}

func (f *newFile) Write(p []byte) (int, error) { return f.content.Write(p) }
func (f *newFile) Close() error                { return f.of.Client.Write(f.name, f.content.Bytes(), 0644) }
