package controlplane

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a program that runs in the background, with a log and a file that holds its process id.
type Process struct {
	Name string
	// Log is the file that holds its standard output and error.
	Log string

	pidFile string
	pid     int
	args    []string
	env     []string
	path    string
	exited  chan struct{}
}

// Launch starts a program that outlives its parent until [Stop] or [Process.Kill]; env is added to this process's own.
func Launch(dir, name, path string, args, env []string) (*Process, error) {
	process := &Process{
		Name:    name,
		Log:     filepath.Join(dir, "logs", name+".log"),
		pidFile: filepath.Join(dir, "pids", name),
		path:    path,
		args:    args,
		env:     env,
	}
	for _, file := range []string{process.Log, process.pidFile} {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return nil, err
		}
	}
	return process, process.Start()
}

// Start starts the program again after it was stopped or killed, with the same arguments; its log goes on.
func (p *Process) Start() error {
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	command := exec.Command(p.path, p.args...)
	command.Stdout, command.Stderr = log, log
	command.Env = append(os.Environ(), p.env...)
	// A session of its own: an interrupt typed at the terminal reaches the test, which then ends its programs in order.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return fmt.Errorf("failed to start `%s`: %w", p.Name, err)
	}
	p.pid = command.Process.Pid
	p.exited = make(chan struct{})
	go func(exited chan struct{}) {
		_ = command.Wait()
		close(exited)
	}(p.exited)
	return os.WriteFile(p.pidFile, []byte(strconv.Itoa(p.pid)), 0o644)
}

// Kill ends the program at once, as a crash would, and waits until it is gone.
func (p *Process) Kill() { p.end(syscall.SIGKILL) }

// Terminate asks the program to end, as the kubelet does, and waits until it has.
func (p *Process) Terminate() { p.end(syscall.SIGTERM) }

func (p *Process) end(signal syscall.Signal) {
	_ = syscall.Kill(p.pid, signal)
	select {
	case <-p.exited:
	case <-time.After(30 * time.Second):
		_ = syscall.Kill(p.pid, syscall.SIGKILL)
		<-p.exited
	}
	_ = os.Remove(p.pidFile)
}

// Exited tells whether the program has ended.
func (p *Process) Exited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// Tail gives the end of the program's log, for error messages.
func (p *Process) Tail() string {
	content, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// Stop ends every program that was launched under a directory, by whichever process, the latest first.
func Stop(dir string) error {
	entries, err := os.ReadDir(filepath.Join(dir, "pids"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var running []int
	for _, entry := range entries {
		file := filepath.Join(dir, "pids", entry.Name())
		content, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		pid, err := strconv.Atoi(string(content))
		if err != nil || pid <= 1 {
			return fmt.Errorf("`%s` does not hold a process id: `%s`", file, content)
		}
		if syscall.Kill(pid, syscall.SIGTERM) == nil {
			running = append(running, pid)
		}
		_ = os.Remove(file)
	}
	deadline := time.Now().Add(10 * time.Second)
	for _, pid := range running {
		for syscall.Kill(pid, 0) == nil && time.Now().Before(deadline) {
			time.Sleep(50 * time.Millisecond)
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return nil
}

// FreePort gives a port of the loopback interface that nobody listened on a moment ago.
func FreePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// freePorts gives several ports that differ.
func freePorts(count int) ([]int, error) {
	var ports []int
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = listener.Close() }()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
