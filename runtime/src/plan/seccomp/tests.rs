//! Filters are data: a small interpreter of classic BPF says what the kernel would.

use super::*;
