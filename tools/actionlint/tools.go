// SPDX-License-Identifier: BSD-2-Clause

//go:build tools

// Package tools pins the checker of the workflows, with the sums of all that it is built from: tools/lint.py builds it.
package tools

import _ "github.com/rhysd/actionlint/cmd/actionlint"
