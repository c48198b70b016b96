// SPDX-License-Identifier: BSD-2-Clause
// The least that a program does with a tun device: packets DEVICE COUNT, go build packets.go
//
// On Linux, Go makes its own system calls, which no preloaded library sees: so it is run by tuntapd fd, and the descriptor is open already.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

func open() (*os.File, error) {
	if number, err := strconv.Atoi(os.Getenv("TUNTAPD_FD")); err == nil {
		return os.NewFile(uintptr(number), "tun"), nil
	}
	return os.OpenFile(os.Args[1], os.O_RDWR, 0)
}

func main() {
	device, err := open()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("open")
	left, _ := strconv.Atoi(os.Args[2])
	packet := make([]byte, 65536)
	for left > 0 {
		n, err := device.Read(packet) // one packet, whole
		if errors.Is(err, syscall.EIO) {
			time.Sleep(100 * time.Millisecond) // the interface is not up: wait until somebody brings it up
			continue
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if n >= 20 && packet[0]>>4 == 4 {
			fmt.Printf("%d bytes to %d.%d.%d.%d\n", n, packet[16], packet[17], packet[18], packet[19])
			left--
		}
	}
}
