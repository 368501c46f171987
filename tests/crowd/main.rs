//! Many operations at once: on one container, and on hundreds. Needs root.

mod machine;
mod many;
mod one;
