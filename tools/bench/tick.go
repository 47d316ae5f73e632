package main

import (
	"context"
	"encoding/binary"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// tick calls due so many times a second until ctx ends, with the moment at which
// each call was due. Go's own timers may be a millisecond late, the kernel's are
// not; and they are waited for as for a connection: who sleeps in a system call
// keeps a processor of Go's from all others for up to ten milliseconds, which they
// would take for the latency of what they measure.
func tick(ctx context.Context, rate int, due func(time.Time)) error {
	began := time.Now()
	timer, err := openTimer(time.Second / time.Duration(rate))
	if err != nil {
		return err
	}
	defer timer.Close()
	defer context.AfterFunc(ctx, func() { _ = timer.SetReadDeadline(began) })()
	var ticks [8]byte
	for i := 1; ; {
		if _, err := timer.Read(ticks[:]); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return os.NewSyscallError("timerfd", err)
		}
		for range binary.NativeEndian.Uint64(ticks[:]) { // more than one: it was not read in time
			due(began.Add(time.Duration(i) * time.Second / time.Duration(rate)))
			i++
		}
	}
}

// openTimer returns what can be read each time that so much time has passed.
func openTimer(every time.Duration) (*os.File, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	interval := unix.NsecToTimespec(every.Nanoseconds())
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: interval, Value: interval}, nil); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("timerfd_settime", err)
	}
	return os.NewFile(uintptr(fd), "timer"), nil
}
