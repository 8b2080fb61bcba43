package flite

import (
	"bytes"
	"io/fs"

	"github.com/tetratelabs/wazero"
	wasm "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/experimental/sysfs"
	"github.com/tetratelabs/wazero/sys"
)

// outputPath is the one file that flite sees. It cannot write to its standard output.
const outputPath = "/out.wav"

// output is a file system of one directory with one file in memory.
type output struct {
	wasm.UnimplementedFS
	bytes.Buffer
	max int
}

func (o *output) mount() wazero.FSConfig {
	return wazero.NewFSConfig().(sysfs.FSConfig).WithSysFSMount(o, "/")
}

// OpenFile implements wasm.FS.
func (o *output) OpenFile(path string, _ wasm.Oflag, _ fs.FileMode) (wasm.File, wasm.Errno) {
	switch path {
	case outputPath, outputPath[1:]:
		return &outputFile{o: o}, 0
	case "/", ".", "":
		return &outputDir{}, 0
	}
	return nil, wasm.ENOENT
}

// Stat implements wasm.FS.
func (o *output) Stat(path string) (sys.Stat_t, wasm.Errno) {
	f, errno := o.OpenFile(path, 0, 0)
	if errno != 0 {
		return sys.Stat_t{}, errno
	}
	return f.Stat()
}

// Lstat implements wasm.FS.
func (o *output) Lstat(path string) (sys.Stat_t, wasm.Errno) { return o.Stat(path) }

// outputDir is the directory.
type outputDir struct{ wasm.UnimplementedFile }

// IsDir implements wasm.File.
func (*outputDir) IsDir() (bool, wasm.Errno) { return true, 0 }

// Stat implements wasm.File.
func (*outputDir) Stat() (sys.Stat_t, wasm.Errno) {
	return sys.Stat_t{Mode: fs.ModeDir | 0o700, Nlink: 1}, 0
}

// outputFile is written from beginning to end, as flite does.
type outputFile struct {
	wasm.UnimplementedFile
	o *output
}

// IsDir implements wasm.File.
func (*outputFile) IsDir() (bool, wasm.Errno) { return false, 0 }

// Stat implements wasm.File.
func (f *outputFile) Stat() (sys.Stat_t, wasm.Errno) {
	return sys.Stat_t{Mode: 0o600, Nlink: 1, Size: int64(f.o.Len())}, 0
}

// Write implements wasm.File.
func (f *outputFile) Write(b []byte) (int, wasm.Errno) {
	if f.o.Len()+len(b) > f.o.max {
		return 0, wasm.EIO
	}
	n, _ := f.o.Buffer.Write(b) // a bytes.Buffer gives no error
	return n, 0
}
