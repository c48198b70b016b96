// SPDX-License-Identifier: BSD-2-Clause
//go:build tools

// Package clients names the programs that the tests build from Go's registry; go.sum has their sums.
package clients

import _ "golang.zx2c4.com/wireguard"
