package practice

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Clock is the time of the practice machines. It runs as fast as one wants to
// wait, and at Max nobody waits at all.
type Clock struct {
	speed float64 // 0: as fast as possible
	mu    sync.Mutex
	start time.Time
	ahead time.Duration // what was waited for without waiting
}

// Max is the speed of a clock that never lets anybody wait.
const Max = 0

// NewClock is a clock that is so many times as fast as the real one.
func NewClock(speed float64) *Clock { return &Clock{speed: speed, start: time.Now()} }

// ParseSpeed reads a speed as a person writes it: 1, 10 or max.
func ParseSpeed(s string) (float64, error) {
	var v float64
	if s == "max" {
		return Max, nil
	}
	if _, err := fmt.Sscanf(s, "%g", &v); err != nil || v < 0.1 || v > 1000 {
		return 0, fmt.Errorf("speed %q: a number such as 1 or 10, or max", s)
	}
	return v, nil
}

// Now is the time on the practice machines.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	passed := time.Since(c.start)
	if c.speed > 0 {
		passed = time.Duration(float64(passed) * c.speed)
	}
	return c.start.Add(passed + c.ahead)
}

// Sleep lets d pass.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	if c.speed == Max {
		c.mu.Lock()
		c.ahead += d
		c.mu.Unlock()
		return ctx.Err()
	}
	t := time.NewTimer(time.Duration(float64(d) / c.speed))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
