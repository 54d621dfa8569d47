// SPDX-License-Identifier: Apache-2.0
//
// Goroutines that are preempted by signals while others call for files: no call fails, none is done twice.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// Busy goroutines, which are preempted by signals, and others that call for files.
func main() {
	runtime.GOMAXPROCS(4)
	dir, err := os.MkdirTemp("", "go")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	stop := make(chan bool)
	var busy, wait sync.WaitGroup
	for i := 0; i < 4; i++ {
		busy.Add(1)
		go func() {
			defer busy.Done()
			x := 1
			for {
				select {
				case <-stop:
					return
				default:
					for j := 0; j < 1000000; j++ {
						x = x*31 + j
					}
				}
			}
		}()
	}
	bad := make(chan error, 1000)
	for i := 0; i < 8; i++ {
		wait.Add(1)
		go func(i int) {
			defer wait.Done()
			for j := 0; j < 200; j++ {
				name := filepath.Join(dir, fmt.Sprintf("%d-%d", i, j))
				if err := os.WriteFile(name, []byte("hello"), 0600); err != nil {
					bad <- err
					return
				}
				text, err := os.ReadFile(name)
				if err != nil || string(text) != "hello" {
					bad <- fmt.Errorf("%s: %q %v", name, text, err)
					return
				}
				if _, err := os.Stat(name); err != nil {
					bad <- err
					return
				}
				if err := os.Rename(name, name+"x"); err != nil {
					bad <- err
					return
				}
				if err := os.Remove(name + "x"); err != nil {
					bad <- err
					return
				}
			}
		}(i)
	}
	done := make(chan bool)
	go func() { wait.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		fmt.Println("hangs")
		os.Exit(1)
	}
	close(stop)
	busy.Wait()
	select {
	case err := <-bad:
		fmt.Println(err)
		os.Exit(1)
	default:
	}
	if err := os.Remove(dir); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("fine")
}
